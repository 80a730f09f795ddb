"""The counts that GloVe and svd are made from."""

from __future__ import annotations

from pathlib import Path

from embedkit.counting import Cooccurrences, Window, count_cooccurrences
from embedkit.errors import ConfigError, CorpusError
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus


def counts_for(
    corpus: Corpus | None,
    config: TrainingConfig,
    run: Run,
    cooccurrences: Path | Cooccurrences | None,
    vocabulary: Vocabulary | None,
    weighting: str = "inverse",
) -> Cooccurrences:
    """The counts of a corpus, or those of a file; `weighting` is that of `Window`."""
    if corpus is not None:
        window = Window(config.window, weighting=weighting)
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
