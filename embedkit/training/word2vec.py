"""Skip-gram and CBOW (Mikolov et al. 2013a, 2013b): negative sampling, hierarchical softmax, full softmax."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, CorpusError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.threads import Timetable, run_tasks
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Monitor, Run, check_finite, corpus_digest
from embedkit.vocabulary.corpus import Corpus

MAX_SHARED = 4096
LOWEST_RATE = 1e-4  # the learning rate never falls below this share of its first value

Task = tuple[int, int, int, float]  # epoch, start, stop, share of the run that is done before


def slices_of(corpus: Corpus, config: TrainingConfig) -> list[tuple[int, int]]:
    """The id stream in slices of some milliseconds of work, at sentence ends where one is near."""
    n = len(corpus.ids)
    size = min(50_000, max(1_000, n // (64 * config.workers)))
    return corpus.shards(max(1, n // size))


class Tasks(Sequence[Task]):
    """All slices of all epochs, those of an epoch in an order of its own; made when asked for.

    The learning rate falls to nothing in the last epoch. In the order of the text its last part would be learnt
    from least and its first part most; shuffled, every part counts alike. On 18.8 million words of Wikipedia this
    raised fastText's WS353 ρ from .649 to .678 and its analogies from .546 to .552, CBOW's analogies from .336 to
    .344, and left skip-gram where it was (means of three seeds; fastText's before, of two).

    Parameters
    ----------
    slices : list of (start, stop)
    epochs : int
    seed : int
    """

    def __init__(self, slices: list[tuple[int, int]], epochs: int, seed: int) -> None:
        self.slices = slices
        self.epochs = epochs
        self.seed = seed
        self._order = functools.lru_cache(maxsize=2)(self._shuffled)

    def __len__(self) -> int:
        return len(self.slices) * self.epochs

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        epoch, number = divmod(index, len(self.slices))
        return (epoch, *self.slices[self._order(epoch)[number]], index / len(self))

    def _shuffled(self, epoch: int) -> np.ndarray:
        return np.random.default_rng(np.random.SeedSequence((self.seed, epoch))).permutation(len(self.slices))


def slice_state(seed: int, epoch: int, start: int) -> np.ndarray:
    """The random state of one slice of one epoch: uint64 (1,), the same whichever thread takes it."""
    return np.random.SeedSequence((seed, epoch, start)).generate_state(1, np.uint64)


def rate_at(config: TrainingConfig, fraction: float) -> float:
    """Linear decay of the learning rate over the run."""
    return config.learning_rate * max(1.0 - fraction, LOWEST_RATE)


def shared_negatives(negative: int, block: int) -> int:
    """How many negatives a block shares: more than `negative`, and a whole tile together with the centres."""
    wanted = max(negative + 3, 8)
    return min(wanted + (-(wanted + block)) % 4, MAX_SHARED)


def fit(corpus: Corpus, config: TrainingConfig, run: Run) -> KeyedVectors:
    """Train skip-gram or CBOW.

    Parameters
    ----------
    corpus : Corpus
    config : TrainingConfig
    run : Run
        Progress, log, checkpoint, starting vectors.

    Returns
    -------
    KeyedVectors
        float32 (n_words, vector_size).
    """
    from embedkit.kernels.private import private_rows
    from embedkit.kernels.simd import aligned_zeros, padded_size

    if config.keep_output and config.loss == "hs":
        raise ConfigError(
            "--keep-output: hierarchical softmax has no output vector for each word; use --loss ns or softmax"
        )
    if corpus.n_tokens == 0:
        raise CorpusError("the corpus holds no word of the vocabulary; there is nothing to train on")
    vocabulary = corpus.vocabulary
    row_size = padded_size(config.vector_size)
    digest = corpus_digest(vocabulary.digest(), corpus.ids)
    tasks = Tasks(slices_of(corpus, config), config.epochs, config.seed)
    n_words = len(vocabulary)
    n_private = private_rows(n_words, config.workers) if config.loss == "ns" else 0
    matrices = [aligned_zeros(n_words + config.workers * n_private, row_size) for _ in range(2)]
    w_in, w_out = (matrix[:n_words] for matrix in matrices)
    stored = run.load_state(config, digest)
    if stored is not None:
        first, arrays, figures = stored
        done = int(figures["done"])
        w_in[...], w_out[...] = arrays["w_in"], arrays["w_out"]
    else:
        first, done = 0, 0
        fill_initial(w_in, config, 0.5)
        if run.init is not None:
            copy_known(run.init, vocabulary.index_to_key, config.vector_size, w_in, w_out)
    step = _step(corpus, config, matrices[0], matrices[1], n_private)
    train_slices(corpus, config, run, step, tasks, first, done, {"w_in": w_in, "w_out": w_out}, digest)
    output = w_out[:, : config.vector_size] if config.keep_output else None
    return KeyedVectors(
        vocabulary.index_to_key,
        np.ascontiguousarray(w_in[:, : config.vector_size]),
        counts=vocabulary.counts,
        output_vectors=None if output is None else np.ascontiguousarray(output),
        config=config.to_dict(),
    )


def train_slices(
    corpus: Corpus,
    config: TrainingConfig,
    run: Run,
    step: Callable[..., Any],
    tasks: Sequence[Task],
    first: int,
    done: int,
    arrays: dict[str, np.ndarray],
    digest: str,
) -> None:
    """Run ``step(worker, ids, start, stop, learning_rate, state, control)`` over all tasks.

    Parameters
    ----------
    step : callable
        Trains on one slice and returns (words, summed loss, number of loss terms).
    tasks : sequence of (epoch, start, stop, share done before)
    first : int
        Index of the first task to do.
    done : int
        Words that were done before `first`.
    arrays : dict of str to ndarray
        What a checkpoint must hold; checked for NaN at the end.
    digest : str
        Of the corpus.
    """
    control = np.zeros(1, np.int64)
    ids = corpus.ids.view()
    ids.flags.writeable = False
    # Compile on an empty slice before any thread starts, so that the first figures are of training alone.
    step(0, ids, 0, 0, np.float32(0), slice_state(0, 0, 0), control)

    def work(worker: int, task: Task) -> tuple[int, float, float]:
        epoch, start, stop, done_before = task
        rate = rate_at(config, done_before)
        result: tuple[int, float, float] = step(
            worker, ids, start, stop, np.float32(rate), slice_state(config.seed, epoch, start), control
        )
        return result

    with Monitor(
        run, corpus.n_tokens * config.epochs, done=done, learning_rate=lambda fraction: rate_at(config, fraction)
    ) as monitor:

        def count(index: int, result: tuple[int, float, float]) -> None:
            words, loss, n_terms = result
            monitor.add(words, loss, n_terms, epoch=tasks[index][0])

        def save(position: int) -> None:
            run.save_state(config, digest, position, arrays, {"done": monitor.done})

        run_tasks(
            work,
            tasks,
            config.workers,
            control=control,
            first=first,
            on_result=count,
            timetable=Timetable(
                monitor.tick, save=save if run.checkpoint is not None else None, save_every=run.checkpoint_every
            ),
        )
        monitor.end()
    for name, array in arrays.items():
        check_finite(name, array)


def fill_initial(rows: np.ndarray, config: TrainingConfig, reach: float) -> None:
    """Starting values: uniform on ± `reach` divided by the vector size; the columns behind it stay zero.

    The word2vec tool takes 1/2, fastText 1.
    """
    random = np.random.default_rng(np.random.SeedSequence((config.seed, 0)))
    for start in range(0, len(rows), 65536):
        block = rows[start : start + 65536, : config.vector_size]
        block[...] = np.float32(reach) * (2 * random.random(block.shape, dtype=np.float32) - 1) / config.vector_size


def copy_known(
    init: KeyedVectors, words: Any, vector_size: int, w_in: np.ndarray, w_out: np.ndarray | None = None
) -> int:
    """Copy the vectors (and output vectors) of the words that `init` knows; returns how many it knew.

    Raises
    ------
    ConfigError
        When the sizes differ or no word is known.
    """
    size = init.vector_size
    if size != vector_size:
        raise ConfigError(
            f"--init: its vectors have {size} numbers, vector_size is {vector_size}; use --vector-size {size}"
        )
    pairs = [(row, init.key_to_index[word]) for row, word in enumerate(words) if word in init]
    if not pairs:
        raise ConfigError("--init: none of its words occurs in this corpus's vocabulary")
    here, there = np.array(pairs).T
    w_in[here, :size] = init.vectors[there]
    if w_out is not None and init.output_vectors is not None:
        w_out[here, :size] = init.output_vectors[there]
    return len(pairs)


def _step(
    corpus: Corpus, config: TrainingConfig, w_in: np.ndarray, w_out: np.ndarray, n_private: int
) -> Callable[..., Any]:
    """The kernel of the run, closed over everything that stays the same."""
    from embedkit.kernels.sampling import alias_table

    vocabulary = corpus.vocabulary
    keep = np.asarray(vocabulary.keep_probabilities(config.sample), np.float32)
    cbow = config.architecture == "cbow"
    mean = config.cbow_gradient == "mean"
    row_size = w_in.shape[1]
    settings: Any
    table: Any
    if config.loss == "ns":
        from embedkit.kernels.word2vec import BLOCK, Settings, make_cbow, make_skipgram

        n_shared = shared_negatives(config.negative, BLOCK)
        settings = Settings(
            config.window, config.shrink_windows, n_shared, np.float32(config.negative / n_shared), mean
        )
        table = alias_table(vocabulary.negative_distribution(config.ns_exponent))
        train = make_cbow(row_size) if cbow else make_skipgram(row_size)
    else:
        from embedkit.kernels.outputs import huffman_paths
        from embedkit.kernels.word2vec_softmax import SoftmaxSettings, make_softmax

        table = huffman_paths(vocabulary.counts)
        longest = int(np.diff(table.indptr).max(initial=1))
        max_outputs = longest if config.loss == "hs" else len(vocabulary)
        settings = SoftmaxSettings(config.window, config.shrink_windows, mean, max_outputs)
        train = make_softmax(cbow, config.loss)

    of_worker = [settings] * config.workers
    if n_private:
        share = np.float32(1 / config.workers)
        of_worker = [
            settings._replace(n_private=n_private, private=len(vocabulary) + worker * n_private, private_share=share)
            for worker in range(config.workers)
        ]

    def step(
        worker: int, ids: np.ndarray, start: int, stop: int, rate: np.float32, state: np.ndarray, control: np.ndarray
    ) -> tuple[int, float, float]:
        result: tuple[int, float, float] = train(
            ids[start:stop], keep, table, of_worker[worker], w_in, w_out, rate, state, control
        )
        return result

    return step
