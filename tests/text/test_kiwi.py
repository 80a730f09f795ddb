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
