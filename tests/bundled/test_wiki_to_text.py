"""corpora/wiki_to_text.py on a small dump of our own."""

import bz2
import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest

from corpora import wiki_to_text
from corpora.wiki_to_text import pages, paragraphs

SCRIPT = Path(wiki_to_text.__file__)
DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="ko">
  <siteinfo><sitename>Test</sitename></siteinfo>
  <page><title>서울</title><ns>0</ns><revision>
    <text xml:space="preserve">'''서울'''은 [[대한민국|한국]]의 [[수도]]이다.&lt;ref&gt;책&lt;/ref&gt;
== 역사 ==
* [[조선]] 때 {{날짜|1394}} 도읍이 되었다.
{| class="x"
| 표 || 안
|}
</text></revision></page>
  <page><title>Talk:서울</title><ns>1</ns><revision><text>토론</text></revision></page>
  <page><title>한성</title><ns>0</ns><redirect title="서울" />
    <revision><text>#넘겨주기 [[서울]]</text></revision></page>
  <page><title>Paris</title><ns>0</ns><revision><text>Paris &amp;amp; its [[river]]s.</text></revision></page>
</mediawiki>
"""
EXPECTED = "서울은 한국의 수도이다.\n조선 때 도읍이 되었다.\nParis & its rivers.\n"


def run(*arguments, **options):
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, **options)


@pytest.mark.parametrize("compress", [bytes, bz2.compress, gzip.compress])
def test_a_dump_becomes_text_whatever_its_compression(tmp_path, compress):
    path = tmp_path / "dump"
    path.write_bytes(compress(DUMP.encode("utf-8")))
    done = run(path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("utf-8") == EXPECTED


def test_standard_input_and_plain_text():
    done = run("-", "--plain", input=DUMP.encode("utf-8"))
    assert done.stdout.decode("utf-8") == "서울은 한국의 수도이다\n조선 때 도읍이 되었다\nparis its rivers\n"


def test_a_dump_that_is_cut_off_keeps_what_came_before():
    cut = DUMP[: DUMP.index("Paris &amp;")].encode("utf-8")
    done = run("-", input=cut)
    assert done.returncode == 0
    assert done.stdout.decode("utf-8").splitlines() == EXPECTED.splitlines()[:2]
    assert b"kept what came before" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_missing_dump_is_one_line():
    done = run("nowhere.xml.bz2")
    assert done.returncode == 1
    assert b"nowhere.xml.bz2" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_pages_without_a_namespace_are_judged_by_their_title():
    old = (
        "<mediawiki><page><title>Help:Me</title><text>no</text></page>"
        "<page><title>A: b</title><text>yes</text></page></mediawiki>"
    )
    assert list(pages(io.BytesIO(old.encode()))) == [("A: b", "yes")]


@pytest.mark.parametrize(
    "wiki, expected",
    [
        ("a {{b {{c}} d}} e", ["a e"]),
        ("{| x\n| {| y\n|}\n|}\nafter", ["after"]),
        ("[[File:x.png|thumb|a [[link]] inside]] text", ["text"]),
        ("[[Category:Cities]]", []),
        ("see [http://example.org the site] or http://example.org/x now", ["see the site or now"]),
        ("''very'' '''bold''' __NOTOC__", ["very bold"]),
        ("x<ref name=a /> y<ref>z [[q]]</ref>", ["x y"]),
        ("<!-- hidden -->shown<br/>here <math>x^2</math>", ["shown here"]),
        ("Seoul ({{lang|ko}}, ) is", ["Seoul is"]),
        ("unclosed {{ template", ["unclosed"]),
        ("stray ]] and }} here", ["stray and here"]),
        ("one\n\ntwo\n123\n", ["one", "two"]),
    ],
)
def test_wiki_markup(wiki, expected):
    assert list(paragraphs(wiki)) == expected
