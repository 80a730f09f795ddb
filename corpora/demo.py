"""What ``make demo`` runs: train on the bundled corpora, then ask. Each command is shown before it runs.

The models stay in the folder ``demo/``, for more questions.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = [
    (
        "English: learn, then ask.",
        [
            "train corpora/en.txt -o demo/en.safetensors --vector-size 64 --epochs 15 --window 2",
            "similar demo/en.safetensors king paris dog tea --topn 4",
            "analogy demo/en.safetensors man king woman --topn 3",
            "analogy demo/en.safetensors france paris germany --topn 3",
            "analogy demo/en.safetensors big biggest cold --topn 3",
            "odd-one-out demo/en.safetensors king queen prince cheese",
        ],
    ),
    (
        "한국어: 배우고 나서 묻기.",
        [
            "train corpora/ko.txt -o demo/ko.safetensors --vector-size 64 --epochs 15 --window 2",
            "similar demo/ko.safetensors 서울 왕 개 학교 --topn 4",
            "analogy demo/ko.safetensors 남자 왕 여자 --topn 3",
            "analogy demo/ko.safetensors 한국 서울 일본 --topn 3",
            "analogy demo/ko.safetensors 높다 높은 깊다 --topn 3",
        ],
    ),
    (
        "Pictures: here, and as a page for the browser.",
        [
            "plot demo/en.safetensors king queen man woman dog cat tea coffee paris tokyo winter summer piano violin",
            "plot demo/en.safetensors -o demo/words.html",
            "plot demo/ko.safetensors -o demo/words.ko.html",
        ],
    ),
]


def training_commands() -> list[str]:
    """The commands that leave the models in ``demo/``."""
    return [command for _, commands in COMMANDS for command in commands if command.startswith("train ")]


def run(command: str) -> None:
    """Show one embedkit command and run it; stop everything where it fails."""
    print(f"\n$ embedkit {command}", flush=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "embedkit", *shlex.split(command)], cwd=ROOT, env=environment, check=False
    )
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    """Run the commands one after the other."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    start = time.monotonic()
    print(
        "The bundled corpora are small worlds: sentences made by pattern from tables (corpora/make.py). They are\n"
        "learnt in seconds, and their analogies come out right by construction. Vectors worth using need real text."
    )
    (ROOT / "demo").mkdir(exist_ok=True)
    for title, commands in COMMANDS:
        print(f"\n=== {title}", flush=True)
        for command in commands:
            run(command)
    print(
        f"\nDone in {time.monotonic() - start:.0f} seconds. Open {ROOT / 'demo' / 'words.html'} in a browser: drag,\n"
        "zoom, search, click a word. Now your own text:\n\n"
        "$ embedkit train your_text.txt -o model.safetensors\n$ embedkit similar model.safetensors a_word\n"
        "$ embedkit manual tutorial        (한국어: embedkit manual 입문)"
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
