"""The encoded corpus: the same as counting and looking up with plain Python."""

import errno
import gc
import os
import re
import tempfile
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.errors import ConfigError, CorpusError
from embedkit.vocabulary import Vocabulary, id_stream, scanning
from embedkit.vocabulary.corpus import SENTENCE_END, Corpus, count_words

TEXT = "the cat sat on the mat\n\n \nthe dog sat\r\n의자 위에 고양이\u3000고양이\na lone\n"


def encode(lines, min_count, max_vocab=None):
    """Plain Python: (words, ids)."""
    counts = Counter(token for line in lines for token in line)
    words = sorted((w for w in counts if counts[w] >= min_count), key=lambda w: (-counts[w], w.encode()))[:max_vocab]
    ids = []
    for line in lines:
        sentence = [words.index(token) for token in line if token in words]
        ids += [*sentence, SENTENCE_END] if sentence else []
    return words, ids


@pytest.mark.parametrize("min_count", [1, 2])
@pytest.mark.parametrize("max_vocab", [None, 2])
def test_ids_and_words_are_those_of_plain_python(tmp_path, min_count, max_vocab):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    words, ids = encode([line.split() for line in TEXT.split("\n")], min_count, max_vocab)
    corpus = Corpus.from_text(path, min_count=min_count, max_vocab=max_vocab)
    assert list(corpus.vocabulary.index_to_key) == words
    assert corpus.ids.tolist() == ids
    assert corpus.ids.dtype == np.int32
    assert corpus.n_tokens == sum(i >= 0 for i in ids)
    assert corpus.n_sentences == ids.count(SENTENCE_END)
    assert corpus.n_raw_tokens == len(TEXT.split())
    listed = Corpus.from_sentences(
        [line.split() for line in TEXT.split("\n")], min_count=min_count, max_vocab=max_vocab
    )
    assert listed.vocabulary == corpus.vocabulary
    assert listed.ids.tolist() == ids


