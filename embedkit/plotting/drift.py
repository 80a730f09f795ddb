"""How far words have moved from their first period, as curves above a band of noise."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from embedkit.plotting import canvas
from embedkit.text.escaping import escape


def draw_drift(
    words: Sequence[str],
    steps: np.ndarray,
    periods: Sequence[str],
    path: str | os.PathLike[str],
    *,
    noise: np.ndarray | None = None,
    title: str = "",
    dpi: int = 150,
    say: Callable[[str], None] | None = None,
) -> None:
    """Draw the change of some words from period to period.

    Parameters
    ----------
    words : sequence of str
    steps : float (n_periods - 1, n_words)
        Cosine distances between one period and the next.
    periods : sequence of str
    path : path
        Ends in .png, .svg or .pdf.
    noise : float (n,), optional
        Distances without any time between: the band goes to their 95th percentile.
    title : str
    dpi : int, default 150
    say : callable, optional
        Is told about a missing Korean font.
    """
    words, periods = [escape(word) for word in words], [escape(period) for period in periods]
    title = escape(title)
    with canvas.style([*words, *periods, title], say=say) as palette:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(max(6, 1.6 * len(periods)), 4.5), dpi=dpi, layout="constrained")
        axes = figure.add_subplot()
        if noise is not None:
            axes.axhspan(0, float(np.percentile(noise, 95)), color=palette["line"], alpha=0.6, lw=0, label="noise")
        places = np.arange(1, len(periods)) - 0.5
        for i, word in enumerate(words):
            colour = canvas.COLOURS[i % len(canvas.COLOURS)]
            axes.plot(places, steps[:, i], marker="o", color=colour, linewidth=1.8, label=word)
        axes.set_xlim(-0.25, len(periods) - 0.75)
        axes.set_ylim(0, None)
        axes.set_xticks(range(len(periods)), periods, parse_math=False)
        axes.set_ylabel("cosine distance to the period before")
        axes.set_title(title, parse_math=False)
        for text in axes.legend().get_texts():
            text.set_parse_math(False)
        canvas.save(figure, path, dpi)
