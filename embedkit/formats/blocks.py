"""Vectors as they pass by, block by block: into memory, or into a native file when there are too many."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, FormatError, counted, warn_caller
from embedkit.files.atomic import atomic_open
from embedkit.progress import Progress, ProgressCallback
from embedkit.rows.norms import row_norms
from embedkit.rows.table import EmbeddingTable
from embedkit.vocabulary.words import Words

ROWS = 4096
ENCODING_POLICIES = ("strict", "replace", "ignore")
Block = tuple[Sequence[bytes], np.ndarray]


@dataclass
class Reading:
    """How to take rows that are odd, for readers that go through a file.

    Parameters
    ----------
    encoding : str
        Of the words, as Python names it: ``utf-8``, ``latin-1``, ``cp949``.
    encoding_errors : {"strict", "replace", "ignore"}
        What to do with words whose bytes are something else.
    limit : int, optional
        Only so many rows are wanted.
    skip_bad_rows : bool
        Leave rows out that cannot be read, and note them in `left_out`.

    Raises
    ------
    ConfigError
        For an encoding or a policy that there is none of.
    """

    encoding: str = "utf-8"
    encoding_errors: str = "strict"
    limit: int | None = None
    skip_bad_rows: bool = False
    left_out: list[str] = field(default_factory=list)
    place: Callable[[int], str] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            self.encoding = codecs.lookup(self.encoding).name
            "a".encode(self.encoding)  # which codecs that are no encodings of text refuse: rot13, hex
        except (LookupError, ValueError) as error:
            raise ConfigError(
                f"unknown encoding {self.encoding!r}; use one that Python knows, as latin-1 or cp949"
            ) from error
        if self.encoding_errors not in ENCODING_POLICIES:
            raise ConfigError(
                f"unknown policy {self.encoding_errors!r} for bytes that are not {self.encoding}: expected one of "
                f"{', '.join(ENCODING_POLICIES)}"
            )

    def leave_out(self, problem: str, way_on: str = "`skip_bad_rows` leaves such rows out") -> None:
        """Note a row that is left out.

        Raises
        ------
        FormatError
            Where bad rows are errors; it says how they can be left out.
        """
        if not self.skip_bad_rows:
            raise FormatError(f"{problem}; {way_on}")
        self.left_out.append(problem)

    def tell(self, name: str) -> None:
        """Warn of the rows of the file `name` that were left out, with their number and the first of them."""
        if self.left_out:
            told = "; ".join(
                problem.removeprefix(f"{name}, ").removeprefix(f"{name}: ") for problem in self.left_out[:3]
            )
            more = "; …" if len(self.left_out) > 3 else ""
            warn_caller(f"{name}: {counted(len(self.left_out), 'row')} left out: {told}{more}")

    def decoded(
        self, words: list[bytes], rows: np.ndarray, place: Callable[[int], str]
    ) -> tuple[list[bytes], np.ndarray]:
        """Words as UTF-8, with their rows; those that cannot be decoded are left out where that is wanted.

        `place` is kept until the rows have been looked at (`_sound`), which names them by it."""
        self.place = place
        if self.encoding == "utf-8":
            try:
                return decoded(words, place), rows
            except FormatError:
                pass  # one by one
        kept, found = [], []
        for i, word in enumerate(words):
            try:
                text = word.decode(self.encoding, self.encoding_errors).encode("utf-8")
                if word and not text:
                    self.leave_out(
                        f"{place(i)}: nothing is left of the word {word[:60]!r} without the bytes that are "
                        f"not {self.encoding.upper()}",
                        "`encoding_errors` replace keeps their places, `skip_bad_rows` leaves such rows out",
                    )
                    continue
                found.append(text)
                kept.append(i)
            except UnicodeError as error:
                self.leave_out(
                    f"{place(i)}: expected {self.encoding.upper()}, found the word {word[:60]!r} "
                    f"({getattr(error, 'reason', error)})",
                    "`encoding` names another encoding (latin-1, cp949, …), `encoding_errors` replace or ignore takes "
                    "the word as it is, `skip_bad_rows` leaves such rows out",
                )
        if len(kept) == len(words):
            return found, rows
        self.place = lambda i: place(kept[i])
        return found, rows[kept]


@dataclass
class Blocks:
    """What a reader yields when it goes through a file once.

    Attributes
    ----------
    name : str
        The file, for messages.
    vector_size : int
    n_words : int
        How many rows there are, or an estimate that the file's size justifies.
    rows : iterable of (words, vectors)
        Words as UTF-8 bytes, vectors float32 (len(words), vector_size). The vectors may be overwritten when the next
        block is asked for.
    counts : int64 (n_words,), optional
        For the rows in their order.
    config : dict
    """

    name: str
    vector_size: int
    n_words: int
    rows: Iterable[Block]
    counts: np.ndarray | None = None
    config: dict[str, Any] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)


def collect(blocks: Blocks, progress: ProgressCallback | None = None) -> EmbeddingTable:
    """Gather all blocks in memory."""
    expected = blocks.n_words if blocks.reading.limit is None else min(blocks.n_words, blocks.reading.limit)
    vectors = np.empty((expected, blocks.vector_size), np.float32)
    norms = np.empty(expected, np.float32)
    words: list[bytes] = []
    kept: list[np.ndarray] = []
    for encoded, rows, lengths, positions in _sound(blocks, progress):
        end = len(words) + len(encoded)
        if end > len(vectors):
            room = max(end, len(vectors) + len(vectors) // 4)
            vectors.resize((room, blocks.vector_size), refcheck=False)
            norms.resize(room, refcheck=False)
        vectors[len(words) : end] = rows
        norms[len(words) : end] = lengths
        words.extend(encoded)
        kept.append(positions)
    vectors.resize((len(words), blocks.vector_size), refcheck=False)
    return EmbeddingTable(
        Words.from_bytes(words), vectors, norms=norms[: len(words)], counts=_counts(blocks, kept), config=blocks.config
    )


def spill(blocks: Blocks, path: str | os.PathLike[str], progress: ProgressCallback | None = None) -> None:
    """Write all blocks to a native file as they come: only the words are held in memory."""
    from embedkit.formats.native import NativeWriter

    kept: list[np.ndarray] = []
    with atomic_open(path) as stream:
        writer = NativeWriter(stream, blocks.vector_size, blocks.config)
        for encoded, rows, _, positions in _sound(blocks, progress):
            writer.add(encoded, rows)
            kept.append(positions)
        writer.finish(counts=_counts(blocks, kept))


def _sound(
    blocks: Blocks, progress: ProgressCallback | None
) -> Iterator[tuple[Sequence[bytes], np.ndarray, np.ndarray, np.ndarray]]:
    """The blocks without repeated words, and with the rows' norms and places; the first of equal words stays.

    A row with NaN or an infinity is an error or left out, repeated words are a warning. After `limit` rows nothing
    more is read.
    """
    reading = blocks.reading
    found = 0
    seen: set[bytes] = set()
    repeated: list[bytes] = []
    row = 0
    for block in blocks.rows:
        words, rows = block
        norms = row_norms(rows)
        positions = np.arange(row, row + len(words))
        row += len(words)
        finite = np.isfinite(norms)
        if not finite.all():
            for bad in np.flatnonzero(~finite).tolist():
                where = f"{blocks.name}: row {positions[bad]}" if reading.place is None else reading.place(bad)
                reading.leave_out(not_finite(where, words[bad]))
            words = [word for word, sound in zip(words, finite.tolist(), strict=True) if sound]
            rows, norms, positions = rows[finite], norms[finite], positions[finite]
        if reading.limit is not None and found + len(words) > reading.limit:
            room = reading.limit - found
            words, rows, norms, positions = words[:room], rows[:room], norms[:room], positions[:room]
        found += len(words)
        if len(set(words)) == len(words) and seen.isdisjoint(words):
            seen.update(words)
            yield words, rows, norms, positions
        else:
            keep = first_ones(words, seen, repeated)
            yield [words[i] for i in keep], rows[keep], norms[keep], positions[keep]
        if progress is not None:
            progress(Progress("reading", row, max(row, blocks.n_words), "words"))
        if reading.limit is not None and found >= reading.limit:
            break
    reading.tell(blocks.name)
    warn_of_repeated(blocks.name, repeated)


def sound(table: EmbeddingTable, name: str, reading: Reading) -> EmbeddingTable:
    """A table that was read at once, without its rows of NaN and infinities.

    Rows whose lengths are not known yet (`EmbeddingTable.norms`) check themselves when they are asked for; they are
    looked through where such rows are to be left out.

    Raises
    ------
    FormatError
        Where bad rows are errors.
    """
    if table.norms is not None:
        finite = np.isfinite(table.norms)
    elif reading.skip_bad_rows:
        finite = np.ones(len(table), bool)
        for low in range(0, len(table), ROWS):
            try:
                table.vectors[low : low + ROWS]
            except FormatError:  # rows that are composed check themselves
                part = range(low, min(low + ROWS, len(table)))
                finite[part.start : part.stop] = [_is_sound(table, row) for row in part]
    else:
        return table
    if finite.all():
        return table
    words = table.packed_words
    for row in np.flatnonzero(~finite).tolist():
        reading.leave_out(not_finite(f"{name}: row {row}", words.encoded(row)))
    reading.tell(name)
    return table.take(np.flatnonzero(finite))


def _is_sound(table: EmbeddingTable, row: int) -> bool:
    try:
        return bool(np.isfinite(table.vectors[row : row + 1]).all())
    except FormatError:
        return False


def not_finite(place: str, word: bytes) -> str:
    """What is wrong with a row that holds NaN."""
    return f"{place} ({show(word)}): expected finite numbers, found NaN, an infinity or values too large for float32"


def warn_of_repeated(name: str, repeated: Sequence[bytes]) -> None:
    """Warn of the words of the file `name` that came again, if any."""
    if repeated:
        warn_caller(
            f"{name}: {counted(len(repeated), 'row repeats', 'rows repeat')} a word; the first of each is kept: "
            f"{', '.join(map(show, repeated[:3]))}{', …' if len(repeated) > 3 else ''}"
        )


def first_ones(words: Sequence[bytes], seen: set[bytes], repeated: list[bytes]) -> list[int]:
    """The places of words that were not seen before; `seen` and `repeated` grow."""
    keep = []
    for i, word in enumerate(words):
        if word in seen:
            repeated.append(word)
        else:
            seen.add(word)
            keep.append(i)
    return keep


def _counts(blocks: Blocks, kept: list[np.ndarray]) -> np.ndarray | None:
    if blocks.counts is None:
        return None
    return blocks.counts[np.concatenate(kept)] if kept else np.zeros(0, np.int64)


def show(word: bytes) -> str:
    """A word for a message, however long or broken it is."""
    text = word[:60].decode("utf-8", "replace")
    return repr(text + ("…" if len(word) > 60 else ""))


def check_dimensions(vector_size: int, format: str) -> None:
    """Refuse vectors of no dimensions, for a format that has none."""
    if not vector_size:
        raise EmbedkitError(
            f"cannot write {format}: its vectors have at least one dimension; convert to native instead"
        )


def check_utf8(word: bytes, format: str, first: bool = False) -> None:
    """Check that a word comes back from a file of UTF-8.

    Parameters
    ----------
    word : bytes
    format : str
        For messages.
    first : bool
        It is the first thing in the file, where a byte order mark is passed over.

    Raises
    ------
    EmbedkitError
    """
    what = "is the first and begins with U+FEFF, which readers take for a byte order mark"
    if not first or not word.startswith(b"\xef\xbb\xbf"):
        try:
            word.decode("utf-8")
            return
        except UnicodeDecodeError:
            what = "is not UTF-8"
    raise EmbedkitError(f"cannot write {format}: the word {show(word)} {what}; convert to native instead")


def rows_from(name: str, first: int) -> Callable[[int], str]:
    """What names the file and row of the i-th word of a block, for `decoded`."""
    return lambda i: f"{name}, row {first + i}"


def rows_at(name: str, numbers: np.ndarray) -> Callable[[int], str]:
    """`rows_from` where rows were left out: their numbers in the file are int64 (n_words,)."""
    return lambda i: f"{name}, row {numbers[i]}"


def decoded(words: list[bytes], place: Callable[[int], str]) -> list[bytes]:
    """Words whose bytes are UTF-8, as they are.

    Parameters
    ----------
    words : list of bytes
    place : callable
        Names the file and the place of the word with this number in the list.

    Raises
    ------
    FormatError
        At the first word that is not UTF-8.
    """
    try:
        b"\n".join(words).decode("utf-8")
        return words
    except UnicodeDecodeError:
        pass  # which one is it?
    for i, word in enumerate(words):
        try:
            word.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(
                f"{place(i)}: expected UTF-8, found the word {word[:60]!r} ({error.reason}); write it as UTF-8 first"
            ) from error
    return words
