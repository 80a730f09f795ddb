"""Replicas on a cluster of this machine, a worker killed in each run at a random moment: the bits of one thread.

    python -m tests.benchmarks.killed_workers [--runs 30] [--seed 1] [--model skipgram]

Trains on made-up text, for some seconds a run, on ``local:3``. The moment is drawn over the whole of a run, reading and
counting included. Ends with status 1 when a run fails or its vectors differ.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from embedkit.cluster.connecting import connected
from embedkit.cluster.dask_engine import DaskEngine
from embedkit.errors import EmbedkitError
from embedkit.training import train

OPTIONS = {"vector_size": 20, "replicas": 4, "learning_rate": 0.05}
EPOCHS = {"glove": 40}  # 2 of the others


def written(folder: Path) -> Path:
    """A text of 300,000 words."""
    rng = np.random.default_rng(5)
    lines = (np.minimum(rng.exponential(60, 15).astype(int), 900) for _ in range(20_000))
    (folder / "text.txt").write_text("".join(" ".join(f"w{word}" for word in line) + "\n" for line in lines))
    return folder / "text.txt"


def processes(engine: DaskEngine) -> list[int]:
    """The workers' process numbers, when all three are there again."""
    while True:
        engine._client.wait_for_workers(3, timeout=120)
        with contextlib.suppress(OSError):  # of one that is just going
            found = list(engine._client.run(os.getpid, on_error="return").values())
            if len(found) == 3 and all(isinstance(pid, int) for pid in found):
                return found
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="skipgram", choices=["skipgram", "cbow", "fasttext", "glove"])
    arguments = parser.parse_args()
    options: dict[str, Any] = {"model": arguments.model, "epochs": EPOCHS.get(arguments.model, 2), **OPTIONS}
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(arguments.seed)
    equal = 0
    with tempfile.TemporaryDirectory() as folder, connected("local:3") as engine:
        text = written(Path(folder))
        expected = train(text, workers=1, **options).vectors
        train(text, cluster=engine, **options)  # compiles there
        begun = time.monotonic()
        train(text, cluster=engine, **options)
        usual = time.monotonic() - begun
        for run in range(arguments.runs):
            pid, moment = int(rng.choice(processes(engine))), float(rng.uniform(0, usual))
            killer = threading.Timer(moment, os.kill, (pid, signal.SIGKILL))
            killer.start()
            begun = time.monotonic()
            try:
                same = np.array_equal(train(text, cluster=engine, **options).vectors, expected)
                what = "the same bits" if same else "OTHER BITS"
            except EmbedkitError as error:
                same, what = False, f"FAILED: {error}"
            equal += same
            taken = time.monotonic() - begun
            killer.cancel() if taken < moment else killer.join()
            told = f"killed after {moment:.1f} s" if taken >= moment else "ended before"
            print(f"run {run + 1}: {told}, {taken:.1f} s, {what}", flush=True)
    print(f"{equal} of {arguments.runs} runs with the same bits; without a kill {usual:.1f} s")
    return 0 if equal == arguments.runs else 1


if __name__ == "__main__":
    sys.exit(main())
