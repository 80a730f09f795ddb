"""The one-line pipes of the README, read from it and run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import embedkit

ROOT = Path(__file__).resolve().parent.parent

# What a pipe names: what its output must hold, whatever the random numbers were.
EXPECTED = {
    "jq": ["queen"],
    "sort": ["king\tqueen"],
    "fzf": ["kingdom\t"],
    "grep": ["words\t", "config.model\tskipgram"],
    "duckdb": ["paris", "cosine"],
    "sklearn": [],
    "torch": ["torch.Size([1, 64])"],
}
HEAVY = ("duckdb", "sklearn", "torch")


def commands_of(section):
    """Return the lines of shell in a section of the README, without its comments."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    block = text.partition("```sh\n")[2].partition("```")[0]
    return [line for line in block.splitlines() if line and not line.startswith("#")]


def pipes():
    """Return the pipes of the README by the tool that each one shows."""
    found = {}
    for line in commands_of("Pipes"):
        tool = next((name for name in EXPECTED if re.search(rf"\b{name}\b", line)), None)
        assert tool is not None, f"a pipe that no test expects anything of: {line}"
        found[tool] = line
    return found


def make_place(folder, languages=("en",)):
    """Make a folder in which the README's commands run: corpora, a model in demo/, embedkit and python."""
    (folder / "demo").mkdir()
    shutil.copytree(ROOT / "corpora", folder / "corpora", ignore=shutil.ignore_patterns("__pycache__"))
    commands = folder / "bin"
    commands.mkdir()
    for name, what in (("embedkit", f'"{sys.executable}" -m embedkit'), ("python", f'"{sys.executable}"')):
        (commands / name).write_text(f'#!/bin/sh\nexec {what} "$@"\n')
        (commands / name).chmod(0o755)
    for language in languages:
        model = embedkit.train(str(ROOT / "corpora" / f"{language}.txt"), vector_size=64, epochs=5, workers=1, seed=1)
        model.save(folder / "demo" / f"{language}.safetensors")
    return folder


def run(place, line, shell="sh"):
    """Run one line of shell in the place."""
    environment = {**os.environ, "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [shell, "-c", line], cwd=place, env=environment, capture_output=True, text=True, encoding="utf-8"
    )


def check(place, tool):
    """Run the pipe that shows a tool, and check its output."""
    done = run(place, pipes()[tool])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    for expected in EXPECTED[tool]:
        assert expected in done.stdout
    return done.stdout


def skip_without_shell():
    """Skip the calling module where the README's commands cannot run."""
    if shutil.which("sh") is None:
        pytest.skip("no sh here", allow_module_level=True)
