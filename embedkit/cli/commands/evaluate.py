"""``embedkit evaluate``: word pairs and analogies, for one model or several."""

from __future__ import annotations

import itertools
import sys
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from embedkit.analysis.evaluation import METHODS, RESTRICT_VOCAB, evaluate_analogies, evaluate_pairs
from embedkit.analysis.grouping import evaluate_categories, evaluate_outliers, read_categories, read_outliers
from embedkit.analysis.testsets import LANGUAGES, bundled_analogies, read_analogies, read_pairs
from embedkit.analysis.testsets import bundled as bundled_file
from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse, seed_option
from embedkit.cli.shared.output import Results, note, warn
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.reading import load, reading_options
from embedkit.errors import ConfigError, counted, few_names

if TYPE_CHECKING:
    from embedkit.analysis.evaluation import AnalogiesResult, PairsResult
    from embedkit.analysis.grouping import Categories, OutlierResult, Outliers, PurityResult
    from embedkit.analysis.testsets import Analogies, WordPairs

FEW_PAIRS = 20  # below that a correlation says next to nothing


class Columns(click.ParamType):
    """Three column numbers such as 1,2,4."""

    name = "columns"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        parts = value if isinstance(value, list) else str(value).split(",")
        if len(parts) != 3 or not all(str(part).strip().isdigit() for part in parts):
            self.fail(f"expected three column numbers such as 1,2,4, got {value!r}", param, ctx)
        return [int(part) for part in parts]


