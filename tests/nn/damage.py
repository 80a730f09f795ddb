"""What the fuzz tests do to JSON values and arrays."""

import os

import numpy as np

CASES = int(os.environ.get("EMBEDKIT_FUZZ_CASES", "0"))  # by hand 100000; each test has its own sample without it
JUNK = [None, -1, 0, 2**31, 2**70, 10**400, "x", "", [], {}, float("nan"), float("inf"), True, 1e300, [1, 2], 7, 0.5]


def damaged_json(rng, value):
    """One place of a tree of dictionaries and lists replaced by something else, or left out."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = list(value)[rng.integers(len(value))]
        if rng.random() < 0.2:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: damaged_json(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.7:
        place = rng.integers(len(value))
        return [damaged_json(rng, v) if i == place else v for i, v in enumerate(value)]
    return JUNK[rng.integers(len(JUNK))]


def damaged_array(rng, array):
    """An array of another shape, dtype or content; None for none at all."""
    kind = rng.integers(8)
    if kind == 0:
        return None
    if kind == 1:
        return array.reshape(-1)
    if kind == 2:
        return array[: rng.integers(len(array) + 1)] if array.ndim else array
    if kind == 3:
        dtypes = [np.float32, np.float64, np.int64, np.int32, np.uint8]
        with np.errstate(invalid="ignore", over="ignore"):
            return array.astype(dtypes[rng.integers(len(dtypes))])
    if kind == 4:
        return np.zeros((0, 3), array.dtype)
    if kind == 5:
        return np.concatenate([array, array]) if array.ndim else array
    if kind == 6 and array.size:
        other = array.copy().reshape(-1)
        junk = [-1, 127, 0] if array.dtype.kind in "iu" else [np.nan, np.inf, 1e30]
        with np.errstate(over="ignore"):
            other[rng.integers(other.size)] = np.array(junk[rng.integers(3)]).astype(array.dtype)
        return other.reshape(array.shape)
    return array[None]
