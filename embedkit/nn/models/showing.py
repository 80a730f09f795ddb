"""What a course shows: the numbers behind gradients through time, gates, attention, positions, softmax, windows.

Every function returns panels, which ``embedkit show`` prints and `embedkit.plotting.panels` draws.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedkit.errors import ConfigError
from embedkit.nn.layers.attention import positions
from embedkit.nn.layers.losses import cross_entropy, softmax
from embedkit.nn.layers.parameters import Array, values_of
from embedkit.nn.layers.stacks import CELLS
from embedkit.nn.models.inside import Reading, inside

if TYPE_CHECKING:
    from embedkit.counting.ngram import NgramModel

STAGES = ("scores", "scaled", "softmax")


@dataclass(frozen=True)
class Heat:
    """A matrix of numbers with names for its rows and columns: values float (n_rows, n_columns)."""

    title: str
    values: Array
    rows: list[str]
    columns: list[str]


@dataclass(frozen=True)
class Lines:
    """Curves over the same x; with `log` on a logarithmic scale."""

    title: str
    along: str
    x: list[int]
    curves: dict[str, Array]
    log: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of words and numbers."""

    title: str
    columns: list[str]
    rows: list[tuple[Any, ...]]


Panel = Heat | Lines | Table
OPEN = 2.0  # bias of gates that keep the state: "such as 1 or 2", Jozefowicz et al. 2015, section 2.2


def gradients(
    steps: int = 50,
    hidden_size: int = 32,
    scale: float = 1.0,
    clip: float | None = None,
    forget_bias: float = OPEN,
    seed: int = 1,
) -> list[Panel]:
    """How the gradient of a loss at the last step fades or grows on its way back: ‖dL/dx_t‖ for RNN, GRU and LSTM.

    Parameters
    ----------
    steps, hidden_size : int
    scale : float
        What the recurrent weights are multiplied with: above 1 the gradient may explode.
    clip : float, optional
        The largest norm of all parameters' gradients together (Pascanu et al. 2013); curves with it beside those
        without.
    forget_bias : float
        Added to the biases of the LSTM's forget gate and of the GRU's update gate, which let more of the old state
        through then; with 0 the gates are half open, and all three cells forget (Jozefowicz et al. 2015).
    """
    curves: dict[str, Array] = {}
    rows: list[tuple[Any, ...]] = []
    for name, cell in CELLS.items():
        rng = np.random.default_rng(seed)
        layer = cell(8, hidden_size, rng=rng, dtype=np.float64)
        layer.parameters["weight_hh_l0"] *= scale
        if name != "rnn":  # the second of an LSTM's i f g o and of a GRU's r z n
            layer.parameters["bias_ih_l0"][hidden_size : 2 * hidden_size] += forget_bias
        y, cache = layer.forward(rng.standard_normal((1, steps, 8)))
        dy = np.zeros_like(y)
        dy[0, -1] = rng.standard_normal(hidden_size) / np.sqrt(hidden_size)
        dx, grads = layer.backward(dy, cache)
        norm = float(np.sqrt(sum(np.vdot(g, g) for g in map(values_of, grads.values()))))
        factor = 1.0 if clip is None or norm <= clip else clip / norm
        curves[name] = np.linalg.norm(dx[0], axis=1)
        if clip is not None:
            curves[f"{name}, clipped"] = curves[name] * factor
        first, last = curves[name][[0, -1]].tolist()
        rows.append((name, norm, norm * factor, first / last if last else None))  # weights may let nothing back
    table = Table(
        "norm of all parameters' gradients", ["cell", "norm", "after clipping", "first step : last step"], rows
    )
    title = f"‖dL/dx‖, the loss at the last step; recurrent weights × {scale:g}, forget bias {forget_bias:g}"
    return [Lines(title, "step", list(range(1, steps + 1)), curves, log=True), table]


def positional(length: int = 40, width: int = 32) -> list[Panel]:
    """The sinusoids that tell a Transformer where a word stands (Vaswani et al. 2017, section 3.5)."""
    table = positions(length, width, np.float64)
    names = [str(i) for i in range(length)]
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    alike = unit @ unit.T
    return [
        Heat("position × dimension", table, names, [str(i) for i in range(width)]),
        Heat("cosine of two positions", alike, names, names),
    ]


