"""Word Mover's Distance beside gensim's ``wmdistance``: single distances, and the ten texts nearest to one.

    python -m tests.benchmarks.word_mover --data DIR --lines 2000

Texts are runs of fifteen words of English Wikipedia, vectors of 100 dimensions trained on its first 20,000 lines.
gensim's distances are worked out on `--pairs` pairs and scaled up; it has nothing but a loop for the nearest texts.
The distances of both are compared.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np

import embedkit
from embedkit.documents.word_mover import WordMover
from tests.benchmarks.data import unpacked

WORDS = 15
TRAINED_ON = 20_000
TOPN = 10

for backend in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"):  # which POT would import
    os.environ.setdefault(f"POT_BACKEND_DISABLE_{backend}", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = unpacked("en_wiki.txt", given.data, Path(folder))
        with open(text, encoding="utf-8") as stream:
            lines = list(islice(stream, max(TRAINED_ON, given.lines)))
    corpus = embedkit.Corpus.from_sentences([line.split() for line in lines[:TRAINED_ON]])
    model = embedkit.train(corpus, vector_size=100, epochs=2, workers=1)
    texts = [line.split()[:WORDS] for line in lines[: given.lines] if len(line.split()) >= WORDS]
    queries, pairs = texts[: given.questions], [(texts[i % 50], texts[-1 - i]) for i in range(given.pairs)]

    mover = WordMover(model)
    bags = mover.bags(texts)
    mover.nearest(queries[0], bags, 1)  # compiles
    begun = time.process_time()
    ours = [mover.distance(a, b) for a, b in pairs]
    single = (time.process_time() - begun) / len(pairs)
    begun = time.process_time()
    for query in queries:
        mover.distances(query, bags)
    every = (time.process_time() - begun) / len(queries)
    begun = time.process_time()
    for query in queries:
        mover.nearest(query, bags, TOPN)
    nearest = (time.process_time() - begun) / len(queries)

    from gensim.models import KeyedVectors

    vectors = KeyedVectors(model.vector_size)
    vectors.add_vectors(list(model.index_to_key), np.asarray(model.vectors))
    vectors.fill_norms()
    vectors.wmdistance(*pairs[0])
    begun = time.process_time()
    theirs = [vectors.wmdistance(a, b) for a, b in pairs]
    gensim = (time.process_time() - begun) / len(pairs)
    print(f"largest difference of {len(pairs):,} distances: {np.abs(np.subtract(ours, theirs)).max():.1e}")
    print(f"one distance: {single * 1e6:.0f} µs, gensim {gensim * 1e6:.0f} µs: {gensim / single:.1f} times")
    loop = gensim * len(texts)
    print(f"distances from {len(texts):,} texts: {every * 1e3:.1f} ms, gensim {loop * 1e3:.0f} ms: {loop / every:.0f}")
    print(f"{TOPN} nearest of them: {nearest * 1e3:.1f} ms, gensim {loop * 1e3:.0f} ms: {loop / nearest:.0f} times")


if __name__ == "__main__":
    main()
