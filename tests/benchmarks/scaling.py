"""Words a second and memory by the size of the text and by the number of distinct words, on made-up text.

    python -m tests.benchmarks.scaling [--megabytes 100 1000] [--distinct 100000 1000000] [--model skipgram]

The text is drawn from a Zipf law over `--distinct` words named after their rank, in lines of twenty; every word stands
there at least five times where the text is long enough for that. Whole commands of one pass and of two; the difference
is a pass alone, of which the words a second are.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np

from tests.benchmarks.compiled import Step, timed
from tests.benchmarks.data import processor

LINE = 20
BLOCK = 1_000_000
TIMES = 5


def write_text(path: Path, size: int, distinct: int) -> int:
    """Write about `size` bytes; returns the number of words."""
    rng = np.random.default_rng(1)
    share = 1 / (np.arange(distinct) + 2.7)
    ends = np.cumsum(share / share.sum())
    names = np.array([f"{rank:x}" for rank in range(distinct)], dtype=object)
    often = np.tile(np.arange(distinct), TIMES) if distinct * TIMES * 7 < size // 2 else np.empty(0, np.int64)
    rng.shuffle(often)
    written = n_words = 0
    with open(path, "w", encoding="ascii") as out:
        for low in range(0, len(often), BLOCK):
            written += lines(out, names[often[low : low + BLOCK]])
            n_words += len(often[low : low + BLOCK])
        while written < size:
            written += lines(out, names[np.minimum(np.searchsorted(ends, rng.random(BLOCK)), distinct - 1)])
            n_words += BLOCK
    return n_words


def lines(out, words: np.ndarray) -> int:
    """Write words, some to a line; returns the bytes."""
    return sum(out.write(" ".join(words[low : low + LINE]) + "\n") for low in range(0, len(words), LINE))


def measured(text: Path, n_words: int, distinct: int, options: argparse.Namespace, folder: Path) -> None:
    """Print the row of one text."""
    plain = [sys.executable, "-m", "embedkit", "train", str(text), "-o", str(folder / "model.safetensors"), "--quiet"]
    plain += [f"--model={options.model}", f"--workers={options.workers}"]
    plain += ["--sample=0.001"] if options.model in ("skipgram", "cbow") else []  # the same words whatever the default
    once = timed([Step([*plain, "--epochs=1"])], folder)
    twice = timed([Step([*plain, "--epochs=2"])], folder)
    speeds = [n_words / (twice[k] - once[k]) / 1e6 for k in (0, 1)]
    print(
        f"| {text.stat().st_size / 1e6:,.0f} | {n_words / 1e6:.1f} M | {distinct:,} | {once[0]:.1f} | {once[1]:.1f} | "
        f"{speeds[0]:.2f} M | {speeds[1]:.2f} M | {max(once[2], twice[2]):.0f} |",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--distinct", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--model", default="skipgram", choices=["skipgram", "cbow", "fasttext"])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    columns = ["MB", "words", "distinct words", "one pass, s", "processor s", "words/s", "words/processor s", "peak MB"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{date.today()}, {processor()}, {os.cpu_count()} cores; {options.model}, {options.workers} workers\n")
        print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
        warm = folder / "warm.txt"
        warm.write_text("a b c d e\n" * 100)
        command = [sys.executable, "-m", "embedkit", "train", str(warm), "-o", str(folder / "w.safetensors"), "--quiet"]
        timed([Step([*command, f"--model={options.model}"])], folder)
        for distinct in options.distinct:
            for megabytes in options.megabytes:
                text = folder / "text.txt"
                n_words = write_text(text, megabytes * 1_000_000, distinct)
                measured(text, n_words, distinct, options, folder)
                text.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
