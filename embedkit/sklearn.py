"""Estimators of scikit-learn: texts become vectors, by vectors of words that are given or that are trained in ``fit``.

>>> from sklearn.linear_model import LogisticRegression               # doctest: +SKIP
>>> from sklearn.pipeline import make_pipeline                        # doctest: +SKIP
>>> make_pipeline(EmbeddingVectorizer("m.safetensors", method="sif"), LogisticRegression())   # doctest: +SKIP

Importing this module needs scikit-learn; nothing else of embedkit does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from embedkit.documents.sentence_model import SentenceModel, SentenceOptions
from embedkit.documents.sentences import SentenceEncoder, learn
from embedkit.errors import ConfigError, EmbedkitError, check_several
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.storing import load
from embedkit.text.tokenizers import get_tokenizer
from embedkit.training import train

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.exceptions import NotFittedError
except ImportError as error:
    raise EmbedkitError("embedkit.sklearn needs scikit-learn: pip install scikit-learn") from error

__all__ = ["EmbeddingVectorizer", "Word2VecTransformer"]


class _TextVectors(TransformerMixin, BaseEstimator):
    """What both estimators do once they have vectors of words."""

    vectors_: KeyedVectors
    sentence_model_: SentenceModel
    _encoder: SentenceEncoder | None = None

    def transform(self, X: Iterable[str | Sequence[str]]) -> np.ndarray:
        """The vectors of texts.

        Parameters
        ----------
        X : iterable of str, or of lists of tokens

        Returns
        -------
        float32 (n_texts, vector_size)
            Zero for a text without a known word.
        """
        return self._ready().vectors(_lines(X))

    def fit_transform(self, X: Iterable[str | Sequence[str]], y: Any = None) -> np.ndarray:
        """`fit` and `transform`, with the texts read once."""
        lines = _lines(X)
        return self.fit(lines, y)._ready().vectors(lines)  # `transform` would put another index on a table than X has

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the dimensions: ``embedding0``, ``embedding1``, …"""
        return np.array([f"embedding{i}" for i in range(self._ready().model.vector_size)], object)

    def _ready(self) -> SentenceEncoder:
        if not hasattr(self, "sentence_model_"):
            raise NotFittedError(f"This {type(self).__name__} instance is not fitted yet: call fit first.")
        if self._encoder is None:
            self._encoder = SentenceEncoder(self.vectors_, self.sentence_model_)
        return self._encoder

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the encoder, which is made again."""
        return {name: value for name, value in super().__getstate__().items() if name != "_encoder"}

    def _learn(self, model: KeyedVectors, lines: list[str], cutting: tuple[str, bool]) -> None:
        """Learn from texts what the method needs; `cutting` is the tokenizer and whether it lower-cases."""
        parameters = self.get_params(deep=False)
        options = SentenceOptions.create(**{name: parameters[name] for name in ("method", "smoothing", "components")})
        given = () if parameters["stop_words"] is None else parameters["stop_words"]
        check_several(given, "stop_words")
        stop_words = tuple(given)
        self.sentence_model_, encoder = learn(model, [lines], options, stop_words, cutting)
        self._encoder = SentenceEncoder(model, self.sentence_model_, encoder.rows)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        return tags


class EmbeddingVectorizer(_TextVectors):
    """Texts as vectors, by word vectors that are there.

    Parameters
    ----------
    model : KeyedVectors or path
        Vectors of words, or a file or folder that `embedkit.load` opens.
    method : {"mean", "max", "fasttext", "tfidf", "sif", "usif"}, default "mean"
        How the vectors of a text's words become one (`embedkit.documents.sentences`). What ``sif``, ``usif`` and
        ``tfidf`` learn, ``fit`` learns from its texts, and ``transform`` applies to others.
    tokenizer : str, optional
        How texts are cut, one of `embedkit.text.tokenizers.TOKENIZERS`; by default as in the model's training.
    lowercase : bool, optional
        By default as in the model's training.
    stop_words : iterable of str, optional
        Words that are left out.
    smoothing : float, optional
        ``sif``: the smaller, the less frequent words count. Default 0.001.
    components : int, optional
        ``sif``, ``usif``: so many directions that all texts share are removed. Default 1; usif 5.

    Attributes
    ----------
    vectors_ : KeyedVectors
    sentence_model_ : SentenceModel
        What the texts taught; ``save`` writes it for ``embedkit vectors --apply``.

    Examples
    --------
    >>> words = KeyedVectors(["good", "bad"], np.eye(2, dtype=np.float32))
    >>> EmbeddingVectorizer(words).fit_transform(["good", "good bad"]).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """

    def __init__(
        self,
        model: KeyedVectors | str | os.PathLike[str] | None = None,
        *,
        method: str = "mean",
        tokenizer: str | None = None,
        lowercase: bool | None = None,
        stop_words: Iterable[str] | None = None,
        smoothing: float | None = None,
        components: int | None = None,
    ) -> None:
        self.model = model
        self.method = method
        self.tokenizer = tokenizer
        self.lowercase = lowercase
        self.stop_words = stop_words
        self.smoothing = smoothing
        self.components = components

    def fit(self, X: Iterable[str | Sequence[str]], y: Any = None) -> EmbeddingVectorizer:
        """Learn from texts what the method needs.

        Raises
        ------
        ConfigError
            Without a model, or for an option that cannot work.
        CorpusError
            When no text holds a word that the model knows.
        """
        if self.model is None:
            raise ConfigError("give `model`, word vectors or their file; Word2VecTransformer trains its own")
        self.vectors_ = self.model if isinstance(self.model, KeyedVectors) else load(self.model)
        table = self.vectors_.table
        self._learn(
            self.vectors_,
            _lines(X),
            (
                self.tokenizer or table.setting("tokenizer", "whitespace"),
                table.setting("lowercase", False) if self.lowercase is None else self.lowercase,
            ),
        )
        return self

    def __sklearn_clone__(self) -> EmbeddingVectorizer:
        """A clone with the same vectors: they are never written to, and may be larger than the memory."""
        return type(self)(**self.get_params(deep=False))


class Word2VecTransformer(_TextVectors):
    """Texts as vectors, by word vectors that ``fit`` trains on its texts.

    Parameters
    ----------
    vector_size : int, default 100
    model : {"skipgram", "cbow", "fasttext", "glove", "svd", "lsa"}, default "skipgram"
    window, epochs, min_count, negative : int, optional
        As `embedkit.train`; its defaults.
    tokenizer : str, default "words"
        How texts are cut, one of `embedkit.text.tokenizers.TOKENIZERS`.
    lowercase : bool, default False
        ``words`` lower-cases always.
    method, stop_words, smoothing, components
        As `EmbeddingVectorizer`.
    n_jobs : int, optional
        Threads; all cores by default.
    random_state : int, default 1
        With ``n_jobs=1`` a run repeats bit for bit.

    Attributes
    ----------
    vectors_ : KeyedVectors
    sentence_model_ : SentenceModel
    """

    def __init__(
        self,
        vector_size: int = 100,
        *,
        model: str = "skipgram",
        window: int | None = None,
        epochs: int | None = None,
        min_count: int | None = None,
        negative: int | None = None,
        tokenizer: str = "words",
        lowercase: bool = False,
        method: str = "mean",
        stop_words: Iterable[str] | None = None,
        smoothing: float | None = None,
        components: int | None = None,
        n_jobs: int | None = None,
        random_state: int = 1,
    ) -> None:
        self.vector_size = vector_size
        self.model = model
        self.window = window
        self.epochs = epochs
        self.min_count = min_count
        self.negative = negative
        self.tokenizer = tokenizer
        self.lowercase = lowercase
        self.method = method
        self.stop_words = stop_words
        self.smoothing = smoothing
        self.components = components
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Iterable[str | Sequence[str]], y: Any = None) -> Word2VecTransformer:
        """Train word vectors on texts, and learn from them what the method needs.

        Raises
        ------
        ConfigError
            For an option that cannot work.
        CorpusError
            When the texts leave nothing to train on.
        """
        lines = _lines(X)
        tokenizer = get_tokenizer(self.tokenizer, self.lowercase)
        self.vectors_ = train(
            [tokenizer.tokens(line) for line in lines],
            model=self.model,
            vector_size=self.vector_size,
            window=self.window,
            epochs=self.epochs,
            min_count=self.min_count,
            negative=self.negative,
            workers=None if self.n_jobs in (None, -1) else self.n_jobs,
            seed=self.random_state,
        )
        self._learn(self.vectors_, lines, (self.tokenizer, self.lowercase))
        return self


def _lines(texts: Iterable[str | Sequence[str]]) -> list[str]:
    """Texts as lines: lists of tokens are joined."""
    if isinstance(texts, str):
        raise ConfigError("expected several texts, found one str: put it into a list")
    if getattr(texts, "ndim", 1) != 1 or isinstance(texts, Mapping):  # which are gone through by their names
        raise ConfigError(f"expected a column of texts, found a {type(texts).__name__}: choose one, such as X['text']")
    lines = []
    for text in texts:
        if isinstance(text, str):
            lines.append(text)
        elif isinstance(text, list | tuple) and all(isinstance(token, str) for token in text):
            lines.append(" ".join(text))
        else:
            raise ConfigError(f"expected texts or lists of tokens, found {type(text).__name__} ({str(text)[:40]!r})")
    return lines
