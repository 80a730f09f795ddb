"""Text from and vectors to an object store: a local server that speaks S3."""

import gzip
import os
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.errors import ConfigError
from embedkit.files.checkpoint import clear_checkpoint, load_checkpoint, save_checkpoint
from embedkit.files.resuming import prepare_folder

pytest.importorskip("s3fs")
pytest.importorskip("moto")
TEXT = "the king and the queen\n왕 과 여왕\n" * 40


@pytest.fixture(scope="module")
def endpoint():
    """The address of a fresh S3 server, with a bucket of three parts."""
    port = 5000 + os.getpid() % 20_000
    address = f"http://127.0.0.1:{port}"
    code = f"from moto.server import ThreadedMotoServer as S\ns = S(port={port}, verbose=False)\ns.start()\n"
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as p:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/moto-api/", timeout=1).read()
                break
            except OSError:
                time.sleep(0.1)
        yield address
        p.kill()


@pytest.fixture
def store(endpoint, monkeypatch):
    import s3fs

    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    if not files.exists("bucket"):
        files.mkdir("bucket")
    files.pipe("bucket/text/part-0.txt", TEXT.encode())
    files.pipe("bucket/text/part-1.txt.gz", gzip.compress(TEXT.encode()))
    yield files
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_corpus_in_a_bucket(store, capsys, tmp_path):
    assert main(["vocab", "s3://bucket/text/part-*", "-q"]) == 0
    assert capsys.readouterr().out.startswith("the\t160\n")
    assert main(["vocab", "s3://bucket/text", "-q"]) == 0
    assert capsys.readouterr().out.startswith("the\t160\n")
    model = "s3://bucket/models/m.safetensors"
    train = ["train", "s3://bucket/text/part-*", "-o", model, "--vector-size", "4", "--epochs", "1", "--min-count", "1"]
    assert main([*train, "-q"]) == 0
    assert main(["similar", model, "king", "--topn", "1"]) == 0
    assert capsys.readouterr().out.startswith("king\t")
    assert main(["convert", model, str(tmp_path / "m.txt"), "-q"]) == 0


@pytest.mark.parametrize(
    "source, told",
    [
        ("s3://bucket/missing.txt", "no such file"),
        ("s3://bucket/*.nothing", "no file matches"),
        ("s3://nowhere/x.txt", "s3://nowhere/x.txt: "),
    ],
)
def test_what_is_not_there(store, capsys, source, told):
    assert main(["vocab", source]) == 1
    err = capsys.readouterr().err
    assert told in err and err.count("\n") == 1 and "testing" not in err


def test_without_credentials(endpoint, store, capsys, monkeypatch):
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    assert main(["vocab", "s3://bucket/text/part-0.txt"]) == 1
    assert "needs credentials" in capsys.readouterr().err


def test_a_checkpoint_in_a_bucket(store, tmp_path):
    """What a run writes is found by the next, replaced whole and removed."""
    for n in (1, 2):
        save_checkpoint("s3://bucket/run", "word2vec", {"n": n}, {"a": np.full(3, n, np.float32)})
        found = load_checkpoint("s3://bucket/run", "word2vec")
        assert found.metadata == {"n": n}
        assert found.arrays["a"].tolist() == [n] * 3
    with pytest.raises(ConfigError, match="s3://bucket/run holds the checkpoint"):
        prepare_folder("s3://bucket/run", resume=False)
    clear_checkpoint("s3://bucket/run")
    assert load_checkpoint("s3://bucket/run", "word2vec") is None
