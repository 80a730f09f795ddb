"""The tokenizer morphemes with Kiwi itself."""

import contextlib
import warnings

import pytest

from embedkit.errors import EmbedkitError
from embedkit.text.parts_of_speech import TAGS, is_tag
from embedkit.text.tokenizers import get_tokenizer

kiwipiepy = pytest.importorskip("kiwipiepy")


def test_spelling_is_put_right():
    line = "외않되나요 맛잇어요 갔따"
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        right = get_tokenizer("morphemes:typos").tokens(line)
    assert "맛있" in right
    assert "맛있" not in get_tokenizer("morphemes").tokens(line)


def test_symbols_stay_whole():
    tokens = get_tokenizer("morphemes:tags").tokens("나는ℹ️ ©️ 🙂\u200d↔️ 1️⃣ 12 🅰️a")
    assert tokens == ["나/NP", "는/JX", "ℹ️/SW", "©️/SW", "🙂\u200d↔️/SW", "1️⃣/SW", "12/SN", "🅰️/SW", "a/SL"]


@pytest.mark.parametrize("unseen", ["\u200b", "\x01", "\u2800"])
def test_what_nobody_sees_is_in_no_morpheme(unseen):
    assert get_tokenizer("morphemes").tokens(f"나는 좋아{unseen}요") == ["나", "는", "좋", "어", "요"]


def test_syllables_stay_whole_and_endings_can_be_typed():
    old = ["나랏말\u110a\u119e미", "\u1112\u119e\u11ab글"]
    assert get_tokenizer("morphemes").tokens(" ".join(old)) == old
    assert get_tokenizer("morphemes").tokens("나는 간다") == ["나", "는", "가", "ㄴ다"]
    assert get_tokenizer("morphemes:tags").tokens("갔읍니당")[-2:] == ["읍니다/EF", "ㅇ/Z_CODA"]


LINE = "에메드킷과 뚜땨를"
ENTRIES = "에메드킷\tNNP\t0\n\n# a comment\n뚜땨\tUSER0\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_words_of_a_dictionary(tmp_path, encoding, line_end):
    (tmp_path / "words.txt").write_bytes(ENTRIES.replace("\n", line_end).encode(encoding))
    settings = f"tags,dictionary={tmp_path / 'words.txt'}"
    assert get_tokenizer(f"morphemes:{settings}").tokens(LINE)[:3] == ["에메드킷/NNP", "과/JC", "뚜땨/USER0"]
    assert get_tokenizer(f"morphemes:pos=USER,{settings}").tokens(LINE) == ["뚜땨/USER0"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found no words"),
        ("# words\n\n", "found no words"),
        ("가\tNNG\n나\tNNG\tabc\n", "line 2: expected a number as the score behind the tag, found 'abc'"),
        ("가\tNNG\tnan\n", "expected a number"),
        ("가 NNG 0\n", "line 1: expected form<TAB>tag<TAB>score on each line, found '가 NNG 0'"),
        ("\tNNG\n", "line 1: expected form"),
        ("가\tADJ\n", "no part-of-speech tag 'ADJ'"),
        ("가갸\t가/NNG + 뷁/JX\n", "as Kiwi reads it"),
    ],
)
def test_a_dictionary_with_mistakes_is_one_line(tmp_path, text, message):
    (tmp_path / "words.txt").write_text(text, encoding="utf-8")
    with pytest.raises(EmbedkitError, match=message):
        get_tokenizer(f"morphemes:dictionary={tmp_path / 'words.txt'}")


def test_a_dictionary_that_is_not_utf8(tmp_path):
    (tmp_path / "words.txt").write_bytes(ENTRIES.encode("cp949"))
    with pytest.raises(EmbedkitError, match="it looks like CP949: iconv"):
        get_tokenizer(f"morphemes:dictionary={tmp_path / 'words.txt'}")


def test_tags_of_dictionaries_are_those_that_kiwi_takes(tmp_path):
    kiwi, path = kiwipiepy.Kiwi(), tmp_path / "words.txt"
    others = ["NF", "NV", "NA", "V", "N", "P", "UN", "SS", "SSO", "W_EMOJI", "USER5", "MMA", "XS", "J", "nng", "JQ"]
    tags = [tag + suffix for tag in (*TAGS, *others) for suffix in ("", "-R", "-I", "-I-R", "-R-I", "-r")]
    taken = []
    for tag in tags:
        path.write_text(f"뷁쇍\t{tag}\n", encoding="utf-8")
        with contextlib.suppress(ValueError):
            kiwi.load_user_dictionary(str(path))
            taken.append(tag)
    assert [tag for tag in tags if is_tag(tag)] == taken
