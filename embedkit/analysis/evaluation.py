"""Vectors against human judgement: word pairs with a similarity score, and analogies by section.

The protocol is that of gensim's ``evaluate_word_pairs`` and ``evaluate_word_analogies`` and gives the same numbers:
only the first `restrict_vocab` words take part; words are compared in upper case, the most frequent form wins;
pairs and questions with a word outside of that are skipped; a word of the question is never the answer. One thing is
more lenient: Hangul or accents may be composed (NFC) in one file and decomposed (NFD) in the other.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from embedkit.analysis.correlation import Correlation, bootstrap
from embedkit.analysis.testsets import Analogies, WordPairs
from embedkit.errors import ConfigError, UnknownWordError
from embedkit.progress import Progress, ProgressCallback
from embedkit.query.neighbours import COSMUL_EPSILON

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

METHODS = ("3cosadd", "3cosmul")
RESTRICT_VOCAB = 300_000

_QUESTIONS = 512  # questions and words of one block of scores:
_WORDS = 8_192  # 16 MB of float32, which stays in the last-level cache
_TIE = 1e-5  # answers closer than this are decided by rounding
_TOPN = 5  # gensim looks for the answer among so many neighbours


@dataclass(frozen=True)
class PairsResult:
    """How well cosine similarities follow the judgements of `name`; `used` of `total` pairs had both words."""

    name: str
    spearman: Correlation
    pearson: Correlation
    used: int
    total: int


@dataclass(frozen=True)
class SectionResult:
    """The questions of one section; those with an unknown word are only counted (`skipped`)."""

    name: str
    correct: list[tuple[str, ...]] = field(default_factory=list)
    incorrect: list[tuple[str, ...]] = field(default_factory=list)
    skipped: int = 0

    @property
    def used(self) -> int:
        return len(self.correct) + len(self.incorrect)

    @property
    def total(self) -> int:
        return self.used + self.skipped

    @property
    def accuracy(self) -> float:
        """Share of the used questions that were answered right; NaN where none was used."""
        return len(self.correct) / self.used if self.used else float("nan")


@dataclass(frozen=True)
class AnalogiesResult:
    """The sections of a test set in the file's order, and their sums."""

    name: str
    sections: list[SectionResult]

    @property
    def total(self) -> SectionResult:
        return _sum_up("total", self.sections)

    @property
    def sums(self) -> list[SectionResult]:
        """Semantic, syntactic (sections whose name begins with ``gram``) and total, as far as they differ."""
        kinds = {
            "semantic": [s for s in self.sections if not s.name.startswith("gram")],
            "syntactic": [s for s in self.sections if s.name.startswith("gram")],
        }
        parts = [_sum_up(name, sections) for name, sections in kinds.items()] if all(kinds.values()) else []
        return [*parts, self.total]


def _sum_up(name: str, sections: Sequence[SectionResult]) -> SectionResult:
    return SectionResult(
        name,
        [q for s in sections for q in s.correct],
        [q for s in sections for q in s.incorrect],
        sum(s.skipped for s in sections),
    )


def evaluate_pairs(
    vectors: KeyedVectors,
    pairs: WordPairs,
    *,
    restrict_vocab: int = RESTRICT_VOCAB,
    case_sensitive: bool = False,
    subwords: bool = False,
    resamples: int = 1000,
    seed: int = 1,
) -> PairsResult:
    """Correlate cosine similarities with the scores of word pairs.

    Parameters
    ----------
    vectors : KeyedVectors
    pairs : WordPairs
        From `embedkit.analysis.testsets.read_pairs`.
    restrict_vocab : int
        Only the first so many words, the most frequent ones, take part.
    case_sensitive : bool
        Compare words as they are written rather than in upper case.
    subwords : bool
        Compose the vectors of unknown words from their subwords where the model has them; otherwise their pairs
        are skipped, as gensim does.
    resamples, seed : int
        Of the bootstrap intervals.

    Returns
    -------
    PairsResult
        With NaN where fewer than two pairs can be used.
    """
    _check_restriction(restrict_vocab)
    fold = _folding(case_sensitive)
    rows, _ = _folded_rows(vectors.index_to_key[:restrict_vocab], fold)
    found = {word: rows.get(_spelt(fold(word), rows)) for pair in pairs.words for word in pair}
    composed = {word: _composed(vectors, word) for word, row in found.items() if subwords and row is None}
    unit: dict[str, np.ndarray] = {}
    for word, row in found.items():
        vector = composed.get(word) if row is None else vectors.vectors[row]
        if vector is not None:
            wide = np.asarray(vector, np.float64)
            unit[word] = wide / (np.linalg.norm(wide) or 1.0)
    used = [i for i, (first, second) in enumerate(pairs.words) if first in unit and second in unit]
    # Rounded to float32 so that cosines that are equal but for the last bits of float64 tie.
    cosines = np.array([unit[pairs.words[i][0]] @ unit[pairs.words[i][1]] for i in used], np.float32)
    spearman, pearson = bootstrap(cosines, pairs.scores[used], resamples, seed)
    return PairsResult(pairs.name, spearman, pearson, len(used), len(pairs.words))


