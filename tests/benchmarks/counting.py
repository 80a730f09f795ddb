"""Counting co-occurrences, and what the counts say.

    python -m tests.benchmarks.counting --data DIR [--workers 2] [--work DIR]

DIR holds en_wiki.txt (or en_wiki.txt.xz) of the project's test data. Prints the seconds of reading and of counting
(window 15, min_count 5, in memory), of the command ``embedkit cooccur`` with and without a bound of memory, with its
largest resident size, and the ratios of Pennington, Socher and Manning's table 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from embedkit.counting import Window, count_cooccurrences
from embedkit.vocabulary.corpus import Corpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("build/counting"))
    arguments = parser.parse_args()
    corpus = find_corpus(arguments.data)
    arguments.work.mkdir(parents=True, exist_ok=True)
    # First, while this process is small: a child's largest size begins with its parent's.
    for memory in (None, "1G", "400M"):
        command(corpus, arguments.work / "counts.safetensors", memory, arguments.workers)
    count_cooccurrences(Corpus.from_sentences([["a", "b"]], min_count=1))  # compiles
    start = time.perf_counter()
    encoded = Corpus.from_text(corpus, workers=arguments.workers)
    read = time.perf_counter()
    counts = count_cooccurrences(encoded, workers=arguments.workers)
    done = time.perf_counter()
    print(
        f"reading and encoding {read - start:.2f} s, counting {done - read:.2f} s: {len(encoded.vocabulary):,} "
        f"words, {len(counts):,} cells",
        flush=True,
    )
    del counts, encoded
    ratios = count_cooccurrences(Corpus.from_text(corpus, workers=arguments.workers), Window(10))
    for found in ratios.ratios("ice", "steam", ["solid", "gas", "water", "fashion"]):
        print(f"{found.probe}: P(k|ice) {found.p_first:.2e}, P(k|steam) {found.p_second:.2e}, ratio {found.ratio:.3g}")


def find_corpus(data: Path) -> Path:
    for name in ("en_wiki.txt", "en_wiki.txt.xz"):
        if (data / name).exists():
            return data / name
    sys.exit(f"{data} does not hold en_wiki.txt or en_wiki.txt.xz")


def command(corpus: Path, output: Path, memory: str | None, workers: int) -> None:
    """Time the whole command and read its largest resident size, where the system tells."""
    bound = [] if memory is None else ["--memory", memory]
    program = [
        sys.executable,
        "-m",
        "embedkit",
        "cooccur",
        str(corpus),
        "-o",
        str(output),
        "--quiet",
        "--workers",
        str(workers),
        *bound,
    ]
    start = time.perf_counter()
    process = subprocess.Popen(program)
    largest = ""
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        unit = 1 if sys.platform == "darwin" else 1024
        largest = f", {usage.ru_maxrss * unit / (1 << 30):.2f} G resident at most"
    if process.wait():
        sys.exit(f"{' '.join(program)}: exit status {process.returncode}")
    print(f"embedkit cooccur {' '.join(bound)}: {time.perf_counter() - start:.2f} s{largest}", flush=True)


if __name__ == "__main__":
    main()
