"""Every command in the README and the manual can be parsed, every make target and every link in them exists."""

import re
import shlex
from importlib import import_module

import click
import pytest

from embedkit.cli import COMMANDS, cli
from embedkit.cli.commands.lm import KINDS, ByModel
from embedkit.manual import PAGES as CONTENTS
from embedkit.manual import find
from tests.manual.pages import FENCE, MANUAL, PAGES, ROOT, blocks, name_of

CHAPTERS = sorted((MANUAL / "course").glob("*.md"))
TEXTS = {name_of(path): path.read_text(encoding="utf-8") for path in PAGES}


def commands():
    """Every `embedkit …` command line in the pages, pipes cut apart."""
    found = set()
    for text in TEXTS.values():
        code = "\n".join(block.text for block in blocks(text) if block.language in ("sh", "console")) + "\n"
        code += "\n".join(re.findall(r"`(embedkit [^`]+)`", text))
        for line in code.replace("\\\n", " ").splitlines():
            for part in re.split(r"\||&&|;|\$\(", line.removeprefix("$ ")):
                if part.strip().startswith("embedkit "):
                    found.add(part.strip().removeprefix("embedkit "))
    return sorted(found)


def test_there_are_commands_in_the_pages():
    assert len(commands()) > 60


@pytest.mark.parametrize("line", commands())
def test_every_command_can_be_parsed(line, tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()  # a command looks at once whether its output can be written
    monkeypatch.chdir(tmp_path)
    line = line.removesuffix(')"')  # the end of a shell's "$(…)"
    words = shlex.split(re.split(r"\s[<>]|\s2>", line)[0], comments=True)
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


def test_the_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {target for text in TEXTS.values() for target in re.findall(r"`make ([a-z-]+)|\nmake ([a-z-]+)", text)}
    names = {name for pair in targets for name in pair if name}
    assert {"demo", "test"} <= names
    for target in names:
        assert f"\n{target}:" in makefile, target


def anchors(text):
    """The names under which a page's headings can be linked, as GitHub and MyST make them."""
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_link_leads_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", TEXTS[name_of(path)], flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), target


def test_every_page_is_in_the_table_of_contents():
    listed = {page.path(korean) for page in CONTENTS for korean in (False, True)}
    assert listed == set(MANUAL.rglob("*.md"))


@pytest.mark.parametrize("path", [path for path in CHAPTERS if not path.name.endswith(".ko.md")], ids=name_of)
def test_every_chapter_has_a_korean_page_with_the_same_sessions(path):
    """What the commands print is compared on the English page alone."""
    korean = path.with_suffix(".ko.md")
    text = korean.read_text(encoding="utf-8")
    assert FENCE.findall(text) == FENCE.findall(path.read_text(encoding="utf-8"))
    assert len(re.findall(r"[가-힣]", re.sub(FENCE, "", text))) > 150
    assert text.count("\n## ") == path.read_text(encoding="utf-8").count("\n## ")


def test_every_page_answers_to_its_names_and_no_two_to_one():
    names = [name for page in CONTENTS for name in (page.name.rpartition("/")[2], page.korean)]
    assert len(set(names)) == len(names)
    for page in CONTENTS:
        assert find(page.name) == find(page.name.rpartition("/")[2]) == (page, False)
        assert find(page.korean) == find(f"{page.name}.ko") == (page, True)
    assert find("nothing of this name") is None
