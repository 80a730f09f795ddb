"""Counting in parts gives what one machine counts, bit for bit; the engine here does each task at once."""

import gc
import gzip
import os
import pickle
import warnings
import weakref

import numpy as np
import pytest

import embedkit
from embedkit.cluster import cooccurrence, documents, kept, phrases, words
from embedkit.cluster.connecting import connected
from embedkit.cluster.cooccurrence import SpreadCounts
from embedkit.cluster.corpus import SpreadCorpus
from embedkit.cluster.kept import KeptRun
from embedkit.cluster.stored import StoredRun
from embedkit.counting import Window, counting, tfidf
from embedkit.counting.files import count_to_file
from embedkit.counting.phrases import join_phrases, spell
from embedkit.counting.rows import RowBlock
from embedkit.errors import ConfigError, CorpusError, EmbedkitError
from embedkit.files import spool
from embedkit.text.ranges import ByteRange
from embedkit.training import remote_shares
from embedkit.vocabulary import Vocabulary
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


@pytest.mark.parametrize("work", ["cooccurrences", "corpus", "documents", "phrases"])
def test_a_picture_in_a_folder_is_told_once(tmp_path, work):
    (tmp_path / "a.txt").write_text("the king and the queen\n" * 20)
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if work == "cooccurrences":
            spread = SpreadCounts.from_text(Here(), tmp_path, Window(2))
            assert spread.n_shards == 1 and spread.estimate_cells()
        elif work == "corpus":
            SpreadCorpus.from_text(Here(), tmp_path, min_count=1)
        elif work == "documents":
            documents.bag_of_words(Here(), tmp_path)
        else:
            phrases.join_phrases(Here(), tmp_path, min_count=1)
    assert len([one for one in told if "left out" in str(one.message)]) == 1


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
    n = SpreadCounts.from_text(Here(), text, window, min_count=20).save(tmp_path / "many.safetensors")
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
    SpreadCounts.from_text(Here(), text, window, vocabulary=known).save(tmp_path / "held.safetensors")
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

    SpreadCounts.from_text(Watching(), text, window, vocabulary=known).save(
        tmp_path / "kept.safetensors", folder=folder
    )
    assert seen[-1] > 10
    assert not listed()  # and nothing is left there
    assert (tmp_path / "held.safetensors").read_bytes() == (tmp_path / "kept.safetensors").read_bytes()


def test_counts_that_are_cut_off_in_the_store(tmp_path):
    stored = StoredRun.write(pieces_of_a_run(), str(tmp_path / "run"))
    os.truncate(tmp_path / "run", 90)
    with pytest.raises(EmbedkitError, match="run: counts that were kept there are cut off; count again"):
        stored.stretch(0, 4)


def pieces_of_a_run():
    blocks = [
        RowBlock(0, np.array([1, 2]), np.array([1, 0, 1], np.int32), np.array([1.0, 2.0, 3.0])),
        RowBlock(2, np.array([0, 3]), np.array([3, 1, 2], np.int32), np.array([4.0, 5.0, 6.0])),
    ]
    return KeptRun(np.array([7, 8, 9, 2]), blocks)


@pytest.mark.parametrize("where", ["kept", "sent", "stored"])
def test_counts_of_a_range_are_read_by_rows(tmp_path, where):
    run = pieces_of_a_run()
    if where == "sent":
        run = pickle.loads(pickle.dumps(run))
    elif where == "stored":
        run = StoredRun.write(run, str(tmp_path / "run"))
    for first, last in ((0, 4), (1, 2), (1, 4), (2, 3), (4, 4)):
        (held, words, mark), lengths = run.stretch(first, last), [1, 2, 0, 3][first:last]
        assert mark == pieces_of_a_run().mark
        offsets = held.offsets(first, last)
        start = sum([1, 2, 0, 3][:first])
        assert np.diff(offsets).tolist() == lengths
        columns, values = held.read(int(offsets[0]), int(offsets[-1]))
        assert columns.tolist() == [1, 0, 1, 3, 1, 2][start : start + sum(lengths)]
        assert values.tolist() == [1, 2, 3, 4, 5, 6][start : start + sum(lengths)]
        assert words.tolist() == [7, 8, 9, 2][first:last]


