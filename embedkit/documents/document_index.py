"""The index of documents, and its file.

The file is one ``.safetensors``, mapped when it is opened: texts and places, the inverted lists of BM25, and where it
was made with vectors those of the documents and the model of sentences that made them (tensors of
`embedkit.documents.sentence_model` with ``sentences.`` before their names). The words' vectors stay in their own file,
whose path and fingerprint stand in the metadata.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from embedkit.documents.bm25 import TermIndex
from embedkit.documents.collection import UNITS, Documents, read_documents
from embedkit.documents.sentence_model import LAYOUT as SENTENCES_LAYOUT
from embedkit.documents.sentence_model import LEARNT, SentenceModel, SentenceOptions, fingerprint
from embedkit.documents.sentences import SentenceEncoder, learn
from embedkit.errors import ConfigError, CorpusError, FormatError
from embedkit.files.copies import is_pipe
from embedkit.files.safetensors import DOCUMENTS, SafetensorsFile, metadata_of
from embedkit.files.safetensors_writer import write_safetensors
from embedkit.files.urls import is_url
from embedkit.options import changed, option
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.norms import unit
from embedkit.text.reading import Sources, kept, short_name
from embedkit.text.tokenizers import get_tokenizer
from embedkit.vocabulary.options import ReadingOptions
from embedkit.vocabulary.words import Words

TEXTS_AT_ONCE = 8192
_LAYOUT = {
    "file_of": ("I32", 1),
    "lines": ("I64", 1),
    "texts": ("U8", 1),
    "text_offsets": ("I64", 1),
    "terms": ("U8", 1),
    "term_offsets": ("I64", 1),
    "term_order": ("I32", 1),
    "posting_offsets": ("I64", 1),
    "posting_documents": ("I32", 1),
    "posting_counts": ("I32", 1),
    "lengths": ("I32", 1),
}
_WITH_VECTORS = {"vectors": ("F32", 2), **{f"sentences.{name}": kind for name, kind in SENTENCES_LAYOUT.items()}}


@dataclass(frozen=True, kw_only=True)
class IndexOptions(ReadingOptions):
    """How documents are read, and cut into the words that BM25 goes by."""

    tokenizer: str = changed(ReadingOptions, "tokenizer", "words")
    unit: str = option("line", "What a document is; blank lines part paragraphs.", choices=UNITS)
    stop_words: tuple[str, ...] = ()


@dataclass
class DocumentIndex:
    """Documents and what finds them.

    Attributes
    ----------
    documents : Documents
    terms : TermIndex
    options : IndexOptions
    vectors : float32 (n_documents, vector_size), optional
        Of unit length, zeros for documents without a known word.
    sentences : SentenceModel, optional
        How they were made.
    model : str
        Path of the words' vectors; empty where there is none.
    fingerprint : int
        Of the words' vectors.
    """

    documents: Documents
    terms: TermIndex
    options: IndexOptions
    vectors: np.ndarray | None = None
    sentences: SentenceModel | None = None
    model: str = ""
    fingerprint: int = 0

    @classmethod
    def build(
        cls,
        sources: Sources,
        options: IndexOptions | None = None,
        model: KeyedVectors | None = None,
        sentences: SentenceOptions | None = None,
        path: str = "",
    ) -> DocumentIndex:
        """Index a text.

        Parameters
        ----------
        sources : path or list of paths
            Files, folders, ``"-"`` for standard input.
        options : IndexOptions, optional
        model : KeyedVectors, optional
            Vectors of words; with them documents have vectors too.
        sentences : SentenceOptions, optional
            How; SIF by default, learnt from the documents themselves.
        path : str, optional
            Where `model` was read from.

        Raises
        ------
        CorpusError
            When the text cannot be read or holds nothing to search for.
        """
        options = options or IndexOptions()
        sources = kept(sources)
        if options.unit == "line" and options.json_field is None:
            documents = Documents.of_lines(sources, options.encoding_errors)
        else:
            read = read_documents(
                sources, unit=options.unit, json_field=options.json_field, encoding_errors=options.encoding_errors
            )
            documents = Documents.gather(read)
        if not len(documents):
            raise CorpusError(f"{short_name(sources)} is empty: there is nothing to index")
        tokenizer = get_tokenizer(options.tokenizer, options.lowercase)
        terms = TermIndex.build(documents.pieces(TEXTS_AT_ONCE), tokenizer, options.stop_words)
        index = cls(documents, terms, options)
        if model is not None:
            index.add_vectors(model, sentences or SentenceOptions.create(method="sif"), path)
        return index

    def add_vectors(self, model: KeyedVectors, options: SentenceOptions, path: str) -> None:
        """Give the documents vectors, see `build`; what a method learns it learns from the documents."""
        pieces = self.documents.pieces(TEXTS_AT_ONCE)
        if options.method in LEARNT:
            name = short_name(self.documents.files)
            self.sentences, encoder = learn(model, pieces, options, self.options.stop_words, name=name)
            found = iter(encoder.learnt_lines())
        else:
            self.sentences = SentenceModel.unlearnt(model, options, self.options.stop_words)
            found = map(SentenceEncoder(model, self.sentences).vectors, pieces)
        vectors = np.empty((len(self.documents), model.vector_size), np.float32)
        low = 0
        for piece in found:
            vectors[low : low + len(piece)] = unit(piece)
            low += len(piece)
        self.vectors = vectors
        self.model = path if not path or is_url(path) else os.path.abspath(path)
        self.fingerprint = fingerprint(model)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index."""
        terms, documents = self.terms, self.documents
        tensors = {
            "file_of": documents.file_of,
            "lines": documents.lines,
            "texts": documents.blob,
            "text_offsets": documents.offsets,
            "terms": np.asarray(terms.terms.blob[: terms.terms.offsets[-1]]),
            "term_offsets": terms.terms.offsets,
            "term_order": terms.terms.order,
            "posting_offsets": terms.offsets,
            "posting_documents": terms.documents,
            "posting_counts": terms.counts,
            "lengths": terms.lengths,
        }
        more = {}
        if self.vectors is not None and self.sentences is not None:
            settings, arrays = self.sentences.parts()
            tensors |= {f"sentences.{name}": array for name, array in arrays.items()} | {"vectors": self.vectors}
            more = {"sentences": settings, "model": self.model, "fingerprint": self.fingerprint}
        kept = {"files": documents.files, "options": asdict(self.options), **more}
        settings_text = json.dumps(kept, ensure_ascii=False)
        write_safetensors(path, metadata_of(DOCUMENTS, settings=settings_text), tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DocumentIndex:
        """Open what `save` wrote.

        Raises
        ------
        FormatError
            When the file is damaged or of another kind.
        """
        file = SafetensorsFile(path, expected=DOCUMENTS.what)
        file.require(DOCUMENTS)
        kept = file.json("settings")
        with_vectors = "sentences" in kept
        layout = _LAYOUT | (_WITH_VECTORS if with_vectors else {})
        arrays = file.tensors(layout, layout)
        try:
            fields: dict[str, Any] = {**kept["options"], "stop_words": tuple(kept["options"]["stop_words"])}
            options, files = IndexOptions(**fields), list(map(str, kept["files"]))
            model, mark = (str(kept["model"]), int(kept["fingerprint"])) if with_vectors else ("", 0)
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise FormatError(f"{file.name}: damaged: its settings cannot be read ({error})") from error
        _check(file.name, arrays, len(files))
        documents = Documents(
            files, arrays["file_of"], arrays["lines"], arrays["texts"], arrays["text_offsets"]
        )  # fmt: skip
        words = Words.checked(arrays["terms"], arrays["term_offsets"], arrays["term_order"])
        terms = TermIndex(
            words, arrays["posting_offsets"], arrays["posting_documents"], arrays["posting_counts"], arrays["lengths"]
        )
        index = cls(documents, terms, options)
        if with_vectors:
            tensors = {name: arrays[f"sentences.{name}"] for name in SENTENCES_LAYOUT}
            index.sentences = SentenceModel.from_parts(file.name, kept["sentences"], tensors)
            index.vectors, index.model, index.fingerprint = arrays["vectors"], model, mark
            if index.vectors.shape != (len(documents), index.sentences.vector_size):
                raise FormatError(f"{file.name}: damaged: the vectors do not fit the documents")
        return index


def is_index(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an index of documents, rather than text; what comes through a pipe, once, is text."""
    if is_pipe(path):
        return False
    try:
        return SafetensorsFile(path).metadata.get("format") == DOCUMENTS.name
    except (FormatError, OSError):
        return False


def _check(name: str, arrays: dict[str, np.ndarray], n_files: int) -> None:
    n, held = len(arrays["lines"]), arrays["posting_documents"]
    sound = len(arrays["file_of"]) == len(arrays["lengths"]) == n and len(arrays["posting_counts"]) == len(held)
    sound = sound and _inside(arrays["file_of"], n_files) and _inside(held, n)
    sound = sound and len(arrays["posting_offsets"]) == len(arrays["term_offsets"])
    for offsets, end, entries in (
        (arrays["text_offsets"], len(arrays["texts"]), n + 1),
        (arrays["posting_offsets"], len(held), len(arrays["posting_offsets"])),
    ):
        sound = sound and len(offsets) == entries and entries > 0 and offsets[0] == 0 and offsets[-1] == end
        sound = sound and not (np.diff(offsets) < 0).any()
    if not sound:
        raise FormatError(f"{name}: damaged: its documents and lists do not fit together")


def _inside(numbers: np.ndarray, n: int) -> bool:
    return not len(numbers) or bool(numbers.min() >= 0 and numbers.max() < n)
