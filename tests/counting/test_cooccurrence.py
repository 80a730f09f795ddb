import csv
import errno
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.counting import (
    Cooccurrences,
    Window,
    count_cooccurrences,
    counting,
    estimate_cells,
    glove_format,
    native,
    rows,
    runs,
)
from embedkit.counting.files import count_to_file, load, merge_files
from embedkit.errors import ConfigError, EmbedkitError, FormatError, UnknownWordError
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus
from tests import reference_counting as reference
from tests.commands import run_here

LEARNING = ["I like deep learning", "I like NLP", "I enjoy flying"]


def random_corpus(n=300, seed=0):
    rng = np.random.default_rng(seed)
    return Corpus.from_sentences(
        [[f"w{int(x)}" for x in np.minimum(rng.exponential(8, rng.integers(1, 40)), 60)] for _ in range(n)], min_count=1
    )


def dense(corpus, window):
    counts = np.zeros((len(corpus.vocabulary),) * 2)
    cells = reference.count_cooccurrences(
        [s.tolist() for s in corpus.sentences()], window.size, window.symmetric, window.weighting
    )
    for (row, column), count in cells.items():
        counts[row, column] = count
    return counts


def same(a, b):
    return (
        np.array_equal(a.offsets, b.offsets)
        and np.array_equal(a.columns, b.columns)
        and np.array_equal(a.values, b.values)
    )


def embedkit(*arguments, status=0):
    done = run_here(*arguments)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def text_file(path, corpus):
    words = corpus.vocabulary.index_to_key
    path.write_text("".join(" ".join(words[i] for i in s) + "\n" for s in corpus.sentences()), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "window",
    [
        Window(5),
        Window(15),
        Window(3, symmetric=False),
        Window(4, weighting="flat"),
        Window(50),
        Window(2, symmetric=False, weighting="flat"),
        Window(4, weighting="linear"),
    ],
)
def test_counts_are_the_definition_for_any_number_of_threads(window):
    corpus = random_corpus()
    counts = [count_cooccurrences(corpus, window, workers=n) for n in (1, 2, 5)]
    rtol = 1e-13 if window.size <= 15 else 1e-6  # weights of wide windows are rounded, see Window.weights
    np.testing.assert_allclose(counts[0].table(), dense(corpus, window), rtol=rtol)
    assert same(counts[0], counts[1]) and same(counts[0], counts[2])


@settings(max_examples=40, deadline=None)
@given(
    sentences=st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=9), min_size=1, max_size=8),
    size=st.integers(1, 12),
    symmetric=st.booleans(),
    weighting=st.sampled_from(["inverse", "flat", "linear"]),
)
def test_any_text_any_window(sentences, size, symmetric, weighting):
    corpus, window = Corpus.from_sentences(sentences, min_count=1), Window(size, symmetric, weighting)
    counts = count_cooccurrences(corpus, window, workers=2)
    np.testing.assert_allclose(counts.table(), dense(corpus, window), rtol=1e-13)
    assert all(
        (np.diff(counts.columns[a:b]) > 0).all() for a, b in zip(counts.offsets[:-1], counts.offsets[1:], strict=True)
    )
    if symmetric:
        np.testing.assert_array_equal(counts.table(), counts.table().T)


def test_a_word_beside_itself_counts_from_both_sides():
    counts = count_cooccurrences(Corpus.from_sentences([["a", "a", "b"]], min_count=1))
    assert counts.table().tolist() == [[2.0, 1.5], [1.5, 0.0]]


def test_large_vocabularies_use_the_bitmap_s_summary():
    corpus = Corpus.from_sentences([[f"w{i}" for i in range(k, k + 7)] for k in range(0, 9000, 5)], min_count=1)
    counts = count_cooccurrences(corpus, Window(3))
    cells = reference.count_cooccurrences([s.tolist() for s in corpus.sentences()], 3)
    assert len(counts) == len(cells)
    rows_ = np.repeat(np.arange(len(corpus.vocabulary)), np.diff(counts.offsets))
    expected = [cells[i, j] for i, j in zip(rows_.tolist(), counts.columns.tolist(), strict=True)]
    np.testing.assert_allclose(counts.values, expected, rtol=1e-14)


