"""The n-grams of a word: character n-grams as in fastText, or jamo and syllable n-grams for Korean.

A word's n-grams are hashed into ``bucket`` rows of one matrix; two n-grams may share a row.

**chars** (Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information", section 3.2). The word
is put between brackets, ``<시나브로>``. Its n-grams of `min_n` to `max_n` code points are listed by start,
then by length, leaving out the lone ``<`` and ``>``. The sentence marker ``</s>`` has none.

**jamo** (Park et al. 2018, "Subword-level Word Vector Representations for Korean", section 3). The word is
brought to NFC and put between brackets; then come

1. the n-grams of `min_syllables` to `max_syllables` code points of ``<word>``, as above; and
2. the n-grams of `min_jamo` to `max_jamo` symbols of its jamo sequence (`embedkit.text.hangul`), in which
   every syllable is three symbols, a missing final having its own, and everything else, the brackets too,
   one. They cross the borders of syllables: 학교 has ᅡᆨᄀ, so 학교 and 학꾜 share most of them. A stretch
   that starts and ends at borders of syllables and was listed under 1 is not listed again.

Other scripts, compatibility jamo (ㅋㅋ) and Hanja are one symbol a character in both lists.

**Hash.** 32-bit FNV-1a over the n-gram's UTF-8 bytes, as fastText computes it: from ``h = 2166136261``, for
each byte ``h ^= byte``, **the byte widened with its sign**, so that 0xED counts as 0xFFFFFFED, then
``h *= 16777619``; the bucket is ``h % bucket``. Bytes that are not UTF-8 (a word read with surrogateescape)
go in as they are; a byte 10xxxxxx continues a character wherever it stands.

This is the version for one word and needs no compiler; `embedkit.kernels.subword` does the same for many,
and the tests hold it against this one.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from embedkit.errors import ConfigError
from embedkit.text import hangul

KINDS = ("chars", "jamo")
SENTENCE_MARKER = "</s>"
FNV_OFFSET, FNV_PRIME = 2166136261, 16777619
MAX_BUCKET = 2**31 - 1
LETTER_LENGTHS = (3, 6)
SYLLABLE_LENGTHS = (1, 4)
# Of n-grams of jamo and of the syllables beside them. Park et al. have 3 to 5 and 1 to 4; with these a word has a third
# fewer, and is as good: "Quality" in `embedkit/manual/measurements.md`.
JAMO_LENGTHS = (4, 5)
BESIDE_JAMO = (1, 2)


@dataclass(frozen=True)
class Subwords:
    """How words are split into n-grams and where the n-grams' rows are.

    Parameters
    ----------
    kind : {"chars", "jamo"}
        Code points, or Hangul taken apart.
    min_n, max_n : int
        Shortest and longest n-gram in code points (chars only).
    bucket : int
        Rows that the n-grams are hashed into.
    min_jamo, max_jamo, min_syllables, max_syllables : int
        Lengths of the two kinds of n-grams (jamo only).
    kept : tuple of int, optional
        In a pruned fastText model the buckets that still have a row, in the order of the rows. N-grams in other
        buckets do not count. By default every bucket has its row.

    Raises
    ------
    ConfigError
        When a shortest length is below 1 or above the longest, or `bucket` is not in 1 .. 2**31 - 1.

    Examples
    --------
    >>> Subwords("chars", min_n=3, max_n=3).ngrams("시나브로")
    ['<시나', '시나브', '나브로', '브로>']
    """

    kind: str = "chars"
    min_n: int = 3
    max_n: int = 6
    bucket: int = 2_000_000
    min_jamo: int = JAMO_LENGTHS[0]
    max_jamo: int = JAMO_LENGTHS[1]
    min_syllables: int = BESIDE_JAMO[0]
    max_syllables: int = BESIDE_JAMO[1]
    kept: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"subwords must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if not 1 <= self.bucket <= MAX_BUCKET:
            raise ConfigError(f"bucket must be between 1 and {MAX_BUCKET}, got {self.bucket}")
        if self.kept is not None and (
            len(set(self.kept)) < len(self.kept) or not all(0 <= bucket < self.bucket for bucket in self.kept)
        ):
            raise ConfigError(f"kept must name buckets from 0 to {self.bucket - 1}, each once")
        pairs = {"chars": [("min_n", "max_n")], "jamo": [("min_jamo", "max_jamo"), ("min_syllables", "max_syllables")]}[
            self.kind
        ]
        for low, high in pairs:
            shortest, longest = getattr(self, low), getattr(self, high)
            if shortest < 1:
                raise ConfigError(f"`{low}` must be at least 1, got {shortest}")
            if longest > MAX_BUCKET:
                raise ConfigError(f"`{high}` must not be above {MAX_BUCKET}, got {longest}")
            if shortest > longest:
                raise ConfigError(f"`{low}` must not be above `{high}`, got {shortest} and {longest}")

    def normalize(self, word: str) -> str:
        """The form of `word` that is split: NFC for jamo, so that NFC and NFD input agree; as it is for
        chars."""
        if self.kind == "chars" or word.isascii():
            return word
        return unicodedata.normalize("NFC", word)

    def ngrams(self, word: str) -> list[str]:
        """The n-grams of `word` as a reader sees them, in the order of `buckets`.

        Jamo n-grams are spelt as in `embedkit.text.hangul.spell`.
        """
        ngrams = self.byte_ngrams(word)
        if self.kept is not None:
            ngrams = [ngram for ngram in ngrams if hash_ngram(ngram) % self.bucket in self._row_of]
        if self.kind == "chars":
            return [decode_word(ngram) for ngram in ngrams]
        return [hangul.spell(decode_word(ngram)) for ngram in ngrams]

    def buckets(self, word: str) -> np.ndarray:
        """The rows of the n-grams of `word`: int64 (n_ngrams,), each in 0 .. n_rows - 1."""
        buckets = [hash_ngram(ngram) % self.bucket for ngram in self.byte_ngrams(word)]
        if self.kept is not None:
            buckets = [self._row_of[bucket] for bucket in buckets if bucket in self._row_of]
        return np.array(buckets, dtype=np.int64)

    @property
    def n_rows(self) -> int:
        """How many rows the n-grams are spread over: `bucket`, fewer where the model was pruned."""
        return self.bucket if self.kept is None else len(self.kept)

    @functools.cached_property
    def _row_of(self) -> dict[int, int]:
        return {bucket: row for row, bucket in enumerate(self.kept or ())}

    def byte_ngrams(self, word: str) -> list[bytes]:
        """The n-grams of `word` as the bytes that are hashed; jamo n-grams as conjoining jamo."""
        if word == SENTENCE_MARKER:
            return []
        bracketed = "<" + self.normalize(word) + ">"
        if self.kind == "chars":
            return [ngram for _, _, ngram in _ngrams(_characters(bracketed), self.min_n, self.max_n)]
        return self._jamo_ngrams(bracketed)

    def _jamo_ngrams(self, bracketed: str) -> list[bytes]:
        characters = _characters(bracketed)
        found = [p for _, _, p in _ngrams(characters, self.min_syllables, self.max_syllables)]
        symbols: list[bytes] = []
        place = {}  # index of a symbol that begins a character -> that character's index
        for index, character in enumerate(characters):
            place[len(symbols)] = index
            symbols += _characters(hangul.to_jamo(decode_word(character)))
        place[len(symbols)] = len(characters)
        for start, stop, ngram in _ngrams(symbols, self.min_jamo, self.max_jamo):
            if start in place and stop in place:
                length = place[stop] - place[start]
                if self.min_syllables <= length <= self.max_syllables:
                    continue
            found.append(ngram)
        return found

    def to_config(self) -> dict[str, Any]:
        """The fields that matter for this kind, for the native file's metadata."""
        lengths = (
            ("min_n", "max_n") if self.kind == "chars" else ("min_jamo", "max_jamo", "min_syllables", "max_syllables")
        )
        config = {name: value for name, value in asdict(self).items() if name in ("kind", "bucket", *lengths)}
        return config if self.kept is None else {**config, "kept": list(self.kept)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Subwords:
        """The inverse of `to_config`; fields that are not there keep their defaults.

        Raises
        ------
        ConfigError
            When a field is unknown or has a value of another type.
        """
        types: dict[str, Any] = {field.name: int for field in fields(cls)} | {"kind": str, "kept": list}
        for name, value in config.items():
            if (
                name not in types
                or type(value) is not types[name]
                or (name == "kept" and not all(type(bucket) is int for bucket in value))
            ):
                raise ConfigError(f"subwords configuration: unexpected {name} = {str(value)[:60]!r}")
        if "kept" in config:
            return cls(**{**config, "kept": tuple(config["kept"])})
        return cls(**config)


def fitted_lengths(given: Mapping[str, Any]) -> dict[str, Any]:
    """The other end of lengths of jamo or syllables of which one end was given that lies beyond its usual value.

    Examples
    --------
    >>> fitted_lengths({"max_jamo": 3, "max_syllables": 3})
    {'min_jamo': 3}
    """
    found = {}
    for part, (shortest, longest) in (("jamo", JAMO_LENGTHS), ("syllables", BESIDE_JAMO)):
        low, high = given.get(f"min_{part}"), given.get(f"max_{part}")
        if low is None and isinstance(high, int) and 1 <= high < shortest:
            found[f"min_{part}"] = high
        if high is None and isinstance(low, int) and low > longest:
            found[f"max_{part}"] = low
    return found


def default_lengths(words: Iterable[str], counts: Iterable[int] | None = None) -> tuple[int, int]:
    """`min_n` and `max_n` that suit the script of a vocabulary: (1, 4) where most characters are Hangul,
    else (3, 6).

    A Hangul syllable carries what two or three letters do; n-grams of 3 to 6 syllables hardly ever recur. Tags behind
    Korean words (학교/NNG) count as the letters that they are: with 3 to 6 such words have better pairs (.465 for .407)
    and analogies (.130 for .100; .7 M words, Park et al.'s sets, two seeds).

    Parameters
    ----------
    words : iterable of str
    counts : iterable of int, optional
        How often each occurs; by default each word counts once.
    """
    words = list(words)
    weights = [1] * len(words) if counts is None else [int(count) for count in counts]
    syllables = sum(
        weight * hangul.count_syllables(hangul.compose(word))
        for word, weight in zip(words, weights, strict=True)
        if not word.isascii()
    )
    characters = sum(weight * len(hangul.compose(word)) for word, weight in zip(words, weights, strict=True))
    return SYLLABLE_LENGTHS if 2 * syllables > characters else LETTER_LENGTHS


def hash_ngram(ngram: bytes) -> int:
    """FNV-1a with sign-extended bytes, 0 .. 2**32 - 1 (the module's docstring)."""
    value = FNV_OFFSET
    for byte in ngram:
        value = ((value ^ (byte | 0xFFFFFF00 if byte >= 0x80 else byte)) * FNV_PRIME) & 0xFFFFFFFF
    return value


def encode_word(word: str) -> bytes:
    """The bytes of a word: UTF-8, escaped bytes (surrogateescape) as they were, other lone surrogates as
    three."""
    try:
        return word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return word.encode("utf-8", "surrogatepass")


def decode_word(word: bytes) -> str:
    """Bytes of a word as text; what is not UTF-8 becomes escaped bytes (surrogateescape)."""
    return word.decode("utf-8", "surrogateescape")


def _characters(text: str) -> list[bytes]:
    """The characters of `text` in bytes: each begins at a byte that is not 10xxxxxx, as fastText counts."""
    data = encode_word(text)
    starts = [i for i, byte in enumerate(data) if byte & 0xC0 != 0x80]
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def _ngrams(symbols: Sequence[bytes], shortest: int, longest: int) -> Iterable[tuple[int, int, bytes]]:
    """Yield (start, stop, bytes) of the n-grams of a bracketed word, without the lone brackets."""
    for start in range(len(symbols)):
        for stop in range(start + shortest, min(start + longest, len(symbols)) + 1):
            if stop - start == 1 and (start == 0 or stop == len(symbols)):
                continue
            yield start, stop, b"".join(symbols[start:stop])
