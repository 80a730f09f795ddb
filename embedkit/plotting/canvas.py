"""What every picture shares: matplotlib, colours, a font that can write Hangul, saving."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from embedkit.errors import ConfigError, EmbedkitError
from embedkit.files.atomic import atomic_path
from embedkit.plotting.terminal import width_of
from embedkit.text.escaping import escape

SUFFIXES = (".png", ".svg", ".pdf")
COLOURS = ("#2a6fbb", "#d1495b", "#3a8a5f", "#8a5fbf", "#c17d11", "#1f8a96", "#a64d79", "#6b7a2a", "#4a5fd0", "#b3541e")
LIGHT = {"paper": "#ffffff", "ink": "#1d2330", "faint": "#8b93a3", "line": "#d9dde5"}
DARK = {"paper": "#14171f", "ink": "#e8ebf1", "faint": "#8b93a3", "line": "#343a47"}

# Fonts with Hangul, the best for small labels first; by the names that their makers gave them.
KOREAN_FONTS = (
    "NanumGothic",
    "NanumBarunGothic",
    "Noto Sans KR",
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Source Han Sans KR",
    "Source Han Sans K",
    "Pretendard",
    "Apple SD Gothic Neo",
    "AppleGothic",
    "Malgun Gothic",
    "Gulim",
    "Dotum",
    "NanumSquare",
    "UnDotum",
    "Baekmuk Dotum",
    "Noto Serif CJK KR",
    "NanumMyeongjo",
    "Batang",
    "UnBatang",
    "Arial Unicode MS",
)
HOW_TO_GET_A_FONT = (
    "no Korean font is installed, so Hangul shows as boxes (SVG: where it is opened without one); install one, "
    "for example apt install fonts-nanum (Debian, Ubuntu), dnf install google-noto-sans-cjk-fonts (Fedora), "
    "or NanumGothic from hangeul.naver.com"
)


def matplotlib() -> Any:
    """Import matplotlib, drawing into files and never onto a screen.

    Raises
    ------
    EmbedkitError
        When it is not installed: names the extra.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise EmbedkitError(
            "pictures need matplotlib: pip install 'embedkit[plot]' (an .html page needs nothing more)"
        ) from error
    matplotlib.use("Agg")
    return matplotlib


def needs_korean_font(words: Iterable[str]) -> bool:
    """Whether any word has Hangul, Hanja or kana in it, which matplotlib's own font lacks."""
    return any(
        "\u1100" <= letter <= "\u11ff" or "\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3"
        for word in words
        for letter in word
    )


def korean_fonts() -> list[str]:
    """The names of the installed fonts that can write Hangul, the best for small labels first.

    Where matplotlib's own list knows none, the system's folders are searched again: the list is a cache that does
    not notice fonts installed after it was made.
    """
    matplotlib()
    from matplotlib import font_manager

    manager = font_manager.fontManager
    if not any(font.name in KOREAN_FONTS for font in manager.ttflist):
        wanted = [name.replace(" ", "").lower() for name in KOREAN_FONTS]
        for path in sorted(font_manager.findSystemFonts()):
            plain = Path(path).stem.replace("-", "").replace("_", "").lower()
            if any(name in plain for name in wanted):
                with contextlib.suppress(OSError, RuntimeError):
                    manager.addfont(path)
    known = {font.name for font in manager.ttflist}
    return [name for name in KOREAN_FONTS if name in known]


@contextlib.contextmanager
def style(
    words: Iterable[str], dark: bool = False, say: Callable[[str], None] | None = None
) -> Iterator[dict[str, str]]:
    """Set matplotlib up for one picture and yield its palette.

    Parameters
    ----------
    words : iterable of str
        What will be written; decides whether a Korean font is looked for.
    dark : bool, default False
    say : callable, optional
        Is told in one line what to install where Hangul cannot be drawn.
    """
    mpl = matplotlib()
    palette = DARK if dark else LIGHT
    families = ["DejaVu Sans"]
    if needs_korean_font(words):
        fonts = korean_fonts()
        families = [*fonts[:3], *families]  # what the first lacks, rare Hanja for instance, the next may have
        if not fonts and say is not None:
            say(HOW_TO_GET_A_FONT)
    settings = {
        "font.family": families,
        "axes.unicode_minus": False,
        "svg.hashsalt": "embedkit",
        "svg.fonttype": "none",  # text stays text, to be searched and edited
        "pdf.fonttype": 42,
        "figure.facecolor": palette["paper"],
        "axes.facecolor": palette["paper"],
        "text.color": palette["ink"],
        "axes.labelcolor": palette["faint"],
        "axes.edgecolor": palette["line"],
        "xtick.color": palette["faint"],
        "ytick.color": palette["faint"],
        "axes.titlecolor": palette["ink"],
        "axes.titlesize": 14,
        "axes.titlelocation": "left",
        "axes.titlepad": 14,
        "axes.labelsize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
    }
    for logger in ("matplotlib.font_manager", "fontTools.subset"):  # missing bold faces, tables left out of a PDF
        logging.getLogger(logger).setLevel(logging.ERROR)
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield palette


def short_title(title: str, longest: int) -> str:
    """A title escaped, cut where it is wider than so many letters; Hangul counts twice.

    Matplotlib takes minutes to break one of thousands of letters into lines.
    """
    title = escape(title)
    kept = next((n for n, width in enumerate(accumulate(map(width_of, title))) if width > longest), len(title))
    return title if kept == len(title) else f"{title[:kept].rstrip()}…"


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise `ConfigError` before any work is done: for a suffix that cannot be drawn, or without matplotlib."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"cannot tell what to draw into {path}: expected a name ending in {', '.join(SUFFIXES)}, or for "
            "words .html, .tsv or .parquet"
        )
    matplotlib()


def save(figure: Any, path: str | os.PathLike[str], dpi: int = 150) -> None:
    """Write a figure whole or not at all, the same bytes for the same picture."""
    check_target(path)
    suffix = Path(path).suffix.lower()
    stamp = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[suffix]
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=suffix[1:], dpi=dpi, metadata=stamp)
