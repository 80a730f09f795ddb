"""Sentences from templates: the same bytes on every machine and every version of Python.

A template is plain text with choices and slots: "[often|sometimes] he [saw|met] the {role}". Choices may be
empty and may stand inside one another. A slot may name a form after a colon; what a form means is up to the
language (Korean particles, for instance).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

INNERMOST_CHOICE = re.compile(r"\[([^\[\]]*)\]")
SLOT = re.compile(r"\{(\w+)(?::([^}]*))?\}")
MASK = (1 << 64) - 1


class Dice:
    """SplitMix64 (Steele, Lea, Flood 2014): a generator in four lines, so that no library can change it."""

    def __init__(self, seed: int) -> None:
        self.state = seed & MASK

    def below(self, n: int) -> int:
        """Return a number from 0 to n - 1."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) * n >> 64

    def pick(self, items: Sequence[Any]) -> Any:
        """Return one of `items`."""
        return items[self.below(len(items))]

    def shuffle(self, items: list[Any]) -> None:
        """Put `items` into a random order (Fisher and Yates)."""
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]


def expand(template: str, slots: Mapping[str, Any], dice: Dice,
           inflect: Callable[[Any, str], str] | None = None) -> str:
    """Return `template` with every choice made and every slot filled.

    A slot whose value is a list takes one of its items, another one each time it occurs, as long as there are
    any. ``{name:form}`` gives ``inflect(value, form)``.
    """
    while "[" in template:
        template = INNERMOST_CHOICE.sub(lambda match: dice.pick(match[1].split("|")), template)

    taken: set[Any] = set()

    def fill(match: re.Match[str]) -> str:
        value = slots[match[1]]
        if isinstance(value, list):
            value = dice.pick([item for item in value if item not in taken] or value)
            taken.add(value)
        if match[2] is None:
            return str(value)
        if inflect is None:
            raise ValueError(f"the slot {match[0]} names a form, but this language has none")
        return inflect(value, match[2])

    return " ".join(SLOT.sub(fill, template).split())


class Writer:
    """Gathers sentences, each template used equally often for each set of slots.

    Parameters
    ----------
    seed : int
    common : mapping
        Slots that every template may use (days, months, colours).
    inflect : callable, optional
        See `expand`.
    """

    def __init__(self, seed: int, common: Mapping[str, Any],
                 inflect: Callable[[Any, str], str] | None = None) -> None:
        self.seed = seed
        self.common = common
        self.inflect = inflect
        self.sentences: list[str] = []

    def write(self, templates: Sequence[str], slots: Mapping[str, Any], n: int) -> None:
        """Add `n` sentences: the templates in turn, put differently where the sentence has been said.

        The choices are the same for every row of a table: France and Germany are spoken of in the same ways and
        equally often, as they would be in a text large enough for chance to even out.
        """
        dice = Dice(self.seed ^ zlib.crc32("\n".join(templates).encode("utf-8")))
        slots = {**self.common, **slots}
        said: set[str] = set()
        for i in range(n):
            for _ in range(4):
                sentence = expand(templates[i % len(templates)], slots, dice, self.inflect)
                if sentence not in said:
                    break
            said.add(sentence)
            self.sentences.append(sentence)


def table(text: str, columns: str) -> list[dict[str, Any]]:
    """Read a table: one row a line, cells apart by ``|``; a cell with commas becomes a list."""
    names = columns.split()
    rows = []
    for line in text.strip().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != len(names):
            raise ValueError(f"expected {len(names)} cells ({columns}), found {len(cells)} in: {line}")
        rows.append({name: [part.strip() for part in cell.split(",")] if "," in cell else cell
                     for name, cell in zip(names, cells, strict=True)})
    return rows


def questions(sections: Mapping[str, Sequence[tuple[str, str]]], dice: Dice, partners: int) -> Iterable[str]:
    """Yield the lines of an analogy file: every pair of a section beside `partners` other pairs of it."""
    for section, pairs in sections.items():
        yield f": {section}"
        for i, (a, b) in enumerate(pairs):
            others = [pair for j, pair in enumerate(pairs) if j != i and not {a, b} & set(pair)]
            dice.shuffle(others)
            yield from (f"{a} {b} {c} {d}" for c, d in others[:partners])
