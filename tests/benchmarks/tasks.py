"""What word vectors are good for: the tasks of `embedkit classify` and `tag`, pretrained against random vectors.

    python -m tests.benchmarks.tasks --data DIR [--tasks ko-reviews,en-polarity,en-pos,ko-pos] [--seeds 1] [--work DIR]
                                     [--cold]

DIR holds the .xz files of the project's test data. Each task trains with the command's defaults (polarity with --model
gru --pooling max, parts of speech with an LSTM alone), once from vectors that embedkit trained and once from random
ones, and is measured on lines that training never saw: of reviews and polarity those whose text's md5 is divisible by
10, of parts of speech the second file. Vectors: en_wiki (skip-gram, defaults) for English, ko_wiki with the reviews'
training lines (--subwords chars) for the Korean reviews, ko_wiki alone for Korean parts of speech. Vectors are kept in
--work and trained once. --cold times one prediction in a fresh process, against the same model in PyTorch where that is
installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from embedkit.nn.models.classifier import Classifier
from tests.benchmarks.data import unpacked

VECTORS = {
    "en": ["--model", "skipgram"],
    "ko": ["--model", "fasttext", "--subwords", "chars", "--epochs", "3"],
    "ko-reviews": ["--model", "fasttext", "--subwords", "chars", "--epochs", "3"],
}
TASKS = {
    "ko-reviews": ("classify", "ko-reviews"),
    "en-polarity": ("classify", "en"),
    "en-pos": ("tag", "en"),
    "ko-pos": ("tag", "ko"),
}
FILES = {
    "en-pos": ("en_ewt_train.pos.tsv", "en_ewt_dev.pos.tsv"),
    "ko-pos": ("ko_kaist_a.pos.tsv", "ko_kaist_b.pos.tsv"),
}
LSTM = ["--no-wide", "--model", "lstm", "--epochs", "8", "--batch-size", "16", "--learning-rate", ".004"]
OPTIONS = {  # other than the defaults
    "en-polarity": ["--model", "gru", "--pooling", "max"],
    "en-pos": LSTM,
    "ko-pos": LSTM,
}
SPLIT = {"ko-reviews": "ko_reviews_train.tsv", "en-polarity": "en_polarity.tsv"}

PYTORCH = """
import sys, torch
words = {word: i for i, word in enumerate(open(sys.argv[2], encoding="utf-8").read().split())}
embedding = torch.nn.Embedding(len(words) + 1, 100)
gru = torch.nn.GRU(100, 64, bidirectional=True, batch_first=True)
output = torch.nn.Linear(128, 2)
state = torch.load(sys.argv[1], weights_only=True)
for module, part in zip((embedding, gru, output), state): module.load_state_dict(part)
for line in sys.stdin:
    ids = torch.tensor([[words.get(word, len(words)) for word in line.split()]])
    with torch.inference_mode():
        p = torch.softmax(output(gru(embedding(ids))[0].amax(1)), 1)[0]
    print(int(p.argmax()), float(p.max()))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--work", type=Path, default=Path("build/tasks"))
    parser.add_argument("--seeds", type=int, default=1, help="accuracies are means over seeds 1, 2, …")
    parser.add_argument("--cold", action="store_true")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    print("| task | pretrained | random | best epoch after, s | random's, s |\n|---|---|---|---|---|", flush=True)
    for task in arguments.tasks.split(","):
        command, vectors = TASKS[task]
        train, test = data_of(task, arguments.data, arguments.work)
        model = vectors_of(vectors, arguments.data, arguments.work)
        results = []
        for name, options in (("", ["--vectors", str(model)]), ("-random", [])):
            options = [*OPTIONS.get(task, []), *options]
            runs = [
                run(command, task + name, train, test, [*options, "--seed", str(seed)], arguments.work)
                for seed in range(1, arguments.seeds + 1)
            ]
            results.append([statistics.mean(column) for column in zip(*runs, strict=True)])
        (pretrained, seconds), (random, random_seconds) = results
        print(f"| {task} | {pretrained:.4f} | {random:.4f} | {seconds:.0f} | {random_seconds:.0f} |", flush=True)
    if arguments.cold:
        cold(arguments.data, arguments.work)


