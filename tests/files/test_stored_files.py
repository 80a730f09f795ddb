"""Bytes of every format and checkpoint that a version of embedkit has written, opened by this one.

``tests/fixtures/0.1`` was made by version 0.1 (``tests/fixtures/make_0_1.py``), with what that version itself read
from its files in ``expected.json``. A format that changes gets a folder of its own; those that are there stay.
"""

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import embedkit
from embedkit.cli import main
from embedkit.errors import EmbedkitError, TrainingError
from embedkit.files.checkpoint import load_checkpoint
from embedkit.vocabulary import Vocabulary

FIXTURES = Path(__file__).parent.parent / "fixtures"
OLD = FIXTURES / "0.1"
EXPECTED = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))
SPARSE = FIXTURES / "native-2"  # native files with the n-grams' rows in use alone (tests/fixtures/make_native_2.py)
PLAIN = {
    "plain.safetensors": None,
    "word2vec.txt": None,
    "word2vec.bin": None,
    "glove.txt": None,
    "fasttext.vec": None,
    "vectors.fifu": None,
    "vectors.npz": None,
    "matrix.npy": None,
    "vectors.parquet": "pyarrow",
    "projector.tsv": None,
    "vectors.sqlite": None,
    "glove/vectors.bin": None,
}
MODELS = [
    (folder, name)
    for folder in (OLD, SPARSE)
    for name in json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    if name.endswith((".safetensors", ".bin"))
]
OWN = {  # a file of each kind that carries a version -> what opens it
    "plain.safetensors": ["info"],
    "pq.safetensors": ["similar"],
    "counts.safetensors": ["cooccur", "--table"],
    "ngram.safetensors": ["lm", "generate"],
    "lstm.safetensors": ["lm", "generate"],
    "classify.safetensors": ["classify", "predict"],
    "tag.safetensors": ["tag", "predict"],
    "seq2seq.safetensors": ["seq2seq", "predict"],
    "caption.safetensors": ["caption", "predict"],
}


@pytest.fixture
def run(capsys, monkeypatch):
    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize("name", PLAIN)
def test_word_vectors_of_every_format(name):
    if PLAIN[name]:
        pytest.importorskip(PLAIN[name])
    found = embedkit.load(OLD / name, "glove-binary" if "glove/" in name else None)
    assert list(found.index_to_key) == EXPECTED["plain"]["words"]
    np.testing.assert_allclose(found.vectors, EXPECTED["plain"]["vectors"], rtol=1e-6)
    if name in ("plain.safetensors", "vectors.npz", "vectors.sqlite", "glove/vectors.bin") and found.counts is not None:
        assert found.counts.tolist() == EXPECTED["plain"]["counts"]
    if name == "plain.safetensors":
        assert found.counts is not None and found.config["window"] == 5


@pytest.mark.parametrize("folder, name", MODELS, ids=lambda value: getattr(value, "name", value))
def test_trained_and_quantised_models(folder, name):
    found = embedkit.load(folder / name)
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))[name]
    assert list(found.index_to_key) == expected["words"]
    np.testing.assert_array_equal(np.asarray(found.vectors[:]), np.array(expected["vectors"], np.float32))
    if "여왕님" in expected:
        np.testing.assert_array_equal(found["여왕님"], np.array(expected["여왕님"], np.float32))


def test_an_index(run):
    pytest.importorskip("usearch")
    status, out, err = run("similar", OLD / "plain.safetensors", "왕", "--index", OLD / "plain.index", "--topn", 1)
    assert status == 0 and out.startswith("왕\t"), err


def test_vocabularies_and_counts(run, tmp_path):
    words = Vocabulary.load(OLD / "vocab.tsv")
    assert len(words) == 11 and words.counts[0] == 48
    assert run("cooccur", OLD / "counts.safetensors", "--table")[1] == EXPECTED["counts"]
    again = tmp_path / "counts.safetensors"
    counts = run("cooccur", "--merge", OLD / "cooccurrence.bin", "--vocab", OLD / "vocab.tsv", "-o", again, "-q")
    assert counts[0] == 0, counts
    assert run("cooccur", again, "--table")[1] == EXPECTED["counts"]


def same_answers(found, expected):
    """Words are the same, numbers are near each other: a sum in another order has other last digits.

    Columns that a later version adds stand behind the old ones.
    """
    assert len(found.splitlines()) == len(expected.splitlines()), (found, expected)
    for ours, theirs in zip(found.splitlines(), expected.splitlines(), strict=True):
        for a, b in zip(ours.split("\t"), theirs.split("\t"), strict=False):
            try:
                assert float(a) == pytest.approx(float(b), rel=1e-3, abs=2e-4)
            except ValueError:
                assert a == b


