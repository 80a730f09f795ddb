"""The documentation, in Markdown beside this file: what `embedkit manual` prints and `make docs` builds.

A page is ``name.md``, its Korean version ``name.ko.md``; a page's title is its first line. `PAGES` is the one table of
contents: the order of reading, and the name that each page answers to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Page:
    """One page of the manual.

    Attributes
    ----------
    name : str
        What one asks for; with slashes, where the file is.
    korean : str
        What one asks for in Korean. It opens the Korean version where there is one.
    part : str
        The part of the manual that it belongs to.
    """

    name: str
    korean: str
    part: str

    def path(self, korean: bool = False) -> Path:
        """Where the page is; the version in the other language where this one is not written."""
        english, hangul = FOLDER / f"{self.name}.md", FOLDER / f"{self.name}.ko.md"
        first, second = (hangul, english) if korean else (english, hangul)
        return first if first.is_file() else second

    def title(self, korean: bool = False) -> str:
        """The page's first line, without its mark."""
        with self.path(korean).open(encoding="utf-8") as lines:
            return lines.readline().removeprefix("# ").strip()

    def text(self, korean: bool = False) -> str:
        """The page's Markdown."""
        return self.path(korean).read_text(encoding="utf-8")


def _part(part: str, names: str) -> list[Page]:
    rows = (row.split() for row in names.strip().splitlines())
    return [Page(name, korean, part) for name, korean in rows]


PAGES = [
    *_part("Start", "index 차례\n tutorial 입문\n results 진단"),
    *_part(
        "Use",
        "training 학습\n text 글\n questions 질문\n documents 문서\n formats 형식\n pictures 그림\n"
        "evaluation 평가\n operations 연산\n neural 신경망\n korean 한국어\n clusters 여러기계\n recipes 요리법",
    ),
    *_part(
        "Course",
        "course 강의\n course/one-hot 원핫\n course/counts 빈도\n course/word2vec 워드투벡\n"
        "course/negative-sampling 네거티브샘플링\n course/glove 글로브\n course/fasttext 패스트텍스트\n"
        "course/markov 마르코프\n course/rnn 순환신경망\n course/lstm 장단기기억\n course/gru 게이트순환\n"
        "course/seq2seq 번역\n course/attention 어텐션\n course/transformer 트랜스포머\n course/objectives 목적함수\n"
        "course/elmo 엘모\n course/captions 캡션",
    ),
    *_part("Behind", "measurements 측정\n architecture 구조\n papers 논문\n changes 변경"),
]


def find(topic: str) -> tuple[Page, bool] | None:
    """The page that a topic names, and whether in Korean; None where no page has that name.

    The last part of a name is enough (``attention`` for ``course/attention``), and neither case nor blanks matter.
    """
    wanted = topic.casefold().removesuffix(".md")
    in_korean = wanted.endswith(".ko")
    wanted = wanted.removesuffix(".ko").replace(" ", "")
    for page in PAGES:
        if wanted in (page.name, page.name.rpartition("/")[2]):
            return page, in_korean
        if wanted == page.korean:
            return page, True
    return None


def topics() -> list[str]:
    """Every name that `find` knows, for suggestions."""
    return [name for page in PAGES for name in (page.name.rpartition("/")[2], page.korean)]