def test_counts_of_many_ranges_share_few_files(monkeypatch):
    made = []

    class Watched(spool.Spool):
        def __init__(self, what):
            made.append(weakref.ref(self))
            super().__init__(what)

    monkeypatch.setattr(kept, "Spool", Watched)
    runs = [pieces_of_a_run() for _ in range(80)]
    assert len(made) in (3, 4)
    assert all(run.stretch(1, 4)[1].tolist() == [8, 9, 2] for run in runs)
    del runs
    gc.collect()
    assert not any(one() for one in made)  # nor is there room on the disk that they take


@pytest.mark.parametrize("model", ["glove", "svd"])
@pytest.mark.parametrize("known", [False, True])
def test_a_text_that_changes_between_its_words_and_its_cooccurrences(text, tmp_path, monkeypatch, model, known):
    changed = tmp_path / "changed.txt"
    changed.write_bytes((text / "a.txt").read_bytes())
    vocabulary = Vocabulary(["word2", "word4", "낱말1"], np.zeros(3)) if known else None  # without counts

    class Late(Here):
        def submit(self, function, *arguments, worker=None):
            if function.__name__ == "count_ranges" and len(arguments) == 5:
                changed.write_bytes((text / "a.txt").read_bytes().replace(b"word2 ", b"word4 "))
            return super().submit(function, *arguments, worker=worker)

    options = {"model": model, "vector_size": 4, "workers": 1, **({"replicas": 3} if model == "glove" else {})}
    with pytest.raises(CorpusError, match="the corpus changed while it was read: its words were counted once more"):
        embedkit.train(changed, cluster=Late(), vocabulary=vocabulary, **options)
    remote_shares.SHARES.clear()


@pytest.mark.parametrize("known", [False, True])
def test_a_text_that_is_another_one_when_a_range_is_counted_again(text, tmp_path, known):
    """As it is when a worker dies between two pieces of the rows, whatever the vocabulary says."""
    changed = tmp_path / "changed.txt"
    changed.write_bytes((text / "a.txt").read_bytes())
    vocabulary = count_words(changed, min_count=20) if known else None

    class Losing(Here):
        pieces = 0
        again = None

        def submit(self, function, *arguments, worker=None):
            self.pieces += function is cooccurrence._add_rows
            if function is cooccurrence.count_ranges and self.again is None:
                self.again = arguments
            if function is cooccurrence._rows and self.pieces == 4:
                changed.write_bytes((text / "a.txt").read_bytes().replace(b"word2 word4 ", b"word4 word2 "))
                arguments = (cooccurrence.count_ranges(*self.again), *arguments[1:])
            return super().submit(function, *arguments, worker=worker)

    counts = SpreadCounts.from_text(Losing(), changed, Window(3), vocabulary=vocabulary, min_count=20)
    with pytest.raises(CorpusError, match="the corpus changed while it was read: a part that was counted once more"):
        counts.save(tmp_path / "counts.safetensors")
    assert not (tmp_path / "counts.safetensors").exists()


def test_runs_that_go_to_a_store_give_their_room_back():
    folder = [KeptRun(np.array([7]), [], apart=True) for _ in range(3)]
    assert len({id(run._spool) for run in folder}) == 3


