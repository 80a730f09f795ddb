"""A picture of words in characters, for terminals and pipes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

POINT = "·"


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes: Hangul, Kana and Han take two each, joined marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def scatter(words: Sequence[str], points: np.ndarray, columns: int = 80, lines: int = 24) -> list[str]:
    """Words at their places in a grid of characters.

    The earlier a word, the better its place: a label begins behind its point where there is room, ends before it where
    there is not, and is left out (the point alone stays) where another word is in the way.

    Parameters
    ----------
    words : sequence of str, n
    points : float (n, 2)
        Places in the plane, y upwards.
    columns, lines : int
        The size of the grid.

    Returns
    -------
    list of str
        `lines` lines of at most `columns` columns, without blanks at their ends.
    """
    grid = [[" "] * columns for _ in range(lines)]
    low, high = points.min(axis=0), points.max(axis=0)
    share = (points - low) / np.where(high > low, high - low, 1)
    xs = np.rint(share[:, 0] * (columns - 1)).astype(int)
    ys = np.rint((1 - share[:, 1]) * (lines - 1)).astype(int)
    for x, y in zip(xs, ys, strict=True):
        grid[y][x] = POINT
    for word, x, y in zip(words, xs, ys, strict=True):
        size = width_of(word)
        for begin in (x + 1, x - size):
            if begin >= 0 and begin + size <= columns and _free(grid[y], begin - 1, begin + size + 1, x):
                _write(grid[y], begin, word)
                break
    return ["".join(row).rstrip() for row in grid]


def _free(row: list[str], begin: int, end: int, point: int) -> bool:
    return all(row[i] == " " or i == point for i in range(max(begin, 0), min(end, len(row))))


def _write(row: list[str], begin: int, word: str) -> None:
    """Put a word into a row of cells; a wide character's second cell is empty, a mark joins the cell before it."""
    at = begin
    for char in word:
        size = width_of(char)
        if size == 0:
            row[at - 1] += char
            continue
        row[at] = char
        if size == 2:
            row[at + 1] = ""
        at += size
