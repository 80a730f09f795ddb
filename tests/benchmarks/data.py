"""The project's test data, which is not part of the repository: from DIR as it is, or unpacked from its .xz."""

from __future__ import annotations

import lzma
import shutil
import sys
from pathlib import Path


def unpacked(name: str, data: Path, work: Path) -> Path:
    """A data file as plain text, from DIR or unpacked from its .xz into the work folder."""
    if (data / name).exists():
        return data / name
    target = work / name
    if not target.exists():
        if not (data / f"{name}.xz").exists():
            sys.exit(
                f"{name}(.xz) is not in {data}: this benchmark needs the project's test data; "
                "see corpora/README.md for texts"
            )
        with lzma.open(data / f"{name}.xz") as packed, open(target, "wb") as plain:
            shutil.copyfileobj(packed, plain)
    return target
