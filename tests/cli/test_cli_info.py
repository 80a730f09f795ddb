"""``embedkit info`` opens every file that embedkit writes."""

import json
from pathlib import Path

import numpy as np
import pytest

import embedkit
from embedkit.classification.linear import train_linear
from embedkit.classification.options import LinearOptions
from embedkit.classification.storing import save_bag
from embedkit.cli import main
from embedkit.counting.ngram import NgramModel
from embedkit.files.checkpoint import save_checkpoint
from embedkit.files.model_file import save_model
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.vocabulary.corpus import Corpus


def facts(path, capsys):
    assert main(["info", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_trained_models(tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    save_model(
        path, "classify", "gru", {"hidden_size": 3, "labels": [str(i) for i in range(50)]}, {"w": np.ones((2, 3))}
    )
    found = facts(path, capsys)
    assert (found["what"], found["task"], found["kind"], found["values"]) == ("a trained model", "classify", "gru", 6)
    assert found["config"] == {"hidden_size": 3, "labels": "50 entries"}
    assert found["tensors"] == {"w": "float64 [2, 3]"} and found["file_bytes"] == path.stat().st_size
    assert main(["info", str(path)]) == 0
    assert "config.hidden_size\t3\n" in capsys.readouterr().out


def test_ngram_models_and_checkpoints(tmp_path, capsys):
    NgramModel.train(Corpus.from_sentences([["a", "b"]], min_count=1), order=2).save(tmp_path / "lm")
    assert facts(tmp_path / "lm", capsys)["config"]["order"] == 2
    save_checkpoint(tmp_path, "tag", {"epoch": 2}, {"w": np.zeros(3)})
    found = facts(tmp_path / "checkpoint.safetensors", capsys)
    assert (found["what"], found["kind"], found["state"]["epoch"]) == ("a training checkpoint", "tag", 2)


@pytest.mark.parametrize("content", [b"", b"neither one nor the other\n\xff\xff\xff"])
def test_other_files_are_refused_as_before(tmp_path, capsys, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    assert main(["info", str(path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_phrases(tmp_path, capsys):
    text = tmp_path / "t.txt"
    text.write_text("new york is big\n" * 20 + "the town is small\n" * 20)
    path = tmp_path / "p.jsonl"
    assert (
        main(["phrases", str(text), "--save-phrases", str(path), "-o", str(tmp_path / "out.txt"), "--threshold", "1"])
        == 0
    )
    capsys.readouterr()
    found = facts(path, capsys)
    assert found["format"] == "embedkit-phrases"
    assert found["delimiter"] == "_"
    assert found["entries"] == len(path.read_text().splitlines()) - 1
    (tmp_path / "other.json").write_text('{"format": "other"}\n')
    assert main(["info", str(tmp_path / "other.json")]) == 1


OLD = Path(__file__).parent.parent / "fixtures" / "0.1"


@pytest.mark.parametrize(
    ("file", "used", "idle"),
    [
        ("chars", {"min_n", "max_n", "bucket", "negative"}, {"min_jamo", "x_max", "shift", "cbow_gradient"}),
        ("jamo", {"min_jamo", "bucket"}, {"min_n", "max_n", "x_max"}),
        ("skipgram", {"negative", "keep_output"}, {"bucket", "min_n", "min_jamo", "eigenvalue_weighting"}),
        ("lstm", {"hidden_size", "context"}, {"heads"}),
        ("classify", {"hidden_size", "bidirectional"}, {"heads"}),
        ("seq2seq", {"attention"}, {"heads"}),
        ("ngram", {"order", "smoothing"}, {"k"}),
    ],
)
def test_of_an_older_file_the_options_that_its_model_uses_are_told(file, used, idle, capsys):
    told = facts(OLD / f"{file}.safetensors", capsys)["config"]
    assert used <= set(told) and not idle & set(told)


def test_of_paragraph_vectors_all_that_they_use_is_told(tmp_path, capsys):
    texts = [["a", "b", "c"]] * 9
    for options, windows in (({}, False), ({"paragraphs": "dm"}, True), ({"train_words": True}, True)):
        small = {"vector_size": 2, "epochs": 1, "min_count": 1}
        embedkit.train(texts, model="doc2vec", **small, **options).save(tmp_path / "m.safetensors")
        told = facts(tmp_path / "m.safetensors", capsys)["config"]
        assert {"negative", "ns_exponent", "epochs", "paragraphs"} <= set(told) and ("window" in told) == windows


def test_what_smoothing_a_linear_model_and_a_language_model_within_use(tmp_path, capsys):
    corpus = Corpus.from_sentences([["a", "b"]], min_count=1)
    NgramModel.train(corpus, order=2, smoothing="add-k", k=0.5).save(tmp_path / "lm")
    assert facts(tmp_path / "lm", capsys)["config"]["k"] == 0.5
    inner = {"model": "lstm", "hidden_size": 3, "heads": 4, "token_layer": True}
    config = {"hidden_size": 3, "context": {"language_model": inner}}
    save_model(tmp_path / "tagger", "tag", "mean", config, {})
    told = facts(tmp_path / "tagger", capsys)["config"]
    assert told == {"context": {"language_model": {"model": "lstm", "hidden_size": 3}}}
    texts, labels = ["good film", "bad film"] * 9, [["yes"], ["no"]] * 9
    model = train_linear(texts, labels, LinearOptions(cost=1.0, bucket=100)).model
    model.config |= {"epochs": 5, "negative": 5, "learning_rate": 0.1}
    save_bag(model, tmp_path / "linear")
    told = facts(tmp_path / "linear", capsys)["config"]
    assert "cost" in told and not {"epochs", "negative", "learning_rate"} & set(told)


def test_an_index_of_words(tmp_path, capsys):
    model = KeyedVectors(["a", "b"], np.eye(2, dtype=np.float32))
    model.save(tmp_path / "m.safetensors")
    assert main(["index", str(tmp_path / "m.safetensors"), "-o", str(tmp_path / "m.index"), "-q"]) == 0
    capsys.readouterr()
    found = facts(tmp_path / "m.index", capsys)
    assert (found["what"], found["words"], found["vector_size"]) == ("an index of the words of a model", 2, 2)
    for command in (["similar", str(tmp_path / "m.index"), "a"], ["vocab", str(tmp_path / "m.index")]):
        assert main(command) == 1
        assert "an index of the words of a model (embedkit index)" in capsys.readouterr().err
