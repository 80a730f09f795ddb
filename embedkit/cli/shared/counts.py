"""What ``embedkit cooccur`` does once its options are parsed: counting, weights, and a look at counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedkit.cli.shared.cluster import cluster_engine
from embedkit.cli.shared.output import Results, note
from embedkit.errors import EmptyCorpusError, counted
from embedkit.files.locations import is_file
from embedkit.files.outputs import spill_folder

if TYPE_CHECKING:
    from embedkit.counting import Cooccurrences, Window
    from embedkit.progress import ProgressCallback
    from embedkit.vocabulary import Vocabulary


@dataclass(frozen=True)
class Counting:
    """What is counted, and how: the options of the command, parsed.

    Attributes
    ----------
    corpus : tuple of str
    window : Window
    vocabulary : Vocabulary, optional
    reading : dict
        Of `Corpus.from_text`: how text is read, and which words are kept.
    workers : int, optional
    """

    corpus: tuple[str, ...]
    window: Window
    vocabulary: Vocabulary | None
    reading: dict[str, Any]
    workers: int | None


def counts_of(asked: Counting, progress: ProgressCallback | None) -> Cooccurrences:
    """The counts of a corpus, in memory; a file of counts is opened."""
    from embedkit.counting import count_cooccurrences, files, long_table, native
    from embedkit.vocabulary.corpus import Corpus

    corpus, words = asked.corpus, asked.vocabulary
    if len(corpus) == 1 and is_file(corpus[0]):
        long_table.refuse(corpus[0])
        if (corpus[0].endswith(".bin") and words is not None) or native.is_native(corpus[0]):
            return files.load(corpus[0], words, progress=progress)
    encoded = Corpus.from_text(
        list(corpus), vocabulary=words, workers=asked.workers, progress=progress, **asked.reading
    )
    return count_cooccurrences(encoded, asked.window, workers=asked.workers, progress=progress)


def count_into(
    asked: Counting,
    output: str,
    format: str | None,
    *,
    memory: int | None,
    temporary: str | None,
    shard: str | None,
    save_vocab: str | None,
    progress: ProgressCallback | None,
) -> int:
    """Count a corpus, or one part of it, into a file; returns the number of cells."""
    from embedkit.counting import shards
    from embedkit.counting.files import count_to_file
    from embedkit.vocabulary.corpus import Corpus

    reading = {**asked.reading, "folder": temporary or spill_folder(output)}
    if memory is not None:
        reading["mmap_above"] = memory // 8
    sources = shards.shard(list(asked.corpus), *shards.parse_shard(shard)) if shard else list(asked.corpus)
    words = asked.vocabulary
    try:
        encoded = Corpus.from_text(sources, vocabulary=words, workers=asked.workers, progress=progress, **reading)
    except EmptyCorpusError:
        if shard is None or words is None:
            raise
        note(f"note: part {shard} holds no word of the vocabulary")
        encoded = Corpus(np.empty(0, np.int32), words)  # which adds nothing to the other parts
    cells = count_to_file(
        encoded,
        output,
        asked.window,
        format=format,
        workers=asked.workers,
        memory=memory,
        folder=temporary,
        progress=progress,
    )
    if save_vocab:
        encoded.vocabulary.save(save_vocab)
    return cells


def count_on_cluster(
    address: str,
    asked: Counting,
    output: str,
    format: str | None,
    *,
    temporary: str | None,
    save_vocab: str | None,
    progress: ProgressCallback | None,
    quiet: bool,
) -> int:
    """The same by the workers of a cluster."""
    from embedkit.cluster.cooccurrence import SpreadCounts

    with cluster_engine(address, quiet) as engine:
        counts = SpreadCounts.from_text(
            engine, list(asked.corpus), asked.window, vocabulary=asked.vocabulary, progress=progress, **asked.reading
        )
        cells = counts.save(output, format=format, folder=temporary, progress=progress)
    if save_vocab:
        counts.vocabulary.save(save_vocab)
    return cells


def write_weights(
    counts: Cooccurrences, output: str, shift: float, context_smoothing: float, save_vocab: str | None, quiet: bool
) -> None:
    """Write the PPMI of counts as a sparse matrix."""
    from embedkit.counting.ppmi import ppmi
    from embedkit.counting.tfidf import save_matrix

    matrix = ppmi(counts, shift, context_smoothing)
    save_matrix(matrix, output, counts.vocabulary.index_to_key)
    if save_vocab:
        counts.vocabulary.save(save_vocab)
    note(f"{output}: {len(matrix.values):,} of {counted(len(counts), 'cell')} above 0", quiet)


def print_table(counts: Cooccurrences, words: list[str] | None, as_json: bool) -> None:
    """Print a matrix of counts among some words."""
    table = counts.table(words)
    words = words or list(counts.vocabulary.index_to_key)
    with Results(["word", "values"] if as_json else ["word", *words], as_json, header=True) as results:
        for word, row in zip(words, table.tolist(), strict=True):
            values = [int(value) if value == int(value) else value for value in row]
            results.row(word, *([dict(zip(words, values, strict=True))] if as_json else values))


def print_ratios(counts: Cooccurrences, ratio: str, probes: str, as_json: bool) -> None:
    """Print how often words stand near either of two."""
    first, second = (word.strip() for word in ratio.split(","))
    columns = ["k", f"count({first})", f"count({second})", f"P(k|{first})", f"P(k|{second})", "ratio"]
    with Results(columns, as_json, header=True, digits=6) as results:
        for found in counts.ratios(first, second, [probe.strip() for probe in probes.split(",")]):
            results.row(found.probe, found.count_first, found.count_second, found.p_first, found.p_second, found.ratio)
