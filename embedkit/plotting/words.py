"""Words as points in the plane, with labels that don't overlap and arrows for analogies."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from embedkit.plotting import canvas
from embedkit.plotting.labels import place_labels
from embedkit.plotting.selection import Selection
from embedkit.text.escaping import escape


def draw_words(
    selection: Selection,
    points: np.ndarray,
    path: str | os.PathLike[str],
    *,
    shares: tuple[float, float] | None = None,
    title: str | None = None,
    size: tuple[float, float] = (10, 8),
    dpi: int = 150,
    dark: bool = False,
    say: Callable[[str], None] | None = None,
) -> int:
    """Draw words where `points` puts them.

    Parameters
    ----------
    selection : Selection
    points : float (n, 2)
    path : path
        Ends in .png, .svg or .pdf.
    shares : (float, float), optional
        The share of the variance along each axis; written beside the axes.
    title : str, optional
    size : (float, float), default (10, 8)
        Width and height in inches.
    dpi : int, default 150
    dark : bool, default False
    say : callable, optional
        Is told about a missing Korean font.

    Returns
    -------
    int
        How many labels found no room; their points are drawn all the same.
    """
    words, title = [escape(word) for word in selection.words], escape(title or "")
    with canvas.style([*words, title], dark, say) as palette:
        from matplotlib.colors import to_rgba
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, dpi=dpi, layout="constrained")
        axes = figure.add_subplot()
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, parse_math=False)
        axes.margins(0.09)
        axes.spines[:].set_visible(False)
        if shares is not None:
            axes.set_xlabel(f"first principal axis: {shares[0]:.0%} of the variance")
            axes.set_ylabel(f"second principal axis: {shares[1]:.0%}")
        colours = [
            canvas.COLOURS[group % len(canvas.COLOURS)] if group >= 0 else canvas.COLOURS[0]
            for group in selection.groups
        ]
        dots = [34 if query else 14 for query in selection.is_query]
        axes.scatter(
            points[:, 0],
            points[:, 1],
            s=dots,
            linewidths=0,
            c=[
                to_rgba(colour, 1.0 if query else 0.75)
                for colour, query in zip(colours, selection.is_query, strict=True)
            ],
        )
        for start, stop in selection.arrows:
            axes.annotate(
                "",
                points[stop],
                points[start],
                zorder=1,
                arrowprops={
                    "arrowstyle": "-|>,head_width=.28,head_length=.6",
                    "color": colours[start],
                    "linewidth": 1.6,
                    "shrinkA": 5,
                    "shrinkB": 5,
                    "alpha": 0.8,
                },
            )
        with_halo = Path(path).suffix.lower() == ".png"  # in the other formats it would turn text into outlines
        left_out = _label(figure, axes, words, selection.is_query, points, colours, palette, with_halo)
        canvas.save(figure, path, dpi)
    return left_out


def _label(
    figure: Any,
    axes: Any,
    words: list[str],
    is_query: list[bool],
    points: np.ndarray,
    colours: list[str],
    palette: dict[str, str],
    with_halo: bool,
) -> int:
    """Write the words beside their points; return how many found no room."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patheffects import Normal, Stroke

    agg = FigureCanvasAgg(figure)
    agg.draw()  # lays the figure out, so that data turn into the pixels they will have
    renderer = agg.get_renderer()
    font_size = 10.5 if len(points) <= 60 else 8.5 if len(points) <= 250 else 7
    halo = [Stroke(linewidth=2.5, foreground=palette["paper"], alpha=0.85), Normal()] if with_halo else []
    texts = [
        axes.text(
            0,
            0,
            word,
            fontsize=font_size + 1.5 * query,
            ha="center",
            va="center",
            color=palette["ink"],
            fontweight="bold" if query else "normal",
            zorder=3,
            parse_math=False,
            path_effects=halo,
        )
        for word, query in zip(words, is_query, strict=True)
    ]
    boxes = [text.get_window_extent(renderer) for text in texts]
    scale = figure.dpi / 100
    frame = axes.get_window_extent(renderer)
    pixels = axes.transData.transform(points)
    sizes = np.array([[box.width, box.height] for box in boxes]) + 2 * scale
    order = sorted(range(len(texts)), key=lambda i: not is_query[i])
    centres = np.full((len(texts), 2), np.nan)
    centres[order] = scale * place_labels(
        pixels[order] / scale,
        sizes[order] / scale,
        (frame.x0 / scale, frame.y0 / scale, frame.x1 / scale, frame.y1 / scale),
    )
    inverse = axes.transData.inverted()
    for i, text in enumerate(texts):
        if np.isnan(centres[i, 0]):
            text.remove()
            continue
        text.set_position(inverse.transform(centres[i]))
        _lead(axes, points[i], inverse, centres[i], sizes[i], pixels[i], scale, palette)
    return int(np.isnan(centres[:, 0]).sum())


def _lead(
    axes: Any,
    point: np.ndarray,
    inverse: Any,
    centre: np.ndarray,
    size: np.ndarray,
    pixel: np.ndarray,
    scale: float,
    palette: dict[str, str],
) -> None:
    """Draw a thin line from a point to a label that had to move away from it."""
    nearest = np.clip(pixel, centre - size / 2, centre + size / 2)
    if np.hypot(*(nearest - pixel)) > 9 * scale:
        end = inverse.transform(nearest)
        axes.plot(
            [point[0], end[0]],
            [point[1], end[1]],
            color=palette["faint"],
            linewidth=0.6,
            zorder=0,
            scalex=False,
            scaley=False,
        )
