"""The tokenizer morphemes with Kiwi itself."""

import warnings

import pytest

from embedkit.text.tokenizers import get_tokenizer

pytest.importorskip("kiwipiepy")


def test_spelling_is_put_right():
    line = "외않되나요 맛잇어요 설겆이 갔따"
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        right = get_tokenizer("morphemes:typos").tokens(line)
    assert right == ["왜", "안", "되", "나요", "맛있", "어요", "설거지", "가", "었", "다"]
    assert get_tokenizer("morphemes").tokens(line) != right


def test_symbols_stay_whole():
    tokens = get_tokenizer("morphemes:tags").tokens("나는ℹ️ ©️ 🙂\u200d↔️ 1️⃣ 12 🅰️a")
    assert tokens == ["나/NP", "는/JX", "ℹ️/SW", "©️/SW", "🙂\u200d↔️/SW", "1️⃣/SW", "12/SN", "🅰️/SW", "a/SL"]
