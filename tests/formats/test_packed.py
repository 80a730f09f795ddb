"""Models in archives, through pipes and from standard input; compressed files written."""

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from embedkit import KeyedVectors, load
from embedkit.cli import main
from embedkit.errors import ConfigError, FormatError
from embedkit.formats import check_target

MODEL = KeyedVectors(["왕", "queen", "man"], np.array([[1, 2], [2, 1], [-1, 0.25]], np.float32))
OPEN = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@pytest.mark.parametrize("suffix", [*OPEN, ".zst"])
@pytest.mark.parametrize("inner", [".vec", ".safetensors", ".npz", ".csv"])
def test_compressed_files_are_written(tmp_path, suffix, inner):
    if suffix == ".zst":
        pytest.importorskip("zstandard")
    MODEL.save(tmp_path / f"plain{inner}")
    path = tmp_path / f"m{inner}{suffix}"
    MODEL.save(path)
    again = load(path)
    assert list(again) == list(MODEL)
    np.testing.assert_array_equal(again.vectors, MODEL.vectors)
    if suffix in OPEN and inner != ".npz":  # whose entries carry the time
        with OPEN[suffix](path) as stream:
            assert stream.read() == (tmp_path / f"plain{inner}").read_bytes()
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


def test_the_same_model_gives_the_same_bytes(tmp_path):
    MODEL.save(tmp_path / "a.vec.gz")
    MODEL.save(tmp_path / "b.vec.gz")
    assert (tmp_path / "a.vec.gz").read_bytes() == (tmp_path / "b.vec.gz").read_bytes()


def test_convert_into_compressed_files(tmp_path):
    MODEL.save(tmp_path / "m.txt")
    for name in ("o.safetensors.gz", "o.bin.gz", "o.txt.xz"):  # the first would have been spilt to as it is
        assert main(["convert", str(tmp_path / "m.txt"), str(tmp_path / name), "-q"]) == 0
        assert list(load(tmp_path / name)) == list(MODEL)
    with pytest.raises(ConfigError, match="npy is a pair of files, which is not compressed"):
        MODEL.save(tmp_path / "m.npy.gz")
    with pytest.raises(ConfigError, match="npy is a pair of files, which is not compressed"):
        check_target(tmp_path / "m.npy.gz")


def test_zip_archives(tmp_path, capsys):
    MODEL.save(tmp_path / "a.txt")
    MODEL.save(tmp_path / "b.vec")
    archive = tmp_path / "glove.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.write(tmp_path / "a.txt", "deep/a.txt")
        stream.writestr("__MACOSX/._a.txt", b"\0")
    assert list(load(archive)) == list(MODEL)
    assert main(["similar", str(archive), "queen", "--topn", "1"]) == 0
    assert capsys.readouterr().out.startswith("queen\t왕")
    with zipfile.ZipFile(archive, "a") as stream:
        stream.write(tmp_path / "b.vec", "b.vec")
    with pytest.raises(ConfigError, match=r"a zip archive of 2 files: say which with `member`: deep/a.txt, b.vec"):
        load(archive)
    assert list(load(archive, member="b.vec")) == list(MODEL)
    with pytest.raises(ConfigError, match="there is no file 'c'"):
        load(archive, member="c")
    with pytest.raises(ConfigError, match="is no zip archive"):
        load(tmp_path / "a.txt", member="c")
    assert main(["convert", str(archive), str(tmp_path / "o.csv"), "--member", "b.vec", "-q"]) == 0
    content = bytearray(archive.read_bytes())
    content[60] ^= 255
    archive.write_bytes(content)
    with pytest.raises(FormatError, match="damaged zip archive"):
        load(archive, member="deep/a.txt")


def test_zip_archives_of_something_else(tmp_path):
    for name, told in (("archive/data.pkl", "PyTorch"), ("[Content_Types].xml", "zip archive")):
        with zipfile.ZipFile(tmp_path / "m.zip", "w") as stream:
            stream.writestr(name, b"x" * 100)
        with pytest.raises(FormatError, match=told):
            load(tmp_path / "m.zip")


@pytest.mark.parametrize(
    "command", [["similar", "{}", "queen"], ["info", "{}"], ["vectors", "{}", "왕"], ["convert", "{}", "out.npz", "-q"]]
)
@pytest.mark.parametrize("name", ["m.safetensors", "m.txt"])
def test_models_from_pipes(tmp_path, monkeypatch, capfd, command, name):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    monkeypatch.chdir(tmp_path)
    MODEL.save(name)
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(Path(name).read_bytes()), daemon=True)
    writer.start()
    assert main([part.format("pipe") for part in command]) == 0
    writer.join()


def test_a_model_on_standard_input(tmp_path):
    MODEL.save(tmp_path / "m.vec")
    content = (tmp_path / "m.vec").read_bytes()

    def run(*arguments):
        code = "import sys; from embedkit.cli import main; sys.exit(main(sys.argv[1:]))"
        return subprocess.run([sys.executable, "-c", code, *arguments], input=content, capture_output=True, check=False)

    done = run("similar", "-", "queen", "--topn", "1")
    assert done.returncode == 0 and done.stdout.decode().startswith("queen\t왕"), done.stderr
    done = run("similar", "-")
    assert done.returncode == 2 and b"standard input holds the model: give the words as arguments" in done.stderr


@pytest.mark.parametrize(
    "content, told",
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file"),
        (b"%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 0.5\n", "a sparse matrix"),
        (b"FEA1" + bytes(50), "a Feather file of version 1"),
    ],
)
def test_foreign_layouts_are_named(tmp_path, content, told):
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(FormatError, match=told):
        load(tmp_path / "m")
