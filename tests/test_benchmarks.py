"""`make bench` runs every benchmark that can be run; what benchmarks make of words is what they say."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from embedkit.text import hangul
from tests.benchmarks.misspelt import misspelt

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or sys.platform == "win32", reason="there is no make, or its shell is another"
)
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "target, expected",
    [("bench", ["roofline", "scaling", "neighbour_index"]), ("bench-full", ["scaling", "neighbour_index"])],
)
def test_without_a_text_the_others_run(tmp_path, target, expected):
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "ran $2"\n')
    python.chmod(0o755)
    (tmp_path / "venv" / "installed-bench").touch()

    def lines():
        command = ["make", target, f"VENV={tmp_path / 'venv'}", f"DATA={tmp_path}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    without = lines()
    ran = [line for line in without if line.startswith("ran")]
    assert ran == [f"ran tests.benchmarks.{name}" for name in expected]
    left_out = [line for line in without if line.startswith("left out")]
    assert left_out and all("is not in" in line and "corpora/README.md" in line for line in left_out)
    for name in ("en_wiki.txt", "ko_wiki.txt.xz"):
        (tmp_path / name).touch()
    assert len([line for line in lines() if line.startswith("ran")]) == len(left_out) + len(expected)


@pytest.mark.parametrize("word", ["학교", "컴퓨터", "대한민국", "서울에서", "가", "값"])
def test_a_misspelling_differs_in_one_jamo(word):
    random = np.random.default_rng(1)
    for _ in range(20):
        wrong = misspelt(word, random)
        assert wrong is not None
        before, after = hangul.to_jamo(word), hangul.to_jamo(wrong)
        assert len(before) == len(after)
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_what_is_no_hangul_is_not_misspelt():
    assert misspelt("word 7", np.random.default_rng(1)) is None
