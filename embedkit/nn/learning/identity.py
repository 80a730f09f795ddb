"""What makes a run the run it is: its options, and fingerprints of all that it learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Identity(NamedTuple):
    """What must be the same for a run to go on from a checkpoint.

    Attributes
    ----------
    kind : str
        Whose run it is: ``"classify"``, ``"tag"``, ...
    settings : dict
        Options by name, expressible in JSON: what the model is made of, how text is cut.
    data : dict of str to object
        What the run learns from, by what a message calls it (``"training data"``): anything that `digest` takes.
    """

    kind: str
    settings: dict[str, Any]
    data: dict[str, Any]


def digest(part: Any) -> str:
    """A fingerprint of strings, numbers, None, arrays, and lists or dictionaries of them, in their order.

    Examples
    --------
    >>> digest(["a", "bc"]) == digest(["ab", "c"])
    False
    """
    state = hashlib.blake2b(digest_size=16)
    _update(state, part)
    return state.hexdigest()


def _update(state: Any, part: Any) -> None:
    if isinstance(part, str):
        text = part.encode("utf-8", "surrogatepass")
        state.update(b"s%d:" % len(text) + text)
    elif isinstance(part, np.ndarray):
        state.update(f"a{part.dtype.str}{part.shape}:".encode())
        state.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    elif isinstance(part, Mapping):
        state.update(b"m%d:" % len(part))
        for name, value in part.items():
            _update(state, str(name))
            _update(state, value)
    elif isinstance(part, Iterable):
        parts = list(part)
        state.update(b"l%d:" % len(parts))
        for value in parts:
            _update(state, value)
    else:
        state.update(f"o{part!r}:".encode())
