"""GloVe (Pennington, Socher and Manning 2014): weighted least squares on the logarithms of co-occurrence counts.

Threads share nothing while they work. Words are dealt to G groups; a block is what one group of rows has in common
with one group of columns. In a round each group of rows meets one group of columns, so that no two blocks of a round
have a parameter in common (Gemulla et al. 2011, "Large-scale matrix factorization with distributed stochastic
gradient descent"). Every pass goes through all G rounds, in an order drawn anew. So no update is lost, a run is the
same bit for bit for any number of threads, and the rows of a block stay in the cache while it lasts. A block waits for
the two that had its rows and its columns in the round before (`embedkit.training.glove_stages`). With `replicas`
the groups are dealt to so many parts, and the columns of a part stay with the rows of one part for many rounds
(`embedkit.training.glove_records.round_blocks`). So the workers of a cluster can do it, with the same bits
(`embedkit.training.glove_cluster`).

Details are those of the authors' program: parameters start uniform within ±1/2 divided by the vector size, sums of
squared gradients at 1, the cost shown is the mean of ½ f(x) (w · c + b + c_b - log x)² over the records of a pass.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping

import numpy as np

from embedkit.counting import Cooccurrences
from embedkit.counting.rows import RowBlock
from embedkit.errors import TrainingError
from embedkit.progress import Progress, ProgressCallback, Timetable
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.threads import run_rounds
from embedkit.training.counts import ClusterCounts, blocks_for, nothing_to_train_on
from embedkit.training.glove_cluster import rule_of, train_on_cluster, work_of
from embedkit.training.glove_disk import Made, PartCounts, Room, make_records, rows_of_groups
from embedkit.training.glove_records import Groups, round_blocks
from embedkit.training.glove_stages import Stage, Trained, by_round
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.training.schedule import replicas_digest
from embedkit.training.starting import Start, start_from
from embedkit.training.state import Session, corpus_digest
from embedkit.training.suiting import suited
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

LOCKED = 1e30  # a sum of squared gradients so large that no step is of any size
STAGE_RECORDS = 1 << 23  # about, between two barriers: a tenth of a second with two threads
SIDES = (("words", 0), ("contexts", 1))  # and the lane of each side's bias; the other one of the first two is 1


def fit(
    corpus: Corpus | None,
    config: TrainingConfig,
    run: Run,
    cooccurrences: str | os.PathLike[str] | Cooccurrences | ClusterCounts | None = None,
    vocabulary: Vocabulary | None = None,
) -> KeyedVectors:
    """Train GloVe on a corpus, or on counts that were made before.

    Parameters
    ----------
    corpus : Corpus or None
    config : TrainingConfig
    run : Run
        Progress, log, checkpoint, starting vectors.
    cooccurrences : path, Cooccurrences or ClusterCounts, optional
        Instead of a corpus.
    vocabulary : Vocabulary, optional
        Of `cooccurrences`; needed for files in GloVe's format.

    Returns
    -------
    KeyedVectors
        float32 (n_words, vector_size): word plus context vectors, or one of them (``glove_vectors``).

    Raises
    ------
    ConfigError
        When there are more replicas than words.
    TrainingError
        When training diverges, or the checkpoint is of another run.
    """
    if isinstance(cooccurrences, ClusterCounts) and config.replicas is not None:
        with cooccurrences.pieces(config, run.progress) as spread:
            config = suited(config, spread.vocabulary, spread.vocabulary.total, run)
            groups = Groups.of(len(spread.vocabulary), config.replicas)
            return train_on_cluster(GloVe(spread.vocabulary, config, groups.order()), spread, groups, config, run)
    with blocks_for(corpus, config, run, cooccurrences, vocabulary) as (words, blocks):
        config = suited(config, words, int(words.counts.sum()), run)
        groups = Groups.of(len(words), config.replicas or 1)
        made = records_of(blocks, groups, config, run.progress)
    if len(made.records) == 0:
        raise nothing_to_train_on()

    def digest() -> str:
        parts = [made.prints[part.start : part.stop] for part in map(groups.of_part, range(groups.replicas))]
        return replicas_digest(words.digest(), [corpus_digest(" ".join(part)) for part in parts])

    family = GloVe(words, config, groups.order(), lock=run.lock)
    return train(family, made, groups, config, run, digest)


def records_of(
    blocks: Iterable[RowBlock], groups: Groups, config: TrainingConfig, progress: ProgressCallback | None = None
) -> Made:
    """The records of all counts, on disk."""
    counts = PartCounts()
    members = [groups.members(g) for g in range(groups.n)]
    n = 0
    for k, block in enumerate(blocks):
        counts.add(k, [rows_of_groups(block, members)])
        n += len(block.columns)

    def report(done: int) -> None:
        if progress is not None:
            progress(Progress("shuffling", done, n, "records"))

    return make_records(counts, groups, range(groups.n), config, config.workers, report)


def row_size_for(vector_size: int) -> int:
    """The parameters of a row, padded to whole vectors of the processor."""
    from embedkit.kernels.glove import FIRST_LANE
    from embedkit.kernels.simd import whole_vectors

    return whole_vectors(vector_size + FIRST_LANE)


class GloVe:
    """The parameters of words and contexts, and the sums of their squared gradients.

    Parameters
    ----------
    vocabulary : Vocabulary
    config : TrainingConfig
    order : int32 (n_words,)
        Which word each row is of: rows stand group by group.
    lock : bool
        The vectors that training starts from stay as they are.

    Attributes
    ----------
    words, contexts : float32 (n_words, 2 · row_size)
        As `embedkit.kernels.glove` wants them.
    """

    kind = "glove"

    def __init__(
        self, vocabulary: Vocabulary, config: TrainingConfig, order: np.ndarray, *, lock: bool = False
    ) -> None:
        from embedkit.kernels.glove import FIRST_LANE
        from embedkit.kernels.simd import aligned_zeros

        self.vocabulary, self.config, self.order, self.lock = vocabulary, config, order, lock
        self.row_size = row_size_for(config.vector_size)
        self.words, self.contexts = (aligned_zeros(len(vocabulary), 2 * self.row_size) for _ in SIDES)
        for name, bias_lane in SIDES:
            side = getattr(self, name)
            side[:, 1 - bias_lane] = 1.0
            side[:, self.row_size :] = 1.0
        self._lanes = slice(FIRST_LANE, FIRST_LANE + config.vector_size)
        self._sums = slice(self.row_size + FIRST_LANE, self.row_size + FIRST_LANE + config.vector_size)

    def start(self, init: KeyedVectors | None) -> None:
        random = np.random.default_rng(np.random.SeedSequence((self.config.seed, 1)))
        size, n_words = self.config.vector_size, len(self.vocabulary)
        for name, bias_lane in SIDES:
            side = getattr(self, name)
            drawn = (random.random((n_words, size + 2), dtype=np.float32) - np.float32(0.5)) / size
            side[:, bias_lane], side[:, self._lanes] = drawn[self.order, bias_lane], drawn[self.order, 2:]
        if init is not None:
            kind = init.config.get("glove_vectors", self.config.glove_vectors)
            self._take_over(start_from(init, self.vocabulary.index_to_key, size), kind)

    def _take_over(self, start: Start, kind: str) -> None:
        """Where the vectors came with their context vectors, both sides start from their own; else the vector is
        shared evenly between word and context if the result is their sum, and is the named side's if it is one."""
        place = np.empty(len(self.order), np.int64)
        place[self.order] = np.arange(len(self.order))
        rows = place[start.rows]
        if start.output is not None:
            self.contexts[rows, self._lanes] = start.output
            self.words[rows, self._lanes] = start.vectors - start.output if kind == "sum" else start.vectors
        elif kind == "sum":
            self.words[rows, self._lanes] = self.contexts[rows, self._lanes] = start.vectors / 2
        else:
            (self.words if kind == "word" else self.contexts)[rows, self._lanes] = start.vectors
        if self.lock:
            for name, _ in SIDES:
                getattr(self, name)[rows, self._sums] = LOCKED

    def shapes(self) -> dict[str, tuple[tuple[int, ...], type]]:
        n_words, size = len(self.vocabulary), self.config.vector_size
        found: dict[str, tuple[tuple[int, ...], type]] = {}
        for name, _ in SIDES:
            found[name] = found[f"{name}_sums"] = ((n_words, size), np.float32)
            found[f"{name}_biases"] = found[f"{name}_bias_sums"] = ((n_words,), np.float32)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        found = {}
        for name, bias_lane in SIDES:
            side = getattr(self, name)
            found[name], found[f"{name}_sums"] = self._by_word(side[:, self._lanes]), self._by_word(side[:, self._sums])
            found[f"{name}_biases"] = self._by_word(side[:, bias_lane])
            found[f"{name}_bias_sums"] = self._by_word(side[:, self.row_size + bias_lane])
        return found

    def held(self) -> dict[str, np.ndarray]:
        return {"words": self.words, "contexts": self.contexts}

    def _by_word(self, rows: np.ndarray) -> np.ndarray:
        found = np.empty(rows.shape, np.float32)
        found[self.order] = rows
        return found

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        for name, bias_lane in SIDES:
            if min(arrays[f"{name}_sums"].min(), arrays[f"{name}_bias_sums"].min()) < 1:
                raise ValueError(f"{name}_sums holds sums of squares below their first value, 1")
            side = getattr(self, name)
            side[:, self._lanes] = arrays[name][self.order]
            side[:, self._sums] = arrays[f"{name}_sums"][self.order]
            side[:, bias_lane] = arrays[f"{name}_biases"][self.order]
            side[:, self.row_size + bias_lane] = arrays[f"{name}_bias_sums"][self.order]

    def finish(self) -> KeyedVectors:
        words, contexts = self._by_word(self.words[:, self._lanes]), self._by_word(self.contexts[:, self._lanes])
        vectors = {"sum": words + contexts, "word": words, "context": contexts}[self.config.glove_vectors]
        return KeyedVectors(
            self.vocabulary.index_to_key,
            vectors,
            counts=self.vocabulary.counts,
            output_vectors=contexts if self.config.keep_output else None,
            config=self.config.to_dict(),
        )


