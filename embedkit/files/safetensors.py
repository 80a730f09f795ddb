"""The ``.safetensors`` file, written and read by hand: the one codec of every binary file that is embedkit's own.

Layout, little-endian (the specification of safetensors):

- uint64 ``n``;
- ``n`` bytes of JSON, which may end in spaces: ``{"__metadata__": {str: str}, tensor: {"dtype": "F32", "shape":
  [rows, columns], "data_offsets": [start, end]}, ...}``;
- the tensors without gaps, row-major; a tensor's first byte is ``8 + n + start``.

The padding makes ``8 + n`` a multiple of 64, so that arrays in the file are aligned in memory, and lets a file be
written in a stream whose header comes last (`embedkit.files.safetensors_writer`). Nothing is ever unpickled. The
safetensors package copies what it reads (a 400 MB tensor cost 800 MB); here a file is mapped, and a page is read when
it is used.

What embedkit writes carries its kind in the metadata: ``format`` (a name in `FORMATS`), ``format_version`` (a whole
number that grows when older programs could not read the file any more) and ``embedkit_version``.
"""

from __future__ import annotations

import codecs
import contextlib
import itertools
import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from embedkit._version import __version__
from embedkit.errors import FormatError
from embedkit.files.mapped import MappedFile

_LOOKED_AT = 1000  # bytes of a file of another kind
LARGEST_HEADER = 100_000_000  # the limit of the safetensors package
MOST_DIMENSIONS = 8
WIDEST_EMPTY = 1 << 24  # columns of a tensor without rows: no bytes of the file vouch for them
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
}
BFLOAT16 = "BF16"  # which NumPy has no type for
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


class Format(NamedTuple):
    """One of embedkit's own files: its name in the metadata, the newest version, and what messages call it."""

    name: str
    version: int
    what: str


VECTORS = Format("embedkit", 2, "word vectors")
COUNTS = Format("embedkit-cooccurrences", 2, "counts of embedkit cooccur")
MODEL = Format("embedkit-model", 3, "a trained model")
CHECKPOINT = Format("embedkit-checkpoint", 1, "a training checkpoint")
TFIDF = Format("embedkit-tfidf", 1, "a model of embedkit tfidf")
SENTENCES = Format("embedkit-sentences", 1, "a model of sentence vectors (embedkit vectors --save-model)")
DOCUMENTS = Format("embedkit-documents", 1, "an index of documents (embedkit index --documents)")
FORMATS = {kind.name: kind for kind in (VECTORS, COUNTS, MODEL, CHECKPOINT, TFIDF, SENTENCES, DOCUMENTS)}


def metadata_of(kind: Format, /, **more: str) -> dict[str, str]:
    """The metadata of a file of embedkit: its kind, its version, the program's version, then `more`."""
    return {"format": kind.name, "format_version": str(kind.version), "embedkit_version": __version__, **more}


