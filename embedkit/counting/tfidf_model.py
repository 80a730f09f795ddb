"""TF-IDF learnt on one text and applied to others, as scikit-learn's ``TfidfVectorizer``: fit, transform, a file.

The file is a ``.safetensors`` with the tensors ``words`` (uint8, UTF-8, zeros up to a multiple of 8), ``word_offsets``
(int64), ``word_counts`` (int64) and ``document_frequencies`` (int64); the metadata's ``settings`` is JSON: how text is
read and cut, and how counts are weighed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from embedkit.counting.sparse import SparseMatrix
from embedkit.counting.tfidf import documents_over, read_documents, weigh
from embedkit.errors import ConfigError, CorpusError, EmptyCorpusError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.safetensors import TFIDF, SafetensorsFile, metadata_of
from embedkit.files.safetensors_writer import SafetensorsWriter
from embedkit.progress import ProgressCallback
from embedkit.text.reading import Sources, short_name
from embedkit.text.reading import kept as kept_sources
from embedkit.text.tokenizers import carrying
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.options import VocabularyOptions
from embedkit.vocabulary.words import Words

_LAYOUT = {
    "words": ("U8", 1),
    "word_offsets": ("I64", 1),
    "word_counts": ("I64", 1),
    "document_frequencies": ("I64", 1),
}


@dataclass(frozen=True)
class TfidfSettings:
    """How text is cut into terms, and how terms are weighed.

    Attributes
    ----------
    tokenizer : str
    lowercase : bool
    ngrams : (int, int)
        Terms are runs of so many tokens, from the least to the most, with a space between them.
    stop_words : tuple of str
        Tokens that are left out before terms are formed.
    min_df, max_df : int or float
        Leave out terms that stand in fewer, or in more, documents; a float is a share of all documents.
    weighting : {"tfidf", "count"}
    sublinear : bool
    idf : {"smooth", "plain"}
    norm : {"l2", "none"}
        See `embedkit.counting.tfidf`.
    """

    tokenizer: str = "whitespace"
    lowercase: bool = False
    ngrams: tuple[int, int] = (1, 1)
    stop_words: tuple[str, ...] = ()
    min_df: int | float = 1
    max_df: int | float = 1.0
    weighting: str = "tfidf"
    sublinear: bool = False
    idf: str = "smooth"
    norm: str = "l2"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokenizer", carrying(self.tokenizer))
        low, high = self.ngrams
        if not 1 <= low <= high <= 10:
            raise ConfigError(f"`ngrams` run from 1 to 10 tokens, the least first; got {low} and {high}")
        for name, bound in (("min_df", self.min_df), ("max_df", self.max_df)):
            if (isinstance(bound, float) and not 0 <= bound <= 1) or bound < 0:
                raise ConfigError(f"`{name}` is a number of documents, or a share from 0.0 to 1.0; got {bound}")


@dataclass(frozen=True)
class TfidfModel:
    """Terms, the numbers of documents that hold them, and settings.

    Attributes
    ----------
    vocabulary : Vocabulary
        The columns, in order.
    document_frequencies : int64 (n_terms,)
    n_documents : int
        Of the text it was learnt on.
    settings : TfidfSettings
    """

    vocabulary: Vocabulary
    document_frequencies: np.ndarray
    n_documents: int
    settings: TfidfSettings = field(default_factory=TfidfSettings)

    @classmethod
    def fit(
        cls,
        sources: Sources,
        settings: TfidfSettings | None = None,
        *,
        json_field: str | None = None,
        encoding_errors: str = "strict",
        min_count: int = 1,
        max_vocab: int | None = None,
        vocabulary: Vocabulary | None = None,
        progress: ProgressCallback | None = None,
    ) -> tuple[TfidfModel, SparseMatrix]:
        """Learn from a text, a document a line; returns the model and the weighed documents.

        Parameters
        ----------
        sources, json_field, encoding_errors, min_count, max_vocab, vocabulary
            As in `embedkit.counting.tfidf.bag_of_words`; a `vocabulary` holds the terms and fixes the columns.
        settings : TfidfSettings, optional
        progress : callable, optional

        Raises
        ------
        CorpusError
            When the text cannot be read or no term is left.
        """
        VocabularyOptions(min_count=min_count, max_vocab=max_vocab)  # which checks them
        settings, sources = settings or TfidfSettings(), kept_sources(sources)
        terms, raw = _read(sources, settings, json_field, encoding_errors, progress)
        fixed = vocabulary is not None
        if vocabulary is None:
            counts = np.bincount(raw[raw >= 0], minlength=len(terms))
            pairs = zip(terms, counts.tolist(), strict=True)
            vocabulary = Vocabulary.from_counts(pairs, min_count, name=short_name(sources))
        matrix = documents_over(terms, raw, vocabulary)
        document_frequencies = np.bincount(matrix.columns, minlength=len(vocabulary))
        n_documents = matrix.shape[0]
        if not fixed:
            kept = np.flatnonzero(
                (document_frequencies >= _documents(settings.min_df, n_documents))
                & (document_frequencies <= _documents(settings.max_df, n_documents))
            )[:max_vocab]
            if not len(kept):
                raise CorpusError("no term is left: `min_df` and `max_df` leave out all of them")
            if len(kept) < len(vocabulary):
                words = vocabulary.index_to_key
                packed = Words.from_bytes([words.encoded(row) for row in kept.tolist()])
                vocabulary = Vocabulary(packed, vocabulary.counts[kept])
                matrix, document_frequencies = documents_over(terms, raw, vocabulary), document_frequencies[kept]
        if not len(matrix.columns):
            raise EmptyCorpusError.of(short_name(sources))
        model = cls(vocabulary, document_frequencies.astype(np.int64), n_documents, settings)
        return model, model.weigh(matrix)

    def transform(
        self,
        sources: Sources,
        *,
        json_field: str | None = None,
        encoding_errors: str = "strict",
        progress: ProgressCallback | None = None,
    ) -> SparseMatrix:
        """Weigh another text with the terms and document frequencies of this model, a row a line."""
        terms, raw = _read(sources, self.settings, json_field, encoding_errors, progress)
        return self.weigh(documents_over(terms, raw, self.vocabulary))

    def weigh(self, counts: SparseMatrix) -> SparseMatrix:
        """Weigh counts over the model's terms."""
        chosen = self.settings
        if chosen.weighting == "count":
            return counts
        return weigh(
            counts,
            self.document_frequencies,
            self.n_documents,
            sublinear=chosen.sublinear,
            idf=chosen.idf,
            norm=chosen.norm,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model."""
        settings = json.dumps({**asdict(self.settings), "n_documents": self.n_documents}, ensure_ascii=False)
        words = self.vocabulary.index_to_key
        with atomic_open(path) as stream:
            file = SafetensorsWriter(stream, metadata_of(TFIDF, settings=settings), len(_LAYOUT))
            file.pad("words", words.blob[words.offsets[0] : words.offsets[-1]])
            file.tensor("word_offsets", words.offsets - words.offsets[0], "<i8")
            file.tensor("word_counts", self.vocabulary.counts, "<i8")
            file.tensor("document_frequencies", self.document_frequencies, "<i8")
            file.finish()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TfidfModel:
        """Read what `save` wrote.

        Raises
        ------
        FormatError
            When the file is damaged or of another kind.
        """
        file = SafetensorsFile(path, expected=TFIDF.what)
        file.require(TFIDF)
        arrays = file.tensors(_LAYOUT, _LAYOUT)
        offsets, counts, document_frequencies = (
            arrays[name] for name in ("word_offsets", "word_counts", "document_frequencies")
        )
        n = len(counts)
        if (
            len(offsets) != n + 1
            or len(document_frequencies) != n
            or offsets[0] != 0
            or (np.diff(offsets) < 0).any()
            or offsets[-1] > len(arrays["words"])
            or (document_frequencies < 0).any()
        ):
            raise FormatError(f"{file.name}: damaged: the terms and their counts do not fit together")
        try:
            fields: dict[str, Any] = json.loads(file.metadata.get("settings", ""))
            n_documents = int(fields.pop("n_documents"))
            fields["ngrams"], fields["stop_words"] = tuple(fields["ngrams"]), tuple(fields["stop_words"])
            settings = TfidfSettings(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise FormatError(f"{file.name}: damaged: its settings cannot be read ({error})") from error
        return cls(
            Vocabulary(Words(arrays["words"], offsets), counts), np.asarray(document_frequencies), n_documents, settings
        )


def _read(
    sources: Sources,
    settings: TfidfSettings,
    json_field: str | None,
    encoding_errors: str,
    progress: ProgressCallback | None,
) -> tuple[Sequence[str], np.ndarray]:
    return read_documents(
        sources,
        tokenizer=settings.tokenizer,
        lowercase=settings.lowercase,
        ngrams=settings.ngrams,
        stop_words=settings.stop_words,
        json_field=json_field,
        encoding_errors=encoding_errors,
        progress=progress,
    )


def _documents(bound: int | float, n_documents: int) -> float:
    return bound * n_documents if isinstance(bound, float) else bound
