"""Counts, order, subsampling and negative-sampling distributions of a vocabulary, and its file."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.errors import ConfigError, CorpusError, EmbedkitError, FormatError
from embedkit.text.ranges import byte_ranges
from embedkit.vocabulary.corpus import Corpus, count_all_words, count_words
from embedkit.vocabulary.merging import add_counts, merge_vocabularies
from embedkit.vocabulary.vocabulary import Vocabulary, frequency_order
from embedkit.vocabulary.words import Words


def test_most_frequent_first_and_ties_in_utf8_order():
    vocabulary = Vocabulary.from_counts({"b": 2, "가": 7, "a": 2, "é": 2, "rare": 1}, min_count=2)
    assert list(vocabulary.index_to_key) == ["가", "a", "b", "é"]
    assert vocabulary.counts.tolist() == [7, 2, 2, 2]
    assert vocabulary.total == 13
    assert vocabulary.key_to_index["b"] == 2
    assert "rare" not in vocabulary
    assert list(Vocabulary.from_counts([("x", 1), ("y", 9), ("z", 5)], 1, max_vocab=2)) == ["y", "z"]


def test_nothing_left_says_what_there_was():
    with pytest.raises(CorpusError, match=r"no word occurs 5 times: .* 2 distinct words .* 3 times; lower `min_count`"):
        Vocabulary.from_counts({"a": 3, "b": 1})
    with pytest.raises(CorpusError, match="holds no words"):
        Vocabulary.from_counts({})


WORDS = st.text(st.sampled_from("ab\x00é한\U0010ffff") | st.characters(codec="utf-8"), min_size=1, max_size=40)


@given(
    st.dictionaries(
        WORDS | st.builds(lambda n, w: "samesame" * n + w, st.integers(0, 4), WORDS), st.integers(1, 3), min_size=1
    )
)
def test_frequency_order_is_that_of_sorted(counts):
    packed = Words.from_strings(list(counts))
    data = np.concatenate([packed.blob, np.full(8, 255, np.uint8)])
    order = frequency_order(np.array(list(counts.values())), data, packed.offsets[:-1], np.diff(packed.offsets))
    expected = sorted(counts, key=lambda word: (-counts[word], word.encode()))
    assert [packed[i] for i in order.tolist()] == expected
    assert list(Vocabulary.from_counts(counts, 1)) == expected


def test_keep_probabilities_are_those_of_word2vec():
    vocabulary = Vocabulary(["the", "cat", "sat"], [900_000, 90_000, 10_000])
    sample, total = 1e-3, 1_000_000
    # word2vec.c: ran = (sqrt(cn / (sample * train_words)) + 1) * (sample * train_words) / cn
    expected = [min(1, ((n / (sample * total)) ** 0.5 + 1) * (sample * total) / n) for n in (900_000, 90_000, 10_000)]
    keep = vocabulary.keep_probabilities(sample)
    assert keep.dtype == np.float32
    np.testing.assert_allclose(keep, expected, rtol=1e-6)
    assert keep[0] == pytest.approx(0.034444, abs=1e-5)
    assert vocabulary.keep_probabilities(0).tolist() == [1, 1, 1]


def test_negative_distribution():
    vocabulary = Vocabulary(["a", "b"], [16, 1])
    np.testing.assert_allclose(vocabulary.negative_distribution(0.75), [8 / 9, 1 / 9])
    np.testing.assert_allclose(vocabulary.negative_distribution(0), [0.5, 0.5])


def test_counts_are_64_bit(tmp_path):
    vocabulary = Vocabulary.from_counts({"the": 3 << 40, "a": 1 << 33})
    assert vocabulary.total == (3 << 40) + (1 << 33)
    vocabulary.save(tmp_path / "v.txt")
    assert Vocabulary.load(tmp_path / "v.txt") == vocabulary


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufeff"), min_size=1),
            st.integers(0, 2**63 - 1),
        ),
        min_size=1,
        unique_by=lambda pair: pair[0],
    )
)
def test_files_round_trip_in_their_own_order(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    vocabulary = Vocabulary([word for word, _ in pairs], [count for _, count in pairs])
    vocabulary.save(path)
    assert path.read_bytes() == "".join(f"{word} {count}\n" for word, count in pairs).encode()
    assert Vocabulary.load(path) == vocabulary


def test_tabs_are_read_too(tmp_path):
    (tmp_path / "v.txt").write_bytes(b"new york\t7\r\nking\t3")
    assert list(Vocabulary.load(tmp_path / "v.txt")) == ["new york", "king"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"king\nqueen 3\n", "line 2: expected a word without a count"),
        (b"king 3\nqueen x\n", "line 2: expected 'word count'"),
        (b"king 3\n\xff\xfe 3\n", "line 2: byte 0xff"),
        (b"king 3\nqueen 2\nking 1\n", "line 3: 'king' stands in .*line 1 already"),
        (b"king\nqueen\nking\n", "line 3: 'king' stands in .*line 1 already"),
        (b"\n", "found none"),
    ],
)
def test_bad_files_name_the_line(tmp_path, data, message):
    (tmp_path / "v.txt").write_bytes(data)
    with pytest.raises(EmbedkitError, match=message):
        Vocabulary.load(tmp_path / "v.txt")


def test_a_missing_file_and_words_that_a_file_cannot_hold(tmp_path):
    with pytest.raises(CorpusError, match="no such file"):
        Vocabulary.load(tmp_path / "none.txt")
    for word in ("", "new\nyork", "a\rb", "tab\tbed", "byte\udcff"):
        with pytest.raises(FormatError, match="cannot hold"):
            Vocabulary([word], [1]).save(tmp_path / "v.txt")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EmbedkitError):
        Vocabulary(["\ud800"], [1])


def test_the_digest_depends_on_words_and_their_order_alone():
    a = Vocabulary(["ab", "c"], [2, 1]).digest()
    assert a == Vocabulary(["ab", "c"], [5, 5]).digest()
    assert len({a, Vocabulary(["a", "bc"], [2, 1]).digest(), Vocabulary(["c", "ab"], [2, 1]).digest()}) == 3


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfking 3\nqueen 0\n", b"king 3\r\nqueen 0\r\n", b"king\t3\rqueen\t0"])
def test_byte_order_marks_and_every_line_end_are_read(tmp_path, data):
    (tmp_path / "v.txt").write_bytes(data)
    found = Vocabulary.load(tmp_path / "v.txt")
    assert (list(found), found.counts.tolist()) == (["king", "queen"], [3, 0])


def test_a_word_that_was_never_counted_is_never_drawn():
    probabilities = Vocabulary(["a", "b", "c"], [16, 0, 1]).negative_distribution(0.75)
    np.testing.assert_allclose(probabilities, [8 / 9, 0, 1 / 9])
    assert Vocabulary(["a", "b"], [3, 0]).negative_distribution(0.0).tolist() == [1, 0]
    with pytest.raises(ConfigError, match="no counts"):
        Vocabulary(["a", "b"], [0, 0]).negative_distribution(0.75)


def test_a_plain_list_of_words_is_counted_in_the_corpus(tmp_path):
    (tmp_path / "words.txt").write_text("queen\nnew york\n왕\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("왕 queen king queen\nqueen\n", encoding="utf-8")
    listed = Vocabulary.load(tmp_path / "words.txt")
    assert not listed.has_counts
    for corpus in (
        Corpus.from_text(tmp_path / "c.txt", vocabulary=listed),
        Corpus.from_sentences([["왕", "queen", "king", "queen"], ["queen"]], vocabulary=listed),
    ):
        assert list(corpus.vocabulary) == ["queen", "new york", "왕"]
        assert corpus.vocabulary.counts.tolist() == [3, 0, 1]
        assert np.isfinite(corpus.vocabulary.negative_distribution(0.75)).all()


words = st.text(st.characters(codec="utf-8"), max_size=6)


@settings(max_examples=200)
@given(st.dictionaries(words, st.integers(0, 2**62), min_size=1, max_size=8), st.sampled_from([" ", "\t"]))
def test_what_is_written_reads_back_or_is_refused(tmp_path_factory, counts, separator):
    path = tmp_path_factory.mktemp("v") / "v.txt"
    vocabulary = Vocabulary(list(counts), list(counts.values()))
    try:
        vocabulary.save(path, separator)
    except FormatError:
        return
    assert Vocabulary.load(path) == vocabulary


parts = st.lists(st.dictionaries(words, st.integers(1, 2**40), min_size=1, max_size=6), min_size=1, max_size=5)


@settings(max_examples=100)
@given(parts, st.randoms())
def test_merging_is_exact_and_does_not_depend_on_order_or_grouping(found, random):
    expected = sum((Counter(part) for part in found), Counter())
    in_order = sorted(expected.items(), key=lambda item: (-item[1], item[0].encode()))
    vocabularies = [Vocabulary(list(part), list(part.values())) for part in found]
    whole = merge_vocabularies(vocabularies)
    assert list(zip(whole, whole.counts.tolist(), strict=True)) == in_order
    random.shuffle(vocabularies)
    cut = random.randrange(len(vocabularies) + 1)
    grouped = [
        random.choice([merge_vocabularies, add_counts])(group)
        for group in (vocabularies[:cut], vocabularies[cut:])
        if group
    ]
    assert merge_vocabularies(grouped) == whole


@settings(max_examples=25, deadline=None)
@given(st.text("ab한 \n\r\t", max_size=60).filter(str.strip), st.integers(1, 9))
def test_the_counts_of_byte_ranges_merge_to_those_of_the_whole(tmp_path_factory, text, size):
    path = tmp_path_factory.mktemp("c") / "c.txt"
    path.write_bytes(text.encode())
    counted = [count_all_words([part], workers=1) for part in byte_ranges([str(path)], size)]
    whole = count_words([path], workers=1)
    assert merge_vocabularies(counted) == whole
    ranged = Corpus.from_text(byte_ranges([str(path)], size), min_count=1, workers=1)
    assert ranged.ids.tolist() == Corpus.from_text([path], min_count=1, workers=1).ids.tolist()