class SafetensorsFile:
    """A file, mapped, whose header has been checked; its arrays are read-only views that keep the map alive.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call it, where `path` is a temporary copy.
    expected : str
        What the file should hold, for messages.

    Attributes
    ----------
    name : str
    metadata : dict of str to str
    entries : dict
        The header's entries as they stand there; `tensors` checks them.

    Raises
    ------
    FormatError
        When the file cannot be read or its header is none.
    """

    def __init__(
        self, path: str | os.PathLike[str], name: str | None = None, expected: str = "a safetensors file"
    ) -> None:
        self._file = MappedFile(path, name, expected)
        self.name, self.expected = self._file.name, expected
        size, length = self._file.size, int.from_bytes(self._file.bytes[:8], "little")
        if size < 8 or not 0 < length <= min(size - 8, LARGEST_HEADER):
            raise FormatError(f"{self.name}: expected {expected}, found {_other_kind(self._file.bytes[:_LOOKED_AT])}")
        self._start = 8 + length
        self.entries = json_object(self.name, "header", self._file.bytes[8 : self._start])
        metadata = self.entries.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise FormatError(f"{self.name}: damaged: the header's __metadata__ is not an object of strings")
        self.metadata: dict[str, str] = metadata

    def require(self, kind: Format) -> None:
        """Check that this is a file of one kind of embedkit's, and not of a newer version.

        Raises
        ------
        FormatError
        """
        found = self.metadata.get("format")
        if found != kind.name:
            if found in FORMATS:
                what = FORMATS[found].what
            else:
                what = (
                    f"a safetensors file of another program: it holds {', '.join(list(self.entries)[:5]) or 'nothing'}"
                )
            raise FormatError(f"{self.name}: expected {self.expected}, found {what}")
        require_version(self.name, kind.what, self.metadata.get("format_version"), kind.version)

    def json(self, key: str, default: str | None = None) -> dict[str, Any]:
        """The JSON object in the metadata's value `key`; where it is missing, `default` is read in its place."""
        return json_object(self.name, key, self.metadata.get(key, default))

    def tensors(
        self, layout: Mapping[str, tuple[str, int]] | None = None, required: Iterable[str] = ()
    ) -> dict[str, np.ndarray]:
        """The tensors as arrays, every entry checked: known dtype, sound shape, inside the file, no overlap.

        Parameters
        ----------
        layout : mapping, optional
            Tensor -> (dtype, number of dimensions) that it must have, as ``("F32", 2)``; others are left out.
            Without it, all tensors of the file.
        required : iterable of str
            Tensors that must be there.

        Raises
        ------
        FormatError
        """
        arrays, places = {}, []
        for name, entry in self.entries.items():
            dtype, shape, low, high = self._checked(name, entry)
            count = math.prod(shape)
            array = self._file.array(dtype, self._start + low, count, f"tensor {name}").reshape(shape)
            # Kernels take aligned arrays; embedkit's own files hold nothing else.
            arrays[name] = array if array.flags.aligned else array.copy()
            if high > low:
                places.append((low, high, name))
        places.sort()
        for (_, end, first), (start, _, second) in itertools.pairwise(places):
            if start < end:
                raise FormatError(f"{self.name}: damaged: the tensors {first} and {second} overlap")
        for name in required:
            if name not in arrays:
                raise FormatError(f"{self.name}: damaged: expected tensor {name}, found {', '.join(arrays) or 'none'}")
        if layout is None:
            return arrays
        for name, (dtype, dimensions) in layout.items():
            if name in arrays and (NAMES[arrays[name].dtype], arrays[name].ndim) != (dtype, dimensions):
                raise FormatError(
                    f"{self.name}: damaged: expected tensor {name} of {dtype} with {dimensions} dimensions, "
                    f"found {str(self.entries[name])[:200]}"
                )
        return {name: array for name, array in arrays.items() if name in layout}

    def shown(self, most: int) -> str:
        """The names, dtypes and shapes of the first tensors, for a message."""
        parts = []
        for name, entry in list(self.entries.items())[:most]:
            known = entry if isinstance(entry, dict) else {}
            parts.append(f"{name} {known.get('dtype')} {known.get('shape')}")
        more = f", … ({len(self.entries):,} tensors)" if len(self.entries) > most else ""
        return (", ".join(parts) or "nothing") + more

    def matrices(self) -> list[str]:
        """The names of the tensors of numbers with two dimensions."""
        known = {name: entry for name, entry in self.entries.items() if isinstance(entry, dict)}
        return [
            name
            for name, entry in known.items()
            if (entry.get("dtype") in DTYPES or entry.get("dtype") == BFLOAT16)
            and isinstance(entry.get("shape"), list)
            and len(entry["shape"]) == 2
        ]

    def matrix(self, name: str) -> np.ndarray:
        """One tensor of another program's file as float32, mapped where it is stored so.

        Raises
        ------
        FormatError
            When its entry is damaged.
        """
        entry = self.entries[name]
        half = isinstance(entry, dict) and entry.get("dtype") == BFLOAT16
        dtype, shape, low, _ = self._checked(name, entry | {"dtype": "U16"} if half else entry)
        array = self._file.array(dtype, self._start + low, math.prod(shape), f"tensor {name}").reshape(shape)
        if half:  # the upper half of a float32
            return (array.astype(np.uint32) << 16).view(np.float32)
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(array, np.float32)
        return array if array.flags.aligned else array.copy()

    def vector(self, name: str) -> np.ndarray:
        """One tensor of numbers with one dimension, as it is.

        Raises
        ------
        FormatError
            When its entry is damaged or of another shape.
        """
        dtype, shape, low, _ = self._checked(name, self.entries[name])
        if len(shape) != 1:
            raise FormatError(f"{self.name}: damaged: expected tensor {name} with 1 dimension, found {shape}")
        return self._file.array(dtype, self._start + low, shape[0], f"tensor {name}")

    def _checked(self, name: str, entry: Any) -> tuple[str, list[int], int, int]:
        try:
            dtype, shape, (low, high) = DTYPES[entry["dtype"]], list(entry["shape"]), entry["data_offsets"]
            sound = len(shape) <= MOST_DIMENSIONS and all(type(n) is int and n >= 0 for n in (*shape, low, high))
        except (TypeError, KeyError, ValueError):
            sound = False
        if not sound:
            raise FormatError(f"{self.name}: damaged: the entry of tensor {name} reads {str(entry)[:200]}")
        if math.prod(shape) * np.dtype(dtype).itemsize != high - low or (0 in shape and max(shape) > WIDEST_EMPTY):
            raise FormatError(f"{self.name}: damaged: tensor {name} of shape {shape} cannot take bytes {low}–{high}")
        return dtype, shape, low, high


def require_version(name: str, what: str, found: Any, newest: int) -> int:
    """A file's version number, checked, for every format that has one.

    Raises
    ------
    FormatError
        When it is newer than `newest`, or no number.
    """
    text = str(found)
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10):
        raise FormatError(f"{name}: damaged: expected the version of its format, found {text[:60]!r}")
    if int(text) > newest:
        raise FormatError(
            f"{name}: {what} in version {text} of the format, this embedkit reads versions up to {newest}; "
            "install a newer embedkit"
        )
    return int(text)


def _other_kind(head: bytes) -> str:
    """What a file is that is none of these, as far as its first bytes tell."""
    with contextlib.suppress(UnicodeDecodeError):
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # a character may be cut off at the end
        if all(character.isprintable() or character.isspace() for character in text):
            return f"text, beginning {text[:40]!r}"
    return "a file of another kind, or one that is cut off"


def json_object(name: str, what: str, text: Any) -> dict[str, Any]:
    """The JSON object in `text`, str or UTF-8 bytes.

    Raises
    ------
    FormatError
        When it is no JSON, nested too deeply, or no object.
    """
    try:
        value = json.loads(text.decode("utf-8", "surrogatepass") if isinstance(text, bytes) else text)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{name}: damaged: the {what} is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise FormatError(f"{name}: damaged: the {what} is not a JSON object")
    return value
