"""Co-occurrences or similarities of some words with each other as a heat map."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedkit.errors import ConfigError
from embedkit.plotting import canvas
from embedkit.progress import ProgressCallback
from embedkit.text.escaping import escape

if TYPE_CHECKING:
    from embedkit.counting import Cooccurrences

MOST_WORDS = 200
WRITTEN_UP_TO = 16
LIGHT_STEPS = ("#7db0e0", "#1f5a9c", "#0c2748")
DARK_STEPS = ("#1f5a9c", "#7db0e0", "#f2f7fc")


def read_counts(
    path: str | os.PathLike[str],
    vocabulary: str | os.PathLike[str] | None = None,
    window: int = 15,
    progress: ProgressCallback | None = None,
) -> Cooccurrences:
    """Read a file of counts, or count a small text.

    Parameters
    ----------
    path : path
        What ``embedkit cooccur`` wrote, GloVe's ``cooccurrence.bin`` (needs `vocabulary`), or a text.
    vocabulary : path, optional
        Lines of ``word count``.
    window : int, default 15
        For a text: words to either side, each counted 1/distance, all of its words.
    progress : callable, optional

    Raises
    ------
    FormatError, CorpusError
        When the file cannot be read.
    """
    from embedkit.counting import Window, count_cooccurrences, native
    from embedkit.counting.files import load
    from embedkit.vocabulary import Vocabulary

    if native.is_native(path) or vocabulary is not None or os.fspath(path).lower().endswith(".bin"):
        return load(path, None if vocabulary is None else Vocabulary.load(vocabulary), progress=progress)
    from embedkit.counting import long_table
    from embedkit.files.locations import is_file
    from embedkit.vocabulary.corpus import Corpus

    if is_file(os.fspath(path)):
        long_table.refuse(path)
    return count_cooccurrences(
        Corpus.from_text([path], encoding_errors=None, min_count=1, progress=progress),
        Window(window),
        progress=progress,
    )


def counts_among(
    counts: Cooccurrences, words: Sequence[str] = (), most_frequent: int = 30
) -> tuple[list[str], np.ndarray]:
    """The counts of some words with each other.

    Parameters
    ----------
    counts : Cooccurrences
    words : sequence of str
        By default the first `most_frequent` of the vocabulary.
    most_frequent : int, default 30

    Returns
    -------
    words : list of str
    matrix : float64 (n, n)

    Raises
    ------
    UnknownWordError
        For a word that was not counted.
    """
    shown = list(dict.fromkeys(words)) or list(counts.vocabulary.index_to_key[:most_frequent])
    if len(shown) > MOST_WORDS:
        raise ConfigError(f"a heat map takes 1 to {MOST_WORDS} words, found {len(shown)}")
    rows = [counts.row(word) for word in shown]  # an unknown word is an error here
    columns = [counts.row_of(word) for word in shown]
    return shown, np.stack([row[columns] for row in rows])


def draw_heatmap(
    words: Sequence[str],
    counts: np.ndarray,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    size: tuple[float, float] | None = None,
    dpi: int = 150,
    dark: bool = False,
    say: Callable[[str], None] | None = None,
) -> None:
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
    look = _Look(title, size, dpi, dark)
    _draw(words, np.log1p(counts), path, look, say, lambda value: f"{np.expm1(value):.3g}", _label_bar)


def draw_similarities(
    words: Sequence[str],
    values: np.ndarray,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    dark: bool = False,
    say: Callable[[str], None] | None = None,
) -> None:
    """Draw the similarity or distance of each word to each, float (n_words, n_words); see `draw_heatmap`."""
    _draw(words, values, path, _Look(title, None, 150, dark), say, lambda value: f"{value:.2f}", None)


class _Look(NamedTuple):
    """How a picture looks; see `draw_heatmap`."""

    title: str | None
    size: tuple[float, float] | None
    dpi: int
    dark: bool


def _draw(
    words: Sequence[str],
    levels: np.ndarray,
    path: str | os.PathLike[str],
    look: _Look,
    say: Callable[[str], None] | None,
    written: Callable[[float], str],
    label_bar: Callable[[object, float], None] | None,
) -> None:
    """A square of coloured cells; `written` tells what stands in one of a level."""
    n = len(words)
    if not 1 <= n <= MOST_WORDS:
        raise ConfigError(f"a heat map takes 1 to {MOST_WORDS} words, found {n}")
    words, title = [escape(word) for word in words], escape(look.title or "")
    with canvas.style([*words, title], look.dark, say) as palette:
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
        side = min(3.5 + 0.42 * min(n, WRITTEN_UP_TO) + 0.2 * max(n - WRITTEN_UP_TO, 0), 24)
        figure = Figure(figsize=look.size or (side + 1, side), dpi=look.dpi, layout=layout)
        axes = figure.add_subplot()
        image = axes.imshow(
            levels,
            vmin=min(0.0, float(np.min(levels))),
            cmap=LinearSegmentedColormap.from_list(
                "levels", [palette["paper"], *(DARK_STEPS if look.dark else LIGHT_STEPS)]
            ),
        )
        letters = min(10.0, 45 * side / n)
        axes.set_xticks(
            range(n), words, rotation=90 if n > 8 else 0, fontsize=letters, color=palette["ink"], parse_math=False
        )
        axes.set_yticks(range(n), words, fontsize=letters, color=palette["ink"], parse_math=False)
        axes.tick_params(length=0, top=False, labeltop=False)
        axes.spines[:].set_visible(False)
        axes.set_title(title, parse_math=False)
        if n <= WRITTEN_UP_TO:
            _write_values(axes, levels, written, palette)
        bar = figure.colorbar(image, ax=axes, shrink=0.7, aspect=30)
        bar.outline.set_visible(False)
        if label_bar is not None:
            label_bar(bar, float(np.max(levels)))
        canvas.save(figure, path, look.dpi)


def _write_values(axes: object, levels: np.ndarray, written: Callable[[float], str], palette: dict[str, str]) -> None:
    most = max(float(levels.max()), 1e-9)
    for (row, column), level in np.ndenumerate(levels):
        colour = palette["paper"] if level / most > 0.5 else palette["ink"] if level else palette["faint"]
        axes.text(column, row, written(level), ha="center", va="center", fontsize=9, color=colour)  # type: ignore[attr-defined]


def _label_bar(bar: object, highest: float) -> None:
    """Ticks of the colour bar at round counts, not at their logarithms."""
    most = float(np.expm1(highest))
    ticks = [0.0] + [10.0**k for k in range(0, 12) if 10.0**k <= most]
    if most > ticks[-1] * 1.5:
        ticks.append(most)
    bar.set_ticks([float(np.log1p(tick)) for tick in ticks], labels=[f"{tick:,.4g}" for tick in ticks])  # type: ignore[attr-defined]
