"""GloVe (Pennington, Socher and Manning 2014): weighted least squares on the logarithms of co-occurrence counts.

Threads share nothing while they work. Words are dealt to G groups; a block is what one group of rows has in common
with one group of columns. In a round each group of rows meets one group of columns, so that no two blocks of a round
have a parameter in common (Gemulla et al. 2011, "Large-scale matrix factorization with distributed stochastic
gradient descent"). Every pass goes through all G rounds, in an order drawn anew. So no update is lost, a run is the
same bit for bit for any number of threads, and the rows of a block stay in the cache while it lasts.

Details are those of the authors' program: parameters start uniform within ±1/2 divided by the vector size, sums of
squared gradients at 1, the cost shown is the mean of ½ f(x) (w · c + b + c_b - log x)² over the records of a pass.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from embedkit.counting import Cooccurrences, Window, count_cooccurrences
from embedkit.errors import ConfigError, CorpusError, TrainingError
from embedkit.progress import Progress
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.threads import Timetable, run_rounds, run_tasks
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Monitor, Run, check_finite
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

# The rows of two groups take about 1 MB at 100 dimensions, half the second-level cache of the machines measured:
# with 500 to 1200 rows a group speed and cost are the same, with 3000 it is a third slower.
GROUP_ROWS = 1000
MAX_GROUPS = 256
MAX_GROUP_ROWS = 1 << 16  # a row in its group is a uint16


class Records:
    """The counts as records in the order of training.

    Attributes
    ----------
    n_groups : int
    pairs : uint16 (n, 2)
    targets : float32 (n, 2)
    block_starts : int64 (n_groups, n_groups + 1)
        Where each block starts and its group's last one ends.
    """

    def __init__(self, counts: Cooccurrences, config: TrainingConfig, run: Run) -> None:
        from embedkit.kernels.glove import arrange_group

        n_words, n = len(counts.vocabulary), len(counts)
        self.n_groups = groups_for(n_words)
        self.pairs, self.targets = np.empty((n, 2), np.uint16), np.empty((n, 2), np.float32)
        self.block_starts = np.zeros((self.n_groups, self.n_groups + 1), np.int64)
        self.members = [members(g, self.n_groups, n_words) for g in range(self.n_groups)]
        lengths = np.diff(counts.offsets)
        starts = np.concatenate([[0], np.cumsum([lengths[words].sum() for words in self.members])])
        seeds = np.random.SeedSequence((config.seed, 0)).generate_state(self.n_groups, np.uint64)

        def arrange(_: int, g: int) -> int:
            arrange_group(
                counts.offsets,
                counts.columns,
                counts.values,
                self.members[g],
                self.n_groups,
                (float(config.x_max), float(config.weight_exponent)),
                int(starts[g]),
                self.block_starts[g],
                self.pairs,
                self.targets,
                seeds[g : g + 1].copy(),
            )
            return int(starts[g + 1] - starts[g])

        done = 0

        def report(_: int, n_records: int) -> None:
            nonlocal done
            done += n_records
            if run.progress is not None:
                run.progress(Progress("shuffling", done, n, "records"))

        run_tasks(arrange, range(self.n_groups), config.workers, control=np.zeros(1, np.int64), on_result=report)

    def __len__(self) -> int:
        return len(self.pairs)


def groups_for(n_words: int) -> int:
    """How many groups the words are dealt to; depends on nothing else, so that any machine gives the same result."""
    groups = min(MAX_GROUPS, max(1, n_words // GROUP_ROWS), n_words)
    return max(groups, min(8, n_words), -(-n_words // MAX_GROUP_ROWS))


def members(group: int, n_groups: int, n_words: int) -> np.ndarray:
    """The words of a group in the order of their rows, int32; `embedkit.kernels.glove.group_of` backwards."""
    laps = np.arange(-(-n_words // n_groups))
    words = laps * n_groups + np.where(laps % 2 == 0, group, n_groups - 1 - group)
    return words[words < n_words].astype(np.int32)


def fit(
    corpus: Corpus | None,
    config: TrainingConfig,
    run: Run,
    cooccurrences: Path | Cooccurrences | None = None,
    vocabulary: Vocabulary | None = None,
) -> KeyedVectors:
    """Train GloVe on a corpus, or on counts that were made before.

    Parameters
    ----------
    corpus : Corpus or None
    config : TrainingConfig
    run : Run
        Progress, log, checkpoint, starting vectors.
    cooccurrences : path or Cooccurrences, optional
        Instead of a corpus.
    vocabulary : Vocabulary, optional
        Of `cooccurrences`; needed for files in GloVe's format.

    Returns
    -------
    KeyedVectors
        float32 (n_words, vector_size): word plus context vectors, or one of them (``glove_vectors``).
    """
    from embedkit.kernels.simd import LANES

    counts = counts_for(corpus, config, run, cooccurrences, vocabulary)
    vocabulary = counts.vocabulary
    digest = counts_digest(counts)
    row_size = -(-(config.vector_size + 2) // LANES) * LANES
    records = Records(counts, config, run)
    del counts
    order = np.concatenate(records.members)
    stored = run.load_state(config, digest)
    figures: dict[str, Any] = {}
    position = 0
    if stored is None:
        words, contexts = initial_parameters(len(vocabulary), config, row_size)
        if run.init is not None:
            copy_known(run.init, vocabulary, config, words, contexts)
        words, contexts = words[order], contexts[order]
    else:
        position, arrays, figures = stored
        words, contexts = arrays["words"], arrays["contexts"]
    train(records, config, run, words, contexts, position, figures, digest)
    return result(vocabulary, config, order, words, contexts)


def counts_for(
    corpus: Corpus | None,
    config: TrainingConfig,
    run: Run,
    cooccurrences: Path | Cooccurrences | None,
    vocabulary: Vocabulary | None,
) -> Cooccurrences:
    """The counts of a corpus, or those of a file."""
    if corpus is not None:
        counts = count_cooccurrences(corpus, Window(config.window), workers=config.workers, progress=run.progress)
    elif isinstance(cooccurrences, Cooccurrences):
        counts = cooccurrences
    elif cooccurrences is not None:
        from embedkit.counting.files import load

        counts = load(cooccurrences, vocabulary, workers=config.workers, progress=run.progress)
    else:
        raise ConfigError(f"model {config.model} needs a corpus or --cooccurrences FILE")
    if len(counts) == 0:
        raise CorpusError("there is nothing to train on: no two words stand near each other (a word a line?)")
    return counts


def counts_digest(counts: Cooccurrences) -> str:
    """A fingerprint of counts: vocabulary, number of cells and a sample of them."""
    step = max(1, len(counts) // 100_000)
    digest = hashlib.sha256(f"{counts.vocabulary.digest()} {len(counts)} ".encode())
    for array in (counts.columns, counts.values):
        digest.update(np.ascontiguousarray(array[::step]).tobytes())
    return digest.hexdigest()


def initial_parameters(n_words: int, config: TrainingConfig, row_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Starting rows of words and contexts, float32 (n_words, 2 · row_size), in the order of the vocabulary."""
    random = np.random.default_rng(np.random.SeedSequence((config.seed, 1)))
    size = config.vector_size
    both = []
    for fixed in (1, 0):  # the lane that is 1
        rows = np.zeros((n_words, 2 * row_size), np.float32)
        rows[:, : size + 2] = (random.random((n_words, size + 2), dtype=np.float32) - np.float32(0.5)) / size
        rows[:, fixed] = 1.0
        rows[:, row_size:] = 1.0
        both.append(rows)
    return both[0], both[1]


