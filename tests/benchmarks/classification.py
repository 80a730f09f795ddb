"""Classifiers without vectors: the default's accuracy and calibration, and fastText's classifier against the package's.

    python -m tests.benchmarks.classification --data DIR [--task ko-reviews|en-polarity] [--lines 8000] [--work DIR]
                                              [--fasttext [--predicted 1000000] [--repeats 3]]

The split is that of `tests.benchmarks.tasks`: lines whose text's md5 is divisible by 10 are not trained on; of the
others --lines are drawn. With --fasttext both programs train one thread's worth with the same options (the package with
eleven threads, since it leaves parts of its matrix unset with fewer), in turn, and processor seconds are compared:
they hold on a busy machine too.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from embedkit.classification.model import BagClassifier
from embedkit.classification.options import BagOptions
from embedkit.classification.suited import train_suited
from embedkit.classification.training import train_bag
from embedkit.text.labelled import read_label_sets
from tests.benchmarks.tasks import data_of

OPTIONS = {
    "words and pairs of words, 100 dimensions": (
        {"word_ngrams": 2, "learning_rate": 0.3, "epochs": 5},
        {"wordNgrams": 2, "lr": 0.3, "epoch": 5, "dim": 100},
    ),
    "also characters, 50 dimensions": (
        {
            "word_ngrams": 2,
            "min_n": 1,
            "max_n": 4,
            "vector_size": 50,
            "learning_rate": 0.3,
            "epochs": 3,
            "bucket": 200_000,
        },
        {"wordNgrams": 2, "minn": 1, "maxn": 4, "dim": 50, "lr": 0.3, "epoch": 3, "bucket": 200_000},
    ),
    "characters, 2 to 4, 100 dimensions": (
        {"min_n": 2, "max_n": 4, "vector_size": 100, "learning_rate": 0.3, "epochs": 5},
        {"minn": 2, "maxn": 4, "dim": 100, "lr": 0.3, "epoch": 5},
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--task", default="ko-reviews", choices=["ko-reviews", "en-polarity"])
    parser.add_argument("--lines", type=int)
    parser.add_argument("--fasttext", action="store_true")
    parser.add_argument("--predicted", type=int, default=60_000, help="lines, the test's over and over")
    parser.add_argument("--repeats", type=int, default=1, help="of each training; the least seconds count")
    parser.add_argument("--work", type=Path, default=Path("build/tasks"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    train, test = (read_label_sets(str(path)) for path in data_of(arguments.task, arguments.data, arguments.work))
    chosen = random.Random(1).sample(range(len(train)), min(arguments.lines or len(train), len(train)))
    texts, labels = [train.texts[i] for i in chosen], [train.labels[i] for i in chosen]
    if arguments.fasttext:
        against_fasttext(texts, labels, test, arguments.work, arguments.predicted, arguments.repeats)
        return
    found, seconds = timed(lambda: train_suited(texts, labels))
    accuracy, error = figures(found.model, test)
    print(
        f"{len(texts):,} lines: accuracy {accuracy:.4f}, calibration error {error:.3f}, {seconds:.1f} processor seconds"
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and the processor's seconds."""
    start = time.process_time()
    return work(), time.process_time() - start


def figures(model: BagClassifier, test: Any) -> tuple[float, float]:
    """Accuracy and the expected calibration error in ten bins."""
    found = model.predict(test.texts)
    right = np.array([model.labels[i] == each[0] for i, each in zip(found.labels[:, 0], test.labels, strict=True)])
    p = found.probabilities[:, 0]
    bins = np.minimum((p * 10).astype(int), 9)
    gaps = [abs(right[bins == b].mean() - p[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(right.mean()), float(sum(gaps))


def against_fasttext(
    texts: list[str], labels: list[tuple[str, ...]], test: Any, work: Path, n_predicted: int, repeats: int
) -> None:
    """Processor seconds and accuracy of both, for each of `OPTIONS`."""
    import fasttext

    path = work / "fasttext.txt"
    lines = (f"__label__{each[0]} {text}\n" for text, each in zip(texts, labels, strict=True))
    path.write_text("".join(lines), encoding="utf-8")
    predicted = [test.texts[i % len(test.texts)] for i in range(n_predicted)]
    for name, (ours, theirs) in OPTIONS.items():
        train_bag(texts[:500], labels[:500], BagOptions(**ours, workers=1))  # compile
        my_training = training = float("inf")
        for _ in range(repeats):
            mine, seconds = timed(lambda o=ours: train_bag(texts, labels, BagOptions(**o, workers=1)))
            my_training = min(my_training, seconds)
            model, seconds = timed(lambda o=theirs: fasttext.train_supervised(str(path), thread=11, verbose=0, **o))
            training = min(training, seconds)
        _, my_predicting = timed(lambda m=mine: m.predict(predicted, workers=1))
        (found, _), predicting = timed(lambda m=model: m.predict(predicted))
        right = np.mean([a[0] == f"__label__{b[0]}" for a, b in zip(found[: len(test)], test.labels, strict=False)])
        print(
            f"{name}: training {my_training:.1f} against {training:.1f}, predicting {my_predicting:.2f} against "
            f"{predicting:.2f}, accuracy {figures(mine, test)[0]:.4f} against {right:.4f}"
        )


if __name__ == "__main__":
    main()
