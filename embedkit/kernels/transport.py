"""The cheapest way to carry what lies at some places to others: the transportation problem, exactly.

Shortest augmenting paths with potentials, as the Hungarian method has them for assignments (Jonker and Volgenant 1987,
"A shortest augmenting path algorithm for dense and sparse linear assignment problems"), with amounts in place of ones.
Amounts are whole numbers, so that nothing is lost on the way and the loop ends. Bound by arithmetic: texts of n words
take about n paths of at most n² steps; ten words a few microseconds.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel


@kernel
def movers_distance(vectors, counts, n, unit):
    """Word Mover's Distance of two texts; see `embedkit.documents.word_mover`.

    Parameters
    ----------
    vectors : float32 (n + m, d)
        Those of one text's words, then those of the other's.
    counts : int64 (n + m,)
        How often each stands there.
    n : int
    unit : bool
        Set their lengths to 1.

    Returns NaN for vectors that are not finite.
    """
    m, size = len(vectors) - n, vectors.shape[1]
    scales = np.ones(n + m)
    if unit:
        for i in range(n + m):
            total = 0.0
            for d in range(size):
                total += np.float64(vectors[i, d]) * vectors[i, d]
            scales[i] = 1.0 / np.sqrt(total) if total > 0.0 else 0.0
    costs = np.empty((n, m))
    for i in range(n):
        for j in range(m):
            total = 0.0
            for d in range(size):
                total += (scales[i] * vectors[i, d] - scales[n + j] * vectors[n + j, d]) ** 2
            if not np.isfinite(total):
                return np.nan
            costs[i, j] = np.sqrt(total)
    of_a, of_b = 0, 0
    for i in range(n + m):
        if i < n:
            of_a += counts[i]
        else:
            of_b += counts[i]
    supply, demand = np.empty(n, np.int64), np.empty(m, np.int64)
    for i in range(n + m):
        if i < n:
            supply[i] = counts[i] * of_b
        else:
            demand[i - n] = counts[i] * of_a
    return transport_cost(supply, demand, costs) / (of_a * of_b)


@kernel
def transport_cost(supply, demand, costs):
    """The least cost of carrying all supply to the demand, in float64.

    Parameters
    ----------
    supply : int64 (n,)
    demand : int64 (m,)
        Both above 0, and of one sum.
    costs : float64 (n, m)
        Of carrying 1 from place i to place j; finite, 0 or more.
    """
    n, m = costs.shape
    left, wanted = np.empty(n, np.int64), np.empty(m, np.int64)
    for i in range(n):
        left[i] = supply[i]
    for j in range(m):
        wanted[j] = demand[j]
    flow = np.zeros((m, n), np.int64)
    # Potentials: costs[i, j] - up[i] - down[j] is never below 0, and 0 where something is carried.
    up, down = np.empty(n), np.empty(m)
    for j in range(m):
        down[j] = np.inf
        for i in range(n):
            down[j] = min(down[j], costs[i, j])
    for i in range(n):
        up[i] = np.inf
        for j in range(m):
            up[i] = min(up[i], costs[i, j] - down[j])
        for j in range(m):
            if costs[i, j] - down[j] <= up[i]:
                amount = min(left[i], wanted[j])
                flow[j, i] = amount
                left[i] -= amount
                wanted[j] -= amount
    far = np.empty(m)  # the length of the shortest path to each place of demand
    before = np.empty(m, np.int64)  # from which place of supply it comes
    reached = np.empty(m, np.bool_)
    arrival = np.empty(n)  # how far each place of supply is, below 0 where no path leads to it yet
    through = np.empty(n, np.int64)  # from which place of demand, against the flow
    for start in range(n):
        while left[start] > 0:
            end = _shortest_path(start, wanted, costs, flow, up, down, far, before, reached, arrival, through)
            for i in range(n):
                if arrival[i] >= 0.0:
                    up[i] += far[end] - arrival[i]
            for j in range(m):
                if reached[j]:
                    down[j] -= far[end] - far[j]
            _carry(start, end, left, wanted, flow, before, through)
    total = 0.0
    for i in range(n):
        for j in range(m):
            total += flow[j, i] * costs[i, j]
    return total


@kernel
def _shortest_path(start, wanted, costs, flow, up, down, far, before, reached, arrival, through):
    """Dijkstra's algorithm from one place of supply to the nearest place that still wants something."""
    n, m = costs.shape
    far[:], reached[:], arrival[:] = np.inf, False, -1.0
    arrival[start] = 0.0
    waiting = np.empty(n, np.int64)
    waiting[0], n_waiting = start, 1
    while True:
        for k in range(n_waiting):
            i = waiting[k]
            for j in range(m):
                length = arrival[i] + max(costs[i, j] - up[i] - down[j], 0.0)
                if not reached[j] and length < far[j]:
                    far[j], before[j] = length, i
        nearest = -1
        for j in range(m):
            if not reached[j] and (nearest < 0 or far[j] < far[nearest]):
                nearest = j
        reached[nearest] = True
        if wanted[nearest] > 0:
            return nearest
        n_waiting = 0
        for i in range(n):
            if flow[nearest, i] > 0 and arrival[i] < 0.0:
                arrival[i], through[i] = far[nearest], nearest
                waiting[n_waiting] = i
                n_waiting += 1


@kernel
def _carry(start, end, left, wanted, flow, before, through):
    """Carry along the path that was found as much as all of its parts allow."""
    amount, j = min(left[start], wanted[end]), end
    while before[j] != start:
        i = before[j]
        j = through[i]
        amount = min(amount, flow[j, i])
    j = end
    while True:
        i = before[j]
        flow[j, i] += amount
        if i == start:
            break
        j = through[i]
        flow[j, i] -= amount
    left[start] -= amount
    wanted[end] -= amount
