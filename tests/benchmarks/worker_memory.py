"""How much memory the workers of a cluster take at most, on a text and on its first tenth.

    python -m tests.benchmarks.worker_memory TEXT [--model skipgram] [--workers 2] [--max-vocab 10000]

Trains two replicas on ``local:2`` for one epoch and prints the most that a worker had resident: until training began
(reading, counting, encoding), and while it trained. The vocabulary is as large for both, so the model is too. Linux
alone tells these figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

from embedkit.cluster.connecting import connected
from embedkit.progress import Progress
from embedkit.training import train


def peak() -> float:
    """Of this process since the last `forget_peak`, MB."""
    with open("/proc/self/status", encoding="ascii") as stream:
        lines = dict(line.split(":", 1) for line in stream)
    return int(lines["VmHWM"].split()[0]) / 1024


def forget_peak() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as stream:
        stream.write("5")


def measure(text: Path, workers: int, **options: int | str) -> tuple[float, float]:
    """The peaks before and in training."""
    with connected(f"local:{workers}") as engine:
        before: list[float] = []

        def listen(report: Progress) -> None:
            if report.stage == "training" and not before:
                before.append(max(engine._client.run(peak).values()))
                engine._client.run(forget_peak)

        train(text, replicas=workers, epochs=1, cluster=engine, progress=listen, **options)  # type: ignore[arg-type]
        return before[0], max(engine._client.run(peak).values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--model", default="skipgram")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--max-vocab", type=int, default=10_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        tenth = Path(folder) / "tenth.txt"
        with open(arguments.text, "rb") as whole:
            tenth.write_bytes(whole.read(arguments.text.stat().st_size // 10))
        for text in (tenth, arguments.text):
            before, training = measure(
                text, arguments.workers, model=arguments.model, max_vocab=arguments.max_vocab, encoding_errors="ignore"
            )
            size = text.stat().st_size / 1e6
            print(f"{size:.1f} MB of text: {before:.0f} MB until training began, {training:.0f} MB in it", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
