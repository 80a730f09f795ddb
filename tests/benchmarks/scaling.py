"""Words a second and memory by the size of the text and by the number of distinct words, on made-up text.

    python -m tests.benchmarks.scaling [--megabytes 100 1000] [--distinct 100000 1000000] [--rounds 1]

The text is drawn from a Zipf law over `--distinct` words named after their rank, in lines of twenty; every word stands
there at least five times where the text is long enough for that. What a text has beyond `DRAWN` bytes repeats its
beginning. Whole commands of one pass and of some more, of a short text as many as a long one takes time for; the
difference is passes alone, of which the words a second are. The least of the rounds, in which the texts take turns.
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
DRAWN = 1_000_000_000
PIECE = 1 << 24


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
        while written < min(size, DRAWN):
            written += lines(out, names[np.minimum(np.searchsorted(ends, rng.random(BLOCK)), distinct - 1)])
            n_words += BLOCK
    drawn, words = written, n_words
    with open(path, "rb") as source, open(path, "ab") as out:
        while written < size:
            source.seek(0)
            for low in range(0, drawn, PIECE):
                out.write(source.read(min(PIECE, drawn - low)))
            written, n_words = written + drawn, n_words + words
    return n_words


def lines(out, words: np.ndarray) -> int:
    """Write words, some to a line; returns the bytes."""
    return sum(out.write(" ".join(words[low : low + LINE]) + "\n") for low in range(0, len(words), LINE))


def command(text: Path, folder: Path, model: str, workers: int, epochs: int) -> list[str]:
    """Training whose passes see the same words whatever the default is."""
    plain = [sys.executable, "-m", "embedkit", "train", str(text), "-o", str(folder / "model.safetensors"), "--quiet"]
    plain += [f"--model={model}", f"--workers={workers}", f"--epochs={epochs}"]
    return plain + (["--sample=0.001"] if model in ("skipgram", "cbow") else [])


def passes_of(megabytes: int) -> int:
    """How many passes are timed: of a short text as many as go over a gigabyte, up to ten."""
    return max(1, min(10, 1000 // megabytes))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--distinct", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--model", default="skipgram", choices=["skipgram", "cbow", "fasttext"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    columns = ["MB", "words", "distinct words", "one pass, s", "processor s", "words/s", "words/processor s", "peak MB"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{date.today()}, {processor()}, {os.cpu_count()} cores; {options.model}, {options.workers} workers\n")
        warm = folder / "warm.txt"
        warm.write_text("a b c d e\n" * 100)
        timed([Step(command(warm, folder, options.model, options.workers, 1))], folder)
        texts = {}
        for distinct in options.distinct:
            for megabytes in options.megabytes:
                path = folder / f"{megabytes}-{distinct}.txt"
                texts[path] = megabytes, distinct, write_text(path, megabytes * 1_000_000, distinct)
        found: dict[tuple[Path, bool], list[tuple[float, ...]]] = {}
        for _ in range(options.rounds):
            for path, (megabytes, _, _) in texts.items():
                for longer in (False, True):
                    epochs = 1 + longer * passes_of(megabytes)
                    steps = [Step(command(path, folder, options.model, options.workers, epochs))]
                    found.setdefault((path, longer), []).append(timed(steps, folder))
        print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
        for path, (megabytes, distinct, n_words) in texts.items():
            once, more = (
                [min(values) for values in zip(*found[path, longer], strict=True)] for longer in (False, True)
            )
            passes = passes_of(megabytes)
            speeds = [n_words * passes / (more[k] - once[k]) / 1e6 for k in (0, 1)]
            print(
                f"| {path.stat().st_size / 1e6:,.0f} | {n_words / 1e6:.1f} M | {distinct:,} | {once[0]:.1f} | "
                f"{once[1]:.1f} | {speeds[0]:.2f} M | {speeds[1]:.2f} M | {max(once[2], more[2]):.0f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
