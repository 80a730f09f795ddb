"""Rows of numbers from text and to text, one byte at a time: ``word v1 v2 … vd`` lines.

**Reading** gives what ``numpy.float32(text)`` gives: the decimal rounded to float64, then to float32. Up to 19 digits
are gathered in an integer m with a decimal exponent e. Where m <= 2**53 and |e| <= 22, m · 10**e costs one rounding
and is the right float64 (Clinger 1990, "How to read floating point numbers accurately", section 3). Otherwise the
product is within 3 units in the last place of the right one; it rounds to the right float32 unless it lies within
`MARGIN` units of the middle between two. Such numbers, subnormal ones, and whatever is not a plain line of one word
and d numbers is left to Python: the kernel stops in front of the line.

**Writing** gives the fewest digits that read back as the same float32. A float32 fixes a little more than 7.2 digits,
so six are tried, then seven, eight and nine; nine always suffice. Trailing zeros go.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel

LARGEST_POWER = 70
POWERS = np.array([float(f"1e{e}") for e in range(-LARGEST_POWER, LARGEST_POWER + 1)])
EXACT_POWER = 22
EXACT_MANTISSA = np.uint64(1 << 53)
MAX_DIGITS = 19
MARGIN = 8
HALF, LOW_BITS = np.int64(1 << 28), np.int64((1 << 29) - 1)
SMALLEST_NORMAL, LARGEST = 2.0**-126, 3.40282355e38
TAB, LINE_FEED, CARRIAGE_RETURN, SPACE, PLUS, MINUS, POINT, ZERO, LETTER_E = 9, 10, 13, 32, 43, 45, 46, 48, 101
QUOTE = 34
TEN, LOWER_CASE = np.uint64(10), 32
WIDEST = 17  # bytes of the longest number written: -0.000123456789 and a space


@kernel
def scale(mantissa, exponent):
    """mantissa · 10**exponent as numpy.float32 would read it, and whether that is certain."""
    if mantissa == np.uint64(0):
        return np.float32(0.0), True
    if exponent < -LARGEST_POWER or exponent > LARGEST_POWER:
        return np.float32(0.0), False
    if exponent < 0 and exponent >= -EXACT_POWER:
        wide = np.float64(mantissa) / POWERS[LARGEST_POWER - exponent]
    else:
        wide = np.float64(mantissa) * POWERS[LARGEST_POWER + exponent]
    if mantissa <= EXACT_MANTISSA and exponent <= EXACT_POWER and exponent >= -EXACT_POWER:
        return np.float32(wide), True
    if wide < SMALLEST_NORMAL or wide > LARGEST:
        return np.float32(0.0), False
    distance = (np.float64(wide).view(np.int64) & LOW_BITS) - HALF
    return np.float32(wide), distance > MARGIN or distance < -MARGIN


@kernel
def parse_number(data, position, stop):
    """The number that starts at `position` of ``data`` (uint8): its float32, where it ends, and whether it is sure.

    What follows is for the caller to look at.
    """
    negative = data[position] == MINUS
    if negative or data[position] == PLUS:
        position += 1
    mantissa = np.uint64(0)
    digits = seen = exponent = 0
    after_point = False
    while position < stop:
        byte = data[position]
        digit = np.int64(byte) - ZERO
        if 0 <= digit <= 9:
            seen += 1
            if digits < MAX_DIGITS:
                mantissa = mantissa * TEN + np.uint64(digit)
                if mantissa != np.uint64(0):
                    digits += 1
                if after_point:
                    exponent -= 1
            elif not after_point:
                exponent += 1
        elif byte == POINT and not after_point:
            after_point = True
        else:
            break
        position += 1
    if seen == 0:
        return np.float32(0.0), position, False
    if position < stop and (data[position] | LOWER_CASE) == LETTER_E:
        position += 1
        down = position < stop and data[position] == MINUS
        if position < stop and (down or data[position] == PLUS):
            position += 1
        power = seen = 0
        while position < stop and 0 <= np.int64(data[position]) - ZERO <= 9:
            power = min(power * 10 + np.int64(data[position]) - ZERO, 100000)
            seen += 1
            position += 1
        if seen == 0:
            return np.float32(0.0), position, False
        exponent += -power if down else power
    value, sure = scale(mantissa, exponent)
    return -value if negative else value, position, sure


@kernel
def parse_lines(data, start, stop, out, words, row):
    """Parse whole lines ``word v1 … vd`` from byte `start`, until `stop`, a full `out`, or a line that is not plain.

    Parameters
    ----------
    data : uint8 (n_bytes,)
    start, stop : int
        Byte positions; `start` is the start of a line, `stop` the end of one.
    out : float32 (n_rows, d)
        Receives the values.
    words : int64 (n_rows, 2)
        Receives the words' first byte and the one behind their last.
    row : int
        The first row to fill.

    Returns
    -------
    row : int
        One behind the last row that was filled.
    start : int
        Where the first line starts that was not parsed.
    """
    size = out.shape[1]
    while start < stop and row < out.shape[0]:
        position = start
        while position < stop and data[position] != SPACE and data[position] != TAB and data[position] != LINE_FEED:
            position += 1
        words[row, 0] = start
        words[row, 1] = position
        if position == start:
            return row, start
        for column in range(size):
            if position >= stop or (data[position] != SPACE and data[position] != TAB):
                return row, start
            position += 1
            if position >= stop:
                return row, start
            value, position, sure = parse_number(data, position, stop)
            if not sure:
                return row, start
            out[row, column] = value
        while position < stop and data[position] != LINE_FEED:
            if data[position] != SPACE and data[position] != TAB and data[position] != CARRIAGE_RETURN:
                return row, start
            position += 1
        start = position + 1
        row += 1
    return row, min(start, stop)


@kernel
def parse_records(data, start, stop, out, words, row, delimiter):
    """As `parse_lines`, of ``word,v1,…,vd`` with any delimiter (its byte); quotation marks are not plain."""
    size = out.shape[1]
    while start < stop and row < out.shape[0]:
        position = start
        while position < stop and data[position] != delimiter:
            if data[position] in (LINE_FEED, CARRIAGE_RETURN) or (position == start and data[position] == QUOTE):
                return row, start
            position += 1
        words[row, 0] = start
        words[row, 1] = position
        if position == start:
            return row, start
        for column in range(size):
            if position + 1 >= stop or data[position] != delimiter:
                return row, start
            value, position, sure = parse_number(data, position + 1, stop)
            if not sure:
                return row, start
            out[row, column] = value
        if position + 1 < stop and data[position] == CARRIAGE_RETURN:
            position += 1
        if position < stop and data[position] != LINE_FEED:
            return row, start
        start = position + 1
        row += 1
    return row, min(start, stop)


@kernel
def shortest(value):
    """The fewest digits of a positive float32: digits as an integer, and the decimal exponent of the first one."""
    wide = np.float64(value)
    power = int(np.floor((np.float64(wide).view(np.int64) >> 52) * 0.30102999566398120 - 307.95367921587270))
    power = max(-60, min(power, 60))  # within one of floor(log10(value)), set right below
    while power < 60 and wide >= POWERS[LARGEST_POWER + power + 1]:
        power += 1
    while wide < POWERS[LARGEST_POWER + power]:
        power -= 1
    digits = np.uint64(0)
    limit = np.uint64(100000)
    for n in range(6, 10):
        limit *= TEN
        exponent = n - 1 - power
        if exponent >= 0:
            digits = np.uint64(np.rint(wide * POWERS[LARGEST_POWER + exponent]))
        else:
            digits = np.uint64(np.rint(wide / POWERS[LARGEST_POWER - exponent]))
        back, sure = scale(digits, -exponent)
        if sure and back == value:
            break
    if digits >= limit:  # rounded up to one digit more
        power += 1
    while digits % TEN == np.uint64(0):
        digits //= TEN
    return digits, power


@kernel
def write_number(value, out, position):
    """Write a float32, plainly from 1e-4 up to 1e8 and with an exponent outside; returns the position behind it."""
    if value < 0 or (value == 0 and np.float32(value).view(np.int32) < 0):
        out[position] = MINUS
        position += 1
        value = -value
    if value == 0:
        out[position], out[position + 1], out[position + 2] = ZERO, POINT, ZERO
        return position + 3
    digits, power = shortest(value)
    n = 0
    rest = digits
    while rest > np.uint64(0):
        rest //= TEN
        n += 1
    fixed = -4 <= power < 8
    point = power + 1 if fixed else 1  # how many places stand in front of the point
    if point <= 0:
        out[position], out[position + 1] = ZERO, POINT
        position += 2
        for _ in range(-point):
            out[position] = ZERO
            position += 1
    written = n + 1 if 0 < point < n else n
    place = position + written
    for i in range(n):
        if n - i == point and i > 0:
            place -= 1
            out[place] = POINT
        place -= 1
        out[place] = ZERO + digits % TEN
        digits //= TEN
    position += written
    if fixed:
        if point >= n:
            for _ in range(point - n):
                out[position] = ZERO
                position += 1
            out[position], out[position + 1] = POINT, ZERO
            position += 2
        return position
    out[position] = LETTER_E
    out[position + 1] = MINUS if power < 0 else PLUS
    power = abs(power)
    out[position + 2] = ZERO + power // 10
    out[position + 3] = ZERO + power % 10
    return position + 4


@kernel
def write_rows(rows, out, ends):
    """Write each row of float32 (n, d) into ``out`` (uint8, n · d · `WIDEST` bytes), a space in front of each value.

    ``ends`` : int64 (n,) receives the position behind each row.
    """
    position = 0
    for row in range(rows.shape[0]):
        for column in range(rows.shape[1]):
            out[position] = SPACE
            position = write_number(rows[row, column], out, position + 1)
        ends[row] = position
