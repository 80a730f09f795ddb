"""The transport of amounts against all ways to do it, for small cases."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from embedkit.kernels.transport import transport_cost
from tests.reference_documents import transport_cost as by_hand


def test_an_assignment_is_the_best_of_all_permutations():
    rng = np.random.default_rng(1)
    for n in range(1, 7):
        for costs in (rng.random((n, n)), rng.integers(0, 3, (n, n)).astype(float), np.zeros((n, n))):
            ones = np.ones(n, np.int64)
            best = min(sum(costs[i, j] for i, j in enumerate(order)) for order in permutations(range(n)))
            np.testing.assert_allclose(transport_cost(ones, ones, costs), best, atol=1e-12)


amounts = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@given(amounts, amounts, st.integers(0, 2**32 - 1), st.booleans())
def test_amounts_are_carried_at_the_least_cost(supply, demand, seed, ties):
    rng = np.random.default_rng(seed)
    costs = rng.random((len(supply), len(demand)))
    costs = np.round(costs * 2) if ties else costs
    a, b = np.array(supply) * sum(demand), np.array(demand) * sum(supply)
    expected = by_hand(a.tolist(), b.tolist(), costs)
    np.testing.assert_allclose(transport_cost(a, b, costs), expected, rtol=1e-12, atol=1e-12)
