"""Paragraph vectors against gensim's Doc2Vec: seconds of training and of inferring, and reviews told apart.

    python -m tests.benchmarks.doc2vec --data DIR --lines 4000

Speed: the first lines of English Wikipedia as documents, 100 dimensions, window 5, 5 negatives, one thread; each tool
in turn, `--rounds` times, the least processor time of each. Quality (``--sentiment``): ``en_polarity.tsv``, four
fifths to train on; a logistic regression (scikit-learn) on the vectors of these, accuracy on inferred ones.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import embedkit
from embedkit.training.doc2vec import infer
from tests.benchmarks.data import unpacked

MODES = {
    "PV-DBOW": ({}, {"dm": 0}),
    "PV-DM": ({"paragraphs": "dm"}, {"dm": 1}),
    "PV-DBOW, words": ({"train_words": True}, {"dm": 0, "dbow_words": 1}),
}


def ours(documents: list[list[str]], epochs: int, min_count: int, **mode: Any) -> tuple[Any, float]:
    """A model and the processor seconds of its training; words are counted before."""
    corpus = embedkit.Corpus.from_sentences(documents, min_count=min_count, keep_empty=True)
    begun = time.process_time()
    model = embedkit.train(corpus, model="doc2vec", workers=1, epochs=epochs, **mode)
    return model, time.process_time() - begun


def theirs(documents: list[list[str]], epochs: int, min_count: int, **mode: Any) -> tuple[Any, float]:
    """The same by gensim."""
    from gensim.models.doc2vec import Doc2Vec, TaggedDocument

    tagged = [TaggedDocument(words, [i]) for i, words in enumerate(documents)]
    model = Doc2Vec(
        vector_size=100, min_count=min_count, workers=1, epochs=epochs, window=5, negative=5, sample=1e-3, **mode
    )
    model.build_vocab(tagged)
    begun = time.process_time()
    model.train(tagged, total_examples=model.corpus_count, epochs=epochs)
    return model, time.process_time() - begun


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives and the processor seconds that it took."""
    begun = time.process_time()
    found = work()
    return found, time.process_time() - begun


def speed(lines: list[str], epochs: int, rounds: int, modes: list[str]) -> None:
    """Print a row for each mode."""
    documents = [line.split() for line in lines]
    for name in modes:
        mine, gensims = MODES[name]
        model, _ = ours(documents[:200], 1, 5, **mine)  # compiles
        infer(model, lines[:2])
        seconds = []
        for _ in range(rounds):
            a, trained = ours(documents, epochs, 5, **mine)
            b, gensim_trained = theirs(documents, epochs, 5, **gensims)
            _, inferred = timed(lambda a=a: infer(a, lines[:300]))
            _, gensim_inferred = timed(lambda b=b: [b.infer_vector(words) for words in documents[:300]])
            seconds.append((trained, gensim_trained, inferred, gensim_inferred))
        x, y, z, w = np.min(seconds, axis=0)
        print(f"| {name} | {x:.2f} | {y:.2f} | {y / x:.1f} | {z / 0.3:.2f} | {w / 0.3:.2f} | {w / z:.1f} |", flush=True)


def sentiment(path: Path, epochs: int, modes: list[str], learning_rate: float) -> None:
    """Print the accuracy of each mode and tool."""
    from sklearn.linear_model import LogisticRegression

    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    texts, labels = [row[0] for row in rows], np.array([row[1] for row in rows])
    order = np.random.default_rng(0).permutation(len(rows))
    train, test = order[: len(rows) * 4 // 5], order[len(rows) * 4 // 5 :]
    documents = [texts[i].split() for i in train]

    def accuracy(vectors: np.ndarray, others: np.ndarray) -> float:
        return float(LogisticRegression(max_iter=2000).fit(vectors, labels[train]).score(others, labels[test]))

    for name in modes:
        mine, gensims = MODES[name]
        a, _ = ours(documents, epochs, 2, learning_rate=learning_rate, **mine)
        b, _ = theirs(documents, epochs, 2, alpha=learning_rate, **gensims)
        of_ours = accuracy(a.table.document_vectors, infer(a, [texts[i] for i in test]))
        of_theirs = accuracy(b.dv.vectors, np.array([b.infer_vector(texts[i].split()) for i in test]))
        print(f"| {name} | {of_ours:.3f} | {of_theirs:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mode", action="append", choices=list(MODES))
    parser.add_argument("--sentiment", action="store_true")
    parser.add_argument("--learning-rate", type=float, default=0.025)
    given = parser.parse_args()
    modes = given.mode or list(MODES)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if given.sentiment:
            sentiment(unpacked("en_polarity.tsv", given.data, work), given.epochs, modes, given.learning_rate)
            return
        with open(unpacked("en_wiki.txt", given.data, work), encoding="utf-8") as lines:
            speed([line.rstrip("\n") for line in islice(lines, given.lines)], given.epochs, given.rounds, modes)


if __name__ == "__main__":
    main()
