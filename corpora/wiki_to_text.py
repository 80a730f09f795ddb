"""Turn a Wikipedia dump into text, a paragraph a line: ``python corpora/wiki_to_text.py DUMP > wiki.txt``.

DUMP is the XML that dumps.wikimedia.org offers (``*-pages-articles.xml.bz2``, or enwik9), plain or compressed
with bzip2 or gzip; ``-`` reads uncompressed XML from standard input. Pages are read one at a time, so memory
stays small however large the dump is. A dump that is cut off, as enwik9 is, gives all pages before the cut.

Only articles count: no talk or template pages and no redirects. Templates, tables, references, files, targets
of links, HTML and headings go; what a reader of the page sees as running text stays. ``--plain`` lower-cases
too and keeps nothing but letters and digits of any script.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import html
import re
import sys
from collections.abc import Iterator
from typing import BinaryIO
from xml.etree import ElementTree

COMMENT = re.compile(r"<!--.*?-->", re.S)
DROPPED_ELEMENT = re.compile(
    r"<(ref|math|gallery|timeline|source|syntaxhighlight|code|pre|chem|score|imagemap|hiero)\b[^<>]*?"
    r"(?:/>|>.*?</\1\s*>)",
    re.S | re.I,
)
TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
TEMPLATE_EDGE = re.compile(r"\{\{|\}\}")
TABLE_EDGE = re.compile(r"\{\||\|\}")
LINK_EDGE = re.compile(r"\[\[|\]\]")
EXTERNAL_LINK = re.compile(r"\[(?:https?:|ftp:)?//[^\s\]]+\s*([^\]]*)\]")
BARE_LINK = re.compile(r"\b(?:https?|ftp)://\S+")
QUOTES = re.compile(r"'{2,5}")
MAGIC_WORD = re.compile(r"__[A-Z]+__")
HEADING = re.compile(r"^=+.*=+\s*$")
LIST_MARK = re.compile(r"^[*#:;]+\s*")
EMPTY_BRACKETS = re.compile(r"\(\s*[,;:·\s]*\)")
NAMESPACE_LINK = re.compile(r"^:?[^\s|\]:][^|\]:]{0,30}:\S")
NOT_PLAIN = re.compile(r"[^\w]+|_+")


def open_dump(path: str) -> BinaryIO:
    """Open a dump by what its first bytes say it is."""
    if path == "-":
        return sys.stdin.buffer
    with open(path, "rb") as stream:
        start = stream.read(3)
    if start == b"BZh":
        return bz2.open(path)
    return gzip.open(path) if start[:2] == b"\x1f\x8b" else open(path, "rb")


def pages(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield the title and the wiki text of every article in the XML, reading one page at a time."""
    path: list[ElementTree.Element] = []
    page: dict[str, str] = {}
    try:
        for event, element in ElementTree.iterparse(stream, events=("start", "end")):
            name = element.tag.rpartition("}")[2]
            if event == "start":
                path.append(element)
                if name == "page":
                    page = {}
                continue
            path.pop()
            if name in ("title", "ns", "text"):
                page[name] = element.text or ""
            elif name == "redirect":
                page["redirect"] = ""
            elif name == "page":
                if is_article(page):
                    yield page["title"], page["text"]
                path[-1].remove(element)  # or the tree would grow with the dump
    except ElementTree.ParseError as error:
        print(
            f"wiki_to_text: the XML ends or breaks at line {error.position[0]}: kept what came before", file=sys.stderr
        )


def is_article(page: dict[str, str]) -> bool:
    """Return whether a page is an article (old dumps such as enwik9 name no namespace but in the title)."""
    text = page.get("text", "")
    in_main = page["ns"] == "0" if "ns" in page else not NAMESPACE_LINK.match(page.get("title", ""))
    return in_main and "redirect" not in page and bool(text) and not text.lstrip().startswith("#")


def without_nested(text: str, edge: re.Pattern[str]) -> str:
    """Return `text` without what stands between an opening and its closing edge, however deeply nested."""
    kept, depth, position = [], 0, 0
    for match in edge.finditer(text):
        opens = match[0] in ("{{", "{|")
        if depth == 0:
            kept.append(text[position : match.start()])
        depth = depth + 1 if opens else max(depth - 1, 0)
        position = match.end()
    if depth == 0:
        kept.append(text[position:])
    return "".join(kept)


def without_links(text: str) -> str:
    """Return `text` with each link replaced by the words it shows; files, images and categories show none."""
    stack: list[list[str]] = [[]]
    position = 0
    for match in LINK_EDGE.finditer(text):
        stack[-1].append(text[position : match.start()])
        position = match.end()
        if match[0] == "[[":
            stack.append([])
        elif len(stack) > 1:
            content = "".join(stack.pop())
            stack[-1].append("" if NAMESPACE_LINK.match(content) else content.rpartition("|")[2])
    stack[-1].append(text[position:])
    return "".join("".join(part) for part in stack)


def paragraphs(wiki: str, plain: bool = False) -> Iterator[str]:
    """Yield the paragraphs of running text in a page's wiki text, each one line."""
    text = COMMENT.sub("", wiki)
    text = DROPPED_ELEMENT.sub(" ", text)
    text = without_nested(text, TEMPLATE_EDGE)
    text = without_nested(text, TABLE_EDGE)
    text = EXTERNAL_LINK.sub(r"\1", without_links(text))
    text = TAG.sub(" ", BARE_LINK.sub(" ", text))
    text = MAGIC_WORD.sub("", QUOTES.sub("", html.unescape(text)))
    for line in text.split("\n"):
        if HEADING.match(line) or line.lstrip().startswith(("|", "!")):
            continue
        shown = EMPTY_BRACKETS.sub("", LIST_MARK.sub("", line.strip()))
        if plain:
            shown = NOT_PLAIN.sub(" ", shown.lower())
        if any(letter.isalpha() for letter in shown):
            yield " ".join(shown.split())


def main() -> None:
    """Read the command line and write the text to standard output."""
    parser = argparse.ArgumentParser(description="Turn a Wikipedia dump into text, one paragraph a line.")
    parser.add_argument("dump", help="a .xml, .xml.bz2 or .xml.gz file, or - for XML on standard input")
    parser.add_argument("--plain", action="store_true", help="lower-case, letters and digits only")
    options = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    with open_dump(options.dump) as stream:
        for _, wiki in pages(stream):
            for line in paragraphs(wiki, options.plain):
                print(line)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
    except OSError as error:
        sys.exit(f"wiki_to_text: {error.filename or 'the dump'}: {error.strerror or error}")
