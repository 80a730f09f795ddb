"""Subword training side by side with the ``fasttext`` package and gensim: seconds, memory, quality.

    python -m tests.benchmarks.fasttext --data DIR [--fraction 6] [--seeds 1] [--epochs 5] [--systems embedkit,fasttext]
    python -m tests.benchmarks.fasttext --data DIR --queries

DIR holds `en_wiki.txt`, `ws353.tsv` and `questions-words.txt`, unpacked. Every run is a process of its own, from text
to the saved model, the systems taking turns; two threads, 100 dimensions, sample 1e-4, 2,000,000 buckets. --queries
measures 100,000 unknown words to vectors, and a cold `embedkit similar` on a model of 2,000,000 buckets.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.data import unpacked

COMMON = "import json, resource, sys; text, out, epochs, seed = *sys.argv[1:3], *map(int, sys.argv[3:5])\n"
PEAK = (
    "\npeak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == 'darwin' else 1024)\n"
    "print(json.dumps({'peak_mb': peak}))"
)
SYSTEMS = {
    "embedkit": COMMON
    + """
from embedkit.cli import main
status = main(["train", text, "-o", out, "--model", "fasttext", "--epochs", str(epochs), "--seed", str(seed),
               "--workers", "2", "--quiet"])
assert status == 0"""
    + PEAK,
    "fasttext": COMMON
    + """
import fasttext
for attempt in range(3):
    try:
        model = fasttext.train_unsupervised(text, model="skipgram", dim=100, epoch=epochs, lr=.05, thread=2, minCount=5,
                                            bucket=2000000, t=1e-4, verbose=0)
        break
    except RuntimeError:
        continue
model.save_model(out)"""
    + PEAK,
    "gensim": COMMON
    + """
from gensim.models import FastText
model = FastText(vector_size=100, window=5, min_count=5, workers=2, sg=1, negative=5, ns_exponent=.5, sample=1e-4,
                 alpha=.05, seed=seed, bucket=2000000)
model.build_vocab(corpus_file=text)
model.train(corpus_file=text, total_words=model.corpus_total_words, total_examples=model.corpus_count, epochs=epochs)
model.wv.save_word2vec_format(out, binary=True)"""
    + PEAK,
}


def measure(system: str, text: Path, folder: Path, epochs: int, seed: int) -> tuple[float, float, Path]:
    """Seconds of the whole process, its peak memory in MB, and the model it wrote."""
    out = folder / f"{system}{seed}{'.safetensors' if system == 'embedkit' else '.bin'}"
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", SYSTEMS[system], str(text), str(out), str(epochs), str(seed)],
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - start, json.loads(done.stdout.splitlines()[-1])["peak_mb"], out


def quality(model: Path, data: Path) -> tuple[float, float]:
    """WS353 ρ and analogy accuracy among 30,000 words, by the same code for every system."""
    import embedkit
    from embedkit.analysis.evaluation import evaluate_analogies, evaluate_pairs
    from embedkit.analysis.testsets import read_analogies, read_pairs

    vectors = embedkit.load(model)
    return (
        evaluate_pairs(vectors, read_pairs(data / "ws353.tsv")).spearman.value,
        evaluate_analogies(vectors, read_analogies(data / "questions-words.txt"), restrict_vocab=30_000).total.accuracy,
    )


def part_of(text: Path, fraction: int, folder: Path) -> Path:
    """The first 1/fraction of a text, to the end of a line."""
    if fraction == 1:
        return text
    part = folder / "part.txt"
    with open(text, "rb") as stream:
        data = stream.read(text.stat().st_size // fraction)
        part.write_bytes(data + stream.readline())
    return part


def queries(text: Path, folder: Path) -> None:
    """The two bars of answering."""
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
    parser.add_argument("--fraction", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--systems", default="embedkit,fasttext,gensim")
    parser.add_argument("--queries", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.queries:
            queries(unpacked("en_wiki.txt", options.data, folder), folder)
            return 0
        text = part_of(unpacked("en_wiki.txt", options.data, folder), options.fraction, folder)
        systems = [s for s in options.systems.split(",") if importlib.util.find_spec(s)]
        print("system\tseed\tseconds\tpeak MB\tWS353\tanalogies", flush=True)
        for seed in range(1, options.seeds + 1):
            for system in systems:
                seconds, peak, model = measure(system, text, folder, options.epochs, seed)
                pairs, analogies = quality(model, options.data)
                os.remove(model)
                print(f"{system}\t{seed}\t{seconds:.1f}\t{peak:.0f}\t{pairs:.3f}\t{analogies:.3f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
