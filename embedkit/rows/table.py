"""What a file of vectors holds, whatever its format and however its rows are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, check_several, check_strings
from embedkit.rows.norms import row_norms
from embedkit.rows.protocol import EncodedRows, Rows, blocks_of
from embedkit.vocabulary.words import Words

if TYPE_CHECKING:
    from embedkit.rows.subwords import Subwords

T = TypeVar("T", bool, int, float, str)
OUTPUTS_LEFT_OUT = "outputs_left_out"  # in the configuration of paragraph vectors that were changed after training


@dataclass
class EmbeddingTable:
    """Words and their vectors, with all that may stand beside them in a file.

    Readers of formats return it, writers take it, `embedkit.query.keyed_vectors.KeyedVectors` answers questions about
    it. Everything but words and vectors is optional.

    Attributes
    ----------
    words : sequence of str
        The most frequent first where that is known. Of equal words the first row counts.
    vectors : Rows (n_words, vector_size)
        An array, a memory map, or rows that are decoded when they are asked for.
    counts : int64 (n_words,), optional
        How often each word was seen in training.
    norms : float32 (n_words,), optional
        The lengths of the rows, where they are known.
    subwords : Subwords, optional
        How words are split into n-grams.
    ngram_vectors : Rows (subwords.n_rows, vector_size), optional
        The n-grams' rows.
    word_rows : Rows (n_words, vector_size), optional
        The words' own rows, before the n-grams were added.
    output_vectors : float32 (n_outputs, vector_size), optional
        The output layer; a row a word, but for hierarchical softmax.
    config : dict
        The training configuration.
    document_vectors : float32 (n_documents, vector_size), optional
        Of the lines that paragraph vectors were trained on, in their order.
    left_behind : tuple of str
        What the file holds besides and was not read, in words for a message (``"the classifier of 3 labels"``).
    dropped : tuple of str
        What the vectors that these were made from held besides and these do not, in words for a message.

    Raises
    ------
    ConfigError
        When the shapes do not fit together.
    """

    words: Sequence[str]
    vectors: Rows
    counts: np.ndarray | None = None
    norms: np.ndarray | None = None
    subwords: Subwords | None = None
    ngram_vectors: Rows | None = None
    word_rows: Rows | None = None
    output_vectors: np.ndarray | None = None
    config: dict[str, Any] = field(default_factory=dict)
    left_behind: tuple[str, ...] = ()
    document_vectors: np.ndarray | None = None
    dropped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.words, Words):
            check_several(self.words, "words")
            self.words = list(self.words)
            check_strings(self.words, "words")
        self.vectors = as_rows(self.vectors)
        self.config = dict(self.config)
        if self.counts is not None:
            self.counts = np.asarray(self.counts, np.int64)
        n = len(self.words)
        if len(self.vectors.shape) != 2 or len(self.vectors) != n:
            raise ConfigError(f"expected vectors of shape ({n}, vector_size), found {self.vectors.shape}")
        for name in ("counts", "norms", "word_rows"):
            rows = getattr(self, name)
            if rows is not None and len(rows) != n:
                raise ConfigError(f"{name} has {len(rows)} rows for {n} words")
        # Kernels read these rows by number, without asking again.
        for name in ("word_rows", "ngram_vectors", "output_vectors", "document_vectors"):
            rows = getattr(self, name)
            if rows is not None and tuple(rows.shape[1:]) != (self.vector_size,):
                raise ConfigError(f"{name} has the shape {tuple(rows.shape)} beside {self.vector_size} dimensions")
        if self.subwords is not None and self.ngram_vectors is not None:
            expected, found = self.subwords.n_rows, len(self.ngram_vectors)
            if found < expected:
                raise ConfigError(f"ngram_vectors has {found:,} rows, the subwords name {expected:,} buckets")

    @property
    def vector_size(self) -> int:
        """Dimensions of a vector."""
        return int(self.vectors.shape[1])

    @property
    def packed_words(self) -> Words:
        """The words as bytes.

        Raises
        ------
        EmbedkitError
            When a word holds a lone surrogate that stands for no byte.
        """
        return Words.from_strings(self.words)

    @property
    def besides(self) -> dict[str, str]:
        """What is held beside words and vectors, in words for a message."""
        held = {
            "n-grams": (self.ngram_vectors, "the n-grams (unknown words will have no vectors)"),
            "output vectors": (self.output_vectors, "the output vectors"),
            "document vectors": (self.document_vectors, "the vectors of documents"),
        }
        return {name: words for name, (rows, words) in held.items() if rows is not None}

    def made_of(self, before: EmbeddingTable) -> EmbeddingTable:
        """The same, knowing what the vectors that it was made from held and it does not."""
        now = self.besides
        gone = [words for name, words in before.besides.items() if name not in now]
        dropped = tuple(dict.fromkeys((*before.dropped, *self.dropped, *gone)))
        return replace(self, left_behind=before.left_behind, dropped=dropped)

    @property
    def has_inputs(self) -> bool:
        """Whether words were trained as inputs; PV-DBOW without words has those of its output layer alone."""
        return self.config.get("paragraphs") != "dbow" or bool(self.config.get("train_words"))

    @property
    def outputs_of_tree(self) -> bool:
        """Whether the output layer is of hierarchical softmax: a row for each inner node of a tree, none for a word."""
        outputs = self.output_vectors
        return self.config.get("loss") == "hs" or (outputs is not None and len(outputs) != len(self))

    @property
    def outputs(self) -> Rows | None:
        """The output layer where it has a row a word; the vectors themselves where words were no inputs."""
        if not self.has_inputs:
            return None if self.config.get(OUTPUTS_LEFT_OUT) else self.vectors
        return None if self.outputs_of_tree else self.output_vectors

    @property
    def why_no_outputs(self) -> str:
        """Why there are no `outputs`, said of a model, and what to do."""
        if self.outputs_of_tree:
            return (
                "was trained with hierarchical softmax, whose output vectors belong to inner nodes of a tree, not to "
                "words; train it with `loss` ns or softmax"
            )
        if self.config.get("keep_output") or self.config.get("paragraphs"):
            return (
                "was changed after training (compressed, centred), without its output vectors; take the one that it "
                "was made from"
            )
        if self.config.get("positional"):
            return (
                "has output vectors of places in the window, which no file keeps; train it with `keep_output`, without "
                "`positional`"
            )
        return "did not keep its output vectors; train it with `keep_output`"

    def lengths(self) -> np.ndarray:
        """The lengths of the rows, worked out once: float32 (n_words,)."""
        if self.norms is None:
            norms = np.empty(len(self), np.float32)
            for low, block in blocks_of(self.vectors):
                norms[low : low + len(block)] = row_norms(block)
            self.norms = norms
        return self.norms

    def head(self, n: int) -> EmbeddingTable:
        """The first `n` words, with all that belongs to them."""
        if n >= len(self):
            return self
        words = self.packed_words
        return self._part(Words(words.blob, words.offsets[: n + 1]), slice(n))

    def take(self, rows: np.ndarray) -> EmbeddingTable:
        """The words of some rows, with all that belongs to them: int64 (k,), ascending."""
        words = self.packed_words
        return self._part(Words.from_bytes([words.encoded(row) for row in rows.tolist()]), rows)

    def _part(self, words: Words, rows: slice | np.ndarray) -> EmbeddingTable:
        outputs = self.output_vectors
        return EmbeddingTable(
            words,
            self.vectors[rows],
            None if self.counts is None else self.counts[rows],
            None if self.norms is None else self.norms[rows],
            self.subwords,
            self.ngram_vectors,
            None if self.word_rows is None else self.word_rows[rows],
            outputs[rows] if outputs is not None and len(outputs) == len(self) else None,
            self.config,
            self.left_behind,
            self.document_vectors,
            self.dropped,
        )

    def setting(self, name: str, default: T) -> T:
        """A value of the configuration, which comes from a file, checked to be of the kind of `default`.

        Raises
        ------
        EmbedkitError
            When it is of another kind, not finite, or beyond ±2**31.
        """
        value: Any = self.config.get(name)
        if value is None or (value == "" and isinstance(default, str)):
            return default
        kinds = (int, float) if type(default) is float else (type(default),)
        if type(value) in kinds and (isinstance(value, str) or -(2**31) < value < 2**31):
            return cast(T, type(default)(value))
        raise EmbedkitError(f"damaged: the configuration's {name} is {str(value)[:60]!r}, not {type(default).__name__}")

    def __len__(self) -> int:
        return len(self.words)


def as_rows(vectors: Any) -> Rows:
    """Rows as they are, anything else as an array of float32."""
    if isinstance(vectors, EncodedRows):
        return vectors
    matrix = np.asarray(vectors)
    return matrix if matrix.dtype == np.float32 else matrix.astype(np.float32)
