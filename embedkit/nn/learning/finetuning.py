"""Fine-tuning a language model inside a task model: how deep each parameter lies below the task's own layers."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LAYER = re.compile(r"context\.\w+\.layers\.(\d+)\.")


def depths(names: Iterable[str]) -> dict[str, int]:
    """How many layers lie above each parameter.

    0 for the task's own, 1 for the language model's top layer, one more for each below it, and the most for what it
    reads words with.

    Examples
    --------
    >>> depths(["output.bias", "context.stack.layers.1.b", "context.stack.layers.0.b", "context.embedding.weight"])
    {'output.bias': 0, 'context.stack.layers.1.b': 1, 'context.stack.layers.0.b': 2, 'context.embedding.weight': 3}
    """
    names = list(names)
    layers = {name: int(found[1]) for name in names if (found := _LAYER.match(name))}
    n = max(layers.values(), default=-1) + 1
    above = {}
    for name in names:
        if name in layers:
            above[name] = n - layers[name]
        elif name.startswith("context.") and ".norm." in name:
            above[name] = 1
        else:
            above[name] = n + 1 if name.startswith("context.") else 0
    return above
