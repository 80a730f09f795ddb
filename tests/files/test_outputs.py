"""Where bytes go: pipes and devices are written to, links keep leading where they lead, leavings are swept."""

import os
import stat
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import embedkit
from embedkit.cli import main
from embedkit.errors import EmbedkitError
from embedkit.files import temporary
from embedkit.files.atomic import atomic_open, atomic_path
from embedkit.files.log import LogFile
from embedkit.files.outputs import check_output, is_stream
from embedkit.files.temporary import sweep, temporary_folder, temporary_name, temporary_path
from embedkit.query.keyed_vectors import KeyedVectors

posix = pytest.mark.skipif(os.name == "nt", reason="pipes, links and devices of POSIX")
SINGLE = ["native", "word2vec-text", "word2vec-binary", "glove-text", "fasttext-vec", "fasttext", "finalfusion", "npz"]
SINGLE += ["sqlite"]
PAIRS = ["npy", "projector", "glove-binary"]


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.safetensors"
    KeyedVectors(["왕", "king"], np.array([[1, 2.5], [-3, 4]], np.float32)).save(path)
    return path


def embedkit_command(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "embedkit", *map(str, arguments)], capture_output=True, timeout=120, check=False, **more
    )


@posix
@pytest.mark.parametrize("format", SINGLE)
@pytest.mark.parametrize("target", ["-", "/dev/stdout", "fifo"])
def test_every_single_file_format_goes_through_a_pipe(tmp_path, model, format, target):
    received = tmp_path / "received"
    if target == "fifo":
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        reader = threading.Thread(target=lambda: received.write_bytes(fifo.read_bytes()))
        reader.start()
        done = embedkit_command("convert", model, fifo, "--to", format)
        reader.join(timeout=60)
        assert stat.S_ISFIFO(fifo.stat().st_mode) and done.stdout == b""
    else:
        done = embedkit_command("convert", model, target, "--to", format, cwd=tmp_path)
        received.write_bytes(done.stdout)
        assert not (tmp_path / "-").exists()
    assert done.returncode == 0, done.stderr
    found = embedkit.load(received, format)
    assert list(found.index_to_key) == ["왕", "king"]
    np.testing.assert_allclose(found.vectors, [[1, 2.5], [-3, 4]], rtol=1e-6)


@posix
@pytest.mark.parametrize("format", PAIRS)
def test_pairs_of_files_do_not_go_through_a_pipe(tmp_path, model, format):
    done = embedkit_command("convert", model, "-", "--to", format, cwd=tmp_path)
    assert done.returncode == 1 and b"a pair of files" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [model.name]


@posix
def test_standard_output_that_is_a_file_is_written_behind_what_is_there(tmp_path, model):
    out = tmp_path / "out.txt"
    out.write_text("before\n")
    inode = out.stat().st_ino
    with open(out, "a") as stream:
        subprocess.run(
            [sys.executable, "-m", "embedkit", "convert", str(model), "/dev/stdout", "--to", "glove-text"],
            stdout=stream,
            check=True,
        )
    assert out.read_text().splitlines() == ["before", "왕 1.0 2.5", "king -3.0 4.0"]
    assert out.stat().st_ino == inode


@posix
def test_devices_are_written_to_and_never_replaced(model, tmp_path):
    assert main(["convert", str(model), "/dev/null", "--to", "native"]) == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(EmbedkitError, match="No space left"), atomic_open("/dev/full", streamed=True) as stream:
        stream.write(b"x" * (3 << 20))