def data_of(task: str, data: Path, work: Path) -> tuple[Path, Path]:
    """The training and the test file of a task."""
    if task in FILES:
        train, test = (unpacked(name, data, work) for name in FILES[task])
        return train, test
    train, test, text = (work / f"{task}.{part}" for part in ("train.tsv", "test.tsv", "train.txt"))
    if not text.exists():
        parts: dict[bool, list[str]] = {False: [], True: []}
        for line in unpacked(SPLIT[task], data, work).read_text(encoding="utf-8").split("\n"):
            if line:
                digest = hashlib.md5(line.rpartition("\t")[0].encode()).hexdigest()
                parts[int(digest, 16) % 10 == 0].append(line)
        train.write_text("\n".join(parts[False]) + "\n", encoding="utf-8")
        test.write_text("\n".join(parts[True]) + "\n", encoding="utf-8")
        text.write_text("".join(line.rpartition("\t")[0] + "\n" for line in parts[False]), encoding="utf-8")
    return train, test


def vectors_of(name: str, data: Path, work: Path) -> Path:
    """Word vectors, trained when they are first needed."""
    target = work / f"{name}.safetensors"
    if not target.exists():
        corpus = [unpacked("en_wiki.txt" if name == "en" else "ko_wiki.txt", data, work)]
        if name == "ko-reviews":
            data_of("ko-reviews", data, work)
            corpus.append(work / "ko-reviews.train.txt")
        embedkit("train", *corpus, *VECTORS[name], "-o", target, "-q")
    return target


def run(command: str, name: str, train: Path, test: Path, options: list[str], work: Path) -> tuple[float, float]:
    """Accuracy on the test file, and the seconds to the best epoch."""
    model, log = work / f"{name}.model", work / f"{name}.jsonl"
    embedkit(command, "train", train, "-o", model, "--log", log, "-q", *options)
    found = json.loads(embedkit(command, "evaluate", model, test, "--json"))
    best = [record for record in map(json.loads, log.read_text().splitlines()) if record["best"]][-1]
    return found["accuracy"], best["seconds"]


def cold(data: Path, work: Path) -> None:
    """Seconds of one prediction in a fresh process, files in the page cache: ours against PyTorch's."""
    train, _ = data_of("en-polarity", data, work)
    model = work / "cold.model"
    embedkit(
        "classify",
        "train",
        train,
        "--vectors",
        vectors_of("en", data, work),
        "-o",
        model,
        "--model",
        "gru",
        "--hidden-size",
        "64",
        "--pooling",
        "max",
        "--epochs",
        "1",
        "-q",
    )
    ours = timed([sys.executable, "-m", "embedkit", "classify", "predict", str(model)])
    print(f"\ncold prediction of one sentence (GRU, both ways, 64): embedkit {ours:.3f} s")
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: nothing to compare with")
        return
    words = list(Classifier.load(model).words.lookup.words)
    (work / "cold.words").write_text("\n".join(words), encoding="utf-8")
    parts = (
        torch.nn.Embedding(len(words) + 1, 100),
        torch.nn.GRU(100, 64, bidirectional=True, batch_first=True),
        torch.nn.Linear(128, 2),
    )
    torch.save([part.state_dict() for part in parts], work / "cold.pt")
    theirs = timed([sys.executable, "-c", PYTORCH, str(work / "cold.pt"), str(work / "cold.words")])
    print(f"the same in PyTorch {theirs:.3f} s: {theirs / ours:.1f} times")


def timed(command: list[str], rounds: int = 7) -> float:
    """Median seconds of a command that reads one sentence."""

    def once() -> float:
        begun = time.perf_counter()
        subprocess.run(command, input="a moving and funny film\n", text=True, capture_output=True, check=True)
        return time.perf_counter() - begun

    once()
    return statistics.median(once() for _ in range(rounds))


def embedkit(*arguments: object) -> str:
    """Run the command line; its standard output."""
    return subprocess.run(
        [sys.executable, "-m", "embedkit", *map(str, arguments)],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUTF8": "1"},
    ).stdout


if __name__ == "__main__":
    main()
