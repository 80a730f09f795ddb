"""A file that is named twice is told, once, whatever reads it."""

import os
import warnings

import pytest

from embedkit.cli import main
from embedkit.documents.document_index import DocumentIndex
from embedkit.errors import CorpusError
from embedkit.text.labelled import read_label_sets
from embedkit.text.lines import numbered_lines
from embedkit.text.reading import list_sources
from embedkit.vocabulary.corpus import Corpus, count_words


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
        (["a.txt", "a.txt"], "a file is read twice, as often as named: a.txt"),
        (["a.txt", "b.txt", "./a.txt"], "./a.txt (which is a.txt)"),
        (["link.txt", "a.txt"], "a.txt (which is link.txt)"),
        (["a.txt", "hard.txt"], "hard.txt (which is a.txt)"),
        (["b.txt", "[ab].txt"], "read twice, as often as named: b.txt"),
        (["a.txt", "b.txt", "[ab].txt"], "files are read twice, as often as named: a.txt, b.txt"),
        (["texts", "texts/c.txt"], "texts/c.txt"),
        (
            ["a.txt", "a.txt", "b.txt", "./b.txt", "b.txt"],
            "files are read more than once, as often as named: a.txt, ./b.txt (which is b.txt)",
        ),
        (["a.txt", "a.txt", "a.txt"], "a file is read 3 times, as often as named: a.txt"),
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
        with pytest.warns(UserWarning, match=r"as often as named: link\.txt \(which is a\.txt\)") as warned:
            read(["a.txt", "link.txt"])
        assert [one.filename for one in warned] == [__file__]


def test_a_remote_file_by_two_spellings(folder):
    store = pytest.importorskip("fsspec").filesystem("memory")
    store.pipe("/repeated/a.txt", b"a line\n")
    try:
        with pytest.warns(UserWarning, match="read twice, as often as named: memory:///repeated/a.txt"):
            list_sources(["memory://repeated/a.txt", "memory://repeated/*.txt"])
    finally:
        store.rm("/repeated", recursive=True)


def test_a_name_with_a_nul(folder):
    for read in (lambda names: list(numbered_lines(names)), read_label_sets, list_sources):
        with pytest.raises(CorpusError, match="no such file"):
            read(["\x00a", "a.txt"])


@pytest.mark.parametrize("read", [Corpus.from_text, count_words, DocumentIndex.build])
def test_an_iterator_of_files_is_named_in_errors(folder, read):
    (folder / "empty.txt").touch()
    with pytest.raises(CorpusError, match=r"^empty\.txt "):
        read(iter(["empty.txt"]))


COMMANDS = [
    "vocab",
    "phrases",
    "cooccur --min-count 1 -o out.npz",
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
    assert main([*names, "a.txt", "./a.txt", *options]) == 0
    assert capsys.readouterr().err.count("read twice") == 1


def test_counts_that_are_merged_twice(folder, capsys):
    assert main(["cooccur", "a.txt", "--min-count", "1", "-o", "c.safetensors", "-q"]) == 0
    assert main(["cooccur", "--merge", "c.safetensors", "./c.safetensors", "-o", "d.safetensors"]) == 0
    assert capsys.readouterr().err.count("read twice, as often as named: ./c.safetensors (which is c.safetensors)") == 1
