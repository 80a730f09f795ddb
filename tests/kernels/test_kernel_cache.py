"""The compiled kernels are kept where one can write, and training works where one can write nowhere."""

import ast
import contextlib
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from embedkit.kernels import compiling


@pytest.fixture
def no_cache(monkeypatch):
    """Every folder refuses; the answer of earlier calls is forgotten before and after."""
    compiling.cache_folder.cache_clear()
    monkeypatch.setattr(compiling, "_writable", lambda folder: False)
    yield
    compiling.cache_folder.cache_clear()


def test_a_kernel_runs_where_no_folder_can_be_written(no_cache):
    with pytest.warns(RuntimeWarning) if "NUMBA_CACHE_DIR" in os.environ else contextlib.nullcontext():

        @compiling.kernel
        def double(x):
            return 2 * x

    assert compiling.cache_folder() is None
    assert double(21) == 42
    assert not double.stats.cache_path


def test_training_with_a_cache_folder_that_cannot_be_written_says_so_in_one_line(tmp_path):
    text, model, blocked = tmp_path / "text.txt", tmp_path / "model.safetensors", tmp_path / "file"
    text.write_text("one two three four five\n" * 200)
    blocked.write_text("a file where a folder is wanted")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(blocked / "cache")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "embedkit",
            "train",
            str(text),
            "-o",
            str(model),
            "--epochs",
            "1",
            "--vector-size",
            "10",
        ],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert model.exists()
    (told,) = (line for line in done.stderr.splitlines() if "compiled kernels go to another folder" in line)
    assert f"{blocked / 'cache'}" in told


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder of kernels that nobody else writes to, with those that other tests have compiled."""
    folder = tmp_path_factory.mktemp("cache")
    known = Path(compiling.cache_folder())
    for path in known.glob("*/*.nb[ic]"):
        copy = folder / "embedkit" / known.name / path.relative_to(known)
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # of another test at work
            shutil.copy2(path, copy)
    (folder / "embedkit").chmod(0o700)
    return folder


COUNTING = """
import sys
from numba.core import event
from embedkit.cli import main

class Count(event.Listener):
    n = 0
    def on_start(self, e):
        self.n += 1
    def on_end(self, e):
        pass

count = Count()
event.register("numba:compile", count)
assert main(sys.argv[1:]) == 0
print(count.n)
"""


@pytest.mark.parametrize("options", [["--model", "skipgram"], ["--model", "fasttext", "--loss", "hs"]])
def test_a_second_training_compiles_nothing(tmp_path, cache, options):
    text = tmp_path / "text.txt"
    text.write_text("one two three four five\n" * 200)
    command = ["train", str(text), "-o", str(tmp_path / "m.safetensors"), "--epochs", "1", "--vector-size", "10", "-q"]
    compiled, kept = [], []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", COUNTING, *command, *options],
            env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
            check=True,
            stdout=subprocess.PIPE,
        )
        compiled.append(int(done.stdout))
        kept.append(sorted(cache.glob("**/*.nbc")))
    assert compiled[1] == 0
    assert kept[1] == kept[0] != []


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A folder of kernels for one test alone."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    compiling.cache_folder.cache_clear()
    yield tmp_path
    compiling.cache_folder.cache_clear()


def _tripled():
    @compiling.kernel
    def triple(x):
        return 3 * x

    return triple


def test_a_disk_without_room_for_kernels_ends_nothing(own_cache, monkeypatch):
    def full(files, path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(compiling._KernelFiles, "_open_for_write", full)
    triple = _tripled()
    with pytest.warns(
        RuntimeWarning, match=r"kernels cannot be kept in .*: No space left on device; .*NUMBA_CACHE_DIR"
    ):
        assert triple(14) == 42


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: bytes(len(data))]
)
def test_a_kernel_that_was_not_written_to_its_end_is_compiled_again(own_cache, damage):
    assert _tripled()(14) == 42
    (kept,) = own_cache.glob("**/*.nbc")
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    again = _tripled()
    assert again(14) == 42
    assert not again.stats.cache_hits
    assert kept.stat().st_size == len(whole)
    known = _tripled()
    assert known(14) == 42
    assert known.stats.cache_hits


def test_kernels_made_with_other_constants_are_other_kernels(own_cache):
    def make(number):
        @compiling.kernel
        def inner(x):
            return x + number

        @compiling.kernel
        def outer(x):
            return inner(x)

        return outer

    assert [make(number)(1) for number in (1, 2, 1)] == [2, 3, 2]


PLANTED = """
from embedkit.kernels import compiling
print(compiling.cache_folder())
"""


def folder_of_a_process(tmp_path, **environment):
    """Where a process without a home that can be written puts its kernels, and whether that is there afterwards."""
    done = subprocess.run(
        [sys.executable, "-c", PLANTED],
        env={
            **{key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"},
            "XDG_CACHE_HOME": "/dev/null/nowhere",
            "TMPDIR": str(tmp_path),
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip()), done.stderr


@pytest.mark.skipif(os.name == "nt", reason="owners and permissions of POSIX")
@pytest.mark.parametrize(
    "what", ["open to others", "key open to others", "another user's", "a link", "in an open folder"]
)
def test_a_planted_folder_is_not_used(tmp_path, what):
    planted = tmp_path / "embedkit"
    inside = planted / compiling._sources_key()
    if what == "a link":
        (tmp_path / "elsewhere").mkdir()
        planted.symlink_to(tmp_path / "elsewhere")
    else:
        inside.mkdir(parents=True)
        inside.chmod(0o777 if what == "key open to others" else 0o700)
        planted.chmod(0o777 if what == "open to others" else 0o700)
    if what == "another user's":
        if os.getuid() != 0:
            pytest.skip("only root can give a folder away")
        os.chown(inside, 12345, 12345)
    if what == "in an open folder":
        tmp_path.chmod(0o777)
    folder, told = folder_of_a_process(tmp_path)
    assert folder.parent == tmp_path and folder.name.startswith("embedkit-kernels-")
    assert not folder.exists(), "the folder of one process goes with it"
    assert told == ""
    chosen = {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONWARNINGS": "always"}
    assert "others can write it too" in folder_of_a_process(tmp_path, **chosen)[1]


@pytest.mark.skipif(os.name == "nt", reason="owners and permissions of POSIX")
def test_the_users_own_folder_is_used_again(tmp_path):
    tmp_path.chmod(0o1777)
    first, _ = folder_of_a_process(tmp_path)
    assert first == tmp_path / "embedkit" / compiling._sources_key() and first.exists()
    assert (first.stat().st_mode | first.parent.stat().st_mode) & 0o077 == 0
    assert folder_of_a_process(tmp_path)[0] == first


def test_processes_that_compile_at_the_same_time_do_not_mix_up_their_kernels(tmp_path, monkeypatch):
    """What one process writes never depends on what it has seen of the other's."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    compiling.cache_folder.cache_clear()

    def make(number):
        @compiling.kernel
        def add(x):
            return x + number

        return add

    try:
        for number in (1, 2):
            assert make(number)(1) == 1 + number
            for path in tmp_path.glob("**/*.nbi"):  # as the other process, which read it before, sees it
                path.unlink()
        names = {path.name for path in tmp_path.glob("**/*add*.nbc")}
        assert len(names) == 2
        for number in (1, 2):
            again = make(number)
            assert again(1) == 1 + number
            assert sum(again.stats.cache_hits.values()) == 1
    finally:
        compiling.cache_folder.cache_clear()


