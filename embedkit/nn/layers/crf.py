"""A linear-chain conditional random field over the tags of a sentence (Lafferty, McCallum and Pereira 2001).

The score of tags y for emissions x is  start[y_1] + Σ x[t, y_t] + Σ transitions[y_(t-1), y_t] + end[y_T].  The loss is
log Z − score(y), with log Z from the forward recursion; its gradient is what the model expects minus what is observed
(Sutton and McCallum 2012, "An Introduction to Conditional Random Fields", §4.1 and eq. 5.8): the marginals of the
forward-backward recursion. The recursions here run in log space and float64: over 10,000 words the scores of float32
add up to where its neighbours lie more than .1 apart, and the marginals came out as infinity. Training goes through
`embedkit.kernels.chains`, in scaled probabilities: 23 µs a word became 1.7, of some
140 that a step of the tagger took.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.kernels import thresholds
from embedkit.nn.layers.parameters import floats

Array = np.ndarray
Legal = tuple[Array, Array, Array]
MOST_APART = 200.0  # nats between scores: probabilities so far apart are no zeros in float64, nor after three steps
FORBIDDEN = -1e9  # in nats; infinity would turn sums of it into NaN


class CRFCache(NamedTuple):
    """What `ConditionalRandomField.forward` leaves for its backward: its arguments, α and log Z in float64."""

    emissions: Array
    tags: Array
    mask: Array
    alpha: Array
    log_z: Array
    dtype: np.dtype


class KernelCache(NamedTuple):
    """What the kernel leaves for the backward: the gradients of each sentence's loss.

    Attributes
    ----------
    demissions : float64 (batch, time, K)
    dchains : float64 (batch, K + 2, K)
        Of transitions, start and end, below each other.
    dtype : dtype
        Of the emissions.
    """

    demissions: Array
    dchains: Array
    dtype: np.dtype


class ConditionalRandomField:
    """The output layer of a tagger that weighs whole tag sequences.

    Parameters
    ----------
    n_tags : int
        Number of tags K.
    rng : numpy.random.Generator
        For the initial weights, uniform in ±0.1.
    dtype : numpy dtype
        Of the parameters.
    legal : (bool (K, K), bool (K,), bool (K,)), optional
        Which tags may follow which, begin and end a sentence; what may not has probability 0.

    Attributes
    ----------
    parameters : dict
        ``transitions`` (K, K), from row to column, ``start`` (K,), ``end`` (K,).
    """

    def __init__(
        self, n_tags: int, rng: np.random.Generator, dtype: DTypeLike = np.float32, legal: Legal | None = None
    ) -> None:
        if n_tags < 1:
            raise ConfigError(f"a CRF needs at least one tag, got {n_tags}")
        self.parameters = {
            "transitions": rng.uniform(-0.1, 0.1, (n_tags, n_tags)).astype(dtype),
            "start": rng.uniform(-0.1, 0.1, n_tags).astype(dtype),
            "end": rng.uniform(-0.1, 0.1, n_tags).astype(dtype),
        }
        self.penalties = [np.where(allowed, 0.0, FORBIDDEN) for allowed in legal] if legal is not None else None

    def scores(self) -> tuple[Array, Array, Array]:
        """Transitions, start and end as they count, float64: what is not legal costs more than anything can bring."""
        given = [self.parameters[name].astype(np.float64) for name in ("transitions", "start", "end")]
        if self.penalties is not None:
            given = [score + penalty for score, penalty in zip(given, self.penalties, strict=True)]
        return given[0], given[1], given[2]

    def pooled_with(self, other: Mapping[str, Array], shares: tuple[float, float]) -> ConditionalRandomField:
        """One whose parameters are the sums of this one's and `other`'s, times their shares; for such emissions."""
        pooled = copy.copy(self)
        pooled.parameters = {name: own * shares[0] + other[name] * shares[1] for name, own in self.parameters.items()}
        return pooled

    def forward(self, emissions: Array, tags: Array, mask: Array) -> tuple[Array, CRFCache | KernelCache]:
        """Negative log-likelihood of the given tags.

        Parameters
        ----------
        emissions : floating (batch, time, K)
            Score of every tag at every token.
        tags : int (batch, time)
            The true tags; what stands under the padding does not matter.
        mask : bool (batch, time)
            True for real tokens, which come first in every row; each row has at least one.

        Returns
        -------
        loss : floating (batch,)
        cache : CRFCache or KernelCache
        """
        emissions, mask, tags = floats(emissions), np.asarray(mask, bool), np.asarray(tags)
        self._check(emissions, mask, tags)
        dtype, emissions = emissions.dtype, emissions.astype(np.float64)
        if self._suits_kernel(emissions):
            return self._by_kernel(emissions, tags, mask, dtype)
        alpha, log_z = self._alpha(emissions, mask)
        loss = log_z - self._score(emissions, tags, mask)
        return loss.astype(dtype), CRFCache(emissions, tags, mask, alpha, log_z, dtype)

    def _check(self, emissions: Array, mask: Array, tags: Array | None = None) -> None:
        """Refuse what does not fit together, on which a kernel would read and write beside its arrays."""
        n_tags, shape = len(self.parameters["start"]), np.shape(mask)
        fits = len(shape) == 2 and np.shape(emissions) == (*shape, n_tags)
        if not fits or (tags is not None and np.shape(tags) != shape):
            found = ", ".join(str(np.shape(each)) for each in (emissions, mask, tags) if each is not None)
            raise ConfigError(
                f"emissions must have shape (batch, time, {n_tags}), mask and tags (batch, time), found {found}"
            )
        if (mask[:, 1:] > mask[:, :-1]).any():
            raise ConfigError("the mask must be True at the beginning of each row, then False")
        if tags is None:
            return
        if not mask.any(1).all():
            raise ConfigError(
                f"the mask must have a token or more in each row, found none in row {mask.any(1).argmin()}"
            )
        if mask.any() and not 0 <= tags[mask].min() <= tags[mask].max() < n_tags:
            raise ConfigError(f"tags must lie in 0..{n_tags - 1}, found {tags[mask].min()}..{tags[mask].max()}")

    def _suits_kernel(self, emissions: Array) -> bool:
        """Whether there is enough to do for a kernel, and all scores are so near to each other that none gets lost."""
        if emissions.size * emissions.shape[2] < thresholds.CHAIN_PRODUCTS:
            return False
        spread = float(np.ptp(emissions, axis=2).max())
        return spread + sum(2.0 * float(np.abs(value).max()) for value in self.parameters.values()) < MOST_APART

    def _by_kernel(self, emissions: Array, tags: Array, mask: Array, dtype: np.dtype) -> tuple[Array, KernelCache]:
        from embedkit.kernels.chains import chain_gradients

        transitions, start, end = self.scores()
        chain = np.concatenate([transitions, [start, end]])
        losses, dchains = np.empty(len(mask)), np.empty((len(mask), *chain.shape))
        demissions = np.zeros(emissions.shape)
        tags = np.where(mask, tags, 0).astype(np.int64)
        chain_gradients(emissions, chain, tags, mask.sum(1), losses, demissions, dchains)
        return losses.astype(dtype), KernelCache(demissions, dchains, dtype)

    def backward(self, dloss: Array, cache: CRFCache | KernelCache) -> tuple[Array, dict[str, Array]]:
        """Gradients of `forward`.

        Parameters
        ----------
        dloss : floating (batch,)

        Returns
        -------
        demissions : floating (batch, time, K)
        grads : dict
            As `parameters`.
        """
        if isinstance(cache, KernelCache):
            dchain = np.einsum("bij,b->ij", cache.dchains, dloss)
            demissions = cache.demissions * dloss[:, None, None]
            grads = {"transitions": dchain[:-2], "start": dchain[-2], "end": dchain[-1]}
            return demissions.astype(cache.dtype), self._like_parameters(grads)
        emissions, tags, mask, alpha, log_z, dtype = cache
        transitions, _, _ = self.scores()
        batch, time = mask.shape
        weight = (dloss[:, None] * mask)[..., None]
        beta = self._beta(emissions, mask)
        # 1. what the model expects: the marginals of single tags and of neighbouring pairs
        demissions = np.exp(alpha + beta - log_z[:, None, None]) * weight
        dtransitions = np.zeros(transitions.shape)
        for t in range(1, time):
            here = np.flatnonzero(mask[:, t])
            pair = (
                alpha[here, t - 1, :, None]
                + transitions
                + (emissions[here, t] + beta[here, t] - log_z[here, None])[:, None, :]
            )
            dtransitions += np.einsum("bij,b->ij", np.exp(pair), dloss[here])
        # 2. minus what is observed
        rows, steps = np.nonzero(mask)
        demissions[rows, steps, tags[rows, steps]] -= dloss[rows]
        both = mask[:, 1:]
        np.add.at(
            dtransitions, (tags[:, :-1][both], tags[:, 1:][both]), -np.broadcast_to(dloss[:, None], both.shape)[both]
        )
        # 3. the first and last tag of a sentence carry start and end too
        last = mask.sum(1) - 1
        grads = {
            "transitions": dtransitions,
            "start": demissions[:, 0].sum(0),
            "end": demissions[np.arange(batch), last].sum(0),
        }
        return demissions.astype(dtype), self._like_parameters(grads)

    def _like_parameters(self, grads: dict[str, Array]) -> dict[str, Array]:
        return {name: grad.astype(self.parameters[name].dtype) for name, grad in grads.items()}

    def decode(self, emissions: Array, mask: Array) -> Array:
        """The best tag sequences, see `viterbi`: int64 (batch, time), zero under the padding."""
        self._check(emissions, mask)
        if not mask.any():
            return np.zeros(mask.shape, np.int64)
        return viterbi(emissions, mask, *self.scores())

    def marginals(self, emissions: Array, mask: Array) -> Array:
        """Probability of every tag at every token, (batch, time, K); zero under the padding."""
        self._check(emissions, mask)
        emissions = emissions.astype(np.float64)
        if not mask.any():
            return np.zeros_like(emissions)
        alpha, log_z = self._alpha(emissions, mask)
        return np.exp(alpha + self._beta(emissions, mask) - log_z[:, None, None]) * mask[..., None]

    def _alpha(self, emissions: Array, mask: Array) -> tuple[Array, Array]:
        transitions, start, end = self.scores()
        alpha = np.empty_like(emissions)
        alpha[:, 0] = start + emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            step = _logsumexp(alpha[:, t - 1, :, None] + transitions, 1) + emissions[:, t]
            alpha[:, t] = np.where(mask[:, t, None], step, alpha[:, t - 1])
        return alpha, _logsumexp(alpha[:, -1] + end, 1)

    def _beta(self, emissions: Array, mask: Array) -> Array:
        transitions, _, end = self.scores()
        beta = np.empty_like(emissions)
        beta[:, -1] = end
        for t in range(emissions.shape[1] - 2, -1, -1):
            step = _logsumexp(transitions + (emissions[:, t + 1] + beta[:, t + 1])[:, None, :], 2)
            beta[:, t] = np.where(mask[:, t + 1, None], step, end)
        return beta

    def _score(self, emissions: Array, tags: Array, mask: Array) -> Array:
        rows, tags = np.arange(len(tags)), np.where(mask, tags, 0)
        transitions, start, end = self.scores()
        own = np.take_along_axis(emissions, tags[..., None], 2)[..., 0]
        steps = transitions[tags[:, :-1], tags[:, 1:]]
        last = mask.sum(1) - 1
        score: Array = (own * mask).sum(1) + (steps * mask[:, 1:]).sum(1) + start[tags[:, 0]] + end[tags[rows, last]]
        return score


def viterbi(emissions: Array, mask: Array, transitions: Array, start: Array, end: Array) -> Array:
    """The tag sequences of the highest score (Viterbi 1967).

    Parameters
    ----------
    emissions : floating (batch, time, K)
    mask : bool (batch, time)
        True for real tokens, which come first in every row; a row may have none.
    transitions, start, end : floating (K, K), (K,), (K,)

    Returns
    -------
    int64 (batch, time)
        Zero under the padding.
    """
    batch, time, n_tags = emissions.shape
    emissions = emissions.astype(np.float64)
    best = start + emissions[:, 0]
    came_from = np.zeros((batch, time, n_tags), np.int32)
    for t in range(1, time):
        scores = best[:, :, None] + transitions
        came_from[:, t] = scores.argmax(1)
        step = np.take_along_axis(scores, came_from[:, t, None].astype(np.int64), 1)[:, 0] + emissions[:, t]
        best = np.where(mask[:, t, None], step, best)
    last = mask.sum(1) - 1
    tags = np.zeros((batch, time), np.int64)
    rows = np.arange(batch)
    tag = (best + end).argmax(1)
    for t in range(time - 1, -1, -1):
        inside = t <= last
        tags[inside, t] = tag[inside]
        if t:
            tag = np.where(inside, came_from[rows, t, tag], tag)
    return tags


def _logsumexp(x: Array, axis: int) -> Array:
    top = x.max(axis, keepdims=True)
    total: Array = np.log(np.exp(x - top).sum(axis)) + top.squeeze(axis)
    return total
