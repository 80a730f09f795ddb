"""Whether the default of an option suits a text of some size: its neighbours beside it, over several seeds.

    python -m tests.benchmarks.defaults --data DIR --words 500000 --model cbow --vary negative=3,10 --vary window=3,8

Trains on the first so many words of `en_wiki.txt`, or with --korean of `ko_wiki.txt`, with all defaults and then with
one option changed at a time. Prints the mean and the range of each test, and the seconds of one training. English:
WS353 and the analogies of the test data; Korean: the pairs, analogies, forms and misspelt words of
`tests.benchmarks.korean_probe`. --pairs and --analogies add further sets. Whatever `min_count` is, the words that are
asked are those that the text has five times or more, for analogies the 30,000 most frequent of them.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import embedkit
from embedkit.analysis.evaluation import evaluate_analogies, evaluate_pairs
from embedkit.analysis.testsets import read_analogies, read_pairs
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.options import TrainingConfig
from embedkit.vocabulary.corpus import Corpus
from tests.benchmarks.data import unpacked
from tests.benchmarks.korean_probe import analogy_accuracy, form_similarity, pair_correlation, typo_rank

ASKED_FROM, MOST_ASKED = 5, 30_000
Test = Callable[[KeyedVectors, int], float]


def first_words(source: Path, target: Path, n_words: int) -> Path:
    """The lines of a text that hold its first so many words."""
    with open(source, encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as out:
        for line in lines:
            if n_words <= 0:
                break
            n_words -= len(line.split())
            out.write(line)
    return target


def tests_of(arguments: argparse.Namespace) -> dict[str, Test]:
    """What is asked, by the name of its column."""
    pairs, questions = list(arguments.pairs), list(arguments.analogies)
    found: dict[str, Test] = {}
    if arguments.korean:
        found["probe pairs"] = lambda model, n: pair_correlation(model, set(model.index_to_key[:n]))[0]
        found["probe analogies"] = lambda model, n: analogy_accuracy(model, set(model.index_to_key[:n]))[0]
        found["forms"] = lambda model, n: form_similarity(model)
        found["typos"] = lambda model, n: typo_rank(model)[0]
    else:
        pairs.insert(0, arguments.data / "ws353.tsv")
        questions.insert(0, arguments.data / "questions-words.txt")
    for path in pairs:
        found[path.stem] = _pairs_test(path)
    for path in questions:
        found[path.stem] = _analogies_test(path)
    return found


def _pairs_test(path: Path) -> Test:
    pairs = read_pairs(path)
    return lambda model, n: evaluate_pairs(model, pairs, restrict_vocab=n, resamples=1).spearman.value


def _analogies_test(path: Path) -> Test:
    questions = read_analogies(path)

    def test(model: KeyedVectors, n: int) -> float:
        return evaluate_analogies(model, questions, restrict_vocab=min(n, MOST_ASKED)).total.accuracy

    return test


def variations(given: dict[str, Any], vary: list[str]) -> Iterator[dict[str, Any]]:
    """The options asked for, and these with one changed at a time."""
    yield given
    for text in vary:
        name, _, values = text.partition("=")
        for value in values.split(","):
            yield {**given, name: _value(value)}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except ValueError:
        return text


def measured(text: Path, model: str, options: dict[str, Any], tests: dict[str, Test], seeds: int) -> list[list[float]]:
    """For each seed the result of each test, and the seconds of training."""
    config = TrainingConfig.create(model, **options)
    reading = config.corpus_options()
    corpus = Corpus.from_text(text, **reading)
    learning = {name: value for name, value in options.items() if name not in reading}
    n_asked = int((corpus.vocabulary.counts >= ASKED_FROM).sum())
    rows = []
    for seed in range(1, seeds + 1):
        begun = time.perf_counter()
        vectors = embedkit.train(corpus, model=model, seed=seed, **learning)
        taken = time.perf_counter() - begun
        rows.append([*(test(vectors, n_asked) for test in tests.values()), taken])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--words", type=int, required=True)
    parser.add_argument("--model", default="skipgram")
    parser.add_argument("--korean", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="In every training.")
    parser.add_argument("--vary", action="append", default=[], metavar="OPTION=VALUE,...")
    parser.add_argument("--pairs", action="append", default=[], type=Path)
    parser.add_argument("--analogies", action="append", default=[], type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    tests = tests_of(arguments)
    given = {name: _value(value) for name, _, value in (text.partition("=") for text in arguments.set)}
    if arguments.korean:
        given = {"tokenizer": "korean", **given}
    print("| " + " | ".join(["changed", *tests, "s"]) + " |\n|" + "---|" * (len(tests) + 2), flush=True)
    with tempfile.TemporaryDirectory() as place:
        whole = unpacked("ko_wiki.txt" if arguments.korean else "en_wiki.txt", arguments.data, Path(place))
        text = first_words(whole, Path(place) / "text.txt", arguments.words)
        for options in variations(given, arguments.vary):
            rows = measured(text, arguments.model, options, tests, arguments.seeds)
            *columns, seconds = zip(*rows, strict=True)
            cells = [f"{statistics.mean(c):.3f} ({min(c):.3f}–{max(c):.3f})" for c in columns]
            changed = " ".join(f"{name}={value}" for name, value in options.items() if given.get(name) != value)
            print("| " + " | ".join([changed or "–", *cells, f"{min(seconds):.1f}"]) + " |", flush=True)


if __name__ == "__main__":
    main()
