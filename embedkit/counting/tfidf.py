"""Bag of words and TF-IDF: how often each word stands in each document, and how much that says about it.

One document is one line. With N documents, df of which hold a word that stands tf times in this one
(Salton and Buckley 1988, "Term-weighting approaches in automatic text retrieval"):

=============  ========================================================================================
``tf``         tf, or 1 + ln tf (sublinear)
``idf``        smooth: ln((1 + N) / (1 + df)) + 1, as scikit-learn; plain: ln(N / df)
``norm``       l2: each document has length 1; none
=============  ========================================================================================
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Collection, Sequence

import numpy as np

from embedkit.counting.sparse import SparseMatrix
from embedkit.errors import ConfigError, EmptyCorpusError, check_several
from embedkit.files.atomic import atomic_open
from embedkit.progress import Progress, ProgressCallback
from embedkit.text.reading import Sources, kept, read_lines, short_name
from embedkit.text.tokenizers import get_tokenizer
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.options import VocabularyOptions
from embedkit.vocabulary.words import find_normalised, in_each_form

IDFS = ("smooth", "plain")
NORMS = ("l2", "none")
_TOKENS_AT_ONCE = 1 << 22
_CELLS_AT_ONCE = 1 << 18


def document_counts(ids: np.ndarray, n_words: int) -> SparseMatrix:
    """Count the words of each document.

    Parameters
    ----------
    ids : int32 (n,)
        Word ids; -1 ends a document, -2 is a word that is not counted.
    n_words : int

    Returns
    -------
    SparseMatrix
        (n_documents, n_words), columns ascending in each row; a document without words is an empty row.
    """
    ends = np.flatnonzero(ids == -1)
    columns, values, lengths = [], [], []
    low = first = 0
    while first < len(ends):
        last = max(first + 1, int(np.searchsorted(ends, low + _TOKENS_AT_ONCE, side="right")))
        high = int(ends[last - 1]) + 1
        part = ids[low:high]
        document = np.cumsum(part == -1)
        kept = part >= 0
        cells, counts = np.unique(document[kept] * np.int64(n_words) + part[kept], return_counts=True)
        columns.append((cells % n_words).astype(np.int32))
        values.append(counts.astype(np.float32))
        lengths.append(np.bincount(cells // n_words, minlength=last - first))
        low, first = high, last
    offsets = np.zeros(len(ends) + 1, np.int64)
    if lengths:
        np.cumsum(np.concatenate(lengths), out=offsets[1:])
        return SparseMatrix(offsets, np.concatenate(columns), np.concatenate(values), n_words)
    return SparseMatrix(offsets, np.empty(0, np.int32), np.empty(0, np.float32), n_words)


def bag_of_words(
    sources: Sources,
    *,
    tokenizer: str = "whitespace",
    lowercase: bool = False,
    json_field: str | None = None,
    encoding_errors: str = "strict",
    min_count: int = 1,
    max_vocab: int | None = None,
    vocabulary: Vocabulary | None = None,
    progress: ProgressCallback | None = None,
) -> tuple[SparseMatrix, Vocabulary]:
    """Read text, a document a line, and count its words; row i is line i, empty lines included.

    Parameters
    ----------
    sources, tokenizer, lowercase, json_field, encoding_errors, min_count, max_vocab, vocabulary
        As in `embedkit.vocabulary.corpus.Corpus.from_text`.
    progress : callable, optional

    Returns
    -------
    counts : SparseMatrix
        (n_documents, n_words).
    vocabulary : Vocabulary

    Raises
    ------
    CorpusError
        When the text cannot be read or holds no word of the vocabulary.
    """
    VocabularyOptions(min_count=min_count, max_vocab=max_vocab)  # which checks them
    sources = kept(sources)
    words, raw = read_documents(
        sources,
        tokenizer=tokenizer,
        lowercase=lowercase,
        json_field=json_field,
        encoding_errors=encoding_errors,
        progress=progress,
    )
    if vocabulary is None:
        counts = np.bincount(raw[raw >= 0], minlength=len(words))
        pairs = zip(words, counts.tolist(), strict=True)
        vocabulary = Vocabulary.from_counts(pairs, min_count, max_vocab, short_name(sources))
    counted = documents_over(words, raw, vocabulary)
    if not len(counted.columns):
        raise EmptyCorpusError.of(short_name(sources))
    return counted, vocabulary


def read_documents(
    sources: Sources,
    *,
    tokenizer: str = "whitespace",
    lowercase: bool = False,
    ngrams: tuple[int, int] = (1, 1),
    stop_words: Collection[str] = (),
    json_field: str | None = None,
    encoding_errors: str = "strict",
    progress: ProgressCallback | None = None,
) -> tuple[list[str], np.ndarray]:
    """The terms of a text in the order of first appearance, and its lines as their numbers, int32, -1 after each.

    Terms are words, or runs of ``ngrams[0]`` to ``ngrams[1]`` words with a space between them, after `stop_words` were
    left out.
    """
    check_several(stop_words, "stop_words")
    tokens = get_tokenizer(tokenizer, lowercase).tokens
    numbers: dict[str, int] = {}
    stream = array("i")
    left_out = in_each_form(stop_words)
    for n, line in enumerate(read_lines(sources, json_field, encoding_errors)):
        terms = tokens(line)
        if left_out:
            terms = [token for token in terms if token not in left_out]
        if ngrams != (1, 1):
            terms = [
                " ".join(terms[i : i + k]) for k in range(ngrams[0], ngrams[1] + 1) for i in range(len(terms) - k + 1)
            ]
        stream.extend([numbers.setdefault(term, len(numbers)) for term in terms])
        stream.append(-1)
        if progress is not None and n % 10_000 == 0:
            progress(Progress("reading", n, None, "documents"))
    return list(numbers), np.frombuffer(stream, np.int32) if stream else np.empty(0, np.int32)


def documents_over(words: Sequence[str], raw: np.ndarray, vocabulary: Vocabulary) -> SparseMatrix:
    """Count the documents of `read_documents` with the ids of a vocabulary; words outside of it are not counted."""
    known = vocabulary.key_to_index
    rows = [find_normalised(known, word) for word in words]
    mapping = np.array([-2 if row < 0 else row for row in rows] + [-1], np.int32)
    return document_counts(mapping[raw], len(vocabulary))


def tfidf(counts: SparseMatrix, *, sublinear: bool = False, idf: str = "smooth", norm: str = "l2") -> SparseMatrix:
    """Weigh the counts of `document_counts`; see the module's table.

    Raises
    ------
    ConfigError
        For an unknown idf or norm.
    """
    if idf not in IDFS or norm not in NORMS:
        raise ConfigError(f"idf is one of {', '.join(IDFS)} and norm one of {', '.join(NORMS)}, got {idf} and {norm}")
    document_frequencies = np.bincount(counts.columns, minlength=counts.n_columns)
    return weigh(counts, document_frequencies, counts.shape[0], sublinear=sublinear, idf=idf, norm=norm)


def weigh(
    counts: SparseMatrix, document_frequencies: np.ndarray, n_documents: int, *, sublinear: bool, idf: str, norm: str
) -> SparseMatrix:
    """Weigh counts by how many documents of some text hold each word; see the module's table.

    Parameters
    ----------
    counts : SparseMatrix
        (any number of documents, n_words).
    document_frequencies : int64 (n_words,)
        How many of that text's documents hold each word; a word that stands in none gets the weight of one in plain
        idf.
    n_documents : int
        How many that text has.
    """
    if idf == "smooth":
        weights = np.log((1 + n_documents) / (1 + document_frequencies)) + 1
    else:
        weights = np.log(n_documents / np.maximum(document_frequencies, 1))
    values = counts.values.astype(np.float64)
    values = (1 + np.log(values) if sublinear else values) * weights[counts.columns]
    if norm == "l2":
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.offsets))
        lengths = np.sqrt(np.bincount(rows, values**2, counts.shape[0]))
        values /= np.where(lengths > 0, lengths, 1.0)[rows]
    return SparseMatrix(counts.offsets, counts.columns, values.astype(np.float32), counts.n_columns)


def check_matrix_name(path: str | os.PathLike[str]) -> None:
    """Refuse a name whose suffix is of no format of `save_matrix`, before the work.

    Raises
    ------
    ConfigError
    """
    if not os.fspath(path).lower().endswith((".npz", ".mtx")):
        raise ConfigError(f"cannot tell the format of {os.fspath(path)}: use .mtx (Matrix Market) or .npz (SciPy)")


def save_matrix(matrix: SparseMatrix, path: str | os.PathLike[str], words: Sequence[str]) -> None:
    """Write ``.mtx`` (Matrix Market) or ``.npz`` (that of SciPy's ``load_npz``, with an array ``words`` besides).

    Raises
    ------
    ConfigError
        For another suffix.
    """
    check_matrix_name(path)
    if os.fspath(path).lower().endswith(".npz"):
        with atomic_open(path) as stream:
            np.savez_compressed(
                stream,
                data=matrix.values,
                indices=matrix.columns,
                indptr=matrix.offsets,
                format=np.array(b"csr"),
                shape=np.array(matrix.shape),
                words=np.array(list(words), dtype=str),
            )
    else:
        _save_matrix_market(matrix, path)


def _save_matrix_market(matrix: SparseMatrix, path: str | os.PathLike[str]) -> None:
    """``row column value`` lines, both counted from 1."""
    whole = bool((matrix.values == np.round(matrix.values)).all())
    rows = np.repeat(np.arange(1, matrix.shape[0] + 1), np.diff(matrix.offsets))
    with atomic_open(path, streamed=True) as stream:
        field = "integer" if whole else "real"
        stream.write(
            f"%%MatrixMarket matrix coordinate {field} general\n"
            f"{matrix.shape[0]} {matrix.shape[1]} {len(matrix.values)}\n".encode()
        )
        for low in range(0, len(rows), _CELLS_AT_ONCE):
            part = slice(low, low + _CELLS_AT_ONCE)
            values = (
                matrix.values[part].astype(np.int64).tolist()
                if whole
                else [np.format_float_positional(v, trim="-") for v in matrix.values[part]]
            )
            stream.write(
                "".join(
                    f"{row} {column} {value}\n"
                    for row, column, value in zip(
                        rows[part].tolist(), (matrix.columns[part] + 1).tolist(), values, strict=True
                    )
                ).encode()
            )
