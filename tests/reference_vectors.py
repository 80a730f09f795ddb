"""Plain float64 versions of what embedkit.query.neighbours and embedkit.query.keyed_vectors compute."""

import numpy as np


def unit(v):
    length = np.linalg.norm(v)
    return v / length if length > 0 else v


def nearest(vectors, query, n, metric, skip=()):
    rows, query = vectors.astype(np.float64), query.astype(np.float64)
    if metric == "cosine":
        values = np.array([unit(row) @ unit(query) for row in rows])
        order = np.argsort(-values, kind="stable")
    elif metric == "dot":
        values = rows @ query
        order = np.argsort(-values, kind="stable")
    else:
        values = np.linalg.norm(rows - query, axis=1)
        order = np.argsort(values, kind="stable")
    order = order[~np.isin(order, list(skip))][:n]
    return order, values[order]


def keep_best(scores, scale, shift, k):
    values = scores.astype(np.float64) * scale + shift
    rows = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return rows, np.take_along_axis(values, rows, axis=1)


def analogy(words, vectors, a, b, c, method):
    rows = {word: unit(v.astype(np.float64)) for word, v in zip(words, vectors, strict=True)}
    scores = {}
    for word in set(words) - {a, b, c}:
        if method == "3cosadd":
            scores[word] = rows[word] @ unit(rows[b] - rows[a] + rows[c])
        else:
            near = {known: (1 + rows[word] @ rows[known]) / 2 for known in (a, b, c)}
            scores[word] = near[b] * near[c] / (near[a] + 1e-6)
    return sorted(scores.items(), key=lambda item: -item[1])


def parse(texts):
    """Decimals as NumPy reads them: rounded to float64, then to float32."""
    return np.array([float(text) for text in texts]).astype(np.float32)
