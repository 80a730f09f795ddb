"""Steps down the gradient: `SGD`, `AdaGrad`, `Adam`; clipping; stopping in time.

Every optimiser changes ``parameters`` in place from ``grads`` of the same names. It skips a parameter without a
gradient (a frozen one), and of a `RowGradient` it touches the rows named and their state alone, the others' momentum
and decay wait until they are seen again, as ``torch.optim.SparseAdam`` does. ``optimizer.state`` holds named arrays
only, so a checkpoint stores and restores it like parameters.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from embedkit.errors import ConfigError, TrainingError
from embedkit.kernels import thresholds
from embedkit.nn.layers.parameters import Array, Gradient, Gradients, Parameters, RowGradient, values_of


class Optimizer:
    """What the three have in common: a loop over the parameters, and state by name."""

    def __init__(self, learning_rate: float, weight_decay: float) -> None:
        if not learning_rate > 0:
            raise ConfigError(f"the learning rate must be above 0, not {learning_rate}")
        if weight_decay < 0:
            raise ConfigError(f"the weight decay must be at least 0, not {weight_decay}")
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.steps = 0
        self.state: Parameters = {}

    def step(
        self,
        parameters: Parameters,
        grads: Mapping[str, Gradient],
        factor: float = 1.0,
        shares: Mapping[str, float] | None = None,
    ) -> None:
        """One step, with the learning rate times `factor` (from a schedule) and times a parameter's share, if any."""
        for name, gradient in grads.items():
            _check(name, parameters[name], gradient)
        self.steps += 1
        for name, gradient in grads.items():
            parameter = parameters[name]
            rate = self.learning_rate * factor * (shares or {}).get(name, 1.0)
            self._change(name, parameter, gradient, rate)

    def _change(self, name: str, parameter: Array, gradient: Gradient, rate: float) -> None:
        """Take the step of one parameter, or of those of its rows that have a gradient."""
        slots = self._slots(name, parameter)
        if not isinstance(gradient, RowGradient):
            parameter[...] = self._move(parameter, gradient, slots, rate)
        elif gradient.rows.size:
            rows, values = gradient
            kept = {key: array[rows] for key, array in slots.items()}
            parameter[rows] = self._move(parameter[rows], values, kept, rate)
            for key, array in slots.items():
                array[rows] = kept[key]

    def _slots(self, name: str, parameter: Array) -> Parameters:
        """This parameter's state arrays by kind, made on its first step."""
        slots = {}
        for kind in self.KINDS:
            key = f"{kind}.{name}"
            if key not in self.state:
                self.state[key] = np.zeros_like(parameter)
            slots[kind] = self.state[key]
        return slots

    KINDS: tuple[str, ...] = ()

    def _move(self, parameter: Array, gradient: Array, slots: Parameters, rate: float) -> Array:
        raise NotImplementedError


