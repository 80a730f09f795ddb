"""SQLite: table ``vectors(word TEXT PRIMARY KEY, vector BLOB)`` and ``meta(key TEXT PRIMARY KEY, value TEXT)``.

A blob is little-endian float32 (float64 is read where ``vector_size`` in ``meta`` says that it must be); rows stand in
the order of the words, in a table WITHOUT ROWID by word. ``meta`` holds ``format_version`` ("1"),
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
        order = _order(database, name)
        first = database.execute(f"SELECT length(vector) FROM vectors {order} LIMIT 1").fetchone()
        n_words = database.execute("SELECT count(*) FROM vectors").fetchone()[0]
    try:
        n_bytes = first[0] if first else 4 * int(meta.get("vector_size", 0))
        width = _number_bytes(name, n_bytes, meta.get("vector_size"))
        size = n_bytes // width
        config = json.loads(meta.get("config", "{}"))
        if not isinstance(config, dict):
            raise ValueError("not an object")
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{name}: damaged: meta or the first vector cannot be read ({error})") from error
    return Blocks(
        name,
        size,
        min(n_words, os.path.getsize(path)),
        _rows(path, name, size, width, order, "vector_size" not in meta),
        config=config,
    )


def _order(database: sqlite3.Connection, name: str) -> str:
    """The order of the rows: as they were written, or by word in a table WITHOUT ROWID, which has no other."""
    columns = {row[1] for row in database.execute("PRAGMA table_info(vectors)")}
    if not {"word", "vector"} <= columns:
        found = ", ".join(sorted(columns)) or "none"
        raise FormatError(f"{name}: expected a table vectors with the columns word and vector, found {found}")
    try:
        database.execute("SELECT rowid FROM vectors LIMIT 1")
    except sqlite3.OperationalError:
        return "ORDER BY word"
    return "ORDER BY rowid"


def _number_bytes(name: str, n_bytes: int, vector_size: str | None) -> int:
    """Bytes of a number in a blob: 4 (float32), or 8 where ``vector_size`` says so (float64)."""
    if vector_size is not None and n_bytes == 8 * int(vector_size) and n_bytes:
        return 8
    if n_bytes % 4 or (vector_size is not None and n_bytes != 4 * int(vector_size)):
        numbers = f" ({vector_size} numbers)" if vector_size else ""
        raise FormatError(f"{name}: expected blobs of float32{numbers}, found {n_bytes} bytes")
    return 4


def _rows(
    path: str | os.PathLike[str], name: str, size: int, width: int, order: str, guessed: bool
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    done = 0
    with _errors(name), contextlib.closing(_open(path)) as database:
        database.text_factory = bytes
        cursor = database.execute(f"SELECT word, vector FROM vectors {order}")
        while found := cursor.fetchmany(ROWS):
            for row, (word, blob) in enumerate(found, done):
                if not isinstance(word, bytes) or not isinstance(blob, bytes) or len(blob) != width * size:
                    what = f"{len(blob)} bytes" if isinstance(blob, bytes) else type(blob).__name__
                    raise FormatError(
                        f"{name}: row {row}: expected a word and {width * size} bytes ({size} float{8 * width}), "
                        f"found {what}"
                    )
            words = decoded([word for word, _ in found], rows_from(name, done))
            numbers = np.frombuffer(b"".join(blob for _, blob in found), f"<f{width}").reshape(len(found), size)
            with np.errstate(over="ignore"):
                yield words, _plausible(name, done, numbers) if guessed else numbers.astype(np.float32)
            done += len(found)


def _plausible(name: str, row: int, numbers: np.ndarray) -> np.ndarray:
    """Rows of a file that names no `vector_size`, taken for float32; float64 blobs look like noise then: told."""
    rows = numbers.astype(np.float32)
    if rows.size and rows.shape[1] % 2 == 0 and row == 0:
        wide = numbers[:64].view("<f8")
        # float32 are random in the exponent of a float64 made of two of them; numbers of vectors are moderate.
        moderate = np.isfinite(wide) & (np.abs(wide) > 1e-9) & (np.abs(wide) < 1e6) | (wide == 0)
        narrow = np.abs(rows[:64])
        wild = ~(np.isfinite(narrow) & ((narrow < 1e6) & (narrow > 1e-12) | (narrow == 0)))
        if moderate.all() and wide.any() and wild.mean() > 0.1:
            raise FormatError(
                f"{name}: the blobs look like float64 ({wide.shape[1]} numbers), expected float32; say so by a row "
                f"('vector_size', '{wide.shape[1]}') in a table meta(key, value)"
            )
    return rows


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
    """Open read-only. With a write-ahead log beside the file its rows are read too; without one nothing is locked.

    SQLite's immutable mode, which needs no right to write into the folder, does not look at the log: rows that another
    program committed would be missing without a word.
    """
    log = Path(f"{os.path.realpath(path)}-wal")
    immutable = "" if log.exists() and log.stat().st_size else "&immutable=1"
    database = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro{immutable}", uri=True)
    database.execute("PRAGMA trusted_schema = OFF")
    return database


@contextlib.contextmanager
def _errors(name: str) -> Iterator[Any]:
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError) as error:
        raise FormatError(f"{name}: cut off or damaged, or not vectors: {error}") from error
