"""Which words a masked-word model is to guess, and what stands in their place (Devlin et al. 2019, section 3.1)."""

from __future__ import annotations

import numpy as np

from embedkit.nn.layers.parameters import Array
from embedkit.nn.words.token_table import END_ID, MASK, MASK_ID, SPECIALS
from embedkit.text.tokens import GAP, TokenizerSettings, around_gaps, part_cutter

GAPS = (GAP, MASK)  # how somebody writes what is to be guessed
MASKED_SHARE, HIDDEN_SHARE, CHANGED_SHARE = 0.15, 0.8, 0.1


def cut_with_gap(text: str, settings: TokenizerSettings) -> list[str]:
    """The tokens of a text with each ``___`` kept whole, whatever the tokenizer does to it."""
    cut, parts = part_cutter(settings), around_gaps(text.strip())
    return [token for i, part in enumerate(parts) for token in ([GAP] if i else []) + cut(part)]


def hide_some_words(ids: Array, mask: Array, n_tokens: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Choose what is to be guessed and hide most of it; at least one token a text.

    Parameters
    ----------
    ids : int64 (batch, time)
    mask : bool (batch, time)
        Where a text has a token.
    n_tokens : int
        Of the table that changed words are drawn from.
    rng : numpy.random.Generator

    Returns
    -------
    shown, wanted : int64 (batch, time)
        What the model reads, and what it is to guess, −1 where nothing.
    """
    words = mask & (ids != END_ID)
    draw = np.where(words, rng.random(ids.shape), 2.0)
    chosen = (draw < MASKED_SHARE) | (words & (draw == draw.min(axis=1, keepdims=True)))
    how = rng.random(ids.shape)
    shown = np.where(chosen & (how < HIDDEN_SHARE), MASK_ID, ids)
    changed = chosen & (how >= HIDDEN_SHARE) & (how < HIDDEN_SHARE + CHANGED_SHARE)
    shown = np.where(changed, rng.integers(len(SPECIALS), n_tokens, ids.shape), shown)
    return shown, np.where(chosen, ids, -1)


def without_mask(logits: Array) -> Array:
    """The scores of what may stand in a text, float (..., n_tokens), changed in place: ``<mask>`` never does."""
    logits[..., MASK_ID] = -np.inf
    return logits
