"""Every console session of the manual runs, and prints what the page shows; the README's are in tests/manual."""

import os
from pathlib import Path

import pytest

from tests.manual.pages import PAGES, name_of, sessions
from tests.manual.sessions import check, make_place, skip_without_shell

skip_without_shell()

DATA = os.environ.get("EMBEDKIT_DATA")  # a folder with the real corpora that a few sessions need
SESSIONS = [path for path in PAGES if sessions(path) and not name_of(path).startswith(("course/", "README"))]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = make_place(tmp_path_factory.mktemp("clone"))
    for path in Path(DATA).iterdir() if DATA else ():
        (folder / path.name).symlink_to(path.resolve())
    return folder


@pytest.mark.parametrize("path", SESSIONS, ids=name_of)
def test_the_page_shows_what_its_commands_print(place, path):
    if check(place, path) == 0:
        pytest.skip("all its sessions need what is not here")
