"""Replicas beside the shared model: time, processes beside one, the share of merging, and whether the bits are equal.

    python -m tests.benchmarks.replicas --data DIR [--fraction 1] [--epochs 5] [--rounds 2]

Each line is a process of its own, from the start of Python to the saved file, each after the others in turn, with least
and highest of the rounds. It wants a machine with nothing else to do: replicas meet all the time, so when one is held
up all are. Four processes on fewer processors wait for each other, which is not merging.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

from embedkit import load
from tests.benchmarks.compiled import environment
from tests.benchmarks.data import part_of, processor, unpacked

SHARED = "the shared model, 2 threads"
CASES: dict[str, dict[str, object]] = {
    SHARED: {"workers": 2},
    "2 replicas, 2 threads": {"workers": 2, "replicas": 2},
    "2 replicas, 1 process": {"replicas": 2, "cluster": "local:1"},
    "2 replicas, 2 processes": {"replicas": 2, "cluster": "local:2"},
    "4 replicas, 2 threads": {"workers": 2, "replicas": 4},
    "4 replicas, 4 processes": {"replicas": 4, "cluster": "local:4"},
}
CHILD = """
import json, sys
import embedkit
text, out, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
last = {}
if __name__ == "__main__":
    told = lambda report: last.update(report.fields) if report.stage == "training" else None
    embedkit.train(text, progress=told, **options).save(out)
    print(json.dumps({name: float(value) for name, value in last.items()}))
"""


def run(text: Path, out: Path, options: dict[str, object], folder: Path) -> tuple[float, dict[str, float]]:
    """Seconds of the whole process, and the last figures of its progress."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, str(text), str(out), json.dumps(options)],
        env={**environment(folder), "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=folder,
        stdout=subprocess.PIPE,
        check=True,
    )
    return time.perf_counter() - begun, json.loads(done.stdout.splitlines()[-1])


def spread(values: list[float], digits: int = 1) -> str:
    """The least and the highest."""
    low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
    return low if low == high else f"{low}–{high}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--fraction", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--case", action="append", choices=list(CASES))
    given = parser.parse_args()
    chosen = given.case or list(CASES)
    plain = {"model": "skipgram", "vector_size": 100, "epochs": given.epochs, "learning_rate": 0.025, "seed": 1}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = part_of(unpacked("en_wiki.txt", given.data, folder), folder / "part.txt", given.fraction)
        (small := folder / "small.txt").write_bytes(text.read_bytes()[:2_000_000])
        seconds: dict[str, list[float]] = {case: [] for case in chosen}
        shares: dict[str, list[list[float]]] = {case: [[], []] for case in chosen}
        files = {case: folder / f"{n}.safetensors" for n, case in enumerate(chosen)}
        for case in chosen:  # compiles
            run(small, files[case], {**plain, "epochs": 1, **CASES[case]}, folder)
        for _ in range(given.rounds):
            for case in chosen:
                taken, last = run(text, files[case], {**plain, **CASES[case]}, folder)
                seconds[case].append(taken)
                for share, name in zip(shares[case], ("merging_%", "waiting_%"), strict=True):
                    share += [last[name]] if name in last else []
        print(
            f"{date.today()}, {processor()}, {os.cpu_count()} cores; {text.stat().st_size / 1e6:.0f} MB, "
            f"{given.epochs} epochs\n\n| | seconds | times the shared model | merging % | waiting % |\n"
            "|---|---|---|---|---|"
        )
        for case in chosen:
            times = [a / b for a, b in zip(seconds[case], seconds.get(SHARED, []), strict=False)]
            print(
                f"| {case} | {spread(seconds[case])} | {spread(times, 2) if times else ''} | "
                + " | ".join(spread(share, 0) if share else "" for share in shares[case])
                + " |"
            )
        first: dict[object, str] = {}
        different = False
        for case in chosen:
            n = CASES[case].get("replicas", 0)
            if n:
                one = first.setdefault(n, case)
                if not np.array_equal(load(files[one]).vectors, load(files[case]).vectors):
                    different = True
                    print(f"OTHER BITS: {one}; {case}")
        print("\nAll with as many replicas have the same bits." if not different else "")
    return different


if __name__ == "__main__":
    sys.exit(main())