def test_weights_are_whole_numbers_where_they_fit():
    weights, scale = Window(15).weights(10**6)
    assert scale == 360360 and (weights == np.round(weights)).all()
    np.testing.assert_array_equal(weights / scale, 1 / np.arange(1, 16))
    assert Window(100).weights(10**9)[1] == Window(15).weights(10**12)[1] == 1.0


@given(st.integers(1, 200), st.integers(1, 10**7))
def test_weights_are_whole_or_as_they_were_and_never_far_off(size, most_frequent):
    weights, scale = Window(size).weights(most_frequent)
    exact = 1 / np.arange(1, size + 1)
    np.testing.assert_allclose(weights / scale, exact, rtol=1e-6)
    if scale > 1 or size == 1:
        assert (weights == np.round(weights)).all() and (weights >= 1).all()
        assert 2 * weights.sum() * most_frequent <= 2**53
        sums = np.cumsum(weights)
        np.testing.assert_array_equal(Window(size).whole_numbers(sums / scale, most_frequent), sums)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=2, max_size=30), min_size=2, max_size=8),
    st.sampled_from([1, 2, 7, 15, 20, 25, 50]),
    st.booleans(),
    st.sampled_from(["inverse", "flat"]),
    st.sampled_from(["safetensors", "bin"]),
    st.integers(2, 4),
)
def test_parts_add_up_to_one_count_of_the_whole_bit_for_bit(
    tmp_path_factory, sentences, size, symmetric, weighting, suffix, n_parts
):
    folder, window = tmp_path_factory.mktemp("parts"), Window(size, symmetric, weighting)
    whole = Corpus.from_sentences(sentences, min_count=1)
    count_to_file(whole, folder / "whole.safetensors", window, workers=1)
    paths = []
    for i in range(n_parts):
        part = sentences[i::n_parts]
        if part:
            paths.append(folder / f"{i}.{suffix}")
            corpus = Corpus.from_sentences(part, vocabulary=whole.vocabulary)
            count_to_file(corpus, paths[-1], window, workers=1)
    known = whole.vocabulary if suffix == "bin" else None
    merge_files(paths, folder / "sum.safetensors", vocabulary=known, window=window, workers=1)
    counted, added = load(folder / "whole.safetensors"), load(folder / "sum.safetensors")
    assert counted.values.tobytes() == added.values.tobytes()
    assert same(counted, added)


def test_one_sided_counts_are_glove_s(tmp_path):
    """``echo 'a b c' | cooccur -symmetric 0 -window-size 2`` writes the rows a: b 1, c 1/2; b: c 1."""
    corpus = Corpus.from_sentences([["a", "b", "c"]], min_count=1)
    count_to_file(corpus, tmp_path / "c.bin", Window(2, symmetric=False))
    records = np.fromfile(tmp_path / "c.bin", [("row", "<i4"), ("column", "<i4"), ("value", "<f8")])
    assert records.tolist() == [(1, 2, 1.0), (1, 3, 0.5), (2, 3, 1.0)]


def test_files_of_version_1_are_read_and_one_sided_ones_turned():
    """Written by embedkit 0.2 from ``a b c`` and ``c a``, window 2, left context only, as rows."""
    counts = load(Path(__file__).parent / "one_sided_v1.safetensors")
    assert counts.window == Window(2, symmetric=False)
    corpus = Corpus.from_sentences([["a", "b", "c"], ["c", "a"]], vocabulary=counts.vocabulary)
    assert same(count_cooccurrences(corpus, counts.window), counts)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_long_tables_hold_every_cell(tmp_path, suffix):
    sentences = [["왕", 'a"b', "c,d"], ["왕", "tab\tbed", "왕"]]
    corpus = Corpus.from_sentences(sentences, min_count=1)
    counts = count_cooccurrences(corpus)
    assert count_to_file(corpus, tmp_path / f"c{suffix}") == len(counts)
    if suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        table = parquet.read_table(tmp_path / "c.parquet")
        assert table.column_names == ["word", "neighbour", "count"]
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    else:
        with open(tmp_path / f"c{suffix}", encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream, delimiter="," if suffix == ".csv" else "\t")
        assert header == ["word", "neighbour", "count"]
    dense = counts.table()
    key = corpus.vocabulary.key_to_index
    assert len(rows) == len(counts)
    for word, neighbour, count in rows:
        assert float(count) == dense[key[word], key[neighbour]]


