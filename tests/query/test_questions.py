"""Lines as questions: words, phrases, sums; what the vocabulary holds as it is typed wins."""

import pytest

from embedkit.errors import ConfigError
from embedkit.query.questions import changed, item, question, split

KNOWN = {"king", "man", "woman", "new_york", "san francisco", "-", "c++", "3*x", "10\u00a0km", "왕", "남자", "여자"}


def known(word):
    return word in KNOWN


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        ("king", [("king", 1)]),
        ("  king ", [("king", 1)]),
        ("king - man + woman", [("king", 1), ("man", -1), ("woman", 1)]),
        ("왕 − 남자 + 여자", [("왕", 1), ("남자", -1), ("여자", 1)]),
        ("2*king - man", [("king", 2), ("man", -1)]),
        ("2 * king - 0.5*man", [("king", 2), ("man", -0.5)]),
        ("- man + woman", [("man", -1), ("woman", 1)]),
        ("+ king", [("king", 1)]),
        ("3*x", [("3*x", 1)]),
        ("c++", [("c++", 1)]),
        ("king-man", [("king-man", 1)]),
        ("-", [("-", 1)]),
        ("- -", [(("-", "-"), 1)]),
        ("new york - king", [("new_york", 1), ("king", -1)]),
        ("2*new york", [("new_york", 2)]),
        ("king queen", [(("king", "queen"), 1)]),
        ("san\tfrancisco", [("san francisco", 1)]),
        ("san_francisco", [("san francisco", 1)]),
        ("10\u00a0km", [("10\u00a0km", 1)]),
        ("10\u00a0km + king\u3000man", [("10\u00a0km", 1), (("king", "man"), 1)]),
    ],
)
def test_a_line_is_understood(line, terms):
    assert question(line, known).terms == terms


def test_what_was_understood_is_said():
    assert question("king - man", known).said == [
        "'king - man' is read as a sum, though '-' is a word of the vocabulary too"
    ]
    assert question("king + man", known).said == []
    assert question("new york", known).said == ["'new york' is 'new_york' in the vocabulary"]
    assert question("old king", known).said == ["'old king' stands for the mean of old, king"]
    said = []
    assert item("san_francisco", known, said) == "san francisco"
    assert said == ["'san_francisco' is 'san francisco' in the vocabulary"]


@pytest.mark.parametrize("line", ["king -", "king - + man", "+ + king"])
def test_an_operator_needs_a_word_behind_it(line):
    with pytest.raises(ConfigError, match="expected a word behind"):
        question(line, known)


@pytest.mark.parametrize("line", ["", " \t", "\u3000"])
def test_a_line_without_a_word_is_refused(line):
    with pytest.raises(ConfigError, match="expected a word"):
        question(line, known)


def test_words_are_cut_at_odd_spaces_only_where_no_word_holds_them():
    assert split("10\u00a0km king\u00a0man", known) == ["10\u00a0km", "king", "man"]


def test_questions_are_added_up():
    asked = changed(question("king", known), [question("woman", known)], [question("2*man", known)])
    assert asked.terms == [("king", 1), ("woman", 1), ("man", -2)]
    assert asked.words == ["king", "woman", "man"]
