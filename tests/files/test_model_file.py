"""Model files: round trips, other tools, and files that are not what they should be."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.model_file import load_model, save_model

TENSORS = {
    "words": np.frombuffer("왕king".encode(), np.uint8),
    "word_offsets": np.array([0, 3, 7], np.int64),
    "word_order": np.array([1, 0], np.int32),
    "out.weight": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3),
    "crf.start": np.array([0.1, -0.2]),
    "empty": np.zeros((0, 3), np.float32),
}


def save(path, task="classify"):
    save_model(path, task, "lstm", {"labels": ["좋다", "0"], "hidden": 8}, TENSORS)
    return path


def test_round_trip(tmp_path):
    task, kind, config, tensors = load_model(save(tmp_path / "m.safetensors"), "classify")
    assert (task, kind, config) == ("classify", "lstm", {"labels": ["좋다", "0"], "hidden": 8})
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert tensors[name].dtype == array.dtype and tensors[name].flags.aligned
        np.testing.assert_array_equal(tensors[name], array)


def test_the_safetensors_package_reads_it(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    found = safetensors.load_file(save(tmp_path / "m.safetensors"))
    assert found.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_model_of_another_task_is_refused_by_name(tmp_path):
    path = save(tmp_path / "m.safetensors", "tag")
    with pytest.raises(FormatError, match=r"expected a model of embedkit classify, found one of embedkit tag"):
        load_model(path, "classify")


def test_word_vectors_are_no_model(tmp_path):
    from embedkit.query.keyed_vectors import KeyedVectors

    path = tmp_path / "v.safetensors"
    KeyedVectors(["a"], np.ones((1, 2), np.float32)).save(path, "native")
    with pytest.raises(FormatError, match=r"these are word vectors.*embedkit classify train --vectors"):
        load_model(path, "classify")


@pytest.mark.parametrize("content", [b"abc", b"\xff" * 40, b"a text file\n" * 10])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "m"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"expected a trained model"):
        load_model(path, "classify")


def test_a_newer_version_is_refused(tmp_path):
    path = save(tmp_path / "m")
    path.write_bytes(path.read_bytes().replace(b'"format_version": "1"', b'"format_version": "9"'))
    with pytest.raises(FormatError, match=r"version 9 of the format, this embedkit reads versions up to 3"):
        load_model(path, "classify")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damage_is_a_format_error_or_harmless(tmp_path_factory, data):
    path = save(tmp_path_factory.mktemp("damage") / "m")
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    try:
        found = load_model(path, "classify")
    except FormatError:
        return
    assert isinstance(json.dumps(found.config), str)


def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(EmbedkitError, match=r"does not exist"):
        save(tmp_path / "nowhere" / "m")
    with pytest.raises(TypeError):
        save_model(tmp_path / "m", "tag", "lstm", {}, {"x": np.zeros(2, np.complex64)})
    assert list(tmp_path.iterdir()) == []
