"""The Hub's layout: folders on disk, at URLs, and at hf:// through a stand-in for its file system; nothing goes out."""

import json
import os
import sys

import numpy as np
import pytest

from embedkit import KeyedVectors, load
from embedkit.cli import main
from embedkit.errors import ConfigError, CorpusError, EmbedkitError, FormatError
from embedkit.formats.model_card import MARK, model_card
from embedkit.rows.subwords import Subwords
from embedkit.text.user_dictionary import carried

fsspec = pytest.importorskip("fsspec")

from fsspec.implementations.memory import MemoryFileSystem  # noqa: E402


class Hub(MemoryFileSystem):
    """Files at hf://OWNER/MODEL, in memory."""

    protocol = "hf"
    store = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return "/" + path.removeprefix("hf://").strip("/") if path.strip("/") else ""


@pytest.fixture(autouse=True)
def hub(monkeypatch):
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "hf", Hub)
    Hub.store.clear()
    MemoryFileSystem.store.clear()
    return Hub.store


def model():
    rng = np.random.default_rng(1)
    rows, ngrams = rng.standard_normal((3, 4), np.float32), rng.standard_normal((20, 4), np.float32)
    config = {"model": "fasttext", "epochs": 5, "window": None, "corpus": "wiki|en"}
    return KeyedVectors(
        ["왕", "sea", "<b>|x"], rows, counts=[9, 5, 1], subwords=Subwords("chars", 2, 3, 20), ngram_vectors=ngrams,
        word_rows=rows, config=config,
    )  # fmt: skip


def same(again):
    assert list(again) == list(model()) and again.config == model().config
    np.testing.assert_array_equal(again.vectors, model().vectors)
    np.testing.assert_array_equal(again["바다"], model()["바다"])  # composed: nothing was lost


@pytest.mark.parametrize("place", ["hf://me/sea", "memory://models/sea", "file://{}/sea", "{}/sea"])
def test_everything_goes_there_and_comes_back(place, tmp_path, capsys):
    target = place.format(tmp_path)
    model().save(tmp_path / "m.safetensors")
    (tmp_path / "s.jsonl").write_text('{"model": "m", "file": "ws353.tsv", "spearman": 0.61234567, "pairs": 353}\n')
    to = [] if target.startswith("hf://") else ["--to", "hub"]
    scores = ["--scores", str(tmp_path / "s.jsonl")]
    assert main(["convert", str(tmp_path / "m.safetensors"), target, *to, *scores, "-q"]) == 0
    same(load(target))
    assert main(["similar", target, "왕", "--topn", "1", "--json"]) == 0
    capsys.readouterr()
    assert main(["info", target, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (
        facts["format"] == "hub"
        and facts["file"] == target.removeprefix("file://")
        and facts["subwords"]["bucket"] == 20
    )
    with fsspec.open(f"{target}/README.md", "rt", encoding="utf-8") as stream:
        card = stream.read()
    for told in ("library_name: embedkit", "| tokens seen | 15 |", "| epochs | 5 |", "| ws353.tsv | 0.612346 | 353 |"):
        assert told in card
    assert "wiki¦en" in card and "‹b>¦x" in card and "window" not in card
    with fsspec.open(f"{target}/config.json", "rt") as stream:
        assert json.load(stream)["words"] == 3


@pytest.mark.parametrize("place", ["hf://me/sea", "{}/sea"])
def test_a_card_that_somebody_wrote_stays(place, tmp_path):
    target = place.format(tmp_path)
    model().save(target, "hub")
    model().save(target, "hub")  # over its own
    for text, stays in (("# Mine\n", True), (f"{MARK}\nold", False)):
        with fsspec.open(f"{target}/README.md", "wt") as stream:
            stream.write(text)
        model().save(target, "hub")
        with fsspec.open(f"{target}/README.md", "rt", encoding="utf-8") as stream:
            assert (stream.read() == text) == stays


def test_static_embeddings_at_a_url(tmp_path):
    pytest.importorskip("tokenizers")
    with pytest.warns(UserWarning, match="does not keep the n-grams"):
        model().save("hf://me/static", "static-embedding")
    again = load("hf://me/static")
    np.testing.assert_array_equal(again.vectors, model().vectors)
    assert 'StaticModel.from_pretrained("me/static")' in Hub.store["/me/static/README.md"].getvalue().decode()


def test_repositories_with_a_file_of_vectors(tmp_path, hub):
    model().save(tmp_path / "m.vec.gz")
    system = Hub()
    system.pipe_file("/fb/vectors/README.md", b"# theirs")
    with pytest.raises(FormatError, match=r"hf://fb/vectors: expected a model .*, found no vectors, but"):
        load("hf://fb/vectors")
    system.put_file(str(tmp_path / "m.vec.gz"), "/fb/vectors/wiki.vec.gz")
    assert list(load("hf://fb/vectors")) == list(model())
    system.pipe_file("/fb/vectors/other.bin", b"x")
    with pytest.raises(FormatError, match=r"several files that may hold vectors: other.bin, wiki.vec.gz; name one"):
        load("hf://fb/vectors")
    assert list(load("hf://fb/vectors/wiki.vec.gz")) == list(model())
    with pytest.raises(CorpusError, match="hf://no/where: no such file"):
        load("hf://no/where")


def test_what_stands_in_a_folder_stays(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text.tex").write_text("x")
    with pytest.raises(ConfigError, match="the folder holds other files"):
        model().save(tmp_path / "thesis", "hub")
    assert os.listdir(tmp_path / "thesis") == ["text.tex"]
    with pytest.raises(EmbedkitError, match=r"goes? neither|is a folder"):
        model().save("-", "hub")


def test_scores_of_another_kind_are_refused(tmp_path):
    for text in ("", "[1]\n", "no\n"):
        (tmp_path / "s").write_text(text)
        with pytest.raises(FormatError, match="expected the JSON lines of embedkit evaluate --json"):
            model_card(model().table, "m", "", tmp_path / "s")


def test_a_card_counts_the_words_of_a_user_dictionary(tmp_path):
    (tmp_path / "words.txt").write_text("에메드킷\tNNP\n뚜땨\tNNG\n", encoding="utf-8")
    table = model().table
    table.config["tokenizer"] = f"morphemes:dictionary={carried(str(tmp_path / 'words.txt'))}"
    assert "| tokenizer | morphemes:dictionary=(2 words) |" in model_card(table, "m", "", None)
