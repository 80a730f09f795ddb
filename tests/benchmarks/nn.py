"""A training step of recurrent layers, forward and backward, against PyTorch on the CPU with the same threads.

    python -m tests.benchmarks.nn [--threads 2] [--rounds 8] [--cells lstm,gru,rnn]

Batch 32, length 50, 100 → 128, both directions, float32. Blocks of steps alternate in one process; medians are
compared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from embedkit.nn.layers.parameters import load_state
from embedkit.nn.layers.recurrent import GRU, LSTM, RNN

BATCH, LENGTH, INPUT, HIDDEN = 32, 50, 100, 128
BLOCK, UNCOUNTED, PAUSE = 12, 2, 0.2
CELLS = {"lstm": LSTM, "gru": GRU, "rnn": RNN}


def steps(cell: str, threads: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """One training step of ours and one of PyTorch's, on the same weights and inputs."""
    import torch

    torch.set_num_threads(threads)
    ours = CELLS[cell](INPUT, HIDDEN, bidirectional=True, rng=np.random.default_rng(1), workers=threads)
    theirs = getattr(torch.nn, cell.upper())(INPUT, HIDDEN, bidirectional=True, batch_first=True)
    load_state(ours, {name: value.numpy() for name, value in theirs.state_dict().items()})
    x = np.random.default_rng(2).standard_normal((BATCH, LENGTH, INPUT), dtype=np.float32)
    dy = np.random.default_rng(3).standard_normal((BATCH, LENGTH, 2 * HIDDEN), dtype=np.float32)
    torch_x, torch_dy = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dy)

    def our_step() -> None:
        _, cache = ours.forward(x)
        ours.backward(dy, cache)

    def their_step() -> None:
        y, _ = theirs(torch_x)
        y.backward(torch_dy)
        theirs.zero_grad()
        torch_x.grad = None

    return our_step, their_step


def measure(functions: list[Callable[[], None]], rounds: int) -> list[float]:
    """Median milliseconds of each: blocks of BLOCK steps in turn, so that neither library's threads, which go on
    spinning for a while after a product, stand in the other's way; the first steps of a block are not counted."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, record in zip(functions, times, strict=True):
            time.sleep(PAUSE)
            for turn in range(BLOCK):
                start = time.perf_counter()
                function()
                if turn >= UNCOUNTED:
                    record.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(record) for record in times]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--cells", default="lstm,gru,rnn")
    arguments = parser.parse_args()
    try:
        import torch  # noqa: F401
    except ImportError:
        print("this benchmark compares with PyTorch: pip install torch", file=sys.stderr)
        return 1
    print(f"{'cell':6}{'embedkit ms':>14}{'PyTorch ms':>13}{'ratio':>8}")
    for cell in arguments.cells.split(","):
        ours, theirs = measure(list(steps(cell, arguments.threads)), arguments.rounds)
        print(f"{cell:6}{ours:14.2f}{theirs:13.2f}{ours / theirs:8.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
