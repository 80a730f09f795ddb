"""SIGTERM and SIGHUP end a command as Ctrl-C does: nothing is left behind, and the exit status says which it was."""

import gzip
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

# Stops in the middle of writing, with an unpacked copy of the input on the disk.
SLOW_CONVERT = """
import sys, time
from embedkit.cli import main
from embedkit.formats import native

def slow(self, **_):
    print("writing", flush=True)
    time.sleep(60)

native.NativeWriter.finish = slow
sys.exit(main(sys.argv[1:]))
"""


def start(tmp_path, code=SLOW_CONVERT, before=None):
    source, temporary, target = tmp_path / "m.txt.gz", tmp_path / "temporary", tmp_path / "target"
    with gzip.open(source, "wt") as stream:
        stream.write("2 2\na 1 2\nb 3 4\n")
    temporary.mkdir()
    target.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", code, "convert", str(source), str(target / "m.safetensors")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
        preexec_fn=before,
    )
    assert child.stdout.readline() == b"writing\n"
    assert len(os.listdir(temporary)) == 1 and len(os.listdir(target)) == 1
    return child, temporary, target


def as_on_a_terminal():
    """Signals that a suite behind nohup or & hands on as ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(tmp_path, number):
    child, temporary, target = start(tmp_path, before=as_on_a_terminal)
    child.send_signal(number)
    _, told = child.communicate(timeout=30)
    assert child.returncode == 128 + number
    assert told.decode().strip() == "embedkit: stopped"
    assert os.listdir(temporary) == [] and os.listdir(target) == []


def test_sigterm_ends_what_runs_in_the_background_too(tmp_path):
    """A shell starts a job behind & with Ctrl-C ignored."""
    child, temporary, target = start(tmp_path, before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)
    assert child.returncode == 143 and os.listdir(temporary) == [] and os.listdir(target) == []


def test_nohup_is_respected(tmp_path):
    child, _, _ = start(tmp_path, before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    child.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.5)
    child.kill()
    child.communicate()


def test_what_a_killed_run_left_is_gone_after_the_next(tmp_path):
    child, temporary, target = start(tmp_path)
    child.kill()
    child.communicate()
    left = [*temporary.iterdir(), *target.iterdir()]
    assert len(left) == 2
    for path in left:
        os.utime(path, (1e9, 1e9))
    subprocess.run(
        [sys.executable, "-m", "embedkit", "convert", str(tmp_path / "m.txt.gz"), str(target / "m.safetensors")],
        env={**os.environ, "TMPDIR": str(temporary)},
        check=True,
    )
    assert list(temporary.iterdir()) == [] and [path.name for path in target.iterdir()] == ["m.safetensors"]


# A call that looks at no signal for half a minute, in place of LAPACK's, which takes as long for many words.
DEAF_SVD = """
import hashlib, sys
import numpy as np
from embedkit.cli import main

def deaf(matrix):
    print("decomposing", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 26)

np.linalg.eigh = deaf
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_heard_while_lapack_computes(tmp_path, number):
    (tmp_path / "t.txt").write_text(" ".join(f"w{i % 40}" for i in range(900)) + "\n")
    train = ["train", str(tmp_path / "t.txt"), "--model", "svd", "--exact", "--vector-size", "4", "--min-count", "1"]
    child = subprocess.Popen(
        [sys.executable, "-c", DEAF_SVD, *train, "-o", str(tmp_path / "m.safetensors"), "-q"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=as_on_a_terminal,
    )
    assert child.stdout.readline() == b"decomposing\n"
    begun = time.monotonic()
    child.send_signal(number)
    _, told = child.communicate(timeout=60)
    assert time.monotonic() - begun < 5
    assert (child.returncode, told.decode().strip()) == (128 + number, "embedkit: stopped")
    assert [path.name for path in tmp_path.iterdir()] == ["t.txt"]


# Many threads of OpenBLAS, which ends only when they do, and never where it is taken down while a call goes on.
REAL_SVD = """
import sys, threading
import numpy as np
from embedkit.cli import main

true = np.linalg.eigh
def decompose(matrix):
    print("decomposing", flush=True)
    return true(np.random.default_rng(0).normal(size=(4000, 4000)))

np.linalg.eigh = decompose
sys.exit(main(sys.argv[1:]))
"""


def test_a_process_ends_while_lapack_computes(tmp_path):
    (tmp_path / "t.txt").write_text(" ".join(f"w{i % 40}" for i in range(900)) + "\n")
    train = ["train", str(tmp_path / "t.txt"), "--model", "svd", "--exact", "--vector-size", "4", "--min-count", "1"]
    child = subprocess.Popen(
        [sys.executable, "-c", REAL_SVD, *train, "-o", str(tmp_path / "m.safetensors"), "-q"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=as_on_a_terminal,
    )
    assert child.stdout.readline() == b"decomposing\n"
    time.sleep(0.5)
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert time.monotonic() - begun < 5
    assert (child.returncode, told.decode().strip()) == (130, "embedkit: stopped")


def test_the_handlers_come_back():
    from embedkit.cli import main

    before = signal.getsignal(signal.SIGTERM)
    assert main(["completion", "bash"]) == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_writes_a_checkpoint_as_ctrl_c_does(tmp_path):
    """In the training of neural modules, which finishes the step that is under way."""
    data = tmp_path / "data.tsv"
    data.write_text("".join(f"word{i % 7} and more words\t{i % 2}\n" for i in range(400)))
    arguments = ["classify", "train", str(data), "-o", str(tmp_path / "m.safetensors"), "--epochs", "100000", "-q"]
    arguments += ["--patience", "100000", "--hidden-size", "4", "--vector-size", "4", "--checkpoint"]
    child = subprocess.Popen(
        [sys.executable, "-m", "embedkit", *arguments, str(tmp_path / "run"), "--log", str(tmp_path / "log")],
        stderr=subprocess.PIPE,
    )
    limit = time.monotonic() + 90
    while not ((tmp_path / "log").exists() and (tmp_path / "log").stat().st_size):
        assert child.poll() is None and time.monotonic() < limit
        time.sleep(0.02)
    child.terminate()
    child.communicate(timeout=60)
    assert child.returncode == 143
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoint.safetensors"]
    assert not (tmp_path / "m.safetensors").exists()
