"""Tokenizers: what becomes a token, and that the compiled form gives the same as the regular expressions."""

import re
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from embedkit.errors import ConfigError, EmbedkitError
from embedkit.kernels import punctuation
from embedkit.kernels.symbols import SPACES_PER_BYTE, set_apart, survey
from embedkit.kernels.tokens import close, eight_bytes, padded
from embedkit.text import tokenizers
from embedkit.text.symbols import BARE_PATTERN, apart, plain_symbols, symbol_classes, without_bare
from embedkit.text.symbols import INVISIBLE as BARE
from embedkit.text.tokenizers import character_classes, get_tokenizer
from embedkit.vocabulary.corpus import Corpus
from embedkit.vocabulary.cutting import buffer_of, cut, cut_any, cut_ordinary

ENGLAND = "🏴" + "".join(chr(0xE0000 + ord(c)) for c in "gbeng") + "\U000e007f"
CASES = {
    "whitespace": [
        ("The cat,\u3000the CAT!\x1c x", ["The", "cat,", "the", "CAT!", "x"]),
        ("a \u200d \ufe0f\u200b b\u200d \u3164 \u20e3 \U000e0100 #\ufe0f \x01", ["a", "b\u200d", "#\ufe0f"]),
        ("a\u2800b \u2800 \u2800\u200b c", ["a\u2800b", "c"]),
        (unicodedata.normalize("NFD", "학교"), [unicodedata.normalize("NFD", "학교")]),
    ],
    "words": [
        ("The cat, the CAT!", ["the", "cat", "the", "cat"]),
        ("Don't stop — it’s \"mother-in-law's\" 'quoted'", ["don't", "stop", "it's", "mother-in-law's", "quoted"]),
        ("- -- a- -b a--b", ["a", "b", "a", "b"]),
        ("pi is 3.14, not 1,000,000.", ["pi", "is", "3.14", "not", "1,000,000"]),
        ("end.Next U.S.", ["end", "next", "u", "s"]),
        ("new_york C++ #tag @me", ["new_york", "c", "tag", "me"]),
        ("Ça n'été Straße", ["ça", "n'été", "straße"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("東京(とうきょう)", ["東京", "とうきょう"]),
        (unicodedata.normalize("NFD", "한국어는 'Café' 다"), ["한국어는", "café", "다"]),
        ("I ❤️ it너👍🏽!", ["i", "❤️", "it너", "👍🏽"]),
        ("👨\u200d👩\u200d👧\u200d👦🇰🇷🇫🇷 1️⃣ ♥♥", ["👨\u200d👩\u200d👧\u200d👦", "🇰🇷", "🇫🇷", "1️⃣", "♥", "♥"]),
        (f"{ENGLAND} a", [ENGLAND, "a"]),
        ("a#️⃣*️⃣b #\u20e3 #*#\ufe0f C#", ["a", "#️⃣", "*️⃣", "b", "#\u20e3", "c"]),
        ("❤️\u200da \ufe0f\u200da a\u200d\ufe0fb", ["❤️", "a", "a", "ab"]),
        ("a▶️b ©️‼ Ⓜ️ ㊗️🅰️ ™", ["a", "▶️", "b", "©️", "‼", "ⓜ️", "㊗️", "🅰️", "™"]),
        ("🙂\u200d↔️aℹ️b ℹ\u200da a\u200dℹ", ["🙂\u200d↔️", "a", "ℹ️", "b", "ℹ", "a", "a", "ℹ"]),
        ("20℃는 5㎏ ㈜카카오", ["20", "℃", "는", "5", "㎏", "㈜", "카카오"]),
        ("خانهٔ\u200cما क़\u200cल e\u0301\u200dx", ["خانهٔ\u200cما", "क़\u200cल", "é\u200dx"]),
        ("신\u00ad뢰 \u200d \u200b \u3164 \ufe0f a\u200d क्\u200dष \u2060", ["신뢰", "a", "क्\u200dष"]),
    ],
    "chars": [
        ("the 한글\t!", ["t", "h", "e", "한", "글", "!"]),
        ("👨\u200d👩\u200d👧ok🇰🇷🇫🇷 1️⃣❤️👍🏽", ["👨\u200d👩\u200d👧", "o", "k", "🇰🇷", "🇫🇷", "1️⃣", "❤️", "👍🏽"]),
        (f"{ENGLAND}e\u0301\u0323 क्\u200dष नि", [ENGLAND, "e\u0301\u0323", "क्\u200d", "ष", "नि"]),
        ("a\u200d \u200d \ufe0f b\u00ad\u200b\u2060\ufeff \u3164 c\x7f\u200e", ["a", "b", "c"]),
        ("a\u2800b \u2800", ["a", "b"]),
        ("#️⃣*️⃣#\u20e3 #*#\ufe0f", ["#️⃣", "*️⃣", "#\u20e3", "#", "*", "#"]),
        ("🙂\u200d↕️▶️aℹ️©", ["🙂\u200d↕️", "▶️", "a", "ℹ️", "©"]),
        ("❤️\u200da A\u20e3 กำ", ["❤️", "a", "A", "ก", "ำ"]),
        (unicodedata.normalize("NFD", "한국"), list(unicodedata.normalize("NFD", "한국"))),
    ],
    "korean": [
        ("화학(化學)은 물질의 성질, 조성", ["화학은", "물질의", "성질", "조성"]),
        ("‘케미스트리(chemistry)’는", ["케미스트리는", "chemistry"]),
        ("자연과학(自然科學)의 한 분야이다.", ["자연과학의", "한", "분야이다"]),
        ("《항해술기(航海述奇)》(1866), 의", ["항해술기", "1866", "의"]),
        ('"천국의 단검(天國短劍)"으로', ["천국의", "단검으로"]),
        ("전기적·광학적 2,300년 3.5도", ["전기적", "광학적", "2,300년", "3.5도"]),
        ("한나라(漢, 206 BC)는", ["한나라는", "206", "BC"]),
        ("가#️⃣(*️⃣)는 #1 *", ["가", "#️⃣", "*️⃣", "는", "1"]),
        ("20°C 20℃ 5% €3 ₩500 ^^ ;; ㅎㅎ", ["20", "C", "20", "℃", "5", "3", "500", "ㅎㅎ"]),
        ("보일 (Robert Boyle)은", ["보일", "Robert", "Boyle은"]),
        ("化學은 ㅋㅋㅋ 漢字", ["化學은", "ㅋㅋㅋ", "漢字"]),
        (
            "ㅠㅠ ㅇㅈ😀 Привет Ελλάδα हिन्दी ภาษาไทย ＡＢＣ カタカナ",
            ["ㅠㅠ", "ㅇㅈ", "😀", "Привет", "Ελλάδα", "हिन्दी", "ภาษาไทย", "ＡＢＣ", "カタカナ"],
        ),
        (unicodedata.normalize("NFD", "화학(化學)은"), ["화학은"]),
    ],
}


@pytest.mark.parametrize(("name", "line", "tokens"), [(name, *case) for name, cases in CASES.items() for case in cases])
def test_tokens(name, line, tokens):
    assert get_tokenizer(name).tokens(line) == tokens


@pytest.mark.parametrize("name", CASES)
def test_lowercase(name):
    assert get_tokenizer(name, lowercase=True).tokens("King OF Ärger") == [
        token.lower() for token in get_tokenizer(name).tokens("King OF Ärger")
    ]


LETTERS = (
    "\u3164\u2800\u20e3\u00ad♥℃©ℹ↔Ⓜ\U000e0067🏽"
    "ab1２#* .,'’-\n\u3000\u0301\u0bcd\u200d한化（(）)\"’”😀\ufe0f𠀋\U0001f1f0\U000e0100\x00\x85"
)
INVISIBLE = set("\u00ad\u034f\u115f\u1160\u200b\u200c\u200d\u200e\u2060\u3164\ufe0e\ufe0f\ufeff\uffa0\u20e3")
TEXT = st.text(st.sampled_from(LETTERS) | st.characters(codec="utf-8"), max_size=80)


GLOSSES = st.text(st.sampled_from("가각한ㄱ\u1100\ud7a3\ud780\u3130化𠀋a1_é(（[)）]'”\"〉 \n\u0301x"), max_size=40)
LONG = st.builds("{}{}{}{}".format, TEXT, st.sampled_from(["가(", "가（", "("]), st.just("a한" * 40), GLOSSES)


JOINED = st.text(st.sampled_from("aن한ा1#😀ℹ↔ \n\u0654\u093c\u0301\u3099\u200c\u200d\ufe0f\u20e3"), max_size=30)


ORDINARY = st.lists(
    st.sampled_from(
        [
            *"가각힣한ㄱ化龿鿿é٣1_.,'’-(（[)）]”\"〉 \n\u3000",
            "한국어",
            "a word",
            "3.14",
            "학교(學校)는",
            "‘물’은",
            "don't",
            "龿鿿",
        ]
    )
    | st.sampled_from(["♥", "\u0301", "\u3164", "😀"]),
    max_size=60,
).map("".join)


def lines_of(text):
    return [line.split() for line in text.split("\n")]


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("name", ["words", "korean"])
@given(text=TEXT | GLOSSES | LONG | ORDINARY | JOINED)
@example(text="خانهٔ\u200cما क़\u200cल 1\ufe0f\u20e3\u200d1")
@example(text="ℹ\u200da a\u200dℹ aℹa 🙂\u200d↔️\u200da")
@example(text="❤️\u200da #\u00ad\ufe0f\u20e3\u200d*\u20e3\u20e3 #\ufe0f\ufe0f\u20e3 *")
def test_the_kernels_cut_as_the_regular_expressions_do(name, lowercase, text):
    tokenizer = get_tokenizer(name, lowercase)
    buffer, size, bad_byte = cut(tokenizer, *buffer_of(text.encode()))
    assert bad_byte == -1
    found = buffer[:size].tobytes().decode()
    assert lines_of(found) == lines_of(tokenizer.rewrite(text))
    assert found.count("\n") == text.count("\n")


@pytest.mark.parametrize("sign", [")", "”", "'", "가)", "가(", "(가)", "가(化", "1)2"])
def test_long_runs_are_gone_through_once(sign):
    """Each of them again from every character would take an hour."""
    text = "가나다 " + sign * 400_000
    buffer, size, _ = cut(get_tokenizer("korean"), *buffer_of(text.encode()))
    assert buffer[: size + 1].tobytes().startswith("가나다".encode())


@given(text=TEXT)
def test_what_the_survey_calls_plain_stays_as_it_is(text):
    text = unicodedata.normalize("NFC", text)
    buffer, size = buffer_of(text.encode())
    close(buffer, size)
    lines = np.empty((100, 2), np.int64)
    is_special, _, _ = survey(buffer, eight_bytes(buffer), size, symbol_classes(), lines)
    out = padded(SPACES_PER_BYTE * size)
    new_size = set_apart(buffer, size, out, symbol_classes(), plain_symbols())
    assert is_special or out[:new_size].tobytes() == buffer[:size].tobytes()
    assert lines_of(out[:new_size].tobytes().decode()) == lines_of(apart(text))


@given(text=ORDINARY)
def test_one_pass_over_ordinary_lines_gives_what_three_passes_give(text):
    korean = get_tokenizer("korean")
    done = cut_ordinary(korean, *buffer_of(text.encode()))
    if done is None:  # too many lines out of the ordinary
        assert not set(text).isdisjoint("♥\u0301\u3164😀")
        return
    buffer, size, _ = cut_any(korean, *buffer_of(text.encode()))
    assert lines_of(done[0][: done[1]].tobytes().decode()) == lines_of(buffer[:size].tobytes().decode())


def test_lines_out_of_the_ordinary_are_put_in_their_places():
    plain = "자연과학(自然科學)의 한 분야이다.\n" * 30
    text = f"♥신\u00ad뢰\n{plain}😀😀😀\n\n{plain}{unicodedata.normalize('NFD', '한국어')}"
    done = cut_ordinary(get_tokenizer("korean"), *buffer_of(text.encode()))
    words = ["자연과학의", "한", "분야이다"]
    expected = [["♥", "신뢰"], *[words] * 30, ["😀"] * 3, [], *[words] * 30, ["한국어"]]
    assert lines_of(done[0][: done[1]].tobytes().decode()) == expected


@given(data=st.binary(max_size=40), text=TEXT | ORDINARY, more=ORDINARY)
def test_bytes_that_are_not_utf8_are_found(data, text, more):
    data = text.encode() + data + more.encode()
    try:
        data.decode()
        wanted = -1
    except UnicodeDecodeError as error:
        wanted = error.start
    assert cut(get_tokenizer("korean"), *buffer_of(data))[2] == wanted


@given(text=TEXT)
def test_no_token_of_white_space_is_made_of_what_nobody_sees(text):
    tokens = get_tokenizer("whitespace").tokens(text)
    assert tokens == [token for token in text.replace("\n", " ").split() if re.search(f"[^{BARE}]", token)]
    assert without_bare(text) == re.sub(BARE_PATTERN, "", text)


@pytest.mark.parametrize("name", ["words", "korean", "chars"])
@given(text=TEXT)
def test_no_token_is_invisible(name, text):
    for token in get_tokenizer(name).tokens(text):
        assert any(unicodedata.category(c)[0] not in "CZM" for c in token) or not set(token) & INVISIBLE


def test_whatever_unicode_calls_an_emoji_is_one_token():
    package = pytest.importorskip("tokenizers")
    characters = "".join(map(chr, [*range(0x80, 0xD800), *range(0xE000, 0x20000)]))
    others = package.normalizers.Replace(package.Regex(r"[^\p{Emoji}]+|\p{Regional_Indicator}"), "")
    emoji = others.normalize_str(characters)
    assert len(emoji) > 1300
    for tail in ("", "\ufe0f", "\u200d❤️"):
        words = [character + tail for character in emoji]
        for name in ("words", "korean", "chars"):
            assert get_tokenizer(name).tokens("가".join(words).replace("Ⓜ", "ⓜ"))[::2] == [
                word.replace("Ⓜ", "ⓜ") for word in words
            ]


def test_kernel_and_table_name_the_same_classes():
    for name in ("OUTSIDE", "WORD", "DIGIT", "JOINER", "DIGIT_JOINER", "WHITE", "KEYCAP_SIGN"):
        assert getattr(punctuation, name) == getattr(tokenizers, name)
    assert character_classes()[0] == punctuation.OUTSIDE


@pytest.mark.parametrize("name", CASES)
def test_a_corpus_holds_the_tokens_of_each_line(tmp_path, name):
    lines = [line.replace("\n", " ") for line, _ in CASES[name]]
    (tmp_path / "text.txt").write_bytes("\n".join(lines).encode())
    corpus = Corpus.from_text(tmp_path / "text.txt", tokenizer=name, min_count=1)
    words = corpus.vocabulary.index_to_key
    assert [[words[i] for i in ids] for ids in corpus.sentences()] == [tokens for _, tokens in CASES[name]]


def test_an_unknown_tokenizer_names_the_known_ones():
    with pytest.raises(ConfigError, match="no tokenizer named 'letters'; there are whitespace, words"):
        get_tokenizer("letters")


def test_morphemes_without_the_package_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "kiwipiepy", None)
    with pytest.raises(EmbedkitError, match=r"pip install 'embedkit\[korean\]'"):
        get_tokenizer("morphemes")
