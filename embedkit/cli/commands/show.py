"""``embedkit show``: the course in pictures, on the terminal or in a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from embedkit.cli.shared.commands import Commands
from embedkit.cli.shared.features import load_features
from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import chain, json_option, quiet_option, refuse, seed_option
from embedkit.cli.shared.output import Results, note, print_json, print_line
from embedkit.errors import ConfigError, counted

if TYPE_CHECKING:
    from embedkit.nn.models.showing import Heat, Panel

F = TypeVar("F", bound=Callable[..., Any])


def picture_options(command: F) -> F:
    """Where the picture goes."""
    command = quiet_option(command)
    command = json_option(command)
    return click.option("--output", "-o", type=OUTPUT, help="Draw into this .png, .svg, .pdf or .html instead.")(
        command
    )


image_options = chain(
    click.option("--features", type=INPUT, metavar="FILE", help="Of caption: the images, an .npy as in its training."),
    click.option("--image", default=1, show_default=True, type=click.IntRange(1), help="Which one, from 1."),
)


def _image(path: str | None, number: int) -> Any:
    """The features of one image, None where none is named."""
    if path is None:
        refuse(["image"], "without `features`")
        return None
    features = load_features(path, "`features`")
    if number > len(features):
        raise ConfigError(f"`image` {number} is beyond the {counted(len(features), 'image')} of {path}")
    return features[number - 1]


@click.group(cls=Commands, epilog="Example: embedkit show windows 'the king rules the land'")
def show() -> None:
    """See what word vectors and small networks do: gradients, gates, attention, positions, softmax, windows, chains."""


@show.command(epilog="Example: embedkit show gradients --steps 50 --scale 1.5 --clip 1 -o gradients.png")
@click.option("--steps", default=50, show_default=True, type=click.IntRange(2), help="Length of the sequence.")
@click.option("--hidden-size", default=32, show_default=True, type=click.IntRange(1))
@click.option(
    "--scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Of the recurrent weights; above 1 gradients may explode.",
)
@click.option("--clip", type=click.FloatRange(0, min_open=True), help="Show what is left after clipping to this norm.")
@click.option(
    "--forget-bias",
    default=2.0,
    show_default=True,
    type=float,
    help="Added to the biases of the LSTM's forget gate and the GRU's update gate: above 0 more of the state stays, at "
    "0 they are half open and forget as a simple RNN does.",
)
@seed_option
@picture_options
def gradients(output: str | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """How a loss at the last step reaches the steps before: the norm of dL/dx for RNN, GRU and LSTM."""
    from embedkit.nn.models import showing

    _emit(showing.gradients(**options), "gradients through time", output, as_json, quiet)


@show.command(epilog="Example: embedkit show gates pos.safetensors 'I saw the saw'")
@click.argument("model", type=INPUT)
@click.argument("text")
@click.option("--unit", type=click.IntRange(0), help="Of one hidden unit; the mean of all by default.")
@image_options
@picture_options
def gates(
    model: str,
    text: str,
    unit: int | None,
    features: str | None,
    image: int,
    output: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """The gates and the state of a trained LSTM or GRU over the words of TEXT.

    MODEL is one of classify, tag, lm, seq2seq (its encoder over TEXT, its decoder over the translation) or caption
    (over the caption TEXT of an image, or over the model's own where TEXT is empty).
    """
    from embedkit.nn.models import showing

    _emit(showing.gates(model, text, unit, _image(features, image)), text, output, as_json, quiet)


@show.command(epilog="Example: embedkit show attention lm.safetensors 'the king rules' --stage scaled")
@click.argument("model", type=INPUT)
@click.argument("text")
@click.option(
    "--stage",
    default="softmax",
    show_default=True,
    type=click.Choice(["scores", "scaled", "softmax"]),
    help="q k; divided by the root of d; and behind the softmax.",
)
@image_options
@picture_options
def attention(
    model: str,
    text: str,
    stage: str,
    features: str | None,
    image: int,
    output: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Who looks at whom in a trained Transformer (classify, tag, lm, seq2seq), every layer and head.

    Rows look at columns. Recurrent translators (seq2seq) look from each word of their translation at the words of
    TEXT, captions of regions from each word of the caption TEXT, or of the model's own where TEXT is empty.
    """
    from embedkit.nn.models import showing

    _emit(showing.attention(model, text, stage, _image(features, image)), text, output, as_json, quiet)


@show.command(epilog="Example: embedkit show positions --width 32 -o positions.svg")
@click.option("--length", default=20, show_default=True, type=click.IntRange(1), help="Positions.")
@click.option("--width", default=16, show_default=True, type=click.IntRange(2), help="Dimensions.")
@picture_options
def positions(length: int, width: int, output: str | None, as_json: bool, quiet: bool) -> None:
    """The sinusoids that tell a Transformer where a word stands."""
    from embedkit.nn.models import showing

    _emit(showing.positional(length, width), "positions", output, as_json, quiet)


@show.command("softmax-network", epilog="Example: embedkit show softmax-network 'king queen man woman'")
@click.argument("words", default="you say goodbye hello")
@click.option("--steps", default=200, show_default=True, type=click.IntRange(1), help="Of gradient descent.")
@click.option("--rate", default=1.0, show_default=True, type=click.FloatRange(0, min_open=True), help="Learning rate.")
@seed_option
@picture_options
def softmax_network(
    words: str, steps: int, rate: float, seed: int, output: str | None, as_json: bool, quiet: bool
) -> None:
    """A network of two matrices learns which of WORDS follows which: its weights, and its loss from ln V down."""
    from embedkit.nn.models import showing

    _emit(showing.softmax_network(words.split(), steps, rate, seed), words, output, as_json, quiet)


@show.command(epilog="Example: embedkit show windows 'the king rules the land' --window 2 --negative 3")
@click.argument("text")
@click.option("--window", default=2, show_default=True, type=click.IntRange(1), help="Words to either side.")
@click.option("--negative", default=2, show_default=True, type=click.IntRange(0), help="Negatives for each pair.")
@seed_option
@picture_options
def windows(text: str, window: int, negative: int, seed: int, output: str | None, as_json: bool, quiet: bool) -> None:
    """What CBOW and skip-gram learn from a sentence: words, their windows, and the negatives drawn."""
    from embedkit.nn.models import showing

    _emit(showing.windows(text.split(), window, negative, seed), text, output, as_json, quiet)


@show.command(epilog="Example: embedkit show markov lm.safetensors 'the king rules'")
@click.argument("model", type=INPUT)
@click.argument("text")
@picture_options
def markov(model: str, text: str, output: str | None, as_json: bool, quiet: bool) -> None:
    """The chain of an n-gram model (embedkit lm train --model ngram --order 2) and the probability of TEXT in it."""
    from embedkit.counting.ngram import NgramModel
    from embedkit.nn.models import showing

    ngrams = NgramModel.load(model)
    _emit(showing.markov(ngrams, ngrams.cut(text.rstrip())), text, output, as_json, quiet)


def _emit(panels: Sequence[Panel], title: str, output: str | None, as_json: bool, quiet: bool) -> None:
    """Print the panels, or draw them into a file."""
    if output is None:
        for number, panel in enumerate(panels):
            if number and not as_json:
                print_line()
            _print(panel, as_json)
        return
    from embedkit.plotting import panels as drawing

    if output.lower().endswith(".html"):
        drawing.write_page(panels, output, title=title)
    else:
        from embedkit.plotting.canvas import check_target

        check_target(output)
        drawing.draw_panels(panels, output, title=title, say=lambda text: note(f"note: {text}", quiet))
    if as_json:
        print_json({"file": output, "panels": [panel.title for panel in panels]})
    note(f"drawn to {output}", quiet)


def _print(panel: Panel, as_json: bool) -> None:
    """One panel: as a table, a heat map where there is colour, or one JSON object."""
    from embedkit.nn.models.showing import Heat, Lines

    if isinstance(panel, Heat):
        if as_json:
            print_json(
                {"title": panel.title, "rows": panel.rows, "columns": panel.columns, "values": panel.values.tolist()}
            )
        elif sys.stdout.isatty():
            _print_coloured(panel)
        else:
            print_line(panel.title, *panel.columns)
            for name, values in zip(panel.rows, panel.values.tolist(), strict=True):
                print_line(name, *(f"{value:.4f}" for value in values))
        return
    if isinstance(panel, Lines):
        columns = [panel.along, *panel.curves]
        rows = [(x, *values) for x, *values in zip(panel.x, *(c.tolist() for c in panel.curves.values()), strict=True)]
    else:
        columns, rows = panel.columns, panel.rows
    if as_json:
        print_json({"title": panel.title, "columns": columns, "rows": [list(row) for row in rows]})
        return
    with Results(columns, title=panel.title, header=True, digits=6, small=True) as results:
        for row in rows:
            results.row(*row)


def _print_coloured(panel: Heat) -> None:
    """Cells coloured by their size: blue above zero, red below."""
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    from embedkit.cli.shared.heat_map import print_cells

    top = max(float(abs(panel.values).max()), 1e-12)

    def cell(value: float) -> Text:
        fade = round(255 * (1 - abs(value) / top))
        colour = f"#{fade:02x}{fade:02x}ff" if value >= 0 else f"#ff{fade:02x}{fade:02x}"
        return Text(f"{value:.2f}", Style(bgcolor=colour, color="black" if fade > 90 else "white"))

    cells = [list(map(cell, values)) for values in panel.values.tolist()]
    print_cells(Console(), panel.rows, panel.columns, cells, panel.title, "right")
