"""How the learning rate moves: each schedule gives a function from the step (from 0) to a factor on the base rate."""

from __future__ import annotations

import math
from collections.abc import Callable

from embedkit.errors import ConfigError

Schedule = Callable[[int], float]


def constant(total_steps: int, warmup_steps: int = 0) -> Schedule:
    """1 after a linear warm-up."""
    return lambda step: _warmup(step, warmup_steps)


def linear(total_steps: int, warmup_steps: int = 0, floor: float = 0.0) -> Schedule:
    """Up to 1 over `warmup_steps`, then down in a straight line to `floor` at `total_steps`."""
    return lambda step: _warmup(step, warmup_steps) * (1.0 - (1.0 - floor) * _decayed(step, total_steps, warmup_steps))


def cosine(total_steps: int, warmup_steps: int = 0, floor: float = 0.0) -> Schedule:
    """Up to 1 over `warmup_steps`, then down half a cosine to `floor` (Loshchilov and Hutter 2017, eq. 5)."""
    return lambda step: (
        _warmup(step, warmup_steps)
        * (floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * _decayed(step, total_steps, warmup_steps))))
    )


def noam(total_steps: int, warmup_steps: int = 4000) -> Schedule:
    """Up over `warmup_steps`, then down as 1/√step (Vaswani et al. 2017, section 5.3, scaled to a peak of 1)."""
    warmup = max(1, warmup_steps)
    return lambda step: min((step + 1) / warmup, math.sqrt(warmup / (step + 1)))


SCHEDULES: dict[str, Callable[..., Schedule]] = {"constant": constant, "linear": linear, "cosine": cosine, "noam": noam}


def get_schedule(name: str, total_steps: int, warmup_steps: int = 0) -> Schedule:
    """The schedule of this name.

    Raises
    ------
    ConfigError
        When there is none, or the warm-up does not end before training does.
    """
    if name not in SCHEDULES:
        raise ConfigError(f"unknown schedule {name!r}: choose one of {', '.join(SCHEDULES)}")
    if warmup_steps < 0 or warmup_steps > total_steps:
        raise ConfigError(f"the warm-up takes {warmup_steps} steps training only {total_steps}: shorten it")
    return SCHEDULES[name](total_steps, warmup_steps)


def _warmup(step: int, warmup_steps: int) -> float:
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


def _decayed(step: int, total_steps: int, warmup_steps: int) -> float:
    return min(1.0, max(0.0, (step - warmup_steps) / max(1, total_steps - warmup_steps)))
