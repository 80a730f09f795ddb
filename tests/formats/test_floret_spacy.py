"""floret's binary models and spaCy's folders, as those programs wrote them (tests/golden/make_floret_spacy.py)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from embedkit import load
from embedkit.errors import ConfigError, FormatError
from embedkit.formats import sniff
from embedkit.formats.spacy_vectors import OWN, _key2row, murmur64

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("mode", ["floret", "fasttext"])
def test_floret_binaries(mode, tmp_path):
    path, theirs = (
        GOLDEN / "floret" / f"{mode}.bin",
        json.loads((GOLDEN / "floret" / f"{mode}.json").read_text("utf-8")),
    )
    assert sniff(path) == "floret"
    model = load(path)
    assert list(model) == list(theirs)[:-2] and model.counts[0] == 800 and model.config["mode"] == mode
    (tmp_path / "w").write_text("unseen\n바다\nking\n", encoding="utf-8")
    others = load(path, words=tmp_path / "w")
    for found in (model, others):
        for word in found:
            if (mode, word) != ("floret", "the"):  # floret adds an unused row to its first word
                np.testing.assert_allclose(found[word], theirs[word], rtol=1e-6, atol=1e-10)
    with pytest.raises(FormatError, match="read it as floret"):
        load(path, "fasttext")


def test_damaged_floret_binaries(tmp_path):
    content = (GOLDEN / "floret" / "floret.bin").read_bytes()
    for length in range(0, len(content) - 260, 37):
        (tmp_path / "m").write_bytes(content[:length])
        with pytest.raises(FormatError):
            load(tmp_path / "m", "floret" if length > 60 else None)


@pytest.mark.parametrize("nested", [".", "vocab", "pipeline-3.8/vocab"])
def test_spacy(tmp_path, nested):
    shutil.copytree(GOLDEN / "spacy", tmp_path / "m" / nested)
    assert sniff(tmp_path / "m") == "spacy"
    model = load(tmp_path / "m")
    assert sorted(model) == sorted(["king", "queen", "왕", "new york", "naïve"])
    np.testing.assert_array_equal(model["king"], np.arange(4, dtype=np.float32) / 7)
    np.testing.assert_array_equal(model["naïve"], model["new york"])


def test_spacy_with_a_floret_table(tmp_path):
    with pytest.raises(ConfigError, match="give `words`"):
        load(GOLDEN / "spacy_floret")
    (tmp_path / "w").write_text("king\nunseen\n")
    theirs = json.loads((GOLDEN / "floret" / "floret.json").read_text("utf-8"))
    model = load(GOLDEN / "spacy_floret", words=tmp_path / "w")
    for word in model:
        np.testing.assert_allclose(model[word], theirs[word], atol=1e-7)  # .floret text has five digits


def test_spacys_hash_and_names():
    words = ["king", "queen", "왕", "new york", "naïve", "case"]
    hashes = [7464393751932445219, 4176741725343376093, 7750150264636332811, 14953487944833841589]
    hashes += [16224804062388677344, 8110129090154140942]  # as spaCy's StringStore gives them
    assert murmur64([word.encode() for word in words]).tolist() == hashes
    assert OWN["number"] == 432 and OWN["_"] == 456 and len(set(OWN.values())) == len(OWN)


def test_damaged_spacy_folders(tmp_path):
    path = tmp_path / "m"
    shutil.copytree(GOLDEN / "spacy", path)
    strings = json.loads((path / "strings.json").read_text())
    (path / "strings.json").write_text(json.dumps([word for word in strings if word != "king"]))
    with pytest.warns(UserWarning, match="no string in strings.json for 1 of 5 keys"):
        assert "king" not in load(path)
    (path / "strings.json").write_text("{}")
    with pytest.raises(FormatError, match="expected a list of strings"):
        load(path)
    for data in (b"", b"\x90", b"\xdf\xff\xff\xff\xff", b"\x82\x01", b"\x81\xa1a\x01", b"\x81\xcf\0"):
        with pytest.raises(FormatError, match="expected a map of keys to rows"):
            _key2row(data, "key2row")
    assert _key2row(b"\x82\x05\xcc\xc8\xcd\x01\x00\xff", "k") == {5: 200, 256: -1}