def softmax_network(words: Sequence[str], steps: int = 200, rate: float = 1.0, seed: int = 1) -> list[Panel]:
    """A network of two matrices learns which word follows which, all around: its weights, and its loss from ln V down.

    h = W_in[word], p = softmax(W_out h); W_out starts at zero, so that every word is as likely at first. A word that
    stands there twice has both its followers.
    """
    text, words = list(words), list(dict.fromkeys(words))
    n = len(words)
    if n < 2:
        raise ConfigError(f"expected at least two different words, found {n}")
    rng = np.random.default_rng(seed)
    w_in, w_out = rng.normal(0, 0.5, (n, 2)), np.zeros((n, 2))
    inputs = np.array([words.index(word) for word in text])
    targets = np.roll(inputs, -1)
    losses, pictures, shown = [], list[Panel](), {0, steps // 10, steps}
    for step in range(steps + 1):
        loss, dlogits = cross_entropy((w_in @ w_out.T)[inputs], targets)
        losses.append(loss)
        if step in shown:
            both = np.concatenate([w_in, w_out, softmax(w_in @ w_out.T)], axis=1)
            columns = ["in 1", "in 2", "out 1", "out 2", *(f"p({word})" for word in words)]
            pictures.append(Heat(f"after {step} steps: loss {loss:.4f}", both, words, columns))
        dscores = np.zeros((n, n))
        np.add.at(dscores, inputs, dlogits)
        w_in, w_out = w_in - rate * dscores @ w_out, w_out - rate * dscores.T @ w_in
    curve = {"loss": np.array(losses), f"ln {n} = {np.log(n):.4f}": np.full(steps + 1, np.log(n))}
    return [Lines("loss", "step", list(range(steps + 1)), curve), *pictures]


def windows(tokens: Sequence[str], window: int = 2, negative: int = 2, seed: int = 1) -> list[Panel]:
    """What CBOW and skip-gram learn from a sentence: each word and its window, with the negatives drawn beside it.

    Negatives are drawn by count to the power of ¾ (Mikolov et al. 2013), here from the sentence's own words; the word
    that is to be predicted is none.

    Raises
    ------
    ConfigError
        For fewer than two words.
    """
    if len(tokens) < 2:
        raise ConfigError(f"nothing to show: expected at least two words, found {len(tokens)}")
    counts = Counter(tokens)
    names = list(counts)
    p = np.array([counts[name] for name in names]) ** 0.75
    rng = np.random.default_rng(seed)
    cbow, pairs = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for i, centre in enumerate(tokens):
        around = [tokens[j] for j in range(max(0, i - window), min(len(tokens), i + window + 1)) if j != i]
        if not around:
            continue
        cbow.append((" ".join(around), centre))
        for word in around:
            others = np.where([name == word for name in names], 0.0, p)
            drawn = rng.choice(names, negative, p=others / others.sum()).tolist() if negative and others.any() else []
            pairs.append((centre, word, " ".join(drawn)))
    return [
        Table("CBOW: the mean of the context predicts the word", ["context", "word"], cbow),
        Table("skip-gram: the word predicts each of its context", ["word", "context", "negatives"], pairs),
    ]


def markov(model: NgramModel, tokens: Sequence[str]) -> list[Panel]:
    """The probability of a sentence as the product of its steps, and the chain between its words.

    A word that the model does not know has ``<unk>`` behind it, whose probability it has.
    """
    from embedkit.counting.ngram import UNKNOWN

    shown = {word: word if model.knows([word]) else f"{word} {UNKNOWN}" for word in tokens}
    names = [*dict.fromkeys(tokens), "</s>"]
    places = [model.end if name == "</s>" else model.symbol(name) for name in names]
    rows, total = list[tuple[Any, ...]](), 0.0
    for i, word in enumerate([*tokens, "</s>"]):
        place = model.end if word == "</s>" else model.symbol(word)
        p = float(model.distribution(tokens[:i])[place])
        with np.errstate(divide="ignore"):
            total += float(np.log(p))
        context = " ".join(["<s>", *map(shown.__getitem__, tokens[:i])][-max(1, model.order - 1) :])
        rows.append((context, shown.get(word, word), p, float(np.exp(total))))
    what = "from row to column, one word of context"
    if model.order > 2:
        what = "from row to column, the row's word being the first of a sentence"
    chain = np.array([model.distribution([name] if i else [])[places] for i, name in enumerate(["<s>", *names[:-1]])])
    words = [shown[name] for name in names[:-1]]
    return [
        Table("the sentence, step by step", ["after", "word", "probability", "product"], rows),
        Heat(what, chain, ["<s>", *words], [*words, "</s>"]),
    ]


def gates(
    path: str | os.PathLike[str], text: str, unit: int | None = None, features: Array | None = None
) -> list[Panel]:
    """The gates of a trained LSTM or GRU over the words of a text, first layer, from left to right.

    A translator's are those of its encoder over the source, and of its decoder over the translation.

    Parameters
    ----------
    path : path
        A model of classify, tag, lm, seq2seq or caption.
    text : str
        As in `embedkit.nn.models.inside.inside`.
    unit : int, optional
        Of one hidden unit, from 0; the mean of all by default.
    features : float (n_features,) or (n_regions, n_features), optional
        Of the image, for a model of caption.
    """
    found = inside(path, text, features)
    if not found.readings:
        has = "has attention instead, see embedkit show attention" if found.looks else "has no layer with gates"
        raise ConfigError(f"gates are those of a model with an LSTM or a GRU: this one, {found.kind}, {has}")
    return [_gates(reading, unit, found.kind) for reading in found.readings]


def _gates(reading: Reading, unit: int | None, kind: str) -> Heat:
    layer, size = reading.cache.layers[0], reading.cache.states[0].shape[2]
    values = layer.gates[0, :, 0].reshape(len(reading.tokens), -1, size).transpose(1, 0, 2)
    if len(values) == 4:
        i, f, g, o = values
        cell = f * layer.extra["c_before"][0, :, 0] + i * g
        shown = {"input i": i, "forget f": f, "candidate g": g, "output o": o, "cell c": cell, "h": o * np.tanh(cell)}
    elif len(values) == 3:
        reset, z, n = values
        before = layer.h_before[0, :, 0]
        shown = {"reset r": reset, "update z": z, "candidate n": n, "h": n + z * (before - n)}
    else:
        raise ConfigError(f"a simple RNN has no gates, and this is one ({kind}): train with `model` lstm or gru")
    if unit is not None and not 0 <= unit < size:
        raise ConfigError(f"`unit` must be between 0 and {size - 1}, got {unit}")
    rows = [value.mean(axis=1) if unit is None else value[:, unit] for value in shown.values()]
    what = f"mean of {size} units" if unit is None else f"unit {unit} of {size}"
    return Heat(f"{reading.part}: {what}" if reading.part else what, np.array(rows), list(shown), reading.tokens)


def attention(
    path: str | os.PathLike[str], text: str, stage: str = "softmax", features: Array | None = None
) -> list[Panel]:
    """Who looks at whom in a trained model, each layer and head: rows look at columns.

    A translator translates the text first: a row is the word that its decoder looked for; in a Transformer decoder's
    attention to itself, the word that it had read.

    Parameters
    ----------
    path : path
        A model of classify, tag, lm, seq2seq or caption.
    text : str
        As in `embedkit.nn.models.inside.inside`.
    stage : {"scores", "scaled", "softmax"}
        q kᵀ; divided by √d (additive attention divides nothing); and what is left of it behind the mask and the
        softmax.
    features : float (n_features,) or (n_regions, n_features), optional
        Of the image, for a model of caption.
    """
    if stage not in STAGES:
        raise ConfigError(f"unknown stage {stage!r}: choose one of {', '.join(STAGES)}")
    found = inside(path, text, features)
    if not found.looks:
        has = "has a recurrent layer instead, see embedkit show gates" if found.readings else "has none"
        raise ConfigError(
            "attention is that of a Transformer, of a translator with attention, or of captions of regions: this one, "
            f"{found.kind}, {has}"
        )
    return [
        Heat(
            f"{look.part}, {stage} (d = {look.width}{'; ' if look.masked else ''}{look.masked})",
            {"scores": look.scores, "scaled": look.scores * look.scale, "softmax": look.weights}[stage],
            look.rows,
            look.columns,
        )
        for look in found.looks
    ]
