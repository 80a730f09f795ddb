"""User dictionaries that are carried along: what of them is shown, and how long they may be."""

import base64
import zlib

import pytest

from embedkit.errors import EmbedkitError
from embedkit.text import user_dictionary
from embedkit.text.user_dictionary import CARRIED, carried, load_dictionary, same_words, without_words


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("에메드킷\tNNP\n뚜땨\tNNG\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "text", ["data:science", "metadata:abcd", "x data:, y", "dictionary=data:science", "dictionary=data:AAAA, b"]
)
def test_text_that_names_no_dictionary_stays_as_it_is(text):
    assert without_words(text) == text


def test_the_words_of_dictionaries_are_counted(words):
    text = f"morphemes:dictionary={carried(words)}"
    assert without_words(f"{text}, {text}|") == ", ".join(["morphemes:dictionary=(2 words)"] * 2) + "|"
    assert without_words(carried(words)) == carried(words)


def test_a_dictionary_too_long_to_be_carried_is_one_line(words, monkeypatch):
    long = carried(words)
    monkeypatch.setattr(user_dictionary, "LARGEST", 16)
    with pytest.raises(
        EmbedkitError, match=r"words\.txt: the model keeps a user dictionary, so expected at most 16 bytes .* found 27"
    ):
        carried(words)
    with pytest.raises(EmbedkitError, match="damaged"):
        load_dictionary(None, long)
    monkeypatch.setattr(user_dictionary, "LARGEST", 27)
    assert without_words(f"dictionary={carried(words)}") == "dictionary=(2 words)"


def test_a_carried_dictionary_that_is_cut_off_is_damaged(words):
    packed = zlib.compress("".join(f"낱말{n}\tNNG\n" for n in range(99)).encode())
    with pytest.raises(EmbedkitError, match="damaged"):
        load_dictionary(None, CARRIED + base64.urlsafe_b64encode(packed[:90]).decode())


def test_a_dictionary_is_the_same_by_its_path_and_carried(words, tmp_path):
    here, packed = (f"morphemes:tags,dictionary={name}" for name in (words, carried(words)))
    (tmp_path / "other.txt").write_text("뚜땨\tNNG\n", encoding="utf-8")
    other = f"morphemes:tags,dictionary={tmp_path / 'other.txt'}"
    assert same_words(here, packed) and same_words(5, 5) and same_words(other, other)
    assert not same_words(other, packed) and not same_words(packed.replace("tags,", ""), packed)
    assert not same_words("morphemes:tags,dictionary=missing.txt", packed) and not same_words(None, packed)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("뷁쇍\tNOUN", "'NOUN'"),
        ("뷁쇍\tnnp\t1", "'nnp'"),
        ("NNP\t뷁쇍", "'뷁쇍'"),
        ("뷁쇍\t뷁/NNG + 쇍/JQ", "'JQ'"),
        ("뷁쇍\t뷁/NNG + 쇍", "'쇍'"),
        ("뷁쇍\tVV-R-I", "'VV-R-I'"),
        ("뷁쇍\tXSV-I", "'XSV-I'"),
        ("뷁쇍\tNNG-I", "'NNG-I'"),
        ("뷁쇍\t뷁/NNG + 쇍/JX-R", "'JX-R'"),
    ],
)
def test_a_tag_that_is_none_names_file_and_line(line, found, tmp_path):
    path = tmp_path / "d.txt"
    path.write_text(f"# words\n\n뚜땨\tNNG\n{line}\n", encoding="utf-8")
    with pytest.raises(EmbedkitError, match=rf"d\.txt, line 4: no part-of-speech tag {found}; there are NNG, NNP, "):
        carried(str(path))


def test_tags_that_kiwi_has(tmp_path):
    path = tmp_path / "d.txt"
    lines = [
        "사귀었다\t사귀/VV + 었/EP+다/EF\t-2.5",
        "뚜땨\tVV-I",
        "똬\tVA-R",
        "@뚜\tW_MENTION",
        "뚜\tUSER4",
        "C++\tSL",
        "뷁\tNF",
        "뷁쇍\tV",
        "뚜하\tXSA-I",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert without_words(f"dictionary={carried(str(path))}") == "dictionary=(9 words)"
