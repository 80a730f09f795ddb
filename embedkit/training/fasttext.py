"""Skip-gram and CBOW over subwords: fastText's model, with character or jamo n-grams.

Only buckets that some word of the vocabulary uses have rows while training. All others are zero in the result: what
fastText keeps there is the noise it started from, which says nothing about a word, and costs memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, CorpusError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.composing import SparseRows, hash_words, mean_rows
from embedkit.rows.subwords import Subwords, default_lengths
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run, corpus_digest
from embedkit.training.word2vec import Tasks, fill_initial, slices_of, train_slices
from embedkit.vocabulary.corpus import Corpus

EAGER_ROWS = 2000  # rows that are never updated lazily; measured, see embedkit/kernels/fasttext.py
PRIVATE_INPUTS = 256  # of these, those that each thread has for itself
FLUSHES = 500  # how often in a run a word's pending updates are flushed into its lazy rows
SHORTEST_INTERVAL = 3  # words that would be flushed more often are not worth a cache
POOL_REUSE = 4  # how often a negative is used, on average, while it is in the pool


def subwords_of(config: TrainingConfig, vocabulary: Any) -> Subwords:
    """How the words of a run are split; n-gram lengths that were not given suit the vocabulary's script.

    Raises
    ------
    ConfigError
        When the lengths contradict each other.
    """
    if config.subwords == "jamo":
        return Subwords(
            "jamo",
            bucket=config.bucket,
            min_jamo=config.min_jamo,
            max_jamo=config.max_jamo,
            min_syllables=config.min_syllables,
            max_syllables=config.max_syllables,
        )
    shortest, longest = config.min_n, config.max_n
    if shortest is None or longest is None:
        usual = default_lengths(vocabulary.index_to_key, vocabulary.counts)
        if longest is None:
            longest = max(usual[1], shortest or 1)
        if shortest is None:
            shortest = min(usual[0], longest)
    return Subwords("chars", bucket=config.bucket, min_n=shortest, max_n=longest)


@dataclass
class Layout:
    """Where the rows of words and n-grams are while training: the most used ones first.

    Attributes
    ----------
    indptr : int64 (n_words + 1,)
    ngrams : int32 (n_ngrams,)
        The n-grams' numbers in `buckets`, word by word in fastText's order.
    buckets : int64 (n_used,)
        The buckets in use, ascending.
    number : int32 (n_words + n_used,)
        The row of each word and then of each used bucket.
    entries_indptr, entries : int64 (n_words + 1,), int32 (n_words + n_ngrams,)
        The rows of each word, its own included, ascending.
    """

    indptr: np.ndarray
    ngrams: np.ndarray
    buckets: np.ndarray
    number: np.ndarray
    entries_indptr: np.ndarray
    entries: np.ndarray


def layout_of(subwords: Subwords, words: Any, uses: np.ndarray) -> Layout:
    """Number the rows by how often they are used.

    Parameters
    ----------
    subwords : Subwords
    words : sequence of str
    uses : float64 (n_words,)
        How often each word is trained on.
    """
    n_words = len(words)
    indptr, hashed = hash_words(subwords, words)
    lengths = np.diff(indptr)
    in_use = np.zeros(subwords.bucket, bool)
    in_use[hashed] = True
    buckets = np.flatnonzero(in_use)
    place = np.zeros(subwords.bucket, np.int32)
    place[buckets] = np.arange(len(buckets), dtype=np.int32)
    ngrams = place[hashed]
    weights = np.concatenate([uses, np.bincount(ngrams, np.repeat(uses, lengths), len(buckets))])
    number = np.empty(len(weights), np.int32)
    number[np.argsort(-weights, kind="stable")] = np.arange(len(weights), dtype=np.int32)
    entries_indptr = indptr + np.arange(n_words + 1)
    entries = np.empty(n_words + len(ngrams), np.int64)
    is_word = np.zeros(len(entries), bool)
    is_word[entries_indptr[:-1]] = True
    entries[is_word] = number[:n_words]
    entries[~is_word] = number[n_words + ngrams]
    entries += np.repeat(np.arange(n_words), lengths + 1) * len(number)
    entries.sort()
    return Layout(indptr, ngrams, buckets, number, entries_indptr, (entries % len(number)).astype(np.int32))


def fit(corpus: Corpus, config: TrainingConfig, run: Run) -> KeyedVectors:
    """Train a subword model.

    Parameters
    ----------
    corpus : Corpus
    config : TrainingConfig
        With subwords "chars" or "jamo".
    run : Run
        Progress, log, checkpoint, starting vectors.

    Returns
    -------
    KeyedVectors
        With `word_rows` and `ngram_vectors`; `vectors` are the means of both.
    """
    from embedkit.kernels.fasttext import Model, flush_all
    from embedkit.kernels.private import private_rows
    from embedkit.kernels.simd import aligned_zeros, padded_size

    if config.keep_output and config.loss == "hs":
        raise ConfigError(
            "--keep-output: hierarchical softmax has no output vector for each word; use --loss ns or softmax"
        )
    if corpus.n_tokens == 0:
        raise CorpusError("the corpus holds no word of the vocabulary; there is nothing to train on")
    vocabulary = corpus.vocabulary
    words = vocabulary.index_to_key
    subwords = subwords_of(config, vocabulary)
    keep = np.asarray(vocabulary.keep_probabilities(config.sample), np.float32)
    uses = np.asarray(vocabulary.counts * keep, np.float64)
    layout = layout_of(subwords, words, uses)
    interval, lazy_start = flush_intervals(layout, uses * config.epochs)
    digest = corpus_digest(vocabulary.digest(), corpus.ids)
    tasks = Tasks(slices_of(corpus, config), config.epochs, config.seed)
    row_size = padded_size(config.vector_size)
    n_rows, n_words = len(layout.number), len(words)
    n_inputs = min(private_rows(n_rows, config.workers, PRIVATE_INPUTS), EAGER_ROWS)
    n_outputs = private_rows(n_words, config.workers) if config.loss == "ns" else 0
    model = Model(
        layout.entries_indptr,
        lazy_start,
        layout.entries,
        aligned_zeros(n_rows + config.workers * n_inputs, row_size),
        aligned_zeros(n_words + config.workers * n_outputs, row_size),
        aligned_zeros(2 * len(interval), row_size),
        interval.copy(),
        interval,
    )
    arrays = {"w_in": model.w_in[:n_rows], "w_out": model.w_out[:n_words], "cache": model.cache, "uses": model.uses}
    private = [
        {
            "n_inputs": n_inputs,
            "inputs": n_rows + worker * n_inputs,
            "n_outputs": n_outputs,
            "outputs": n_words + worker * n_outputs,
            "share": np.float32(1 / config.workers),
        }
        for worker in range(config.workers)
    ]
    stored = run.load_state(config, digest)
    if stored is not None:
        first, saved, figures = stored
        for name, array in arrays.items():
            array[...] = saved[name]
        done = int(figures["done"])
    else:
        first, done = 0, 0
        fill_initial(arrays["w_in"], config, 1)
        if run.init is not None:
            start_from(run.init, subwords, words, layout, model.w_in[:, : config.vector_size], model.w_out)
        flush_all(model)
    step = _step(corpus, config, model, keep, private)
    train_slices(corpus, config, run, step, tasks, first, done, arrays, digest)
    flush_all(model)
    return _result(corpus, config, subwords, layout, model)


def flush_intervals(layout: Layout, uses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """After how many uses each cached word is flushed, and where its lazily updated rows begin among its entries.

    Returns
    -------
    interval : int32 (n_cached,)
        The cached words are the first ones, the most frequent.
    lazy_start : int64 (n_words,)
    """
    interval = np.minimum(uses / FLUSHES, 1e9).astype(np.int32)
    rare = np.flatnonzero(interval < SHORTEST_INTERVAL)
    interval = interval[: rare[0] if len(rare) else len(interval)]
    n_words = len(uses)
    word_of = np.repeat(np.arange(n_words), np.diff(layout.entries_indptr))
    lazy_start = layout.entries_indptr[:-1] + np.bincount(word_of[layout.entries < EAGER_ROWS], minlength=n_words)
    return interval, lazy_start


def start_from(
    init: KeyedVectors, subwords: Subwords, words: Any, layout: Layout, w_in: np.ndarray, w_out: np.ndarray
) -> None:
    """Make the words that `init` knows start from its vectors.

    Where it has the same subwords, its rows are taken over one by one. Otherwise the words' own rows are set so that
    the mean over the word's rows is the vector given.

    Raises
    ------
    ConfigError
        When the sizes differ or no word is known.
    """
    size = w_in.shape[1]
    if init.vector_size != size:
        raise ConfigError(f"--init: its vectors have {init.vector_size} numbers; use --vector-size {init.vector_size}")
    known = np.array([row for row, word in enumerate(words) if word in init], np.int64)
    if not len(known):
        raise ConfigError("--init: none of its words occurs in this corpus's vocabulary")
    there = np.array([init.row(words[row]) for row in known], np.int64)
    if init.subwords == subwords and init.ngram_vectors is not None and init.word_rows is not None:
        w_in[layout.number[len(words) :]] = init.ngram_vectors[layout.buckets]
        w_in[layout.number[known]] = init.word_rows[there]
    else:
        for row, vector in zip(known.tolist(), init.vectors[there], strict=True):
            word_row = layout.number[row]
            entries = layout.entries[layout.entries_indptr[row] : layout.entries_indptr[row + 1]]
            w_in[word_row] = 0
            w_in[word_row] = vector * len(entries) - w_in[entries].sum(axis=0)
    if init.output_vectors is not None and len(init.output_vectors) == len(init):
        w_out[known, :size] = init.output_vectors[there]


def _step(
    corpus: Corpus, config: TrainingConfig, model: Any, keep: np.ndarray, private: list[dict[str, Any]]
) -> Callable[..., Any]:
    """The kernel of the run, closed over what stays the same; `private`: where each thread's private rows are."""
    from embedkit.kernels.fasttext import Settings, make_train
    from embedkit.kernels.sampling import alias_table

    vocabulary = corpus.vocabulary
    cbow = config.architecture == "cbow"
    negative, n_drawn = 0, 1
    table: Any
    if config.loss == "ns":
        negative = config.negative
        pairs = 1 if cbow else config.window + 1
        n_drawn = max(1, negative * pairs // POOL_REUSE)
        max_outputs = negative + 1
        table = alias_table(vocabulary.negative_distribution(config.ns_exponent))
    elif config.loss == "hs":
        from embedkit.kernels.outputs import huffman_paths

        table = huffman_paths(vocabulary.counts)
        max_outputs = int(np.diff(table.indptr).max(initial=1))
    else:
        table = np.zeros((1, 1), np.uint32)
        max_outputs = len(vocabulary)
    settings = Settings(
        config.window,
        config.shrink_windows,
        negative,
        n_drawn,
        config.cbow_gradient == "mean",
        max_outputs,
    )
    of_worker = [settings._replace(**each) for each in private]
    train = make_train(cbow, config.loss)

    def step(
        worker: int, ids: np.ndarray, start: int, stop: int, rate: np.float32, state: np.ndarray, control: np.ndarray
    ) -> tuple[int, float, float]:
        result: tuple[int, float, float] = train(
            ids[start:stop], keep, table, of_worker[worker], model, rate, state, control
        )
        return result

    return step


def _result(corpus: Corpus, config: TrainingConfig, subwords: Subwords, layout: Layout, model: Any) -> KeyedVectors:
    vocabulary = corpus.vocabulary
    n_words, size = len(vocabulary), config.vector_size
    word_rows = model.w_in[layout.number[:n_words], :size]
    ngrams = model.w_in[layout.number[n_words:], :size]
    vectors = mean_rows(layout.indptr, layout.ngrams, ngrams, word_rows, config.workers)
    output = np.ascontiguousarray(model.w_out[:, :size]) if config.keep_output else None
    return KeyedVectors(
        vocabulary.index_to_key,
        vectors,
        counts=vocabulary.counts,
        subwords=subwords,
        ngram_vectors=SparseRows(layout.buckets, ngrams, subwords.bucket),
        word_rows=word_rows,
        output_vectors=output,
        config={**config.to_dict(), "min_n": subwords.min_n, "max_n": subwords.max_n}
        if subwords.kind == "chars"
        else config.to_dict(),
    )
