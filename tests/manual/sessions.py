"""A place in which the manual's commands run, and how what they print is compared with what the page shows."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from corpora import demo
from tests.manual.pages import ROOT, sessions

ELLIPSIS = "…"
TIME = 300  # seconds after which a command of a page is taken to hang
NUMBER = re.compile(r"-?\d[\d,]*\.\d+(?:e[+-]?\d+)?%?$")
# Answers of a trained model: they differ a little from one processor to the next, so neighbours may change places.
OF_A_MODEL = re.compile(r"\btrain\b|safetensors|\.(bin|vec|parquet|index|txt\.gz)\b|--log")


def skip_without_shell() -> None:
    """Skip the calling module where the manual's commands cannot run."""
    if shutil.which("sh") is None:
        pytest.skip("no sh here", allow_module_level=True)


def make_place(folder: Path, models: bool = True) -> Path:
    """Make a folder like a fresh clone after ``make demo``: corpora, models in demo/, embedkit and python to call."""
    (folder / "demo").mkdir()
    shutil.copytree(ROOT / "corpora", folder / "corpora", ignore=shutil.ignore_patterns("__pycache__"))
    commands = folder / ".bin"
    commands.mkdir()
    for name, what in (("embedkit", f'"{sys.executable}" -m embedkit'), ("python", f'"{sys.executable}"')):
        (commands / name).write_text(f'#!/bin/sh\nexec {what} "$@"\n')
        (commands / name).chmod(0o755)
    if models:
        for command in demo.training_commands():
            done = run(folder, f"embedkit {command} --workers 1")
            assert done.returncode == 0, done.stderr
    return folder


def run(place: Path, line: str, shell: str = "sh") -> subprocess.CompletedProcess[str]:
    """Run some shell in the place."""
    environment = {
        **os.environ,
        "PATH": f"{place / '.bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
    }
    return subprocess.run(
        [shell, "-c", line],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=TIME,
    )


def run_server(place: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line that serves until Ctrl-C; press it when the address is printed."""
    words = [str(place / ".bin" / "embedkit"), *line.split()[1:], "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        words, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as server:
        guard = threading.Timer(TIME, server.kill)
        guard.start()
        assert server.stdout is not None and server.stderr is not None
        address = server.stdout.readline()
        server.send_signal(signal.SIGINT)
        rest, said = server.stdout.read(), server.stderr.read()
        guard.cancel()
    return subprocess.CompletedProcess(words, server.returncode, address + rest, said)


def run_python(place: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run a block of Python in the place."""
    (place / ".block.py").write_text(code, encoding="utf-8")
    return run(place, "python .block.py")


def missing(needs: str | None, place: Path) -> list[str]:
    """What a block needs (commands, Python packages, files, separated by commas) and this machine does not have."""
    names = [name.strip() for name in (needs or "").split(",") if name.strip()]
    return [
        name
        for name in names
        if not (shutil.which(name) or (place / name).exists() or ("." not in name and find_spec(name)))
    ]


def printed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What a reader sees and can compare: notes, warnings and errors, then the answers; no times, no progress."""
    said = [line for line in done.stderr.splitlines() if line.startswith(("note: ", "embedkit: "))]
    return [line.rstrip() for line in (*said, *done.stdout.splitlines())]


def shortened(lines: list[str], shown: list[str]) -> list[str]:
    """Real output, cut where the page cuts it with a last line that is an ellipsis."""
    if shown and shown[-1].strip() == ELLIPSIS and len(lines) > len(shown):
        return [*lines[: len(shown) - 1], ELLIPSIS]
    return lines


def check(place: Path, path: Path) -> int:
    """Run a page from top to bottom, as a reader would; the number of its commands that ran."""
    wrong: list[str] = []
    ran = 0
    for block in sessions(path):
        if missing(block.needs, place):
            continue
        if block.language == "python":
            done = run_python(place, block.text)
            if done.returncode:
                wrong.append(f"line {block.line}: Python: {done.stderr}")
            ran += 1
        for step in block.steps:
            done = run(place, step.command)
            expects_failure = any(line.startswith("embedkit: ") for line in step.shown)
            if done.returncode and not expects_failure:
                wrong.append(f"line {block.line}: $ {step.command}\nexit status {done.returncode}: {done.stderr}")
            elif problem := difference(step.command, step.shown, printed(done)):
                wrong.append(f"line {block.line}: $ {step.command}\n{problem}")
            ran += 1
    assert not wrong, "\n\n".join(wrong)
    return ran


def difference(command: str, shown: list[str], got: list[str]) -> str | None:
    """What is wrong with the output that a page shows; None where it is as the page says.

    Text and whole numbers must be the same, numbers with a decimal point near. The answers of a trained model may
    change places: a single answer must be the same, of several half, each to the question that is shown.
    """
    cut = bool(shown) and shown[-1].strip() == ELLIPSIS
    if cut:
        shown = shown[:-1]
        got = got[: len(shown)]
    if len(shown) != len(got):
        return f"{len(shown)} lines shown, {len(got)} printed: {got[:5]}"
    if not shown:
        return None
    if not OF_A_MODEL.search(command):
        for a, b in zip(shown, got, strict=True):
            if not _same_line(a, b):
                return f"shown {a!r}, printed {b!r}"
        return None
    if "lm generate" in command and "--temperature 0 " not in command:
        return None  # what is drawn from a model differs from one processor to the next
    if _is_header(shown[0]) and _is_header(got[0]) and "predict" not in command and shown[0] != got[0]:
        return f"columns shown {shown[0]!r}, printed {got[0]!r}"
    asked = set(_words(command))
    for a, b in zip(shown, got, strict=True):
        if a.split("\t")[0] in asked and a.split("\t")[0] != b.split("\t")[0]:
            return f"shown {a!r}, printed {b!r}"
    if len(shown) == 1:
        return None if _words(shown[0]) == _words(got[0]) else f"shown {shown[0]!r}, printed {got[0]!r}"
    answers = [word for line in shown for word in _words(line) if word not in asked]
    found = {word for line in got for word in _words(line)}
    same = sum(word in found for word in answers)
    if same < len(answers) / 2:
        return f"only {same} of {len(answers)} words as shown; printed {got}"
    return None


def _is_header(line: str) -> bool:
    return "\t" in line and not re.search(r"\d\.\d", line)


def _words(line: str) -> list[str]:
    return [word for word in re.split(r"[\s:]+", line) if word and not re.fullmatch(r"-?[\d.,e+–-]+%?", word)]


def _same_line(a: str, b: str) -> bool:
    left, right = a.split(), b.split()
    return len(left) == len(right) and all(map(_same_field, left, right))


def _same_field(a: str, b: str) -> bool:
    if NUMBER.match(a) and NUMBER.match(b):
        x, y = (float(text.replace(",", "").rstrip("%")) for text in (a, b))
        return abs(x - y) <= max(0.02, 0.02 * abs(x))
    return a == b
