"""The counts that GloVe and svd are made from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from embedkit.cluster.connecting import engine_of
from embedkit.cluster.cooccurrence import SpreadCounts
from embedkit.counting import Cooccurrences, Window, count_cooccurrences
from embedkit.errors import ConfigError, CorpusError
from embedkit.progress import ProgressCallback
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus


@dataclass(frozen=True)
class ClusterCounts:
    """Counts that a cluster makes of a corpus in files.

    Attributes
    ----------
    cluster : str, distributed.Client or Engine
    sources : list of paths
        That its workers can read under the same names.
    options : dict
        ``min_count``, ``max_vocab`` and how the text is read.
    vocabulary : Vocabulary, optional
    """

    cluster: Any
    sources: list[Any]
    options: dict[str, Any]
    vocabulary: Vocabulary | None = None

    @property
    def read(self) -> dict[str, Any]:
        """How the text is read, as `Corpus.options` has it."""
        chosen = ("min_count", "max_vocab")
        found = {name: value for name, value in self.options.items() if name not in chosen}
        return {**found, **({name: self.options[name] for name in chosen} if self.vocabulary is None else {})}

    @contextlib.contextmanager
    def spread(self, window: Window, progress: ProgressCallback | None) -> Iterator[SpreadCounts]:
        """The counts, with the workers; for as long as the cluster is connected."""
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
    elif isinstance(cooccurrences, Cooccurrences):
        counts = cooccurrences
    elif cooccurrences is not None:
        from embedkit.counting.files import load

        counts = load(cooccurrences, vocabulary, workers=config.workers, progress=run.progress)
    else:
        raise ConfigError(f"model {config.model} needs a corpus or `cooccurrences`")
    if len(counts) == 0:
        raise CorpusError("there is nothing to train on: no two words stand near each other (a word a line?)")
    return counts
