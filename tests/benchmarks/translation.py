"""What attention is good for: sequences copied and reversed, and sentences translated, with and without it.

    python -m tests.benchmarks.translation [--data DIR] [--tasks copy,reverse,eng-fra,eng-kor] [--work DIR]

copy and reverse: 20,000 sequences of 10 to 40 letters, a tenth of them for testing; exact matches. eng-fra and eng-kor:
DIR's pairs, split by the md5 of the source sentence (divisible by 10: tested), a source's other translations being
further references; BLEU. All with `embedkit seq2seq train`'s defaults but for the options in OPTIONS; greedy search for
letters, a beam of 4 for sentences. Draws the attention of one sentence into --work. Models are trained once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.data import unpacked

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TASKS = ("copy", "reverse", "eng-fra", "eng-kor")
OPTIONS = {
    "copy": [],
    "reverse": [],
    "eng-fra": ["--tokenizer", "words", "--epochs", "30"],
    "eng-kor": ["--tokenizer", "words", "--target-tokenizer", "chars", "--epochs", "30"],
}
SHOWN = {"eng-fra": "She is very old", "eng-kor": "I have a dog"}
MODELS = {
    "no attention": ["--model", "gru", "--attention", "none"],
    "general (Luong)": ["--model", "gru", "--attention", "general"],
    "additive (Bahdanau)": ["--model", "gru", "--attention", "additive"],
    "Transformer": ["--model", "transformer"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--work", type=Path, default=Path("build/translation"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    print("| task | model | score | seconds |\n|---|---|---|---|")
    for task in arguments.tasks.split(","):
        train, test = (letters_of if task in ("copy", "reverse") else pairs_of)(task, arguments)
        for name in arguments.models.split(","):
            score, seconds = run(task, name, train, test, arguments.work)
            print(f"| {task} | {name} | {score} | {seconds:.0f} |", flush=True)
    return 0


def letters_of(task: str, arguments: argparse.Namespace) -> tuple[Path, Path]:
    random = np.random.default_rng(1)
    lines = []
    for length in random.integers(10, 41, 20_000):
        letters = [LETTERS[k] for k in random.integers(0, len(LETTERS), length)]
        target = letters if task == "copy" else letters[::-1]
        lines.append(" ".join(letters) + "\t" + " ".join(target) + "\n")
    return written(task, lines[2_000:], lines[:2_000], arguments.work)


def pairs_of(task: str, arguments: argparse.Namespace) -> tuple[Path, Path]:
    if arguments.data is None:
        raise SystemExit(f"{task}: --data DIR with {task}.tsv.xz or {task}.tsv is needed")
    text = unpacked(f"{task}.tsv", arguments.data, arguments.work).read_text(encoding="utf-8")
    train: list[str] = []
    test: list[str] = []
    for line in text.splitlines(keepends=True):
        source = line.split("\t")[0]
        digest = int(hashlib.md5(source.encode(), usedforsecurity=False).hexdigest(), 16)
        (test if digest % 10 == 0 else train).append(line)
    return written(task, train, test, arguments.work)


def written(task: str, train: list[str], test: list[str], work: Path) -> tuple[Path, Path]:
    paths = work / f"{task}.train.tsv", work / f"{task}.test.tsv"
    for path, lines in zip(paths, (train, test), strict=True):
        path.write_text("".join(lines), encoding="utf-8")
    return paths


def run(task: str, name: str, train: Path, test: Path, work: Path) -> tuple[str, float]:
    """Score and seconds of training, 0 where the model was there already."""
    model = work / f"{task}-{name.split(maxsplit=1)[0].lower()}.safetensors"
    seconds = 0.0
    if not model.exists():
        start = time.perf_counter()
        embedkit("train", train, "-o", model, *MODELS[name], *OPTIONS[task], "--quiet")
        seconds = time.perf_counter() - start
    letters = task in ("copy", "reverse")
    scores = json.loads(embedkit("evaluate", model, test, "--json", "--beam", 1 if letters else 4))
    if task in SHOWN and name != "no attention":
        embedkit("predict", model, "--attention-plot", model.with_suffix(".png"), stdin=SHOWN[task] + "\n")
    return f"{scores['exact']:.3f} exact" if letters else f"{100 * scores['bleu']:.1f} BLEU", seconds


def embedkit(*arguments: object, stdin: str = "") -> str:
    command = [sys.executable, "-m", "embedkit", "seq2seq", *map(str, arguments)]
    return subprocess.run(command, check=True, input=stdin, stdout=subprocess.PIPE, text=True, encoding="utf-8").stdout


if __name__ == "__main__":
    sys.exit(main())
