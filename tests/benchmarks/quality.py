"""How good the vectors of each model are, over several seeds, and whether that is as good as it should be.

    python -m tests.benchmarks.quality --data DIR [--seeds 3] [--case skipgram ...]

Trains on all of `en_wiki.txt`, or of `ko_wiki.txt` where the case is Korean, with embedkit alone, as a command in a
process of its own, and prints the mean and the range of each test. English: WS353 ρ and the analogies among the 30,000
most frequent words; the floor is what the tool that introduced the model reached on this text, measured in November
2026 by `tests.benchmarks.word2vec`, less .01. Korean: the 89 pairs and 290 questions of
`tests.benchmarks.korean_probe`, and 500 misspelt words of `tests.benchmarks.misspelt`; the floor is what the case had
when it became what is recommended, less a margin for so few. A mean below its floor ends with status 1.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import embedkit
from tests.benchmarks.data import unpacked
from tests.benchmarks.korean_probe import analogy_accuracy, pair_correlation
from tests.benchmarks.misspelt import found_again
from tests.benchmarks.word2vec import quality

MARGIN, KOREAN_MARGIN = 0.01, 0.05
ENGLISH_TESTS, KOREAN_TESTS = ("WS353 ρ", "analogies"), ("pairs ρ", "analogies", "misspelt words")


class Case(NamedTuple):
    """Options of `embedkit train`, and what each test should reach; None where no tool has a figure."""

    options: list[str]
    floors: tuple[float, ...] | None = None
    korean: bool = False


def english(options: str, *peer: float) -> Case:
    """A case with the figures of gensim 4.4 or fastText."""
    return Case(options.split(), tuple(value - MARGIN for value in peer) or None)


def korean(options: str, *first: float) -> Case:
    """A case with the figures of its first measurement."""
    return Case(["--model", "fasttext", *options.split()], tuple(value - KOREAN_MARGIN for value in first), True)


CASES = {
    "skipgram": english("", 0.679, 0.385),
    "cbow": english("--model cbow", 0.664, 0.347),
    "skipgram-300": english("--vector-size 300", 0.697, 0.397),
    "fasttext": english("--model fasttext", 0.656, 0.559),
    "glove": english("--model glove --epochs 15"),
    "svd": english("--model svd --vector-size 300 --window 5"),
    "korean": korean("--tokenizer korean", 0.612, 0.538, 0.294),
    "korean-jamo": korean("--tokenizer korean --subwords jamo", 0.666, 0.599, 0.597),
    "korean-morphemes": korean("--tokenizer morphemes", 0.682, 0.553, 0.264),
}


def measure(case: Case, seed: int, corpus: Path, data: Path, folder: Path) -> tuple[float, ...]:
    """What one training reaches in each test."""
    out = folder / "model.safetensors"
    command = [sys.executable, "-m", "embedkit", "train", str(corpus), "-o", str(out), "--seed", str(seed), "--quiet"]
    subprocess.run([*command, *case.options], check=True)
    if not case.korean:
        return quality(str(out), data)
    model = embedkit.load(out)
    known = set(model.index_to_key)
    return pair_correlation(model, known)[0], analogy_accuracy(model, known)[0], found_again(model)[0]


def row(name: str, values: list[float], floor: float | None) -> bool:
    """Print one line of the table; whether the mean is high enough."""
    mean = statistics.mean(values)
    fine = floor is None or mean >= floor
    least = "–" if floor is None else f"{floor:.3f}"
    print(
        f"| {name} | {mean:.3f} | {min(values):.3f}–{max(values):.3f} | {least} | {'yes' if fine else 'NO'} |",
        flush=True,
    )
    return fine


def left_out(case: Case, data: Path) -> str | None:
    """Why a case cannot be measured here."""
    if "morphemes" in case.options and find_spec("kiwipiepy") is None:
        return "needs embedkit[korean]"
    corpus = "ko_wiki.txt" if case.korean else "en_wiki.txt"
    wanted = [] if case.korean else ["ws353.tsv", "questions-words.txt"]
    missing = [name for name in wanted if not (data / name).exists()]
    if not any((data / (corpus + end)).exists() for end in ("", ".xz")):
        missing.append(corpus)
    return f"{', '.join(missing)} not in {data}; see corpora/README.md for texts" if missing else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--case", action="append", choices=list(CASES))
    arguments = parser.parse_args()
    fine, measured = True, False
    print(f"{arguments.seeds} seed(s)\n")
    print("| model, test | mean | range | at least | reached |\n|---|---|---|---|---|", flush=True)
    for name in arguments.case or list(CASES):
        case = CASES[name]
        why = left_out(case, arguments.data)
        if why is not None:
            print(f"| {name} | left out: {why} | | | |", flush=True)
            continue
        measured = True
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            corpus = unpacked("ko_wiki.txt" if case.korean else "en_wiki.txt", arguments.data, folder)
            seeds = range(1, arguments.seeds + 1)
            found = [measure(case, seed, corpus, arguments.data, folder) for seed in seeds]
        for k, test in enumerate(KOREAN_TESTS if case.korean else ENGLISH_TESTS):
            floor = None if case.floors is None else case.floors[k]
            fine &= row(f"{name}, {test}", [result[k] for result in found], floor)
    if not measured:
        print("nothing measured: no data", file=sys.stderr)
    return 0 if fine and measured else 1


if __name__ == "__main__":
    sys.exit(main())
