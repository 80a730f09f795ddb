"""Evaluation against gensim, the ways of compressing, and the packages for an index.

    python -m tests.benchmarks.evaluation --data DIR [--vectors MODEL] [--index N] [--work DIR]

DIR holds ws353.tsv, questions-words.txt and en_wiki.txt.xz of the project's test data. Without --vectors a skip-gram
model is trained on en_wiki with the command's defaults and kept in --work. Prints seconds of the whole command
``embedkit evaluate --restrict-vocab 30000``, a cold process, beside gensim's evaluate_word_analogies on vectors that
are already loaded; how many questions the two answer differently; the table of ``embedkit compress --report``. With
--index N: build time, time of a query and recall at 10 of usearch and of hnswlib on the first N words.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from embedkit.analysis.evaluation import evaluate_analogies
from embedkit.analysis.testsets import read_analogies
from embedkit.query.neighbours import nearest
from embedkit.query.storing import load
from embedkit.rows.norms import unit

RESTRICT = 30_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--index", type=int, metavar="N")
    parser.add_argument("--work", type=Path, default=Path("build/evaluation"))
    arguments = parser.parse_args()
    needed = ["ws353.tsv", "questions-words.txt", *([] if arguments.vectors else ["en_wiki.txt.xz"])]
    missing = [name for name in needed if not (arguments.data / name).exists()]
    if missing:
        sys.exit(f"{arguments.data} does not hold {', '.join(missing)}")
    model = arguments.vectors or trained(arguments.data / "en_wiki.txt.xz", arguments.work)
    evaluation(model, arguments.data)
    compression(model, arguments.data)
    if arguments.index:
        indexes(load(model).vectors[: arguments.index])


def embedkit(*options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "embedkit", *map(str, options)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def trained(corpus: Path, work: Path) -> Path:
    model = work / "en_wiki.safetensors"
    if not model.exists():
        work.mkdir(parents=True, exist_ok=True)
        embedkit("train", corpus, "-o", model)
    return model


def evaluation(model: Path, data: Path) -> None:
    questions = data / "questions-words.txt"
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        embedkit("evaluate", model, "--analogies", questions, "--restrict-vocab", RESTRICT)
        seconds.append(time.perf_counter() - begun)
    vectors = load(model)
    found = evaluate_analogies(vectors, read_analogies(questions), restrict_vocab=RESTRICT)
    print(
        f"{len(vectors):,} x {vectors.vector_size}, {found.total.used:,} of {found.total.total:,} analogies, "
        f"accuracy {found.total.accuracy:.4f}\n"
        f"embedkit evaluate, whole command: {min(seconds):.2f} s (best of 3)",
        flush=True,
    )
    try:
        from gensim.models import KeyedVectors
    except ImportError:
        print("gensim is not installed: nothing to compare with")
        return
    other = KeyedVectors(vectors.vector_size)
    other.add_vectors(list(vectors.index_to_key), np.array(vectors.vectors))
    begun = time.perf_counter()
    _, sections = other.evaluate_word_analogies(str(questions), restrict_vocab=RESTRICT)
    ended = time.perf_counter()
    different = sum(
        len(set(section.correct) ^ set(expected["correct"]))
        for section, expected in zip(found.sections, sections, strict=False)
    )
    print(f"gensim evaluate_word_analogies, vectors loaded: {ended - begun:.2f} s; {different} questions differ")


def compression(model: Path, data: Path) -> None:
    print(embedkit("compress", model, "--report", "--pairs", data / "ws353.tsv", "--quiet").stdout)


def indexes(vectors: np.ndarray) -> None:
    rows = unit(vectors)
    sample = np.random.default_rng(1).permutation(len(rows))[:500]
    exact = [set(found.tolist()) for found, _ in nearest(rows, np.ones(len(rows), np.float32), rows[sample], 10, "dot")]
    print("| index | build, s | candidates | recall@10 | ms a query |\n|---|---|---|---|---|")
    for name, build in (("usearch", usearch), ("hnswlib", hnswlib)):
        begun = time.perf_counter()
        try:
            search = build(rows)
        except ImportError:
            print(f"| {name} | not installed |")
            continue
        built = time.perf_counter() - begun
        for candidates in (64, 128, 256, 512):
            begun = time.perf_counter()
            found = search(rows[sample], candidates)
            taken = (time.perf_counter() - begun) / len(sample) * 1e3
            recall = np.mean([len(a & set(b)) / 10 for a, b in zip(exact, found.tolist(), strict=True)])
            print(f"| {name} | {built:.1f} | {candidates} | {recall:.3f} | {taken:.3f} |", flush=True)


def usearch(rows: np.ndarray):
    from usearch.index import Index

    graph = Index(ndim=rows.shape[1], metric="ip", dtype="f16", connectivity=24, expansion_add=200)
    graph.add(np.arange(len(rows)), rows)

    def search(queries: np.ndarray, candidates: int) -> np.ndarray:
        graph.expansion_search = candidates
        return graph.search(queries, 10).keys.astype(np.int64)

    return search


def hnswlib(rows: np.ndarray):
    import hnswlib

    graph = hnswlib.Index("ip", rows.shape[1])
    graph.init_index(len(rows), ef_construction=200, M=24)
    graph.add_items(rows)

    def search(queries: np.ndarray, candidates: int) -> np.ndarray:
        graph.set_ef(candidates)
        return graph.knn_query(queries, k=10)[0].astype(np.int64)

    return search


if __name__ == "__main__":
    main()
