"""Subwords beside one another: jamo against characters on Korean text, and answers for unknown words.

    python -m tests.benchmarks.fasttext --data DIR [--fraction 9] [--rounds 3] [--workers 2] [--queries]

DIR holds `ko_wiki.txt` and, for --queries, `en_wiki.txt`. Trains on the first n-th of the Korean text, the two kinds
of subwords in turn, each as a command in a process of its own: five passes, `--tokenizer korean`. Training
in English beside other tools: `tests.benchmarks.word2vec --case fasttext`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.compiled import Step, timed
from tests.benchmarks.data import part_of, unpacked


def korean(text: Path, folder: Path, rounds: int, workers: int) -> None:
    """Seconds, processor seconds and peak memory of training with characters, with jamo, and with neither."""
    commands = {
        kind: [
            *(sys.executable, "-m", "embedkit", "train", str(text), "-o", str(folder / "model.safetensors"), "--quiet"),
            *("--model=fasttext" if kind != "none" else "--model=skipgram", f"--subwords={kind}"),
            *("--tokenizer=korean", "--epochs=5", f"--workers={workers}"),
        ]
        for kind in ("none", "chars", "jamo")
    }
    found: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in commands}
    for _ in range(rounds):
        for kind, command in commands.items():
            found[kind].append(timed([Step(command)], folder))
    print("| subwords | seconds | processor s | peak MB |\n|---|---|---|---|")
    for kind, results in found.items():
        seconds, processor, _ = map(min, zip(*results, strict=True))
        print(f"| {kind} | {seconds:.1f} | {processor:.1f} | {max(r[2] for r in results):.0f} |", flush=True)


def queries(text: Path, folder: Path) -> None:
    """100,000 unknown words to vectors, and a cold `embedkit similar` on a model of 2,000,000 buckets."""
    import numpy as np

    import embedkit
    from embedkit.query.keyed_vectors import KeyedVectors
    from embedkit.rows.subwords import Subwords

    rng = np.random.default_rng(1)
    with open(text, encoding="utf-8") as stream:
        words = sorted({word for line in stream.readlines(20_000_000) for word in line.split()})[:75_000]
    subwords = Subwords("chars")
    rows = rng.normal(size=(len(words), 100)).astype(np.float32)
    model = KeyedVectors(
        words,
        rows,
        subwords=subwords,
        word_rows=rows,
        ngram_vectors=rng.normal(size=(subwords.bucket, 100)).astype(np.float32),
    )
    unknown = [a + b for a, b in zip(rng.permutation(words), rng.permutation(words), strict=True)]
    unknown = [word for word in unknown + [w + "s" for w in unknown] if word not in model][:100_000]
    model.get_vectors(unknown[:5000])
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        model.get_vectors(unknown)
        seconds.append(time.perf_counter() - start)
    print(f"{len(unknown):,} unknown words to vectors: {len(unknown) / min(seconds):,.0f} words/s")
    path = folder / "large.safetensors"
    model.save(path)
    del model
    for name, word in (("known", words[1000]), ("unknown", unknown[0])):
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "embedkit", "similar", str(path), word], check=True, capture_output=True
            )
            seconds.append(time.perf_counter() - start)
        print(
            f"similar, {name} word, cold process, {embedkit.load(path).subwords.bucket:,} buckets: {min(seconds):.3f} s"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--fraction", type=int, default=9)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--queries", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.queries:
            queries(unpacked("en_wiki.txt", options.data, folder), folder)
        else:
            text = unpacked("ko_wiki.txt", options.data, folder)
            korean(part_of(text, folder / "part.txt", options.fraction), folder, options.rounds, options.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