@posix
def test_disks_and_sockets_are_refused(tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(EmbedkitError, match="it is a socket; give a file name"):
            check_output(tmp_path / "s")


@posix
def test_of_a_link_the_target_is_replaced(tmp_path, model):
    real = tmp_path / "elsewhere" / "real.txt"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(0o640)
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.symlink_to(real)
    second.symlink_to(first)
    assert main(["convert", str(model), str(second), "-q"]) == 0
    assert second.is_symlink() and first.is_symlink() and real.read_text().startswith("2 2\n")
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    dangling = tmp_path / "dangling.txt"
    dangling.symlink_to(tmp_path / "elsewhere" / "new.txt")
    assert main(["convert", str(model), str(dangling), "-q"]) == 0
    assert dangling.is_symlink() and (tmp_path / "elsewhere" / "new.txt").is_file()
    nowhere = tmp_path / "nowhere.txt"
    nowhere.symlink_to(tmp_path / "missing" / "new.txt")
    with pytest.raises(EmbedkitError, match=r"missing does not exist; create it first"):
        check_output(nowhere)


def test_names_of_streams(tmp_path):
    for name in ("-", "/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2", "/dev/null"):
        if name == "-" or os.name != "nt":
            assert is_stream(name), name
    (tmp_path / "file").write_text("")
    assert not is_stream(tmp_path / "file") and not is_stream(tmp_path / "missing") and not is_stream("stdout")


@posix
def test_a_closed_pipe_is_no_failure(model):
    done = subprocess.run(
        f"{sys.executable} -m embedkit convert {model} - --to glove-text | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0\n" and "error" not in done.stderr


def test_a_folder_that_takes_nothing_is_told_before_the_work(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(EmbedkitError, match=r"nothing can be written into .*: Read-only file system"):
        check_output(tmp_path / "m.txt")


# ------------------------------------------------------------------------------------------------------------ leavings


def make_leaving(folder, pid, host=None, age=3600.0, kind="file"):
    name = f".m.txt.{host or temporary._host()}-{pid}-0123abcd.part"
    path = folder / name
    if kind == "folder":
        path.mkdir()
        (path / "run0").write_bytes(b"x")
    else:
        path.write_bytes(b"x")
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.fixture
def dead_pid():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@posix
def test_only_what_dead_runs_left_is_swept(tmp_path, dead_pid):
    swept = [
        make_leaving(tmp_path, dead_pid),
        make_leaving(tmp_path, dead_pid, kind="folder", host="0" * 8, age=8 * 86400),
    ]
    kept = [
        make_leaving(tmp_path, os.getpid()),
        make_leaving(tmp_path, dead_pid, host="1" * 8),
        tmp_path / "m.txt",
        tmp_path / ".m.txt.part",
        tmp_path / ".m.0123abcd.part",
    ]
    for path in kept[2:]:
        path.write_text("mine")
    assert sweep(tmp_path) == 2
    assert not any(path.exists() for path in swept) and all(path.exists() for path in kept)
    fresh = make_leaving(tmp_path, dead_pid, age=0)
    assert sweep(tmp_path) == 0 and fresh.exists()


@posix
def test_files_of_other_users_stay(tmp_path, dead_pid, monkeypatch):
    path = make_leaving(tmp_path, dead_pid)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert sweep(tmp_path) == 0 and path.exists()


@posix
def test_the_next_start_sweeps(tmp_path, model, dead_pid):
    path = make_leaving(tmp_path, dead_pid)
    assert embedkit_command("convert", model, tmp_path / "out.txt").returncode == 0
    assert not path.exists()


def test_names_are_recognised_by_the_sweep(tmp_path):
    name = temporary_name(tmp_path, "여왕" * 100).name
    assert temporary._NAME.fullmatch(name) and len(name.encode()) < 255
    with temporary_path(tmp_path) as path, temporary_folder(tmp_path) as folder:
        path.write_text("")
        (folder / "x").write_text("")
        assert temporary._NAME.fullmatch(path.name) and temporary._NAME.fullmatch(folder.name)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700 or os.name == "nt"
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_after_an_error(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "m") as path:
        path.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------------------------------------------------------- log


@posix
def test_a_full_log_warns_once_and_the_run_goes_on(tmp_path, capsys):
    with LogFile("/dev/full") as log, pytest.warns(UserWarning, match=r"log /dev/full cannot be written any more"):
        log.write("{}\n")
    with LogFile("/dev/full") as log:
        with pytest.warns(UserWarning):
            log.write("{}\n")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            log.write("{}\n")
    text = tmp_path / "k.txt"
    text.write_text("a b c d e\n" * 200)
    out = tmp_path / "m.safetensors"
    arguments = ["train", str(text), "-o", str(out), "--vector-size", "10", "--epochs", "2"]
    assert main([*arguments, "--log", "/dev/full"]) == 0
    told = capsys.readouterr().err
    assert told.count("the run goes on without it") == 1 and out.exists()


def test_a_log_that_cannot_be_opened_is_an_error_before_the_run(tmp_path):
    with pytest.raises(EmbedkitError, match="cannot write the log"):
        LogFile(tmp_path)


def test_the_log_goes_to_standard_output_where_that_is_named(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with LogFile("-") as log:
        log.write("{}\n")
    assert capfd.readouterr().out == "{}\n"
    assert not os.listdir(tmp_path)
