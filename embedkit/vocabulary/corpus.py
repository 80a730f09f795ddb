"""The encoded corpus: one stream of word ids with sentence ends, and the vocabulary they refer to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from embedkit.errors import ConfigError, CorpusError, EmptyCorpusError, counted
from embedkit.kernels import SENTENCE_END
from embedkit.progress import ProgressCallback
from embedkit.text.reading import Sources, kept, short_name
from embedkit.text.tokenizers import carrying, get_tokenizer
from embedkit.vocabulary.id_stream import DEFAULT_MMAP_ABOVE, IdStream
from embedkit.vocabulary.merging import choose
from embedkit.vocabulary.options import VocabularyOptions
from embedkit.vocabulary.vocabulary import Vocabulary
from embedkit.vocabulary.words import Words

if TYPE_CHECKING:
    from embedkit.vocabulary.word_table import WordTable

_COUNTED_AT_ONCE = 1 << 22  # ids


class Corpus:
    """Word ids of a text, sentence by sentence.

    Parameters
    ----------
    ids : int32 (n,)
        Word ids, `SENTENCE_END` after each sentence; no empty sentences unless these were to be kept.
    vocabulary : Vocabulary
    n_tokens, n_sentences : int, optional
        Counted when they are not given.
    n_raw_tokens : int, optional
        Tokens before rare words were left out; `n_tokens` when not given.
    options : dict, optional
        How the text was read and its words chosen, for the model that is trained on it.

    Attributes
    ----------
    ids : int32 (n,)
        May be a read-only memory map.
    vocabulary : Vocabulary
    n_tokens : int
        Word ids in `ids`.
    n_sentences : int
    n_raw_tokens : int
    options : dict
    """

    def __init__(
        self,
        ids: np.ndarray,
        vocabulary: Vocabulary,
        n_tokens: int | None = None,
        n_sentences: int | None = None,
        n_raw_tokens: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.ids = ids
        self.vocabulary = vocabulary
        self.n_sentences = int(np.count_nonzero(ids == SENTENCE_END)) if n_sentences is None else n_sentences
        self.n_tokens = len(ids) - self.n_sentences if n_tokens is None else n_tokens
        self.n_raw_tokens = self.n_tokens if n_raw_tokens is None else n_raw_tokens
        self.options = dict(options or {})

    def __repr__(self) -> str:
        return (
            f"Corpus({counted(self.n_tokens, 'token')}, {counted(self.n_sentences, 'sentence')}, "
            f"{counted(len(self.vocabulary), 'word')})"
        )

    @classmethod
    def from_text(
        cls,
        sources: Sources,
        *,
        tokenizer: str = "whitespace",
        lowercase: bool = False,
        json_field: str | None = None,
        encoding_errors: str | None = "strict",
        min_count: int = 5,
        max_vocab: int | None = None,
        vocabulary: Vocabulary | None = None,
        workers: int | None = None,
        mmap_above: int = DEFAULT_MMAP_ABOVE,
        folder: str | os.PathLike[str] | None = None,
        keep_empty: bool = False,
        progress: ProgressCallback | None = None,
    ) -> Corpus:
        """Read text, a sentence a line, count its words and encode it, in one pass.

        Parameters
        ----------
        sources : path or list of paths
            Files, folders (read recursively, sorted, without hidden files), ``"-"`` for standard input; .gz, .bz2,
            .xz and .zst are recognised by their content.
        tokenizer : {"whitespace", "words", "chars", "korean", "morphemes"}
            See `embedkit.text.tokenizers`.
        lowercase : bool
            Lower-case every token.
        json_field : str, optional
            Read JSON lines and take the text from this field; dots lead into nested objects.
        encoding_errors : {"strict", "replace", "ignore"} or None
            What to do with bytes that are not UTF-8. None: strict, where nobody could choose otherwise.
        min_count : int
            Leave out words that are rarer.
        max_vocab : int, optional
            Keep at most so many words, the most frequent ones.
        vocabulary : Vocabulary, optional
            Encode with this one instead of counting; `min_count` and `max_vocab` are not used then. Where it has no
            counts (a plain list of words), the corpus gives them.
        workers : int, optional
            Threads; all cores by default. The result does not depend on it.
        mmap_above : int
            Bytes of ids (four a token) above which they lie in a temporary file.
        folder : path, optional
            Where that file is; the system's folder for temporary files by default.
        keep_empty : bool
            Keep lines without words as empty sentences, so that sentence i is line i.
        progress : callable, optional
            Told how many bytes have been read, at most ten times a second.

        Raises
        ------
        CorpusError
            When something is missing, unreadable, damaged, not text or not UTF-8, or no word is left.
        """
        from embedkit.kernels.tokens import PADDING
        from embedkit.vocabulary.scanning import scan_sources
        from embedkit.vocabulary.word_table import WordTable

        _check(min_count, max_vocab, workers)
        sources = kept(sources)
        options = {
            "tokenizer": carrying(tokenizer),
            "lowercase": lowercase,
            "json_field": json_field,
            "encoding_errors": encoding_errors or "strict",
            **({} if vocabulary is not None else {"min_count": min_count, "max_vocab": max_vocab}),
        }
        known = None
        if vocabulary is not None:
            known = WordTable(len(vocabulary))
            blob, offsets = vocabulary.index_to_key.blob, vocabulary.index_to_key.offsets
            known.insert(
                np.concatenate([blob, np.zeros(PADDING, np.uint8)]),
                offsets[:-1],
                np.diff(offsets),
                np.zeros(len(vocabulary), np.int64),
            )
        scanned = scan_sources(
            sources,
            get_tokenizer(tokenizer, lowercase),
            json_field=json_field,
            encoding_errors=encoding_errors,
            known=known,
            workers=workers,
            mmap_above=mmap_above,
            folder=folder,
            progress=progress,
            keep_empty=keep_empty,
        )
        name = short_name(sources)
        data, begins, lengths, counts = scanned.words.index()
        n_raw = int(counts.sum()) + scanned.n_unknown
        if vocabulary is None:
            vocabulary, mapping = choose(data, begins, lengths, counts, min_count, max_vocab, name)
        else:
            mapping = np.arange(len(vocabulary), dtype=np.int32)
        return cls._renumbered(
            scanned.stream, [mapping[n] for n in scanned.numbers], vocabulary, n_raw, options, keep_empty, name
        )

    @classmethod
    def _renumbered(
        cls,
        stream: IdStream,
        mappings: list[np.ndarray],
        vocabulary: Vocabulary,
        n_raw: int,
        options: dict[str, Any],
        keep_empty: bool,
        name: str,
    ) -> Corpus:
        from embedkit.kernels.tokens import renumber

        state = np.zeros(3, dtype=np.int64)
        ids = stream.finish(lambda piece, table, out: renumber(piece, mappings[table], out, state, keep_empty))
        if state[1] == 0:
            raise EmptyCorpusError.of(name)
        return cls(ids, _with_counts(vocabulary, ids), int(state[1]), int(state[2]), n_raw, options)

    @classmethod
    def from_sentences(
        cls,
        sentences: Iterable[Sequence[str]],
        *,
        min_count: int = 5,
        max_vocab: int | None = None,
        vocabulary: Vocabulary | None = None,
        keep_empty: bool = False,
    ) -> Corpus:
        """Count and encode tokenised sentences; tokens may hold anything, spaces included.

        Parameters
        ----------
        sentences : iterable of sequences of str
            Gone through once.
        min_count, max_vocab, vocabulary, keep_empty
            As in `from_text`.

        Raises
        ------
        CorpusError
            When a sentence is a string instead of a list of strings, or no word is left.
        """
        from array import array

        _check(min_count, max_vocab, None)
        options = {} if vocabulary is not None else {"min_count": min_count, "max_vocab": max_vocab}
        numbers: dict[str, int] = {}
        stream = array("i")
        for i, sentence in enumerate(sentences):
            if isinstance(sentence, str):
                raise CorpusError(
                    f"sentence {i} is a string, expected a list of tokens; split it first, e.g. "
                    "[line.split() for line in lines], or give a file's path"
                )
            for token in sentence:
                if not isinstance(token, str):
                    raise CorpusError(f"sentence {i} holds {token!r}, expected strings")
                stream.append(numbers.setdefault(token, len(numbers)))
            stream.append(SENTENCE_END)
        raw = np.frombuffer(stream, dtype=np.int32) if stream else np.empty(0, dtype=np.int32)
        counts = np.bincount(raw[raw >= 0], minlength=len(numbers))
        if vocabulary is None:
            vocabulary = Vocabulary.from_counts(zip(numbers, counts.tolist(), strict=True), min_count, max_vocab)
        known = vocabulary.key_to_index
        mapping = np.array([known.get(word, -2) for word in numbers] + [SENTENCE_END], dtype=np.int32)
        ids = mapping[raw]
        ids = ids[ids != -2]
        if not keep_empty:
            ids = ids[~((ids == SENTENCE_END) & np.concatenate([[True], ids[:-1] == SENTENCE_END]))]
        if not (ids >= 0).any():
            raise CorpusError("the sentences hold no word of the vocabulary")
        vocabulary = _with_counts(vocabulary, ids)
        return cls(ids, vocabulary, n_raw_tokens=int(counts.sum()), options=options)

    def shards(self, n: int) -> list[tuple[int, int]]:
        """Cut `ids` into `n` ranges [start, stop) of about equal length.

        A cut moves to the next sentence end where that is less than a quarter of a shard away, and falls inside a
        sentence otherwise, so that one endless line still gives every thread its share. Shards can be empty when
        there are fewer ids than `n`.
        """
        return cut_ids(self.ids, n)

    def sentences(self) -> Iterator[np.ndarray]:
        """Yield each sentence's ids (int32), a view without the marker."""
        step = 1 << 20
        start = 0
        for at in range(0, len(self.ids), step):
            for end in (np.flatnonzero(self.ids[at : at + step] == SENTENCE_END) + at).tolist():
                yield self.ids[start:end]
                start = end + 1


