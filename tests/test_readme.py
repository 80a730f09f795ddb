"""What the README promises: the session gives the answers that it shows, and every command in it can be parsed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from embedkit.cli import COMMANDS, cli
from embedkit.cli.commands.lm import KINDS, ByModel

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title):
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder like a fresh clone, with the corpora in it."""
    path = tmp_path_factory.mktemp("clone")
    (path / "demo").mkdir()
    (path / "corpora").mkdir()
    for name in ("en.txt", "ko.txt"):
        shutil.copy(ROOT / "corpora" / name, path / "corpora" / name)
    return path


def run(arguments, folder):
    done = subprocess.run(
        [sys.executable, "-m", "embedkit", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout.splitlines()


def test_the_session_gives_the_answers_that_it_shows(folder):
    steps = blocks(section("A session"), "console")[0].split("$ embedkit ")[1:]
    assert len(steps) >= 6
    for step in steps:
        command, *shown = step.strip().splitlines()
        answers = run(shlex.split(command), folder)
        assert len(answers) == len(shown)
        # Answers behind the first may change places: two workers never add in the same order.
        if shown:
            assert answers[0].split("\t")[:2] == shown[0].split("\t")[:2], command


def test_the_python_session_runs(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = {}
    exec(blocks(section("A session"), "python")[0], names)
    assert names["model"].most_similar("king", topn=3)[0][0] == "queen"


def commands():
    """Every `embedkit …` command line in the README, pipes cut apart."""
    found = set()
    code = "\n".join(re.findall(r"```(?:sh|console)\n(.*?)```", README, re.DOTALL)) + "\n"
    code += "\n".join(re.findall(r"`(embedkit [^`]+)`", README))
    for line in code.splitlines():
        for part in re.split(r"\||&&|;|\$\(", line.removeprefix("$ ")):
            if part.strip().startswith("embedkit "):
                found.add(part.strip().removeprefix("embedkit "))
    return sorted(found)


def test_there_are_commands_in_the_readme():
    assert len(commands()) > 15


@pytest.mark.parametrize("line", commands())
def test_every_command_in_the_readme_can_be_parsed(line):
    line = line.removesuffix(')"')  # the end of a shell's "$(…)"
    words = shlex.split(re.split(r"\s[<>]", line)[0], comments=True)
    if not words or words[0].startswith("-"):
        return
    assert words[0] in COMMANDS
    command = cli.get_command(None, words[0])
    arguments = [w for w in words[1:] if w not in ("…", "...")]
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        command = command.commands[arguments.pop(0)]
    if any("--help" in a for a in arguments) or not arguments:
        return
    if isinstance(command, ByModel) and command.name != "train":
        # It would look into its model file, which is not here: the kinds of model say what they take.
        modules = [import_module(name) for name in set(KINDS.values())]
        candidates = [getattr(m, command.name) for m in modules if hasattr(m, command.name)]
    else:
        candidates = [command]
    assert any(parses(candidate, words[0], arguments) for candidate in candidates), line


def parses(command, name, arguments):
    """Whether a command takes these arguments; what its callback would do is not asked."""
    try:
        command.make_context(name, list(arguments))
    except click.UsageError:
        return False
    return True


def test_the_make_targets_in_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make ([a-z-]+)", README)) - {"it"}:
        assert f"\n{target}:" in makefile, target
