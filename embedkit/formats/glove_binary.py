"""GloVe's ``vectors.bin``: float64 [2·V·(D + 1)] without a header; the words stand in ``vocab.txt``.

First V rows of the words, then V rows of the context words, each D values and a bias. ``vocab.txt`` has lines
``word count``. What the C tool prints as text is the sum of both rows without the biases; so is what we read, unless
``glove_vectors`` says ``word`` or ``context``. Written here, the word rows are the vectors, context rows and biases
are zero: the sum is the same. Unknown counts are written as 0.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, FormatError
from embedkit.files.atomic import atomic_pair
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Blocks, decoded
from embedkit.formats.text_rows import check_shape, check_word, refuse_cr_only
from embedkit.rows.table import EmbeddingTable

ROWS = 8192
WHICH = ("sum", "word", "context")


def companion(path: str | os.PathLike[str]) -> Path:
    """Where the words of a file of vectors stand unless told otherwise: ``vocab.txt`` beside it."""
    return Path(path).with_name("vocab.txt")


def blocks(
    path: str | os.PathLike[str],
    name: str | None = None,
    vocab: str | None = None,
    glove_vectors: str = "sum",
    words: str | None = None,
) -> Blocks:
    """Read vectors block by block.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    vocab : path, optional
        The words and counts; ``vocab.txt`` beside the vectors by default.
    glove_vectors : {"sum", "word", "context"}
        Which rows make the vectors.
    words : path, optional
        Another name of `vocab`, which the readers of other files without words have.

    Raises
    ------
    FormatError
        When the size of the file does not fit the number of words.
    """
    if glove_vectors not in WHICH:
        raise ConfigError(f"unknown glove_vectors {glove_vectors!r}: expected one of {', '.join(WHICH)}")
    file = MappedFile(path, name)
    named = vocab or words
    source = Path(named) if named else companion(file.name)
    if named and not source.exists():
        raise FormatError(f"no such file: {source}")
    if not source.exists():
        raise ConfigError(
            f"{file.name} holds no words: give `words`, a file with lines of word and count (looked for {source})"
        )
    keys, counts = read_vocabulary(source)
    n_rows = 2 * len(keys)
    columns, rest = divmod(file.size, 8 * n_rows) if n_rows else (0, 1)
    if rest or columns < 2:
        raise FormatError(
            f"{file.name}: expected 2·{len(keys):,} rows of float64, as many as there are words in "
            f"{source}; found {file.size:,} bytes, {file.size / max(8 * n_rows, 1):.3f} values a row"
        )
    matrix = file.array("<f8", 0, n_rows * columns, "the vectors").reshape(n_rows, columns)[:, :-1]
    known = counts if counts.any() else None
    return Blocks(file.name, columns - 1, len(keys), _rows(matrix, keys, glove_vectors), counts=known)


def read_vocabulary(path: str | os.PathLike[str]) -> tuple[list[bytes], np.ndarray]:
    """Words and counts (int64) from lines ``word count``."""
    file = MappedFile(path)
    refuse_cr_only(file.name, file.bytes[:])
    words, counts = [], []
    for number, line in enumerate(file.bytes[:].split(b"\n"), 1):
        if not line.strip():
            continue
        word, _, count = line.rstrip(b"\r ").rpartition(b" ")
        if not word or not count.isdigit() or len(count) > 18:
            raise FormatError(
                f"{file.name}, line {number:,}: expected a word and its count, found "
                f"{line[:60].decode('utf-8', 'replace')!r}"
            )
        words.append(word)
        counts.append(int(count))
    return decoded(words, lambda i: f"{file.name}, word {i + 1}"), np.array(counts, np.int64)


def _rows(matrix: np.ndarray, words: list[bytes], which: str) -> Iterator[tuple[list[bytes], np.ndarray]]:
    n = len(words)
    with np.errstate(over="ignore", invalid="ignore"):
        for low in range(0, n, ROWS):
            high = min(low + ROWS, n)
            rows = matrix[n + low : n + high] if which == "context" else matrix[low:high]
            if which == "sum":
                rows = rows + matrix[n + low : n + high]
            yield words[low:high], rows.astype(np.float32)


def are_a_pair(path: str | os.PathLike[str], vocab: Path) -> bool:
    """Whether the size of the vectors fits the number of words; False where either cannot be read."""
    try:
        n_rows = 2 * len(read_vocabulary(vocab)[0])
        return n_rows > 0 and os.path.getsize(path) % (8 * n_rows) == 0
    except (EmbedkitError, OSError):
        return False


def write(table: EmbeddingTable, path: str | os.PathLike[str], vocab: str | None = None) -> None:
    """Write vectors and, beside them, ``vocab.txt`` or what `vocab` names."""
    words = table.packed_words.to_bytes()
    for word in words:
        check_word(word, "GloVe binary")
    check_shape(table, "GloVe binary")
    counts = table.counts if table.counts is not None else np.zeros(len(words), np.int64)
    beside = Path(vocab) if vocab else companion(path)

    def unchanged() -> bool:
        if not beside.exists():
            return False
        found, numbers = read_vocabulary(beside)
        return found == words and np.array_equal(numbers, counts)

    with atomic_pair(path, beside, lambda: are_a_pair(path, beside), unchanged) as (stream, listing):
        for source in (table.vectors, None):
            for low in range(0, len(words), ROWS):
                rows = np.zeros((min(ROWS, len(words) - low), table.vector_size + 1), "<f8")
                if source is not None:
                    rows[:, :-1] = source[low : low + ROWS]
                stream.write(rows.tobytes())
        listing.writelines(b"%s %d\n" % (word, count) for word, count in zip(words, counts.tolist(), strict=True))