def evaluate_analogies(
    vectors: KeyedVectors,
    analogies: Analogies,
    *,
    method: str = "3cosadd",
    restrict_vocab: int = RESTRICT_VOCAB,
    case_sensitive: bool = False,
    progress: ProgressCallback | None = None,
) -> AnalogiesResult:
    """Answer "a is to b as c is to ?" for every question whose four words are known.

    Parameters
    ----------
    vectors : KeyedVectors
    analogies : Analogies
        From `embedkit.analysis.testsets.read_analogies`.
    method : {"3cosadd", "3cosmul"}
        The largest cos(x, b) - cos(x, a) + cos(x, c) (Mikolov et al. 2013), or the largest
        cos(x, b) cos(x, c) / (cos(x, a) + ε) with cosines moved to 0..1 (Levy and Goldberg 2014, equation 4;
        ε is `embedkit.query.neighbours.COSMUL_EPSILON`).
    restrict_vocab : int
        Only the first so many words, the most frequent ones, take part: as questions and as answers.
    case_sensitive : bool
        Compare words as they are written rather than in upper case.
    progress : callable, optional

    Returns
    -------
    AnalogiesResult
        Questions hold the words as they were compared: in upper case unless `case_sensitive`.

    Notes
    -----
    An expected word with ``/`` in it stands for itself and for each of the alternatives between the slashes (BATS):
    any of them is right, and one that is known suffices.
    """
    _check_restriction(restrict_vocab)
    if method not in METHODS:
        raise ConfigError(f"method is one of {', '.join(METHODS)}, not {method!r}")
    fold = _folding(case_sensitive)
    words = list(vectors.index_to_key[:restrict_vocab])
    rows, variants = _folded_rows(words, fold)
    folded = [
        (name, [tuple(_spelt(fold(word), rows) for word in question) for question in questions])
        for name, questions in analogies.sections
    ]
    known = [q for _, questions in folded for q in questions if _is_known(q, rows)]
    ids = np.array([[rows[word] for word in question[:3]] for question in known], np.int64).reshape(-1, 3)
    search = _Search(np.asarray(vectors.vectors[: len(words)]), method)
    answers = iter(search.answers(ids, [_excluded(q, rows, variants) for q in known], progress))
    results = []
    for name, questions in folded:
        section = SectionResult(name, skipped=sum(not _is_known(q, rows) for q in questions))
        for question in questions:
            if _is_known(question, rows):
                answer = next(answers)
                right = answer >= 0 and fold(words[answer]) in _accepted(question[3], rows)
                (section.correct if right else section.incorrect).append(question)
        results.append(section)
    return AnalogiesResult(analogies.name, results)


