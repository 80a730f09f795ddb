"""Damaged files: cut off anywhere, random bytes, absurd sizes. A reader gives vectors or a `FormatError`, at once."""

import contextlib
import os
import struct
import tracemalloc
import warnings

import numpy as np
import pytest

from embedkit.errors import ConfigError, FormatError
from embedkit.formats.sniffing import sniff
from embedkit.query import storing
from tests.formats.samples import NEEDS_EXTRA, WRITABLE, sample, write

MOST_PLACES = 250
# A cut inside the last number of a text is a number too; a headerless binary may just be narrower.
CANNOT_TELL = ("word2vec-text", "glove-text", "projector", "glove-binary", "csv")


@pytest.fixture(params=[*WRITABLE, "floret"])
def file(request, tmp_path):
    """A small file and the options that load it."""
    name = request.param
    if name in NEEDS_EXTRA:
        pytest.importorskip(NEEDS_EXTRA[name])
    if name == "floret":
        path, words = tmp_path / "m.floret", tmp_path / "words.txt"
        path.write_text("3 2 2 3 2 2166136261 < >\n0 0.5 1.5\n1 2.5 -1\n2 3 4\n")
        words.write_text("the\nqueen\n")
        return name, path, {"words": words}
    path, options = write(sample(3, 2), name, tmp_path)
    options.pop("format", None)
    return name, path, options


def attempt(name, path, options):
    """The model, or None for a `FormatError`; anything else is a failure of the test."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model = storing.load(path, name, **options)
            list(model.index_to_key)
            assert np.isfinite(model.vectors).all() or name == "native"
            return model
    except FormatError as error:
        assert str(path.name) in str(error) or "metadata" in str(error)
        return None


def test_cut_off_anywhere(file):
    name, path, options = file
    content = path.read_bytes()
    whole = storing.load(path, name, **options)
    step = max(1, len(content) // MOST_PLACES)
    for length in range(0, len(content) - 1, step):
        path.write_bytes(content[:length])
        model = attempt(name, path, options)
        assert model is None or name in CANNOT_TELL or np.array_equal(model.vectors, whole.vectors)


def test_random_corruption(file):
    name, path, options = file
    content = path.read_bytes()
    rng = np.random.default_rng(17)
    for _ in range(150):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 6)):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        attempt(name, path, options)
        with contextlib.suppress(FormatError):
            sniff(path)


def test_random_bytes_are_refused_or_read(tmp_path):
    rng = np.random.default_rng(23)
    path = tmp_path / "noise"
    for size in (1, 7, 8, 9, 60, 500):
        for _ in range(20):
            path.write_bytes(rng.bytes(size))
            with contextlib.suppress(FormatError, ConfigError):
                storing.load(path)


@pytest.mark.parametrize(
    "name, content",
    [
        ("word2vec-text", b"1000000000000 300\nthe 1 2\n"),
        ("word2vec-text", b"3 100000000000000\nthe 1 2\n"),
        ("word2vec-binary", b"1000000000000 300\nthe " + b"\0" * 50),
        ("word2vec-binary", b"2 99999999999999\nthe " + b"\0" * 50),
        ("floret", b"100000000000 300 2 3 2 2166136261 < >\n0 1\n"),
        ("finalfusion", b"FiFu" + struct.pack("<IIIIQQ", 0, 1, 1, 1, 1 << 60, 1 << 60)),
        ("finalfusion", b"FiFu" + struct.pack("<III", 0, 4_000_000_000, 1)),
        ("finalfusion", b"FiFu" + struct.pack("<IIIIIQQIQQII", 0, 2, 1, 2, 1, 8, 0, 2, 20, 1 << 62, 1 << 31, 10)),
        ("native", struct.pack("<Q", 1 << 62) + b"{}"),
        (
            "npy",
            b"\x93NUMPY\x01\x00v\x00"
            + b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999), }".ljust(117)
            + b"\n",
        ),
    ],
)
def test_absurd_sizes_take_no_memory(tmp_path, name, content):
    path = tmp_path / "m"
    path.write_bytes(content)
    (tmp_path / "words.txt").write_text("the\n")
    options = {"words": tmp_path / "words.txt"} if name in ("floret", "npy") else {}
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            storing.load(path, name, **options)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "content, told",
    [
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"\x80\x04\x95\x10\x00\x00", "a Python pickle, which can run code and is never opened"),
        (b"\x89PNG\r\n\x1a\n....", "a PNG image"),
        ("the 1 2\n".encode("utf-16"), "UTF-16 text; convert it first"),
        (b"GGUF\x03\0\0\0", "a GGUF language model"),
        (b"PK\x03\x04 broken", "damaged zip"),
        (b"just some prose\nand more of it\n", "text without vectors"),
        (b"the 100\nof 99\n", "a list of words and counts"),
        (struct.pack("<iidiid", 1, 2, 0.5, 3, 1, 7.25), "GloVe's co-occurrence counts"),
        (b"", "an empty file"),
        (bytes(range(256)), "`format` glove-binary and `words`"),
    ],
)
def test_files_of_another_kind_are_named(tmp_path, content, told):
    path = tmp_path / "m.bin"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=told):
        storing.load(path)


def test_a_pytorch_file_is_named(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    with pytest.raises(FormatError, match="a PyTorch file"):
        storing.load(tmp_path / "m.pt")


def test_nothing_is_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    objects = np.array([Bomb()], dtype=object)
    np.savez(tmp_path / "m.npz", vectors=np.ones((1, 1)), words=objects)
    np.save(tmp_path / "m.npy", objects)
    (tmp_path / "m.words.txt").write_text("a\n")
    for name in ("m.npz", "m.npy"):
        with pytest.raises(FormatError, match=r"[Pp]ickle|[Oo]bject"):
            storing.load(tmp_path / name)
    assert not (tmp_path / "exploded").exists()