def test_a_given_vocabulary_decides_the_ids(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    corpus = Corpus.from_text(path, vocabulary=Vocabulary(["mat", "nowhere", "the"], [3, 2, 1]))
    assert corpus.ids.tolist() == [2, 2, 0, SENTENCE_END, 2, SENTENCE_END]
    assert corpus.n_raw_tokens == len(TEXT.split())


def test_nothing_frequent_enough_says_how_many_there_were(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    with pytest.raises(CorpusError, match="11 distinct words and the most frequent one occurs 3 times"):
        Corpus.from_text(path)


PIECES = st.sampled_from(
    [
        "a",
        "b",
        "한글",
        "é",
        "longer-than-eight-bytes",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\r\n",
        "\t",
        "\u3000",
        "\x85",
        "\u2028",
        "\x1c",
    ]
)


@given(
    st.lists(PIECES, max_size=60).map("".join),
    st.integers(4, 40),
    st.integers(1, 3),
    st.integers(1, 2),
    st.sampled_from([4, 60, 1 << 30]),
)
def test_any_text_cut_anywhere_by_any_number_of_workers(
    tmp_path_factory, text, block_bytes, workers, min_count, mmap_above
):
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_bytes(text.encode())
    lines = [line.split() for line in text.split("\n")]
    words, ids = encode(lines, min_count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "BLOCK_BYTES", block_bytes)
        patch.setattr(id_stream, "BLOCK_IDS", 16)
        if not words:
            with pytest.raises(CorpusError):
                Corpus.from_text(path, min_count=min_count)
            return
        corpus = Corpus.from_text(path, min_count=min_count, workers=workers, mmap_above=mmap_above)
    assert list(corpus.vocabulary) == words
    assert corpus.ids.tolist() == ids
    assert (corpus.n_tokens, corpus.n_sentences) == (sum(i >= 0 for i in ids), ids.count(SENTENCE_END))
    assert [sentence.tolist() for sentence in corpus.sentences()] == [
        s for line in lines if (s := [words.index(token) for token in line if token in words])
    ]
    assert count_words(path, min_count=min_count, workers=workers) == corpus.vocabulary


def test_one_line_of_ten_million_tokens(tmp_path):
    path = tmp_path / "line.txt"
    path.write_bytes(b"alpha beta alpha gamma " * 2_500_000)
    corpus = Corpus.from_text(path, workers=2)
    assert corpus.n_tokens == 10_000_000
    assert corpus.n_sentences == 1
    assert corpus.vocabulary.counts.tolist() == [5_000_000, 2_500_000, 2_500_000]
    assert corpus.ids[-5:].tolist() == [0, 1, 0, 2, SENTENCE_END]
    (start, middle), (again, stop) = corpus.shards(2)
    assert (start, again, stop) == (0, middle, 10_000_001)
    assert abs(middle - 5_000_000) < 10


def test_a_word_longer_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "BLOCK_BYTES", 64)
    path = tmp_path / "text.txt"
    path.write_bytes(b"a " + b"x" * 1000 + b" b\n" + b"x" * 1000)
    corpus = Corpus.from_text(path, min_count=1)
    assert list(corpus.vocabulary) == ["x" * 1000, "a", "b"]
    assert corpus.ids.tolist() == [1, 0, 2, SENTENCE_END, 0, SENTENCE_END]


def test_sentences_end_with_their_file(tmp_path):
    for name, text in (("a", "one two"), ("b", ""), ("c", "\n three")):
        (tmp_path / name).write_text(text)
    corpus = Corpus.from_text(tmp_path, min_count=1)
    assert [len(sentence) for sentence in corpus.sentences()] == [2, 1]


def test_bad_bytes_in_a_late_block_are_named_and_can_be_mended(tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "BLOCK_BYTES", 32)
    path = tmp_path / "text.txt"
    path.write_bytes(b"good line here\n" * 50 + "한글 bro".encode() + b"\xffken\xed\xa0\x80 end\n" + b"good\n" * 9)
    for tokenizer, workers in (("whitespace", 1), ("whitespace", 3), ("words", 2)):
        with pytest.raises(CorpusError, match=r"text\.txt, line 51: byte 0xff at offset 760 is not UTF-8"):
            Corpus.from_text(path, min_count=1, tokenizer=tokenizer, workers=workers)
        for policy, word in (("ignore", "broken"), ("replace", "bro\ufffdken\ufffd\ufffd\ufffd")):
            corpus = Corpus.from_text(path, min_count=1, workers=workers, encoding_errors=policy)
            assert corpus.vocabulary.key_to_index[word] >= 0
            assert corpus.n_raw_tokens == 150 + 3 + 9
    assert "broken" in Corpus.from_text(path, min_count=1, tokenizer="words", encoding_errors="ignore").vocabulary


def test_the_stream_on_disk_is_the_same_read_only_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = tmp_path / "text.txt"
    path.write_bytes(b"the cat sat on the mat\n\n" * 1000)
    in_memory = Corpus.from_text(path, min_count=1)
    on_disk = Corpus.from_text(path, min_count=1, mmap_above=1000)
    assert not isinstance(in_memory.ids, np.memmap)
    assert isinstance(on_disk.ids, np.memmap)
    assert not on_disk.ids.flags.writeable
    assert np.array_equal(in_memory.ids, on_disk.ids)
    del on_disk
    gc.collect()
    assert list((tmp_path / "temporary").iterdir()) == []
    path.write_bytes(b"the cat sat on the mat\n\n" * 1000 + b"\xff")
    with pytest.raises(CorpusError, match="UTF-8"):
        Corpus.from_text(path, mmap_above=1000)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(id_stream.tempfile, "TemporaryFile", lambda **options: Full())
    path = tmp_path / "text.txt"
    path.write_bytes(b"the cat\n" * 1000)
    with pytest.raises(CorpusError, match=r"No space left on device; set TMPDIR to a folder with more room\Z"):
        Corpus.from_text(path, mmap_above=1000)
    named = rf"stream in {re.escape(str(tmp_path))}: No space left on device; name a folder with more room\Z"
    with pytest.raises(CorpusError, match=named):
        Corpus.from_text(path, mmap_above=1000, folder=tmp_path)


def test_many_distinct_words(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(" ".join(f"word{i}" for i in range(200_000)) + "\n")
    with pytest.raises(CorpusError, match="200,000 distinct words and the most frequent one occurs 1 time;"):
        Corpus.from_text(path)
    corpus = Corpus.from_text(path, min_count=1, max_vocab=3)
    assert list(corpus.vocabulary) == ["word0", "word1", "word10"]
    assert corpus.n_raw_tokens == 200_000


def test_tokenizers_and_json_lines_reach_the_ids(tmp_path):
    path = tmp_path / "text.jsonl"
    path.write_text('{"d": {"t": "The cat, the CAT!"}}\n{"d": {"t": "A\\ncat"}}\n')
    corpus = Corpus.from_text(path, tokenizer="words", json_field="d.t", min_count=1)
    assert list(corpus.vocabulary) == ["cat", "the", "a"]
    assert corpus.ids.tolist() == [1, 0, 1, 0, SENTENCE_END, 2, SENTENCE_END, 0, SENTENCE_END]
    lowered = Corpus.from_text(path, lowercase=True, json_field="d.t", min_count=1)
    assert list(lowered.vocabulary) == ["the", "a", "cat", "cat!", "cat,"]


def test_an_empty_corpus(tmp_path):
    (tmp_path / "text.txt").write_text(" \n\n")
    with pytest.raises(CorpusError, match=r"text\.txt holds no words"):
        Corpus.from_text(tmp_path / "text.txt")
    with pytest.raises(CorpusError, match="no word of the vocabulary"):
        Corpus.from_text(tmp_path / "text.txt", vocabulary=Vocabulary(["a"], [1]))


def test_options_that_cannot_work(tmp_path):
    for options in ({"min_count": 0}, {"max_vocab": 0}, {"workers": 0}, {"tokenizer": "letters"}):
        with pytest.raises(ConfigError):
            Corpus.from_text(tmp_path, **options)


def test_sentences_of_tokens(tmp_path):
    corpus = Corpus.from_sentences([["new york", "is"], [], ["new york"], iter(["", "is"])], min_count=1)
    assert list(corpus.vocabulary) == ["is", "new york", ""]
    assert corpus.ids.tolist() == [1, 0, SENTENCE_END, 1, SENTENCE_END, 2, 0, SENTENCE_END]
    with pytest.raises(CorpusError, match="sentence 1 is a string"):
        Corpus.from_sentences([["fine"], "not fine"])
    with pytest.raises(CorpusError, match="sentence 0 holds 3"):
        Corpus.from_sentences([[3]])
    with pytest.raises(CorpusError, match="no words"):
        Corpus.from_sentences([])
    with pytest.raises(CorpusError, match="no word of the vocabulary"):
        Corpus.from_sentences([["x"]], vocabulary=Vocabulary(["a"], [1]))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 9))
def test_shards_cover_everything_once_and_are_about_equal(lengths, n):
    corpus = Corpus.from_sentences([["a"] * length for length in lengths], min_count=1)
    shards = corpus.shards(n)
    assert len(shards) == n
    assert shards[0][0] == 0
    assert shards[-1][1] == len(corpus.ids)
    assert all(a[1] == b[0] for a, b in pairwise(shards))
    assert all(start <= stop for start, stop in shards)
    assert max(stop - start for start, stop in shards) <= 1.3 * len(corpus.ids) / n + 3


def test_shards_prefer_sentence_ends():
    corpus = Corpus.from_sentences([["a"] * 10] * 100, min_count=1)
    assert all(corpus.ids[stop - 1] == SENTENCE_END for _, stop in corpus.shards(7))


def test_progress_in_bytes(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"the cat\n" * 1000)
    events = []
    Corpus.from_text(path, progress=events.append)
    assert (events[-1].stage, events[-1].unit, events[-1].done, events[-1].total) == ("reading", "bytes", 8000, 8000)
    assert len(events) < 5