def test_a_table_of_some_words(tmp_path):
    (tmp_path / "c.txt").write_text("ice is cold\nsteam is hot\nice is solid\n")
    embedkit("cooccur", tmp_path / "c.txt", "-o", tmp_path / "c.safetensors", "--min-count", 1)
    (tmp_path / "words.txt").write_text("is\nice\n")
    for words in ("is,ice", tmp_path / "words.txt"):
        out = embedkit("cooccur", tmp_path / "c.safetensors", "--table", "--words", words).stdout
        assert out.splitlines() == ["word\tis\tice", "is\t0\t2", "ice\t2\t0"]


def test_shards_of_a_list_without_counts_are_refused(tmp_path):
    (tmp_path / "c.txt").write_text("a b\n")
    (tmp_path / "words.txt").write_text("a\nb\n")
    arguments = [
        "cooccur",
        tmp_path / "c.txt",
        "-o",
        tmp_path / "x",
        "--shard",
        "1/2",
        "--vocab",
        tmp_path / "words.txt",
    ]
    assert "needs the counts of the whole corpus" in embedkit(*arguments, status=2).stderr


@pytest.mark.parametrize("window", [Window(5), Window(50)])
@pytest.mark.parametrize("at_a_time", [3000, 60])  # a few runs, and more than are merged at once
def test_spilling_changes_nothing(monkeypatch, tmp_path, window, at_a_time):
    corpus = random_corpus()
    monkeypatch.setattr(counting, "tokens_within", lambda *_: at_a_time)
    blocks = counting.count_blocks(corpus, window, workers=2, memory=1 << 40, folder=tmp_path)
    spilled = Cooccurrences.from_blocks(corpus.vocabulary, blocks)
    whole = count_cooccurrences(corpus, window)
    assert same(spilled, whole)  # whole-number weights add exactly
    assert list(tmp_path.iterdir()) == []


def test_blocks_are_cut_by_size(monkeypatch):
    assert rows.cut_rows(np.array([3, 3, 9, 1, 1, 1]), 6) == [(0, 2), (2, 3), (3, 6)]
    corpus = random_corpus()
    whole = count_cooccurrences(corpus)
    monkeypatch.setattr(rows.cut_rows, "__defaults__", (70,))
    assert same(count_cooccurrences(corpus, workers=3), whole)


def test_shards_and_merging(tmp_path):
    corpus = random_corpus()
    text = text_file(tmp_path / "text.txt", corpus)
    corpus.vocabulary.save(tmp_path / "vocab.txt")
    count_to_file(corpus, tmp_path / "whole.safetensors")
    parts = []
    for i in (1, 2, 3):
        parts.append(tmp_path / (f"part{i}.bin" if i == 2 else f"part{i}.safetensors"))
        embedkit("cooccur", text, "-o", parts[-1], "--shard", f"{i}/3", "--vocab", tmp_path / "vocab.txt")
    embedkit("cooccur", "--merge", *parts, "-o", tmp_path / "sum.safetensors")
    whole, total = load(tmp_path / "whole.safetensors"), load(tmp_path / "sum.safetensors")
    assert same(total, whole)
    assert total.window == whole.window == Window()


