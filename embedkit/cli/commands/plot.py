"""``embedkit plot``: words in the plane, training curves, co-occurrence counts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import given, json_option, quiet_option, refuse
from embedkit.cli.shared.output import note, print_json, print_line
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.reading import load, reading_options, refuse_reading
from embedkit.errors import ConfigError, counted
from embedkit.plotting.canvas import check_target
from embedkit.text.escaping import escape

if TYPE_CHECKING:
    import numpy as np

    from embedkit.counting import Cooccurrences
    from embedkit.plotting.selection import Selection

MOST_FREQUENT, MOST_FREQUENT_ON_PAGE, MOST_FREQUENT_IN_TERMINAL, HEAT_MAP_WORDS = 200, 5000, 60, 30
TABLES = (".tsv", ".parquet")  # places instead of a picture, for other programs


@click.command(epilog="Example: embedkit plot model.safetensors king paris --neighbours 12 -o words.png")
@click.argument("model", required=False, type=INPUT)
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option(
    "--output",
    "-o",
    type=OUTPUT,
    help="Where to draw: .png, .svg, .pdf, or .html for the interactive page; .tsv or .parquet for the words' places. "
    "Without it, here in characters.",
)
@click.option(
    "--neighbours",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Show the N nearest neighbours of each word too.",
)
@click.option(
    "--analogy",
    "analogies",
    nargs=4,
    multiple=True,
    metavar="A B C D",
    help="Draw the arrows A to B and C to D, e.g. man king woman queen; repeatable.",
)
@click.option(
    "--top",
    type=click.IntRange(2),
    metavar="N",
    help="Without words: the N most frequent  [default: 200, on a page 5000].",
)
@click.option(
    "--method",
    type=click.Choice(["pca", "tsne"]),
    help="PCA keeps directions (for arrows), t-SNE keeps neighbours (for groups).  [default: t-SNE from 30 words on "
    "where there are no arrows]",
)
@click.option(
    "--perplexity",
    default=30.0,
    show_default=True,
    type=click.FloatRange(1, min_open=True),
    help="Of t-SNE: about how many neighbours each word keeps.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=INPUT,
    metavar="FILE",
    help="Draw the training curves of a log that train --log wrote; repeatable, no MODEL.",
)
@click.option(
    "--cooccurrences",
    type=INPUT,
    metavar="FILE",
    help="Draw a heat map of the counts in this file (of embedkit cooccur, or a small text), no MODEL: of "
    "the WORDs, or the --top 30.",
)
@click.option("--vocab", type=INPUT, metavar="FILE", help="The words of a cooccurrence.bin, with their counts.")
@click.option(
    "--window",
    default=15,
    show_default=True,
    type=click.IntRange(1),
    help="Of a text given to --cooccurrences: words to either side.",
)
@click.option(
    "--colour",
    "--color",
    metavar="counts|FILE",
    help="On a page: colour words by their frequency, or by a file of word<TAB>value lines (numbers or categories).",
)
@click.option("--title", help="Above the picture.")
@click.option(
    "--size", nargs=2, type=click.FloatRange(1, 100), metavar="WIDTH HEIGHT", help="In inches  [default: 10 8]."
)
@click.option("--dpi", default=150, show_default=True, type=click.IntRange(20, 1200), help="Dots an inch in a PNG.")
@click.option("--dark", is_flag=True, help="Light on dark (the page follows the reader's own setting).")
@reading_options
@json_option
@quiet_option
def plot(
    model: str | None,
    words: tuple[str, ...],
    output: str | None,
    neighbours: int,
    analogies: tuple[tuple[str, str, str, str], ...],
    top: int | None,
    method: str | None,
    perplexity: float,
    logs: tuple[str, ...],
    cooccurrences: str | None,
    vocab: str | None,
    window: int,
    colour: str | None,
    title: str | None,
    size: tuple[float, float] | None,
    dpi: int,
    dark: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Draw a picture of words: those given, with their neighbours, or the most frequent ones.

    Without -o the picture is drawn in characters on standard output. The .html page holds everything it needs: it
    opens from disk, can be moved, zoomed and searched, and shows a word's neighbours on a click. The other formats
    need matplotlib: pip install 'embedkit[plot]'. --json says what was drawn where, or without -o where each word
    (each count) is.
    """
    on_page = output is not None and Path(output).suffix.lower() == ".html"
    _refuse_idle(output, logs, cooccurrences, [*([model] if model else []), *words], analogies, method)
    look: dict[str, Any] = {"title": title, "dpi": dpi, "dark": dark, "say": lambda text: note(f"note: {text}", quiet)}
    if size:
        look["size"] = size
    if logs or cooccurrences:
        if on_page or (logs and (model or cooccurrences)):
            raise ConfigError("training curves take no MODEL, and curves and heat maps go into a .png, .svg or .pdf")
        if output is None and logs:
            raise ConfigError("training curves need a file to be drawn in: -o curves.png, .svg or .pdf")
        if output is not None:
            check_target(output)
    if logs:
        _draw_curves(logs, str(output), look, as_json, quiet)
    elif cooccurrences:
        from embedkit.plotting.heatmap import read_counts

        with progress_bar(quiet) as progress:
            counts = read_counts(cooccurrences, vocab, window, progress)
        if model and os.path.isfile(model) and model not in counts.vocabulary:
            raise ConfigError(f"{model} is a file: a heat map is of `cooccurrences`, and takes words, no MODEL")
        _draw_counts(counts, (model, *words) if model else words, top, output, look, as_json, quiet)
    elif model is None:
        raise ConfigError(
            "expected a MODEL to draw words of, --log FILE for training curves, or --cooccurrences FILE for a heat map"
        )
    else:
        selection = {
            "words": words,
            "neighbours": neighbours,
            "analogies": analogies,
            "most_frequent": top or _most_frequent(output),
        }
        if method is None and given(["perplexity"]):
            method = "tsne"
        _draw_words(model, output, look, selection, method, perplexity, colour, as_json, quiet)


