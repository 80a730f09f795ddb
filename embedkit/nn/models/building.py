"""Classifiers and taggers built again from their file: models whose words are a `WordInput`.

Beside `embedkit.nn.models.loading`, which knows no model, because a word may come with a language model's context.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from embedkit.errors import FormatError
from embedkit.nn.models.contextual import ContextualEncoder
from embedkit.nn.models.loading import Recipe
from embedkit.nn.words.lookup import WordLookup
from embedkit.nn.words.spelling import SpellingLookup
from embedkit.nn.words.word_input import WordInput

M = TypeVar("M")
LOOKUPS = ("words", "word_offsets", "word_order", "buckets", "features.", "context.")


def build(
    kind: Callable[..., M],
    config_kind: type,
    recipe: Recipe,
    older: dict[str, Any] | None = None,
    beside: tuple[str, ...] = (),
) -> M:
    """Build a `Classifier` or `Tagger`, whose words are a `WordInput`; `older` as in `Recipe.config`.

    Tensors whose names begin as in `beside` are left to the caller.
    """
    lookup = WordLookup.from_tensors(recipe.tensors, recipe.settings.get("subwords"))
    weight = recipe.matrix("embedding.weight")
    config: Any = recipe.config(config_kind, older)
    if len(weight) != lookup.n_rows:
        raise FormatError(f"expected {lookup.n_rows} rows of word vectors, found {len(weight)}")
    inner = recipe.part("context", "context")
    words = WordInput(
        lookup,
        weight,
        frozen=config.frozen,
        scale=recipe.number("scale"),
        spelling=SpellingLookup.from_tensors(recipe.tensors) if "features.words" in recipe.tensors else None,
        spelling_size=getattr(config, "spelling_size", 0),
        rng=recipe.rng,
        context=None if inner is None else ContextualEncoder.from_recipe(inner),
    )
    model: Any = kind(config, recipe.labels(), words, tokenizer=recipe.tokenizer("tokenizer"), rng=recipe.rng)
    recipe.fill(model, beside=(*LOOKUPS, *beside))
    return cast(M, model)
