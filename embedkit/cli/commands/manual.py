"""``embedkit manual``: the documentation, in the terminal."""

from __future__ import annotations

import sys

import click

from embedkit.cli.shared.output import Results, print_text
from embedkit.errors import ConfigError


@click.command(epilog="Example: embedkit manual tutorial")
@click.argument("topic", required=False)
@click.option("--list", "list_", is_flag=True, help="List the pages: topic<TAB>Korean topic<TAB>title.")
@click.option("--search", metavar="TEXT", help="List the pages and lines that hold this text.")
def manual(topic: str | None, list_: bool, search: str | None) -> None:
    """Read the manual: its contents, or the page TOPIC.

    A Korean topic (입문) opens the Korean page. On a terminal the page is laid out; piped, it is plain Markdown.
    """
    from embedkit.manual import PAGES, find, topics

    if list_ or search:
        if topic:
            raise ConfigError("--list and --search look through all pages: leave TOPIC out")
        if search:
            _search(search)
            return
        with Results(["topic", "korean", "title"]) as results:
            for page in PAGES:
                results.row(page.name.rpartition("/")[2], page.korean, page.title())
        return
    found = find(topic or "index")
    if found is None:
        from difflib import get_close_matches

        close = get_close_matches(str(topic), topics(), n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(close)}?" if close else "see embedkit manual --list"
        raise ConfigError(f"no page named {topic!r}; {hint}")
    page, korean = found
    show(page.text(korean))


def show(markdown: str) -> None:
    """Print a page: laid out on a terminal, as it is in a pipe."""
    if not sys.stdout.isatty():
        print_text([markdown.encode("utf-8")])
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(markdown, hyperlinks=False), width=min(console.width, 100))


def _search(text: str) -> None:
    from embedkit.errors import EmbedkitError
    from embedkit.manual import PAGES

    wanted = text.casefold()
    found = False
    with Results(["topic", "line", "text"]) as results:
        for page in PAGES:
            for path in dict.fromkeys((page.path(), page.path(korean=True))):
                name = path.name.removesuffix(".md")
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    if wanted in line.casefold():
                        results.row(name, number, line.strip())
                        found = True
    if not found:
        raise EmbedkitError(f"no page of the manual holds {text!r}")
