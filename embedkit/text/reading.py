"""Bytes in: files, folders, globs, URLs, standard input; compressed or not; plain lines or JSON lines.

What is read is UTF-8 text, a sentence a line, ended by a line feed (a carriage return is white space, as is every
other control character that `str.split` takes for white space). A byte order mark at the start is dropped. Bytes that
are not UTF-8 are an error that names the file, the line and the byte; ``encoding_errors="replace"`` puts U+FFFD in
their place and ``"ignore"`` drops them. What does not look like text is refused, also inside a compressed file.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from embedkit.errors import ConfigError, CorpusError, few_names
from embedkit.files.compression import damaged_errors, decompressed
from embedkit.files.locations import called, expand, has_glob, open_location, size_of
from embedkit.files.magic import BOM
from embedkit.files.urls import is_url, plain, shown
from embedkit.text.fields import TextField
from embedkit.text.folders import texts_among
from embedkit.text.ranges import ByteRange, RangeStream
from embedkit.text.repeated import tell_repeated
from embedkit.text.sniffing import describe_binary, guess_encoding, is_page

BLOCK_BYTES = 2 << 20
SNIFFED_BYTES = 1 << 16
NEAR_BYTES = 1 << 14  # where most blocks have their last line feed
SPARE = 16  # room behind the text of a block, for the scanner's padding
STDIN = "-"
_PAGES = (".html", ".htm")  # where a page of the web is what was asked for
ERROR_POLICIES = ("strict", "replace", "ignore")
# What a block may be cut behind when it holds no line feed at all.
_SPACES = tuple(
    c.encode()
    for c in "\t\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

Source = str | os.PathLike[str]
Sources = Source | Sequence[Source]


@dataclass(frozen=True)
class Block:
    """A piece of a file that ends behind white space or at the end of the file.

    Attributes
    ----------
    buffer : uint8 (at least size + SPARE,)
        The bytes; what lies behind `size` is undefined.
    size : int
    name : str
        The file, for messages.
    offset : int
        Where the piece starts in the (decompressed) file.
    last : bool
        Whether the file ends here.
    done : int
        Bytes read from disk so far, all files together.
    """

    buffer: np.ndarray
    size: int
    name: str
    offset: int
    last: bool
    done: int

    @property
    def bytes(self) -> bytes:
        return self.buffer[: self.size].tobytes()


class Listed(list[str | ByteRange]):
    """Files that `list_sources` found; it takes them as they are, and neither looks into them nor warns again."""


def list_sources(sources: Sources) -> Listed:
    """The files behind `sources`: folders and patterns give their files, sorted, at any depth, without hidden ones.

    Byte ranges of files stay what they are. What is certainly no text in a folder, here or remote (pictures, archives),
    is left out; a file that is named is read, or told to be no text, when its turn comes.

    Raises
    ------
    CorpusError
        When something is missing or a folder holds nothing to read.

    Warns
    -----
    UserWarning
        Where files of a folder are left out, or one is read more than once.
    """
    if isinstance(sources, Listed):
        return sources
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    sources = list(sources)
    if not sources:
        raise CorpusError("no corpus given: name a file, a folder or - for standard input")
    files: list[str | ByteRange] = []
    for source in sources:
        path = plain(os.fspath(source))
        if isinstance(source, ByteRange):
            files.append(source)
        elif path == STDIN:
            files.append(path)
        elif os.path.isdir(path):
            found = list(_walk(path))
            if not found:
                raise CorpusError(f"{path}: the folder holds no files to read (hidden files are skipped)")
            files += texts_among(found, path)
        elif os.path.exists(path):
            files.append(path)
        elif is_url(path) or has_glob(path):
            found = expand(path)
            files += found if has_glob(path) or found == [path] else texts_among(found, path)
        else:
            raise CorpusError(f"{path}: no such file or folder")
    tell_repeated(file for file in files if isinstance(file, str))
    return Listed(files)


def kept(sources: Sources) -> Sources:
    """Sources that can be gone through more than once: an iterator as a list."""
    return sources if isinstance(sources, str | os.PathLike | Sequence) else list(sources)


def short_name(sources: Source | Iterable[Source]) -> str:
    """What was named, for a message: the first few of many."""
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    names = (str(source) for source in sources)
    return few_names(list(map(called, names)), 3, 200)


def _walk(folder: str) -> Iterator[str]:
    def fail(error: OSError) -> None:
        raise CorpusError(f"{error.filename}: cannot be read: {error.strerror}") from error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        yield from (os.path.join(place, name) for name in sorted(names) if not name.startswith("."))


def total_bytes(files: Sequence[str | ByteRange]) -> int | None:
    """Bytes of `files` as they are stored, or None where nobody knows: for standard input, and of some servers."""
    if STDIN in files:
        return None
    sizes = [f.stop - f.start if isinstance(f, ByteRange) else size_of(f) for f in files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def read_blocks(
    files: Sequence[str | ByteRange],
    json_field: str | None = None,
    encoding_errors: str = "strict",
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """Read `files` (from `list_sources`) in blocks of about `block_bytes`.

    The cuts depend on the text and `block_bytes` only. With `json_field` the blocks are the texts of that field, a
    line each, and valid UTF-8; otherwise they are the files' bytes, not yet checked.

    Raises
    ------
    CorpusError
        When a file cannot be read, is cut off, or is not text.
    """
    if encoding_errors not in ERROR_POLICIES:
        raise ConfigError(f"encoding_errors must be strict, replace or ignore, not {encoding_errors!r}")
    field = None if json_field is None else TextField.parse(json_field)
    done = 0
    for file in files:
        if field is not None and field.kind in ("column", "unit") and isinstance(file, ByteRange):
            what = "a table is" if field.kind == "column" else "paragraphs and files are"
            raise ConfigError(f"{shown(str(file))}: {what} read whole, it cannot be cut into parts")
        name = called(str(file))
        with damaged_errors(name), _opened(file) as raw:
            counted = _Counted(raw, done)
            stream = decompressed(io.BufferedReader(counted, 1 << 17), name)
            begin = raw.start if isinstance(raw, RangeStream) else 0
            cut = _cut_blocks(stream, name, block_bytes, counted, begin)
            yield from cut if field is None else _field_blocks(cut, field, encoding_errors, block_bytes)
            done = counted.position


class _Counted(io.RawIOBase):
    """A raw stream that knows how many bytes were read from it."""

    def __init__(self, raw: io.RawIOBase | BinaryIO, position: int) -> None:
        self._raw = raw
        self.position = position

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        size: int = self._raw.readinto(target) or 0  # type: ignore[union-attr]
        self.position += size
        return size


@contextmanager
def _opened(file: str | ByteRange) -> Iterator[Any]:
    if file == STDIN:
        yield sys.stdin.buffer
    elif isinstance(file, ByteRange):
        with open_location(file.path) as raw, io.BufferedReader(raw, 1 << 17) as stream:
            yield RangeStream(stream, file)
    else:
        with open_location(file) as raw:
            yield raw


def _cut_blocks(stream: BinaryIO, name: str, block_bytes: int, counted: _Counted, begin: int) -> Iterator[Block]:
    """Blocks of a stream, the first one sniffed and, at the start of a file, freed of its byte order mark."""
    buffer = np.empty(block_bytes + SPARE, dtype=np.uint8)
    size, offset = 0, begin
    first = True
    while True:
        room = len(buffer) - SPARE
        if size == room:  # no white space in all of it: a longer block
            buffer, room = np.concatenate([buffer[:size], np.empty(room + SPARE, dtype=np.uint8)]), 2 * room
        size = _fill(stream, buffer, size, room)
        ended = size < room  # before the byte order mark is taken out
        if first:
            head = buffer[: min(size, SNIFFED_BYTES)].tobytes()
            what = describe_binary(head)
            if what:
                raise CorpusError(f"{name}: this is not text but looks like {what}")
            if is_page(head) and name.startswith(("http://", "https://")) and not name.lower().endswith(_PAGES):
                raise CorpusError(
                    f"{name}: this is a web page, not the text: give the address of the file itself, or a pattern "
                    f"such as '{name.rstrip('/')}/*.txt'"
                )
            if begin == 0 and buffer[: min(size, 3)].tobytes() == BOM:
                size -= 3
                buffer[:size] = buffer[3 : size + 3].copy()
                offset = 3
            first = False
        if ended:
            yield Block(buffer, size, name, offset, True, counted.position)
            return
        cut = _last_break(buffer, size)
        if cut:
            rest = buffer[cut:size].copy()
            yield Block(buffer, cut, name, offset, False, counted.position)
            offset += cut
            buffer = np.empty(max(block_bytes, len(rest)) + SPARE, dtype=np.uint8)
            buffer[: len(rest)] = rest
            size = len(rest)


def _fill(stream: BinaryIO, buffer: np.ndarray, size: int, room: int) -> int:
    view = buffer.data
    while size < room:
        got = stream.readinto(view[size:room])  # type: ignore[attr-defined]
        if not got:
            break
        size += got
    return size


def _last_break(buffer: np.ndarray, size: int) -> int:
    """How many bytes lie before and with the last line feed, or else the last white space; 0 where there is none."""
    near = max(0, size - NEAR_BYTES)
    cut = buffer[near:size].tobytes().rfind(b"\n") + 1
    if cut:
        return near + cut
    data = buffer[:size].tobytes()
    cut = data.rfind(b"\n") + 1
    if cut:
        return cut
    return max((at + len(space) for space in _SPACES if (at := data.rfind(space)) >= 0), default=0)


def _field_blocks(blocks: Iterator[Block], field: TextField, encoding_errors: str, block_bytes: int) -> Iterator[Block]:
    """The texts of one field of JSON lines, or of a column, as blocks."""
    at: list[Any] = [None, 0]  # the block that is read, and its line
    texts: list[bytes] = []
    size = offset = 0
    for text in field.texts(_lines_of(blocks, at), lambda: f"{at[0].name}, line {at[1]}", encoding_errors):
        texts.append(text)
        size += len(text) + 1
        if size >= block_bytes:
            yield _joined(texts, at[0], offset, False)
            offset += size
            texts, size = [], 0
    yield _joined(texts, at[0], offset, True)


def _lines_of(blocks: Iterator[Block], at: list[Any]) -> Iterator[bytes]:
    """The lines of one file; `at` follows."""
    for block in _whole_lines(blocks):
        at[0] = block
        lines = block.bytes.split(b"\n")
        for line in lines if block.last and lines[-1] else lines[:-1]:  # what follows the last line feed comes next
            at[1] += 1
            yield line


def _whole_lines(blocks: Iterator[Block]) -> Iterator[Block]:
    """Blocks that end at line ends: what a long line was cut into is put together again."""
    parts: list[bytes] = []
    for block in blocks:
        if not block.last and block.size and block.buffer[block.size - 1] != 10:
            parts.append(block.bytes)
            continue
        if parts:
            whole = np.frombuffer(b"".join([*parts, block.bytes]), dtype=np.uint8)
            yield Block(whole, len(whole), block.name, block.offset, block.last, block.done)
            parts = []
        else:
            yield block


def _joined(texts: list[bytes], block: Block, offset: int, last: bool) -> Block:
    data = b"\n".join([*texts, bytes(SPARE)]) if texts else bytes(SPARE)
    buffer = np.frombuffer(bytearray(data), dtype=np.uint8)
    return Block(buffer, len(data) - SPARE, block.name, offset, last, block.done)


def not_utf8(block: Block, bad_byte: int, n_lines_before: int, has_choice: bool) -> CorpusError:
    """The error for a byte of `block` that is not UTF-8; `has_choice`: whoever reads can say what to do with it."""
    line = n_lines_before + int(np.count_nonzero(block.buffer[:bad_byte] == 10)) + 1
    encoding = guess_encoding(block.buffer[: min(block.size, SNIFFED_BYTES)].tobytes())
    if encoding:
        hint = f"it looks like {encoding}: iconv -f {encoding} -t UTF-8 FILE converts it"
    else:
        hint = "`encoding_errors` replace or ignore reads on" if has_choice else "write it in UTF-8"
    return CorpusError(
        f"{block.name}, line {line}: byte 0x{block.buffer[bad_byte]:02x} at offset "
        f"{block.offset + bad_byte} is not UTF-8; {hint}"
    )


def read_chunks(sources: Sources, json_field: str | None = None, encoding_errors: str | None = None) -> Iterator[bytes]:
    """Yield a corpus as valid UTF-8 in pieces of about 2 MB that end at line ends (within a huge line at white space).

    Every file ends with a line feed, also where its last line does not.

    Parameters
    ----------
    sources : path or list of paths
        Files, folders, ``"-"`` for standard input.
    json_field : str, optional
        Read JSON lines and take the text from this field, a string or a list of tokens; dots lead into nested
        objects. ``skip:text`` passes over lines without it, ``column:text`` reads a column of a table, see
        `embedkit.text.fields`.
    encoding_errors : {"strict", "replace", "ignore"}, optional
        What to do with bytes that are not UTF-8. Without it strict, and the error names no option that is not there.

    Raises
    ------
    CorpusError
        When something is missing, unreadable, cut off, binary, or not UTF-8 (strict).
    """
    name, n_lines = "", 0
    policy = encoding_errors or "strict"
    for block in read_blocks(list_sources(sources), json_field, policy):
        if block.name != name:
            name, n_lines = block.name, 0
        data = block.bytes
        try:
            data.decode()
        except UnicodeDecodeError as error:
            if policy == "strict":
                raise not_utf8(block, error.start, n_lines, encoding_errors is not None) from None
            data = data.decode("utf-8", policy).encode()
        n_lines += data.count(b"\n")
        if block.last and data and not data.endswith(b"\n"):
            data += b"\n"
        if data:
            yield data


def read_lines(sources: Sources, json_field: str | None = None, encoding_errors: str | None = None) -> Iterator[str]:
    """Yield a corpus line by line, without the line feeds; parameters and errors as in `read_chunks`."""
    rest = ""
    for chunk in read_chunks(sources, json_field, encoding_errors):
        *lines, tail = chunk.decode().split("\n")
        if lines:
            yield rest + lines[0]
            yield from lines[1:]
            rest = tail
        else:
            rest += tail
    if rest:
        yield rest
