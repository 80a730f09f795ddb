"""What a language model is made of, and what it says of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from embedkit.errors import ConfigError
from embedkit.nn.layers.stacks import CELLS
from embedkit.nn.models.loading import check_sizes

LANGUAGE_MODELS = (*CELLS, "transformer", "elmo", "masked")


@dataclass(frozen=True)
class LanguageModelConfig:
    """What a language model is made of.

    Attributes
    ----------
    model : {"rnn", "gru", "lstm", "transformer", "elmo", "masked"}
    hidden_size, num_layers, heads : int
        Of each stack; `heads` of Transformers.
    dropout : float
        On embeddings, between layers and before the softmax.
    context : int
        Steps through which gradients go back (recurrent: truncated backpropagation through time, the state
        goes on), and the widest view of a Transformer.
    block : int
        Consecutive lines are read together, ``</s>`` between them, until they have so many tokens; 0: each by itself.
    tied : bool
        The softmax has the embedding's vectors, which must be as wide as `hidden_size`.
    token_layer : bool
        ELMo's lowest layer is the word's own vector, projected to `hidden_size`; False in files of older versions.
    """

    ONLY: ClassVar = {"heads": ("transformer", "masked"), "token_layer": ("elmo",)}

    model: str = "lstm"
    hidden_size: int = 128
    num_layers: int = 1
    heads: int = 4
    dropout: float = 0.2
    context: int = 64
    block: int = 0
    tied: bool = False
    token_layer: bool = True

    def __post_init__(self) -> None:
        if self.block < 0:
            raise ConfigError(f"block must be at least 0, got {self.block}")
        check_sizes(self, "hidden_size", "num_layers", "heads", "context")
        if self.model not in LANGUAGE_MODELS:
            raise ConfigError(f"unknown language model {self.model!r}: choose one of {', '.join(LANGUAGE_MODELS)}")
