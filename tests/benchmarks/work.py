"""What training has to do for a word, by a model of the kernels' steps: operations, and bytes from each cache.

Operations are those of the vectors' numbers, padding left out: a multiply-add is two, an addition one; σ, loss and
random numbers are none. A row that a step uses counts as read and written once in that step, however often its loops
read it: these bytes come from the first cache at best. What comes from further away is told by how often each row is
visited: a word's rows come near once, and stay so while its window passes; negatives come with each draw. A visit finds
its row in a cache that holds the C rows used last where no more than C others were visited since (Che, Tung and Wang
2002, "Hierarchical Web caching systems": all rows visited at random, each at its rate). Beside rows nothing is counted:
ids, tables of draws and weights come on top.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from embedkit.kernels.blocks import BLOCK
from embedkit.kernels.cbow import STREAMS
from embedkit.kernels.fours import FOUR
from embedkit.kernels.paragraphs import WORDS

PRODUCTS = 6  # operations on each number of a pair of rows: a score and two updates, each a multiply-add
ADAGRAD = 12  # on each of a record's: two gradients, roots, quotients, differences and squares that are added up
NEIGHBOUR = 4 + 2 * 8 + 4  # bytes of a counted neighbour: its id, its sum, its place in the list of columns
CELL = 4 + 8  # bytes of a count: column and value
LINE = 64


class Work(NamedTuple):
    """What one word, of the text or for GloVe a record, takes.

    Attributes
    ----------
    operations : float
    near : float
        Bytes that steps read and write.
    row_bytes : int
    visits : float64 (n_rows,)
        How often each row is brought near.
    cold : float
        Visits beside these that find their row in no cache.
    passing : float
        Bytes that come from memory once.
    """

    operations: float
    near: float
    row_bytes: int
    visits: np.ndarray
    cold: float = 0.0
    passing: float = 0.0

    def beyond(self, cache: int) -> float:
        """Bytes that come from behind a cache of so many bytes: rows are read and written back."""
        return 2 * self.row_bytes * (missed(self.visits, cache // self.row_bytes) + self.cold) + self.passing


def missed(rates: np.ndarray, capacity: float) -> float:
    """The visits that do not find their row among the `capacity` ones that were used last; as often as `rates`."""
    rates = rates[rates > 0]
    if capacity <= 0:
        return float(rates.sum())
    if len(rates) <= capacity:
        return 0.0
    low, high = 0.0, float(capacity / rates.min()) + 1
    for _ in range(100):  # the time in which as many rows are visited as the cache holds
        middle = (low + high) / 2
        if -np.expm1(-rates * middle).sum() < capacity:
            low = middle
        else:
            high = middle
    return float((rates * np.exp(-rates * high)).sum())


class Windows(NamedTuple):
    """What subsampling and drawn windows make of a text, on average.

    Attributes
    ----------
    kept : float
        Words that are left, of a word of the text.
    contexts : float
        Words in the window of one that is left.
    block_rows : float
        Words that lie in a window of a block of `BLOCK` centres.
    step_words : float
        Words of a step of PV-DBOW, `WORDS` but at the ends of sentences.
    """

    kept: float
    contexts: float
    block_rows: float
    step_words: float


def subsampled(ids: np.ndarray, keep: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The ids that subsampling leaves, and all ends of sentences, which are negative."""
    return ids[(ids < 0) | (random.random(len(ids), np.float32) < keep[ids])]