def test_a_vocabulary_of_another_text_is_taken_as_it_is(text, tmp_path):
    """Its counts are not those of this text, and nobody says that they are."""
    other = Vocabulary(["word2", "word4", "낱말1"], np.array([9, 5, 5]))
    corpus = Corpus.from_text(text, vocabulary=other)
    count_to_file(corpus, tmp_path / "one.safetensors", Window(3))
    SpreadCounts.from_text(Here(), text, Window(3), vocabulary=other).save(tmp_path / "many.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "many.safetensors").read_bytes()


@pytest.mark.parametrize("records", [0, 10**7, 10**9])
def test_pieces_of_the_rows(text, monkeypatch, records):
    """There are as many as keep each small, unless there would be too many of them."""
    counts = SpreadCounts.from_text(Here(), text, Window(3), min_count=1)
    shares = 1 / np.arange(1, len(counts.vocabulary) + 1) ** 0.3
    held = (records * shares / shares.sum()).astype(np.int64)
    pieces = counts._row_pieces(held, 16)
    assert [first for first, _ in pieces] == [0, *[last for _, last in pieces[:-1]]]
    assert pieces[-1][1] == len(counts.vocabulary)
    assert len(pieces) <= max(records // cooccurrence._PIECE_RECORDS, 16)
    most = max((int(held[first:last].sum()) for first, last in pieces if last > first + 1), default=0)
    assert most <= 2 * cooccurrence._PIECE_RECORDS
    monkeypatch.setattr(cooccurrence, "_TASKS", 5 * 16)
    assert len(counts._row_pieces(held, 16)) <= max(5, 2 * Here.n_workers)


def test_pieces_are_as_large_as_what_rows_hold(text, tmp_path, monkeypatch):
    """Rows of frequent words hold far more than others: pieces went by what a row can come to at most."""
    monkeypatch.setattr(cooccurrence, "_PIECE_RECORDS", 40)
    sizes = []
    add_rows = cooccurrence._add_rows

    def added(rows, vocabulary, window, counted, marks, *parts):
        sizes.append((rows[1] - rows[0], sum(len(part.run.read(0, 10**9)[0]) for part in parts)))
        return add_rows(rows, vocabulary, window, counted, marks, *parts)

    monkeypatch.setattr(cooccurrence, "_add_rows", added)
    SpreadCounts.from_text(Here(), text, Window(3), min_count=1).save(tmp_path / "counts.safetensors")
    mean = sum(size for _, size in sizes) / len(sizes)
    assert max(size for n, size in sizes if n > 1) <= 3 * max(mean, 40)


def test_a_long_text_is_counted_within_a_bound(text, tmp_path, monkeypatch):
    """A task counts some ranges, so many words at a time, and its worker adds that up on its disk."""
    count_to_file(Corpus.from_text(text, min_count=2), tmp_path / "one.safetensors", Window(4))
    monkeypatch.setattr(words, "SMALLEST_RANGE", 500)
    monkeypatch.setattr(words, "_RANGES_EACH", (40, 400))
    monkeypatch.setattr(cooccurrence, "_TOKENS_AT_ONCE", 300)
    monkeypatch.setattr(counting, "_FEWEST_TOKENS", 1)
    parts, tasks = [], []
    count_part = counting._count_part

    def counted(ids, part, *more):
        parts.append(part[1] - part[0])
        return count_part(ids, part, *more)

    class Watching(Here):
        def submit(self, function, *arguments, worker=None):
            if function is cooccurrence.count_ranges:
                tasks.append(len(arguments[0]))
            return super().submit(function, *arguments, worker=worker)

    monkeypatch.setattr(counting, "_count_part", counted)
    counts = SpreadCounts.from_text(Watching(), text, Window(4), min_count=2)
    counts.save(tmp_path / "many.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "many.safetensors").read_bytes()
    assert len(tasks) <= 4 * Watching.n_workers and max(tasks) > 2 and sum(tasks) == counts.n_shards
    assert len(parts) > 2 * len(tasks) and max(parts) <= 300


def test_few_pieces_are_under_way(text, tmp_path, monkeypatch):
    """What a worker holds of the rows does not grow with the corpus."""
    monkeypatch.setattr(cooccurrence, "_PIECE_RECORDS", 100)
    most = under_way = 0

    class Watching(Here):
        n_workers = 2

        def submit(self, function, *arguments, worker=None):
            nonlocal most, under_way
            if function is cooccurrence._add_rows:
                under_way += 1
                most = max(most, under_way)
            return super().submit(function, *arguments, worker=worker)

        def results(self, handles):
            nonlocal under_way
            for result in handles:
                under_way -= isinstance(result, list)
                yield result

    n = SpreadCounts.from_text(Watching(), text, Window(3)).save(tmp_path / "many.safetensors")
    count_to_file(Corpus.from_text(text), tmp_path / "one.safetensors", Window(3))
    assert n > 1000
    assert most == 3
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "many.safetensors").read_bytes()


def test_names_are_the_same_in_whatever_folder_a_worker_was_started(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("a b a\n")
    monkeypatch.chdir(tmp_path)
    ranges = words.cut(["a.txt"], 2)
    monkeypatch.chdir(tmp_path.parent)
    assert [words.words_of_range(span, {}).counts.tolist() for span in ranges] == [[2, 1]]
    assert words.known_everywhere("memory://bucket/a.txt") == "memory://bucket/a.txt"
