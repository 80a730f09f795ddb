"""``embedkit similar``: the nearest neighbours of words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
import numpy as np

from embedkit.cli.shared.files import INPUT, held_by_stdin
from embedkit.cli.shared.options import given, json_option, quiet_option, refuse, topn_option
from embedkit.cli.shared.output import Results, note, warn
from embedkit.cli.shared.queries import Asking, Inquiry, Refused, query_batches, questions, show
from embedkit.cli.shared.reading import load, reading, reading_options
from embedkit.cli.shared.words import word_list
from embedkit.errors import ConfigError
from embedkit.query.combining import total
from embedkit.query.isotropy import learnt_nothing
from embedkit.query.neighbours import METRICS
from embedkit.query.questions import Question, changed
from embedkit.query.selecting import rank

Answer = Callable[[Sequence[Question]], list[Any]]


@click.command(cls=Asking, epilog="Example: embedkit similar model.safetensors king queen --topn 5")
@click.argument("model", type=INPUT)
@questions("words", "[WORD]...")
@topn_option
@click.option("--plus", multiple=True, metavar="WORD", help="Add this word to each question; repeatable.")
@click.option("--minus", multiple=True, metavar="WORD", help="Take this word from each question; repeatable.")
@click.option(
    "--metric",
    default="cosine",
    show_default=True,
    type=click.Choice(METRICS),
    help="l2 is the Euclidean distance: smaller is nearer.",
)
@click.option("--among", metavar="FILE|WORD,…", help="Answer with these words only.")
@click.option(
    "--above", type=float, metavar="VALUE", help="All words of this value or more; --topn limits their number."
)
@click.option("--rank", "ranked", multiple=True, metavar="WORD", help="Tell the place of this word; repeatable.")
@click.option("--exclude", multiple=True, metavar="WORD", help="Leave this word out of the answers; repeatable.")
@click.option(
    "--restrict-vocab",
    type=click.IntRange(1),
    metavar="N",
    help="Search the first N words only: the most frequent ones.",
)
@click.option(
    "--index",
    "index_file",
    type=INPUT,
    metavar="FILE",
    help="Ask this index, made by embedkit index, rather than compare with every vector.",
)
@json_option
@reading_options
@quiet_option
def similar(model: str, words: tuple[str, ...], as_json: bool, quiet: bool, **options: Any) -> int:
    """The nearest neighbours of each WORD, or of each line of standard input.

    A line, or a quoted argument, may be a sum: "king - man + woman", "2*king - man", with spaces around the operators;
    --plus and --minus do the same to every question, and stand alone where there is none. Several words stand for
    their mean, or for their token: new york for new_york. Piped, each answer is a line query<TAB>neighbour<TAB>value,
    with --rank query<TAB>word<TAB>rank<TAB>value. A word outside the vocabulary is composed from its n-grams where the
    model has them; else it is an error that names close spellings, the other queries go on, and the exit status is 1.

    \b
    In Korean: embedkit similar ko.safetensors "왕 - 남자 + 여자"
    """
    if options["index_file"]:
        names = ("metric", "restrict_vocab", "among", "above", "ranked")
        refuse(names, "with `index_file`: it answers for cosine and the whole vocabulary")
    if options["ranked"]:
        refuse(("topn", "among", "above", "exclude"), "with `ranked`, which asks for one place")
    vectors = load(model)
    alike = None if reading().get("limit") else learnt_nothing(vectors, vectors.config.get("epochs"))
    if alike is not None:
        warn(alike, "warning")
    inquiry = Inquiry(vectors, quiet)
    inquiry.tell_excluded(options["exclude"])
    plus, minus = ([inquiry.question(text) for text in options.pop(name)] for name in ("plus", "minus"))
    wrong = next((change for change in (*plus, *minus) if isinstance(change, Refused)), None)
    changes = [change for change in (*plus, *minus) if isinstance(change, Question)]
    behind = "".join(f" {'+' if i < len(plus) else '-'} {change.line}" for i, change in enumerate(changes))
    ranked, metric = options.pop("ranked"), options["metric"]
    answer = _ranks(inquiry, ranked, **options) if ranked else _neighbours(inquiry, **options)
    columns = ["query", "word", "rank", "value"] if ranked else ["query", "neighbour", "value"]
    with Results(columns, as_json) as results:
        for lines in _batches(words, alone=bool(plus or minus)):
            asked = [
                (line, _understood(inquiry, line, wrong or (changes[: len(plus)], changes[len(plus) :]), metric))
                for line in lines
            ]
            answers = iter(answer([question for _, question in asked if isinstance(question, Question)]))
            for line, question in asked:
                if isinstance(question, Question):
                    shown = f"{line or ''}{behind}".strip()
                    for row in next(answers):
                        if isinstance(row, Refused):
                            results.refused(shown, row.message)
                        else:
                            results.row(shown, *row)
                else:
                    show(results, line or "", question)
            results.flush()
    return inquiry.status


def _batches(words: tuple[str, ...], alone: bool) -> Iterator[Sequence[str | None]]:
    """The questions; None, one without words of its own, where `alone` and there is no other."""
    found = False
    silent = sys.stdin.isatty() or held_by_stdin() is not None
    if words or not (alone and silent):
        for lines in query_batches(words, needed=not alone):
            found = True
            yield lines
    if alone and not found:
        yield [None]


def _understood(
    inquiry: Inquiry, line: str | None, changes: tuple[list[Question], list[Question]] | Refused, metric: str
) -> Question | Refused | None:
    """A question with what `--plus` and `--minus` say, where they are known; None for a blank line."""
    if line == "":
        return None
    if isinstance(changes, Refused):
        return changes
    asked = Question("", []) if line is None else inquiry.question(line)
    if isinstance(asked, Refused):
        return asked
    asked = changed(asked, *changes)
    if metric != "l2" and any(weight <= 0 for _, weight in asked.terms):
        length = np.linalg.norm(total(inquiry.model, asked.terms, metric))
        if length <= 1e-6 * sum(abs(weight) for _, weight in asked.terms):
            parts = " ".join(
                f"{'-' if weight < 0 else '+'} {'' if abs(weight) == 1 else f'{abs(weight):g}*'}{item}"
                for item, weight in asked.terms
            )
            return inquiry.refuse(f"nothing is left of the sum {parts.removeprefix('+ ')!r}: its words cancel out")
    return asked


def _neighbours(
    inquiry: Inquiry,
    metric: str,
    topn: int,
    among: str | None,
    above: float | None,
    exclude: tuple[str, ...],
    restrict_vocab: int | None,
    index_file: str | None,
) -> Answer:
    """What answers questions with their neighbours."""
    vectors, index = inquiry.model, None
    if index_file:
        from embedkit.query.index import NeighbourIndex

        index = NeighbourIndex.open(index_file, vectors)
    chosen = None if among is None else inquiry.vocabulary_words(word_list(among))
    most = None if above is not None and not given(["topn"]) else topn

    def answer(questions: Sequence[Question]) -> list[list[tuple[str, float]]]:
        if not questions:
            return []
        if chosen == []:  # which words are unknown has been told
            return [[] for _ in questions]
        answers = vectors.most_similar_batch(
            np.stack([total(vectors, asked.terms, metric) for asked in questions]).astype(np.float32),
            most,
            exclude=[[*asked.words, *exclude] for asked in questions],
            restrict_vocab=restrict_vocab,
            metric=metric,
            index=index,
            among=chosen,
            above=above,
        )
        for asked, found in zip(questions, answers, strict=True):
            if not found:
                line = repr(asked.line)
                why = f"is left to answer {line}" if above is None else f"is as near to {line} as {above:g}"
                note(f"note: no word {why}", inquiry.quiet)
        return answers

    return answer


def _ranks(inquiry: Inquiry, words: tuple[str, ...], metric: str, restrict_vocab: int | None, **_: Any) -> Answer:
    """What answers questions with the places of some words."""
    wanted = [inquiry.vocabulary_word(word) for word in words]

    def answer(questions: Sequence[Question]) -> list[list[Any]]:
        found: list[list[Any]] = []
        for asked in questions:
            found.append([])
            query = total(inquiry.model, asked.terms, metric)
            for known in wanted:
                if isinstance(known, Refused):
                    found[-1].append(known)
                    continue
                try:
                    place = rank(inquiry.model, query, known, asked.words, metric, restrict_vocab)
                    found[-1].append((known, *place))
                except ConfigError as error:
                    found[-1].append(inquiry.refuse(str(error)))
        return found

    return answer