def _most_frequent(output: str | None) -> int:
    """How many words are drawn where none is named."""
    if output is None:
        return MOST_FREQUENT_IN_TERMINAL
    return MOST_FREQUENT_ON_PAGE if Path(output).suffix.lower() in (".html", *TABLES) else MOST_FREQUENT


def _draw_curves(logs: Sequence[str], output: str, look: dict[str, Any], as_json: bool, quiet: bool) -> None:
    from embedkit.plotting.curves import draw_curves

    draw_curves(logs, output, **look)
    if as_json:
        print_json({"file": output, "runs": len(logs)})
    note(f"{output}: training curves of {counted(len(logs), 'run')}", quiet)


def _draw_counts(
    counts: Cooccurrences,
    words: Sequence[str],
    top: int | None,
    output: str | None,
    look: dict[str, Any],
    as_json: bool,
    quiet: bool,
) -> None:
    from embedkit.plotting.heatmap import counts_among, draw_heatmap

    shown, matrix = counts_among(counts, words, top or (HEAT_MAP_WORDS if output else HEAT_MAP_WORDS // 3))
    if output is None and as_json:
        for word, row in zip(shown, matrix.tolist(), strict=True):
            print_json({"word": word, "values": dict(zip(shown, row, strict=True))})
    elif output is None:
        from embedkit.cli.shared.heat_map import print_heat_map

        print_heat_map(matrix, shown, shown)
    else:
        draw_heatmap(shown, matrix, output, **look)
        if as_json:
            print_json({"file": output, "words": len(shown)})
        note(f"{output}: counts of {len(shown)} words with each other", quiet)


def _refuse_idle(
    output: str | None,
    logs: Sequence[str],
    cooccurrences: str | None,
    words: Sequence[str],
    analogies: Any,
    method: str | None,
) -> None:
    suffix = Path(output or "").suffix.lower()
    of_words = ("neighbours", "analogies", "method", "perplexity")
    if output is None:
        refuse(("size", "dpi", "dark", "title"), "without `output`: it is for a file")
    elif suffix == ".html":
        refuse(("size", "dpi", "dark"), "on a page: it fits its window and follows the reader's own setting")
    if suffix != ".html":
        refuse(["colour"], "but on an .html page")
    if suffix in TABLES:
        refuse(("size", "dpi", "dark", "title"), f"in a {suffix}, which is no picture")
    elif suffix not in (".png", ".html", ""):
        refuse(["dpi"], f"in a {suffix or 'picture'}: it is for .png")
    if logs or cooccurrences:
        refuse_reading("without a model")
    if logs:
        refuse((*of_words, "top", "vocab", "window"), "with `logs`: curves show no words")
    elif cooccurrences:
        from embedkit.counting import native

        refuse(of_words, "with `cooccurrences`: it belongs to pictures of vectors")
        if words:
            refuse(["top"], "beside words")
        if cooccurrences.endswith(".bin") or native.is_native(cooccurrences):
            refuse(["window"], f"on {cooccurrences}: its counts were made before")
        if not cooccurrences.endswith(".bin"):
            refuse(["vocab"], f"on {cooccurrences}: it is for a cooccurrence.bin")
    else:
        refuse(("vocab", "window"), "without `cooccurrences`")
        if method == "pca" or (method is None and analogies):
            refuse(["perplexity"], "with `method` pca: it is for tsne")
        if len(words) > 1 or analogies:  # the first is the model
            refuse(["top"], "beside words")
        else:
            refuse(["neighbours"], "without words: the most frequent ones are shown by themselves")


def _draw_words(
    model: str,
    output: str | None,
    look: dict[str, Any],
    selection: dict[str, Any],
    method: str | None,
    perplexity: float,
    colour: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    suffix = Path(output or "").suffix.lower()
    on_page = suffix == ".html"
    if output is not None and not on_page and suffix not in TABLES:
        check_target(output)
    from embedkit.plotting.projection import project, suited
    from embedkit.plotting.selection import select

    vectors = load(model)
    chosen = select(vectors, **selection, say=lambda message: note(f"note: {message}", quiet))
    if method is None:
        method, better = suited(len(chosen.words), bool(chosen.arrows))
        note(f"note: {better}", quiet or better is None)
    with progress_bar(quiet) as progress:
        points, shares = project(chosen.vectors, method, perplexity, progress)
    how = f"PCA, {sum(shares):.0%} of the variance" if shares else f"t-SNE, perplexity {perplexity:g}"
    wrote = f"{len(chosen.words):,} of {counted(len(vectors), 'word')}, {how}"
    if output is None and as_json:
        from embedkit.plotting.table import rows_of

        for row in rows_of(chosen, points, vectors):
            print_json(row)
        return
    if as_json:
        print_json({"file": output, "words": len(chosen.words), "of": len(vectors), "method": how})
    if output is None:
        _print_words(chosen, points)
        note(f"note: {wrote}; -o FILE draws a .png, .svg, .pdf or an .html page", quiet)
        return
    if suffix in TABLES:
        from embedkit.plotting.table import write_table

        write_table(chosen, points, output, vectors)
        note(f"{output}: {wrote}", quiet)
        return
    if on_page:
        from embedkit.plotting.colouring import column
        from embedkit.plotting.page import write_page

        write_page(
            chosen,
            points,
            output,
            title=look["title"] or Path(model).name,
            subtitle=f"{len(chosen.words):,} of {len(vectors):,} words shown; {vectors.vector_size} dimensions; {how}",
            model=vectors,
            column=None if colour is None else column(colour, chosen.words, vectors),
        )
        note(f"{output}: {wrote}", quiet)
        return
    from embedkit.plotting.words import draw_words

    left_out = draw_words(chosen, points, output, shares=shares, **look)
    note(f"{output}: {wrote}", quiet)
    if left_out:
        note(
            f"note: {left_out} of {counted(len(chosen.words), 'label')} found no room; fewer words or a larger --size "
            "help",
            quiet,
        )


def _print_words(chosen: Selection, points: np.ndarray) -> None:
    """The picture in characters, as large as the terminal; in a pipe 100 by 30."""
    from embedkit.plotting.terminal import scatter

    size = shutil.get_terminal_size((100, 30))
    order = sorted(range(len(chosen.words)), key=lambda i: not chosen.is_query[i])
    words = [escape(chosen.words[i]) for i in order]
    for line in scatter(words, points[order], min(size.columns, 120), max(10, min(size.lines - 2, 40))):
        print_line(line)
