"""Every console session of the course runs and prints what the page shows; apart, for a process of its own."""

import pytest

from tests.manual.pages import PAGES, name_of, sessions
from tests.manual.sessions import check, make_place, skip_without_shell

skip_without_shell()

COURSE = [  # the Korean pages show the same, see tests/manual/test_commands.py
    path
    for path in PAGES
    if sessions(path) and name_of(path).startswith("course/") and not name_of(path).endswith(".ko.md")
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return make_place(tmp_path_factory.mktemp("course"))


@pytest.mark.parametrize("path", COURSE, ids=name_of)
def test_the_chapter_shows_what_its_commands_print(place, path):
    assert check(place, path) > 0
