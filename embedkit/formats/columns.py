"""Which columns of a table hold the words and which the vectors, for Parquet, Arrow and CSV.

Words stand in one column. Vectors stand in one column of lists, or spread over many columns of numbers (a wide table,
as ``DataFrame.to_csv`` writes it). Both are found by their kinds and usual names; names that are given go first.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from embedkit.errors import ConfigError, FormatError, few_names

WORD_NAMES = ("word", "token", "term", "key", "text", "label", "words", "tokens", "")
VECTOR_NAMES = ("vector", "embedding", "embeddings", "vectors", "values")
PANDAS_INDEX = "__index_level_0__"
MOST_SHOWN = 8


class Columns(NamedTuple):
    """The column of the words, and those of the vectors: one of lists, or many of numbers."""

    word: str
    vector: tuple[str, ...]
    lists: bool


def choose_columns(name: str, kinds: dict[str, str], wanted: str | Sequence[str] = ()) -> Columns:
    """Find the columns of words and vectors.

    Parameters
    ----------
    name : str
        The file, for messages.
    kinds : dict
        Column -> ``text``, ``lists`` (of numbers), ``floats``, ``integers`` or ``other``, in the table's order.
    wanted : str or sequence of str
        The name of the words' column, then those of the vectors: of the column of lists, or of the columns of
        numbers, also as patterns (``dim*``).

    Raises
    ------
    ConfigError
        When a column that is wanted is missing or of another kind.
    FormatError
        When none, or several, could be meant.
    """
    given = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    word = _named(name, kinds, given[0]) if given else _word(name, kinds)
    others = {column: kind for column, kind in kinds.items() if column != word}
    if given[1:]:
        return _wanted_vectors(name, others, word, given[1:])
    lists = [column for column, kind in others.items() if kind == "lists"]
    usual = [column for known in VECTOR_NAMES for column in lists if column.lower() == known]
    if usual or len(lists) == 1:
        return Columns(word, ((usual or lists)[0],), True)
    floats = [column for column, kind in others.items() if kind == "floats"]
    wide = floats or [column for column, kind in others.items() if kind == "integers" and column != PANDAS_INDEX]
    texts = [column for column, kind in others.items() if kind == "text" and column != PANDAS_INDEX]
    if len(wide) == 1 and texts and not lists:
        raise FormatError(
            f"{name}: expected the columns of a vector, found the numbers {wide[0]!r} beside the words {word!r} and "
            f"{texts[0]!r}: a table of pairs; name the columns with `column` if they are vectors"
        )
    numbered = [column for column in wide if column[-1:].isdigit()]
    if len(wide) > len(numbered) > 1 and not lists:
        odd = next(column for column in wide if column not in numbered)
        raise FormatError(
            f"{name}: expected the columns of one vector, found {odd!r} beside numbered ones ({shown(kinds)}); name "
            "them with `column`, the words' first, then those of the vectors, as 'dim_*'"
        )
    if lists or not wide:
        raise FormatError(
            f"{name}: expected columns word and vector, found {shown(kinds)}; name them with `column`, the words' first"
        )
    return Columns(word, tuple(wide), False)


def _word(name: str, kinds: dict[str, str]) -> str:
    texts = [column for column, kind in kinds.items() if kind == "text"]
    usual = [column for known in WORD_NAMES for column in texts if column.lower() == known]
    if usual or len(texts) == 1:
        return (usual or texts)[0]
    if PANDAS_INDEX in texts:
        return PANDAS_INDEX
    raise FormatError(
        f"{name}: expected columns word and vector, found {shown(kinds)}; name them with `column`, the words' first"
    )


def _named(name: str, kinds: dict[str, str], column: str) -> str:
    if column not in kinds:
        raise ConfigError(f"{name}: there is no column {column!r} (`column`), there are {shown(kinds)}")
    return column


def _wanted_vectors(name: str, kinds: dict[str, str], word: str, wanted: Sequence[str]) -> Columns:
    found: list[str] = []
    for pattern in wanted:
        matching = [column for column in kinds if column == pattern] or [
            column for column in kinds if fnmatchcase(column, pattern)
        ]
        if not matching:
            raise ConfigError(f"{name}: there is no column {pattern!r} (`column`), there are {shown(kinds)}")
        found += [column for column in matching if column not in found]
    if len(found) == 1 and kinds[found[0]] == "lists":
        return Columns(word, (found[0],), True)
    odd = next((column for column in found if kinds[column] not in ("floats", "integers")), None)
    if odd is not None:
        raise ConfigError(f"{name}: expected numbers in the column {odd!r} (`column`), found {kinds[odd]}")
    return Columns(word, tuple(found), False)


def shown(kinds: dict[str, str]) -> str:
    """The names of a table's columns, for a message."""
    return few_names(list(kinds), MOST_SHOWN)
