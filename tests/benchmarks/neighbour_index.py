"""The index of neighbours on a million vectors: time to build, recall, questions a second, beside all comparisons.

    python -m tests.benchmarks.neighbour_index [--words 1000000] [--size 100] [--queries 1000] [--workers 2]

The vectors stand around 2,000 centres that lie around 50 others, as words of a trained model stand in groups; vectors
without any structure have no neighbours worth finding. It needs `usearch` (``embedkit[index]``).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np

from embedkit import KeyedVectors
from embedkit.query.index import NeighbourIndex
from embedkit.vocabulary.words import Words
from tests.benchmarks.data import processor

TOPN = 10


def vectors_in_groups(n: int, size: int) -> np.ndarray:
    """float32 (n, size)."""
    rng = np.random.default_rng(1)
    far = rng.standard_normal((50, size), dtype=np.float32)
    centres = far[rng.integers(0, 50, 2000)] + rng.standard_normal((2000, size), dtype=np.float32)
    found = rng.standard_normal((n, size), dtype=np.float32)
    for low in range(0, n, 100_000):
        found[low : low + 100_000] += centres[rng.integers(0, 2000, len(found[low : low + 100_000]))]
    return found


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What the work gives, its seconds and its processor seconds."""
    begun, spent = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - begun, time.process_time() - spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    model = KeyedVectors(
        Words.from_strings([f"w{i}" for i in range(options.words)]), vectors_in_groups(options.words, options.size)
    )
    print(f"{date.today()}, {processor()}, {os.cpu_count()} cores; {options.words:,} vectors of {options.size}")
    index, seconds, spent = timed(lambda: NeighbourIndex.build(model, workers=options.workers))
    print(f"built in {seconds:.0f} s with {options.workers} workers, {spent:.0f} processor s")
    print(f"recall at {TOPN}: {index.recall:.3f}, {index.expansion} candidates kept")
    rows = np.random.default_rng(2).choice(options.words, options.queries, replace=False)
    queries = model.vectors[rows]
    one_by_one, seconds, _ = timed(lambda: [index.nearest(query[None], TOPN)[0] for query in queries[:200]])
    print(f"index, one by one: {len(one_by_one) / seconds:,.0f} questions/s")
    found, seconds, _ = timed(lambda: index.nearest(queries, TOPN))
    print(f"index, in bulk: {len(found) / seconds:,.0f} questions/s")
    exact, seconds, _ = timed(lambda: model.most_similar_batch(queries, TOPN))
    print(f"all comparisons, in bulk: {len(exact) / seconds:,.0f} questions/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
