"""Learning of long dependencies: read a random sequence, then say what its first symbol was.

    python -m tests.benchmarks.long_dependencies [--steps 800] [--picture FILE]

The gradient of the answer must travel back n steps. A simple RNN's fades or explodes on the way (Bengio et al. 1994).
The gates of LSTM and GRU let it pass; their biases start so that units keep what they hold for 1 to n steps (Tallec and
Ollivier 2018, "Can recurrent neural networks warp time?", section 3). Attention looks at the first symbol directly,
whatever n is. Same data, width and optimiser for all; accuracy on fresh sequences, chance is 1/8.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from embedkit.nn.layers.attention import positions
from embedkit.nn.layers.dense import Linear
from embedkit.nn.layers.embedding import Embedding
from embedkit.nn.layers.losses import cross_entropy
from embedkit.nn.layers.multihead import MultiheadAttention
from embedkit.nn.layers.parameters import with_prefix
from embedkit.nn.layers.recurrent import GRU, LSTM, RNN
from embedkit.nn.learning.optimizers import Adam, clip_gradients

SYMBOLS, WIDTH, BATCH, TESTED = 8, 32, 32, 512
DISTANCES = (5, 10, 20, 40, 80)
MODELS = ("simple RNN", "GRU", "LSTM", "attention")


class FirstSymbol:
    """Symbols → vectors → a body, read at its last step → which symbol came first."""

    def __init__(self, kind: str, distance: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.embedding, self.output = Embedding.random(SYMBOLS, WIDTH, rng=rng), Linear(WIDTH, SYMBOLS, rng=rng)
        self.body: Any
        if kind == "attention":
            self.body = MultiheadAttention(WIDTH, 2, rng=rng)
        else:
            self.body = {"simple RNN": RNN, "GRU": GRU, "LSTM": LSTM}[kind](WIDTH, WIDTH, rng=rng)
        if kind in {"LSTM", "GRU"}:
            keep = np.log(rng.uniform(1, max(2, distance - 1), WIDTH))
            self.body.parameters["bias_ih_l0"][WIDTH : 2 * WIDTH] = keep  # the forget gate, the update gate
            self.body.parameters["bias_ih_l0"][:WIDTH] = -keep if kind == "LSTM" else 0.0
        self.parameters = {
            **with_prefix("embedding", self.embedding.parameters),
            **with_prefix("body", self.body.parameters),
            **with_prefix("output", self.output.parameters),
        }

    def forward(self, ids: np.ndarray) -> tuple[np.ndarray, Any]:
        x, c1 = self.embedding.forward(ids)
        if isinstance(self.body, MultiheadAttention):
            x = x + positions(x.shape[1], WIDTH)
            y, c2 = self.body.forward(x[:, -1:], x)
        else:
            y, c2 = self.body.forward(x)
        logits, c3 = self.output.forward(y[:, -1])
        return logits, (c1, c2, c3, y.shape)

    def backward(self, dlogits: np.ndarray, cache: Any) -> dict[str, Any]:
        c1, c2, c3, shape = cache
        dlast, output = self.output.backward(dlogits, c3)
        dy = np.zeros(shape, np.float32)
        dy[:, -1] = dlast
        dx, body = self.body.backward(dy, c2)
        if isinstance(self.body, MultiheadAttention):
            dlast_x, dx = dx
            dx[:, -1:] += dlast_x
        _, embedding = self.embedding.backward(dx, c1)
        return {**with_prefix("embedding", embedding), **with_prefix("body", body), **with_prefix("output", output)}


def accuracy(kind: str, distance: int, steps: int, seed: int) -> float:
    """Share of fresh sequences answered rightly after training on `steps` batches."""
    model, optimizer, rng = FirstSymbol(kind, distance, seed), Adam(3e-3), np.random.default_rng(seed + 100)
    for _ in range(steps):
        ids = rng.integers(0, SYMBOLS, (BATCH, distance + 1))
        logits, cache = model.forward(ids)
        loss, dlogits = cross_entropy(logits, ids[:, 0])
        grads = model.backward(dlogits, cache)
        clip_gradients(grads, 1.0)
        optimizer.step(model.parameters, grads)
        if loss < 0.005:
            break
    ids = rng.integers(0, SYMBOLS, (TESTED, distance + 1))
    return float((model.forward(ids)[0].argmax(axis=1) == ids[:, 0]).mean())


def draw(results: dict[str, list[float]], path: Path) -> None:
    """Accuracy against distance, a line a model."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    for (name, values), marker in zip(results.items(), "osD^", strict=True):
        axes.plot(DISTANCES, values, marker=marker, label=name)
    axes.axhline(1 / SYMBOLS, color="grey", linestyle=":", label="chance")
    axes.set(xscale="log", xlabel="steps between the symbol and the question", ylabel="accuracy", ylim=(0, 1.05))
    axes.set_xticks(DISTANCES, [str(n) for n in DISTANCES])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=800, help="batches of training at most")
    parser.add_argument("--seeds", type=int, default=1, help="the median of so many")
    parser.add_argument("--picture", type=Path, help="draw the result to this .svg or .png")
    arguments = parser.parse_args()
    results: dict[str, list[float]] = {}
    print("model", *DISTANCES, sep="\t")
    for kind in MODELS:
        results[kind] = [
            float(np.median([accuracy(kind, n, arguments.steps, seed) for seed in range(arguments.seeds)]))
            for n in DISTANCES
        ]
        print(kind, *(f"{value:.2f}" for value in results[kind]), sep="\t")
        sys.stdout.flush()
    if arguments.picture:
        draw(results, arguments.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
