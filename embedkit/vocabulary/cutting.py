"""What `embedkit.text.tokenizers.Tokenizer.rewrite` does, on UTF-8 and by kernels wherever there are some.

Text stays bytes all the way but for what needs Python's own tables: lines that are not composed, and lower case.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from embedkit.kernels.glosses import CLOSING, OPENING_BRACKET, join_behind_closing, put_glosses_behind
from embedkit.kernels.korean import cut_ordinary_lines
from embedkit.kernels.punctuation import drop_punctuation
from embedkit.kernels.symbols import SPACES_PER_BYTE, set_apart, survey
from embedkit.kernels.tokens import close, eight_bytes, padded
from embedkit.text.symbols import composed, plain_symbols, symbol_classes
from embedkit.text.tokenizers import (
    Tokenizer,
    character_classes,
    korean_entries,
    plain_characters,
    plain_outside,
)

BYTES_PER_HOLE = 256  # where more lines are out of the ordinary, the way for all text is taken


def buffer_of(data: bytes) -> tuple[np.ndarray, int]:
    """Bytes in a uint8 array with room behind them for a line feed and padding; and how many they are."""
    buffer = padded(len(data) + 1)
    buffer[: len(data)] = np.frombuffer(data, dtype=np.uint8)
    return buffer, len(data)


def cut(tokenizer: Tokenizer, buffer: np.ndarray, size: int) -> tuple[np.ndarray, int, int]:
    """Text with white space between its tokens.

    Parameters
    ----------
    tokenizer : Tokenizer
        Not a plain one.
    buffer : uint8 (>= size + PADDING + 1,)
        UTF-8; what stands behind `size` is written over.
    size : int

    Returns
    -------
    (buffer, size, bad_byte)
        `bad_byte` is -1, or the place of the first byte that is not UTF-8.
    """
    if not tokenizer.drops_punctuation:
        return _prepared(tokenizer, buffer, size)
    done = cut_ordinary(tokenizer, buffer, size) if tokenizer.drops_glosses and not tokenizer.lowercase else None
    return (*done, -1) if done is not None else cut_any(tokenizer, buffer, size)


def cut_ordinary(tokenizer: Tokenizer, buffer: np.ndarray, size: int) -> tuple[np.ndarray, int] | None:
    """`cut_any` in one pass, but for lines that need more; None where many do, or where bytes are not UTF-8."""
    close(buffer, size)
    out = padded(SPACES_PER_BYTE * size + 1)
    holes = np.empty((size // BYTES_PER_HOLE + 1, 3), np.int64)
    new_size, n_holes = cut_ordinary_lines(buffer, size, out, korean_entries(), holes, SPACES_PER_BYTE)
    if new_size < 0:
        return None
    if n_holes == 0:
        return out, new_size
    places = holes[:n_holes].tolist()
    lines = b"\n".join(buffer[start:stop].tobytes() for _, start, stop in places)
    mended, mended_size, bad_byte = cut_any(tokenizer, *buffer_of(lines))
    if bad_byte >= 0:
        return None
    for (to, start, stop), line in zip(places, mended[:mended_size].tobytes().split(b"\n"), strict=True):
        room = SPACES_PER_BYTE * (stop - start)
        if len(line) > room:
            return None
        out[to : to + room] = np.frombuffer(line.ljust(room), np.uint8)
    return out, new_size


def cut_any(tokenizer: Tokenizer, buffer: np.ndarray, size: int) -> tuple[np.ndarray, int, int]:
    """`cut` by one pass after the other, for all tokenizers that leave out punctuation."""
    close(buffer, size)
    lines = np.empty((1000, 2), np.int64)
    is_special, n_lines, bad_byte = survey(buffer, eight_bytes(buffer), size, symbol_classes(), lines)
    if bad_byte >= 0:
        return buffer, size, bad_byte
    if n_lines:
        data = buffer[:size].tobytes()
        whole = np.array([[0, size]])
        buffer, size = buffer_of(composed(data, whole if n_lines > len(lines) else lines[:n_lines]))
    if tokenizer.drops_glosses:
        for kernel, bit in ((put_glosses_behind, OPENING_BRACKET), (join_behind_closing, CLOSING)):
            buffer, size = _through(kernel, buffer, size, size, korean_entries(), plain_outside(bit))
    if tokenizer.lowercase:
        buffer, size, _ = _prepared(tokenizer, buffer, size)
    if is_special:
        room = SPACES_PER_BYTE * size
        buffer, size = _through(set_apart, buffer, size, room, symbol_classes(), plain_symbols())
    buffer, size = _through(drop_punctuation, buffer, size, size, character_classes(), plain_characters())
    return buffer, size, -1


def _through(
    kernel: Callable[..., int], buffer: np.ndarray, size: int, room: int, classes: np.ndarray, plain: np.ndarray
) -> tuple[np.ndarray, int]:
    """What a kernel makes of a buffer, and its size; at most `room` bytes."""
    out = padded(room + 1)
    return out, kernel(buffer, size, out, classes, plain)


def _prepared(tokenizer: Tokenizer, buffer: np.ndarray, size: int) -> tuple[np.ndarray, int, int]:
    try:
        text = buffer[:size].tobytes().decode()
    except UnicodeDecodeError as error:
        return buffer, size, error.start
    return *buffer_of(tokenizer.prepare(text).encode()), -1
