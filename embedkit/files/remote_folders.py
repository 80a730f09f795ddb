"""Folders at URLs, as the Hub keeps models: what of them holds vectors is brought here, and folders are sent there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from embedkit.errors import FormatError
from embedkit.files.locations import CHUNK, files_below, open_location, upload
from embedkit.files.temporary import temporary_folder
from embedkit.files.urls import shown

PARTS = ("model.safetensors", "tokenizer.json", "config.json", "modules.json")
SPACY = ("vectors", "key2row", "vectors.cfg", "strings.json")
SUFFIXES = (
    *(".safetensors", ".bin", ".vec", ".txt", ".npz", ".npy", ".parquet", ".arrow", ".feather", ".csv", ".fifu"),
    *(".floret", ".sqlite", ".gz", ".bz2", ".xz", ".zst", ".zip"),
)
NO_VECTORS = ("requirements.txt", "vocab.txt", "merges.txt", "license.txt", "training_args.bin", "pytorch_model.bin")


@contextlib.contextmanager
def brought_here(name: str, files: list[str]) -> Iterator[Path]:
    """Yield a folder with the files of a model, or its one file of vectors, copied from a remote folder.

    Parameters
    ----------
    name : str
        The folder's URL.
    files : list of str
        What `files_below` says is in it.

    Raises
    ------
    FormatError
        When there are no vectors in it, or several files of them.
    """
    with temporary_folder(stem="model") as folder:
        parts = [file for file in files if file.rpartition("/")[2] in PARTS]
        if any(file.endswith("key2row") for file in files):
            parts = [file for file in files if file.rpartition("/")[2] in SPACY]
        if any(file.rpartition("/")[2] in ("model.safetensors", "key2row") for file in parts):
            for file in parts:
                _copy(f"{name.rstrip('/')}/{file}", folder / file)
            yield folder
            return
        single = [file for file in files if file.lower().endswith(SUFFIXES) and file.lower() not in NO_VECTORS]
        if len(single) != 1:
            held = ", ".join((single or files)[:6]) or "nothing"
            what = f"several files that may hold vectors: {held}; name one" if single else f"no vectors, but {held}"
            raise FormatError(f"{shown(name)}: expected a model or a file of vectors, found {what}")
        target = folder / single[0].rpartition("/")[2]
        _copy(f"{name.rstrip('/')}/{single[0]}", target)
        yield target


def _copy(url: str, target: Path) -> None:
    if not target.resolve().is_relative_to(target.parent.resolve()):
        raise FormatError(f"{shown(url)}: a file's name leads out of its folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_location(url) as raw, open(target, "xb") as out:
        while chunk := raw.read(CHUNK):
            out.write(chunk)


def send(folder: Path, name: str) -> None:
    """Copy a folder's files to a URL, the largest first, so that the small ones never speak of a missing one.

    Raises
    ------
    EmbedkitError
        When one cannot be written.
    """
    files = sorted((file for file in folder.rglob("*") if file.is_file()), key=lambda file: -file.stat().st_size)
    for file in files:
        upload(file, f"{name.rstrip('/')}/{file.relative_to(folder).as_posix()}")


def text_at(name: str, most: int = 1 << 20) -> str | None:
    """The text of a small remote file; None where there is none."""
    folder, _, file = name.rpartition("/")
    listed = files_below(folder)
    if not listed or file not in listed:
        return None
    with open_location(name) as raw:
        content: bytes = raw.read(most)
    return content.decode("utf-8", "replace")
