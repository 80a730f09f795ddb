"""Which neighbours of a word count, and how much."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import lcm
from typing import Any

import numpy as np

from embedkit.errors import ConfigError

WEIGHTINGS = ("inverse", "flat", "linear")
_EXACT = 2**53
_ROUNDED_BY = 1e-6  # of a weight at most


@dataclass(frozen=True)
class Window:
    """What counts as near.

    Attributes
    ----------
    size : int
        Words to either side; never beyond the sentence.
    symmetric : bool
        Both sides, or one only: cell (i, j) then counts how often word i stands before word j, in its left context.
        That is what GloVe's ``cooccur -symmetric 0`` writes.
    weighting : {"inverse", "flat", "linear"}
        A neighbour at distance d counts 1/d, or 1, or (size + 1 - d) / size: what it counts on average where each
        window is drawn from 1 .. size, as word2vec does (Levy, Goldberg and Dagan 2015, section 3.1, "dyn").
    """

    size: int = 15
    symmetric: bool = True
    weighting: str = "inverse"

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 100_000:
            raise ConfigError(f"`window` must be between 1 and 100000, got {self.size}")
        if self.weighting not in WEIGHTINGS:
            raise ConfigError(f"`weighting` must be one of {', '.join(WEIGHTINGS)}, got {self.weighting!r}")

    def weights(self, most_frequent: int) -> tuple[np.ndarray, float]:
        """The weight at distance 1, 2, ... times a scale, float64 (size,), and that scale.

        1/d is no binary fraction. Scaled by the least common multiple of all distances the weights are whole
        numbers, which float64 adds exactly below 2**53: then no order of additions matters, nor whether a corpus was
        counted whole or in parts. Where a cell of two words that occur `most_frequent` times could exceed that (a
        window of more than about 20 words), the scale is the largest multiple of the first distances' least common
        multiple that fits, and the weights of the others are rounded to whole numbers, which changes none by more
        than a millionth. Only where even that does not fit the weights stay 1/d and the scale is 1.
        """
        distances = np.arange(1, self.size + 1)
        if self.weighting == "flat":
            return np.ones(self.size), 1.0
        if self.weighting == "linear":
            return np.arange(self.size, 0, -1, dtype=np.float64), float(self.size)
        largest_sum = 2 * float(np.sum(1 / distances)) * max(most_frequent, 1)
        scale = lcm(*range(1, self.size + 1)) if self.size <= 40 else _EXACT  # lcm(1 .. 41) > 2**53
        if scale * largest_sum < _EXACT:
            return np.array([float(scale // d) for d in range(1, self.size + 1)]), float(scale)
        # A quarter of the room stays free, so that a sum divided by the scale gives the sum back when multiplied.
        room = int(_EXACT / 4 / largest_sum)
        scale = 1
        for d in range(2, self.size + 1):
            if lcm(scale, d) > room:
                break
            scale = lcm(scale, d)
        scale *= max(room // scale, 1)
        if self.size > 2 * scale * _ROUNDED_BY:
            return 1 / distances, 1.0
        return np.rint(scale / distances), float(scale)

    def whole_numbers(self, values: np.ndarray, most_frequent: int) -> np.ndarray:
        """Counts, divided by the scale of `weights`, as the whole numbers that they were: float64 (n,)."""
        _, scale = self.weights(most_frequent)
        return values if scale == 1 else np.rint(values * scale)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
