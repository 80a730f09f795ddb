"""Code points of UTF-8, for kernels that look at characters."""

from __future__ import annotations

from embedkit.kernels.compiling import kernel


@kernel(forceinline=True)
def code_point(data, i):
    """The code point of the character at `i` of valid UTF-8 (uint8), and its bytes."""
    b = int(data[i])
    if b < 0x80:
        return b, 1
    if b < 0xE0:
        return (b & 31) << 6 | int(data[i + 1]) & 63, 2
    if b < 0xF0:
        return (b & 15) << 12 | (int(data[i + 1]) & 63) << 6 | int(data[i + 2]) & 63, 3
    return (b & 7) << 18 | (int(data[i + 1]) & 63) << 12 | (int(data[i + 2]) & 63) << 6 | int(data[i + 3]) & 63, 4