@pytest.mark.parametrize(
    "arguments, stdin",
    [
        (["classify", "predict", "classify.safetensors"], "the king\n여왕 bad\n"),
        (["tag", "predict", "tag.safetensors"], "the king sees\n"),
        (["lm", "evaluate", "ngram.safetensors", "text.txt"], ""),
        (["lm", "evaluate", "lstm.safetensors", "text.txt"], ""),
        (["seq2seq", "predict", "seq2seq.safetensors"], "the king\n"),
    ],
    ids=lambda value: value[2].split(".")[0] if isinstance(value, list) else "",
)
def test_models_of_the_neural_modules_and_n_grams(run, arguments, stdin):
    """Answers are those of 0.1, but that `<mask>`, one of the 14 tokens of the LSTM, has no share of its perplexity."""
    status, out, err = run(*[OLD / a if "." in a else a for a in arguments], stdin=stdin)
    assert status == 0, err
    same_answers(out, EXPECTED[arguments[2].split(".")[0]])


def test_a_captioner(run):
    """Its search has changed since, its probabilities have not."""
    from embedkit.files.model_file import load_model
    from embedkit.nn.models.captioner import Captioner

    file = load_model(OLD / "caption.safetensors", "caption")
    model = Captioner.load(OLD / "caption.safetensors")
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, file.tensors[name])
    status, out, err = run("caption", "predict", OLD / "caption.safetensors", OLD / "features.npy", "--max-tokens", 5)
    assert status == 0 and out.count("\n") == 20, err


@pytest.mark.parametrize("folder, kind", [("word2vec", "word2vec"), ("neural", "classify")])
def test_checkpoints_of_version_0_1_are_named(folder, kind):
    with pytest.raises(TrainingError, match="a checkpoint of an older embedkit, which cannot go on here"):
        load_checkpoint(OLD / folder, kind)


def test_a_checkpoint():
    found = load_checkpoint(FIXTURES / "checkpoint-1", "word2vec")
    assert found.metadata == {"done": 0.5, "한": "글", "rng": 2**100}
    assert found.arrays["w_in"].tolist() == [[1.5, -2.0]] and found.arrays["w_in"].dtype == np.float32
    assert found.arrays["keys"].tolist() == [2**63 + 1]


def newer(source, target, old=b'"format_version": "1"', new=b'"format_version": "9"'):
    content = source.read_bytes()
    assert content.count(old) == 1
    target.write_bytes(content.replace(old, new))
    return target


@pytest.mark.parametrize("name", OWN)
def test_a_newer_version_is_a_clear_error(run, tmp_path, name):
    path = newer(OLD / name, tmp_path / name)
    more = {"lm": ["--prompt", "the"], "caption": [OLD / "features.npy"], "similar": ["왕"]}.get(OWN[name][0], [])
    status, _, err = run(*OWN[name], path, *more, stdin="the king\n")
    assert status == 1 and "in version 9 of the format, this embedkit reads versions up to " in err, err
    assert "install a newer embedkit" in err and err.count("\n") == 1


def test_a_newer_checkpoint_and_index(run, tmp_path):
    newer(FIXTURES / "checkpoint-1" / "checkpoint.safetensors", tmp_path / "checkpoint.safetensors")
    with pytest.raises(TrainingError, match=r"version 9 .* install a newer embedkit"):
        load_checkpoint(tmp_path, "word2vec")
    pytest.importorskip("usearch")
    content = (OLD / "plain.index").read_bytes()
    length = int.from_bytes(content[8:16], "little")
    header = json.dumps({**json.loads(content[16 : 16 + length]), "version": 9}).encode()
    path = tmp_path / "plain.index"
    path.write_bytes(content[:8] + len(header).to_bytes(8, "little") + header + content[16 + length :])
    status, _, err = run("similar", OLD / "plain.safetensors", "왕", "--index", path)
    assert status == 1 and "install a newer embedkit" in err


@pytest.mark.parametrize(
    "name, place, value, told",
    [
        ("fasttext.bin", 4, 13, "13"),
        ("vectors.fifu", 4, 7, "version 0, found 7"),
        ("matrix.npy", 6, 9, "matrix.npy"),
    ],
)
def test_newer_versions_of_foreign_formats(tmp_path, name, place, value, told):
    content = bytearray((OLD / name).read_bytes())
    content[place] = value
    path = tmp_path / name
    path.write_bytes(content)
    shutil.copy(OLD / "matrix.words.txt", tmp_path)
    with pytest.raises(EmbedkitError, match=told):
        embedkit.load(path)
