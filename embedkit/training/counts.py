"""The counts that GloVe and svd are made from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from embedkit.cluster.connecting import engine_of
from embedkit.cluster.cooccurrence import HeldCounts, SpreadCounts
from embedkit.counting import Cooccurrences, Window, count_cooccurrences
from embedkit.counting.counting import count_blocks
from embedkit.counting.rows import RowBlock
from embedkit.errors import ConfigError, CorpusError
from embedkit.progress import ProgressCallback
from embedkit.threads import usable_cores
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus


@dataclass(frozen=True)
class ClusterCounts:
    """Counts that a cluster makes of a corpus in files, or is handed where they are there already.

    Attributes
    ----------
    cluster : str, distributed.Client or Engine
    sources : list of paths
        That its workers can read under the same names.
    options : dict
        ``min_count``, ``max_vocab`` and how the text is read.
    vocabulary : Vocabulary, optional
    counted : path, optional
        A file of counts, in the place of sources; this process alone reads it.
    """

    cluster: Any
    sources: list[Any]
    options: dict[str, Any]
    vocabulary: Vocabulary | None = None
    counted: str | os.PathLike[str] | None = None

    @property
    def read(self) -> dict[str, Any]:
        """How the text is read, as `Corpus.options` has it."""
        if self.counted is not None:
            return {}
        chosen = ("min_count", "max_vocab")
        found = {name: value for name, value in self.options.items() if name not in chosen}
        return {**found, **({name: self.options[name] for name in chosen} if self.vocabulary is None else {})}

    @contextlib.contextmanager
    def pieces(self, config: TrainingConfig, progress: ProgressCallback | None) -> Iterator[SpreadCounts | HeldCounts]:
        """The counts in pieces for the workers, those of a file too; for as long as the cluster is connected."""
        if self.counted is None:
            with self.spread(Window(config.window), progress) as spread:
                yield spread
            return
        with engine_of(self.cluster) as engine:
            from embedkit.counting.files import load

            workers = usable_cores()  # for `workers` are threads of training
            yield HeldCounts(engine, load(self.counted, self.vocabulary, workers=workers, progress=progress))

    @contextlib.contextmanager
    def spread(self, window: Window, progress: ProgressCallback | None) -> Iterator[SpreadCounts]:
        """The counts that the workers make; for as long as the cluster is connected."""
        with engine_of(self.cluster) as engine:
            yield SpreadCounts.from_text(
                engine, self.sources, window, vocabulary=self.vocabulary, progress=progress, **self.options
            )

    def count(self, window: Window, progress: ProgressCallback | None) -> Cooccurrences:
        """Count them: the same counts, bit for bit, that one machine makes."""
        with self.spread(window, progress) as spread:
            return spread.gather(progress)


def counts_for(
    corpus: Corpus | None,
    config: TrainingConfig,
    run: Run,
    cooccurrences: str | os.PathLike[str] | Cooccurrences | ClusterCounts | None,
    vocabulary: Vocabulary | None,
    weighting: str = "inverse",
) -> Cooccurrences:
    """The counts of a corpus, those of a file, or a cluster's; `weighting` is that of `Window`."""
    window = Window(config.window, weighting=weighting)
    if isinstance(cooccurrences, ClusterCounts):
        counts = cooccurrences.count(window, run.progress)
    elif corpus is not None:
        counts = count_cooccurrences(corpus, window, workers=config.workers, progress=run.progress)
    else:
        counts = _given(config, run, cooccurrences, vocabulary)
    if len(counts) == 0:
        raise nothing_to_train_on()
    return counts


@contextlib.contextmanager
def blocks_for(
    corpus: Corpus | None,
    config: TrainingConfig,
    run: Run,
    cooccurrences: str | os.PathLike[str] | Cooccurrences | ClusterCounts | None,
    vocabulary: Vocabulary | None,
) -> Iterator[tuple[Vocabulary, Iterator[RowBlock]]]:
    """The same counts a block of rows at a time, and their vocabulary: those of a corpus are never all in memory."""
    window = Window(config.window)
    if isinstance(cooccurrences, ClusterCounts):
        with cooccurrences.spread(window, run.progress) as spread:
            yield spread.vocabulary, spread.blocks(progress=run.progress)
    elif corpus is not None:
        blocks = count_blocks(corpus, window, workers=config.workers, progress=run.progress)
        with contextlib.closing(blocks):
            yield corpus.vocabulary, blocks
    else:
        counts = _given(config, run, cooccurrences, vocabulary)
        yield counts.vocabulary, counts.blocks()


def _given(
    config: TrainingConfig,
    run: Run,
    cooccurrences: str | os.PathLike[str] | Cooccurrences | None,
    vocabulary: Vocabulary | None,
) -> Cooccurrences:
    """Counts that were made before."""
    if isinstance(cooccurrences, Cooccurrences):
        return cooccurrences
    if cooccurrences is None:
        raise ConfigError(f"model {config.model} needs a corpus or `cooccurrences`")
    from embedkit.counting.files import load

    return load(cooccurrences, vocabulary, workers=config.workers, progress=run.progress)


def nothing_to_train_on() -> CorpusError:
    """What to say where there are no counts."""
    return CorpusError("there is nothing to train on: no two words stand near each other (a word a line?)")