def train(
    family: GloVe, made: Made, groups: Groups, config: TrainingConfig, run: Run, digest: Callable[[], str]
) -> KeyedVectors:
    """Go through all rounds of all passes.

    Raises
    ------
    TrainingError
        When the cost is no number any more.
    """
    from embedkit.kernels.glove import make_train_block

    records, n_groups = made.records, groups.n
    work = work_of(n_groups, len(records), made.squares, rule=rule_of(config))
    session = Session(family, config, run, work, digest)
    train_block = make_train_block(family.row_size)
    control, rate = np.zeros(1, np.int64), np.float32(config.learning_rate)
    words, contexts, first_rows = family.words, family.contexts, groups.first_rows
    train_block(*records.read(0, 0, 0), 0, 0, words, contexts, 0, 0, rate, control)  # compile
    at_once = max(1, n_groups * STAGE_RECORDS // len(records))
    rooms = [Room() for _ in range(config.workers)]

    def step(worker: int, stage: Stage) -> list[Trained]:
        found = []
        for k, i, j in stage.take():
            pairs, targets = records.read(i, j, j + 1, rooms[worker])
            rows = first_rows[i], first_rows[j]
            cost = float(train_block(pairs, targets, 0, len(pairs), words, contexts, *rows, rate, control))
            found.append(Trained(k, i, len(pairs), cost))
        return found

    # As many tasks as threads: they wait for each other.
    def round_of(at: int) -> Generator[list[Stage], list[list[Trained]], int]:
        epoch, first = divmod(at, n_groups)
        ks = range(first, min(first + at_once, n_groups))
        rounds = [round_blocks(config.seed, epoch, k, n_groups, config.replicas or 1) for k in ks]
        outcomes = yield [Stage(rounds, control)] * config.workers
        for n, cost in by_round(outcomes):
            if not np.isfinite(cost):
                raise TrainingError(
                    f"training diverged: the cost is {cost} in epoch {epoch + 1}; the output is not written, "
                    "the last checkpoint is kept; lower `learning_rate`"
                )
            session.monitor.add(n, cost, n, epoch)
        return at + len(ks)

    def loop(timetable: Timetable) -> int:
        return run_rounds(
            step,
            round_of,
            config.epochs * n_groups,
            config.workers,
            control=control,
            first=session.first,
            timetable=timetable,
        )

    return session.train(loop)
