"""Frequent collocations joined into one token: new york → new_york.

Two neighbours a and b of one sentence become a phrase when their score exceeds a threshold:

- *word2phrase* (Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality",
  equation 6, times the number of tokens N as in the word2phrase tool): ``(n(ab) - delta) / (n(a) n(b)) * N``. How many
  times more often than by chance the two stand together; delta keeps out pairs of rare words.
- *NPMI* (Bouma 2009, "Normalized (Pointwise) Mutual Information in Collocation Extraction", section 3):
  ``ln(p(ab) / (p(a) p(b))) / -ln p(ab)`` with p = n / N; from -1 (never together) to 1 (always).

Phrases are joined from left to right and do not overlap. A further pass counts the joined text anew, so that n
passes build phrases of up to 2ⁿ words.

Works on the ids of a text that keeps all its words: memory is bounded by the ids (twice, 4 bytes a token each), the
vocabulary and the distinct pairs (16 bytes each).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from embedkit.errors import ConfigError
from embedkit.kernels import SENTENCE_END
from embedkit.vocabulary.words import Words

JOINT = "_"
BLOCK_IDS = 1 << 22
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
    """

    text: str
    count: int
    score: float
    first: str
    second: str


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

    Returns
    -------
    (ids, words, phrases)
        The joined text, and for each pass its phrases, the best score first.
    """
    scoring = Scoring.create(threshold, delta, min_count, npmi, passes, delimiter)
    found: list[list[Phrase]] = []
    for _ in range(passes):
        counts = np.bincount(ids[ids >= 0], minlength=len(words))
        step = choose_phrases(*pair_counts(ids, counts >= min_count, len(words)), counts, words, scoring)
        if step is None:
            break
        ids = join(ids, step.keys, step.ids, len(words))
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

    @classmethod
    def create(
        cls,
        threshold: float | None,
        delta: float | None,
        min_count: int,
        npmi: bool,
        passes: int,
        delimiter: str = JOINT,
    ) -> Scoring:
        """Fill in the defaults and check the values.

        Raises
        ------
        ConfigError
        """
        if passes < 1 or min_count < 1:
            raise ConfigError(f"passes and min_count must be 1 or more, not {passes} and {min_count}")
        if threshold is None:
            threshold = DEFAULT_NPMI_THRESHOLD if npmi else DEFAULT_THRESHOLD
        if npmi and not -1 <= threshold <= 1:
            raise ConfigError(f"an NPMI threshold lies between -1 and 1, not {threshold:g}")
        check_delimiter(delimiter)
        return cls(threshold, min_count if delta is None else delta, min_count, npmi, delimiter)


@dataclass(frozen=True)
class PhraseStep:
    """What one pass joins.

    Attributes
    ----------
    keys : int64 (n,)
        The pairs, ``a * n_words + b``, ascending.
    ids : int32 (n,)
        The id of each joined pair in `words`.
    words : Words
        The words of before, and the phrases that are new behind them.
    phrases : list of Phrase
        The best score first.
    """

    keys: np.ndarray
    ids: np.ndarray
    words: Words
    phrases: list[Phrase]


def choose_phrases(
    keys: np.ndarray, n_ab: np.ndarray, counts: np.ndarray, words: Words, scoring: Scoring
) -> PhraseStep | None:
    """The pairs of `pair_counts` whose score exceeds the threshold; None where there are none.

    Parameters
    ----------
    keys, n_ab : int64 (n,)
        Pairs and how often each stands in the text.
    counts : int64 (n_words,)
        How often each word does.
    words : Words
    scoring : Scoring
    """
    keys, n_ab = keys[n_ab >= scoring.min_count], n_ab[n_ab >= scoring.min_count]
    left, right = keys // len(words), keys % len(words)
    scores = score_pairs(n_ab, counts[left], counts[right], int(counts.sum()), delta=scoring.delta, npmi=scoring.npmi)
    good = scores > scoring.threshold
    if not good.any():
        return None
    keys, n_ab, scores, left, right = keys[good], n_ab[good], scores[good], left[good], right[good]
    pairs = [(words[a], words[b]) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    texts = [scoring.delimiter.join(pair) for pair in pairs]
    new_ids, joined = with_phrases(words, texts, scoring.delimiter)
    best = np.argsort(-scores, kind="stable").tolist()
    phrases = [Phrase(texts[i], int(n_ab[i]), float(scores[i]), *pairs[i]) for i in best]
    return PhraseStep(keys, new_ids, joined, phrases)


def check_delimiter(delimiter: str) -> None:
    """Raise `ConfigError` for a delimiter that would cut a phrase in two again, or for none."""
    if not delimiter or any(letter.isspace() for letter in delimiter):
        raise ConfigError(f"`delimiter` joins words into one token: no space and not nothing, got {delimiter!r}")


def pair_counts(ids: np.ndarray, frequent: np.ndarray, n_words: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of neighbours as ``a * n_words + b`` (int64, sorted) and their counts; both words must be `frequent`."""
    keys, counts = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    for start in range(0, len(ids), BLOCK_IDS):
        a, b = ids[start : start + BLOCK_IDS], ids[start + 1 : start + BLOCK_IDS + 1]
        a = a[: len(b)]
        both = (a >= 0) & (b >= 0)
        both[both] = frequent[a[both]] & frequent[b[both]]
        more = np.unique(a[both].astype(np.int64) * n_words + b[both], return_counts=True)
        keys, counts = add_pairs([(keys, counts), more])
    return keys, counts


def add_pairs(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The sum of several results of `pair_counts`."""
    keys, where = np.unique(np.concatenate([keys for keys, _ in parts]), return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, where, np.concatenate([n for _, n in parts]))
    return keys, counts


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


def join(ids: np.ndarray, keys: np.ndarray, new_ids: np.ndarray, n_words: int) -> np.ndarray:
    """Replace the pairs `keys` (sorted) by `new_ids`, from left to right, without overlaps."""
    begins, follows = np.zeros(n_words, dtype=bool), np.zeros(n_words, dtype=bool)
    begins[keys // n_words] = follows[keys % n_words] = True
    a, b = ids[:-1], ids[1:]
    at = np.flatnonzero((a >= 0) & (b >= 0) & begins[a] & follows[b])
    pairs = a[at].astype(np.int64) * n_words + b[at]
    place = np.minimum(np.searchsorted(keys, pairs), len(keys) - 1)
    match = keys[place] == pairs
    at, place = at[match], place[match]
    # Of a run of overlapping pairs every second one is taken, the first of the run included.
    starts = np.concatenate([[True], np.diff(at) != 1])
    run_start = np.maximum.accumulate(np.where(starts, np.arange(len(at)), 0))
    taken = (np.arange(len(at)) - run_start) % 2 == 0
    at, place = at[taken], place[taken]
    result = np.array(ids)
    result[at] = new_ids[place]
    keep = np.ones(len(ids), dtype=bool)
    keep[at + 1] = False
    return result[keep]


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
