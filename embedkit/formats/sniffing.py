"""The format of a file by its first bytes, never by its suffix; files of other kinds are named for what they are."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from embedkit.errors import FormatError
from embedkit.formats.compressed import is_compressed, is_npz, peek

HEAD = 1 << 16
FASTTEXT_MAGIC = 793712314
MAGICS = {
    b"FiFu": "finalfusion",
    b"\x93NUMPY": "npy",
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\xff\xff\xff\xff": "arrow",
    b"SQLite format 3\x00": "sqlite",
    struct.pack("<i", FASTTEXT_MAGIC): "fasttext",
}
OTHERS = {  # what people hand in by mistake, beside what `embedkit.text.sniffing` knows
    b"GGUF": "a GGUF language model",
    b"FEA1": "a Feather file of version 1; write it again with a pyarrow or pandas of today",
    b"\x89HDF": "an HDF5 file (Keras, ConceptNet); write its matrix with numpy.savez(file, vectors=…, words=…)",
    b"%%MatrixMarket": "a sparse matrix (Matrix Market); vectors here have a value in every dimension",
    b"{": "JSON",
    b"[": "JSON",
    b"<": "XML or HTML",
}
FOLDERS = {  # a file that tells what a folder is
    "saved_model.pb": "a TensorFlow model; write its matrix with numpy.savez(file, vectors=…, words=…)",
    "pytorch_model.bin": "a PyTorch model, which holds Python pickles; save the matrix with safetensors or numpy",
    "model.safetensors.index.json": "a Transformer in several files; its vectors depend on the whole sentence",
    "model.safetensors": "a model without a tokenizer; give the file model.safetensors, `tensor` and `words`",
    "meta.json": "a spaCy model without vectors (…_sm); take one with them (…_md or …_lg)",
}
PICKLE = "a Python pickle, which can run code and is never opened"


def sniff(path: str | os.PathLike[str]) -> str:
    """The format of a file of word vectors, looking through compression, or of a folder.

    Raises
    ------
    FormatError
        When it is empty, cannot be read, or is of another kind, which is named where it is known.
    """
    if os.path.isdir(path):
        return _folder(Path(path))
    try:
        head = peek(path, HEAD)
        packed = is_compressed(path)
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror or error}") from error
    if not head:
        raise FormatError(f"{path}: expected vectors, found an empty file")
    for magic, name in MAGICS.items():
        if head.startswith(magic) and head[len(magic) : len(magic) + 1] not in (b" ", b"\t"):  # a word may be PAR1
            return "floret" if name == "fasttext" and _is_floret(head) else name
    if head.startswith(b"PK\x03\x04"):
        return _zip(path, packed)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "native" if _is_own(head) else "safetensors"
    recognised = _text(head) or ("fasttext" if _old_fasttext(head) else None)
    if recognised:
        return recognised
    raise FormatError(f"{path}: expected word vectors, found {_what(head)}")


def _folder(path: Path) -> str:
    from embedkit.formats import hub, spacy_vectors, static_embedding

    if hub.part(path) is not None:
        return "hub"
    if static_embedding.part(path) is not None:
        return "static-embedding"
    if spacy_vectors.part(path) is not None:
        return "spacy"
    held = sorted(entry.name for entry in path.iterdir())
    for file, what in FOLDERS.items():
        if file in held:
            raise FormatError(f"{path}: expected word vectors, found {what}")
    raise FormatError(
        f"{path}: expected a file of word vectors, or a folder of model2vec, sentence-transformers or spaCy, found a "
        f"folder of {', '.join(held[:3]) or 'nothing'}{', …' if len(held) > 3 else ''}"
    )


def _zip(path: str | os.PathLike[str], packed: bool) -> str:
    if packed:
        return "npz"
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FormatError(f"{path}: cut off or damaged zip or npz file: {error}") from error
    if is_npz(names):
        return "npz"
    if any(name.endswith("data.pkl") for name in names):
        raise FormatError(
            f"{path}: expected word vectors, found a PyTorch file, which holds {PICKLE}; save the matrix "
            "with safetensors or numpy"
        )
    raise FormatError(
        f"{path}: expected word vectors, found a zip archive of {', '.join(names[:3]) or 'nothing'}; unpack it first"
    )


def _text(head: bytes) -> str | None:
    """word2vec (text or binary), GloVe, floret or projector, by the first lines."""
    from embedkit.files.magic import BOM
    from embedkit.formats.text_rows import GAPS, NOT_FINITE, NUMBER, width_of

    body = head[len(BOM) :] if head.startswith(BOM) else head
    if body.startswith(b"%%MatrixMarket") or (b"\n" not in body and body.count(b"\r") > 1):
        return None
    first, newline, rest = body.partition(b"\n")
    fields = GAPS.split(first.strip(b" \t\r"))
    if len(fields) == 2 and all(field.isdigit() and len(field) < 16 for field in fields) and newline:
        size = int(fields[1])
        widths = [width_of([line]) for line in _whole_lines(rest, len(head))[:20]]
        text = bool(widths) and all(width >= size for width in widths)
        if rest and not text and (_binary(rest) or _word2vec_rows(rest, int(fields[0]), size, len(head))):
            return "word2vec-binary"
        if not widths or size in widths or any(width != 1 for width in widths):
            return "word2vec-text"
    if _binary(body):
        return None
    if len(fields) == 8 and all(field.isdigit() for field in fields[:6]):
        return "floret"
    if b"," in first or b";" in first:
        from embedkit.formats.csv_table import looks_like_csv

        if looks_like_csv(body.decode("utf-8", "replace"), len(head) >= HEAD):
            return "csv"
    lines = _whole_lines(body, len(head))
    if not lines:
        return None
    numeric = (NUMBER.match(field) or NOT_FINITE.match(field) for line in lines[:20] for field in line.split(b"\t"))
    if all(numeric):  # of a word and its values, some words are no numbers
        return "projector"
    if all(GAPS.split(line)[-1].isdigit() and len(GAPS.split(line)) == 2 for line in lines[:20]):
        return None  # words and counts: a vocabulary
    return "glove-text" if width_of(lines[:20]) else None


def _is_own(head: bytes) -> bool:
    """Whether the header of a safetensors file names embedkit; the own reader tells of one that is damaged."""
    header = head[8 : 8 + int.from_bytes(head[:8], "little")]
    return b'"embedkit' in header or b'"dtype"' not in header


def _word2vec_rows(rest: bytes, n_words: int, size: int, head: int) -> bool:
    """Whether a small file is word, space and 4 · `size` bytes, `n_words` times and nothing else."""
    at = 0
    for _ in range(n_words if head < HEAD else 0):
        space = rest.find(b" ", at)
        at = space + 1 + 4 * size
        if space < 0 or at > len(rest):
            return False
    return head < HEAD and not rest[at:].strip(b"\n")


def _whole_lines(text: bytes, head: int) -> list[bytes]:
    lines = text.split(b"\n")
    if head >= HEAD:
        # Of a line that is cut the last field may be half a number.
        lines = lines[:-1] if len(lines) > 1 else [lines[0][: max(lines[0].rfind(b" "), lines[0].rfind(b"\t"), 0)]]
    return [line.rstrip(b" \t\r") for line in lines if line.strip()]


def _binary(text: bytes) -> bool:
    """Whether bytes occur that no text has: control characters other than white space."""
    return any(byte < 9 or (13 < byte < 32 and byte not in (27, 28, 29, 30, 31)) for byte in text)


def _old_fasttext(head: bytes) -> bool:
    """A fastText file of 2016: no magic, just the twelve arguments."""
    if len(head) < 56:
        return False
    size, window, epoch, _, negative, grams, loss, model, bucket, min_n, max_n, _ = struct.unpack_from("<12i", head)
    return (
        0 < size < 100_000
        and 0 <= window < 10_000
        and 0 <= epoch < 1_000_000
        and 0 <= negative < 10_000
        and 0 <= grams < 100
        and 1 <= loss <= 4
        and 1 <= model <= 3
        and bucket >= 0
        and 0 <= min_n < 1000
        and 0 <= max_n < 1000
    )


def _is_floret(head: bytes) -> bool:
    from embedkit.formats.fasttext_parts import is_floret

    return is_floret(head[8:120])


def _cooccurrences(head: bytes) -> bool:
    """Records of int32, int32, float64: two words' numbers from 1 and a count."""
    records = list(struct.iter_unpack("<iid", head[: len(head) // 16 * 16]))
    return bool(records) and all(0 < i < 1 << 28 and 0 < j < 1 << 28 and 1e-6 < x < 1e15 for i, j, x in records)


def _what(head: bytes) -> str:
    from embedkit.formats.text_rows import CR_ONLY

    if head[8:9] == b"{" and _binary(head[:8]):
        return "a safetensors file whose header is damaged"
    if head.count(b"\r") > 1 and b"\n" not in head:
        return CR_ONLY
    if head[0] == 0x80 and 2 <= head[1] <= 5:
        return f"{PICKLE}; with gensim, save the vectors with save_word2vec_format instead"
    for magic, name in OTHERS.items():
        if head.startswith(magic):
            return name
    from embedkit.text.sniffing import describe_binary

    known = describe_binary(head)
    if known and not known.startswith("binary data"):
        return known
    if _cooccurrences(head):
        return "GloVe's co-occurrence counts (cooccurrence.bin); train vectors on them with `cooccurrences`"
    if _binary(head):
        return (
            "binary data of an unknown kind; GloVe's vectors.bin has no header: read it with `format` "
            "glove-binary and `words`, its vocab.txt"
        )
    if head.split(b"\n")[0].rstrip(b"\r").rpartition(b" ")[2].isdigit():
        return "a list of words and counts (a vocabulary)"
    return f"text without vectors, beginning {head[:40].decode('utf-8', 'replace')!r}"
