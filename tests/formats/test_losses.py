"""What a format does not keep is said, or refused where nothing would be left of it; never dropped without a word."""

import struct
import warnings

import numpy as np
import pytest

from embedkit import KeyedVectors, load
from embedkit.analysis.operations import center, concatenate, keep_words, unit_length
from embedkit.cli import main
from embedkit.errors import EmbedkitError
from embedkit.formats import FORMATS
from embedkit.query.storing import convert
from embedkit.rows.subwords import Subwords
from tests.formats.test_fasttext import MAGIC, N_WORDS, SIZE, arguments, dense, dictionary, matrices

PLAIN = [name for name, found in FORMATS.items() if found.suffix and name not in ("native", "floret")]
NEEDS = {"parquet": "pyarrow", "arrow": "pyarrow"}


def subword_model(**more):
    rng = np.random.default_rng(1)
    rows, ngrams = rng.standard_normal((3, 4), np.float32), rng.standard_normal((20, 4), np.float32)
    subwords = Subwords("chars", 2, 3, 20)
    return KeyedVectors(
        ["왕", "sea", "the"], rows, subwords=subwords, ngram_vectors=ngrams, word_rows=rows, output_vectors=rows, **more
    )


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.safetensors"
    subword_model().save(path)
    return path


@pytest.fixture
def classifier(tmp_path):
    """A supervised .bin with subwords and two labels."""
    rows, _ = matrices()
    _, output = matrices(n_outputs=2)
    path = tmp_path / "c.bin"
    labels = dictionary(["하늘".encode(), b"sea", b"land", b"</s>"], [b"__label__a", b"__label__b"])
    path.write_bytes(struct.pack("<2i", MAGIC, 12) + arguments(model=3, loss=3) + labels + dense(rows) + dense(output))
    return path


@pytest.mark.parametrize("name", PLAIN)
def test_lost_ngrams_are_told(name, model, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    target = tmp_path / f"out{FORMATS[name].suffix.split()[0]}"
    with pytest.warns(UserWarning, match=rf"{name} does not keep the n-grams .* and the output vectors; .safetensors"):
        convert(model, target, target_format=name)
    assert len(load(target, name)) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convert(model, target, target_format=name, words_only=True)


def test_formats_that_keep_all_say_nothing(model, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convert(model, tmp_path / "out.bin")
        convert(tmp_path / "out.bin", tmp_path / "again.safetensors")
        convert(model, model)  # in place
    before, after = load(model), load(tmp_path / "again.safetensors")
    np.testing.assert_array_equal(after["바다"], before["바다"])
    np.testing.assert_array_equal(after.output_vectors, before.output_vectors)


def test_hierarchical_output_vectors_are_lost_in_a_bin(tmp_path):
    with pytest.warns(UserWarning, match="fasttext does not keep the output vectors"):
        subword_model(config={"loss": "hs"}).save(tmp_path / "m.bin")


def test_in_place_nothing_is_lost_unasked(model):
    before = model.read_bytes()
    with pytest.raises(EmbedkitError, match=r"is the file that was read, and word2vec-text does not keep the n-grams"):
        convert(model, model, target_format="word2vec-text")
    assert model.read_bytes() == before
    convert(model, model, target_format="word2vec-text", words_only=True)
    assert load(model).subwords is None


def test_a_classifier_is_never_lost_without_a_word(classifier, tmp_path):
    before = classifier.read_bytes()
    for target in (classifier, tmp_path / "other.bin"):
        with pytest.raises(EmbedkitError, match=r"fasttext does not keep the classifier of 2 labels"):
            convert(classifier, target)
    assert classifier.read_bytes() == before
    assert not (tmp_path / "other.bin").exists()
    with pytest.warns(UserWarning, match=r"native does not keep the classifier of 2 labels$"):
        convert(classifier, tmp_path / "c.safetensors")
    with pytest.warns(UserWarning, match=r"the n-grams .*\) and the classifier of 2 labels"):
        convert(classifier, tmp_path / "c.txt")
    convert(classifier, tmp_path / "other.bin", words_only=True)
    assert load(tmp_path / "other.bin").vectors.shape == (N_WORDS, SIZE)


def test_operations_do_not_hide_a_classifier(classifier, tmp_path):
    with pytest.warns(UserWarning, match="the classifier of 2 labels"):
        convert(classifier, tmp_path / "c.txt", change=lambda v: KeyedVectors(v.index_to_key[:1], v.vectors[:1]))


def test_what_operations_leave_out_is_told_and_not_lost_in_place(model, tmp_path):
    """Output vectors go with the vectors as they were trained: changed ones do not keep them."""
    before = model.read_bytes()
    changes = {"the output vectors": center, "the n-grams .* and the output vectors": lambda v: concatenate(v, v)}
    for lost, change in changes.items():
        with pytest.warns(UserWarning, match=f"leaves out {lost} of the model that it was made from"):
            convert(model, tmp_path / "out.safetensors", change=lambda v, change=change: unit_length(change(v)))
        with pytest.raises(EmbedkitError, match=f"is the file that was read, and {lost} would be left out"):
            convert(model, model, change=change)
    assert model.read_bytes() == before
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convert(model, tmp_path / "out.safetensors", change=lambda v: keep_words(v, top=2))
        convert(model, model, change=center, words_only=True)


def test_the_command_line_says_it_once(model, classifier, tmp_path, capsys):
    assert main(["convert", str(model), str(tmp_path / "m.txt")]) == 0
    assert capsys.readouterr().err.count("does not keep the n-grams") == 1
    assert main(["convert", str(model), str(tmp_path / "m.txt"), "--words-only"]) == 0
    assert "keep" not in capsys.readouterr().err
    assert main(["convert", str(classifier), str(classifier)]) == 1
    assert "--words-only" in capsys.readouterr().err
    small = str(tmp_path / "small.safetensors")
    assert main(["compress", str(model), "-o", small]) == main(["convert", str(model), small, "--center"]) == 0
    assert capsys.readouterr().err.count("leaves out the output vectors of the model that it was made from") == 2
    assert main(["info", str(classifier)]) == 0
    assert "the classifier of 2 labels" in capsys.readouterr().out
