"""Rows of the most frequent words that each thread has for itself during a slice.

All threads write to the rows of the most frequent words all the time, and a cache line that another core has written
comes from there at the price of a read from memory. With two threads and 76,000 words a thread for itself was 1.17
times as fast, nearly all of it from the 64 most frequent words: with private rows for these the second thread makes
skip-gram 1.9 times as fast instead of 1.7 times, with 1024 no faster.

At the beginning of a slice a thread copies the shared rows 0 .. n - 1 to its own rows, which stand behind the shared
ones in the same matrix, so that a kernel only has to renumber words. At the end it adds its share of the change to
the shared rows, 1 / threads: such a word occurs so often that each thread alone finds its place within a slice, and
the sum of what all found would go too far (averaging as in local SGD; Stich 2019, arXiv:1805.09767). Quality did not
change: WS353 and analogies of both models are within the noise of three seeds, summed or averaged.

What is left depends on the machine. Where a line came from the other core in 40 to 60 ns, the second thread made
PV-DBOW, which writes most rows a word, 1.9 to 2.0 times as fast; in the minutes in which the same virtual machine's
cores needed 240 ns, 1.2 times, with 16 or with 1024 private rows.
"""

from __future__ import annotations

from embedkit.kernels.compiling import kernel

MAX_PRIVATE = 64
ROWS_FOR_EACH = 128  # a small vocabulary has fewer private rows: one for so many


def private_rows(n_rows: int, workers: int, limit: int = MAX_PRIVATE) -> int:
    """How many rows each thread should have for itself: none with one thread."""
    return 0 if workers == 1 else min(limit, n_rows // ROWS_FOR_EACH)


@kernel(borrows=True)
def take_private(matrix, first, before):
    """Copy the first ``len(before)`` rows to the rows from `first` on, and to `before`.

    Parameters
    ----------
    matrix : float32 (n_rows, row_size)
    first : int
    before : float32 (n_private, row_size)
    """
    for k in range(before.shape[0]):
        for d in range(matrix.shape[1]):
            before[k, d] = matrix[k, d]
            matrix[first + k, d] = matrix[k, d]


@kernel(borrows=True)
def give_back(matrix, first, before, share):
    """Add `share` times the change of the rows from `first` on to the first ``len(before)`` rows."""
    for k in range(before.shape[0]):
        for d in range(matrix.shape[1]):
            matrix[k, d] += share * (matrix[first + k, d] - before[k, d])


@kernel(borrows=True)
def renumber(words, n, n_private, first):
    """Replace each word below `n_private` in ``words[:n]`` by its private row."""
    for i in range(n):
        if 0 <= words[i] < n_private:
            words[i] += first
