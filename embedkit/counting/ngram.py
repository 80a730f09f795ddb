"""An n-gram Markov model: the next word depends on the last ``order - 1`` words of the sentence.

A sentence w1 ... wm is scored as ``<s> w1 ... wm </s>``; near its start the context is as long as the sentence so
far, so that one ``<s>`` is enough. Words rarer than `min_count`, and words never seen, are the one word ``<unk>``.

=============  ======================================================================================================
``mle``        count(context, word) / count(context): what was never seen has probability 0
``add-k``      (count(context, word) + k) / (count(context) + k · n), n words being possible (Lidstone; Laplace at 1)
``kneser-ney`` interpolated modified Kneser-Ney: three discounts a level, estimated from the counts of counts; the
               lower levels count the different words before an n-gram instead of its occurrences (Chen and Goodman
               1999, "An empirical study of smoothing techniques for language modeling", section 3)
=============  ======================================================================================================

Under all but ``mle`` every word has a probability above 0 and the probabilities after any context sum to 1 over the
vocabulary, ``<unk>`` and ``</s>``. Kneser-Ney ends in the uniform distribution over these.

The counts are a trie in sorted arrays: an n-gram of level n is ``prefix · n_symbols + word``, where `prefix` is the
place of its first n - 1 words in level n - 1, so that what follows a context lies side by side.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from embedkit.counting.drawing import draw
from embedkit.counting.ngram_counts import Level, check_levels, count_levels, discounts, symbols
from embedkit.counting.ngram_score import Score
from embedkit.counting.ngram_text import check_reading
from embedkit.errors import ConfigError, FormatError, check_several
from embedkit.files.model_file import BLANKS_VERSION, load_model, save_model
from embedkit.progress import ProgressCallback
from embedkit.text.tokens import TokenizerSettings, join_tokens, of_chars, part_cutter, text_tokenizer
from embedkit.vocabulary.vocabulary import nothing_left
from embedkit.vocabulary.words import Words, find_normalised

if TYPE_CHECKING:
    from embedkit.vocabulary.corpus import Corpus

SMOOTHINGS = ("kneser-ney", "add-k", "mle")
KIND = "ngram"
LONGEST = 10  # words in an n-gram
UNKNOWN, END, START = "<unk>", "</s>", "<s>"
SMOOTHED_BY_K = "add-k"  # the smoothing that k is for
_CORPUS_OPTIONS = ("tokenizer", "lowercase", "json_field", "encoding_errors")


class NgramModel:
    """Counts of n-grams and the probabilities that a smoothing makes of them.

    Made by `NgramModel.train` or `NgramModel.load`.

    Parameters
    ----------
    words : Words
        The vocabulary; ids ``n_words``, ``n_words + 1`` and ``n_words + 2`` are ``<unk>``, ``</s>`` and ``<s>``.
    levels : sequence of Level
        Level n - 1 holds the n-grams of n words.
    smoothing : {"kneser-ney", "add-k", "mle"}
    k : float
        Of ``add-k``.
    config : dict, optional
        How the text was read.
    """

    def __init__(
        self,
        words: Words,
        levels: Sequence[Level],
        smoothing: str = "kneser-ney",
        k: float = 1.0,
        config: dict[str, Any] | None = None,
    ) -> None:
        if smoothing not in SMOOTHINGS:
            raise ConfigError(f"`smoothing` must be one of {', '.join(SMOOTHINGS)}, got {smoothing!r}")
        if not 0 < k < float("inf"):
            raise ConfigError(f"`k` must be a number above 0, got {k}")
        self.words = words
        self.levels = tuple(levels)
        self.smoothing = smoothing
        self.k = k
        self.config = dict(config or {})
        self.unknown, self.end, self.start = len(words), len(words) + 1, len(words) + 2
        self.n_symbols = len(words) + 3
        self._parents = [level.keys // self.n_symbols for level in self.levels]
        self._sums = [self._context_sums(n) for n in range(self.order)]

    @property
    def order(self) -> int:
        """The longest n-gram."""
        return len(self.levels)

    def knows(self, tokens: Sequence[str]) -> bool:
        """Whether one of these tokens is a word of the vocabulary."""
        return any(self.symbol(token) != self.unknown for token in tokens)

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each word of the vocabulary."""
        return {word: i for i, word in enumerate(self.words)}

    def symbol(self, word: str) -> int:
        """The id of a word, however it is composed; that of ``<unk>`` for one that is not in the vocabulary."""
        row = find_normalised(self.ids, word)
        return self.unknown if row < 0 else row

    @classmethod
    def train(
        cls,
        corpus: Corpus,
        *,
        order: int = 3,
        smoothing: str = "kneser-ney",
        k: float = 1.0,
        min_count: int = 1,
        config: dict[str, Any] | None = None,
        progress: ProgressCallback | None = None,
    ) -> NgramModel:
        """Count the n-grams of a corpus.

        Parameters
        ----------
        corpus : Corpus
            Encoded with ``min_count=1``, so that no token is missing between its neighbours.
        order : int
            1 to `LONGEST`; 2 predicts from one word.
        smoothing, k
            See the module's table.
        min_count : int
            Rarer words are counted as ``<unk>``.
        config : dict, optional
            Stored with the model.
        progress : callable, optional

        Raises
        ------
        ConfigError
            When an option has a value that cannot work.
        """
        if not 1 <= order <= LONGEST:
            raise ConfigError(f"`order` must be between 1 and {LONGEST}, got {order}")
        counts = corpus.vocabulary.counts
        n_words = int(np.count_nonzero(counts >= min_count))
        if not n_words:
            raise nothing_left(len(counts), int(counts.max(initial=0)), min_count)
        words = Words.from_strings(corpus.vocabulary.index_to_key[:n_words])
        stream = symbols(np.minimum(corpus.ids, n_words), n_words)
        levels = count_levels(stream, order, n_words + 3, progress)
        return cls(words, levels, smoothing, k, config)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as one safetensors file (`embedkit.files.model_file`), task ``lm``, kind ``ngram``."""
        size = int(self.words.offsets[-1])
        tensors = {"words": np.ascontiguousarray(self.words.blob[:size]), "word_offsets": self.words.offsets}
        for n, level in enumerate(self.levels, 1):
            tensors |= {f"keys_{n}": level.keys, f"counts_{n}": level.counts, f"continuations_{n}": level.continuations}
        config = {**self.config, "order": self.order, "smoothing": self.smoothing, "k": self.k}
        save_model(path, "lm", KIND, config, tensors, version=BLANKS_VERSION if self.blanks else 1)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> NgramModel:
        """Read what `save` wrote.

        Raises
        ------
        FormatError
            When the file is damaged or of another model.
        """
        name = os.fspath(path)
        _, _, config, tensors = load_model(path, "lm", [KIND])
        order, smoothing, k = (config.pop(key, None) for key in ("order", "smoothing", "k"))
        if type(order) is not int or not 1 <= order <= LONGEST:
            raise FormatError(f"{name}: damaged: expected an order from 1 to {LONGEST}, found {str(order)[:60]!r}")
        if type(k) not in (int, float) or not 0 < k <= sys.float_info.max or smoothing not in SMOOTHINGS:
            found = f"{str(smoothing)[:60]!r} with k = {str(k)[:60]}"
            raise FormatError(f"{name}: damaged: expected a smoothing of {', '.join(SMOOTHINGS)}, found {found}")
        try:
            words = Words.checked(tensors["words"], tensors["word_offsets"])
            levels = [
                Level(*(tensors[f"{part}_{n}"] for part in ("keys", "counts", "continuations")))
                for n in range(1, order + 1)
            ]
        except KeyError as error:
            raise FormatError(f"{name}: damaged: no {error} in the n-gram model") from error
        except FormatError as error:
            raise FormatError(f"{name}: damaged: {error}") from error
        check_levels(name, words, levels)
        check_reading(name, config)
        return cls(words, levels, smoothing, float(k), config)

    def score(self, corpus: Corpus) -> Score:
        """Score a text that was encoded with ``min_count=1``; see `score_sentences`."""
        scores = list(self.score_sentences(corpus))
        return Score(
            float(sum(s.log_probability for s in scores)),
            sum(s.n_predicted for s in scores),
            sum(s.n_unknown for s in scores),
            float(sum(s.known_log_probability for s in scores)),
        )

    def score_sentences(self, corpus: Corpus) -> Iterator[Score]:
        """Score each sentence of a text.

        Parameters
        ----------
        corpus : Corpus
            Encoded with ``min_count=1`` and a vocabulary of its own; words are matched by name.
        """
        mapping = np.array([self.symbol(word) for word in corpus.vocabulary.index_to_key], np.int64)
        ids = np.where(corpus.ids < 0, -1, mapping[corpus.ids])
        stream = symbols(ids, len(self.words))
        with np.errstate(divide="ignore"):
            logs = np.log(self._probabilities(stream))
        ends = np.flatnonzero(stream == self.end)
        begin = 0
        for end in ends.tolist():
            found = logs[begin + 1 : end + 1]
            unknown = stream[begin + 1 : end + 1] == self.unknown
            yield Score(float(found.sum()), end - begin, int(unknown.sum()), float(found[~unknown].sum()))
            begin = end + 1

    def distribution(self, context: Sequence[str]) -> np.ndarray:
        """The probability of every next symbol after the words of a sentence so far, float64 (n_words + 2,).

        In the order of `words`, then ``<unk>``, then ``</s>``.

        Raises
        ------
        ConfigError
            For one string, whose letters would be the words.
        """
        check_several(context, "context")
        ids = [self.start] + [self.symbol(word) for word in context]
        possible = self.n_symbols - 1
        probabilities = np.full(possible, 1.0 / possible)
        lengths = range(self.order) if self.smoothing == "kneser-ney" else [min(len(ids), self.order - 1)]
        for n in lengths:
            place = self._place(ids[len(ids) - n :]) if n <= len(ids) else -1
            if place >= 0:
                probabilities = self._after(n, place, probabilities)
            elif self.smoothing == "mle":
                return np.zeros(possible)
        return probabilities

    def generate(
        self,
        prompt: Sequence[str] = (),
        *,
        max_tokens: int = 50,
        temperature: float = 1.0,
        topk: int | None = None,
        top_p: float | None = None,
        rng: np.random.Generator | None = None,
    ) -> list[str]:
        """Draw words that go on after `prompt` until the sentence ends; ``<unk>`` is never drawn.

        Parameters
        ----------
        prompt : sequence of str
        max_tokens : int
            At most so many words are drawn.
        temperature : float
            Probabilities are raised to ``1 / temperature``; 0 takes the likeliest word.
        topk : int, optional
            Draw among the so many likeliest words.
        top_p : float, optional
            Draw among the likeliest words that together have this probability (Holtzman et al. 2020).
        rng : numpy.random.Generator, optional

        Returns
        -------
        list of str
            The new words, without the prompt.
        """
        check_several(prompt, "prompt")
        rng = rng or np.random.default_rng()
        sentence, new = list(prompt), list[str]()
        while len(new) < max_tokens:
            weights = self.distribution(sentence)
            weights[self.unknown] = 0.0
            if not weights.any():  # a context that maximum likelihood knows nothing about
                break
            choice = draw(weights, temperature, topk, top_p, rng)
            if choice == self.end:
                break
            new.append(self.words[choice])
            sentence.append(new[-1])
        return new

    @property
    def blanks(self) -> bool:
        """Whether its tokens are characters and the blanks between words; models of earlier versions have none."""
        return bool(self.config.get("blanks")) and of_chars(self._settings())

    def cut(self, text: str) -> list[str]:
        """The tokens of the beginning of a sentence; with `blanks` white space at its end is one."""
        settings = self._settings()
        return part_cutter(settings)(text.lstrip()) if self.blanks else text_tokenizer(settings)(text)

    def text_of(self, tokens: Sequence[str]) -> str:
        """Tokens as text."""
        return join_tokens(tokens, self._settings()) if self.blanks else " ".join(tokens)

    def corpus_options(self) -> dict[str, Any]:
        """How text for this model is read: keyword arguments of `embedkit.counting.ngram_text.read_text`."""
        return {name: self.config[name] for name in _CORPUS_OPTIONS if name in self.config}

    def _settings(self) -> TokenizerSettings:
        return cast(TokenizerSettings, self.config)

    def _place(self, ids: Sequence[int]) -> int:
        """Where the n-gram `ids` stands in its level, -1 when it was never seen; 0 for the empty one."""
        place = 0
        for n, symbol in enumerate(ids):
            key = place * self.n_symbols + symbol
            place = int(np.searchsorted(self.levels[n].keys, key))
            if place == len(self.levels[n].keys) or self.levels[n].keys[place] != key:
                return -1
        return place

    def _adjusted(self, n: int) -> np.ndarray:
        """What level n (from 0) counts: occurrences, or different words before under Kneser-Ney."""
        level = self.levels[n]
        adjusted = level.continuations if self.smoothing == "kneser-ney" else level.counts
        if n == 0:  # <s> is never predicted
            adjusted = np.where(level.keys == self.start, 0, adjusted)
        return adjusted

    def _context_sums(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For level n: what is counted, its sum for each context (float64), and how much discounting takes there."""
        adjusted = self._adjusted(n)
        n_contexts = 1 if n == 0 else len(self.levels[n - 1].keys)
        total = np.bincount(self._parents[n], adjusted, n_contexts)
        if self.smoothing != "kneser-ney":
            return adjusted.astype(np.float64), total, np.zeros(n_contexts)
        discount = discounts(adjusted)[np.minimum(adjusted, 3)]
        return adjusted - discount, total, np.bincount(self._parents[n], discount, n_contexts)

    def _after(self, n: int, place: int, lower: np.ndarray) -> np.ndarray:
        """The distribution after the context at `place` of length n, from that of the shorter context."""
        counted, total, taken = self._sums[n]
        keys = self.levels[n].keys
        low, high = np.searchsorted(keys, [place * self.n_symbols, (place + 1) * self.n_symbols])
        symbols = keys[low:high] - place * self.n_symbols
        predicted = symbols != self.start
        counts = np.zeros(len(lower))
        counts[symbols[predicted]] = counted[low:high][predicted]
        if self.smoothing == "add-k":
            return (counts + self.k) / (total[place] + self.k * len(lower))
        if total[place] == 0:
            return lower if self.smoothing == "kneser-ney" else counts
        return (counts + taken[place] * lower) / total[place]

    def _probabilities(self, stream: np.ndarray) -> np.ndarray:
        """The probability of every symbol of a stream given what stands before it in its sentence, float64."""
        possible = self.n_symbols - 1
        starts = stream == self.start
        places = context = np.zeros(len(stream), np.int64)
        result = np.full(len(stream), 1.0 / possible)
        depth = np.arange(len(stream)) - np.maximum.accumulate(np.where(starts, np.arange(len(stream)), 0))
        for n in range(self.order):
            if n > 0:
                context = np.concatenate([[-1], places[:-1]])
                context[starts] = -1
            keys = self.levels[n].keys
            wanted = context * self.n_symbols + stream
            places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            places[(keys[places] != wanted) | (context < 0)] = -1
            result = self._interpolate(n, places, context, result, depth)
        result[starts] = 1.0
        return result

    def _interpolate(
        self, n: int, places: np.ndarray, context: np.ndarray, lower: np.ndarray, depth: np.ndarray
    ) -> np.ndarray:
        """Bring in level n: `depth` is the number of symbols before each in its sentence."""
        counted, total, taken = self._sums[n]
        known = context >= 0
        here = np.where(places >= 0, counted[places], 0.0)
        sums = np.where(known, total[context], 0.0)
        if self.smoothing == "kneser-ney":
            with np.errstate(invalid="ignore", divide="ignore"):
                mixed = (here + taken[context] * lower) / sums
            return np.where(sums > 0, mixed, lower)
        used = depth >= n  # the longest context that the sentence so far allows decides alone
        if self.smoothing == "add-k":
            possible = self.n_symbols - 1
            return np.where(used, (here + self.k) / (sums + self.k * possible), lower)
        return np.where(used, here / np.maximum(sums, 1.0), lower)