def count_windows(ids: np.ndarray, keep: np.ndarray, window: int, seed: int = 1) -> Windows:
    """Subsample, draw windows of 1 .. `window` words to each side, and count.

    Parameters
    ----------
    ids : int32 (n,)
        Word ids, negative behind each sentence.
    keep : float32 (n_words,)
        Probability of keeping a word.
    window : int
    seed : int
    """
    random = np.random.default_rng(seed)
    kept = subsampled(ids, keep, random)
    centres, ends = np.flatnonzero(kept >= 0), np.flatnonzero(kept < 0)
    sentence = np.searchsorted(ends, centres)
    bounds = np.concatenate([[-1], ends, [len(kept)]])
    reach = random.integers(1, window + 1, len(centres))
    low, high = np.maximum(centres - reach, bounds[sentence] + 1), np.minimum(centres + reach, bounds[sentence + 1] - 1)
    words = np.bincount(sentence)
    n_blocks = len(centres) // BLOCK
    lows, highs, places = (x[: n_blocks * BLOCK].reshape(n_blocks, BLOCK) for x in (low, high, centres))
    first, rows = lows.min(1), 0
    for k in range(int((highs.max(1) - first).max(initial=-1)) + 1):
        place = (first + k)[:, None]
        rows += int(((lows <= place) & (place <= highs) & (place != places)).any(1).sum())
    return Windows(
        len(centres) / np.count_nonzero(ids >= 0),
        float((high - low).mean()),
        rows / max(1, n_blocks),
        len(centres) / int((-(-words // WORDS)).sum()),
    )


def skipgram(
    size: int, row_bytes: int, text: Windows, n_shared: int, shares: np.ndarray, negatives: np.ndarray
) -> Work:
    """Skip-gram in blocks of `BLOCK` centres.

    Parameters
    ----------
    size : int
        Numbers in a vector.
    row_bytes : int
        What a row takes, padding and all.
    text : Windows
    n_shared : int
        Negatives that a block shares.
    shares : float64 (n_words,)
        How often each word is left by subsampling, of a word of the text.
    negatives : float64 (n_words,)
        Their distribution.
    """
    blocks, outputs = text.kept / BLOCK, BLOCK + n_shared
    return Work(
        blocks * PRODUCTS * size * text.block_rows * outputs,
        blocks * 2 * row_bytes * (text.block_rows + outputs),
        row_bytes,
        np.concatenate([shares, shares + blocks * n_shared * negatives]),
    )


def cbow(
    size: int,
    row_bytes: int,
    text: Windows,
    n_shared: int,
    shares: np.ndarray,
    negatives: np.ndarray,
    documents: np.ndarray | None = None,
) -> Work:
    """CBOW, whose negatives `STREAMS` centres share in groups of `FOUR`; arguments as for `skipgram`.

    `documents`, float64 (n_documents,), says how often each document is visited: PV-DM.
    """
    contexts = text.contexts + (documents is not None)
    return Work(
        text.kept * size * (2 * contexts + PRODUCTS * (1 + n_shared)),
        text.kept * 2 * row_bytes * (contexts + 1 + n_shared / FOUR),
        row_bytes,
        np.concatenate(
            [
                shares,
                shares + text.kept * n_shared / STREAMS * negatives,
                np.empty(0) if documents is None else documents,
            ]
        ),
    )


def dbow(
    size: int,
    row_bytes: int,
    text: Windows,
    n_shared: int,
    shares: np.ndarray,
    negatives: np.ndarray,
    documents: np.ndarray,
) -> Work:
    """PV-DBOW; arguments as for `cbow`."""
    steps, outputs = text.kept / text.step_words, text.step_words + n_shared
    return Work(
        steps * PRODUCTS * size * outputs,
        steps * 2 * row_bytes * (1 + outputs),
        row_bytes,
        np.concatenate([shares + steps * n_shared * negatives, documents]),
    )


class Subwords(NamedTuple):
    """The rows of words that are made of n-grams; see `embedkit.kernels.fasttext_rows.Model`.

    Attributes
    ----------
    indptr, lazy_start : int64 (n_words + 1,), (n_words,)
    rows : int32 (n_entries,)
    interval : int32 (n_cached,)
    """

    indptr: np.ndarray
    lazy_start: np.ndarray
    rows: np.ndarray
    interval: np.ndarray


def fasttext(
    size: int,
    row_bytes: int,
    text: Windows,
    n_shared: int,
    shares: np.ndarray,
    negatives: np.ndarray,
    subwords: Subwords,
) -> Work:
    """fastText's skip-gram in blocks of `BLOCK` centres; arguments as for `skipgram`."""
    indptr, lazy_start, rows, interval = subwords
    n_words, n_cached = len(shares), len(interval)
    cached = np.arange(n_words) < n_cached
    stop = np.where(cached, lazy_start, indptr[1:])
    eager, lazy = stop - indptr[:-1], indptr[1:] - stop
    flushes = np.zeros(n_words)
    flushes[:n_cached] = shares[:n_cached] / interval
    blocks, outputs = text.kept / BLOCK, text.block_rows + n_shared
    # Sums of rows and changes of rows; a cached word has one more to read and two to change, and at times is flushed.
    moved = shares @ (2 * eager + 3 * cached) + flushes @ (2 * lazy)
    used = shares @ (eager + 2 * cached) + flushes @ lazy + blocks * outputs
    word_of = np.repeat(np.arange(n_words), np.diff(indptr))
    is_eager = np.arange(len(rows)) < stop[word_of]
    return Work(
        size * (moved + blocks * PRODUCTS * BLOCK * outputs),
        2 * row_bytes * used,
        row_bytes,
        np.concatenate(
            [
                np.bincount(rows, np.where(is_eager, shares[word_of], flushes[word_of])),
                np.repeat(shares[:n_cached], 2),
                shares + blocks * n_shared * negatives,
            ]
        ),
    )


def glove(size: int, row_bytes: int, lengths: np.ndarray, n_groups: int) -> Work:
    """A record of GloVe, whose rows hold the sums of squares too, and which passes by itself, 12 bytes.

    Parameters
    ----------
    size, row_bytes : int
    lengths : int64 (n,)
        Records of the words of one group, in a pass.
    n_groups : int
    """
    visits = np.tile(lengths / lengths.sum(), 2)
    records = lengths.sum() / n_groups  # in a block, which begins with other rows
    return Work((size + 2) * (2 + ADAGRAD), 2 * 2 * row_bytes, row_bytes, visits, 2 * len(lengths) / records, 12.0)


def counting(neighbours: float, window: int, cells: float) -> Work:
    """Counting the `neighbours` of a word of the text within `window`, which come to so many `cells` a word."""
    lines = 1 + (2 * window * 4) / LINE  # that the ids of a window lie on
    return Work(neighbours, neighbours * NEIGHBOUR, 8, np.empty(0), passing=lines * LINE + 4 + 2 * cells * CELL)
