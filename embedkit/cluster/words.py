"""Word counts of a corpus on many machines: a count for each byte range, merged as a tree."""

from __future__ import annotations

import os
from typing import Any

from embedkit.cluster.engine import Engine, reported
from embedkit.files.locations import STDIN, size_of
from embedkit.files.urls import is_url
from embedkit.progress import ProgressCallback
from embedkit.text.ranges import ByteRange, byte_ranges
from embedkit.text.reading import Listed, Sources, list_sources, short_name
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import count_all_words
from embedkit.vocabulary.merging import add_counts, merge_vocabularies
from embedkit.vocabulary.options import VocabularyOptions

SMALLEST_RANGE = 1 << 20
_LARGE_RANGE, _LARGEST_RANGE = 16 << 20, 64 << 20  # unless there would be too many of them; at all
_RANGES_EACH = 4, 64  # for a worker: so that a slow one does not hold up the rest; before ranges get larger still
MERGED_AT_ONCE = 8


def cut(sources: Sources, n_workers: int) -> list[str | ByteRange]:
    """The byte ranges that `sources` are counted in; results do not depend on them.

    Raises
    ------
    ConfigError
        For standard input.
    CorpusError
        When a source is missing.
    """
    files = listed(sources)
    total = sum(size_of(str(file)) or 0 for file in files if file != STDIN)
    few, many = (total // (each * n_workers) for each in _RANGES_EACH)
    size = min(max(few, SMALLEST_RANGE), max(many, _LARGE_RANGE), _LARGEST_RANGE)
    return byte_ranges([str(file) for file in files], size)


def listed(sources: Sources) -> Listed:
    """The files of `sources`, by names that all workers know; to be listed once, and handed to all that read them.

    Raises
    ------
    CorpusError
        When a source is missing.
    """
    return Listed(known_everywhere(str(file)) for file in list_sources(sources))


def known_everywhere(file: str) -> str:
    """A name that does not depend on the folder in which a worker was started."""
    return file if file == STDIN or is_url(file) else os.path.abspath(file)


def count_words(
    engine: Engine,
    sources: Sources,
    *,
    min_count: int = 1,
    max_vocab: int | None = None,
    progress: ProgressCallback | None = None,
    **reading: Any,
) -> Vocabulary:
    """`embedkit.vocabulary.corpus.count_words` on a cluster: the same vocabulary.

    Parameters
    ----------
    engine : Engine
    sources : path or list of paths
        Files and folders that every worker can read under the same names.
    min_count, max_vocab
        As there.
    **reading
        tokenizer, lowercase, json_field, encoding_errors.

    Raises
    ------
    CorpusError
        When a text cannot be read or no word is left.
    """
    VocabularyOptions(min_count=min_count, max_vocab=max_vocab)  # which checks them
    ranges = cut(sources, engine.n_workers)
    layer = [engine.submit(words_of_range, span, reading) for span in ranges]
    while len(layer) > 1:
        layer = [engine.submit(_add, *layer[i : i + MERGED_AT_ONCE]) for i in range(0, len(layer), MERGED_AT_ONCE)]
    (whole,) = reported(engine.results(layer), 1, "counting", progress)
    return merge_vocabularies([whole], min_count, max_vocab, short_name(sources))


def words_of_range(span: str | ByteRange, reading: dict[str, Any]) -> Vocabulary:
    """All words of a range with their counts."""
    return count_all_words([span], workers=1, **reading)


def _add(*parts: Vocabulary) -> Vocabulary:
    return add_counts(parts)
