"""The co-occurrence matrix of some words as a heat map."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from embedkit.errors import ConfigError
from embedkit.plotting import canvas

MOST_WORDS = 200
WRITTEN_UP_TO = 16
LIGHT_STEPS = ("#7db0e0", "#1f5a9c", "#0c2748")
DARK_STEPS = ("#1f5a9c", "#7db0e0", "#f2f7fc")


def draw_heatmap(words: Sequence[str], counts: np.ndarray, path: str | os.PathLike[str], *,
                 title: str | None = None, size: tuple[float, float] | None = None, dpi: int = 150,
                 dark: bool = False, say: Callable[[str], None] | None = None) -> None:
    """Draw how often each word (row) stands near each other (column); the colour is log(1 + count).

    Parameters
    ----------
    words : sequence of str
        At most `MOST_WORDS`.
    counts : float (n_words, n_words)
        Up to 16 words each count is also written into its cell.
    path : path
        Ends in .png, .svg or .pdf.
    title : str, optional
    size : (float, float), optional
        Width and height in inches; by default it grows with the words.
    dpi : int, default 150
    dark : bool, default False
    say : callable, optional
        Is told about a missing Korean font.

    Raises
    ------
    ConfigError
        For no words or too many.
    """
    n = len(words)
    if not 1 <= n <= MOST_WORDS:
        raise ConfigError(f"a heat map takes 1 to {MOST_WORDS} words, found {n}")
    with canvas.style([*words, title or ""], dark, say) as palette:
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.figure import Figure

        side = min(3.5 + 0.42 * min(n, WRITTEN_UP_TO) + 0.2 * max(n - WRITTEN_UP_TO, 0), 24)
        figure = Figure(figsize=size or (side + 1, side), dpi=dpi, layout="constrained")
        axes = figure.add_subplot()
        image = axes.imshow(np.log1p(counts), vmin=0, cmap=LinearSegmentedColormap.from_list(
            "counts", [palette["paper"], *(DARK_STEPS if dark else LIGHT_STEPS)]))
        letters = min(10.0, 45 * side / n)
        axes.set_xticks(range(n), words, rotation=90 if n > 8 else 0, fontsize=letters, color=palette["ink"],
                        parse_math=False)
        axes.set_yticks(range(n), words, fontsize=letters, color=palette["ink"], parse_math=False)
        axes.tick_params(length=0, top=False, labeltop=False)
        axes.spines[:].set_visible(False)
        axes.set_title(title or "")
        if n <= WRITTEN_UP_TO:
            _write_counts(axes, counts, dark, palette)
        bar = figure.colorbar(image, ax=axes, shrink=0.7, aspect=30)
        bar.outline.set_visible(False)
        _label_bar(bar, float(np.max(counts)))
        canvas.save(figure, path, dpi)


def _write_counts(axes: object, counts: np.ndarray, dark: bool, palette: dict[str, str]) -> None:
    most = max(float(np.log1p(counts).max()), 1e-9)
    for (row, column), count in np.ndenumerate(counts):
        strong = np.log1p(count) / most > 0.5
        colour = palette["paper"] if strong else palette["ink"] if count else palette["faint"]
        axes.text(column, row, f"{count:.3g}", ha="center", va="center", fontsize=9, color=colour)   # type: ignore[attr-defined]


def _label_bar(bar: object, most: float) -> None:
    """Ticks of the colour bar at round counts, not at their logarithms."""
    ticks = [0.0] + [10.0**k for k in range(0, 12) if 10.0**k <= most]
    if most > ticks[-1] * 1.5:
        ticks.append(most)
    bar.set_ticks([float(np.log1p(tick)) for tick in ticks], labels=[f"{tick:,.4g}" for tick in ticks])   # type: ignore[attr-defined]
