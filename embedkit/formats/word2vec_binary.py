"""word2vec binary: ``V D`` and a line feed, then V times: word, space, D little-endian float32, line feed.

gensim writes no line feed behind a row; leading ones are taken off a word, so both are read. A word of spaces or of
nothing is refused; where a word holds spaces, the line feed behind its values tells where it ends. The C tool cuts
words at 98 bytes, which can split a character: see `encoding_errors`. We write as the C tool does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from embedkit.errors import EmbedkitError, FormatError, counted, warn_caller
from embedkit.files.atomic import atomic_open
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Blocks, Reading, rows_at, show
from embedkit.formats.text_rows import check_plain
from embedkit.formats.word2vec_text import read_header
from embedkit.rows.table import EmbeddingTable

ROWS = 8192
MOST_SPACES = 64  # that a word may hold
LINE_FEED = 10
TAKE_WHOLE = "`skip_bad_rows` takes the rows that are whole"
TOLD_BY = 16  # rows that tell whether line feeds stand behind rows
LONGEST_WORD = 1 << 16  # bytes; a search for the space ends there in a damaged file


def blocks(path: str | os.PathLike[str], name: str | None = None, reading: Reading | None = None) -> Blocks:
    """Read a word2vec binary file block by block.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    reading : Reading, optional
        The words' encoding, and what to do with odd rows.

    Raises
    ------
    FormatError
        Naming the row, what was expected and what was found.
    """
    file = MappedFile(path, name)
    n_words, size, start = read_header(file)
    reading = reading or Reading()
    if n_words * (4 * size + 1) > file.size - start and not reading.skip_bad_rows:
        raise FormatError(
            f"{file.name}: cut off: the header promises {counted(n_words, 'word')} of {counted(size, 'value')}, but "
            f"only {file.size - start:,} bytes follow; {TAKE_WHOLE}"
        )
    most = min(n_words, (file.size - start) // (4 * size + 1) + 1)
    return Blocks(file.name, size, most, _rows(file, start, n_words, size, reading), reading=reading)


def _rows(
    file: MappedFile, start: int, promised: int, size: int, reading: Reading
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    width, row, content = 4 * size, 0, file.bytes
    most = file.size if reading.skip_bad_rows else promised
    start = _line_feeds(file, start)
    line_feeds = _has_line_feeds(file, start, width, promised)
    while row < most and start < file.size:
        first, words = row, list[bytes]()
        rows = np.empty((min(ROWS, (file.size - start) // (width + 1) + 1), size), np.float32)
        while len(words) < len(rows) and row < most and start < file.size:
            space = content.find(b" ", start, start + LONGEST_WORD)
            end = space + 1 + width
            plain = start < space and end + 1 < file.size and (content[end] == LINE_FEED) == line_feeds
            if not plain:
                space = _space(file, start, width, line_feeds)
                end = space + 1 + width
            if space < 0:
                reading.leave_out(
                    f"{file.name}: cut off or damaged in row {row} of {promised:,}: expected a word, a space and "
                    f"{size} float32 from byte {start:,} on",
                    TAKE_WHOLE,
                )
                start = file.size
                break
            rows[len(words)] = np.frombuffer(content, "<f4", size, space + 1)
            words.append(content[start:space])
            start = end + line_feeds if plain and content[end + line_feeds] != LINE_FEED else _line_feeds(file, end)
            row += 1
        words, rows, numbers = _named(file.name, words, rows[: len(words)], first, reading)
        yield reading.decoded(words, rows, rows_at(file.name, numbers))
        file.forget(start)
    if reading.skip_bad_rows:
        if row != promised and (reading.limit is None or row < reading.limit):
            warn_caller(f"{file.name}: the header promises {counted(promised, 'word')}, there are {row:,}")
    elif row < promised:
        raise FormatError(
            f"{file.name}: cut off: expected {counted(promised, 'word')} as the header says, found {row:,}; "
            f"{TAKE_WHOLE}"
        )
    elif start < file.size:
        raise FormatError(
            f"{file.name}: expected the end of the file after {counted(promised, 'word')}, found "
            f"{file.size - start:,} bytes more; `skip_bad_rows` takes them all"
        )


def _named(
    name: str, words: list[bytes], rows: np.ndarray, first: int, reading: Reading
) -> tuple[list[bytes], np.ndarray, np.ndarray]:
    """Words, rows and their numbers without those whose word is empty or made of spaces."""
    unnamed = [i for i, word in enumerate(words) if not word.strip(b" ")]
    numbers = np.arange(first, first + len(words))
    if not unnamed:
        return words, rows, numbers
    for i in unnamed:
        reading.leave_out(f"{name}, row {first + i}: expected a word, found {words[i].decode()!r}")
    named = [word for word in words if word.strip(b" ")]
    return named, np.delete(rows, unnamed, axis=0), np.delete(numbers, unnamed)


def _line_feeds(file: MappedFile, start: int) -> int:
    """Where the line feeds end that stand at `start`, if any."""
    while file.bytes[start : start + 1] == b"\n":
        start += 1
    return start


def _space(file: MappedFile, start: int, width: int, line_feeds: bool) -> int:
    """Where the word that begins at `start` ends, -1 where the file ends before. A word may be a space or hold some;
    in a file with line feeds behind its rows the one tells behind which space the values stand."""
    first = space = file.bytes.find(b" ", start, start + LONGEST_WORD)
    if not line_feeds and file.bytes[start : start + 2] == b"  ":
        first = start + 1  # rather a space as the word than nothing and values that begin with a space's byte
    for _ in range(MOST_SPACES if line_feeds else 0):
        end = space + 1 + width
        if space < 0 or end > file.size:
            break
        if file.bytes[end : end + 1] in (b"\n", b""):
            return space
        space = file.bytes.find(b" ", space + 1, start + LONGEST_WORD)
    return first if 0 <= first <= file.size - 1 - width else -1


def _has_line_feeds(file: MappedFile, start: int, width: int, promised: int) -> bool:
    """Whether rows have a line feed behind their values: the first one has behind its first space, or else, where line
    feeds stand within words if none is expected, each of the first ones has behind one of its spaces."""
    end = file.bytes.find(b" ", start, start + LONGEST_WORD) + 1 + width
    if file.bytes[end : end + 1] == b"\n":
        return True
    return not _fits(file, start, width, promised, False) and _fits(file, start, width, promised, True)


def _fits(file: MappedFile, start: int, width: int, promised: int, line_feeds: bool) -> bool:
    """Whether the first rows can be taken as rows with or without line feeds behind them."""
    for _ in range(min(TOLD_BY, promised)):
        space = _space(file, start, width, line_feeds)
        end = space + 1 + width
        if space < start or (line_feeds and file.bytes[end : end + 1] not in (b"\n", b"")):
            return False
        if not line_feeds and b"\n" in file.bytes[start:space]:
            return False
        start = _line_feeds(file, end)
    return promised > TOLD_BY or start == file.size


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write words and vectors; a word with a space or line feed is refused, and so are vectors without numbers."""
    if table.vector_size == 0:
        raise EmbedkitError(
            "cannot write word2vec binary: vectors of 0 dimensions look like text there; convert to native instead"
        )
    words = table.packed_words
    with atomic_open(path, streamed=True) as stream:
        stream.write(b"%d %d\n" % (len(table), table.vector_size))
        for low in range(0, len(table), ROWS):
            rows = np.ascontiguousarray(table.vectors[low : low + ROWS], "<f4")
            for row, values in enumerate(rows, low):
                word = words.encoded(row)
                if b" " in word or b"\n" in word:
                    raise EmbedkitError(
                        f"cannot write word2vec binary: the word {show(word)} holds a space or a line "
                        "feed; convert to native, npz, parquet or sqlite instead"
                    )
                if not word:
                    raise EmbedkitError("cannot write word2vec binary: the word '' is empty; convert to native instead")
                check_plain(word, "word2vec binary")
                stream.write(word + b" " + values.tobytes() + b"\n")
