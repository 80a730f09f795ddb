"""How a task model is trained: the numbers that `embedkit.nn.learning.loop.fit` takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedkit.errors import ConfigError
from embedkit.options import check, option

if TYPE_CHECKING:
    from embedkit.nn.learning.optimizers import Optimizer

OPTIMIZERS = ("adam", "adamw", "adagrad", "sgd")
VALID_FRACTION = 0.1  # of the training data, to tell the best epoch by
VECTOR_SIZE = 100  # of random vectors
SCHEDULES = ("constant", "linear", "cosine", "noam")


@dataclass(frozen=True)
class TrainingOptions:
    """How a task model is trained; each kind of model has defaults of its own, as `CLASSIFIER_TRAINING`."""

    epochs: int = option(10, "At most so many.", least=1)
    batch_size: int = option(32, "Sentences in a batch.", least=1)
    optimizer: str = option("adam", "How a gradient becomes a step.", choices=OPTIMIZERS)
    learning_rate: float = option(1e-3, "The size of a step.", above=0)
    embedding_rate: float = option(1.0, "The word vectors' learning rate, as a multiple of the other.", above=0)
    schedule: str = option("linear", "How the rate falls.", choices=SCHEDULES)
    warmup: float = option(0.0, "Share of the steps over which the rate rises.", least=0, below=1)
    weight_decay: float = option(0.0, "By how much parameters shrink in a step.", least=0)
    clip: float = option(5.0, "The largest norm of the gradients; inf: any.", above=0, infinite=True)
    patience: int = option(3, "Stop after so many epochs without a better score.", least=1)
    seed: int = option(1, "Of the random numbers.", least=0, most=2**63 - 1)
    # Howard and Ruder 2018: "discriminative fine-tuning" (they take 1 / 2.6) and "gradual unfreezing".
    layer_rate: float = option(
        1.0,
        "How fast each layer of a tuned encoder learns against the one above it, as 0.4.",
        above=0,
        most=1,
    )
    gradual_unfreezing: bool = option(False, "Epoch e trains the e uppermost layers of a tuned encoder alone.")

    def __post_init__(self) -> None:
        check(self)

    def make_optimizer(self, rate: float) -> Optimizer:
        """A fresh optimiser with a learning rate of `rate` times `learning_rate`."""
        from embedkit.nn.learning.optimizers import SGD, AdaGrad, Adam

        rate *= self.learning_rate
        if self.optimizer == "sgd":
            return SGD(rate, momentum=0.9, weight_decay=self.weight_decay)
        if self.optimizer == "adagrad":
            return AdaGrad(rate, weight_decay=self.weight_decay)
        return Adam(rate, weight_decay=self.weight_decay, decoupled=self.optimizer == "adamw")


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


def unfreeze(embeddings: Iterable[Any], epoch: int, unfreeze_after: int | None) -> None:
    """Let frozen vectors train from the epoch behind `unfreeze_after` on; told before each epoch."""
    if unfreeze_after is not None:
        for embedding in embeddings:
            embedding.frozen = epoch <= unfreeze_after
