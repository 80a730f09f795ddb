"""Formats of two files: killed at any step, what opens is the old pair or the new one, never a mixture."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedkit import formats
from embedkit.errors import EmbedkitError
from embedkit.files import atomic
from embedkit.query import storing
from embedkit.query.keyed_vectors import KeyedVectors

FORMATS = {"npy": "m.npy", "projector": "vectors.tsv", "glove-binary": "vectors.bin"}
BESIDE = {"npy": "m.words.txt", "projector": "metadata.tsv", "glove-binary": "vocab.txt"}


def model(words, value):
    return KeyedVectors(words, np.full((len(words), 2), value, np.float32), counts=np.arange(len(words), 0, -1))


OLD, NEW = model(["a", "b", "c"], 1), model(["x", "y", "z"], 2)


class Killed(BaseException):
    """In place of a death: nothing may catch it and tidy up."""


def simulate_death(monkeypatch, step):
    """Die before the `step`-th call that changes a folder or puts bytes on the disk, with nothing cleaned up after."""
    calls = 0

    def counted(real):
        def call(*arguments, **more):
            nonlocal calls
            calls += 1
            if calls > step:
                raise Killed
            return real(*arguments, **more)

        return call

    for owner, name in ((os, "replace"), (os, "fsync"), (type(Path()), "unlink")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    monkeypatch.setattr(atomic, "_discard", lambda _: None)


def opened(path, format):
    """(words, value) of the pair, None where it is refused."""
    try:
        found = storing.load(path, format)
    except EmbedkitError:
        return None
    return list(found.index_to_key), found.vectors[0, 0].item()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("words", [["x", "y", "z"], ["x", "y"], ["a", "b", "c"]])
@pytest.mark.parametrize("step", range(9))
def test_death_at_every_step(tmp_path, monkeypatch, format, words, step):
    path, new = tmp_path / FORMATS[format], model(words, 2)
    storing.save(OLD, path, format)
    with monkeypatch.context() as patch:
        simulate_death(patch, step)
        try:
            storing.save(new, path, format)
            finished = True
        except Killed:
            finished = False
    found = opened(path, format)
    assert found in (None, (["a", "b", "c"], 1.0), (words, 2.0))
    if step == 0:
        assert found == (["a", "b", "c"], 1.0)
    if finished:
        assert found == (words, 2.0)
    storing.save(new, path, format)  # the way on: write it again
    assert opened(path, format) == (words, 2.0)


CHILD = """
import sys
import numpy as np
from embedkit.query import storing
from embedkit.query.keyed_vectors import KeyedVectors
path, format = sys.argv[1:]
print("ready", flush=True)
for value in range(2, 100_000):
    words = [f"{value}-{i}" for i in range(3)]
    storing.save(KeyedVectors(words, np.full((3, 2), value, np.float32)), path, format)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize("format", FORMATS)
@given(delay=st.floats(0.0, 0.03))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_killed_at_random_moments(tmp_path, format, delay):
    path = tmp_path / FORMATS[format]
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path), format], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        try:
            child.wait(0.02 + delay)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
    found = opened(path, format)
    if found is not None:
        words, value = found
        assert words == [f"{value:.0f}-{i}" for i in range(3)]


@pytest.mark.parametrize("format", FORMATS)
def test_a_second_file_that_belongs_to_something_else_stays(tmp_path, format):
    path, beside = tmp_path / FORMATS[format], tmp_path / BESIDE[format]
    beside.write_text("somebody 9\nelse 8\n")
    with pytest.raises(
        EmbedkitError, match=rf"{beside.name}, which goes with it, exists and belongs to something else"
    ):
        storing.save(NEW, path, format)
    with pytest.raises(EmbedkitError, match="belongs to something else"):
        formats.check_target(path, format)
    assert os.listdir(tmp_path) == [beside.name] and beside.read_text() == "somebody 9\nelse 8\n"
    path.write_bytes(b"not its matrix")
    with pytest.raises(EmbedkitError, match="belongs to something else"):
        storing.save(NEW, path, format)
    assert path.read_bytes() == b"not its matrix"


@pytest.mark.parametrize("format", FORMATS)
def test_the_models_own_second_file_is_replaced_or_left_alone(tmp_path, format):
    path, beside = tmp_path / FORMATS[format], tmp_path / BESIDE[format]
    storing.save(OLD, path, format)
    formats.check_target(path, format)
    inode = beside.stat().st_ino
    storing.save(model(["a", "b", "c"], 7), path, format)
    assert beside.stat().st_ino == inode and opened(path, format) == (["a", "b", "c"], 7.0)
    storing.save(NEW, path, format)
    assert opened(path, format) == (["x", "y", "z"], 2.0)
    path.unlink()
    storing.save(NEW, path, format)  # the same words: nothing is lost
    assert opened(path, format) == (["x", "y", "z"], 2.0)
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, beside.name])


def test_train_tells_before_it_trains(tmp_path, capsys):
    from embedkit.cli import main

    (tmp_path / "metadata.tsv").write_text("mine\n")
    assert main(["train", str(tmp_path / "missing.txt"), "-o", str(tmp_path / "vectors.tsv")]) == 1
    assert "metadata.tsv, which goes with it, exists" in capsys.readouterr().err
