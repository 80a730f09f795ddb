"""The one codec: what it writes the safetensors package reads, and what is damaged is told, never crashed on."""

import io
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.errors import FormatError
from embedkit.files import safetensors
from embedkit.files.safetensors import SafetensorsFile, metadata_of
from embedkit.files.safetensors_writer import SafetensorsWriter, write_safetensors

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def with_header(path, header, data=b"\0" * 16):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


arrays = st.sampled_from(sorted(safetensors.DTYPES.values())).flatmap(
    lambda dtype: st.lists(st.integers(0, 3), max_size=4).map(
        lambda shape: np.arange(int(np.prod(shape)), dtype=np.int64).astype(dtype).reshape(shape)
    )
)
names = st.text(min_size=1, max_size=20).filter(lambda name: name != "__metadata__" and name.isprintable())


@given(st.dictionaries(names, arrays, max_size=6), st.dictionaries(names, st.text(max_size=30), max_size=3))
@settings(max_examples=60, deadline=None)
def test_what_is_written_comes_back_and_the_package_agrees(tmp_path_factory, tensors, metadata):
    path = tmp_path_factory.mktemp("round") / "m"
    write_safetensors(path, metadata, tensors)
    file = SafetensorsFile(path)
    found = file.tensors()
    assert file.metadata == metadata and found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype and found[name].flags.aligned and not found[name].flags.writeable
        np.testing.assert_array_equal(found[name], array)
    package = pytest.importorskip("safetensors.numpy")
    try:
        theirs = package.load_file(path)
    except UnicodeEncodeError:
        return
    for name, array in tensors.items():
        np.testing.assert_array_equal(theirs[name], array)


def test_a_stream_with_the_header_last_is_the_same_file(tmp_path):
    stream = io.BytesIO()
    writer = SafetensorsWriter(stream, {"format": "x"}, 3)
    writer.append(np.ones((2, 3)), "<f4")
    writer.append(np.zeros((1, 3)), "<f4")
    writer.close("rows", "<f4", (3, 3))
    writer.pad("words", np.frombuffer(b"abc", np.uint8))
    writer.tensor("many", np.arange(40_000), "<i8")
    writer.finish()
    (tmp_path / "m").write_bytes(stream.getvalue())
    found = SafetensorsFile(tmp_path / "m").tensors()
    assert found["rows"].tolist() == [[1] * 3, [1] * 3, [0] * 3]
    assert found["words"].tobytes() == b"abc\0" and found["many"].flags.aligned
    np.testing.assert_array_equal(found["many"], np.arange(40_000))
    package = pytest.importorskip("safetensors.numpy")
    assert package.load(stream.getvalue()).keys() == found.keys()


def test_a_writer_that_announces_other_bytes_than_it_wrote_is_stopped():
    writer = SafetensorsWriter(io.BytesIO(), {}, 1)
    writer.append(np.ones(3), "<f4")
    with pytest.raises(ValueError, match="12 bytes written, 16 announced"):
        writer.close("x", "<f4", (4,))
    crowded = SafetensorsWriter(io.BytesIO(), {}, 0)
    for name in range(9):
        crowded.tensor("tensor" * 9 + str(name), np.zeros(1), "<f4")
    with pytest.raises(ValueError, match="were kept for it"):
        crowded.finish()


@pytest.mark.parametrize(
    "header, told",
    [
        (b"{" + b'"a":{' * 100_000, "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff{}", "not JSON"),
        ({"__metadata__": []}, "not an object of strings"),
        ({"__metadata__": {"config": {}}}, "not an object of strings"),
        ({"x": 3}, "the entry of tensor x"),
        ({"x": {**F32, "dtype": "F31"}}, "the entry of tensor x"),
        ({"x": {**F32, "dtype": ["F32"]}}, "the entry of tensor x"),
        ({"x": {**F32, "shape": [True, 2]}}, "the entry of tensor x"),
        ({"x": {**F32, "shape": [2.0]}}, "the entry of tensor x"),
        ({"x": {**F32, "shape": [-2, -1]}}, "the entry of tensor x"),
        ({"x": {**F32, "shape": {"2": 0}}}, "the entry of tensor x"),
        ({"x": {**F32, "shape": [1] * 40 + [2]}}, "the entry of tensor x"),
        ({"x": {**F32, "data_offsets": [0, 8, 9]}}, "the entry of tensor x"),
        ({"x": {**F32, "data_offsets": [-8, 0]}}, "the entry of tensor x"),
        ({"x": {"dtype": "F32", "shape": [0, 2**70], "data_offsets": [0, 0]}}, "of shape"),
        ({"x": {"dtype": "F32", "shape": [0, 2**40, 2**40], "data_offsets": [0, 0]}}, "of shape"),
        ({"x": {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 2**64]}}, "the file ends at byte"),
        ({"x": {**F32, "data_offsets": [16, 24]}}, "the file ends at byte"),
        ({"x": {**F32, "data_offsets": [8, 0]}}, "of shape"),
        ({"x": F32, "y": {**F32, "data_offsets": [4, 12]}}, "x and y overlap"),
        ({"x": F32, "y": F32}, "overlap"),
    ],
)
def test_every_entry_is_checked(tmp_path, header, told):
    with pytest.raises(FormatError, match=told):
        SafetensorsFile(with_header(tmp_path / "m", header)).tensors()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 8 + b"{}", b"a text file, longer than eight bytes"])
def test_files_of_another_kind(tmp_path, content):
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(FormatError, match=r"m: expected counts, found"):
        SafetensorsFile(tmp_path / "m", expected="counts")


def test_tensors_that_are_not_aligned_are_copied(tmp_path):
    header = {"x": {"dtype": "F32", "shape": [2], "data_offsets": [1, 9]}}
    found = SafetensorsFile(with_header(tmp_path / "m", header)).tensors()["x"]
    assert found.flags.aligned and found.tolist() == [0, 0]


@pytest.mark.parametrize("kind", safetensors.FORMATS.values(), ids=lambda kind: kind.name)
def test_kinds_and_versions(tmp_path, kind):
    write_safetensors(tmp_path / "m", metadata_of(kind), {})
    for other in safetensors.FORMATS.values():
        file = SafetensorsFile(tmp_path / "m", expected=other.what)
        if other is kind:
            file.require(other)
        else:
            with pytest.raises(FormatError, match=re.escape(f"expected {other.what}, found {kind.what}")):
                file.require(other)
    newer = {**metadata_of(kind), "format_version": str(kind.version + 1)}
    write_safetensors(tmp_path / "m", newer, {})
    with pytest.raises(FormatError, match=f"version {kind.version + 1} .* versions up to {kind.version}; install"):
        SafetensorsFile(tmp_path / "m").require(kind)
    for broken in ("", "one", "-1", "1.0", "9" * 30):
        write_safetensors(tmp_path / "m", {**newer, "format_version": broken}, {})
        with pytest.raises(FormatError, match="damaged: expected the version"):
            SafetensorsFile(tmp_path / "m").require(kind)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damage_is_told_or_harmless(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damage") / "m"
    write_safetensors(path, {"format": "x"}, {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(3, dtype=np.int8)})
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)) if content else ():
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    try:
        found = SafetensorsFile(path).tensors()
    except FormatError:
        return
    assert sum(array.nbytes for array in found.values()) <= len(content)
