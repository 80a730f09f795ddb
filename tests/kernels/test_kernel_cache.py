"""The compiled kernels are kept where one can write, and training works where one can write nowhere."""

import contextlib
import os
import subprocess
import sys

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
            "8",
            "--quiet",
        ],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert model.exists()
    assert done.stderr.count("\n") == 1
    assert f"{blocked / 'cache'}" in done.stderr
    assert "compiled kernels go to another folder" in done.stderr


@pytest.mark.parametrize("options", [["--model", "skipgram"], ["--model", "fasttext", "--loss", "hs"]])
def test_a_second_training_compiles_nothing(tmp_path, options):
    text = tmp_path / "text.txt"
    text.write_text("one two three four five\n" * 200)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    compiled = []
    for _ in range(2):
        subprocess.run(
            [
                sys.executable,
                "-m",
                "embedkit",
                "train",
                str(text),
                "-o",
                str(tmp_path / "m.safetensors"),
                "--epochs",
                "1",
                "--vector-size",
                "8",
                "--quiet",
                *options,
            ],
            env=environment,
            check=True,
        )
        compiled.append(sorted(tmp_path.glob("cache/**/*.nbc")))
    assert compiled[0]
    assert compiled[1] == compiled[0]


def test_kernels_made_with_other_constants_are_other_kernels(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    compiling.cache_folder.cache_clear()

    def make(number):
        @compiling.kernel
        def inner(x):
            return x + number

        @compiling.kernel
        def outer(x):
            return inner(x)

        return outer

    try:
        assert [make(number)(1) for number in (1, 2, 1)] == [2, 3, 2]
    finally:
        compiling.cache_folder.cache_clear()
