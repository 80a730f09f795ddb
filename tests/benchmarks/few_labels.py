"""What a language model brings where few lines have labels: fine-tuned against from scratch.

    python -m tests.benchmarks.few_labels --data DIR [--lines 100,500] [--draws 3] [--epochs 3] [--work DIR]

English polarity, split as in `tests.benchmarks.tasks`. A language model that reads both ways (ELMo) learns from the
texts of the training part, without their labels; then that many lines are drawn whose labels count, and classifiers are
trained on them and measured on the test part: from scratch the default and a GRU; beside the language model a GRU, with
the language model as it is, trained along, and trained along as Howard and Ruder (2018) do, slower in each lower layer
and thawed layer by layer. Accuracies are means over draws.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from pathlib import Path

from tests.benchmarks.tasks import data_of, embedkit

GRU = ["--model", "gru", "--pooling", "max", "--hidden-size", "32", "--epochs", "12", "--patience", "12"]
WAYS = {
    "from scratch, the default": [],
    "from scratch, GRU": GRU,
    "language model as it is": [*GRU, "--encoder", "LM"],
    "trained along": [*GRU, "--encoder", "LM", "--tune-encoder"],
    "trained along, slower below, thawed": [
        *GRU,
        *("--encoder", "LM", "--tune-encoder", "--layer-rate", "0.4", "--gradual-unfreezing"),
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--lines", default="100,500")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="of the language model")
    parser.add_argument("--work", type=Path, default=Path("build/tasks"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    train, test = data_of("en-polarity", arguments.data, arguments.work)
    model = language_model(arguments.work, arguments.epochs)
    lines = train.read_text(encoding="utf-8").splitlines()
    counts = [int(count) for count in arguments.lines.split(",")]
    print(f"| way | {' | '.join(f'{count} lines' for count in counts)} |\n|---|{'---|' * len(counts)}", flush=True)
    for way, options in WAYS.items():
        options = [str(model) if option == "LM" else option for option in options]
        means = []
        for count in counts:
            few = arguments.work / "few.tsv"
            found = []
            for draw in range(1, arguments.draws + 1):
                few.write_text("\n".join(random.Random(draw).sample(lines, count)) + "\n", encoding="utf-8")
                found.append(accuracy(few, test, [*options, "--seed", str(draw)], arguments.work))
            means.append(statistics.mean(found))
        print(f"| {way} | {' | '.join(f'{mean:.3f}' for mean in means)} |", flush=True)


def language_model(work: Path, epochs: int) -> Path:
    """Trained when it is first needed."""
    target = work / f"polarity-elmo-{epochs}.safetensors"
    if not target.exists():
        sizes = ["--hidden-size", "32", "--vector-size", "32", "--min-count", "5", "--epochs", str(epochs)]
        embedkit("lm", "train", work / "en-polarity.train.txt", "--model", "elmo", *sizes, "-o", target, "-q")
    return target


def accuracy(train: Path, test: Path, options: list[str], work: Path) -> float:
    """On the test file, of a model trained on the other."""
    embedkit("classify", "train", train, "-o", work / "few.model", "-q", *options)
    return float(json.loads(embedkit("classify", "evaluate", work / "few.model", test, "--json"))["accuracy"])


if __name__ == "__main__":
    main()
