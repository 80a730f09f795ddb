"""Every console session of the README and the manual runs, and prints what the page shows."""

import os
from pathlib import Path

import pytest

from tests.manual.pages import PAGES, name_of, sessions
from tests.manual.sessions import difference, make_place, missing, printed, run, run_python, skip_without_shell

skip_without_shell()

DATA = os.environ.get("EMBEDKIT_DATA")  # a folder with the real corpora that a few sessions need
SESSIONS = [path for path in PAGES if sessions(path) and not name_of(path).startswith("course/")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = make_place(tmp_path_factory.mktemp("clone"))
    for path in Path(DATA).iterdir() if DATA else ():
        (folder / path.name).symlink_to(path.resolve())
    return folder


def check(place, path):
    """Run a page from top to bottom, as a reader would."""
    wrong = []
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


@pytest.mark.parametrize("path", SESSIONS, ids=name_of)
def test_the_page_shows_what_its_commands_print(place, path):
    if check(place, path) == 0:
        pytest.skip("all its sessions need what is not here")
