"""Key words in context: what matches, what stands around it, and the command."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.cli import main
from embedkit.errors import ConfigError
from embedkit.text.concordance import compiled, concordance

TEXT = "The King and the kings of New  York, no kingdom\nking!\n왕은 왕이다 여왕\ncolour and color\n"


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def found(corpus, query, **options):
    return [match.match for match in concordance(corpus, query, **options)]


def test_what_matches(corpus):
    assert found(corpus, "king") == ["King", "king"]
    assert found(corpus, "king", case_sensitive=True) == ["king"]
    assert found(corpus, "king*") == ["King", "kings", "kingdom", "king"]
    assert found(corpus, "new york") == ["New York"]
    assert found(corpus, "왕*") == ["왕은", "왕이다"]
    assert found(corpus, "*왕*") == ["왕은", "왕이다", "여왕"]
    assert found(corpus, "colou?r", regex=True) == ["colour", "color"]
    assert found(corpus, "x*", regex=True) == []  # empty matches are none
    assert found(corpus, "king!") == ["king!"]


def test_hangul_is_found_however_it_is_composed(tmp_path):
    (tmp_path / "nfd.txt").write_text("\u110b\u116a\u11bc\u110b\u1173\u11ab king\n", encoding="utf-8")
    assert found(tmp_path / "nfd.txt", "왕*") == ["왕은"]
    assert found(tmp_path / "nfd.txt", "\u110b\u116a\u11bc*") == ["왕은"]


def test_context_ends_with_the_line(corpus):
    one, two = concordance(corpus, "king", context=2)
    assert (one.line, one.left, one.match, one.right) == (1, "The", "King", "and the")
    assert (two.line, two.left, two.match, two.right) == (2, "", "king", "!")
    assert next(concordance(corpus, "king", context=0)).right == ""


@given(st.text("ab *.", min_size=1, max_size=8), st.text("ab .", max_size=20))
def test_a_query_means_its_words_and_stars(query, line):
    if not query.strip():
        return
    words = [re.escape(word).replace(r"\*", r"\w*") for word in query.split()]
    for match in compiled(query).finditer(line):
        assert re.fullmatch(r"\s+".join(words), match[0])
        before, after = line[: match.start()][-1:], line[match.end() :][:1]
        assert not (match[0][:1].isalnum() and before.isalnum() and query.strip()[0] != "*")
        assert not (match[0][-1:].isalnum() and after.isalnum())


@pytest.mark.parametrize(("query", "options"), [(" ", {}), ("(", {"regex": True}), ("a{99999999999}", {"regex": True})])
def test_queries_that_cannot_be(corpus, query, options):
    with pytest.raises(ConfigError):
        list(concordance(corpus, query, **options))


def test_the_command(corpus, capsys):
    assert main(["concordance", str(corpus), "king*", "--context", "1", "--limit", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{corpus}\t1\tThe\tKing\tand", f"{corpus}\t1\tthe\tkings\tof"]
    assert err == "stopped at the limit of 2: 2 matches in 1 file\n"
    assert main(["concordance", str(corpus), "왕*", "--json", "-q"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    assert record == {"file": str(corpus), "line": 3, "left": "", "match": "왕은", "right": "왕이다 여왕"}
    assert main(["concordance", str(corpus), "nothing"]) == 1
    assert main(["concordance", str(corpus), "(", "--regex"]) == 2