def test_what_a_compiler_may_reorder_is_compiled_into_each_kernel_that_calls_it():
    """A helper with ``fastmath`` has one form by itself and, compiled a second time, another in each of its callers.

    Which of them is called depends on what the process compiled or loaded before, so the first run after installing
    had other bits than later ones.
    """
    trees = [ast.parse(path.read_text("utf-8")) for path in Path(compiling.__file__).parent.glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    apart, helpers = [], 0
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name in called:
            made = " ".join(ast.unparse(one) for one in node.decorator_list)
            helpers += "fastmath" in made
            apart += [node.name] if "fastmath" in made and "forceinline=True" not in made else []
    assert helpers >= 10 and not apart


@pytest.mark.parametrize(("name", "features", "wide"), [("haswell", None, 8), ("znver5", None, 16), ("x", "+avx2", 8)])
def test_vectors_are_as_wide_as_those_of_the_processor_that_is_compiled_for(name, features, wide):
    environment = {**os.environ, "NUMBA_CPU_NAME": name, **({"NUMBA_CPU_FEATURES": features} if features else {})}
    program = "from embedkit.kernels import simd, compiling; print(simd.LANES, compiling.compiled_for().split(',')[0])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert run.stdout.split() == [str(wide), name], run.stderr


TWO_LENGTHS = """
import sys
import numpy as np
from embedkit.kernels.compiling import kernel

@kernel
def sum_of_angles(x):
    return (
        np.sin(x) + np.cos(x) + np.tan(x) + np.arctan(x) + np.sinh(x) + np.cosh(x) + np.tanh(x) + np.exp(x)
        + np.log1p(x) + np.expm1(x) + np.arcsinh(x) + x**0.3 + x**0.7 + x**1.3 + x**1.7 + x**2.3 + x**2.7
    )

def make(length):
    @kernel
    def total(rows, k):  # too long to be put into its callers
        found = 0.0
        for d in range(length):
            x = rows[k * length + d]
            found += x + sum_of_angles(x) - sum_of_angles(x)
        return found

    @kernel
    def totals(rows):
        return total(rows, 0) + total(rows, 1) + total(rows, 2) - total(rows, 2)

    return totals

for length in map(int, sys.argv[1:]):
    print(make(length)(np.arange(20.0)))
"""


def test_kernels_for_two_lengths_that_two_processes_compiled_are_told_apart_by_a_third(tmp_path):
    script = tmp_path / "two_lengths.py"
    script.write_text(TWO_LENGTHS)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": os.getcwd()}

    def run(*lengths):
        command = [sys.executable, str(script), *lengths]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()

    assert run("3") == ["15.0"]
    assert run("5") == ["45.0"]
    assert run("3", "5") == ["15.0", "45.0"]
    assert run("5", "3") == ["45.0", "15.0"]
