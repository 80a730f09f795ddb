"""Characters that nobody sees, for the scanner: a word of these alone is none.

`embedkit.text.symbols.without_bare` says the same with a regular expression. Nearly every word is told by its first
byte, so that scanning takes as long as before.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.utf8 import code_point

# First bytes of characters that `is_invisible` may find.
MAY_BE_INVISIBLE = np.zeros(256, dtype=np.bool_)
MAY_BE_INVISIBLE[[*range(9), *range(14, 28), 0x7F, 0xC2, 0xCD, 0xD8, 0xE1, 0xE2, 0xE3, 0xEF, 0xF0, 0xF3]] = True


@kernel(forceinline=True)
def is_invisible(code):
    """Whether a code point is one that nobody sees, `embedkit.text.symbols.INVISIBLE`."""
    if code < 0x2000:
        if code < 0xA0:
            return code < 0x09 or 0x0E <= code <= 0x1B or 0x7F <= code <= 0x84 or code >= 0x86
        return code in (0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5) or 0x180B <= code <= 0x180F
    if code < 0xFE00:
        return (
            0x200B <= code <= 0x200F
            or 0x202A <= code <= 0x202E
            or 0x2060 <= code <= 0x206F
            or code in (0x20E3, 0x2800, 0x3164)
        )
    if code < 0x10000:
        return code <= 0xFE0F or code in (0xFEFF, 0xFFA0) or 0xFFF0 <= code <= 0xFFF8
    return 0xE0000 <= code <= 0xE0FFF or 0x1BCA0 <= code <= 0x1BCA3 or 0x1D173 <= code <= 0x1D17A


@kernel(borrows=True)
def is_unseen(data, i, end):
    """Whether the word from `i` to `end` is made of what nobody sees."""
    while i < end:
        code, length = code_point(data, i)
        if not is_invisible(code):
            return False
        i += length
    return True
