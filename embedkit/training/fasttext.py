"""Skip-gram and CBOW over subwords: fastText's model, with character or jamo n-grams.

Only buckets that some word of the vocabulary uses have rows while training. All others are zero in the result: what
fastText keeps there is the noise it started from, which says nothing about a word, and costs memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.composing import mean_rows
from embedkit.rows.protocol import Rows
from embedkit.rows.sparse import SparseRows
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.training.slices import Result
from embedkit.training.starting import Start, fill_random, locked_rows, start_from
from embedkit.training.subword_layout import EAGER_ROWS, flush_intervals, layout_of, subwords_of
from embedkit.training.word2vec import MAX_SHARED, fit_family, mark_outputs, uses_of
from embedkit.vocabulary.corpus import Corpus

PRIVATE_INPUTS = 256  # of the eager rows, those that each thread has for itself
POOL_REUSE = 4  # how often a negative is used, on average, while it is in the pool
MOST_PAIRS = 24  # of a centre on average, up to which four centres learn at once
MORE_SHARED = 3  # a block shares 4 · (5 + 3) negatives where 5 are asked for: `embedkit.kernels.fasttext_blocks`


def fit(corpus: Corpus | SpreadCorpus, config: TrainingConfig, run: Run) -> KeyedVectors:
    """Train a subword model.

    Parameters
    ----------
    corpus : Corpus or SpreadCorpus
    config : TrainingConfig
        With subwords "chars" or "jamo".
    run : Run
        Progress, log, checkpoint, starting vectors.

    Returns
    -------
    KeyedVectors
        With `word_rows` and `ngram_vectors`; `vectors` are the means of both.
    """
    return fit_family(FastText, corpus, config, run)


class FastText:
    """The matrices of a subword model, which rows belong to which word, and the kernel that trains them.

    Attributes
    ----------
    w_in : float32 (n_rows, vector_size)
        Rows of words and n-grams, the most used ones first (`embedkit.training.subword_layout.Layout`).
    w_out : float32 (n_words, vector_size)
        Both are views of the padded matrices.
    """

    kind = "fasttext"

    def __init__(self, corpus: Corpus | SpreadCorpus, config: TrainingConfig, run: Run) -> None:
        from embedkit.kernels.fasttext_rows import Model
        from embedkit.kernels.simd import aligned_zeros, padded_size

        self.vocabulary, self.config = corpus.vocabulary, config
        self.subwords = subwords_of(config, corpus.vocabulary)
        if run.init is not None and run.init.subwords is not None and self._ngrams_of(run.init) is None:
            others = ", ".join(
                f"{name} {value}" for name, value in run.init.subwords.to_config().items() if name != "kept"
            )
            run.say(f"`init`: its words' vectors are taken over, not its n-grams', which are others ({others})")
        keep = np.asarray(corpus.vocabulary.keep_probabilities(config.sample), np.float32)
        uses = np.asarray(corpus.vocabulary.counts * keep, np.float64)
        self.layout = layout = layout_of(self.subwords, corpus.vocabulary.index_to_key, uses)
        interval, lazy_start = flush_intervals(layout, uses)
        # Rows change when they are used, so that it is known which have changed, and each by itself.
        if config.replicas is not None or run.lock:
            interval = interval[:0]
        n_rows, n_words, row_size = len(layout.number), len(uses), padded_size(config.vector_size)
        private = _private_rows(config, n_rows, n_words, locked=run.lock)
        self._locked: tuple[np.ndarray, ...] = ()
        if run.lock:
            of_entry = np.repeat(locked_rows(run.init, corpus.vocabulary.index_to_key), np.diff(layout.entries_indptr))
            self._locked = (np.zeros(n_rows, np.uint8),)
            self._locked[0][layout.entries[of_entry > 0]] = 1
        self.model = Model(
            layout.entries_indptr,
            lazy_start,
            layout.entries,
            aligned_zeros(n_rows + config.workers * private[0]["n_inputs"], row_size),
            aligned_zeros(n_words + config.workers * private[0]["n_outputs"], row_size),
            aligned_zeros(2 * len(interval), row_size),
            interval.copy(),
            interval,
        )
        self.w_in = self.model.w_in[:n_rows, : config.vector_size]
        self.w_out = self.model.w_out[:n_words, : config.vector_size]
        self._kernel, table, settings = _kernel(corpus, config)
        self._fixed = (keep, table)
        self._settings = [settings._replace(**rows) for rows in private]

    def start(self, init: KeyedVectors | None) -> None:
        from embedkit.kernels.fasttext_rows import flush_all

        fill_random(self.w_in, self.config.seed, 1)
        if init is not None:
            self._take_over(init, start_from(init, self.vocabulary.index_to_key, self.config.vector_size))
        flush_all(self.model)

    def _ngrams_of(self, init: KeyedVectors) -> Rows | None:
        """The rows of n-grams of `init`, where its n-grams are those that are trained here."""
        return init.ngram_vectors if init.subwords == self.subwords else None

    def _take_over(self, init: KeyedVectors, start: Start) -> None:
        """Where `init` has the same subwords, their rows are taken over. Where it has no rows of the words themselves
        either (it was compressed), these are set so that the mean over a word's rows is the vector given."""
        layout, w_in = self.layout, self.w_in
        n_words = len(self.vocabulary)
        known = self._ngrams_of(init)
        if known is not None:
            ngrams = np.asarray(known[layout.buckets])
            learnt = ngrams.any(axis=1)  # the others are of words that training never saw
            w_in[layout.number[n_words:][learnt]] = ngrams[learnt]
        if known is not None and init.word_rows is not None:
            w_in[layout.number[start.rows]] = init.word_rows[start.there]
        else:
            for row, vector in zip(start.rows.tolist(), start.vectors, strict=True):
                word_row = layout.number[row]
                entries = layout.entries[layout.entries_indptr[row] : layout.entries_indptr[row + 1]]
                w_in[word_row] = 0
                w_in[word_row] = vector * len(entries) - w_in[entries].sum(axis=0)
        if start.output is not None and self.config.loss != "hs":
            self.w_out[start.rows] = start.output

    def shapes(self) -> dict[str, tuple[tuple[int, ...], type]]:
        n_words, size, n_cached = len(self.vocabulary), self.config.vector_size, len(self.model.uses)
        found: dict[str, tuple[tuple[int, ...], type]] = {
            "word_rows": ((n_words, size), np.float32),
            "ngram_rows": ((len(self.layout.buckets), size), np.float32),
            "w_out": ((n_words, size), np.float32),
        }
        if n_cached:
            found["lazy_sums"] = found["pending"] = ((n_cached, size), np.float32)
            found["uses_left"] = ((n_cached,), np.int32)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        n_words, size = len(self.vocabulary), self.config.vector_size
        found = {
            "word_rows": self.w_in[self.layout.number[:n_words]],
            "ngram_rows": self.w_in[self.layout.number[n_words:]],
            "w_out": self.w_out,
        }
        if len(self.model.uses):
            cache = self.model.cache[:, :size]
            found.update(lazy_sums=cache[0::2], pending=cache[1::2], uses_left=self.model.uses)
        return found

    def held(self) -> dict[str, np.ndarray]:
        return {"w_in": self.model.w_in, "w_out": self.model.w_out, "cache": self.model.cache}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        n_words, size = len(self.vocabulary), self.config.vector_size
        self.w_in[self.layout.number[:n_words]] = arrays["word_rows"]
        self.w_in[self.layout.number[n_words:]] = arrays["ngram_rows"]
        self.w_out[...] = arrays["w_out"]
        if len(self.model.uses):
            left = arrays["uses_left"]
            if (left < 1).any() or (left > self.model.interval).any():
                raise ValueError("uses_left is outside of its intervals")
            cache = self.model.cache[:, :size]
            cache[0::2], cache[1::2] = arrays["lazy_sums"], arrays["pending"]
            self.model.uses[...] = left

    def step(
        self, worker: int, ids: np.ndarray, start: int, stop: int, rate: np.float32, state: np.ndarray, control: Any
    ) -> Result:
        result: Result = self._kernel(
            ids[start:stop], *self._fixed, self._settings[worker], self.model, rate, state, control, *self._behind()
        )
        return result

    def _behind(self, drawn: np.ndarray | None = None) -> tuple[np.ndarray | None, ...]:
        """The kernel's last arguments: what marks drawn negatives, and which rows are locked."""
        return (drawn, *self._locked) if drawn is not None or self._locked else ()

    @property
    def matrices(self) -> list[np.ndarray]:
        return [self.model.w_in, self.model.w_out]

    def uses(self) -> list[np.ndarray]:
        shares = self.vocabulary.counts * self._fixed[0].astype(np.float64) / max(1, int(self.vocabulary.counts.sum()))
        inputs, outputs = uses_of(self.config, self.vocabulary, shares, self._fixed[1])
        of_entry = np.repeat(inputs, np.diff(self.layout.entries_indptr))
        return [np.bincount(self.layout.entries, of_entry, len(self.layout.number)), outputs]

    def frequent_rows(self, most: int) -> list[slice]:
        n_words = len(self.vocabulary)
        outputs = min(most, n_words // 8)
        last = slice(n_words - outputs, n_words)
        return [
            slice(0, min(most, len(self.layout.number) // 8)),
            last if self.config.loss == "hs" else slice(0, outputs),
        ]

    def step_on(
        self,
        matrices: list[np.ndarray],
        ids: np.ndarray,
        rate: np.float32,
        state: np.ndarray,
        control: np.ndarray,
        touched: list[np.ndarray],
    ) -> Result:
        from embedkit.kernels.replicas import mark_entries

        model = self.model._replace(w_in=matrices[0], w_out=matrices[1])
        behind = self._behind(touched[1] if self.config.loss == "ns" else None)
        result: Result = self._kernel(ids, *self._fixed, self._settings[0], model, rate, state, control, *behind)
        mark_entries(ids, self.layout.entries_indptr, self.layout.entries, touched[0])
        mark_outputs(self.config.loss, ids, self._fixed[1], touched[1])
        return result

    def _in_order(self) -> np.ndarray:
        """The rows of words and then of buckets, in the place of those of training: a copy would be the most memory."""
        from embedkit.kernels.copying import order_in_place

        n_rows, size = self.w_in.shape
        rows = self.model.w_in[:n_rows]
        order_in_place(rows, self.layout.number.copy(), size)
        return rows.reshape(-1)[: n_rows * size].reshape(n_rows, size)

    def finish(self) -> KeyedVectors:
        from embedkit.kernels.fasttext_rows import flush_all

        flush_all(self.model)
        n_words, subwords, layout = len(self.vocabulary), self.subwords, self.layout
        rows = self._in_order()
        word_rows, ngrams = rows[:n_words], rows[n_words:]
        lengths = {"min_n": subwords.min_n, "max_n": subwords.max_n} if subwords.kind == "chars" else {}
        return KeyedVectors(
            self.vocabulary.index_to_key,
            mean_rows(layout.indptr, layout.ngrams, ngrams, word_rows, self.config.workers),
            counts=self.vocabulary.counts,
            subwords=subwords,
            ngram_vectors=SparseRows(layout.buckets, ngrams, subwords.bucket),
            word_rows=word_rows,
            output_vectors=np.ascontiguousarray(self.w_out) if self.config.keep_output else None,
            config={**self.config.to_dict(), **lengths},
        )


def _private_rows(config: TrainingConfig, n_rows: int, n_words: int, *, locked: bool) -> list[dict[str, Any]]:
    """How many rows each thread has for itself, and where they begin: fields of the kernel's settings."""
    from embedkit.kernels.private import private_rows

    n_inputs = min(private_rows(n_rows, config.workers, PRIVATE_INPUTS), EAGER_ROWS)
    n_outputs = private_rows(n_words, config.workers) if config.loss == "ns" else 0
    if config.replicas is not None:
        n_inputs = n_outputs = 0
    if locked:
        n_inputs = 0
    return [
        {
            "n_inputs": n_inputs,
            "inputs": n_rows + worker * n_inputs,
            "n_outputs": n_outputs,
            "outputs": n_words + worker * n_outputs,
            "share": np.float32(1 / config.workers),
        }
        for worker in range(config.workers)
    ]


def _kernel(corpus: Corpus | SpreadCorpus, config: TrainingConfig) -> tuple[Any, Any, Any]:
    """The kernel of the run, its table of outputs and its settings."""
    from embedkit.kernels.blocks import BLOCK
    from embedkit.kernels.fasttext import Settings, make_train
    from embedkit.kernels.fasttext_blocks import make_train_blocks
    from embedkit.kernels.sampling import alias_table
    from embedkit.kernels.simd import padded_size

    vocabulary = corpus.vocabulary
    cbow, row_size = config.architecture == "cbow", padded_size(config.vector_size)
    settings = Settings(config.window, config.shrink_windows, 0, 1, config.cbow_gradient == "mean", len(vocabulary))
    if config.loss == "hs":
        from embedkit.kernels.outputs import huffman_paths

        paths = huffman_paths(vocabulary.counts)
        settings = settings._replace(max_outputs=int(np.diff(paths.indptr).max(initial=1)))
        return make_train(row_size, cbow, config.loss), paths, settings
    if config.loss == "softmax":
        return make_train(row_size, cbow, config.loss), np.zeros((1, 1), np.uint32), settings
    table, negative = alias_table(vocabulary.negative_distribution(config.ns_exponent)), config.negative
    pairs = 1 if cbow else config.window + 1 if config.shrink_windows else 2 * config.window
    if cbow or pairs > MOST_PAIRS:
        drawn = max(1, negative * pairs // POOL_REUSE)
        settings = settings._replace(negative=negative, n_drawn=drawn, max_outputs=negative + 1)
        return make_train(row_size, cbow, config.loss), table, settings
    n_shared = min(max(BLOCK * (negative + MORE_SHARED), negative * pairs), MAX_SHARED)
    settings = settings._replace(n_shared=n_shared, negative_weight=np.float32(negative / n_shared))
    return make_train_blocks(row_size), table, settings
