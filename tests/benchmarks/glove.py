"""GloVe and svd: speed and quality.

    python -m tests.benchmarks.glove --data DIR [--seeds 1] [--epochs 15] [--workers 2] [--svd]

DIR holds en_wiki.txt (or .xz), ws353.tsv and questions-words.txt of the project's test data. Trains GloVe (window 15,
100 dimensions) and prints the seconds from text to vectors, records a second, the mean cost of the first
and last pass, WS353's Spearman correlation and the analogies right among the 30,000 most frequent words. With --svd
the same of PPMI factorised to 300 dimensions (window 5).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from embedkit.analysis.evaluation import evaluate_analogies, evaluate_pairs
from embedkit.analysis.testsets import read_analogies, read_pairs
from embedkit.training import train
from tests.benchmarks.counting import find_corpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--svd", action="store_true")
    arguments = parser.parse_args()
    corpus = find_corpus(arguments.data)
    missing = [name for name in ("ws353.tsv", "questions-words.txt") if not (arguments.data / name).exists()]
    if missing:
        sys.exit(f"{arguments.data} does not hold {', '.join(missing)}")
    for seed in range(1, arguments.seeds + 1):
        if arguments.svd:
            measure(corpus, arguments.data, model="svd", vector_size=300, seed=seed, workers=arguments.workers)
        else:
            measure(
                corpus, arguments.data, model="glove", epochs=arguments.epochs, seed=seed, workers=arguments.workers
            )


def measure(corpus: Path, data: Path, **options: Any) -> None:
    speed = ""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        start = time.perf_counter()
        vectors = train(corpus, log=log if options["model"] == "glove" else None, **options)
        seconds = time.perf_counter() - start
        if log.exists():
            lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
            passes = [line for line in lines if line["event"] == "epoch"]
            speed = (
                f", {passes[-1]['records_per_second'] / 1e6:.1f} M records/s, cost {passes[0]['cost']:.5f} -> "
                f"{passes[-1]['cost']:.5f}"
            )
    pairs = evaluate_pairs(vectors, read_pairs(data / "ws353.tsv"), resamples=1)
    analogies = evaluate_analogies(vectors, read_analogies(data / "questions-words.txt"), restrict_vocab=30_000)
    total = next(section for section in analogies.sums if section.name == "total")
    print(
        f"{options}: {seconds:.1f} s{speed}; WS353 {pairs.spearman.value:.3f}, analogies {total.accuracy:.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
