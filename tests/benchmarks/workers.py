"""What the second thread brings: whole commands of each family with one worker and with two, in turn.

    python -m tests.benchmarks.workers --data DIR [--fraction 6] [--rounds 2] [--case skipgram ...]

Everything but training (starting, counting words, saving) is in the seconds, and not in the last column: each command
is also run with ``--epochs 1``, and the differences are compared. That wants a machine with nothing else to do. Where
it has, processor seconds tell what is left: with two threads that did not hinder each other they would be the same, and
twice the quotient is what two free cores can reach.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import date
from pathlib import Path

from tests.benchmarks.compiled import Step, timed
from tests.benchmarks.data import part_of, processor, unpacked

CASES = {
    "skipgram": ("--model=skipgram", "--epochs=5"),
    "cbow": ("--model=cbow", "--epochs=5"),
    "fasttext": ("--model=fasttext", "--epochs=3"),
    "glove": ("--model=glove", "--epochs=10"),
    "doc2vec": ("--model=doc2vec", "--epochs=5"),
    "doc2vec, dm": ("--model=doc2vec", "--paragraphs=dm", "--epochs=5"),
}

COLUMNS = [
    *("model", "one worker, s", "two, s", "times faster", "passes alone"),
    *("one worker, processor s", "two, processor s", "passes alone at most"),
]


def measured(case: str, text: Path, folder: Path, rounds: int) -> None:
    """Print the row of a family: the least of each number of workers."""
    plain = [sys.executable, "-m", "embedkit", "train", str(text), "-o", str(folder / "model.safetensors"), "--quiet"]
    kinds = [(workers, short) for workers in (1, 2) for short in (False, True)]
    found: dict[tuple[int, bool], list[tuple[float, ...]]] = {kind: [] for kind in kinds}
    timed([Step([*plain, *CASES[case], "--epochs=1"])], folder)  # compiles
    for _ in range(rounds):
        for workers, short in kinds:
            command = [*plain, *CASES[case], f"--workers={workers}", *(["--epochs=1"] if short else [])]
            found[workers, short].append(timed([Step(command)], folder))
    least = {kind: [min(values) for values in zip(*results, strict=True)] for kind, results in found.items()}
    one, two = least[1, False], least[2, False]
    passes = [[long - short for long, short in zip(least[n, False], least[n, True], strict=True)] for n in (1, 2)]
    print(
        f"| {case} | {one[0]:.1f} | {two[0]:.1f} | {one[0] / two[0]:.2f} | {passes[0][0] / passes[1][0]:.2f} | "
        f"{one[1]:.1f} | {two[1]:.1f} | {2 * passes[0][1] / passes[1][1]:.2f} |",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--fraction", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--case", action="append", choices=list(CASES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = part_of(unpacked("en_wiki.txt", options.data, folder), folder / "part.txt", options.fraction)
        print(f"{date.today()}, {processor()}, {os.cpu_count()} cores; {text.stat().st_size / 1e6:.0f} MB\n")
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
        for case in options.case or list(CASES):
            measured(case, text, folder, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
