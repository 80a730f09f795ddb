"""model2vec, sentence-transformers and FastEmbed open the folders written here and give the same vectors."""

import numpy as np
import pytest

from embedkit import KeyedVectors, load
from embedkit.cli import main

WORDS = ["the", "king", "여왕", "don't", "3.14"]


@pytest.fixture(scope="module")
def model():
    vectors = np.random.default_rng(1).standard_normal((len(WORDS), 8), np.float32)
    return KeyedVectors(WORDS, vectors, config={"tokenizer": "words"})


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    pytest.importorskip("tokenizers")
    path = tmp_path_factory.mktemp("static")
    model.save(path / "m.safetensors")
    assert main(["convert", str(path / "m.safetensors"), str(path / "out"), "--to", "static-embedding", "-q"]) == 0
    return path / "out"


def test_model2vec_reads(folder, model):
    static = pytest.importorskip("model2vec").StaticModel.from_pretrained(folder)
    for word in WORDS:
        np.testing.assert_array_equal(static.encode(word), model[word])
    mean = np.mean([model["the"], model["king"], model["don't"]], axis=0)
    np.testing.assert_allclose(static.encode("The king (don’t)! xyzzy"), mean, rtol=1e-6)


def test_what_model2vec_writes_opens_here(folder, model, tmp_path):
    model2vec = pytest.importorskip("model2vec")
    model2vec.StaticModel.from_pretrained(folder).save_pretrained(tmp_path / "m")
    again = load(tmp_path / "m")
    assert list(again) == WORDS
    np.testing.assert_array_equal(again.vectors, model.vectors)
    smaller = model2vec.StaticModel.from_pretrained(folder, quantize_to="float16")
    smaller.save_pretrained(tmp_path / "q")
    quantised = load(tmp_path / "q")
    for word in WORDS:
        np.testing.assert_allclose(quantised[word], smaller.encode(word), rtol=1e-3, atol=1e-3)


def test_sentence_transformers_reads_and_writes(folder, model, tmp_path):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    static = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    np.testing.assert_array_equal(static.encode(WORDS), model.vectors)
    static.save(str(tmp_path / "m"))
    again = load(tmp_path / "m")
    assert list(again) == WORDS
    np.testing.assert_array_equal(again.vectors, model.vectors)


def test_fastembed_reads(folder, model):
    fastembed = pytest.importorskip("fastembed")
    from fastembed.common.model_description import ModelSource, PoolingType

    fastembed.TextEmbedding.add_custom_model(
        model="embedkit/test",
        pooling=PoolingType.MEAN,
        normalization=False,
        sources=ModelSource(hf="embedkit/test"),
        dim=8,
        model_file="model.onnx",
    )
    static = fastembed.TextEmbedding("embedkit/test", specific_model_path=str(folder))
    np.testing.assert_array_equal(np.stack(list(static.embed(WORDS))), model.vectors)
    both = next(iter(static.embed(["the king"])))
    np.testing.assert_allclose(both, (model["the"] + model["king"]) / 2, rtol=1e-6)
