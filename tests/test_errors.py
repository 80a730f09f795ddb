"""Warnings name the line that called embedkit, however deep in it they arise."""

import warnings
from pathlib import Path

import pytest

import embedkit
from embedkit.errors import warn_caller
from embedkit.text.lines import numbered_lines
from tests.test_imports import FILES, PACKAGE


def _folder_with_no_text(folder):
    (folder / "texts").mkdir()
    (folder / "texts" / "a.txt").write_text("some words here\n" * 9)
    (folder / "texts" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4)
    list(numbered_lines([folder / "texts"]))


def _words_twice(folder):
    (folder / "twice.txt").write_text("2 2\na 1 2\na 3 4\n")
    embedkit.load(folder / "twice.txt")


def _subsampling_that_leaves_nothing(folder):
    embedkit.train([["a", "b", "c", "d"]] * 9, min_count=1, vector_size=8, workers=1, sample=1e-3, epochs=1)


@pytest.mark.parametrize("act", [_folder_with_no_text, _words_twice, _subsampling_that_leaves_nothing])
def test_a_warning_names_the_line_that_called(act, tmp_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        act(tmp_path)
    assert told
    assert {Path(one.filename) for one in told} == {Path(__file__)}


@pytest.mark.parametrize("names", [{"__name__": None}, {}])
def test_a_caller_without_a_name_is_warned(names):
    with pytest.warns(UserWarning, match="some words") as told:
        exec(compile("warn('some words')", "<typed>", "exec"), {"warn": warn_caller, **names})
    assert told[0].filename == "<typed>"


def test_warnings_arise_in_one_place():
    """Kernels may be compiled by nobody's call: theirs names their own line."""
    found = {path.relative_to(PACKAGE).as_posix() for path in FILES if "warnings.warn" in path.read_text("utf-8")}
    assert found == {"errors.py", "kernels/compiling.py"}
