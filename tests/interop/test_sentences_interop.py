"""Vectors of sentences against scikit-learn's decomposition, as the papers' programs use it."""

import numpy as np
import pytest

from embedkit.documents.sentence_model import SentenceOptions
from embedkit.documents.sentences import learn
from embedkit.query.keyed_vectors import KeyedVectors

decomposition = pytest.importorskip("sklearn.decomposition")


def test_sif_removes_the_direction_of_truncated_svd():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(200)]
    counts = np.sort(rng.zipf(1.6, 200))[::-1].clip(1, 10**6)
    vectors = KeyedVectors(words, rng.standard_normal((200, 20)).astype(np.float32) + 0.3, counts=counts)
    lines = [" ".join(rng.choice(words, 8)) for _ in range(500)]
    fitted, encoder = learn(vectors, [lines], SentenceOptions.create(method="sif"))
    found = np.concatenate(list(encoder.learnt_lines()))

    p = dict(zip(words, counts / counts.sum(), strict=True))
    averages = np.array([
        np.mean([0.001 / (0.001 + p[w]) * vectors[w].astype(np.float64) for w in line.split()], axis=0)
        for line in lines
    ])  # fmt: skip
    svd = decomposition.TruncatedSVD(1, algorithm="arpack", random_state=0).fit(averages)
    direction = svd.components_[0]
    np.testing.assert_allclose(np.abs(fitted.components[0] @ direction), 1, atol=1e-6)
    np.testing.assert_allclose(found, averages - np.outer(averages @ direction, direction), atol=1e-6)
