"""The compiled tools that embedkit is measured against, where somebody has built them: `--binary NAME=PATH`.

Names: word2vec (word2vec.c), pword2vec, psgnscc (Ji et al. 2016; Rengasamy et al. 2017), fasttext (the C++ program) and
glove (the folder that holds vocab_count, cooccur, shuffle and glove).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

GLOVE = ("vocab_count", "cooccur", "shuffle", "glove")
# The models that each tool trains.
MODELS = {
    "word2vec": ("skipgram", "cbow"),
    "pword2vec": ("skipgram",),
    "psgnscc": ("skipgram",),
    "fasttext": ("skipgram", "cbow", "fasttext"),
    "glove": ("glove",),
}


class Step(NamedTuple):
    """One process of a tool: its command line, the files at its standard input and output, and where it runs."""

    command: list[str]
    stdin: Path | None = None
    stdout: Path | None = None
    folder: Path | None = None


def binary(text: str) -> tuple[str, Path]:
    """The value of `--binary`: NAME=PATH."""
    name, equals, path = text.partition("=")
    if not equals or name not in MODELS:
        raise argparse.ArgumentTypeError(f"NAME=PATH is expected, NAME one of {', '.join(MODELS)}; this is {text!r}")
    programs = [Path(path) / part for part in GLOVE] if name == "glove" else [Path(path)]
    for program in programs:
        if not os.access(program, os.X_OK) or program.is_dir():
            raise argparse.ArgumentTypeError(f"{program} is not a program that can be run")
    return name, Path(path).absolute()


def steps(tool: str, path: Path, corpus: Path, out: Path, options: dict) -> list[Step]:
    """What trains on `corpus` and writes `out`, a binary file of vectors.

    `options` holds model, learning_rate, vector_size, epochs and workers; minimum count 5, window 5 (GloVe 15), five
    negatives, sample 1e-3 (n-grams: 1e-4, 2,000,000 buckets).
    """
    size, rate, epochs, threads = (str(options[name]) for name in ("vector_size", "learning_rate", "epochs", "workers"))
    if tool == "fasttext":
        ngrams = "-minn 3 -maxn 6 -t 1e-4 -bucket 2000000" if options["model"] == "fasttext" else "-maxn 0 -t 1e-3"
        model = "cbow" if options["model"] == "cbow" else "skipgram"
        common = (
            f"-dim {size} -lr {rate} -ws 5 -epoch {epochs} -neg 5 -minCount 5 -thread {threads} -verbose 0 {ngrams}"
        )
        # It adds the suffixes .bin and .vec itself.
        return [Step([str(path), model, "-input", str(corpus), "-output", str(out.with_suffix("")), *common.split()])]
    if tool == "glove":
        return glove_steps(path, corpus, out, size, epochs, threads)
    common = f"-size {size} -alpha {rate} -window 5 -sample 1e-3 -negative 5 -iter {epochs} -min-count 5 -binary 1"
    common += f" -threads {threads}"
    if tool == "word2vec":
        common += f" -cbow {int(options['model'] == 'cbow')} -hs 0"
    # pSGNScc leaves a file with its times where it runs.
    return [Step([str(path), "-train", str(corpus), "-output", str(out), *common.split()], folder=out.parent)]


def glove_steps(path: Path, corpus: Path, out: Path, size: str, epochs: str, threads: str) -> list[Step]:
    """The four programs of GloVe; `out` gets vectors as text."""
    words, counts, shuffled = (out.with_suffix(suffix) for suffix in (".words", ".counts", ".shuffled"))
    count = ["-vocab-file", str(words), "-window-size", "15"]
    train = f"-vector-size {size} -iter {epochs} -threads {threads} -x-max 10 -binary 0".split()
    files = ["-input-file", str(shuffled), "-vocab-file", str(words), "-save-file", str(out.with_suffix(""))]
    return [
        Step([str(path / "vocab_count"), "-min-count", "5"], corpus, words),
        Step([str(path / "cooccur"), *count], corpus, counts),
        Step([str(path / "shuffle")], counts, shuffled),
        Step([str(path / "glove"), *files, *train]),
    ]


def environment(folder: Path) -> dict[str, str]:
    """That of a tool in Python: its modules are compiled once, as after an installation, whatever this shell says."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def timed(processes: list[Step], folder: Path) -> tuple[float, float, float]:
    """Run them one after the other: seconds, processor seconds, and the largest peak memory in MB.

    `folder` gets their errors. A child's peak begins with that of the process that starts it: this one has to be small.
    """
    peak, processor = 0, 0.0
    start = time.perf_counter()
    for command, stdin, stdout, place in processes:
        with contextlib.ExitStack() as files:
            reader = files.enter_context(open(stdin, "rb")) if stdin else subprocess.DEVNULL
            writer = files.enter_context(open(stdout, "wb")) if stdout else subprocess.DEVNULL
            errors = files.enter_context(open(folder / "errors.txt", "wb"))
            process = subprocess.Popen(
                command, cwd=place, stdin=reader, stdout=writer, stderr=errors, env=environment(folder)
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            text = (folder / "errors.txt").read_text(errors="replace")
            raise RuntimeError(f"{command[0]} ended with status {process.returncode}: {text[-500:]}")
        peak = max(peak, usage.ru_maxrss)
        processor += usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, processor, peak / 1024