def cut_ids(ids: np.ndarray, n: int) -> list[tuple[int, int]]:
    """Cut an id stream into `n` ranges [start, stop) of about equal length: see `Corpus.shards`."""
    length = len(ids)
    cuts = [0]
    for i in range(1, n):
        at = max(length * i // n, cuts[-1])
        cuts.append(at + to_sentence_end(ids[at : at + cut_reach(length, n)]))
    return list(zip(cuts, [*cuts[1:], length], strict=True))


def cut_reach(length: int, n: int) -> int:
    """How many ids behind its place a cut of `n` in `length` ids looks for a sentence end."""
    return max(1, length // (4 * n))


def to_sentence_end(ids: np.ndarray) -> int:
    """How far a cut moves on to stand behind the first sentence end in `ids`; 0 where there is none."""
    ends = np.flatnonzero(ids == SENTENCE_END)
    return int(ends[0]) + 1 if len(ends) else 0


def count_words(
    sources: Sources,
    *,
    tokenizer: str = "whitespace",
    lowercase: bool = False,
    json_field: str | None = None,
    encoding_errors: str = "strict",
    min_count: int = 1,
    max_vocab: int | None = None,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> Vocabulary:
    """The vocabulary of a corpus, without encoding it; parameters and errors as in `Corpus.from_text`."""
    _check(min_count, max_vocab, workers)
    sources = kept(sources)
    found = _counted(sources, tokenizer, lowercase, json_field, encoding_errors, workers, progress)
    return choose(*found.index(), min_count, max_vocab, short_name(sources))[0]


def count_all_words(
    sources: Sources,
    *,
    tokenizer: str = "whitespace",
    lowercase: bool = False,
    json_field: str | None = None,
    encoding_errors: str = "strict",
    workers: int | None = None,
) -> Vocabulary:
    """Every word of a part of a corpus in no particular order, perhaps none: for `embedkit.vocabulary.merging`."""
    from embedkit.vocabulary.word_table import packed

    table = _counted(sources, tokenizer, lowercase, json_field, encoding_errors, workers, None)
    data, begins, lengths, counts = table.index()
    return Vocabulary(Words(*packed(data, begins, lengths)), counts)


def _counted(
    sources: Sources,
    tokenizer: str,
    lowercase: bool,
    json_field: str | None,
    encoding_errors: str,
    workers: int | None,
    progress: ProgressCallback | None,
) -> WordTable:
    from embedkit.vocabulary.scanning import scan_sources

    return scan_sources(
        sources,
        get_tokenizer(tokenizer, lowercase),
        json_field=json_field,
        encoding_errors=encoding_errors,
        known=None,
        workers=workers,
        mmap_above=DEFAULT_MMAP_ABOVE,
        progress=progress,
        keep_ids=False,
    ).words


def _with_counts(vocabulary: Vocabulary, ids: np.ndarray) -> Vocabulary:
    """The vocabulary itself, or where it has no counts, the same words with those of `ids`."""
    if vocabulary.has_counts:
        return vocabulary
    counts = np.zeros(len(vocabulary), np.int64)
    for start in range(0, len(ids), _COUNTED_AT_ONCE):
        part = ids[start : start + _COUNTED_AT_ONCE]
        counts += np.bincount(part[part >= 0], minlength=len(vocabulary))
    return Vocabulary(vocabulary.index_to_key, counts)


def _check(min_count: int, max_vocab: int | None, workers: int | None) -> None:
    VocabularyOptions(min_count=min_count, max_vocab=max_vocab)  # which checks them
    if workers is not None and workers < 1:
        raise ConfigError(f"`workers` must be a whole number of at least 1, got {workers}")
