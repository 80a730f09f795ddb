"""One of n parts of a corpus, cut at line ends by bytes, so that many machines can count one corpus."""

from __future__ import annotations

from embedkit.errors import ConfigError
from embedkit.text.ranges import ByteRange, part_of
from embedkit.text.reading import Sources, list_sources


def parse_shard(text: str) -> tuple[int, int]:
    """``"2/5"`` as (2, 5): the second of five parts.

    Raises
    ------
    ConfigError
    """
    part, slash, parts = text.partition("/")
    if not slash or not part.isdigit() or not parts.isdigit() or not 1 <= int(part) <= int(parts):
        raise ConfigError(f"`shard` takes I/N, the I-th of N parts, e.g. 2/5; got {text!r}")
    return int(part), int(parts)


def shard(sources: Sources, part: int, parts: int) -> list[ByteRange]:
    """Part `part` (from 1) of `parts` of the sources; lists nothing where the sources are that small.

    Raises
    ------
    CorpusError
        For standard input and compressed files, which cannot be cut without reading all of them.
    """
    return part_of([str(file) for file in list_sources(sources)], part, parts)
