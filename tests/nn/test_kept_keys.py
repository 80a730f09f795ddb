"""Keys and values that decoding keeps: the same answers as when everything is read again at each step."""

import numpy as np
import pytest

from embedkit.nn.layers.multihead import MultiheadAttention
from embedkit.nn.layers.stacks import TransformerStack
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.language_model import LanguageModel
from embedkit.nn.models.translators import TransformerPair
from embedkit.nn.words.token_table import END_ID, MASK_ID, UNKNOWN_ID, TokenTable

WIDTH, HEADS = 8, 2


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("pieces", [(1, 1, 1, 1, 1), (3, 2), (4, 1)])
def test_attention_in_pieces_is_attention_at_once(pieces):
    layer = MultiheadAttention(WIDTH, HEADS, rng=np.random.default_rng(1), dtype=np.float64)
    x, real = numbers(3, 5, WIDTH), np.ones((3, 5), bool)
    whole, _ = layer.forward(x, mask=real, causal=True)
    low, read, found = 0, None, []
    for n in pieces:
        y, cache = layer.forward(x[:, low : low + n], mask=real[:, low : low + n], causal=True, before=read)
        low, read = low + n, cache.read
        found.append(y)
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole, atol=1e-12)


def test_a_stack_goes_on_where_it_was_until_it_sees_no_further():
    stack = TransformerStack(6, WIDTH, 2, HEADS, 0.1, causal=True, rng=np.random.default_rng(2), dtype=np.float64)
    x, real = numbers(2, 6, 6), np.ones((2, 6), bool)
    whole, cache = stack.forward(x, real)
    assert cache.after(6) is None and len(cache.after(7)) == 2
    state = None
    for step in range(6):
        outputs, cache = stack.forward(x[:, step : step + 1], real[:, :1], state)
        state = cache.after(7)
        for layer, at_once in zip(outputs, whole, strict=True):
            np.testing.assert_allclose(layer[:, 0], at_once[:, step], atol=1e-12)


def test_a_translator_decodes_step_by_step_and_beams_may_change_places():
    pair = TransformerPair(5, 6, WIDTH, 2, HEADS, 0.1, rng=np.random.default_rng(3), dtype=np.float64)
    source = np.ones((3, 4), bool)
    source[1, 2:] = False
    state, _ = pair.encode(numbers(3, 4, 5), source)
    x = numbers(3, 5, 6, seed=4)
    whole, _, cache = pair.decode(x, np.ones((3, 5), bool), state)
    rows = np.arange(3)
    for step in range(5):
        hidden, state, own = pair.decode(x[rows, step : step + 1], np.ones((3, 1), bool), state)
        np.testing.assert_allclose(hidden[:, 0], whole[rows, step], atol=1e-12)
        np.testing.assert_allclose(pair.weights(own)[:, 0], pair.weights(cache)[rows, step], atol=1e-12)
        order = np.random.default_rng(step).permutation(3)
        rows, state = rows[order], tuple(part[order] for part in state)


def test_a_language_model_writes_what_it_would_write_reading_all_again():
    config = LanguageModelConfig(model="transformer", hidden_size=WIDTH, heads=HEADS, num_layers=2, context=6)
    table = TokenTable([f"w{i}" for i in range(20)])
    model = LanguageModel(
        config, table, numbers(len(table), 5), tokenizer={"tokenizer": "whitespace"}, rng=np.random.default_rng(5)
    )
    text = ["w1", "w2"]
    written = model.generate(text, max_tokens=15, temperature=0, rng=np.random.default_rng(6))
    assert len(written) == 15  # more than the context holds
    expected: list[str] = []
    while len(expected) < 15:
        ids = np.concatenate([[END_ID], table.encode(text + expected)])[-6:]
        outputs, _ = model.stacks["stack"].forward(model.embed(ids[None])[0], np.ones((1, len(ids)), bool))
        logits = model.output.forward(outputs[-1][0, -1])[0]
        logits[[UNKNOWN_ID, MASK_ID]] = -np.inf
        expected.append(table.tokens[int(logits.argmax())])
    assert written == expected
