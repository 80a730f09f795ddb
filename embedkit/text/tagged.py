"""Tagged sentences: a token and its tag on each line, a blank line between sentences.

=================  ==================================================================================================
two columns        ``token<TAB>tag``; without tabs, columns are separated by spaces
CoNLL-U            ten columns: the token is the second, the tag the fourth (universal part of speech); comments, words
                   of several tokens (``1-2``) and empty nodes (``1.1``) are left out, with ``columns=(2, 5)`` too
``columns=(1, 4)`` any other: the numbers of the token's and the tag's column, from 1, from the end where negative;
                   CoNLL-2003 is ``(1, 4)`` or ``(1, -1)``
=================  ==================================================================================================

Lines ``-DOCSTART-`` end a sentence and are left out. A token may be white space where columns have tabs between them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from embedkit.errors import ConfigError, CorpusError, check_aligned, check_tokens
from embedkit.text.headers import TOKEN_TAG, looks_like_header
from embedkit.text.lines import Source, numbered_lines, shortened
from embedkit.text.reading import short_name

CONLLU_COLUMNS = 10
_COMMENT = re.compile(r"#\s*(\S+\s*=|newdoc|newpar|global\.columns)")


@dataclass
class TaggedSentences:
    """The sentences of a tagging file: as many tags as tokens in each.

    Attributes
    ----------
    sentences, tags : list of list of str
        Given as any sequences, such as arrays or columns.
    places : list of str
        ``"FILE, line N"`` where each begins, for messages.
    headers : list of str
        The places of lines that name columns and were left out.
    """

    sentences: list[list[str]] = field(default_factory=list)
    tags: list[list[str]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_tokens(self.sentences)
        check_tokens(self.tags, "tags")
        check_aligned(self.sentences, self.tags, ("sentences", "tags"))
        for sentence, tags in zip(self.sentences, self.tags, strict=True):
            check_aligned(sentence, tags, ("sentences", "tags"))
        self.sentences, self.tags = list(map(list, self.sentences)), list(map(list, self.tags))

    def __len__(self) -> int:
        return len(self.sentences)


def read_tagged(
    sources: Source | Iterable[Source], columns: tuple[int, int] | None = None, encoding_errors: str = "strict"
) -> TaggedSentences:
    """Read tagged sentences; files end sentences too, first lines that name the columns are left out.

    Parameters
    ----------
    sources : path or iterable of paths
    columns : (int, int), optional
        The token's and the tag's; recognised by default, see the module's table.
    encoding_errors : str

    Raises
    ------
    CorpusError
        For a line that has not a token and a tag, a first one that names tag and token, and where nothing is left.
    ConfigError
        Where `columns` are not two different numbers other than 0.
    """
    if columns is not None and (len({*columns}) != 2 or 0 in columns):
        raise ConfigError(f"`columns` must be the numbers of two different columns, from 1, got {columns}")
    data = TaggedSentences()
    start = ""
    rows: list[tuple[str, str]] = []

    def finish() -> None:
        if rows:
            data.sentences.append([token for token, _ in rows])
            data.tags.append([tag for _, tag in rows])
            data.places.append(start)
            rows.clear()

    for place, line in numbered_lines(sources, encoding_errors):
        if place.endswith(", line 1") or not line.strip() or line.startswith("-DOCSTART-"):
            finish()
        if not line.strip() or line.startswith("-DOCSTART-") or ("\t" not in line and _COMMENT.match(line)):
            continue
        row = _row(place, line, columns)
        if row is not None and TOKEN_TAG.named_by(place, *row):
            data.headers.append(place)
        elif row is not None:
            if not rows:
                start = place
            rows.append(row)
    finish()
    if not data.sentences:
        raise CorpusError(f"no token<TAB>tag lines in {short_name(sources)}: there is nothing to work on")
    _tell_headers(data)
    return data


def _tell_headers(data: TaggedSentences) -> None:
    """Tell of first lines that may be headers whose names are not known: a token is as short as these."""
    first = [i for i, place in enumerate(data.places) if place.endswith(", line 1")]
    others = Counter(tag for tags in data.tags for tag in tags)
    others -= Counter(data.tags[i][0] for i in first)
    for i in first:
        looks_like_header(data.places[i], data.sentences[i][0], data.tags[i][:1], others, 1.0)


def _row(place: str, line: str, columns: tuple[int, int] | None) -> tuple[str, str] | None:
    """The token and the tag of a line; None for one of CoNLL-U that is no token, by its number in the first column."""
    cells = line.split("\t") if "\t" in line else line.split()
    if columns is None and len(cells) == CONLLU_COLUMNS:
        columns = (2, 4)
    numbered = columns is not None and not {1, -CONLLU_COLUMNS} & {*columns}
    if numbered and len(cells) == CONLLU_COLUMNS and re.fullmatch(r"\d+[-.]\d+", cells[0]):
        return None
    wanted = columns or (1, 2)
    if columns is None and len(cells) > 2:
        raise CorpusError(
            f"{place}: expected a token and a tag, found {len(cells)} columns: {shortened(line, 40)}; say which are "
            f"which with `columns`, as 1,{len(cells)}"
        )
    picked = [cells[c - 1 if c > 0 else c] if -len(cells) <= c <= len(cells) else "" for c in wanted]
    token, tag = picked[0] if "\t" in line else picked[0].strip(), picked[1].strip()
    if not token or not tag:
        found = "one column" if len(cells) == 1 else f"an empty one in {len(cells)} columns"
        raise CorpusError(
            f"{place}: tags do not line up with tokens: expected a token and a tag in the columns {wanted[0]} and "
            f"{wanted[1]}, found {found}: {shortened(line, 40)}"
        )
    return token.strip() or token, tag
