"""The README's sessions run and print what it shows; those of the manual are in tests/interop.

The README trains the models that it asks.
"""

from tests.manual.pages import ROOT
from tests.manual.sessions import check, make_place, skip_without_shell

skip_without_shell()


def test_the_readme_shows_what_its_commands_print(tmp_path):
    assert check(make_place(tmp_path, models=False), ROOT / "README.md") > 0