@click.command(epilog="Example: embedkit evaluate model.safetensors --pairs ws353.tsv")
@click.argument("models", nargs=-1, required=True, type=INPUT, metavar="MODEL...")
@click.option(
    "--pairs",
    multiple=True,
    type=INPUT,
    metavar="FILE",
    help="Two words and a score a line, separated by tabs, semicolons, commas or spaces; repeatable.",
)
@click.option(
    "--columns",
    type=Columns(),
    metavar="A,B,SCORE",
    help="Which columns of --pairs hold the words and the score, e.g. 1,2,4 for SimLex-999.",
)
@click.option(
    "--analogies",
    multiple=True,
    type=INPUT,
    metavar="FILE",
    help="Four words a line in sections that begin with ': name', or a folder of BATS; repeatable.",
)
@click.option(
    "--categories",
    multiple=True,
    type=INPUT,
    metavar="FILE",
    help="A word and its category a line, with a tab, comma or space between: purity of a clustering; repeatable.",
)
@click.option(
    "--outliers",
    multiple=True,
    type=INPUT,
    metavar="FILE|DIR",
    help="Words that belong together, a blank line, words that do not (8-8-8, WikiSem500); repeatable.",
)
@click.option(
    "--bundled",
    multiple=True,
    type=click.Choice(LANGUAGES),
    help="Analogies and categories of common words, English or Korean, that come with embedkit; repeatable.",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(METHODS),
    default=[METHODS[0]],
    show_default=True,
    help="How analogies are answered; repeatable.",
)
@click.option(
    "--restrict-vocab",
    default=RESTRICT_VOCAB,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Use the first N words only: the most frequent ones.",
)
@click.option("--case-sensitive", is_flag=True, help="Compare words as they are written, not in upper case.")
@click.option(
    "--subwords",
    is_flag=True,
    help="Compose unknown words of pairs from their n-grams where the model has them, rather than skip them.",
)
@click.option(
    "--resamples",
    default=1000,
    show_default=True,
    type=click.IntRange(1),
    help="Bootstrap samples behind the intervals of correlations.",
)
@seed_option
@reading_options
@json_option
@quiet_option
def evaluate(
    models: tuple[str, ...],
    pairs: tuple[str, ...],
    columns: list[int] | None,
    analogies: tuple[str, ...],
    categories: tuple[str, ...],
    outliers: tuple[str, ...],
    bundled: tuple[str, ...],
    methods: tuple[str, ...],
    restrict_vocab: int,
    case_sensitive: bool,
    subwords: bool,
    resamples: int,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Word pairs and analogies against human judgement.

    For word pairs: Spearman's and Pearson's correlation of cosine similarities with the scores, each with a 95 %
    bootstrap interval. For analogies: the share of right answers by section, then in semantic and syntactic
    sections (those named gram...) and in total. For categories: the purity of a clustering; for outliers: how often
    the word that does not belong stands out, and how far down it stands (OPP). `used` of `total` pairs, questions or
    words had all their words in the vocabulary; the others are skipped. Numbers of pairs and analogies are gensim's.

    \b
    In Korean: embedkit evaluate ko.safetensors --bundled ko
    """
    if not (pairs or analogies or categories or outliers or bundled):
        raise ConfigError(
            "nothing to evaluate on: give --pairs, --analogies, --categories or --outliers with a FILE, or --bundled"
        )
    if not (analogies or bundled):
        refuse(["methods"], "without `analogies`")
    if not pairs:
        refuse(("columns", "subwords", "resamples"), "without `pairs`")
    if not (pairs or categories or bundled):
        refuse(["seed"], "without `pairs` or `categories`")
    if not (pairs or analogies or bundled):
        refuse(("restrict_vocab", "case_sensitive"), "without `pairs` or `analogies`")
    tests = _Tests(
        [read_pairs(path, columns) for path in pairs],
        [*map(read_analogies, analogies), *map(bundled_analogies, bundled)],
        [
            *map(read_categories, categories),
            *(read_categories(bundled_file(f"categories.{language}.tsv", language)) for language in bundled),
        ],
        [read_outliers(path) for path in outliers],
    )
    passed_over = [test.notes for test in tests.pairs] + [test.notes for test in tests.analogies]
    for line in itertools.chain.from_iterable(passed_over):
        note(f"note: {line}", quiet)
    protocol: dict[str, Any] = {"restrict_vocab": restrict_vocab, "case_sensitive": case_sensitive}
    of_pairs: dict[str, Any] = {"subwords": subwords, "resamples": resamples, "seed": seed}
    names = _short_names(models)
    rows: list[_Row] = []
    beginnings: dict[str, str] = {}
    with progress_bar(quiet) as progress:
        for name, path in zip(names, models, strict=True):
            vectors = load(path)
            beginnings[name] = few_names(list(vectors.index_to_key[:3]))
            rows += itertools.chain.from_iterable(
                _pair_rows(name, evaluate_pairs(vectors, test, **protocol, **of_pairs)) for test in tests.pairs
            )
            for test, method in itertools.product(tests.analogies, dict.fromkeys(methods)):
                found = evaluate_analogies(vectors, test, method=method, progress=progress, **protocol)
                rows += _analogy_rows(name, method, found)
            rows += [_purity_row(name, evaluate_categories(vectors, test, seed=seed)) for test in tests.categories]
            for group in tests.outliers:
                rows += _outlier_rows(name, evaluate_outliers(vectors, group))
    order = {key: place for place, key in enumerate(dict.fromkeys(map(_measure, rows)))}
    rows.sort(key=lambda row: order[_measure(row)])  # stable: the same measure of several models side by side
    _print(names, rows, _protocols(restrict_vocab, case_sensitive, subwords), as_json, quiet)
    return _tell_uncovered(rows, beginnings)


class _Tests(NamedTuple):
    """What models are measured on."""

    pairs: list[WordPairs]
    analogies: list[Analogies]
    categories: list[Categories]
    outliers: list[Outliers]


class _Row(NamedTuple):
    """A line of the answer: and its columns."""

    model: str
    test: str
    section: str | None
    measure: str
    value: float | None
    low: float | None
    high: float | None
    used: int
    total: int


def _measure(row: _Row) -> tuple[str, str | None, str]:
    """What was measured, whichever the model."""
    return row.test, row.section, row.measure


def _protocols(restrict_vocab: int, case_sensitive: bool, subwords: bool) -> dict[str, str]:
    """How each kind of test is measured."""
    rules = f"the first {restrict_vocab} words, {'as written' if case_sensitive else 'upper and lower case alike'}"
    unknown = "unknown words composed from their n-grams" if subwords else "pairs with unknown words skipped"
    return {
        "pairs": f"cosine of {rules}; {unknown}; 95 % bootstrap interval",
        "analogies": f"{rules}; questions with unknown words skipped; the question's own words are no answers",
        "categories": "spherical k-means, as many clusters as categories; unknown words skipped",
        "outliers": "mean cosine with the other words of the group; unknown words skipped",
    }


def _print(names: list[str], rows: list[_Row], protocols: dict[str, str], as_json: bool, quiet: bool) -> None:
    if as_json:
        with Results([*_Row._fields, "protocol"], as_json) as results:
            for row in rows:
                results.row(*row, protocols[_kind(row)])
        return
    for kind in dict.fromkeys(map(_kind, rows)):
        note(f"note: {kind}: {protocols[kind]}", quiet)
    if sys.stdout.isatty():
        _print_side_by_side(names, rows)
        return
    with Results(_Row._fields, header=True) as results:
        for row in rows:
            results.row(*row)


def _tell_uncovered(rows: list[_Row], beginnings: dict[str, str]) -> int:
    """Warn of tests that few or none of a model's words are in; the exit status, 1 where none is.

    Its first words tell how they look: with tags (학교/NNG), with prefixes.
    """
    for name, test, used, total in dict.fromkeys(
        (row.model, row.test, row.used, row.total) for row in rows if _kind(row) == "pairs"
    ):
        if 0 < used < FEW_PAIRS:
            warn(
                f"{name}: only {used} of {counted(total, 'pair')} of {test} are covered: too few to mean anything",
                "warning",
            )
    empty = dict.fromkeys((row.model, row.test) for row in rows if row.used == 0 and row.section in (None, "total"))
    for name, test in empty:
        warn(f"{name}: no line of {test} has all its words in the vocabulary, which begins with {beginnings[name]}")
    return 1 if empty else 0


def _pair_rows(model: str, result: PairsResult) -> list[_Row]:
    return [
        _Row(
            model,
            result.name,
            None,
            measure,
            _number(found.value),
            _number(found.low),
            _number(found.high),
            result.used,
            result.total,
        )
        for measure, found in (("spearman", result.spearman), ("pearson", result.pearson))
    ]


def _analogy_rows(model: str, method: str, result: AnalogiesResult) -> list[_Row]:
    return [
        _Row(
            model,
            result.name,
            section.name,
            method,
            _number(section.accuracy),
            None,
            None,
            section.used,
            section.total,
        )
        for section in (*result.sections, *result.sums)
    ]


def _purity_row(model: str, result: PurityResult) -> _Row:
    return _Row(model, result.name, None, "purity", _number(result.purity), None, None, result.used, result.total)


def _outlier_rows(model: str, result: OutlierResult) -> list[_Row]:
    measures = (("accuracy", result.accuracy), ("opp", result.opp))
    return [
        _Row(model, result.name, None, measure, _number(value), None, None, result.used, result.total)
        for measure, value in measures
    ]


def _kind(row: _Row) -> str:
    """What a row was measured on."""
    if row.section is not None:
        return "analogies"
    return {"purity": "categories", "accuracy": "outliers", "opp": "outliers"}.get(row.measure, "pairs")


def _number(value: float) -> float | None:
    return None if isnan(value) else value


def _print_side_by_side(names: list[str], rows: list[_Row]) -> None:
    """A table for the eye: a line a measure or section, a column a model."""
    cells: dict[tuple[Any, ...], dict[str, str]] = {}
    for model, test, section, measure, value, low, high, used, total in rows:
        interval = "" if low is None else f" [{low:.3f}, {high:.3f}]"
        shown = "–" if value is None else f"{value:.4f}"
        cells.setdefault((test, section, measure), {})[model] = f"{shown}{interval}  {used}/{total}"
    with Results(["test", *names]) as results:
        heading = None
        for (test, section, measure), by_model in cells.items():
            if section is not None and heading != (test, measure):
                heading = (test, measure)
                results.row(f"{test} {measure}", *("" for _ in names))
            results.row(f"{test} {measure}" if section is None else f"  {section}", *(by_model[n] for n in names))


def _short_names(paths: tuple[str, ...]) -> list[str]:
    """File names, or the whole paths where file names are not enough to tell the models apart."""
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)
