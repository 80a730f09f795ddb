"""SQLite: table ``vectors(word TEXT PRIMARY KEY, vector BLOB)`` and ``meta(key TEXT PRIMARY KEY, value TEXT)``.

A blob is little-endian float32; rows stand in the order of the words. ``meta`` holds ``format_version`` ("1"),
``vector_size``, ``embedkit_version`` and the training ``config`` as JSON. Files are opened read-only; a view in place
of the table is refused, so that nothing but stored rows is ever run through.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from embedkit._version import __version__
from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.atomic import atomic_path
from embedkit.formats.blocks import Blocks, decoded, rows_from, show
from embedkit.rows.table import EmbeddingTable

ROWS = 4096


def blocks(path: str | os.PathLike[str], name: str | None = None) -> Blocks:
    """Read a database block by block.

    Raises
    ------
    FormatError
        When the file is damaged, has no table ``vectors``, or blobs of different lengths.
    """
    name = name or os.fspath(path)
    with _errors(name), contextlib.closing(_open(path)) as database:
        kinds = dict(database.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"))
        if kinds.get("vectors") != "table":
            held = ", ".join(sorted(kinds)) or "none"
            raise FormatError(f"{name}: expected a table vectors(word, vector), found {held}")
        meta = dict(database.execute("SELECT key, value FROM meta")) if kinds.get("meta") == "table" else {}
        first = database.execute("SELECT length(vector) FROM vectors ORDER BY rowid LIMIT 1").fetchone()
        n_words = database.execute("SELECT count(*) FROM vectors").fetchone()[0]
    try:
        size = first[0] // 4 if first else int(meta.get("vector_size", 0))
        config = json.loads(meta.get("config", "{}"))
        if not isinstance(config, dict):
            raise ValueError("not an object")
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{name}: damaged: meta or the first vector cannot be read ({error})") from error
    return Blocks(name, size, min(n_words, os.path.getsize(path)), _rows(path, name, size), config=config)


def _rows(path: str | os.PathLike[str], name: str, size: int) -> Iterator[tuple[list[bytes], np.ndarray]]:
    done = 0
    with _errors(name), contextlib.closing(_open(path)) as database:
        database.text_factory = bytes
        cursor = database.execute("SELECT word, vector FROM vectors ORDER BY rowid")
        while found := cursor.fetchmany(ROWS):
            for row, (word, blob) in enumerate(found, done):
                if not isinstance(word, bytes) or not isinstance(blob, bytes) or len(blob) != 4 * size:
                    what = f"{len(blob)} bytes" if isinstance(blob, bytes) else type(blob).__name__
                    raise FormatError(
                        f"{name}: row {row}: expected a word and {4 * size} bytes ({size} float32), found {what}"
                    )
            words = decoded([word for word, _ in found], "strict", rows_from(name, done))
            yield words, np.frombuffer(b"".join(blob for _, blob in found), "<f4").reshape(len(found), size)
            done += len(found)


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write words and vectors.

    Raises
    ------
    EmbedkitError
        When a word is not valid Unicode or stands twice, or the disk is full.
    """
    meta = {
        "format_version": "1",
        "vector_size": str(table.vector_size),
        "embedkit_version": __version__,
        "config": json.dumps(table.config, ensure_ascii=False),
    }
    with atomic_path(path) as temporary:
        try:
            with contextlib.closing(sqlite3.connect(temporary)) as database:
                database.execute("PRAGMA journal_mode = OFF")
                database.execute("CREATE TABLE vectors(word TEXT PRIMARY KEY, vector BLOB)")
                database.execute("CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT)")
                database.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
                database.executemany("INSERT INTO vectors VALUES (?, ?)", _pairs(table))
                database.commit()
        except sqlite3.IntegrityError as error:
            raise EmbedkitError(f"cannot write {path}: a word stands twice ({error})") from error
        except sqlite3.Error as error:
            raise EmbedkitError(f"cannot write {path}: {error}") from error


def _pairs(table: EmbeddingTable) -> Iterator[tuple[str, bytes]]:
    words = table.packed_words
    for low in range(0, len(table), ROWS):
        for row, values in enumerate(np.asarray(table.vectors[low : low + ROWS], "<f4"), low):
            word = words.encoded(row)
            try:
                yield word.decode(), values.tobytes()
            except UnicodeDecodeError as error:
                raise EmbedkitError(f"cannot write sqlite: the word {show(word)} is not valid Unicode") from error


def _open(path: str | os.PathLike[str]) -> sqlite3.Connection:
    database = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    database.execute("PRAGMA trusted_schema = OFF")
    return database


@contextlib.contextmanager
def _errors(name: str) -> Iterator[Any]:
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError) as error:
        raise FormatError(f"{name}: cut off or damaged, or not vectors: {error}") from error
