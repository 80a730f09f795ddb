"""Sentences as numbers of token types, and the tokenizer that came with the vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from embedkit.errors import counted, warn_caller
from embedkit.text.tokenizers import carrying
from embedkit.text.tokens import TokenizerSettings

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors


class TokenTypes:
    """The different tokens of some sentences, and the sentences as their numbers.

    Attributes
    ----------
    tokens : list of str
        Each once, in the order of first use.
    ids : list of int64 (n_tokens,)
        One array a sentence; one without words becomes the empty token alone.
    """

    def __init__(self, sentences: Iterable[Sequence[str]]) -> None:
        index: dict[str, int] = {}
        self.ids = [
            np.array([index.setdefault(token, len(index)) for token in sentence or ("",)], np.int64)
            for sentence in sentences
        ]
        self.tokens = list(index)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sentence: int64 (n_sentences,)."""
        return np.array([len(ids) for ids in self.ids], np.int64)


def tokenizer_settings(vectors: KeyedVectors | None) -> TokenizerSettings:
    """The tokenizer that vectors were trained with, as far as they say."""
    config = vectors.config if vectors is not None else {}
    return {"tokenizer": config.get("tokenizer") or "whitespace", "lowercase": bool(config.get("lowercase"))}


def chosen_settings(tokenizer: TokenizerSettings | None, vectors: KeyedVectors | None) -> TokenizerSettings:
    """The tokenizer that was asked for, or else the vectors' own; a user dictionary is carried along.

    Raises
    ------
    EmbedkitError
        For an unknown tokenizer, or where the dictionary cannot be read.
    """
    settings = tokenizer if tokenizer is not None else tokenizer_settings(vectors)
    return {**settings, "tokenizer": carrying(settings.get("tokenizer") or "whitespace")}


FEW_KNOWN = 0.1  # of the different words of a text, below which its vectors can hardly be meant for it


def warn_unknown(n_known: int, n_words: int, where: str = "vectors") -> None:
    """Warn where vectors, or a language model, have hardly any of the different words of a training text."""
    if n_words and n_known < FEW_KNOWN * n_words:
        warn_caller(
            f"{n_known:,} of the {counted(n_words, 'different word')} of the text are in the {where}: of the same "
            "language, and cut into words alike?"
        )
