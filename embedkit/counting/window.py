"""Which neighbours of a word count, and how much."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import lcm
from typing import Any

import numpy as np

from embedkit.errors import ConfigError

WEIGHTINGS = ("inverse", "flat")
_EXACT = 2**53


@dataclass(frozen=True)
class Window:
    """What counts as near.

    Attributes
    ----------
    size : int
        Words to either side; never beyond the sentence.
    symmetric : bool
        Both sides, or the left one only.
    weighting : {"inverse", "flat"}
        A neighbour at distance d counts 1/d, or 1.
    """

    size: int = 15
    symmetric: bool = True
    weighting: str = "inverse"

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 100_000:
            raise ConfigError(f"window must be between 1 and 100000, got {self.size}")
        if self.weighting not in WEIGHTINGS:
            raise ConfigError(f"weighting must be one of {', '.join(WEIGHTINGS)}, got {self.weighting!r}")

    def weights(self, most_frequent: int) -> tuple[np.ndarray, float]:
        """The weight at distance 1, 2, ... times a scale, float64 (size,), and that scale.

        1/d is no binary fraction. Scaled by the least common multiple of all distances the weights are whole
        numbers, which float64 adds exactly below 2**53: then no order of additions matters. Where a cell of two
        words that occur `most_frequent` times could exceed that, the weights stay 1/d and the scale is 1.
        """
        distances = np.arange(1, self.size + 1)
        if self.weighting == "flat":
            return np.ones(self.size), 1.0
        scale = lcm(*range(1, self.size + 1)) if self.size <= 40 else _EXACT  # lcm(1 .. 41) > 2**53
        if 2 * scale * float(np.sum(1 / distances)) * most_frequent < _EXACT:
            return np.array([float(scale // d) for d in range(1, self.size + 1)]), float(scale)
        return 1 / distances, 1.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
