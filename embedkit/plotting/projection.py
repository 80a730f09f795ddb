"""From many dimensions to two."""

from __future__ import annotations

import numpy as np

from embedkit.errors import ConfigError
from embedkit.plotting.pca import pca
from embedkit.plotting.tsne import has_fast_tsne, tsne
from embedkit.progress import ProgressCallback
from embedkit.rows.norms import unit

METHODS = ("pca", "tsne")
GROUPS_FROM = 30  # words; fewer make no groups
SLOW_FROM = 1000  # words, from which t-SNE takes minutes without openTSNE


def suited(n: int, arrows: bool) -> tuple[str, str | None]:
    """The method for a picture of n words where none was asked for, and a reason where another would be better.

    t-SNE shows groups, which is what a picture of many words is looked at for; arrows have a direction only under PCA.
    """
    if arrows or n < GROUPS_FROM:
        return "pca", None
    if n >= SLOW_FROM and not has_fast_tsne():
        return (
            "pca",
            "groups stand apart under t-SNE, which needs a package for so many words: pip install 'embedkit[layout]'",
        )
    return "tsne", None


def project(
    vectors: np.ndarray, method: str = "pca", perplexity: float = 30.0, progress: ProgressCallback | None = None
) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Project word vectors, brought to unit length first, onto a plane.

    Parameters
    ----------
    vectors : float (n, d)
    method : {"pca", "tsne"}
    perplexity : float, default 30
        Of t-SNE.
    progress : callable, optional

    Returns
    -------
    points : float64 (n, 2)
    shares : (float, float) or None
        With PCA: the share of the variance, 0 to 1, along each axis.

    Raises
    ------
    ConfigError
        For an unknown method, fewer than two vectors, or vectors that are not finite.
    """
    if len(vectors) < 2:
        raise ConfigError(f"a picture needs at least two words, found {len(vectors)}")
    if not np.isfinite(vectors).all():
        raise ConfigError("the vectors hold a NaN or an infinity: these words have no place in a picture")
    if method == "pca":
        return pca(unit(vectors))
    if method == "tsne":
        return tsne(unit(vectors), perplexity, progress=progress), None
    raise ConfigError(f"unknown method {method!r}: expected one of {', '.join(METHODS)}")
