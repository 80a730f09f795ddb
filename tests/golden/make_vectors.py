"""Writes the golden files of word vectors with gensim and NumPy: ``python -m tests.golden.make_vectors``."""

from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors

HERE = Path(__file__).parent
WORDS = ["the", "naïve", "여왕", "new_york", "x"]
VECTORS = np.array(
    [
        [0.1, -2.5, 3e-8],
        [1 / 3, 123456.789, -0.0],
        [1.1754944e-38, 3.4028235e38, 1e-45],
        [16777216, 0.30000001, -7],
        [0, 0, 0],
    ],
    np.float32,
)


def main():
    vectors = KeyedVectors(3)
    vectors.add_vectors(WORDS, VECTORS)
    vectors.save_word2vec_format(HERE / "gensim_vectors.txt", write_header=True, sort_attr=None)
    vectors.save_word2vec_format(HERE / "gensim_vectors.bin", binary=True, sort_attr=None)
    vectors.save_word2vec_format(HERE / "gensim_glove.txt", write_header=False, sort_attr=None)
    np.savez(HERE / "numpy_vectors.npz", vectors=VECTORS, words=np.array(WORDS))


if __name__ == "__main__":
    main()
