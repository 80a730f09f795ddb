"""Words on the command line: a file that is not there is no word."""

import pytest

from embedkit.cli import main
from embedkit.cli.shared.words import word_list
from embedkit.errors import ConfigError


@pytest.mark.parametrize("name", ["stop.txt", "lists/stop", "/no/where", r"lists\stop", "불용어.tsv", "a.json"])
def test_a_missing_file_is_not_taken_for_a_word(name):
    with pytest.raises(ConfigError, match=r"^no such file: .*write a comma behind it"):
        word_list(name)
    assert word_list(name + ",") == [name]


@pytest.mark.parametrize("text", ["U.S.", "3.14", "king", "왕,여왕", "A.", "...", "a.txt,b.txt"])
def test_words_stay_words(text):
    assert word_list(text) == text.split(",")


def test_a_file_gives_its_lines(tmp_path):
    (tmp_path / "w.txt").write_text("왕\n여왕\n", encoding="utf-8")
    assert word_list(str(tmp_path / "w.txt")) == ["왕", "여왕"]


def test_the_command_says_so(tmp_path, capsys):
    (tmp_path / "t.txt").write_text("bank of america\n" * 30)
    given = ["phrases", str(tmp_path / "t.txt"), "-o", str(tmp_path / "out.txt"), "--connector-words", "missing.txt"]
    assert main(given) == 2
    assert "no such file: missing.txt" in capsys.readouterr().err
    assert not (tmp_path / "out.txt").exists()
