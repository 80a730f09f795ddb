"""The project's test data, which is not part of the repository: from DIR as it is, or unpacked from its .xz."""

from __future__ import annotations

import lzma
import platform
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


def part_of(source: Path, target: Path, fraction: int) -> Path:
    """The first n-th of a text, cut at a line end, or all of it, under the name `target`."""
    if fraction == 1:
        target.symlink_to(source.absolute())
        return target
    with open(source, "rb") as reader, open(target, "wb") as writer:
        writer.write(reader.read(source.stat().st_size // fraction) + reader.readline())
    return target


def processor() -> str:
    """What this machine calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
