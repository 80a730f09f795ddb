"""What `embedkit.text.tokenizers.Tokenizer.rewrite` does, on UTF-8 and by kernels wherever there are some.

Text stays bytes all the way but for what needs Python's own tables: lines that are not composed, and lower case.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from embedkit.kernels.glosses import CLOSING, OPENING_BRACKET, join_behind_closing, put_glosses_behind
from embedkit.kernels.punctuation import drop_punctuation
from embedkit.kernels.symbols import SPACES_PER_BYTE, set_apart, survey
from embedkit.kernels.tokens import close, eight_bytes, padded
from embedkit.text.symbols import composed, plain_symbols, symbol_classes
from embedkit.text.tokenizers import Tokenizer, character_classes, gloss_bits, plain_characters, plain_outside


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
            buffer, size = _through(kernel, buffer, size, size, gloss_bits(), plain_outside(bit))
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
