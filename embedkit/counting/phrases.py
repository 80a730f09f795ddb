"""Frequent collocations joined into one token: new york → new_york.

Two neighbours a and b of one sentence become a phrase when their score exceeds a threshold:

- *word2phrase* (Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality",
  equation 6, times the number of tokens N as in the word2phrase tool): ``(n(ab) - delta) / (n(a) n(b)) * N``. How many
  times more often than by chance the two stand together; delta keeps out pairs of rare words.
- *NPMI* (Bouma 2009, "Normalized (Pointwise) Mutual Information in Collocation Extraction", section 3):
  ``ln(p(ab) / (p(a) p(b))) / -ln p(ab)`` with p = n / N; from -1 (never together) to 1 (always).

Phrases are joined from left to right and do not overlap. Connector words, where some are given, may stand between a
and b and belong to the phrase then, bank_of_america; otherwise they count as tokens of the text only. A further pass
counts the joined text anew, so that n passes build phrases of up to 2ⁿ words.

Works on the ids of a text that keeps all its words: memory is bounded by the ids (twice, 4 bytes a token each), the
vocabulary and the distinct pairs (16 bytes each).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from embedkit.counting.phrase_pairs import BLOCK_IDS, Connectors, Pairs, join, pair_counts
from embedkit.errors import ConfigError
from embedkit.kernels import SENTENCE_END
from embedkit.vocabulary.words import Words

JOINT = "_"
DEFAULT_THRESHOLD = 100.0
DEFAULT_NPMI_THRESHOLD = 0.5


@dataclass(frozen=True)
class Phrase:
    """A pair that was joined.

    Attributes
    ----------
    text : str
        Both words with the delimiter between them.
    count : int
        How often the two stand side by side.
    score : float
    first, second : str
        The words; in later passes they may be phrases themselves.
    between : tuple of str
        Connector words between the two.
    """

    text: str
    count: int
    score: float
    first: str
    second: str
    between: tuple[str, ...] = ()


def score_pairs(
    n_ab: np.ndarray, n_a: np.ndarray, n_b: np.ndarray, n_tokens: int, *, delta: float = 0.0, npmi: bool = False
) -> np.ndarray:
    """The score of each pair, float64 (n_pairs,), from its count and its words' counts; see the module's formulas."""
    n_ab, n_a, n_b = (np.asarray(n, dtype=np.float64) for n in (n_ab, n_a, n_b))
    if npmi:
        return np.log(n_ab * n_tokens / (n_a * n_b)) / -np.log(n_ab / n_tokens)
    return (n_ab - delta) / (n_a * n_b) * n_tokens


def join_phrases(
    ids: np.ndarray,
    words: Words,
    *,
    threshold: float | None = None,
    delta: float | None = None,
    min_count: int = 5,
    npmi: bool = False,
    passes: int = 1,
    delimiter: str = JOINT,
    connector_words: Sequence[str] = (),
) -> tuple[np.ndarray, Words, list[list[Phrase]]]:
    """Find the phrases of a text and join them.

    Parameters
    ----------
    ids : int32 (n,)
        Word ids with `SENTENCE_END` after each sentence, no word left out.
    words : Words
        The word of each id.
    threshold : float, optional
        A pair is joined when its score is larger; 100 by default, 0.5 with `npmi`.
    delta : float, optional
        The discount in word2phrase's score; `min_count` by default, as in that tool.
    min_count : int
        A pair, and hence both its words, must occur at least so often.
    npmi : bool
        Score by NPMI.
    passes : int
        How often to go over the text.
    delimiter : str
        Between the words of a phrase.
    connector_words : sequence of str
        Words that neither begin nor end a phrase, but may stand inside of one, at most eight in a row.

    Returns
    -------
    (ids, words, phrases)
        The joined text, and for each pass its phrases, the best score first.
    """
    scoring = Scoring.create(threshold, delta, min_count, npmi, passes, delimiter, connector_words)
    found: list[list[Phrase]] = []
    for _ in range(passes):
        counts = np.bincount(ids[ids >= 0], minlength=len(words))
        gaps = scoring.connectors.among(words)
        step = choose_phrases(pair_counts(ids, counts >= min_count, gaps), counts, words, scoring)
        if step is None:
            break
        ids = join(ids, step.pairs, step.ids, len(words), gaps)
        words = step.words
        found.append(step.phrases)
    return ids, words, found


@dataclass(frozen=True)
class Scoring:
    """Which pairs become phrases; fields as the parameters of `join_phrases`."""

    threshold: float
    delta: float
    min_count: int
    npmi: bool
    delimiter: str = JOINT
    connectors: Connectors = field(default_factory=Connectors)

    @classmethod
    def create(
        cls,
        threshold: float | None,
        delta: float | None,
        min_count: int,
        npmi: bool,
        passes: int,
        delimiter: str = JOINT,
        connector_words: Sequence[str] = (),
    ) -> Scoring:
        """Fill in the defaults and check the values.

        Raises
        ------
        ConfigError
        """
        if passes < 1 or min_count < 1:
            raise ConfigError(f"`passes` and `min_count` must be 1 or more, not {passes} and {min_count}")
        if threshold is None:
            threshold = DEFAULT_NPMI_THRESHOLD if npmi else DEFAULT_THRESHOLD
        if npmi and not -1 <= threshold <= 1:
            raise ConfigError(f"an NPMI threshold lies between -1 and 1, not {threshold:g}")
        check_delimiter(delimiter)
        connectors = Connectors.of(connector_words)
        return cls(threshold, min_count if delta is None else delta, min_count, npmi, delimiter, connectors)


@dataclass(frozen=True)
class PhraseStep:
    """What one pass joins.

    Attributes
    ----------
    pairs : Pairs
    ids : int32 (n,)
        The id of each joined pair in `words`.
    words : Words
        The words of before, and the phrases that are new behind them.
    phrases : list of Phrase
        The best score first.
    """

    pairs: Pairs
    ids: np.ndarray
    words: Words
    phrases: list[Phrase]


def choose_phrases(pairs: Pairs, counts: np.ndarray, words: Words, scoring: Scoring) -> PhraseStep | None:
    """The pairs of `pair_counts` whose score exceeds the threshold; None where there are none.

    Parameters
    ----------
    pairs : Pairs
    counts : int64 (n_words,)
        How often each word stands in the text.
    words : Words
    scoring : Scoring
    """
    pairs = pairs.chosen(pairs.counts >= scoring.min_count)
    n_a, n_b = counts[pairs.keys // len(words)], counts[pairs.keys % len(words)]
    scores = score_pairs(pairs.counts, n_a, n_b, int(counts.sum()), delta=scoring.delta, npmi=scoring.npmi)
    good = scores > scoring.threshold
    if not good.any():
        return None
    pairs, scores = pairs.chosen(good), scores[good]
    both = [(words[key // len(words)], words[key % len(words)]) for key in pairs.keys.tolist()]
    links = [0] * len(both) if pairs.links is None else pairs.links.tolist()
    between = [scoring.connectors.between(link) for link in links]
    texts = [scoring.delimiter.join((a, *inside, b)) for (a, b), inside in zip(both, between, strict=True)]
    new_ids, joined = with_phrases(words, texts, scoring.delimiter)
    best = np.argsort(-scores, kind="stable").tolist()
    phrases = [
        Phrase(texts[i], int(pairs.counts[i]), float(scores[i]), both[i][0], both[i][1], between[i]) for i in best
    ]
    return PhraseStep(pairs, new_ids, joined, phrases)


def check_delimiter(delimiter: str) -> None:
    """Raise `ConfigError` for a delimiter that would cut a phrase in two again, or for none."""
    if not delimiter or any(letter.isspace() for letter in delimiter):
        raise ConfigError(f"`delimiter` joins words into one token: no space and not nothing, got {delimiter!r}")


def with_phrases(words: Words, texts: list[str], delimiter: str) -> tuple[np.ndarray, Words]:
    """The id of each phrase, and the words with those added that are not among them yet."""
    known: dict[str, int] = {}
    joints = np.flatnonzero(words.blob[: words.offsets[-1]] == delimiter.encode()[0])
    for i in np.unique(np.searchsorted(words.offsets, joints, side="right") - 1).tolist():
        known[words[i]] = i
    n = len(words)
    ids = [known.setdefault(text, n + len(known)) for text in texts]
    order = {number: n + rank for rank, number in enumerate(sorted({i for i in ids if i >= n}))}
    fresh = {order[number]: text for number, text in zip(ids, texts, strict=True) if number >= n}
    added = Words.from_strings([fresh[i] for i in sorted(fresh)])
    blob = np.concatenate([words.blob[: words.offsets[-1]], added.blob])
    offsets = np.concatenate([words.offsets, words.offsets[-1] + added.offsets[1:]])
    return np.array([order.get(i, i) for i in ids], dtype=np.int32), Words(blob, offsets)


def spell(ids: np.ndarray, words: Words) -> Iterator[bytes]:
    """Yield the text of `ids` in UTF-8: tokens with a space between them, a sentence a line."""
    from embedkit.kernels.tokens import gather

    begins, lengths = words.offsets[:-1], np.diff(words.offsets)
    for start in range(0, len(ids), BLOCK_IDS):
        piece = ids[start : start + BLOCK_IDS + 1]
        ends_line = np.zeros(len(piece), dtype=bool)
        ends_line[:-1] = piece[1:] == SENTENCE_END
        piece, ends_line = piece[:BLOCK_IDS], ends_line[:BLOCK_IDS]
        ends_line = ends_line[piece >= 0]
        piece = piece[piece >= 0]
        offsets = np.zeros(len(piece) + 1, dtype=np.int64)
        np.cumsum(lengths[piece] + 1, out=offsets[1:])
        text = np.full(int(offsets[-1]), ord(" "), dtype=np.uint8)
        gather(words.blob, begins[piece], lengths[piece], text, offsets)
        text[offsets[1:][ends_line] - 1] = ord("\n")
        yield text.tobytes()
