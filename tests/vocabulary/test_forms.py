import unicodedata

import pytest

from embedkit.vocabulary.forms import KnownForms, UsualForms, script

DAGESH, SHADDA, QA = "\u05e9\u05bc\u05b8\u05dc", "\u0645\u0651\u064e\u062f", "\u0958\u092e"
KOREAN, VIETNAMESE, ARABIC = ["서울", "학교", "나무"], ["tiếng", "việt", "nước", "đất"], ["أحمد", "آمن"]


def nfd(word):
    return unicodedata.normalize("NFD", word)


@pytest.mark.parametrize("word", ["나무에서", "tiếngs", "nướcx", "한글LG"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_words_in_the_other_form_and_in_a_mixture_are_spelt_as_the_vocabulary_has_them(word, form):
    forms = UsualForms(unicodedata.normalize(form, known) for known in [*KOREAN, *VIETNAMESE])
    wanted = unicodedata.normalize(form, word)
    letters = [nfd(letter) if i % 2 else letter for i, letter in enumerate(word)]
    tone = word.replace("ế", "ê\u0301").replace("ớ", "ơ\u0301")  # as keyboards write it
    assert {forms.spelt(given) for given in (word, nfd(word), "".join(letters), tone)} == {wanted}


@pytest.mark.parametrize("word", [DAGESH, SHADDA, QA])
@pytest.mark.parametrize("others", [[], KOREAN, list(map(nfd, KOREAN)), [*ARABIC, *VIETNAMESE]])
def test_scripts_whose_words_are_in_neither_form_are_left_as_written(word, others):
    forms = UsualForms([word + "\u05d0", word + "\u0628", word + "\u0915", *others])
    assert forms.spelt(word) == word
    if others:
        given = others[0]
        assert forms.spelt(nfd(given)) == forms.spelt(unicodedata.normalize("NFC", given)) == given


def test_slips_in_a_vocabulary_do_not_count():
    slip = "나" + nfd("무")
    assert UsualForms([*KOREAN * 40, slip]).spelt("서" + nfd("점")) == "서점"
    assert UsualForms([*KOREAN, slip]).spelt("서" + nfd("점")) == "서" + nfd("점")


def test_words_that_tell_nothing_leave_words_as_they_are():
    for words in ([], ["king", "queen"], ["слово"]):
        assert UsualForms(words).spelt(nfd("é")) == nfd("é")
    assert UsualForms(["서울"]).spelt(nfd("é")) == "é"  # no word of its script: that of the others


def test_the_script_is_that_of_the_first_letter_beyond_ascii():
    found = map(script, ["서울", nfd("서울"), "LG전자", "2학교", nfd("été"), "naïve", DAGESH, "42", ""])
    assert list(found) == ["HANGUL", "HANGUL", "HANGUL", "HANGUL", "LATIN", "LATIN", "HEBREW", "", ""]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_texts_are_spelt_word_by_word_and_their_white_space_stays(form):
    forms = KnownForms([unicodedata.normalize(form, "서울"), "at", DAGESH])
    wanted = f" {unicodedata.normalize(form, '학교')}\t at\u3000{DAGESH} "
    assert {forms.spelt(f" {given}\t at\u3000{DAGESH} ") for given in ("학교", nfd("학교"))} == {wanted}
    assert KnownForms(["at"]).spelt(nfd("학교 at")) == nfd("학교 at")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_known_words_are_spelt_as_they_are_known(form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    usual, rare, both = unicodedata.normalize(form, "서울"), unicodedata.normalize(other, "나무"), "학교"
    forms = KnownForms([usual, unicodedata.normalize(form, "바다"), rare, both, nfd(both)])
    for given in (f"서울 나무 {both}\0x", nfd(f"서울 나무 {both}\0x")):
        assert forms.spelt(given) == f"{usual} {rare} {given.split(' ')[2]}"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_texts_that_need_nothing_are_known_by_no_look_at_their_words(form, monkeypatch):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    forms = KnownForms([*(unicodedata.normalize(form, word) for word in KOREAN), unicodedata.normalize(other, "é")])
    for word in ("ñ", "øé", "ø강", "x≠y"):
        given = unicodedata.normalize(form, f"강 {word}")
        assert forms.spelt(given) == unicodedata.normalize(form, "강 ") + unicodedata.normalize(other, word)
    monkeypatch.setattr(forms, "_spelt_word", None)
    for text in ("강 산 river…😀", "서울 나무"):
        given = unicodedata.normalize(form, text)
        assert forms.spelt(given) is given


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_ideographs_for_which_both_forms_have_others_stay(form):
    own = "\uf967"  # 不, read 부
    words = [*(unicodedata.normalize(form, word) for word in KOREAN), own, own + "\uf9e4"]
    forms, texts = UsualForms(words), KnownForms(words)
    wanted = own + unicodedata.normalize(form, "학교") + "\U0002f800"
    for given in (f"{own}학교\U0002f800", f"{own}{nfd('학교')}\U0002f800"):
        assert forms.spelt(given) == texts.spelt(given) == wanted
    assert forms.spelt(own) == own