def copy_known(
    init: KeyedVectors, vocabulary: Vocabulary, config: TrainingConfig, words: np.ndarray, contexts: np.ndarray
) -> None:
    """Start from the vectors of the words that `init` knows.

    Where `init` kept its context vectors (``--keep-output``) both sides start from their own; else the vector is
    shared evenly between word and context if the result is their sum, and is the named side's if it is one of them.

    Raises
    ------
    ConfigError
        When the sizes differ or no word is known.
    """
    if init.vector_size != config.vector_size:
        raise ConfigError(
            f"--init: its vectors have {init.vector_size} numbers, this model's {config.vector_size}; "
            f"use --vector-size {init.vector_size}"
        )
    pairs = [(row, init.key_to_index[word]) for row, word in enumerate(vocabulary.index_to_key) if word in init]
    if not pairs:
        raise ConfigError("--init: none of its words occurs in this corpus's vocabulary")
    here, there = np.array(pairs).T
    lanes = slice(2, 2 + config.vector_size)
    vectors, kind = np.asarray(init.vectors[there]), init.config.get("glove_vectors", config.glove_vectors)
    output = None if init.output_vectors is None else np.asarray(init.output_vectors[there])
    if output is not None:
        contexts[here, lanes] = output
        words[here, lanes] = vectors - output if kind == "sum" else vectors
    elif kind == "sum":
        words[here, lanes] = contexts[here, lanes] = vectors / 2
    else:
        (words if kind == "word" else contexts)[here, lanes] = vectors


