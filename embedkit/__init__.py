"""embedkit: train and query word embeddings.

>>> import embedkit
>>> model = embedkit.train("corpus.txt", model="skipgram")   # doctest: +SKIP
>>> model.most_similar("king")                               # doctest: +SKIP

Importing the package loads NumPy only; everything else is imported when it is first used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from embedkit._version import __version__

# NumPy's OpenBLAS threads spin for 25 ms after a product and take the cores from our kernels (a recurrent training step
# took half as long again); 2**14 cycles are enough. It is read once, so it does nothing where NumPy is loaded already.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "14")

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors
    from embedkit.query.storing import load, save
    from embedkit.training import train
    from embedkit.training.options import (
        CBOWConfig,
        Doc2VecConfig,
        FastTextConfig,
        GloVeConfig,
        LSAConfig,
        SkipGramConfig,
        SVDConfig,
    )
    from embedkit.vocabulary import Vocabulary
    from embedkit.vocabulary.corpus import Corpus

_HOMES = {
    **dict.fromkeys(
        ("CBOWConfig", "Doc2VecConfig", "FastTextConfig", "GloVeConfig", "LSAConfig", "SVDConfig", "SkipGramConfig"),
        "embedkit.training.options",
    ),
    "Corpus": "embedkit.vocabulary.corpus",
    "KeyedVectors": "embedkit.query.keyed_vectors",
    "Vocabulary": "embedkit.vocabulary",
    "load": "embedkit.query.storing",
    "save": "embedkit.query.storing",
    "train": "embedkit.training",
}

__all__ = [
    "CBOWConfig",
    "Corpus",
    "Doc2VecConfig",
    "FastTextConfig",
    "GloVeConfig",
    "KeyedVectors",
    "LSAConfig",
    "SVDConfig",
    "SkipGramConfig",
    "Vocabulary",
    "__version__",
    "load",
    "save",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    from embedkit.query.other_names import OF_THE_PACKAGE

    answer = f"; here it is {OF_THE_PACKAGE[name]}" if name in OF_THE_PACKAGE else ""
    raise AttributeError(f"module 'embedkit' has no attribute {name!r}{answer}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
