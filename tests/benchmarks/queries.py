"""How long questions to a large model take: one from a cold process, and many in bulk, beside NumPy and gensim.

``python -m tests.benchmarks.queries`` makes 400,000 random vectors in 300 dimensions. "bare" is NumPy's matrix
product of 10,000 queries with all vectors and `numpy.argpartition`, in blocks of 128 queries, timed on some of them
and scaled up; gensim answers 200 queries one by one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from embedkit import KeyedVectors, load
from embedkit.query import neighbours
from embedkit.vocabulary.words import Words

TOPN = 10


def cold(path: Path) -> float:
    """Median seconds from starting the command to its answer, of five."""
    took = []
    for _ in range(5):
        start = time.perf_counter()
        command = [sys.executable, "-m", "embedkit", "similar", str(path), "w100"]
        subprocess.run(command, check=True, capture_output=True)
        took.append(time.perf_counter() - start)
    return sorted(took)[2]


def bulk_command(path: Path, words: list[str]) -> float:
    """Seconds of ``embedkit similar`` with all words on standard input."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "embedkit", "similar", str(path), "--topn", str(TOPN)],
        input="\n".join(words).encode(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


def bare(vectors: np.ndarray, queries: np.ndarray) -> float:
    """Seconds a query of the product with `vectors` and a partition."""
    start = time.perf_counter()
    for low in range(0, len(queries), 128):
        scores = queries[low : low + 128] @ vectors.T
        np.argpartition(scores, scores.shape[1] - TOPN, axis=1)[:, -TOPN:]
    return (time.perf_counter() - start) / len(queries)


def gensim_loop(words: list[str], vectors: np.ndarray, asked: list[str]) -> float:
    """Seconds a query of gensim's most_similar."""
    from gensim.models import KeyedVectors as Theirs

    model = Theirs(vectors.shape[1])
    model.add_vectors(words, vectors)
    model.fill_norms()
    model.most_similar(asked[0], topn=TOPN)
    start = time.perf_counter()
    for word in asked[:200]:
        model.most_similar(word, topn=TOPN)
    return (time.perf_counter() - start) / 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=400_000)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--queries", type=int, default=10_000)
    options = parser.parse_args()
    words = [f"w{i}" for i in range(options.words)]
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((options.words, options.size), dtype=np.float32)
    asked = [words[i] for i in rng.integers(0, options.words, options.queries)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        KeyedVectors(Words.from_strings(words), vectors).save(path)
        model = load(path)
        print(f"cold embedkit similar, {options.words:,} x {options.size}: {cold(path):.3f} s")
        print(f"{len(asked):,} queries through the command: {bulk_command(path, asked):.2f} s")
        queries = neighbours.unit(model.get_vectors(asked))
        start = time.perf_counter()
        model.most_similar_batch(queries, TOPN)
        ours = (time.perf_counter() - start) / len(queries)
        print(f"most_similar_batch: {ours * 1e3:.3f} ms a query")
        unit = neighbours.unit(vectors)
        plain = bare(unit, queries[: min(1024, len(queries))])
        print(f"bare product and argpartition: {plain * 1e3:.3f} ms a query, {plain / ours:.2f} times ours")
        try:
            theirs = gensim_loop(words, vectors, asked)
            print(f"gensim most_similar: {theirs * 1e3:.3f} ms a query, {theirs / ours:.1f} times ours")
        except ImportError:
            print("gensim is not installed: pip install gensim")


if __name__ == "__main__":
    main()
