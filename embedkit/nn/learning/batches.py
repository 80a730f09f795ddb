"""Label sets, and batches of sentences of like length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from embedkit.errors import ConfigError, CorpusError
from embedkit.text.labelled import check_labels


def label_set(labels: Iterable[str], what: str = "label", expected: str = "text<TAB>label") -> list[str]:
    """The different labels in sorted order.

    Raises
    ------
    CorpusError
        Where there are fewer than two, or almost as many as labelled things: nothing can be learned then.
    """
    labels = list(labels)
    names = sorted(set(labels))
    check_labels(names, len(labels), what, expected)
    return names


def hold_out(n: int, fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Split 0 .. n-1 at random into (training, validation); at least one of each where n > 1."""
    order = rng.permutation(n)
    n_valid = _n_valid(n, fraction)
    return np.sort(order[n_valid:]), np.sort(order[:n_valid])


def _n_valid(n: int, fraction: float) -> int:
    if not 0 < fraction < 1:
        raise ConfigError(f"`valid_fraction` must be a share between 0 and 1, got {fraction}")
    return min(max(round(n * fraction), 1), n - 1) if n > 1 else 0


def hold_out_run(n: int, fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`hold_out` of neighbours, from a random place on: sentences of one text share their rare words.

    Held out at random, a tagger of Korean seemed to get .937 of the tags right, on other texts .897.
    """
    n_valid = _n_valid(n, fraction)
    start = int(rng.integers(n - n_valid + 1))
    return np.r_[0:start, start + n_valid : n], np.arange(start, start + n_valid)


def hold_out_groups(groups: np.ndarray, fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`hold_out` of whole items: rows of one group, such as the captions of one image, stay on one side.

    Parameters
    ----------
    groups : int64 (n,)
        The group of each row, from 0.

    Raises
    ------
    CorpusError
        Where all rows are of one group: nothing can be held out then.
    """
    n_groups = int(groups.max()) + 1
    if n_groups < 2:
        raise CorpusError("expected at least two different items to hold one out, found one")
    kept, held = hold_out(n_groups, fraction, rng)
    return np.flatnonzero(np.isin(groups, kept)), np.flatnonzero(np.isin(groups, held))


def bucketed_batches(
    lengths: np.ndarray, batch_size: int, rng: np.random.Generator | None, max_tokens: int = 20_000
) -> list[np.ndarray]:
    """Cut sentences into batches of like length.

    Parameters
    ----------
    lengths : int (n,)
    batch_size : int
        Sentences in a batch, at most.
    rng : Generator or None
        Shuffles: sentences of the same length change places, about a tenth of the sentences swaps with neighbouring
        lengths, and the batches come in random order. None: by length, longest first, the same each time.
    max_tokens : int
        A batch holds at most so many places, padding included, and always at least one sentence.

    Returns
    -------
    list of int64 (<= batch_size,)
        Each number 0 .. n-1 once.
    """
    key = lengths.astype(np.float64)
    if rng is not None:
        key *= rng.uniform(0.95, 1.05, len(key))
        key += rng.random(len(key))
    order = np.argsort(-key, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start : start + batch_size]].max()), 1)
        stop = start + min(batch_size, max(max_tokens // longest, 1))
        batches.append(order[start:stop])
        start = stop
    if rng is not None:
        batches = [batches[i] for i in rng.permutation(len(batches))]
    return batches


def padded(rows: Sequence[np.ndarray], fill: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Stack sequences of numbers.

    Returns
    -------
    ids : int64 (n, longest)
        Filled up with `fill`.
    mask : bool (n, longest)
        True where a row has a number.
    """
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(max(int(lengths.max()), 1)) < lengths[:, None]
    ids = np.full(mask.shape, fill, dtype=np.int64)
    ids[mask] = np.concatenate(rows)
    return ids, mask