def train(
    records: Records,
    config: TrainingConfig,
    run: Run,
    words: np.ndarray,
    contexts: np.ndarray,
    position: int,
    figures: dict[str, Any],
    digest: str,
) -> None:
    """Go through all rounds of all passes from `position` on, updating `words` and `contexts` in place.

    Raises
    ------
    TrainingError
        When the cost is no number any more.
    """
    from embedkit.kernels.glove import make_train_block

    n_groups = records.n_groups
    train_block = make_train_block(words.shape[1] // 2)
    first_rows = np.concatenate([[0], np.cumsum([len(m) for m in records.members])])
    control, rate = np.zeros(1, np.int64), np.float32(config.learning_rate)
    train_block(records.pairs, records.targets, 0, 0, words, contexts, 0, 0, rate, control)  # compile
    size_of = np.diff(records.block_starts, axis=1)

    def work(_: int, block: tuple[int, int]) -> tuple[int, float]:
        i, j = block
        start, stop = int(records.block_starts[i, j]), int(records.block_starts[i, j + 1])
        cost = train_block(
            records.pairs,
            records.targets,
            start,
            stop,
            words,
            contexts,
            int(first_rows[i]),
            int(first_rows[j]),
            rate,
            control,
        )
        return stop - start, float(cost)

    done = (position // n_groups) * len(records) + int(figures.get("n", 0))
    with Monitor(run, len(records) * config.epochs, "records", done=done, loss_name="cost") as monitor:
        pass_sums = [float(figures.get("cost", 0.0)), int(figures.get("n", 0))]
        monitor.add(0, pass_sums[0], pass_sums[1], position // n_groups)  # the part of the pass that was done before

        def blocks(at: int) -> list[tuple[int, int]]:
            found = round_blocks(config.seed, *divmod(at, n_groups), n_groups)
            found.sort(key=lambda block: -size_of[block])  # the longest first, so that all threads end together
            return found

        def count(at: int, outcomes: list[tuple[int, float]]) -> None:
            epoch, k = divmod(at, n_groups)
            n, cost = sum(n for n, _ in outcomes), sum(cost for _, cost in outcomes)
            if not np.isfinite(cost):
                raise TrainingError(
                    f"training diverged: the cost is {cost} in epoch {epoch + 1}; the output is "
                    "not written, the last checkpoint is kept; lower the learning rate"
                )
            monitor.add(n, cost, n, epoch)
            pass_sums[:] = [0.0, 0] if k == n_groups - 1 else [pass_sums[0] + cost, pass_sums[1] + n]

        def save(at: int) -> None:
            arrays = {"words": words, "contexts": contexts}
            run.save_state(config, digest, at, arrays, {"cost": pass_sums[0], "n": pass_sums[1]})

        run_rounds(
            work,
            blocks,
            config.epochs * n_groups,
            config.workers,
            control=control,
            on_round=count,
            first=position,
            timetable=Timetable(
                monitor.tick, save=None if run.checkpoint is None else save, save_every=run.checkpoint_every
            ),
        )
        monitor.end()
    for name, array in (("words", words), ("contexts", contexts)):
        check_finite(name, array)


def round_blocks(seed: int, epoch: int, k: int, n_groups: int) -> list[tuple[int, int]]:
    """The blocks of round k of a pass: each group of rows once, each group of columns once."""
    random = np.random.default_rng(np.random.SeedSequence((seed, 2, epoch)))
    partner, shifts = random.permutation(n_groups), random.permutation(n_groups)
    return [(i, int(partner[(i + shifts[k]) % n_groups])) for i in range(n_groups)]


def result(
    vocabulary: Vocabulary, config: TrainingConfig, order: np.ndarray, words: np.ndarray, contexts: np.ndarray
) -> KeyedVectors:
    """The vectors in the order of the vocabulary."""
    lanes = slice(2, 2 + config.vector_size)
    found = np.empty((len(vocabulary), config.vector_size), np.float32)
    found[order] = {
        "sum": lambda: words[:, lanes] + contexts[:, lanes],
        "word": lambda: words[:, lanes],
        "context": lambda: contexts[:, lanes],
    }[config.glove_vectors]()
    output = None
    if config.keep_output:
        output = np.empty_like(found)
        output[order] = contexts[:, lanes]
    return KeyedVectors(
        vocabulary.index_to_key, found, counts=vocabulary.counts, output_vectors=output, config=config.to_dict()
    )
