"""Telling text from what is not text, and saying what it looks like."""

from __future__ import annotations

import re

from embedkit.files.magic import BZIP2, GZIP, NEIGHBOURS, XZ, ZSTD, is_bzip2
from embedkit.files.safetensors import FORMATS

# What no text begins with, in UTF-16 or in another encoding either.
_MAGICS = (
    (b"%PDF-", "a PDF document; extract its text first, e.g. with pdftotext"),
    (b"PK\x03\x04", "a zip archive (or a docx, xlsx, jar or npz file); unpack it first"),
    (b"\x7fELF", "a compiled program (ELF)"),
    (b"MZ\x90\x00", "a Windows program"),
    (b"\xcf\xfa\xed\xfe", "a compiled program (Mach-O)"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"OggS\x00", "an Ogg audio file"),
    (b"ID3\x02\x00", "an MP3 audio file"),
    (b"ID3\x03\x00", "an MP3 audio file"),
    (b"ID3\x04\x00", "an MP3 audio file"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (b"\x93NUMPY", "a NumPy .npy array"),
    (b"\xba\x16\x4f\x2f", "a fastText .bin model; give text"),
    (b"FiFu\x00\x00\x00\x00", "a finalfusion model; give text"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"PAR1\x15", "a Parquet file"),
    (b"ARROW1\x00\x00", "an Arrow file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (NEIGHBOURS, "an index of the words of a model (embedkit index), which is given with `index` beside the model"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document; save it as plain text first"),
)
_PACKED = (
    (GZIP, "gzip data inside another compression; unpack it first"),
    (BZIP2, "bzip2 data inside another compression; unpack it first"),
    (XZ, "xz data inside another compression; unpack it first"),
    (ZSTD, "Zstandard data inside another compression; unpack it first"),
)
_PICKLES = (b"\x80\x03", b"\x80\x04", b"\x80\x05")  # of protocols 3 to 5; Chinese in UTF-16 begins so as well
_OWN = re.compile(rb'"format": "(%s)"' % b"|".join(name.encode() for name in FORMATS))  # in the metadata
OWN_WITHIN = 1000  # bytes
_FRAME = re.compile(rb"\x80[\x04\x05]\x95.{5}\x00\x00\x00", re.DOTALL)
_UTF_16 = "UTF-16 text; convert it first: iconv -f UTF-16 -t UTF-8 FILE"
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b\x1c\x1d\x1e\x1f"))
_COUNT_AND_SIZE = re.compile(rb"\d{1,12} \d{1,6}\n")


def describe_binary(head: bytes) -> str | None:
    """What the first bytes of a file look like when they are not UTF-8 text; None when they may be text.

    A NUL byte, or more than 8 control bytes that are no white space and make up over 2 %, is not text.
    """
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "UTF-32 text; convert it first: iconv -f UTF-32 -t UTF-8 FILE"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _UTF_16
    known = foreign_kind(head)
    if known is not None:
        return known
    for magic, kind in _PACKED:
        if head.startswith(magic) and (magic != BZIP2 or is_bzip2(head)):
            return kind
    if head.startswith(_PICKLES):
        return "a Python pickle"
    if not _has_controls(head):
        return None
    if _COUNT_AND_SIZE.match(head):
        return "a word2vec binary file; give text"
    if _alternating_nul(head):
        return _UTF_16
    return f"binary data ({head.count(0)} NUL and {_controls(head)} control bytes in the first {len(head)})"


def foreign_kind(head: bytes) -> str | None:
    """What a file certainly is that is no text in any encoding, by its magic number; None where it may be text.

    Text in UTF-16 without a byte order mark holds as many zeros as binary data do: only `describe_binary`, which
    refuses, goes by these. Compressed files may hold text.
    """
    for magic, kind in _MAGICS:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        return "a RIFF file (WebP image, WAV or AVI)"
    if head[4:8] == b"ftyp" and head[:3] == bytes(3):
        return "an MP4 video or the like"
    if head[257:262] == b"ustar" and b"\x00" in head[:257]:
        return "a tar archive; unpack it first"
    if len(head) > 10 and head[8:10] in (b'{"', b"{ ") and head[2:8].count(0) >= 4:
        own = _OWN.search(head[8:OWN_WITHIN])
        return f"{FORMATS[own[1].decode()].what if own else 'a safetensors file'}; give text"
    return "a Python pickle" if _FRAME.match(head) else None


def is_page(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a page of HTML."""
    return head[:1000].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _controls(head: bytes) -> int:
    return len(head) - len(head.translate(None, _CONTROLS))


def _has_controls(head: bytes) -> bool:
    return b"\x00" in head or _controls(head) > max(8, len(head) / 50)


def _alternating_nul(head: bytes) -> bool:
    even, odd = head[0::2], head[1::2]
    many = len(head) / 5
    return (even.count(0) > many and odd.count(0) < many / 10) or (odd.count(0) > many and even.count(0) < many / 10)


def guess_encoding(data: bytes, fewest: int = 4) -> str | None:
    """The name of a legacy Korean encoding that `data` is probably in, or None.

    CP949 (a superset of EUC-KR) when it has `fewest` non-ASCII characters there or more, most of them Hangul.
    """
    try:
        text = data.decode("cp949")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 2:
            return None
        text = data[: error.start].decode("cp949")
    foreign = [c for c in text if c > "\x7f"]
    hangul = sum("가" <= c <= "힣" for c in foreign)
    return "CP949" if len(foreign) >= fewest and hangul > 0.8 * len(foreign) else None
