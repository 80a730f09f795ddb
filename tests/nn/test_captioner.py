"""Captions: gradients, that it learns, commands and bad input."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.errors import ConfigError, CorpusError
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models import caption_training
from embedkit.nn.models.caption_training import evaluate_captioner, train_captioner
from embedkit.nn.models.captioner import CaptionConfig, Captioner
from embedkit.nn.models.decoding import Search
from embedkit.nn.words.token_table import SPECIALS, TokenTable
from tests.nn.gradients import check_gradients

NOUNS, PLACES = ["cat", "dog", "bird"], ["house", "tree"]


def images(n, seed):
    """Features that show a noun and a place, with noise, and their captions."""
    rng = np.random.default_rng(seed)
    noun, place = rng.integers(0, 3, n), rng.integers(0, 2, n)
    features = np.concatenate([np.eye(3)[noun], np.eye(2)[place]], axis=1) + 0.1 * rng.standard_normal((n, 5))
    captions = [f"a {NOUNS[i]} near the {PLACES[j]}" for i, j in zip(noun, place, strict=True)]
    return features.astype(np.float32), captions


def test_gradients():
    rng = np.random.default_rng(1)
    table = TokenTable(list("abc"))
    model = Captioner(CaptionConfig(4, 2, 0.2), 3, table, rng.standard_normal((len(table), 3)), tokenizer={}, rng=rng)
    features, captions = rng.standard_normal((2, 3)), [np.array([3, 4]), np.array([5])]

    def run():
        return model.loss_and_gradients(features, captions, np.random.default_rng(2))

    _, grads = run()
    assert set(grads) == set(model.parameters)
    check_gradients(lambda: run()[0], model.parameters, grads, directions=1)


def test_learns_and_comes_back_from_its_file(tmp_path):
    features, captions = images(300, 1)
    model, _ = train_captioner(
        features,
        captions,
        config=CaptionConfig(16, 1, 0.0),
        vector_size=8,
        options=TrainingOptions(epochs=30, learning_rate=1e-2, batch_size=32, patience=30),
    )
    test, expected = images(20, 2)
    assert [text for text, _ in model.caption(test)] == expected
    model.save(tmp_path / "m")
    again = Captioner.load(tmp_path / "m")
    assert again.caption(test, beam=3) == model.caption(test, beam=3)
    assert again.caption(test[:0]) == []
    with pytest.raises(ConfigError, match=r"features of width 5, found an array of shape \(1, 4\)"):
        again.caption(test[:1, :4])


def test_images_not_captions_are_held_out(monkeypatch):
    features, captions = images(12, 1)
    seen = {}

    class Spy(caption_training._Task):
        def __init__(self, model, features, captions, kept, held, *rest):
            seen.update(kept=features[kept], held=features[held])
            super().__init__(model, features, captions, kept, held, *rest)

    monkeypatch.setattr(caption_training, "_Task", Spy)
    several = np.repeat(features[:12], 5, axis=0)
    options = TrainingOptions(epochs=1, batch_size=8)
    train_captioner(several, [c for c in captions[:12] for _ in range(5)], options=options, vector_size=4)
    assert len(seen["held"]) % 5 == 0 and len(seen["held"]) > 0
    assert not {row.tobytes() for row in seen["kept"]} & {row.tobytes() for row in seen["held"]}


def test_captions_are_measured_by_the_image_and_their_tokens_limited():
    features, captions = images(12, 1)
    options = TrainingOptions(epochs=1, batch_size=8)
    model, _ = train_captioner(features, captions, options=options, vector_size=4, max_vocab=2)
    assert len(model.table) == 2 + len(SPECIALS)
    ((said, _),) = model.captions(features[:1], Search())[0]
    found = evaluate_captioner(model, np.repeat(features[:1], 3, axis=0), ["x y", said, captions[0]])
    assert (found.exact, found.images, found.references) == (1.0, 1, 3)
    with pytest.raises(CorpusError, match="found 1 for 2 rows"):
        evaluate_captioner(model, features[:2], captions[:1])
    with pytest.raises(ConfigError, match="`captions` must be a list of strings"):
        evaluate_captioner(model, features[:2], "a caption")


def test_features_that_are_no_numbers_are_refused_by_predict(tmp_path):
    features, captions = images(20, 1)
    options = TrainingOptions(epochs=1, batch_size=8)
    model, _ = train_captioner(features, captions, options=options, vector_size=4)
    broken = features[:3].copy()
    broken[1, 0] = np.nan
    with pytest.raises(CorpusError, match="row 2 of the features holds NaN"):
        model.caption(broken)
    found = model.captions(features[:2], Search(4, 5, n_best=3))
    assert [len(several) for several in found] == [3, 3]
    assert all(a[1] >= b[1] for several in found for a, b in itertools.pairwise(several))


def test_commands_and_bad_input(tmp_path, capsys):
    features, captions = images(60, 1)
    npy, text, model = tmp_path / "f.npy", tmp_path / "c.txt", str(tmp_path / "m.safetensors")
    np.save(npy, features)
    text.write_text("\n".join(captions) + "\n", encoding="utf-8")
    assert (
        main(
            [
                "caption",
                "train",
                str(npy),
                str(text),
                "-o",
                model,
                "--epochs",
                "2",
                "--hidden-size",
                "8",
                "--vector-size",
                "6",
                "-q",
            ]
        )
        == 0
    )
    assert main(["caption", "evaluate", model, str(npy), str(text), "--json"]) == 0
    found = evaluate_captioner(Captioner.load(model), features, captions, Search(3, 50))
    assert json.loads(capsys.readouterr().out) == found._asdict() and found.images == 60
    assert main(["caption", "predict", model, str(npy), "--max-tokens", "6"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 60
    np.save(tmp_path / "wide.npy", np.zeros((2, 9)))
    (tmp_path / "blank.txt").write_text("".join(f"{line}\n" for line in [*captions[:-1], ""]))
    (tmp_path / "few.txt").write_text("\n".join(captions[:-1]) + "\n")
    assert main(["caption", "evaluate", model, str(npy), str(tmp_path / "few.txt")]) == 1
    assert "found 59 for 60 rows" in capsys.readouterr().err
    for arguments, message in [
        (["caption", "predict", model, str(tmp_path / "wide.npy")], "expected features of width 5"),
        (["caption", "predict", model, str(text)], "of numbers in an .npy file, found another kind of file"),
        (["caption", "evaluate", model, str(npy), str(tmp_path / "blank.txt")], "caption 60 is blank"),
        (["caption", "train", str(tmp_path / "wide.npy"), str(text), "-o", model], "2, 9) and 60 captions"),
        (["seq2seq", "predict", model, str(text)], "expected a model of embedkit seq2seq"),
    ]:
        assert main(arguments) in {1, 2}
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    features[3, 1] = np.nan
    with pytest.raises(CorpusError, match="NaN or infinity"):
        train_captioner(features, captions)
    with pytest.raises(CorpusError, match="caption 2 is blank: expected one for each row of features"):
        train_captioner(np.eye(3), ["a", " ", "c"])


def regions(n, seed):
    """Images of four regions, one with a noun, one with a place, the others with nothing, and their captions."""
    rng = np.random.default_rng(seed)
    noun, place = rng.integers(0, 3, n), rng.integers(0, 2, n)
    where = np.argsort(rng.random((n, 4)), axis=1)
    features = 0.1 * rng.standard_normal((n, 4, 5))
    rows = np.arange(n)
    features[rows, where[:, 0], noun] += 1
    features[rows, where[:, 1], 3 + place] += 1
    captions = [f"a {NOUNS[i]} near the {PLACES[j]}" for i, j in zip(noun, place, strict=True)]
    return features.astype(np.float32), captions, where


def test_gradients_with_regions():
    rng = np.random.default_rng(1)
    table, config = TokenTable(list("abc")), CaptionConfig(4, 2, 0.2, regions=True)
    model = Captioner(config, 3, table, rng.standard_normal((len(table), 3)), tokenizer={}, rng=rng)
    features, captions = rng.standard_normal((2, 5, 3)), [np.array([3, 4]), np.array([5])]

    def run():
        return model.loss_and_gradients(features, captions, np.random.default_rng(2))

    _, grads = run()
    check_gradients(lambda: run()[0], model.parameters, grads, directions=1)


def test_words_look_at_their_region(tmp_path):
    features, captions, _ = regions(300, 1)
    model, _ = train_captioner(
        features,
        captions,
        config=CaptionConfig(24, 1, 0.0),
        vector_size=8,
        options=TrainingOptions(epochs=40, learning_rate=2e-2, batch_size=32, patience=40),
    )
    test, expected, where = regions(30, 2)
    assert [text for text, _ in model.caption(test)] == expected
    found = [several[0] for several in model.decoded(test, Search())]
    weights = np.array([one.weights for one in found])
    assert weights.shape == (30, 6, 4) and np.allclose(weights.sum(2), 1, atol=1e-5)
    assert (weights[:, 1].argmax(1) == where[:, 0]).mean() > 0.8, "the noun looks at the region that shows it"
    model.save(tmp_path / "m")
    again = Captioner.load(tmp_path / "m")
    assert again.config.regions and again.caption(test, beam=3) == model.caption(test, beam=3)
    for bad in (test[0], test[:, 0], test[:, :, :4], test[:, :0]):
        with pytest.raises(ConfigError, match=r"expected \(images, regions, features\) with features of width 5"):
            again.caption(bad)


def test_regions_on_the_command_line(tmp_path, capsys):
    features, captions, _ = regions(40, 1)
    np.save(tmp_path / "regions.npy", features)
    np.save(tmp_path / "flat.npy", features[:, 0])
    (tmp_path / "captions.txt").write_text("\n".join(captions) + "\n", encoding="utf-8")
    for name in ("regions", "flat"):
        train = ["caption", "train", tmp_path / f"{name}.npy", tmp_path / "captions.txt", "-o", tmp_path / name]
        assert main([*map(str, train), "--epochs", "2", "--hidden-size", "8", "-q"]) == 0
    predict = ["caption", "predict", str(tmp_path / "regions"), str(tmp_path / "regions.npy"), "--attention-plot"]
    assert main([*predict, str(tmp_path / "look.svg"), "-q"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 40 and (tmp_path / "look.svg").read_text().startswith("<?xml")
    evaluate = ["caption", "evaluate", tmp_path / "regions", tmp_path / "regions.npy", tmp_path / "captions.txt"]
    assert main([*map(str, evaluate), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 40
    flat = ["caption", "predict", str(tmp_path / "flat"), str(tmp_path / "flat.npy"), "--attention-plot"]
    assert main(flat) == 2 and "needs a model of regions" in capsys.readouterr().err
