"""How near training comes to what the machine can do: operations and bytes of a word against peak and bandwidths.

    python -m tests.benchmarks.roofline [--data DIR] [--fraction 6] [--rounds 3] [--case skipgram ...]

First the machine (`tests.benchmarks.machine`), with one thread and with two at once. Then each family, passes alone, on
English Wikipedia where DIR has it, with the operations and bytes that a model of its steps says
(`tests.benchmarks.work`). Each figure is the best of the rounds, so it wants a machine with nothing else to do.

Shares are of the time that a word takes: "peak" what its operations must take, "first cache" what the rows of its
steps must, "further" what the rows from the second and third cache and from memory must, each at its own bandwidth.
"Near" is measured, with one thread: the same steps on `NEAR` words, whose rows lie in the caches of the core. So the
time has three parts, of which the largest bounds the family: arithmetic (peak); what else its steps execute (near less
peak): loads and stores, σ, drawing, finding rows; and waiting for rows (what is missing to 100 there).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import embedkit
from embedkit.counting import Window, count_cooccurrences
from embedkit.kernels.glove import make_train_block
from embedkit.kernels.sampling import alias_table
from embedkit.training.doc2vec import Doc2Vec
from embedkit.training.fasttext import FastText
from embedkit.training.glove import row_size_for
from embedkit.training.glove_records import groups_for, members
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.training.slices import LONGEST_SLICE, SliceFamily, read_only
from embedkit.training.suiting import suited
from embedkit.training.word2vec import Word2Vec
from embedkit.vocabulary.corpus import Corpus
from tests.benchmarks import work
from tests.benchmarks.data import part_of, processor, unpacked
from tests.benchmarks.machine import Caches, Machine, caches, measured, seconds

THREADS = (1, 2)
TEXT = "en_wiki.txt"
GLOVE_WINDOW = 15
NEAR = 200  # words whose rows fit the second cache, whatever the family
CASES: dict[str, dict[str, Any]] = {
    "skipgram": {"model": "skipgram", "epochs": 2},
    "cbow": {"model": "cbow", "epochs": 2},
    "fasttext": {"model": "fasttext", "epochs": 1},
    "glove": {"model": "glove", "epochs": 1},
    "doc2vec": {"model": "doc2vec", "epochs": 4},
    "doc2vec, dm": {"model": "doc2vec", "paragraphs": "dm", "epochs": 2},
    "counting": {},
}
COLUMNS = [
    *("model", "threads", "words/s", "operations", "Gflop/s", "peak %", "rows of steps, kB", "first cache %"),
    *("from second, kB", "third", "memory", "further %", "near %", "bound"),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--fraction", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", action="append", choices=list(CASES))
    options = parser.parse_args()
    print(f"{date.today()}, {processor()}, {os.cpu_count()} cores\n")
    machines = {n: measured(n, options.rounds) for n in THREADS}
    tell_machine(machines)
    if options.data is None or not any((options.data / name).exists() for name in (TEXT, f"{TEXT}.xz")):
        print(f"\nleft out, {TEXT}(.xz) is not in {options.data or '--data'}, see corpora/README.md: training")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = part_of(unpacked(TEXT, options.data, folder), folder / "part.txt", options.fraction)
        corpus = Corpus.from_text(text)
        print(f"\n{corpus.n_tokens:,} words, {len(corpus.vocabulary):,} different ones; bytes and operations a word")
        print("(glove: a record)\n")
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
        for case in options.case or list(CASES):
            tell_family(case, PREPARE[case](corpus, CASES[case], options.rounds), machines, options.rounds)
    return 0


def tell_machine(machines: dict[int, Machine]) -> None:
    """Print what the machine can do."""
    names = {
        "peak": "multiply-adds, float32, Gflop/s",
        "l1": "rows in the first cache, GB/s",
        "l2": "rows in the second cache",
        "l3": "rows in the third cache",
        "memory": "rows in memory",
        "streamed": "memory in order",
        "read": "memory in order, only read",
    }
    print(f"| threads | {' | '.join(map(str, machines))} |\n|{'---|' * (len(machines) + 1)}")
    for field, name in names.items():
        print(f"| {name} | {' | '.join(f'{getattr(m, field) / 1e9:.0f}' for m in machines.values())} |", flush=True)


class Family(NamedTuple):
    """A family on a text.

    Attributes
    ----------
    needed : work.Work
    run : callable
        Of the number of threads; returns words a second.
    near : float
        Words a second of one thread whose rows are near; NaN where that was not measured.
    """

    needed: work.Work
    run: Callable[[int], float]
    near: float


def tell_family(case: str, family: Family, machines: dict[int, Machine], rounds: int) -> None:
    """Measure, and print a line for each number of threads."""
    family.run(1)  # compiles
    speeds = dict.fromkeys(machines, 0.0)
    for _ in range(rounds):
        for n in machines:
            speeds[n] = max(speeds[n], family.run(n))
    near = speeds[1] / family.near
    for n, machine in machines.items():
        needed, speed, cache = family.needed, speeds[n], caches()
        least = shares(speed, needed, machine, cache)
        cells = [
            *(case, n, f"{speed / 1e6:.2f} M", f"{needed.operations:,.0f}"),
            *(f"{speed * needed.operations / 1e9:.0f}", percent(least[0])),
            *(f"{needed.near / 1e3:.2f}", percent(least[1])),
            *(f"{part / 1e3:.2f}" for part in levels(needed, cache)),
            *(percent(least[2]), percent(near) if n == 1 else "", bound(least[0], near) if n == 1 else ""),
        ]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def percent(share: float) -> str:
    """A share in a cell; nothing for NaN."""
    return "" if np.isnan(share) else f"{100 * share:.0f}"


def bound(peak: float, near: float) -> str:
    """The largest part of the time, by the shares of arithmetic and of the steps with all rows near."""
    if np.isnan(near):
        return ""
    return max((peak, "arithmetic"), (near - peak, "instructions"), (1 - near, "rows"))[1]


def shares(speed: float, needed: work.Work, machine: Machine, cache: Caches) -> tuple[float, float, float]:
    """What share of the time operations, the steps' rows in the first cache, and rows from further away must take.

    `speed` is in words a second of all threads, as the machine's figures are.
    """
    second, third, memory = levels(needed, cache)
    further = second / machine.l2 + third / machine.l3 + memory / machine.memory
    return speed * needed.operations / machine.peak, speed * needed.near / machine.l1, speed * further


def levels(needed: work.Work, cache: Caches) -> tuple[float, float, float]:
    """Bytes of a word that come from the second cache, the third, and memory."""
    beyond = [needed.beyond(size) for size in cache]
    return beyond[0] - beyond[1], beyond[1] - beyond[2], beyond[2]


def settled(corpus: Corpus, options: dict[str, Any]) -> TrainingConfig:
    """The configuration of one thread, with the defaults that suit the corpus."""
    config = TrainingConfig.create(workers=1, **options)
    return suited(config, corpus.vocabulary, corpus.n_tokens, Run())


def speed_of(source: dict[str, Any], options: dict[str, Any], threads: int) -> float:
    """Words a second of the passes alone, as training tells it at the end."""
    last: dict[str, float] = {}

    def listen(report: Any) -> None:
        if report.stage == "training":
            last.update(report.fields)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few passes teach little
        embedkit.train(**source, **options, workers=threads, progress=listen)
    return last["rate"]


def words_and_negatives(corpus: Corpus, config: TrainingConfig, keep: np.ndarray) -> dict[str, Any]:
    """What the models of `tests.benchmarks.work` want of a text."""
    return {
        "size": config.vector_size,
        "text": work.count_windows(np.asarray(corpus.ids), keep, config.window),
        "shares": corpus.vocabulary.counts * keep.astype(np.float64) / corpus.n_tokens,
        "negatives": corpus.vocabulary.negative_distribution(config.ns_exponent),
    }


def speed_near(corpus: Corpus, family: SliceFamily, keep: np.ndarray, rounds: int) -> float:
    """Words a second of one thread where `NEAR` words, drawn as they stand in the text, take the places of all."""
    random, n_words = np.random.default_rng(1), len(keep)
    kept = work.subsampled(np.asarray(corpus.ids), keep, random)
    shares = corpus.vocabulary.counts * keep.astype(np.float64)
    words = random.choice(n_words, NEAR, p=shares / shares.sum())
    ids = read_only(np.where(kept < 0, kept, words[random.integers(0, NEAR, len(kept))]).astype(np.int32))
    family._fixed = (np.ones(n_words, np.float32), alias_table(np.bincount(words, minlength=n_words) / NEAR))
    family.start(None)
    state, control = np.ones(1, np.uint64), np.zeros(1, np.int64)
    slices = [(start, start + LONGEST_SLICE) for start in range(0, len(ids) - LONGEST_SLICE, LONGEST_SLICE)]

    def run(slices: list[tuple[int, int]]) -> None:
        for start, stop in slices:
            family.step(0, ids, start, stop, np.float32(0.01), state, control)

    run(slices[:1])  # compiles
    done = sum(np.count_nonzero(ids[start:stop] >= 0) for start, stop in slices)
    return done / seconds(run, [(slices,)], rounds) * corpus.n_tokens / shares.sum()


def word2vec(corpus: Corpus, options: dict[str, Any], rounds: int) -> Family:
    config = settled(corpus, options)
    family, keep = (made := Word2Vec(corpus, config, Run())), made._fixed[0]
    model = work.cbow if config.model == "cbow" else work.skipgram
    needed = model(
        row_bytes=family.matrices[0].strides[0],
        n_shared=family._settings[0].n_shared,
        **words_and_negatives(corpus, config, keep),
    )
    return Family(needed, partial(speed_of, {"corpus": corpus}, options), speed_near(corpus, family, keep, rounds))


def fasttext(corpus: Corpus, options: dict[str, Any], rounds: int) -> Family:
    config = settled(corpus, options)
    family, keep = (made := FastText(corpus, config, Run())), made._fixed[0]
    rows = family.model
    needed = work.fasttext(
        row_bytes=rows.w_in.strides[0],
        n_shared=family._settings[0].n_shared,
        subwords=work.Subwords(rows.indptr, rows.lazy_start, rows.rows, rows.interval),
        **words_and_negatives(corpus, config, keep),
    )
    family.model = rows._replace(rows=rows.rows % NEAR)
    return Family(needed, partial(speed_of, {"corpus": corpus}, options), speed_near(corpus, family, keep, rounds))


def doc2vec(corpus: Corpus, options: dict[str, Any], rounds: int) -> Family:
    config = settled(corpus, options)
    family, keep = (made := Doc2Vec(corpus, config, Run())), made._fixed[0]
    model = work.cbow if config.paragraphs == "dm" else work.dbow
    needed = model(
        row_bytes=family.documents.strides[0],
        n_shared=family._settings[0].n_shared,
        documents=np.full(len(family.documents), 1 / corpus.n_tokens),
        **words_and_negatives(corpus, config, keep),
    )
    return Family(needed, partial(speed_of, {"corpus": corpus}, options), speed_near(corpus, family, keep, rounds))


def glove(corpus: Corpus, options: dict[str, Any], rounds: int) -> Family:
    counts = count_cooccurrences(corpus, Window(GLOVE_WINDOW))
    config, n_words = settled(corpus, options), len(corpus.vocabulary)
    n_groups, row_size = groups_for(n_words), row_size_for(config.vector_size)
    lengths = np.diff(counts.offsets)[members(0, n_groups, n_words)]
    needed = work.glove(config.vector_size, 2 * 4 * row_size, lengths, n_groups)
    random, n = np.random.default_rng(1), 1_000_000
    pairs, targets = random.integers(0, NEAR, (n, 2)).astype(np.uint16), random.random((n, 2), np.float32)
    words, contexts = (np.full((NEAR, 2 * row_size), 1, np.float32) for _ in range(2))
    given = (pairs, targets, 0, n, words, contexts, 0, 0, np.float32(0.01), np.zeros(1, np.int64))
    train_block = make_train_block(row_size)
    train_block(*given)  # compiles
    near = n / seconds(train_block, [given], rounds)
    return Family(needed, partial(speed_of, {"cooccurrences": counts}, options), near)


def counting(corpus: Corpus, options: dict[str, Any], rounds: int) -> Family:
    window = Window(GLOVE_WINDOW)
    lengths = np.diff(np.flatnonzero(np.concatenate([[-1], corpus.ids]) < 0)) - 1
    reach = np.minimum(window.size, np.arange(lengths.max(initial=1)))
    neighbours = 2 * np.concatenate([[0], np.cumsum(reach)])[lengths].sum() / corpus.n_tokens
    cells = len(count_cooccurrences(corpus, window)) / corpus.n_tokens

    def run(threads: int) -> float:
        start = time.perf_counter()
        count_cooccurrences(corpus, window, workers=threads)
        return corpus.n_tokens / (time.perf_counter() - start)

    return Family(work.counting(neighbours, window.size, cells), run, float("nan"))


PREPARE: dict[str, Callable[[Corpus, dict[str, Any], int], Family]] = {
    "skipgram": word2vec,
    "cbow": word2vec,
    "fasttext": fasttext,
    "glove": glove,
    "doc2vec": doc2vec,
    "doc2vec, dm": doc2vec,
    "counting": counting,
}


if __name__ == "__main__":
    sys.exit(main())
