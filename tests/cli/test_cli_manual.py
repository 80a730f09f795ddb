"""``embedkit manual`` and ``embedkit help``."""

import subprocess
import sys

import pytest

from embedkit.cli import main
from embedkit.manual import FOLDER, PAGES


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "embedkit", *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_a_page_is_plain_markdown_in_a_pipe():
    done = run("manual", "tutorial")
    assert done.returncode == 0
    assert done.stdout == (FOLDER / "tutorial.md").read_text(encoding="utf-8")


def test_a_korean_topic_opens_the_korean_page(capsys):
    assert main(["manual", "입문"]) == 0
    assert capsys.readouterr().out == (FOLDER / "tutorial.ko.md").read_text(encoding="utf-8")


def test_without_topic_the_contents(capsys):
    assert main(["manual"]) == 0
    assert capsys.readouterr().out.startswith("# ")


def test_the_list_names_every_page(capsys):
    assert main(["manual", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PAGES)
    assert all(len(line.split("\t")) == 3 for line in lines)


def test_a_topic_that_is_not_there_is_one_line_with_a_hint(capsys):
    assert main(["manual", "tutorail"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "tutorial" in said


def test_search_finds_the_line(capsys):
    assert main(["manual", "--search", "orthogonal procrustes"]) == 0
    assert "operations\t" in capsys.readouterr().out
    assert main(["manual", "--search", "no such words anywhere"]) == 1


def test_on_a_terminal_the_page_is_laid_out(monkeypatch, capsys):
    from embedkit.cli.commands import manual

    monkeypatch.setattr(manual.sys.stdout, "isatty", lambda: True, raising=False)
    manual.show("# A title\n\nSome *words* and `code`.\n\n<!-- needs x -->\n\n- one\n")
    out = capsys.readouterr().out
    assert "A title" in out
    assert "*words*" not in out
    assert "needs" not in out


@pytest.mark.parametrize("arguments", [["help", "train"], ["help", "lm", "train"]])
def test_help_is_the_help_of_the_command(arguments, capsys):
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert main([*arguments[1:], "--help"]) == 0
    assert capsys.readouterr().out == first
    assert "Usage: embedkit" in first
