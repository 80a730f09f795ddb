"""How a task model is trained: the numbers that `embedkit.nn.learning.loop.fit` takes."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from numbers import Integral, Real
from typing import TYPE_CHECKING

from embedkit.errors import ConfigError

if TYPE_CHECKING:
    from embedkit.nn.learning.optimizers import Optimizer

OPTIMIZERS = ("adam", "adamw", "adagrad", "sgd")
SCHEDULES = ("constant", "linear", "cosine", "noam")


@dataclass(frozen=True)
class TrainingOptions:
    """How a task model is trained.

    Attributes
    ----------
    epochs : int
        At most so many.
    batch_size : int
        Examples in a batch.
    optimizer : {"adam", "adamw", "adagrad", "sgd"}
    learning_rate : float
    embedding_rate : float
        The learning rate of tables of which a batch uses few rows (word vectors), as a multiple of `learning_rate`.
    schedule : {"constant", "linear", "cosine", "noam"}
    warmup : float
        The share of all steps over which the learning rate rises from 0.
    weight_decay : float
    clip : float
        The largest norm of all gradients together; a larger one is scaled down to it.
    patience : int
        Stop after so many epochs without a better score.
    seed : int
    layer_rate : float
        Of fine-tuning: each layer below the top learns so many times as fast as the one above it (Howard and Ruder
        2018, "discriminative fine-tuning", take 1 / 2.6).
    gradual_unfreezing : bool
        Of fine-tuning: epoch e trains the e uppermost layers alone (Howard and Ruder 2018).
    """

    epochs: int = 10
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    embedding_rate: float = 1.0
    schedule: str = "linear"
    warmup: float = 0.0
    weight_decay: float = 0.0
    clip: float = 5.0
    patience: int = 3
    seed: int = 1
    layer_rate: float = 1.0
    gradual_unfreezing: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"`{name}` must be a whole number of at least 1, got {value!r}")
        for name in ("learning_rate", "embedding_rate", "clip", "layer_rate"):
            value = getattr(self, name)
            if not _number(value) > 0:
                raise ConfigError(f"`{name}` must be a number above 0, got {value!r}")
        for name, most in (("warmup", 1.0), ("weight_decay", inf)):
            value = getattr(self, name)
            if not 0 <= _number(value) < most:
                raise ConfigError(f"`{name}` must be a number from 0 to below {most:g}, got {value!r}")
        if self.optimizer not in OPTIMIZERS:
            raise ConfigError(f"unknown `optimizer` {self.optimizer!r}: choose one of {', '.join(OPTIMIZERS)}")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"unknown `schedule` {self.schedule!r}: choose one of {', '.join(SCHEDULES)}")

    def make_optimizer(self, rate: float) -> Optimizer:
        """A fresh optimiser with a learning rate of `rate` times `learning_rate`."""
        from embedkit.nn.learning.optimizers import SGD, AdaGrad, Adam

        rate *= self.learning_rate
        if self.optimizer == "sgd":
            return SGD(rate, momentum=0.9, weight_decay=self.weight_decay)
        if self.optimizer == "adagrad":
            return AdaGrad(rate, weight_decay=self.weight_decay)
        return Adam(rate, weight_decay=self.weight_decay, decoupled=self.optimizer == "adamw")


def _number(value: object) -> float:
    """A value as a float; NaN, which no range holds, for what is no number."""
    return float(value) if isinstance(value, Real) else nan


def check_frozen(has_vectors: bool, frozen: bool, unfreeze_after: int | None, epochs: int) -> None:
    """Refuse vectors kept as they are where there are none, and such as would train after the last of the epochs.

    Raises
    ------
    ConfigError
    """
    if not has_vectors and (frozen or unfreeze_after is not None):
        raise ConfigError(
            "`frozen` and `unfreeze_after` need `vectors`: random vectors that never train say nothing of the words"
        )
    if unfreeze_after is not None and unfreeze_after >= epochs:
        raise ConfigError(
            f"`unfreeze_after` {unfreeze_after} leaves none of {epochs} `epochs` for the vectors to train in: give "
            "`frozen`, or more `epochs`"
        )
