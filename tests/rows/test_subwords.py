"""The n-grams of one word: against the fastText tool's own numbers, by property, and with odd input."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.errors import ConfigError
from embedkit.rows.subwords import Subwords, decode_word, default_lengths, encode_word, hash_ngram

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "fasttext_ngrams.json").read_text("utf-8"))["cases"]
ANY_WORD = st.text(min_size=0, max_size=12)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda c: f"{c['word']}-{c['min_n']}-{c['bucket']}")
def test_buckets_are_those_of_the_fasttext_tool(case):
    subwords = Subwords("chars", min_n=case["min_n"], max_n=case["max_n"], bucket=case["bucket"])
    assert subwords.buckets(case["word"]).tolist() == case["buckets"]


def test_the_pieces_of_sinabro():
    assert Subwords("chars", min_n=3, max_n=3).ngrams("시나브로") == ["<시나", "시나브", "나브로", "브로>"]


def test_pieces_come_by_start_then_length_without_lone_brackets():
    assert Subwords("chars", min_n=1, max_n=2).ngrams("ab") == ["<a", "a", "ab", "b", "b>"]


def test_the_hash_widens_bytes_with_their_sign():
    assert hash_ngram(b"") == 2166136261
    assert hash_ngram(b"a") == 0xE40C292C  # plain FNV-1a agrees below 0x80
    widened = ((2166136261 ^ 0xFFFFFFED) * 16777619) % 2**32
    assert hash_ngram(b"\xed") == widened


@given(ANY_WORD, st.integers(1, 4), st.integers(0, 3), st.integers(1, 1000))
def test_every_n_gram_of_a_word_is_listed_once(word, min_n, more, bucket):
    if word == "</s>":
        return
    subwords = Subwords("chars", min_n=min_n, max_n=min_n + more, bucket=bucket)
    bracketed = f"<{word}>"
    naive = [
        bracketed[a : a + n]
        for a in range(len(bracketed))
        for n in range(min_n, min_n + more + 1)
        if a + n <= len(bracketed) and not (n == 1 and a in (0, len(bracketed) - 1))
    ]
    assert subwords.ngrams(word) == naive
    buckets = subwords.buckets(word)
    assert buckets.dtype == np.int64
    assert buckets.tolist() == [hash_ngram(ngram.encode()) % bucket for ngram in naive]


def test_jamo_pieces_are_syllables_and_jamo_without_repeats():
    subwords = Subwords("jamo", min_jamo=3, max_jamo=3, min_syllables=1, max_syllables=2)
    assert subwords.ngrams("학교") == ["<학", "학", "학교", "교", "교>", "<하~", "ㅏㄱㄱ", "ㄱ교~", "ㅛ>"]
    raw = subwords.byte_ngrams("학교")
    assert raw[5:] == [
        "<\u1112\u1161".encode(),
        "\u1161\u11a8\u1100".encode(),
        "\u11a8\u1100\u116d".encode(),
        "\u116d\u11a7>".encode(),
    ]


@given(st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=8))
def test_jamo_pieces_of_both_normal_forms_agree(word):
    subwords = Subwords("jamo")
    assert np.array_equal(subwords.buckets(unicodedata.normalize("NFD", word)), subwords.buckets(word))
    assert len(set(subwords.byte_ngrams(word))) >= len(word)
    assert not any("\u1100" <= c <= "\u11ff" for ngram in subwords.ngrams(word) for c in ngram)


def test_a_slip_within_a_syllable_leaves_more_pieces_with_jamo_than_without():
    shared = {
        subwords.kind: len(set(subwords.byte_ngrams("학교에서")) & set(subwords.byte_ngrams("핚교에서")))
        for subwords in (Subwords("jamo"), Subwords("chars", min_n=1, max_n=4))
    }
    assert shared == {"jamo": 18, "chars": 9}


@pytest.mark.parametrize("kind", ["chars", "jamo"])
@pytest.mark.parametrize("word", ["ㅋㅋㅋ", "樂園", "\ud800", "a\udcff", "\u200d", "👩\u200d🚀", "e\u0301", "\x00"])
def test_odd_words_have_ngrams(kind, word):
    subwords = Subwords(kind, min_n=1, max_n=3, bucket=50)
    buckets = subwords.buckets(word)
    assert len(buckets) == len(subwords.ngrams(word)) > 0
    assert buckets.min() >= 0 and buckets.max() < 50


def test_an_empty_word_has_only_its_brackets():
    assert Subwords("chars", min_n=2, max_n=3).ngrams("") == ["<>"]
    assert Subwords("chars", min_n=3, max_n=6).buckets("").shape == (0,)
    assert Subwords("chars", min_n=3, max_n=6).buckets("").dtype == np.int64


def test_the_sentence_marker_has_no_ngrams():
    assert Subwords("chars").ngrams("</s>") == []
    assert Subwords("jamo").buckets("</s>").shape == (0,)


def test_a_word_of_ten_thousand_characters():
    assert len(Subwords("chars").buckets("가" * 10_000)) == sum(10_002 - n + 1 for n in range(3, 7))
    assert len(Subwords("jamo").ngrams("가" * 10_000)) > 70_000


@given(st.binary(max_size=8).filter(lambda data: data != b"</s>"))
def test_bytes_that_are_not_utf8_keep_their_ngrams(data):
    word = decode_word(data)
    assert encode_word(word) == data
    joined = b"".join(Subwords("chars", min_n=1, max_n=1).byte_ngrams(word))
    assert joined == data.lstrip(bytes(range(0x80, 0xC0)))  # leading 10xxxxxx go to the bracket


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_n": 4, "max_n": 3}, "`min_n` must not be above `max_n`, got 4 and 3"),
        ({"min_n": 0}, "`min_n` must be at least 1"),
        ({"bucket": 0}, "bucket must be between 1"),
        ({"bucket": 2**31}, "bucket must be between 1"),
        ({"kind": "bytes"}, "chars, jamo, got 'bytes'"),
        ({"kind": "jamo", "min_jamo": 6}, "`min_jamo` must not be above `max_jamo`"),
        ({"kind": "jamo", "max_syllables": 0}, "`min_syllables` must not be above"),
    ],
)
def test_settings_that_cannot_work_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Subwords(**options)


@pytest.mark.parametrize(
    "subwords",
    [Subwords("chars", min_n=2, max_n=5, bucket=77), Subwords("jamo", max_jamo=4, min_syllables=2, bucket=5)],
)
def test_the_configuration_goes_through_json(subwords):
    assert Subwords.from_config(json.loads(json.dumps(subwords.to_config()))) == subwords


@pytest.mark.parametrize("config", [{"kind": "chars", "colour": 1}, {"kind": "chars", "min_n": "3"}, {"kind": 3}])
def test_a_damaged_configuration_is_refused(config):
    with pytest.raises(ConfigError, match="unexpected"):
        Subwords.from_config(config)


def test_default_lengths_follow_the_script():
    assert default_lengths(["학교", "바람", "at"]) == (1, 4)
    assert default_lengths([unicodedata.normalize("NFD", "학교바람"), "at"]) == (1, 4)
    assert default_lengths(["학교", "school", "house"]) == (3, 6)
    assert default_lengths(["학교", "school"], [100, 1]) == (1, 4)
    assert default_lengths([]) == (3, 6)
