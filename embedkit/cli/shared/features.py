"""Features of images, for captions and pictures of captioners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedkit.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np


def load_features(path: str, what: str = "FEATURES") -> np.ndarray:
    """The matrix, or the array of (images, regions, features), in an .npy file; nothing is unpickled.

    `what` is what an error calls the file.

    Raises
    ------
    ConfigError
        For standard input.
    FormatError
    """
    import numpy as np

    from embedkit.errors import FormatError
    from embedkit.formats.npy import load_array

    if path == "-":
        raise ConfigError("features are not read from standard input: name an .npy file")
    array = load_array(path, path, f"{what}, a matrix or (images, regions, features)")
    if not isinstance(array, np.ndarray) or array.ndim not in (2, 3) or array.dtype.kind not in "fiu":
        raise FormatError(
            f"{path}: expected an .npy matrix of numbers, one row an image, or (images, regions, features)"
        )
    return array.astype(np.float32)