def test_a_part_without_words_adds_nothing(tmp_path):
    """There may be more parts than lines, or a part in another language."""
    (tmp_path / "text.txt").write_text("a b a\n\nc a b\n", encoding="utf-8")
    embedkit("vocab", tmp_path / "text.txt", "-o", tmp_path / "vocab.txt")
    count_to_file(Corpus.from_text(tmp_path / "text.txt", min_count=1), tmp_path / "whole.safetensors")
    parts = [tmp_path / f"part{i}.safetensors" for i in range(1, 8)]
    for i, part in enumerate(parts, 1):
        embedkit("cooccur", tmp_path / "text.txt", "-o", part, "--shard", f"{i}/7", "--vocab", tmp_path / "vocab.txt")
    embedkit("cooccur", "--merge", *parts, "-o", tmp_path / "sum.safetensors")
    assert (tmp_path / "sum.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_merging_refuses_what_does_not_belong_together(tmp_path):
    a, b = random_corpus(seed=1), Corpus.from_sentences([["x", "y"]], min_count=1)
    count_to_file(a, tmp_path / "a.safetensors")
    count_to_file(b, tmp_path / "b.safetensors")
    count_to_file(a, tmp_path / "c.safetensors", Window(3))
    count_to_file(a, tmp_path / "d.bin")
    with pytest.raises(ConfigError, match="another vocabulary"):
        merge_files([tmp_path / "a.safetensors", tmp_path / "b.safetensors"], tmp_path / "o.safetensors")
    with pytest.raises(ConfigError, match="same window"):
        merge_files([tmp_path / "a.safetensors", tmp_path / "c.safetensors"], tmp_path / "o.safetensors")
    with pytest.raises(ConfigError, match="`vocabulary`"):
        merge_files([tmp_path / "d.bin"], tmp_path / "o.safetensors")
    with pytest.raises(ConfigError, match="another vocabulary"):
        load(tmp_path / "a.safetensors", b.vocabulary)
    with pytest.raises(ConfigError, match="`vocabulary`"):
        load(tmp_path / "d.bin")
    for missing in (lambda: load(tmp_path / "none"), lambda: merge_files([tmp_path / "none"], tmp_path / "o.bin")):
        with pytest.raises(FormatError, match="none: cannot be read: No such file"):
            missing()
    assert not (tmp_path / "o.safetensors").exists()


def test_native_files_open_with_safetensors_and_scipy_s_layout(tmp_path):
    safetensors_numpy = pytest.importorskip("safetensors.numpy")
    corpus = random_corpus()
    counts = count_cooccurrences(corpus)
    native.write(tmp_path / "c.safetensors", corpus.vocabulary, counts.blocks(), Window())
    opened = safetensors_numpy.load_file(tmp_path / "c.safetensors")
    np.testing.assert_array_equal(opened["values"], counts.values)
    np.testing.assert_array_equal(opened["columns"], counts.columns)
    np.testing.assert_array_equal(opened["row_offsets"], counts.offsets)
    again = native.read(tmp_path / "c.safetensors")
    assert same(again, counts) and again.vocabulary == corpus.vocabulary and again.window == Window()


def test_glove_s_records_byte_for_byte(tmp_path):
    corpus = Corpus.from_sentences([["a", "b", "a"]], min_count=1)
    count_to_file(corpus, tmp_path / "cooccurrence.bin")
    expected = np.array([(1, 1, 1.0), (1, 2, 2.0), (2, 1, 2.0)], "<i4,<i4,<f8")
    assert (tmp_path / "cooccurrence.bin").read_bytes() == expected.tobytes()


def test_shuffled_and_repeated_records_add_up(tmp_path, monkeypatch):
    corpus = random_corpus()
    counts = count_cooccurrences(corpus)
    count_to_file(corpus, tmp_path / "c.bin")
    records = np.fromfile(tmp_path / "c.bin", glove_format.RECORD)
    records["value"] /= 2
    shuffled = np.random.default_rng(1).permutation(np.concatenate([records, records]))
    shuffled.tofile(tmp_path / "shuffled.bin")
    assert same(load(tmp_path / "shuffled.bin", corpus.vocabulary), counts)
    assert same(load(tmp_path / "c.bin", corpus.vocabulary), counts)
    monkeypatch.setattr(glove_format, "_AT_ONCE", 500)
    monkeypatch.setattr("embedkit.counting.files._SORTED_AT_ONCE", 1000)
    merge_files([tmp_path / "shuffled.bin"], tmp_path / "merged.bin", vocabulary=corpus.vocabulary)
    assert (tmp_path / "merged.bin").read_bytes() == (tmp_path / "c.bin").read_bytes()


def small_counts(tmp_path):
    """Counts of three words in both formats, and their vocabulary."""
    corpus = Corpus.from_sentences([["a", "b", "c", "a"]], min_count=1)
    count_to_file(corpus, tmp_path / "c.bin")
    count_to_file(corpus, tmp_path / "c.safetensors")
    return corpus.vocabulary


def change(path, record, field, value):
    records = np.fromfile(path, glove_format.RECORD)
    records[field][record] = value
    records.tofile(path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("row", 4, "record 2 names word 4, the vocabulary has 3"),
        ("row", 0, "names word 0"),
        ("column", -5, "names word -5"),
        ("value", 0.0, "record 2 counts 0.0"),
        ("value", -1.0, "counts -1.0"),
        ("value", np.nan, "counts nan"),
        ("value", np.inf, "counts inf"),
    ],
)
def test_impossible_records_are_named(tmp_path, field, value, message):
    vocabulary = small_counts(tmp_path)
    change(tmp_path / "c.bin", 1, field, value)
    with pytest.raises(FormatError, match=message):
        load(tmp_path / "c.bin", vocabulary)
    with pytest.raises(FormatError, match=message):
        merge_files([tmp_path / "c.bin"], tmp_path / "o.bin", vocabulary=vocabulary)