def _check(name: str, parameter: Array, gradient: Gradient) -> None:
    """Refuse a gradient of another shape than its parameter's, or of rows that the parameter does not have."""
    shape = np.shape(values_of(gradient))
    wanted = parameter.shape
    if isinstance(gradient, RowGradient):
        rows = gradient.rows
        wanted = (len(rows), *parameter.shape[1:])
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(parameter):
            raise ConfigError(
                f"the gradient of {name} must be of the rows 0..{len(parameter) - 1}, found {rows.min()}..{rows.max()}"
            )
    if shape != wanted:
        raise ConfigError(f"the gradient of {name} must have shape {wanted}, found {shape}")


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, as ``torch.optim.SGD``: v ← momentum · v + g, θ ← θ − rate · v."""

    def __init__(
        self, learning_rate: float = 0.1, *, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        if not 0.0 <= momentum < 1.0 or (nesterov and momentum == 0.0):
            raise ConfigError(f"momentum must lie in 0..1, 1 excluded (0 too for Nesterov's), not {momentum}")
        self.momentum = momentum
        self.nesterov = nesterov
        self.KINDS = ("momentum",) if momentum else ()

    def _move(self, parameter: Array, gradient: Array, slots: Parameters, rate: float) -> Array:
        if self.weight_decay:
            gradient = gradient + self.weight_decay * parameter
        if self.momentum:
            velocity = slots["momentum"]
            velocity *= self.momentum
            velocity += gradient
            gradient = gradient + self.momentum * velocity if self.nesterov else velocity
        return parameter - rate * gradient


class AdaGrad(Optimizer):
    """Each value's rate falls with the squares it has seen (Duchi et al. 2011), as ``torch.optim.Adagrad``."""

    KINDS = ("squares",)

    def __init__(self, learning_rate: float = 0.01, *, eps: float = 1e-10, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay)
        self.eps = eps

    def _move(self, parameter: Array, gradient: Array, slots: Parameters, rate: float) -> Array:
        if self.weight_decay:
            gradient = gradient + self.weight_decay * parameter
        squares = slots["squares"]
        squares += gradient * gradient
        return parameter - rate * gradient / (np.sqrt(squares) + self.eps)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1), as ``torch.optim.Adam``.

    With ``decoupled=True`` AdamW (Loshchilov and Hutter 2019, algorithm 2), as ``torch.optim.AdamW``.

    Parameters
    ----------
    learning_rate : float
    betas : (float, float)
        How slowly the running means of the gradient and of its square forget.
    eps : float
        Added to the root of the mean square.
    weight_decay : float
        Added to the gradient, or with `decoupled` taken off the parameter itself, times the learning rate.
    """

    KINDS = ("mean", "square")

    def __init__(
        self,
        learning_rate: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        if not all(0.0 <= beta < 1.0 for beta in betas):
            raise ConfigError(f"Adam's betas must be at least 0 and below 1, not {betas}")
        self.betas = betas
        self.eps = eps
        self.decoupled = decoupled

    def _change(self, name: str, parameter: Array, gradient: Gradient, rate: float) -> None:
        values = values_of(gradient)
        suits = parameter.dtype == values.dtype == np.float32 and parameter.flags.c_contiguous
        if not suits or values.size < thresholds.MOVED_VALUES:
            super()._change(name, parameter, gradient, rate)
            return
        from embedkit.kernels.adam import move_rows

        slots = self._slots(name, parameter)
        width = values.shape[-1] if isinstance(gradient, RowGradient) else values.size
        tables = [array.reshape(-1, width) for array in (parameter, slots["mean"], slots["square"])]
        rows = gradient.rows if isinstance(gradient, RowGradient) else np.zeros(1, np.int64)
        move_rows(
            tables[0],
            rows,
            np.ascontiguousarray(values).reshape(-1, width),
            *tables[1:],
            *map(np.float32, self._keep_and_decay(rate)),
            (np.float32(self.betas[0]), np.float32(self.betas[1])),
            *map(np.float32, self._corrected(rate)),
            np.float32(self.eps),
        )

    def _keep_and_decay(self, rate: float) -> tuple[float, float]:
        """What the parameter is multiplied with, and how much of it is added to its gradient."""
        return (1.0 - rate * self.weight_decay, 0.0) if self.decoupled else (1.0, self.weight_decay)

    def _corrected(self, rate: float) -> tuple[float, float]:
        """The rate, and the factor on the root: the running means began with zeros."""
        beta1, beta2 = self.betas
        return rate / (1.0 - beta1**self.steps), 1.0 / np.sqrt(1.0 - beta2**self.steps)

    def _move(self, parameter: Array, gradient: Array, slots: Parameters, rate: float) -> Array:
        beta1, beta2 = self.betas
        if self.weight_decay and self.decoupled:
            parameter = parameter * (1.0 - rate * self.weight_decay)
        elif self.weight_decay:
            gradient = gradient + self.weight_decay * parameter
        mean, square = slots["mean"], slots["square"]
        mean += (1.0 - beta1) * (gradient - mean)
        square *= beta2
        square += (1.0 - beta2) * (gradient * gradient)
        rate, factor = self._corrected(rate)
        root = np.sqrt(square)
        root *= factor
        root += self.eps
        return parameter - rate * (mean / root)


def clip_gradients(grads: Gradients, max_norm: float) -> float:
    """Scale all gradients, in place, so that their joint Euclidean norm is at most `max_norm`.

    Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", algorithm 1.

    Returns
    -------
    float
        The norm before clipping.

    Raises
    ------
    ConfigError
        When `max_norm` is not above 0.
    TrainingError
        When a gradient is NaN or infinite: scaling cannot mend that.
    """
    if not max_norm > 0:
        raise ConfigError(f"the largest norm must be above 0, not {max_norm}")
    arrays = [values_of(gradient) for gradient in grads.values()]
    norm = float(np.sqrt(sum(float(np.vdot(a, a)) for a in arrays)))
    if not np.isfinite(norm):
        bad = [name for name, a in zip(grads, arrays, strict=True) if not np.isfinite(a).all()]
        where = f" of {', '.join(bad[:3])}" if bad else ""
        raise TrainingError(f"the gradient{where} is not finite: lower the learning rate")
    if norm > max_norm:
        for array in arrays:
            np.multiply(array, array.dtype.type(max_norm / (norm + 1e-6)), out=array)
    return norm


class EarlyStopping:
    """Remembers the parameters of the best epoch and says when waiting longer is no use.

    Parameters
    ----------
    patience : int
        Stop after so many epochs without a better score.
    higher_is_better : bool
        True for accuracy, False for a loss.
    """

    def __init__(self, patience: int, higher_is_better: bool = True) -> None:
        if patience < 1:
            raise ConfigError(f"patience must be at least 1 epoch, not {patience}")
        self.patience = patience
        self.sign = 1.0 if higher_is_better else -1.0
        self.best_score: float | None = None
        self.best_epoch = 0
        self.epoch = 0
        self.best: Parameters = {}

    def update(self, score: float, parameters: Parameters) -> bool:
        """Note an epoch's score; returns whether it is the best so far. A NaN never is."""
        self.epoch += 1
        best = -np.inf if self.best_score is None else self.sign * self.best_score
        better = not np.isnan(score) and (self.best_score is None or self.sign * score > best)
        if better:
            self.best_score, self.best_epoch = score, self.epoch
            self.best = {name: array.copy() for name, array in parameters.items()}
        return better

    @property
    def should_stop(self) -> bool:
        """Whether `patience` epochs have passed since the best one."""
        return self.epoch - self.best_epoch >= self.patience

    def restore(self, parameters: Parameters) -> None:
        """Put the best epoch's values back, in place."""
        for name, array in self.best.items():
            parameters[name][...] = array
