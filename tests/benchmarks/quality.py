"""How good the vectors of each model are, over several seeds, and whether that is as good as it should be.

    python -m tests.benchmarks.quality --data DIR [--seeds 3] [--case skipgram ...]

Trains on all of `en_wiki.txt` with embedkit alone, as a command in a process of its own, and prints the mean and the
range of WS353 ρ and of the analogy accuracy among the 30,000 most frequent words. The floor is what the tool that
introduced the model reached on this text, measured in November 2026 by `tests.benchmarks.word2vec`, less .01; a mean
below it ends with status 1.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.data import unpacked
from tests.benchmarks.word2vec import quality

# Options of `embedkit train`; the peer's WS353 ρ and analogy accuracy (gensim 4.4; fastText; for GloVe and svd none).
CASES: dict[str, tuple[list[str], tuple[float, float] | None]] = {
    "skipgram": ([], (0.679, 0.385)),
    "cbow": (["--model", "cbow"], (0.664, 0.347)),
    "skipgram-300": (["--vector-size", "300"], (0.697, 0.397)),
    "fasttext": (["--model", "fasttext"], (0.656, 0.559)),
    "glove": (["--model", "glove", "--epochs", "15"], None),
    "svd": (["--model", "svd", "--vector-size", "300", "--window", "5"], None),
}
MARGIN = 0.01


def measure(options: list[str], seed: int, corpus: Path, data: Path, folder: Path) -> tuple[float, float]:
    """WS353 ρ and analogy accuracy of one training."""
    out = folder / "model.safetensors"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "embedkit",
            "train",
            str(corpus),
            "-o",
            str(out),
            "--seed",
            str(seed),
            "--quiet",
            *options,
        ],
        check=True,
    )
    return quality(str(out), data)


def row(name: str, values: list[float], peer: float | None) -> bool:
    """Print one line of the table; whether the mean is high enough."""
    mean = statistics.mean(values)
    fine = peer is None or mean >= peer - MARGIN
    floor = "–" if peer is None else f"{peer - MARGIN:.3f}"
    print(
        f"| {name} | {mean:.3f} | {min(values):.3f}–{max(values):.3f} | {floor} | {'yes' if fine else 'NO'} |",
        flush=True,
    )
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--case", action="append", choices=list(CASES))
    arguments = parser.parse_args()
    missing = [name for name in ("ws353.tsv", "questions-words.txt") if not (arguments.data / name).exists()]
    if missing:
        sys.exit(f"no data: {', '.join(missing)} not in {arguments.data}; see corpora/README.md for texts")
    fine = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = unpacked("en_wiki.txt", arguments.data, folder)
        print(f"{arguments.seeds} seed(s)\n")
        print("| model, test | mean | range | at least | reached |\n|---|---|---|---|---|", flush=True)
        for case in arguments.case or list(CASES):
            options, peer = CASES[case]
            found = [measure(options, seed, corpus, arguments.data, folder) for seed in range(1, arguments.seeds + 1)]
            for k, test in enumerate(("WS353 ρ", "analogies")):
                fine &= row(f"{case}, {test}", [result[k] for result in found], None if peer is None else peer[k])
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