def test_a_record_cut_in_the_middle(tmp_path):
    vocabulary = small_counts(tmp_path)
    whole = (tmp_path / "c.bin").read_bytes()
    for size in (len(whole) - 1, 15, 17):
        (tmp_path / "c.bin").write_bytes(whole[:size])
        with pytest.raises(FormatError, match="cut off"):
            load(tmp_path / "c.bin", vocabulary)
    (tmp_path / "c.bin").write_bytes(b"")
    with pytest.raises(FormatError, match="empty"):
        load(tmp_path / "c.bin", vocabulary)


def test_damaged_native_files_are_refused(tmp_path):
    small_counts(tmp_path)
    path = tmp_path / "c.safetensors"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    data_start = 8 + int.from_bytes(whole[:8], "little")
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises((FormatError, ConfigError)):
            load(path)
    outcomes = []
    for _ in range(300):
        data = bytearray(whole)
        places = rng.integers(0, len(data), 2) if rng.random() < 0.5 else rng.integers(data_start, len(data), 2)
        for place in places:
            data[place] = rng.integers(0, 256)
        path.write_bytes(data)
        try:
            counts = load(path)
            outcomes.append(True)
            assert counts.table().shape == (3, 3)
        except (FormatError, ConfigError):
            outcomes.append(False)
    assert outcomes.count(False) > 50


@pytest.mark.parametrize("value", [0.0, -2.0, np.nan])
def test_native_files_with_impossible_counts(tmp_path, value):
    vocabulary = small_counts(tmp_path)
    counts = load(tmp_path / "c.safetensors")
    changed = Cooccurrences(vocabulary, counts.offsets, counts.columns, counts.values.copy())
    changed.values[2] = value
    native.write(tmp_path / "d.safetensors", vocabulary, changed.blocks())
    with pytest.raises(FormatError, match="cell 2 counts"):
        load(tmp_path / "d.safetensors")


def test_memory_too_small_for_the_vocabulary(tmp_path):
    text = text_file(tmp_path / "t.txt", random_corpus(20))
    done = embedkit("cooccur", text, "-o", tmp_path / "o.bin", "--memory", "50M", "--min-count", 1, status=2)
    assert "--memory 50M is too small: a vocabulary of" in done.stderr
    assert not (tmp_path / "o.bin").exists()
    assert counting.tokens_within(1 << 30, 75_920, 2) > 50_000_000


def test_a_full_disk_while_spilling(monkeypatch, tmp_path):
    written = 0

    class Full:
        def __init__(self, stream):
            self.stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.stream.close()

        def write(self, data):
            nonlocal written
            written += len(data)
            if written > 100_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.stream.write(data)

    monkeypatch.setattr(counting, "tokens_within", lambda *_: 1000)
    monkeypatch.setattr(
        runs,
        "open",
        lambda *a, **k: Full(open(*a, **k)),  # noqa: SIM115
        raising=False,
    )
    with pytest.raises(EmbedkitError, match=r"cannot spill counts to .*: No space left on device; .*`folder`"):
        count_to_file(random_corpus(), tmp_path / "o.safetensors", memory=1 << 40)
    assert written > 100_000 and list(tmp_path.iterdir()) == []


def test_progress_runs_to_its_end(monkeypatch, tmp_path):
    events = []
    monkeypatch.setattr(counting, "tokens_within", lambda *_: 2000)
    corpus = random_corpus()
    count_to_file(corpus, tmp_path / "o.safetensors", memory=1 << 40, progress=events.append)
    for stage in ("counting", "merging"):
        done = [event.done for event in events if event.stage == stage]
        assert done == sorted(done) and done[-1] == next(e.total for e in events if e.stage == stage)


