"""The rule by which replicas become one again: which rows meet behind which stage, and what their changes count.

Frequent rows change all the time and would drift apart: the most used rows of each matrix meet behind every stage of a
round, more of them behind every few stages, all behind the last one.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from embedkit.training.options import TrainingConfig
from embedkit.training.slices import Result
from embedkit.training.state import Family

# Behind how many stages the most used rows of each matrix meet, so many of them; the others meet behind a round.
# Chosen together with the stages of `embedkit.training.schedule`, on one seed (`embedkit.kernels.replicas`).
TIERS = ((1, 500), (4, 2_000))
# Of the learning rate: the share of the way to a row's optimum that an update goes. Measured for four replicas; with
# sixteen, whose sum is four times as long, .05 diverged in the first epoch.
CONTRACTION = 0.05
CONTRACTION_REPLICAS = 4


class ReplicatedFamily(Family, Protocol):
    """A family that can train on copies of its matrices; made from a corpus, whose ids it does not look at."""

    config: TrainingConfig

    @property
    def matrices(self) -> list[np.ndarray]:
        """The state, padded: the input and the output rows."""

    def uses(self) -> list[np.ndarray]:
        """How often each row of each matrix is expected to be updated for a token of the text, float64 (n_rows,)."""

    def frequent_rows(self, most: int) -> list[slice]:
        """Where the most used rows of each matrix are, `most` at most."""

    def step_on(
        self,
        matrices: list[np.ndarray],
        ids: np.ndarray,
        rate: np.float32,
        state: np.ndarray,
        control: np.ndarray,
        touched: list[np.ndarray],
    ) -> Result:
        """Train on `ids` in the given copies; `touched` (uint8, for each matrix) gets 1 for rows that may change."""


class Merging:
    """The rule by which rows of replicas become one again.

    Parameters
    ----------
    family : ReplicatedFamily
    config : TrainingConfig

    Attributes
    ----------
    every : list of int
        Behind how many stages each tier of rows meets; each divides the next.
    parts : list of list of slice
        The rows of each matrix in a tier; a tier lies within the next one.
    frequent : list of slice
        The rows of each matrix that meet within a round at all.
    """

    def __init__(self, family: ReplicatedFamily, config: TrainingConfig) -> None:
        self.n = config.replicas or 1
        self.short: bool = config.merge_bfloat16
        self.uses = family.uses()
        self.every = [every for every, _ in TIERS]
        self.parts = [family.frequent_rows(most) for _, most in TIERS]
        self.frequent = self.parts[-1]

    def tier(self, stage: int, stages: int) -> int | None:
        """Which tier meets behind a stage of a round; None behind the last stage, where all rows meet."""
        if stage + 1 == stages:
            return None
        return max(tier for tier, every in enumerate(self.every) if (stage + 1) % every == 0)

    def meeting(self, which: int, n_rows: int, stage: int, stages: int) -> slice:
        """The rows of a matrix that may meet behind a stage of a round, all behind the last one."""
        tier = self.tier(stage, stages)
        return slice(0, n_rows) if tier is None else self.parts[tier][which]

    def scales(self, which: int, rows: np.ndarray, tokens: float, rate: float, stage: int) -> np.ndarray:
        """What the summed changes of rows count.

        Parameters
        ----------
        which : int
            The matrix.
        rows : int64 (n,)
        tokens : float
            That each replica trained on in a stage.
        rate : float
            The learning rate.
        stage : int
            Of the round, from 0.
        """
        since = np.full(len(rows), stage + 1)  # stages since they met
        for every, tier in zip(reversed(self.every), reversed(self.parts), strict=True):
            part = tier[which]
            since[(rows >= part.start) & (rows < part.stop)] = stage % every + 1
        contraction = rate * CONTRACTION * max(1.0, self.n / CONTRACTION_REPLICAS)
        return scales_of(self.uses[which][rows] * (tokens * since), self.n, contraction)


def scales_of(updates: np.ndarray, n: int, contraction: float) -> np.ndarray:
    """What the changes of rows, summed over n replicas, count: float32 (n_rows,).

    Parameters
    ----------
    updates : float64 (n_rows,)
        Expected in each replica since they met.
    n : int
    contraction : float
        The share c of the way to a row's optimum that an update goes: see `embedkit.kernels.replicas`.
    """
    log = np.log1p(-min(contraction, 0.5))
    in_one, in_all = -np.expm1(updates * log), -np.expm1(n * updates * log)
    return np.where(in_one > 1e-9, in_all / np.maximum(n * in_one, 1e-9), 1.0).astype(np.float32)
