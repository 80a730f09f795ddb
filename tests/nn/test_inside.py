"""What ``embedkit show gates`` and ``show attention`` find in translators and captioners, by value."""

import json

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.errors import ConfigError
from embedkit.nn.layers.losses import softmax
from embedkit.nn.models import showing
from embedkit.nn.models.captioner import CaptionConfig, Captioner
from embedkit.nn.models.decoding import Search
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.language_model import LanguageModel
from embedkit.nn.words.token_table import END_ID, MASK_ID, TokenTable
from tests.nn.test_seq2seq import make

SIZE = 6


def translator(path, model, attention="general"):
    found = make(model, attention, np.float32)
    found.save(path)
    return found


def captioner(path, regions=True):
    rng = np.random.default_rng(1)
    table = TokenTable(list("abc"))
    weight = rng.standard_normal((len(table), 3)).astype(np.float32)
    model = Captioner(CaptionConfig(4, 1, 0.2, regions), 3, table, weight, tokenizer={}, rng=rng)
    model.save(path)
    return model, rng.standard_normal((2, 5, 3) if regions else (2, 3)).astype(np.float32)


@pytest.mark.parametrize(("model", "rows"), [("gru", 4), ("lstm", 6)])
def test_gates_of_a_translator(tmp_path, model, rows):
    found = translator(tmp_path / "m", model)
    encoder, decoder = showing.gates(tmp_path / "m", "a b", unit=1)
    answer = found.translate(["a b"], beam=4)[0]
    assert encoder.columns == answer.source == ["a", "b", "</s>"]
    assert decoder.columns == ["</s>", *answer.tokens]
    assert (encoder.title, len(encoder.rows)) == (f"encoder: unit 1 of {SIZE}", rows)
    x = found.source_embedding.forward(np.append(found.source.encode(["a", "b"]), 1)[None])[0]
    plain = type(found.pair.encoder)(4, SIZE, rng=np.random.default_rng(1))
    for name, values in plain.parameters.items():  # the first layer, from left to right
        values[...] = found.pair.encoder.parameters[name]
    np.testing.assert_allclose(encoder.values[-1], plain.forward(x)[0][0, :, 1], atol=1e-6)


@pytest.mark.parametrize("attention", ["dot", "general", "additive"])
def test_a_translator_looks_at_its_source(tmp_path, attention):
    found = translator(tmp_path / "m", "gru", attention)
    stages = [showing.attention(tmp_path / "m", "a b c", stage)[0] for stage in showing.STAGES]
    answer = found.translate(["a b c"], beam=4)[0]
    assert stages[2].columns == ["a", "b", "c", "</s>"] and stages[2].rows == [*answer.tokens, "</s>"]
    np.testing.assert_allclose(stages[2].values[: len(answer.weights)], answer.weights, atol=1e-5)
    root = 1 if attention == "additive" else np.sqrt(SIZE if attention == "dot" else 2 * SIZE)
    np.testing.assert_allclose(stages[0].values, stages[1].values * root, rtol=1e-4)
    np.testing.assert_allclose(softmax(stages[1].values[:, :3]), stages[2].values[:, :3], atol=1e-5)
    assert not stages[2].values[:, 3].any()  # the end is not looked at
    assert all(panel.title.startswith(f"{attention} attention, ") for panel in stages)
    assert all("</s> is masked" in panel.title for panel in stages)


def test_every_attention_of_a_transformer_that_translates(tmp_path):
    found = translator(tmp_path / "m", "transformer")
    panels = showing.attention(tmp_path / "m", "a b c")
    answer = found.translate(["a b c"], beam=4)[0]
    titles = [panel.title.partition(",")[0] for panel in panels]
    assert titles == ["encoder"] * 4 + ["decoder"] * 4 + ["decoder to source"] * 4
    assert panels[4].rows == ["</s>", *answer.tokens] and panels[-1].rows == [*answer.tokens, "</s>"]
    last = np.mean([panel.values for panel in panels[-2:]], axis=0)  # the last layer's heads
    np.testing.assert_allclose(last[: len(answer.weights)], answer.weights, atol=1e-5)
    assert not np.triu(panels[4].values, 1).any()
    assert ["masked" in panel.title for panel in panels] == [False] * 4 + [True] * 4 + [False] * 4


def test_a_masked_word_model_is_shown_as_it_fills_a_gap(tmp_path):
    table = TokenTable(["a", "b", "c"])
    rng = np.random.default_rng(0)
    config = LanguageModelConfig("masked", hidden_size=SIZE, heads=2, dropout=0.0)
    weight = rng.standard_normal((len(table), 4)).astype(np.float32)
    model = LanguageModel(config, table, weight, tokenizer={}, rng=rng)
    model.save(tmp_path / "m")
    panels = showing.attention(tmp_path / "m", "a ___ b")
    assert panels[0].rows == panels[0].columns == ["</s>", "a", "___", "b", "</s>"]
    ids = np.array([[END_ID, *table.encode(["a"]), MASK_ID, *table.encode(["b"]), END_ID]])
    _, cache = model.stacks["stack"].forward(model.embed(ids)[0], np.ones(ids.shape, bool))
    weights = cache.blocks[0].attention.sublayer.inner.weights[0]
    np.testing.assert_allclose([panel.values for panel in panels], weights, atol=1e-6)


def test_captions_look_at_regions(tmp_path):
    model, features = captioner(tmp_path / "m")
    (heat,) = showing.attention(tmp_path / "m", "", features=features[1])
    own = model.decoded(features, Search(beam=3, max_tokens=50))[1][0]
    assert heat.title.startswith("additive attention")
    assert heat.rows == [*model.table.decode(own.ids), "</s>"] and heat.columns[0] == "region 1"
    np.testing.assert_allclose(heat.values[: len(own.weights)], own.weights, atol=1e-5)
    (gates,) = showing.gates(tmp_path / "m", "a c", features=features[1])
    assert gates.columns == ["</s>", "a", "c"] and len(gates.rows) == 6


def test_what_a_model_has_instead(tmp_path):
    _, features = captioner(tmp_path / "whole", regions=False)
    translator(tmp_path / "rnn", "rnn", "none")
    translator(tmp_path / "transformer", "transformer")
    for show, name, image, message in [
        (showing.attention, "whole", features[0], "lstm without regions to look at, has a recurrent layer instead"),
        (showing.attention, "rnn", None, "rnn with attention none, has a recurrent layer instead"),
        (showing.gates, "rnn", None, "a simple RNN has no gates"),
        (showing.gates, "transformer", None, "transformer, has attention instead"),
        (showing.gates, "whole", None, "looks at an image: give its `features`"),
        (showing.gates, "rnn", features[0], "model of embedkit seq2seq, which reads a text"),
    ]:
        with pytest.raises(ConfigError, match=message):
            show(tmp_path / name, "a", features=image)


def test_the_image_of_the_command(tmp_path, capsys):
    _, features = captioner(tmp_path / "m")
    np.save(tmp_path / "images.npy", features)
    command = ["show", "attention", str(tmp_path / "m"), "a b"]
    image = ["--features", str(tmp_path / "images.npy"), "--image"]
    assert main([*command, *image, "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == ["a", "b", "</s>"]
    for options, message in [
        ([*image, "3"], "--image 3 is beyond the 2 images of"),
        (["--image", "1"], "--image has no effect without --features"),
        ([], "give its --features"),
    ]:
        assert main([*command, *options]) == 2
        assert message in capsys.readouterr().err