def test_the_table_of_the_well_known_example(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LEARNING) + "\n", encoding="utf-8")
    lines = [line.split("\t") for line in embedkit("cooccur", path, "--table", "--window", 1).stdout.splitlines()]
    words = lines[0][1:]
    assert sorted(words) == sorted(["I", "like", "enjoy", "deep", "learning", "NLP", "flying"])
    table = {(row[0], word): int(n) for row in lines[1:] for word, n in zip(words, row[1:], strict=True)}
    pairs = {
        ("I", "like"): 2,
        ("I", "enjoy"): 1,
        ("like", "deep"): 1,
        ("like", "NLP"): 1,
        ("deep", "learning"): 1,
        ("enjoy", "flying"): 1,
    }
    for (a, b), n in table.items():
        assert n == pairs.get((a, b), pairs.get((b, a), 0))


def test_ratios_and_what_was_never_seen(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(
        "ice is solid\nice is solid water\nsteam is gas\nsteam is water\nice ice\nfashion\n", encoding="utf-8"
    )
    arguments = [
        "cooccur",
        path,
        "--min-count",
        1,
        "--window",
        2,
        "--weighting",
        "flat",
        "--ratio",
        "ice,steam",
        "--with",
        "solid,water,is,fashion",
    ]
    lines = [line.split("\t") for line in embedkit(*arguments).stdout.splitlines()]
    ratio = {line[0]: line[5] for line in lines}
    assert ratio["solid"] == ratio["fashion"] == ratio["water"] == "–"
    record = json.loads(embedkit(*arguments, "--json").stdout.splitlines()[2])
    # ice: is 2, solid 2, ice 2; steam: is 2, gas 1, water 1
    assert record == {
        "k": "is",
        "count(ice)": 2.0,
        "count(steam)": 2.0,
        "P(k|ice)": 2 / 6,
        "P(k|steam)": 2 / 4,
        "ratio": pytest.approx(2 / 3),
    }
    counts = count_cooccurrences(Corpus.from_text([path], min_count=1))
    with pytest.raises(UnknownWordError, match="did you mean solid"):
        counts.ratios("ice", "steam", ["soild"])


def test_counts_in_a_file_can_be_looked_at(tmp_path):
    small_counts(tmp_path)
    Vocabulary(["a", "b", "c"], [2, 1, 1]).save(tmp_path / "vocab.txt")
    native_ = embedkit("cooccur", tmp_path / "c.safetensors", "--table").stdout
    assert native_ == embedkit("cooccur", tmp_path / "c.bin", "--vocab", tmp_path / "vocab.txt", "--table").stdout
    assert native_.splitlines()[1] == "a\t0.6667\t1.5000\t1.5000"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["TEXT"], "give -o FILE"),
        (["TEXT", "-o", "x.bin", "--shard", "1/2"], "--shard needs --vocab"),
        (["TEXT", "-o", "x.bin", "--shard", "3/2", "--vocab", "VOCAB"], "--shard takes I/N"),
        (["TEXT", "--ratio", "a"], "--ratio takes two words"),
        (["TEXT", "-o", "x.bin", "--memory", "lots"], "'lots' is no size; write for example 500M or 4G"),
        (["-", "-o", "x.bin", "--shard", "1/2", "--vocab", "VOCAB"], "cannot cut standard input"),
    ],
)
def test_wrong_usage(tmp_path, arguments, message):
    text = text_file(tmp_path / "t.txt", random_corpus(5))
    Vocabulary(["w0"], [1]).save(tmp_path / "vocab.txt")
    names = {"TEXT": text, "VOCAB": tmp_path / "vocab.txt"}
    assert message in embedkit("cooccur", *(names.get(a, a) for a in arguments), status=2).stderr


def test_the_number_of_cells_is_foreseen():
    corpus = random_corpus(2000)
    cells = len(count_cooccurrences(corpus))
    assert estimate_cells(corpus, Window()) == cells
    assert 0.7 * cells < estimate_cells(corpus, Window(), sample=10_000) < 2 * cells
