"""The vectors of a spaCy pipeline: the folder of the package, of the pipeline, or its ``vocab``.

=================  ===================================================================================================
``vectors``        a matrix in NumPy's format
``key2row``        MessagePack: a map from a string's 64-bit hash to its row; several strings may share one
``strings.json``   a list of strings, among them those with vectors
``vectors.cfg``    JSON: ``mode`` ``default``, or ``floret`` with ``minn maxn hash_count hash_seed bow eow``: then the
                   rows are those of hashed pieces, and the words come from a list (`embedkit.formats.floret`)
=================  ===================================================================================================

The hash is MurmurHash64A (Appleby 2008) of the UTF-8 bytes with seed 1; spaCy's own names (labels such as ``nsubj``,
some of them words: ``number``) have small numbers instead. Keys of no string in the list are left out and counted.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, FormatError, counted, warn_caller
from embedkit.files.safetensors import json_object
from embedkit.formats.floret_hash import Table, words_to_compose
from embedkit.formats.npy import read_matrix
from embedkit.rows.norms import row_norms
from embedkit.rows.table import EmbeddingTable
from embedkit.vocabulary.words import Words

SEED, MULTIPLIER = np.uint64(1), np.uint64(0xC6A4A7935BD1E995)
HALF = np.uint64(47)
_OWN_TEXT = """
_ 456 agent 401 attr 404 aux 405 cc 407 cop 411 dep 414 det 415 hyph 419 mark 423 meta 424 neg 425 nn 427 num 431
number 432 obj 434 obl 435 poss 440 possessive 441 prep 443 punct 445 root 449 acl 451 ID 64 POS 74 TAG 75 HEAD 79
LANG 83 ADJ 84 AUX 87 CONJ 88 DET 90 NOUN 92 NUM 93 PART 94 SYM 99 VERB 100 X 101 EOL 102 SPACE 103 PERSON 380 NORP 381
FACILITY 382 ORG 383 GPE 384 LOC 385 PRODUCT 386 EVENT 387 LANGUAGE 389 LAW 390 DATE 391 TIME 392 PERCENT 393 MONEY 394
QUANTITY 395
"""
_OWN = _OWN_TEXT.split()
OWN = dict(zip(_OWN[::2], map(int, _OWN[1::2]), strict=True))  # numbered names that may be words


def part(folder: str | os.PathLike[str]) -> Path | None:
    """The folder with matrix and keys, in or under `folder`; None where there is none."""
    here = Path(folder)
    places = [here, here / "vocab", *sorted(here.glob("*/vocab"))]
    return next((place for place in places if (place / "vectors").is_file() and (place / "key2row").is_file()), None)


def read(path: str | os.PathLike[str], name: str | None = None, words: str | None = None) -> EmbeddingTable:
    """Read words and vectors.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the folder.
    words : path, optional
        A file with a word a line, where a floret table is to be read.

    Raises
    ------
    FormatError
        When the folder holds no such vectors, or damaged ones.
    ConfigError
        For a floret table without words.
    """
    name = name or os.fspath(path)
    folder = part(path)
    if folder is None:
        raise FormatError(f"{name}: expected a folder with vectors and key2row, found none of that kind")
    matrix = read_matrix(folder / "vectors", f"{name}/vectors")
    settings = _json(folder / "vectors.cfg", name) if (folder / "vectors.cfg").is_file() else {}
    if settings.get("mode") == "floret":
        return _floret(name, matrix, settings, words)
    if words is not None:
        raise ConfigError(f"{name}: has its own words: it takes no option `words`")
    listed = _strings(folder, name)
    rows_by_key = _key2row((folder / "key2row").read_bytes(), f"{name}/key2row")
    found = [rows_by_key.get(key, rows_by_key.get(OWN.get(word, -1))) for word, key in _keys(listed)]
    kept = sorted((row, i) for i, row in enumerate(found) if row is not None)
    if kept and not 0 <= kept[0][0] <= kept[-1][0] < len(matrix):
        raise FormatError(f"{name}: damaged: key2row names rows outside 0–{len(matrix) - 1:,}")
    if len(kept) < len(rows_by_key):
        lost = len(rows_by_key) - len(kept)
        warn_caller(f"{name}: no string in strings.json for {lost:,} of {counted(len(rows_by_key), 'key')}")
    keys = Words.from_strings([listed[i] for _, i in kept])
    vectors = matrix[[row for row, _ in kept]] if kept else matrix[:0]
    return EmbeddingTable(keys, vectors, norms=row_norms(vectors))


def _floret(name: str, matrix: np.ndarray, settings: dict[str, Any], words: str | None) -> EmbeddingTable:
    try:
        min_n, max_n, hash_count, seed = (int(settings[key]) for key in ("minn", "maxn", "hash_count", "hash_seed"))
        begin, end = str(settings["bow"]), str(settings["eow"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{name}: damaged: vectors.cfg lacks the settings of floret ({error})") from error
    if not len(matrix) or not 1 <= hash_count <= 4 or not 0 <= min_n <= max_n < 1000:
        raise FormatError(f"{name}: damaged: vectors.cfg has settings that floret has not: {str(settings)[:100]}")
    listed = Words.from_strings(words_to_compose(name, words))
    table = Table(len(matrix), matrix.shape[1], min_n, max_n, hash_count, seed, begin, end)
    vectors = np.zeros((len(listed), matrix.shape[1]), np.float32)
    for i, word in enumerate(listed):
        vectors[i] = matrix[table.rows_of(word)].mean(axis=0)
    return EmbeddingTable(listed, vectors, norms=row_norms(vectors))


def _json(path: Path, name: str) -> dict[str, Any]:
    return json_object(f"{name}/{path.name}", "settings", path.read_bytes())


def _strings(folder: Path, name: str) -> list[str]:
    for place in (folder / "strings.json", folder.parent / "strings.json"):
        if place.is_file():
            try:
                listed = json.loads(place.read_bytes())
            except (ValueError, RecursionError) as error:
                raise FormatError(f"{name}/strings.json: damaged: not JSON ({error})") from error
            if isinstance(listed, list) and all(isinstance(word, str) for word in listed):
                return listed
            raise FormatError(f"{name}/strings.json: damaged: expected a list of strings")
    raise FormatError(f"{name}: expected the words in strings.json beside vectors, found no such file")


def _keys(words: list[str]) -> list[tuple[str, int]]:
    hashes = murmur64([word.encode("utf-8", "surrogatepass") for word in words])
    return list(zip(words, hashes.tolist(), strict=True))


def murmur64(texts: list[bytes]) -> np.ndarray:
    """MurmurHash64A with seed 1 of each text, those of one length at once: uint64 (len(texts),)."""
    hashes = np.empty(len(texts), np.uint64)
    lengths = np.array([len(text) for text in texts], np.int64)
    with np.errstate(over="ignore"):
        for length in np.unique(lengths).tolist():
            chosen = np.flatnonzero(lengths == length)
            blocks = -(-length // 8)
            padded = np.zeros((len(chosen), 8 * blocks), np.uint8)
            joined = np.frombuffer(b"".join(texts[i] for i in chosen.tolist()), np.uint8)
            padded[:, :length] = joined.reshape(len(chosen), length)
            h = np.full(len(chosen), SEED ^ (np.uint64(length) * MULTIPLIER), np.uint64)
            values = padded.view("<u8").reshape(len(chosen), blocks)
            for block in range(length // 8):
                k = values[:, block] * MULTIPLIER
                h = (h ^ ((k ^ (k >> HALF)) * MULTIPLIER)) * MULTIPLIER
            if length % 8:
                h = (h ^ values[:, -1]) * MULTIPLIER
            h = (h ^ (h >> HALF)) * MULTIPLIER
            hashes[chosen] = h ^ (h >> HALF)
    return hashes


def _key2row(data: bytes, name: str) -> dict[int, int]:
    """A MessagePack map of whole numbers to whole numbers."""
    at = 1
    try:
        head = data[0]
        if head & 0xF0 == 0x80:
            n = head & 0x0F
        elif head in (0xDE, 0xDF):
            width = 2 if head == 0xDE else 4
            n, at = int.from_bytes(data[1 : 1 + width], "big"), 1 + width
        else:
            raise ValueError("no map")
        if n > len(data):
            raise ValueError(f"{n:,} entries")
        found: dict[int, int] = {}
        for _ in range(n):
            key, at = _integer(data, at)
            found[key], at = _integer(data, at)
    except (IndexError, ValueError) as error:
        raise FormatError(f"{name}: damaged: expected a map of keys to rows ({error})") from error
    return found


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """The whole number at a place, and the place behind it."""
    head = data[at]
    if head < 0x80:
        return head, at + 1
    if head >= 0xE0:
        return head - 256, at + 1
    if not 0xCC <= head <= 0xD3:
        raise ValueError(f"byte {head:#x}")
    width = 1 << (head & 3)
    if at + 1 + width > len(data):
        raise IndexError("cut off")
    return int.from_bytes(data[at + 1 : at + 1 + width], "big", signed=head >= 0xD0), at + 1 + width
