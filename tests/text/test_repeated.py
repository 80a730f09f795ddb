"""A file that is named twice is told, once, whatever reads it."""

import os
import warnings

import pytest

from embedkit.cli import main
from embedkit.text.labelled import read_label_sets
from embedkit.text.lines import numbered_lines
from embedkit.text.reading import list_sources


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "texts").mkdir()
    for name in ("a.txt", "b.txt", "texts/c.txt"):
        (tmp_path / name).write_text(f"a line of {name}\tx\nanother\ty\n")
    (tmp_path / "link.txt").symlink_to("a.txt")
    os.link(tmp_path / "a.txt", tmp_path / "hard.txt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a.txt", "a.txt"], "a file is read twice, and counted twice: a.txt"),
        (["a.txt", "b.txt", "./a.txt"], "./a.txt (which is a.txt)"),
        (["link.txt", "a.txt"], "a.txt (which is link.txt)"),
        (["a.txt", "hard.txt"], "hard.txt (which is a.txt)"),
        (["b.txt", "[ab].txt"], "counted twice: b.txt"),
        (["a.txt", "b.txt", "[ab].txt"], "files are read twice, and counted twice: a.txt, b.txt"),
        (["texts", "texts/c.txt"], "texts/c.txt"),
        (["a.txt", "a.txt", "a.txt"], "counted twice: a.txt"),
    ],
)
def test_a_file_that_is_listed_twice(folder, names, told):
    with pytest.warns(UserWarning) as warned:
        assert len(list_sources(names)) > 1
    assert len(warned) == 1 and str(warned[0].message).endswith(told)


def test_other_files_are_not(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list_sources(["a.txt", "b.txt", "texts", "-"])
        list(numbered_lines(["a.txt", "b.txt"]))


def test_lines_and_labels(folder):
    for read in (lambda names: list(numbered_lines(names)), read_label_sets):
        with pytest.warns(UserWarning, match=r"counted twice: link\.txt \(which is a\.txt\)"):
            read(["a.txt", "link.txt"])


COMMANDS = [
    "vocab",
    "phrases",
    "cooccur -o out.npz",
    "tfidf -o out.npz",
    "train --epochs 1 --min-count 1 --dim 2 -o out.safetensors",
    "lm train -o out.lm",
    "index --documents -o out.idx",
    "classify train --model mean --epochs 1 -o out.safetensors",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_say_it_once(folder, capsys, command):
    name, *options = command.split()
    names = [name, options.pop(0)] if name in ("lm", "classify") else [name]
    main([*names, "a.txt", "./a.txt", *options])
    assert capsys.readouterr().err.count("read twice") == 1
