"""Counting in parts gives what one machine counts, bit for bit; the engine here does each task at once."""

import gzip
import os

import numpy as np
import pytest

import embedkit
from embedkit.cli import main
from embedkit.cluster import cooccurrence, documents, phrases, words
from embedkit.cluster.engine import connected
from embedkit.cluster.stored import StoredRun
from embedkit.counting import Window, tfidf
from embedkit.counting.files import count_to_file
from embedkit.counting.phrases import join_phrases, spell
from embedkit.counting.runs import HeldRun
from embedkit.errors import ConfigError, CorpusError, EmbedkitError
from embedkit.text.ranges import ByteRange
from embedkit.vocabulary.corpus import Corpus, count_words
from tests.cluster.here import Here


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(3)
    for name in ("a.txt", "b.txt"):
        lines = []
        for _ in range(3000):
            drawn = np.minimum(rng.exponential(30, rng.integers(0, 25)).astype(int), 400)
            lines.append(" ".join("new york" if w == 3 else f"낱말{w}" if w % 2 else f"word{w}" for w in drawn))
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    (folder / "c.txt.gz").write_bytes(gzip.compress("packed words of the new york 낱말1\n".encode() * 300))
    (folder / "d.txt").write_text("\n\nzzz unseen\n", encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch):
    monkeypatch.setattr(words, "SMALLEST_RANGE", 1 << 14)


def test_word_counts(text):
    for options in ({}, {"min_count": 30}, {"max_vocab": 50}, {"lowercase": True, "tokenizer": "words"}):
        found, expected = words.count_words(Here(), text, **options), count_words(text, **options)
        assert len(words.cut(text, 5)) > 10
        assert list(found) == list(expected)
        np.testing.assert_array_equal(found.counts, expected.counts)


@pytest.mark.parametrize("window", [Window(5), Window(3, symmetric=False), Window(4, weighting="flat")])
def test_cooccurrence_files_are_equal_byte_for_byte(text, tmp_path, window):
    corpus = Corpus.from_text(text, min_count=20)
    count_to_file(corpus, tmp_path / "one.safetensors", window)
    found = words.count_words(Here(), text, min_count=20)
    n = cooccurrence.count_to_file(Here(), text, found, tmp_path / "many.safetensors", window)
    assert n > 1000
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "many.safetensors").read_bytes()


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("connectors", [(), ("the", "of", "낱말1")])
def test_phrases(text, passes, connectors):
    corpus = Corpus.from_text(text, min_count=1)
    scoring = {"threshold": 3, "passes": passes, "connector_words": connectors}
    ids, spelt, expected = join_phrases(corpus.ids, corpus.vocabulary.index_to_key, **scoring)
    written, found = phrases.join_phrases(Here(), text, **scoring)
    assert any(phrase.between for phrase in found[0]) == bool(connectors)
    assert found == expected
    assert any(phrase.text == "new_york" for phrase in found[0])
    assert b"".join(written) == b"".join(spell(ids, spelt))


