"""Word Mover's Distance against gensim's, and the transport of amounts against POT."""

import os

import numpy as np
import pytest

from embedkit.documents.word_mover import WordMover
from embedkit.kernels.transport import transport_cost
from embedkit.query.keyed_vectors import KeyedVectors

for backend in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"):  # POT imports all that it finds, which takes seconds
    os.environ.setdefault(f"POT_BACKEND_DISABLE_{backend}", "1")
models = pytest.importorskip("gensim.models")
ot = pytest.importorskip("ot")

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("unit", [True, False])
def test_distances_are_those_of_gensim(unit):
    words = [f"w{i}" for i in range(200)]
    ours = KeyedVectors(words, RNG.standard_normal((200, 30)).astype(np.float32))
    theirs = models.KeyedVectors(30)
    theirs.add_vectors(words, ours.vectors)
    mover = WordMover(ours, unit=unit)
    texts = [[f"w{i}" for i in RNG.zipf(1.4, RNG.integers(1, 25)) % 220] for _ in range(60)]
    for a, b in zip(texts[::2], texts[1::2], strict=True):
        expected = theirs.wmdistance(a, b, norm=unit)
        found = mover.distance(a, b)
        assert np.isinf(found) if np.isinf(expected) else found == pytest.approx(expected, abs=1e-5)
        np.testing.assert_allclose(mover.distances(a, [b])[0], found, atol=1e-6)


def test_amounts_are_carried_at_the_cost_that_pot_finds():
    for case in range(300):
        n, m = RNG.integers(1, 30, 2)
        a, b = RNG.integers(1, 5, n), RNG.integers(1, 5, m)
        costs = RNG.random((n, m)) if case % 3 else RNG.integers(0, 3, (n, m)).astype(float)
        found = transport_cost(a * b.sum(), b * a.sum(), costs) / (a.sum() * b.sum())
        assert found == pytest.approx(ot.emd2(a / a.sum(), b / b.sum(), costs), abs=1e-12)
