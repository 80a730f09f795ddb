"""What a language model is made of, and what it says of a text."""

from __future__ import annotations

from dataclasses import dataclass

from embedkit.nn.layers.stacks import CELLS
from embedkit.options import check, option

LANGUAGE_MODELS = (*CELLS, "transformer", "elmo", "masked")
LEAST_CONTEXT = 2  # to train with; files of older versions may have 1


@dataclass(frozen=True)
class LanguageModelConfig:
    """What a language model is made of; values that its `model` has no use for have no effect."""

    model: str = option("lstm", "The kind of model.", choices=LANGUAGE_MODELS)
    hidden_size: int = option(128, "Width of each layer.", least=1)
    num_layers: int = option(1, "Layers of each stack.", least=1)
    heads: int = option(4, "Of a Transformer's attention.", least=1, only={"model": ("transformer", "masked")})
    dropout: float = option(0.2, "On embeddings, between layers and before the softmax.", least=0, below=1)
    context: int = option(64, "Tokens through which gradients go back, and that a Transformer sees.", least=1)
    block: int = option(
        0,
        "Join consecutive lines to texts of N tokens or more, so that the model sees across line ends; 0: no.",
        least=0,
        metavar="N",
    )
    tied: bool = option(False, "One vector for reading and guessing a word, as wide as a layer.")
    token_layer: bool = option(
        True,
        "The lowest layer is the word's own vector, projected; not in files of older versions.",
        only={"model": ("elmo",)},
    )

    def __post_init__(self) -> None:
        check(self, idle=True)