def test_documents(text):
    expected, vocabulary = tfidf.bag_of_words(text, min_count=3)
    found, same = documents.bag_of_words(Here(), text, min_count=3)
    assert list(same) == list(vocabulary)
    for name in ("offsets", "columns", "values"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_a_text_without_words_and_a_missing_one(tmp_path):
    (tmp_path / "e.txt").write_text("\n")
    with pytest.raises(CorpusError):
        words.count_words(Here(), tmp_path / "e.txt")
    with pytest.raises(CorpusError, match="no such file"):
        words.count_words(Here(), tmp_path / "none.txt")
    with pytest.raises(ConfigError, match="standard input"):
        words.count_words(Here(), "-")


@pytest.mark.parametrize("address", ["local:0", "local:many", "somewhere"])
def test_addresses_that_are_none(address):
    with pytest.raises(ConfigError, match="local:"), connected(address):
        pass


@pytest.mark.parametrize("model", ["glove", "svd"])
def test_training_on_the_counts_of_a_cluster(text, model):
    options = {"vector_size": 8, "min_count": 30, "workers": 1, **({"epochs": 2} if model == "glove" else {})}
    here, there = (embedkit.train(text, model=model, cluster=engine, **options) for engine in (None, Here()))
    assert list(here.index_to_key) == list(there.index_to_key)
    np.testing.assert_array_equal(here.vectors, there.vectors)
    assert here.config == there.config


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "cbow"}, "trains model cbow as replicas, on whose number the vectors depend: give `replicas`"),
        ({"model": "skipgram", "replicas": 1}, "nothing to share out with `replicas` 1; give 2 or more"),
        ({"model": "lsa"}, "has nothing to do for model lsa"),
        ({"model": "fasttext", "replicas": 2, "mmap_above": 1}, "`mmap_above` has no effect with `cluster`"),
        ({"model": "svd", "sample": 0.1}, "`sample` has no effect with `cluster`"),
        ({"model": "svd", "mmap_above": 1}, "`mmap_above` has no effect with `cluster`"),
        ({"model": "svd", "corpus": [["a", "b"]]}, "needs for model svd a corpus in files"),
        ({"model": "svd", "corpus": None, "cooccurrences": "x"}, "the counts are there already"),
    ],
)
def test_what_a_cluster_does_not_do_is_refused(text, arguments, message):
    with pytest.raises(ConfigError, match=message):
        embedkit.train(**{"corpus": text, "cluster": Here(), **arguments})


def test_urls_are_cut_into_byte_ranges(text):
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    store.pipe("/shards/a.txt", (text / "a.txt").read_bytes())
    store.pipe("/shards/c.txt.gz", (text / "c.txt.gz").read_bytes())
    ranges = words.cut("memory://shards/*", 5)
    assert sum(isinstance(span, ByteRange) for span in ranges) > 5
    found = words.count_words(Here(), "memory://shards/*", min_count=2)
    assert found == count_words([text / "a.txt", text / "c.txt.gz"], min_count=2)


@pytest.mark.parametrize("kind", ["folder", "store"])
def test_counts_go_through_a_store(text, tmp_path, kind):
    window, known = Window(4), count_words(text, min_count=20)
    cooccurrence.count_to_file(Here(), text, known, tmp_path / "held.safetensors", window)
    if kind == "store":
        store = pytest.importorskip("fsspec").filesystem("memory")
        folder, listed = "memory://spilled/here", lambda: store.find("/spilled")
    else:
        (tmp_path / "spilled").mkdir()
        folder, listed = str(tmp_path / "spilled"), lambda: list((tmp_path / "spilled").iterdir())
    seen = []

    class Watching(Here):
        def results(self, handles):
            seen.append(len(listed()))
            return super().results(handles)

    cooccurrence.count_to_file(Watching(), text, known, tmp_path / "kept.safetensors", window, folder=folder)
    assert seen[-1] > 10
    assert not listed()  # and nothing is left there
    assert (tmp_path / "held.safetensors").read_bytes() == (tmp_path / "kept.safetensors").read_bytes()


def test_counts_that_are_cut_off_in_the_store(tmp_path):
    run = HeldRun(np.array([0, 1, 3]), np.array([1, 0, 1], np.int32), np.array([1.0, 2.0, 3.0]))
    stored = StoredRun.write(run, str(tmp_path / "run"))
    again = stored.rows(1, 2)
    assert again.offsets(0, 2).tolist() == [0, 0, 2]
    assert [part.tolist() for part in again.read(0, 2)] == [[0, 1], [2.0, 3.0]]
    os.truncate(tmp_path / "run", 40)
    with pytest.raises(EmbedkitError, match="run: counts that were kept there are cut off; count again"):
        stored.rows(0, 2)


def test_where_counts_go_is_checked(text, capsys):
    for options, message in (
        (["--temporary", "memory://x"], "is a URL, which goes with --cluster only"),
        (["--temporary", "nowhere/at/all"], "is no folder that exists; name a folder"),
    ):
        assert main(["cooccur", str(text), "-o", "out.safetensors", *options]) == 2
        assert message in capsys.readouterr().err
