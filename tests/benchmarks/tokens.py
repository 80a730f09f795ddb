"""How fast text becomes ids, counting included, and what memory it takes.

    python -m tests.benchmarks.tokens --data DIR [--workers 2] [--tokenizers whitespace,words,korean,chars]

DIR holds `en_wiki.txt` and `ko_wiki.txt`, unpacked. Each row is a process of its own, with compiled kernels, the best
of `--repeat` runs in it; its peak memory includes the interpreter and numba. The first line is the time of the first
run ever, compilation included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ONE_RUN = """
import json, resource, sys, time
path, tokenizer, workers, repeat = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
start = time.perf_counter()
from embedkit.vocabulary.corpus import Corpus
best = float("inf")
for run in range(repeat):
    corpus = None
    begin = time.perf_counter()
    corpus = Corpus.from_text(path, tokenizer=tokenizer, workers=workers)
    end = time.perf_counter()
    best = min(best, end - begin)
    first = end - start if run == 0 else first
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": best, "first": first, "tokens": corpus.n_raw_tokens, "words": len(corpus.vocabulary),
                  "peak_mb": peak / (2**20 if sys.platform == "darwin" else 1024)}))
"""


def measure(path: Path, tokenizer: str, workers: int, repeat: int, **environment: str) -> dict[str, float]:
    """One process: seconds of the best run and of the first one, tokens, words, peak memory."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_RUN, str(path), tokenizer, str(workers), str(repeat)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tokenizers", default="whitespace,words,korean,chars")
    options = parser.parse_args()
    files = [options.data / name for name in ("en_wiki.txt", "ko_wiki.txt")]
    missing = [str(file) for file in files if not file.exists()]
    if missing:
        print(f"missing: {', '.join(missing)}; unpack the corpora there first", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.txt"
        small.write_text("the cat sat on the mat\n" * 10)
        cold = measure(small, "whitespace", 1, 1, NUMBA_CACHE_DIR=folder)["first"]
        print(f"first run ever, import and compilation included: {cold:.1f} s")
    print(
        f"{'file':12} {'tokenizer':11} {'workers':>7} {'s':>6} {'MB/s':>6} {'Mtokens/s':>9} {'peak MB':>8} {'words':>9}"
    )
    for file in files:
        for tokenizer in options.tokenizers.split(","):
            for workers in sorted({1, options.workers}):
                m = measure(file, tokenizer, workers, options.repeat)
                print(
                    f"{file.name:12} {tokenizer:11} {workers:7} {m['seconds']:6.2f} "
                    f"{file.stat().st_size / 1e6 / m['seconds']:6.0f} {m['tokens'] / 1e6 / m['seconds']:9.1f} "
                    f"{m['peak_mb']:8.0f} {m['words']:9,.0f}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
