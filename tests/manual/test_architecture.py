"""The manual's picture of the rooms is the one that imports are held to."""

import re

from embedkit.manual import FOLDER
from tests.test_imports import ROOMS


def test_the_table_of_rooms_is_the_list_of_the_imports_test():
    text = (FOLDER / "architecture.md").read_text(encoding="utf-8")
    table = text.split("## The rooms")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE) == ROOMS


def test_the_manual_answers_in_korean_where_a_korean_page_is():
    from embedkit.manual import find

    page, korean = find("입문")
    assert page.path(korean).name == "tutorial.ko.md"
