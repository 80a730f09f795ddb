"""The bytes that files begin with, each written once, and the suffixes of compressed ones."""

from __future__ import annotations

import os

BOM = b"\xef\xbb\xbf"  # in front of UTF-8 text, by programs of Windows
GZIP = b"\x1f\x8b"
BZIP2 = b"BZh"
XZ = b"\xfd7zXZ\x00"
ZSTD = b"\x28\xb5\x2f\xfd"
NEIGHBOURS = b"EMBKHNSW"  # of `embedkit.query.index`
SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")  # behind the level: a block, or the end of an empty file


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins with `head` (10 bytes are enough) is one that `embedkit.files.compression` unpacks."""
    return head.startswith((GZIP, XZ, ZSTD)) or is_bzip2(head)


def is_bzip2(head: bytes) -> bool:
    """Whether this is bzip2 data; text may begin with its three letters, so the block behind them is looked at."""
    return (
        head.startswith(BZIP2)
        and head[3:4] in (b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9")
        and any(block.startswith(head[4:10]) for block in _BZIP2_BLOCKS)
    )


def compression_of(path: str | os.PathLike[str]) -> str:
    """The suffix that asks for a file to be compressed: one of `SUFFIXES`, or nothing."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    return suffix if suffix in SUFFIXES else ""
