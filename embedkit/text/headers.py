"""First lines that name the columns: what files of labelled texts, tagged sentences and translations have in common.

A first line is a header where both its columns have names of the lists here. Another is taken for one where its label
stands nowhere else, while every other label does often, and its text is short among texts that are not; where all are
short, it may be a label that is rare, and is told of only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from embedkit.errors import CorpusError, warn_caller

TEXT_NAMES = (
    *("text", "sentence", "document", "review", "comment", "utterance", "question", "content", "message", "tweet"),
    *("문장", "텍스트", "리뷰", "댓글", "본문", "내용"),
)
LABEL_NAMES = (
    *("label", "labels", "class", "category", "sentiment", "target", "intent", "rating", "polarity"),
    *("라벨", "레이블", "감성", "감정", "분류", "평점", "카테고리"),
)
_TOKEN_NAMES = ("token", "tokens", "word", "words", "form", "단어", "토큰", "어절", "형태소")
_TAG_NAMES = (
    *("tag", "tags", "pos", "upos", "xpos", "ner", "bio", "iob", "label", "labels", "entity"),
    *("품사", "태그", "라벨", "레이블", "개체명"),
)
_SOURCE_NAMES = ("source", "src", "input", "원문", "입력")
_TARGET_NAMES = ("target", "tgt", "trg", "translation", "output", "번역", "번역문", "출력")

FEW_LINES = 20  # below, any label may be rare
OFTEN = 3  # times that all other labels stand there
SHORT = 3  # words of a column's name at most
FEW_SHORT = 0.1  # share of short texts below which a short one is told from a text


class Columns(NamedTuple):
    """Two columns, what headers call them, and what helps where they are the other way round."""

    expected: str
    firsts: tuple[str, ...]
    seconds: tuple[str, ...]
    swapped: str

    def named_by(self, place: str, first: str, second: str) -> bool:
        """Whether a line is the first and names the columns.

        Raises
        ------
        CorpusError
            Where it names them the other way round.
        """
        if not place.endswith(", line 1"):
            return False
        names = [cell.strip(' "\ufeff').lower() for cell in (first, second)]
        if names[0] in self.firsts and names[1] in self.seconds:
            return True
        if names[1] in self.firsts and names[0] in self.seconds:
            found = f"{first.strip()}<TAB>{second.strip()}"
            help_ = self.swapped.format(first=second.strip(), second=first.strip())
            raise CorpusError(f"{place}: expected {self.expected}, found a header of {found}: {help_}")
        return False


TEXT_LABEL = Columns(
    "text<TAB>label", TEXT_NAMES, LABEL_NAMES, "give `text_column` {first} and `label_column` {second}"
)
TOKEN_TAG = Columns("token<TAB>tag", _TOKEN_NAMES, _TAG_NAMES, "say which are which with `columns`, as 2,1")
SOURCE_TARGET = Columns("source<TAB>target", _SOURCE_NAMES, _TARGET_NAMES, "put the sources first")


def looks_like_header(place: str, text: str, labels: Sequence[str], others: Counter[str], short_others: float) -> bool:
    """Whether a first line that has no name of the lists is a header, by the labels of the lines that are none.

    Parameters
    ----------
    place, text : str
    labels : sequence of str
        Of that line.
    others : Counter
        How often each label stands in the others.
    short_others : float
        Share of the others' texts that are as short as names of columns.

    Warns
    -----
    UserWarning
        Where it may be a header or a label that is rare.
    """
    uncertain = others.total() < FEW_LINES or len(others) < 2 or min(others.values()) < OFTEN
    if uncertain or any(label in others for label in labels) or not is_short(text):
        return False
    if short_others < FEW_SHORT:
        return True
    warn_caller(
        f"{place}: {labels[0][:30]!r} stands in no other line, and all others do often: if this one names the columns, "
        "leave it out"
    )
    return False


def is_short(text: str) -> bool:
    """Whether a text may be the name of a column."""
    return len(text.split(None, SHORT)) <= SHORT and not text.rstrip().endswith((".", "!", "?", "…"))
