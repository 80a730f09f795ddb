"""Syllables to jamo and back: the arithmetic, both normal forms, and what must be left alone."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.text import hangul

KOREAN = st.text(
    st.one_of(
        st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
        st.characters(min_codepoint=0x1100, max_codepoint=0x11FF),
        st.sampled_from("ㅋㅎㅠㅏㄳ樂樂漢a1<> \u200d👩é"),
    ),
    max_size=12,
)


def test_every_syllable_agrees_with_unicode():
    for code in range(0xAC00, 0xD7A4):
        syllable = chr(code)
        decomposed = unicodedata.normalize("NFD", syllable)
        expected = decomposed if len(decomposed) == 3 else decomposed + "\u11a7"
        assert hangul.to_jamo(syllable) == expected
        assert hangul.join_syllable(*hangul.split_syllable(syllable)) == syllable


@given(KOREAN)
def test_a_jamo_sequence_goes_back_to_its_text(text):
    if "\u11a7" not in text:
        assert hangul.from_jamo(hangul.to_jamo(text)) == hangul.compose(text)


@given(st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), max_size=12))
def test_both_normal_forms_give_one_sequence(text):
    decomposed = unicodedata.normalize("NFD", text)
    assert hangul.to_jamo(decomposed) == hangul.to_jamo(text)
    assert len(hangul.to_jamo(text)) == 3 * len(text)
    assert hangul.compose(decomposed) == text


@pytest.mark.parametrize(
    "text", ["ㅋㅋㅋ", "樂園", "樂", "漢字", "café", "cafe\u0301", "👩\u200d🚀", "\ud800", "", "\u1100"]
)
def test_what_is_not_a_syllable_stays_as_it_is(text):
    assert hangul.compose(text) == text
    assert hangul.to_jamo(text) == text
    assert hangul.from_jamo(text) == text


def test_stretches_are_spelt_as_a_reader_would():
    sequence = hangul.to_jamo("학교")
    assert [hangul.spell(sequence[a:b]) for a, b in [(0, 3), (0, 2), (2, 4), (2, 5), (4, 6), (0, 6)]] == [
        "학",
        "하~",
        "ㄱㄱ",
        "ㄱ교~",
        "ㅛ",
        "학교",
    ]


def test_numbers_outside_the_tables_are_refused():
    with pytest.raises(ValueError, match="initial 19"):
        hangul.join_syllable(19, 0, 0)
    with pytest.raises(ValueError, match="one Hangul syllable, got 'ㄱ'"):
        hangul.split_syllable("ㄱ")
    with pytest.raises(ValueError, match="got '학교'"):
        hangul.split_syllable("학교")


def test_counting_syllables():
    assert hangul.count_syllables("학교 school ㅋㅋ 漢") == 2