class _Search:
    """Finds the best answers among the rows of float32 (n_words, vector_size) vectors."""

    def __init__(self, vectors: np.ndarray, method: str) -> None:
        self.vectors = vectors
        self.method = method
        self.norms = np.linalg.norm(vectors, axis=1)
        with np.errstate(invalid="ignore"):
            self.usable = np.isfinite(self.norms) & (self.norms > 0)

    def unit(self, rows: slice | np.ndarray) -> np.ndarray:
        return self.vectors[rows] / np.where(self.usable[rows], self.norms[rows], np.inf)[:, None]

    def answers(
        self, questions: np.ndarray, excluded: list[list[int]], progress: ProgressCallback | None
    ) -> np.ndarray:
        """The row that answers each question (a, b, c): int64 (n_questions,), -1 where none is left.

        Blocks of scores come from matrix products. Where the two best answers are closer than rounding, or so
        many case variants are excluded that gensim's five neighbours may hold nothing else, the question is
        answered again exactly as gensim does it.
        """
        count = len(questions)
        best, second = np.full(count, -np.inf, np.float32), np.full(count, -np.inf, np.float32)
        answer = np.full(count, -1, np.int64)
        owner = np.repeat(np.arange(count), [len(rows) for rows in excluded])
        hidden = np.array([row for rows in excluded for row in rows], np.int64)
        for start in range(0, len(self.vectors), _WORDS):
            stop = min(start + _WORDS, len(self.vectors))
            unusable = np.flatnonzero(~self.usable[start:stop])
            for block, scores in self._scores(questions, start, stop):
                scores[:, unusable] = -np.inf
                first, last = np.searchsorted(owner, [block.start, block.stop])
                columns, lines = hidden[first:last] - start, owner[first:last] - block.start
                inside = (columns >= 0) & (columns < stop - start)
                scores[lines[inside], columns[inside]] = -np.inf
                place = scores.argmax(axis=1)
                lines = np.arange(len(scores))
                top = scores[lines, place]
                scores[lines, place] = -np.inf
                next_best = np.maximum(second[block], scores[lines, scores.argmax(axis=1)])
                answer[block] = np.where(top > best[block], start + place, answer[block])
                second[block] = np.maximum(next_best, np.minimum(best[block], top))
                best[block] = np.maximum(best[block], top)
            if progress is not None:
                progress(Progress("answering", stop, len(self.vectors)))
        margin = _TIE * np.maximum(1, np.abs(best))
        crowded = np.array([len(rows) - 3 >= _TOPN for rows in excluded], bool)
        for i in np.flatnonzero((second >= best - margin) | crowded):
            answer[i] = self._as_gensim(questions[i], excluded[i])
        return answer

    def _scores(self, questions: np.ndarray, start: int, stop: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks of questions with their scores float32 (n_block, stop - start) for the words start..stop."""
        words = self.unit(slice(start, stop)).T
        buffer = np.empty((_QUESTIONS, stop - start), np.float32)
        asked, place = np.unique(questions, return_inverse=True)
        unit, place = self.unit(asked), place.reshape(questions.shape)
        if self.method == "3cosadd":
            targets = unit[place[:, 1]] + unit[place[:, 2]] - unit[place[:, 0]]
            targets /= np.maximum(np.linalg.norm(targets, axis=1), np.float32(1e-12))[:, None]
        for first in range(0, len(questions), _QUESTIONS):
            block = slice(first, min(first + _QUESTIONS, len(questions)))
            if self.method == "3cosadd":
                yield block, np.matmul(targets[block], words, out=buffer[: block.stop - first])
                continue
            needed, local = np.unique(place[block], return_inverse=True)
            local = local.reshape(-1, 3)
            cosines = (unit[needed] @ words + 1) / 2
            scores = np.take(cosines, local[:, 1], axis=0, out=buffer[: block.stop - first], mode="clip")
            scores *= cosines[local[:, 2]]
            scores /= cosines[local[:, 0]] + np.float32(COSMUL_EPSILON)
            yield block, scores

    def _as_gensim(self, question: np.ndarray, excluded: list[int]) -> int:
        """One answer with gensim's own arithmetic and order of ties: float32 dots, divided by norms, five kept."""
        unit = self.unit(question)
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.method == "3cosadd":
                mean = (unit[1] + unit[2] - unit[0]).astype(np.float64) / 3
                target = (mean / (np.linalg.norm(mean) or 1)).astype(np.float32)
                scores = np.dot(self.vectors, target) / self.norms
            else:
                a, b, c = ((1 + np.dot(self.vectors, word) / self.norms) / 2 for word in unit)
                scores = b * c / (a + COSMUL_EPSILON)
        scores = -np.where(self.usable, scores, np.nan)  # sorted last
        keep = _TOPN + 3
        nearest = np.argpartition(scores, keep)[:keep] if keep < len(scores) else np.arange(len(scores))
        nearest = nearest[np.argsort(scores[nearest])]
        candidates = [int(row) for row in nearest if row not in question and self.usable[row]][:_TOPN]
        return next((row for row in candidates if row not in excluded), candidates[-1] if candidates else -1)


def _is_known(question: tuple[str, ...], rows: dict[str, int]) -> bool:
    return all(word in rows for word in question[:3]) and bool(_accepted(question[3], rows))


def _accepted(expected: str, rows: dict[str, int]) -> list[str]:
    """The known words among those that answer a question: the expected one as it stands, or its alternatives."""
    if "/" not in expected:
        return [expected] if expected in rows else []
    words = (_spelt(word.strip(), rows) for word in (expected, *expected.split("/")))
    return [word for word in words if word in rows]


def _excluded(question: tuple[str, ...], rows: dict[str, int], variants: dict[str, list[int]]) -> list[int]:
    """The rows that may not answer: the three words of the question in all their case variants."""
    return [row for word in question[:3] for row in variants.get(word, [rows[word]])]


def _folding(case_sensitive: bool) -> Callable[[str], str]:
    return str if case_sensitive else str.upper


def _folded_rows(words: Sequence[str], fold: Callable[[str], str]) -> tuple[dict[str, int], dict[str, list[int]]]:
    """The first row of each folded word, and all rows of those that have more than one."""
    rows: dict[str, int] = {}
    variants: dict[str, list[int]] = {}
    for row, word in enumerate(map(fold, words)):
        first = rows.setdefault(word, row)
        if first != row:
            variants.setdefault(word, [first]).append(row)
    return rows, variants


def _spelt(word: str, rows: dict[str, int]) -> str:
    """A word as the rows spell it: as it is, else composed (NFC) or decomposed (NFD), else as it is."""
    if word in rows or word.isascii():
        return word
    forms = (unicodedata.normalize(form, word) for form in ("NFC", "NFD"))
    return next((form for form in forms if form in rows), word)


def _composed(vectors: KeyedVectors, word: str) -> np.ndarray | None:
    try:
        return vectors[word]
    except UnknownWordError:
        return None


def _check_restriction(restrict_vocab: int) -> None:
    if restrict_vocab < 1:
        raise ConfigError(f"restrict_vocab is a number of words, 1 or more, not {restrict_vocab}")
