"""The native file: what comes back, what damage is told, and that nothing is read before it is used."""

import json
import os
from itertools import pairwise

import numpy as np
import pytest

import embedkit
from embedkit.errors import EmbedkitError, FormatError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.vocabulary.words import Words


def sample(n=7, size=3, **more):
    words = ["the", "여왕", "naïve", "a b", "", "x" * 300, "zero"][:n]
    vectors = np.random.default_rng(3).standard_normal((n, size)).astype(np.float32)
    vectors[-1:] = 0
    return KeyedVectors(words, vectors, **more)


def test_everything_comes_back_bit_for_bit(tmp_path):
    rng = np.random.default_rng(0)
    before = sample(
        counts=np.arange(7, 0, -1) * 10**12,
        config={"tokenizer": "words", "한": [1, 2]},
        output_vectors=rng.standard_normal((7, 3)).astype(np.float32),
    )
    before.save(tmp_path / "m.safetensors")
    after = embedkit.load(tmp_path / "m.safetensors")
    assert list(after.index_to_key) == before.index_to_key
    np.testing.assert_array_equal(after.vectors, before.vectors)
    np.testing.assert_array_equal(after.counts, before.counts)
    np.testing.assert_array_equal(after.norms, before.norms)
    np.testing.assert_array_equal(after.output_vectors, before.output_vectors)
    assert after.config == before.config
    assert not after.vectors.flags.writeable
    assert [after.row(word) for word in before.index_to_key] == list(range(7))


def test_the_safetensors_package_reads_it(tmp_path):
    numpy_reader = pytest.importorskip("safetensors.numpy")
    model = sample(counts=np.arange(7))
    model.save(tmp_path / "m.safetensors")
    tensors = numpy_reader.load_file(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(tensors["vectors"], model.vectors)
    words, offsets = tensors["words"].tobytes(), tensors["word_offsets"]
    assert [words[a:b].decode() for a, b in pairwise(offsets)] == model.index_to_key
    assert tensors["counts"].tolist() == list(range(7))


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("size", [0, 1, 5])
def test_arrays_are_aligned_whatever_the_shape(tmp_path, n, size):
    sample(n, size, counts=np.arange(n)).save(tmp_path / "m.safetensors")
    after = embedkit.load(tmp_path / "m.safetensors")
    assert after.vectors.shape == (n, size)
    assert after.vectors.ctypes.data % 64 == 0 or after.vectors.size == 0
    assert after.counts.flags.aligned
    assert isinstance(after.index_to_key, Words)


def test_nan_is_neither_written_nor_read(tmp_path):
    vectors = np.ones((3, 2), np.float32)
    vectors[1, 1] = np.nan
    with pytest.raises(EmbedkitError, match=r"'b' \(row 1\) holds NaN"):
        KeyedVectors(["a", "b", "c"], vectors).save(tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_keeps_the_old_file(tmp_path):
    path = tmp_path / "m.safetensors"
    sample().save(path)
    old = path.read_bytes()
    with pytest.raises(EmbedkitError):
        KeyedVectors(["a"], np.full((1, 3), np.inf, np.float32)).save(path)
    assert path.read_bytes() == old
    with pytest.raises(EmbedkitError, match=r"the folder .* does not exist"):
        sample().save(tmp_path / "nowhere" / "m.safetensors")


def test_cut_off_at_every_byte(tmp_path):
    path = tmp_path / "m.safetensors"
    sample(2, 2, counts=np.arange(2)).save(path)
    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        with pytest.raises(FormatError):
            embedkit.load(path, format="native")


def changed(path, change):
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode().ljust(length)
    assert len(text) == length
    path.write_bytes(content[:8] + text + content[8 + length :])


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda h: h["vectors"].update(shape=[2**40, 2**40]), "vectors of shape"),
        (lambda h: h["vectors"].update(shape=[-1, 2]), "the entry of tensor vectors"),
        (lambda h: h["vectors"].update(dtype="F64"), "tensor vectors of shape"),
        (lambda h: h["vectors"].update(dtype="I32"), "expected tensor vectors of F32"),
        (lambda h: h.update(vectors=3), "the entry of tensor vectors"),
        (lambda h: h.pop("words"), "expected tensor words"),
        (lambda h: h["__metadata__"].update(format_version="3"), "install a newer embedkit"),
        (lambda h: h["__metadata__"].update(config="[1"), "the config is not JSON"),
        (lambda h: h.pop("__metadata__"), "expected word vectors, found a safetensors file of another program"),
        (lambda h: h["norms"].update(data_offsets=[10**15, 10**15 + 28]), "the file ends at byte"),
    ],
)
def test_a_damaged_header_is_named(tmp_path, change, message):
    path = tmp_path / "m.safetensors"
    sample().save(path)
    changed(path, change)
    with pytest.raises(FormatError, match=message):
        embedkit.load(path)


def test_random_corruption_never_crashes(tmp_path):
    path, bad = tmp_path / "m.safetensors", tmp_path / "bad.safetensors"
    sample(counts=np.arange(7)).save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(11)
    refused = 0
    for _ in range(400):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 8):
            damaged[place] = rng.integers(0, 256)
        bad.write_bytes(damaged)
        try:
            model = embedkit.load(bad, format="native")
            model.row("the")
            list(model.index_to_key)
        except FormatError:
            refused += 1
    assert refused > 50


def test_a_length_of_the_header_that_no_file_has_is_named(tmp_path):
    path = tmp_path / "m.safetensors"
    sample().save(path)
    path.write_bytes((1 << 62).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(FormatError, match="expected word vectors, found a safetensors file whose header is damaged"):
        embedkit.load(path)
