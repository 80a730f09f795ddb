"""A small model in every format, for tests that go through all of them."""

from pathlib import Path

import numpy as np

from embedkit import formats
from embedkit.query.keyed_vectors import KeyedVectors

WORDS = ["the", "여왕", "naïve", "new_york", "zero"]
ELSEWHERE = ["floret", "safetensors", *(name for name, found in formats.FORMATS.items() if found.folder)]  # own tests
WRITABLE = [name for name in formats.FORMATS if name not in (*ELSEWHERE, "fasttext", "fasttext-vec")]
NEEDS_EXTRA = {"parquet": "pyarrow", "arrow": "pyarrow"}
EXACT = [name for name in WRITABLE if name != "finalfusion"]


def sample(n=5, size=3):
    """Words of several scripts; the last vector is zero, the others hold extreme and ordinary values."""
    vectors = np.random.default_rng(3).standard_normal((n, size)).astype(np.float32)
    vectors[-1:] = 0
    if n > 1 and size > 1:
        vectors[0, :2] = 1.1754944e-38, -3.3e15
    return KeyedVectors(WORDS[:n], vectors, counts=np.arange(n, 0, -1))


def suffix(name):
    return formats.FORMATS[name][1].split(" ")[0] or {"glove-text": ".glove.txt", "glove-binary": ".glove.bin"}[name]


def write(model, name, folder: Path, stem="m"):
    """Write in a format and return the file and what `load` needs to know."""
    path = folder / f"{stem}{suffix(name)}"
    if name == "glove-binary":
        model.save(path, name, vocab=folder / "vocab.txt")
        return path, {"format": name, "vocab": folder / "vocab.txt"}
    model.save(path, name)
    return path, {}
