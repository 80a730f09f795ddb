"""The one checkpoint codec: what comes back, what is refused; the state before stays until the next is whole."""

import shutil

import numpy as np
import pytest

from embedkit.errors import ConfigError, EmbedkitError, TrainingError
from embedkit.files import checkpoint as codec
from embedkit.files.checkpoint import CHECKPOINT_NAME, clear_checkpoint, load_checkpoint, make_folder, save_checkpoint
from embedkit.files.model_file import save_model
from embedkit.files.resuming import prepare_folder

STATE = {"done": 0.25, "config": {"window": 5, "한": "글"}, "rng": {"state": 2**127 + 1}}
ARRAYS = {
    "w_in": np.arange(6, dtype=np.float32).reshape(2, 3),
    "keys": np.array([2**63 + 1], np.uint64),
    "n": np.array(7),
}


def test_round_trip(tmp_path):
    folder = tmp_path / "new" / "run"
    assert load_checkpoint(folder, "word2vec") is None
    save_checkpoint(folder, "word2vec", STATE, ARRAYS)
    found = load_checkpoint(folder, "word2vec")
    assert found.metadata == STATE and found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype and found.arrays[name].shape == array.shape
        assert found.arrays[name].flags.writeable
        np.testing.assert_array_equal(found.arrays[name], array)
    clear_checkpoint(folder)
    assert load_checkpoint(folder, "word2vec") is None and list(folder.iterdir()) == []


def test_what_does_not_belong_here_is_refused(tmp_path):
    save_checkpoint(tmp_path, "glove", STATE, ARRAYS, version=2)
    with pytest.raises(TrainingError, match=r"expected a checkpoint of word2vec, found one of glove"):
        load_checkpoint(tmp_path, "word2vec")
    with pytest.raises(TrainingError, match=r"version 2 .* install a newer embedkit; or train again without `resume`"):
        load_checkpoint(tmp_path, "glove")
    assert load_checkpoint(tmp_path, "glove", version=2) is not None
    path = tmp_path / CHECKPOINT_NAME
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"format_version": "1"', b'"format_version": "2"'))
    with pytest.raises(TrainingError, match=r"version 2 .* install a newer embedkit"):
        load_checkpoint(tmp_path, "glove", version=2)
    for broken in (b"", b"{}", content[:-1], content[:70]):
        path.write_bytes(broken)
        with pytest.raises(TrainingError, match=r"train again without `resume`"):
            load_checkpoint(tmp_path, "glove", version=2)


def test_checkpoints_of_older_versions_are_named(tmp_path):
    (tmp_path / "checkpoint.npz").write_bytes(b"PK")
    with pytest.raises(TrainingError, match=r"checkpoint\.npz: a checkpoint of an older embedkit"):
        load_checkpoint(tmp_path, "word2vec")
    save_model(tmp_path / CHECKPOINT_NAME, "checkpoint", "adam", {}, {})
    with pytest.raises(TrainingError, match=r"a checkpoint of an older embedkit, which cannot go on here"):
        load_checkpoint(tmp_path, "classify")


def test_a_failed_write_keeps_the_state_before(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, "glove", STATE, ARRAYS)
    with pytest.raises(TypeError):
        save_checkpoint(tmp_path, "glove", STATE, {"x": np.zeros(2, np.complex64)})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EmbedkitError, match="No space left"):
        save_checkpoint(tmp_path, "glove", {}, {})
    monkeypatch.undo()
    assert load_checkpoint(tmp_path, "glove").metadata == STATE
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_NAME]


def test_a_folder_that_cannot_be_used_is_told_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbedkitError, match=r"cannot use .* for checkpoints"):
        make_folder(tmp_path / "file")
    with pytest.raises(EmbedkitError, match=r"cannot use .* for checkpoints"):
        make_folder(tmp_path / "file" / "inside")


def test_the_folder_is_on_the_disk_before_the_call_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("embedkit.files.atomic.sync_folder", synced.append)
    save_checkpoint(tmp_path, "glove", STATE, ARRAYS)
    assert synced == [tmp_path]
    monkeypatch.setattr(codec, "sync_folder", synced.append)
    clear_checkpoint(tmp_path)
    assert synced == [tmp_path, tmp_path]


def test_what_another_run_wrote_is_neither_replaced_nor_removed(tmp_path):
    """Two runs into one folder: each replaced the state of the other, and the first to end removed it."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder in (mine, other):
        save_checkpoint(folder, "glove", {"run": folder.name}, ARRAYS)
    save_checkpoint(mine, "glove", {"run": "mine"}, ARRAYS)  # its own is replaced
    shutil.copy(other / CHECKPOINT_NAME, mine / CHECKPOINT_NAME)
    with pytest.raises(TrainingError, match=r"mine.checkpoint.safetensors: another run keeps its state there"):
        save_checkpoint(mine, "glove", STATE, ARRAYS)
    clear_checkpoint(mine)
    found = load_checkpoint(mine, "glove")
    assert found.metadata == {"run": "other"}
    save_checkpoint(mine, "glove", STATE, ARRAYS)  # who goes on from it may
    clear_checkpoint(mine)
    assert list(mine.iterdir()) == []


def test_a_checkpoint_in_a_store():
    fsspec = pytest.importorskip("fsspec")
    folder = "memory://runs/one"
    assert load_checkpoint(folder, "word2vec") is None
    make_folder(folder)
    save_checkpoint(folder, "word2vec", STATE, ARRAYS)
    assert list(fsspec.filesystem("memory").find("/runs")) == [f"/runs/one/{CHECKPOINT_NAME}"]
    found = load_checkpoint(folder + "/", "word2vec")
    assert found.metadata == STATE
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)
    with pytest.raises(
        TrainingError, match=r"^memory://runs/one/checkpoint.safetensors: expected a checkpoint of glove"
    ):
        load_checkpoint(folder, "glove")
    with pytest.raises(ConfigError, match="memory://runs/one holds the checkpoint of a run that was stopped"):
        prepare_folder(folder, resume=False)
    clear_checkpoint(folder)
    clear_checkpoint(folder)
    assert load_checkpoint(folder, "word2vec") is None
    prepare_folder(folder, resume=False)
    with pytest.raises(EmbedkitError, match="fsspec knows no protocol nowhere://"):
        make_folder("nowhere://a/b")
