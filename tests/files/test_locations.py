"""Text and vectors from anywhere: URLs that fsspec knows, folders, globs; outputs too; what goes wrong in one line."""

import builtins
import gzip
import io
import os
import shutil
import socket
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import embedkit
from embedkit.cli import main
from embedkit.errors import CorpusError, EmbedkitError
from embedkit.files import urls
from embedkit.files.copies import on_disk
from embedkit.files.locations import expand, has_glob, open_location, overwrites, size_of
from embedkit.files.log import LogFile
from embedkit.files.urls import is_url, shown
from embedkit.plotting.curves import read_log
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.reading import list_sources, read_lines

fsspec = pytest.importorskip("fsspec")
PAGE = "<!DOCTYPE html><title>files</title>\n"
TEXT = "the king and the queen\n왕 과 여왕\n" * 40


@pytest.fixture
def store(monkeypatch):
    """A store in memory with a folder of parts; waiting costs no time."""
    monkeypatch.setattr(urls, "WAIT", 0.0)
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pipe("/bucket/part-0.txt", TEXT.encode())
    memory.pipe("/bucket/part-1.txt.gz", gzip.compress(TEXT.encode()))
    memory.pipe("/bucket/deep/part-2.txt", b"one more line\n")
    memory.pipe("/bucket/.hidden", b"hidden\n")
    yield memory
    memory.store.clear()


@pytest.fixture
def run(capfd):
    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return status, out, err

    return run


def test_what_a_url_is():
    for url in ("s3://b/k", "memory://x", "https://h/x?q=1", "zip://a::s3://b/k.zip", "hf://datasets/x"):
        assert is_url(url), url
    for path in ("corpus.txt", "C:\\data\\x.txt", "C:/x", "/a://b", "-", "", "a b://c"):
        assert not is_url(path), path


def test_messages_show_no_secrets():
    assert shown("https://ann:secret@host/a.txt?X-Amz-Signature=abc") == "https://host/a.txt"
    assert shown("s3://key:secret@bucket/a") == "s3://bucket/a"
    assert shown("zip://x::https://u:p@h/a.zip?token=t") == "zip://x::https://h/a.zip"
    assert shown("plain?name@here.txt") == "plain?name@here.txt"


def test_folders_globs_and_files(store, tmp_path):
    assert list_sources("memory://bucket/part-0.txt") == ["memory://bucket/part-0.txt"]
    parts = ["memory:///bucket/part-0.txt", "memory:///bucket/part-1.txt.gz"]
    assert list_sources("memory://bucket/part-*") == parts
    assert list_sources("memory://bucket/") == ["memory:///bucket/deep/part-2.txt", *parts]
    assert list(read_lines("memory://bucket/part-*")) == TEXT.splitlines() * 2
    for name in ("b.txt", "a.txt", "c.md", "odd[1].txt"):
        (tmp_path / name).write_text("x\n")
    (tmp_path / "folder.txt").mkdir()
    assert expand(str(tmp_path / "*.txt")) == [str(tmp_path / name) for name in ("a.txt", "b.txt", "odd[1].txt")]
    assert not has_glob(tmp_path / "odd[1].txt")
    assert list_sources(str(tmp_path / "odd[1].txt")) == [str(tmp_path / "odd[1].txt")]


def test_what_is_no_text_in_a_remote_folder_is_left_out_and_told(store):
    store.pipe("/t/a.txt", b"some words\n")
    store.pipe("/t/deep/p.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    store.pipe("/t/empty.txt", b"")
    with pytest.warns(
        UserWarning, match=r"^memory://t: 1 of 3 files is no text .*: memory:///t/deep/p\.png looks like a PNG"
    ):
        assert list(read_lines("memory://t")) == ["some words"]
    with pytest.raises(CorpusError, match=r"^memory://t/deep: the folder holds no text: .*p\.png looks like a PNG"):
        list_sources("memory://t/deep")
    with pytest.raises(CorpusError, match="this is not text but looks like a PNG"):
        list(read_lines("memory://t/deep/*"))


@pytest.mark.parametrize(
    "source, told",
    [
        ("memory://bucket/missing.txt", "memory://bucket/missing.txt: no such file; check the URL"),
        ("memory://bucket/*.nothing", "memory://bucket/*.nothing: no file matches"),
        ("nowhere/*.txt", "nowhere/*.txt: no file matches"),
        ("bogus://bucket/x", "bogus://bucket/x: fsspec knows no protocol bogus://"),
    ],
)
def test_what_is_not_there_is_one_line(store, run, source, told):
    status, out, err = run("vocab", source)
    assert (status, out, err) == (1, "", f"embedkit: error: {told}\n")


def test_every_command_that_reads_text_and_vectors(store, run, tmp_path):
    corpus, out = "memory://bucket/part-*", tmp_path
    assert run("vocab", corpus, "-q")[1].startswith("the\t160\n")
    assert run("phrases", corpus, "-q", "--min-count", "1")[0] == 0
    assert run("cooccur", corpus, "-o", out / "c.safetensors", "-q")[0] == 0
    assert run("tfidf", corpus, "-o", out / "t.npz", "-q")[0] == 0
    assert run("lm", "train", corpus, "-o", "memory://bucket/lm.safetensors", "-q")[0] == 0
    status, scores, _ = run("lm", "evaluate", "memory://bucket/lm.safetensors", "memory://bucket/part-0.txt")
    assert status == 0 and scores
    model = "memory://bucket/m.safetensors"
    assert run("train", corpus, "-o", model, "--vector-size", 10, "--epochs", 1, "--min-count", 1, "-q")[0] == 0
    assert run("similar", model, "king", "--topn", 1)[1].count("\n") == 1
    assert run("convert", model, "memory://bucket/m.txt", "-q")[0] == 0
    assert run("convert", "memory://bucket/m.txt", out / "m.vec", "-q")[0] == 0
    found, model = embedkit.load("memory://bucket/m.txt"), embedkit.load(model)
    np.testing.assert_array_equal(found.vectors, model.vectors)
    store.pipe("/bucket/pairs.tsv", "king\tqueen\t9\n왕\t여왕\t8\nthe\tand\t1\n".encode())
    assert run("evaluate", "memory://bucket/m.txt", "--pairs", "memory://bucket/pairs.tsv", "-q")[0] == 0
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["zip://texts::{}", "zip://texts/::{}", "zip://texts/*.txt::{}", "zip://::{}"])
def test_a_folder_in_an_archive(run, tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("texts/a.txt", "the king\n")
        archive.writestr("texts/b.txt", "the queen\n")
        archive.writestr("texts/p.png", b"\x89PNG\r\n\x1a\n" + bytes(30))
    for before in ("", "simplecache::"):
        status, out, err = run("vocab", before + name.format(tmp_path / "x.zip"))
        assert (status, out) == (0, "the\t2\nking\t1\nqueen\t1\n"), err
        assert ("1 of 3 files is no text" in err) == ("*" not in name)


def test_a_folder_of_a_server_keeps_its_address(monkeypatch):
    from fsspec.implementations.ftp import FTPFileSystem

    monkeypatch.setattr(FTPFileSystem, "_connect", lambda self: setattr(self, "ftp", io.BytesIO()))
    monkeypatch.setattr(FTPFileSystem, "info", lambda self, path: {"type": "directory"})
    monkeypatch.setattr(FTPFileSystem, "find", lambda self, path: [f"{path}/a.txt", f"{path}/b/c.txt"])
    assert expand("ftp://ann:pw@one:2121/texts/") == [
        "ftp://ann:pw@one:2121/texts/a.txt",
        "ftp://ann:pw@one:2121/texts/b/c.txt",
    ]


def test_a_remote_file_with_the_marks_of_a_pattern(store, run):
    store.pipe("/bucket/odd [1].txt", b"odd\n")
    store.pipe("/bucket/odd 1.txt", b"even\n")
    assert run("vocab", "memory://bucket/odd [1].txt")[1] == "odd\t1\n"
    store.rm_file("/bucket/odd [1].txt")
    assert run("vocab", "memory://bucket/odd [1].txt")[1] == "even\t1\n"


def test_counts_at_a_url_are_looked_at(store, run, tmp_path):
    counts, table = "memory://bucket/c.safetensors", "memory://bucket/c.tsv"
    for output in (counts, table):
        assert run("cooccur", "memory://bucket/part-0.txt", "-o", output, "--weighting", "flat", "-q")[0] == 0
    here = tmp_path / "c.safetensors"
    here.write_bytes(store.cat(counts))
    for command, *options in (["cooccur", "--table"], ["collocates", "king"]):
        wanted = run(command, here, *options)
        assert wanted[0] == 0 and run(command, counts, *options)[:2] == wanted[:2]
        assert "found counts as a table" in run(command, table, *options)[2]
        assert run(command, counts, *options, "--window", 2)[0] == 2


def test_a_url_that_is_read_is_not_written(store, run):
    for source in ("memory://bucket/part-0.txt", "memory://bucket/part-*.txt"):
        status, _, err = run("vocab", source, "-o", "memory://bucket/part-0.txt")
        assert status == 2 and "writing would destroy it" in err
    assert store.cat("/bucket/part-0.txt") == TEXT.encode()


@pytest.mark.parametrize("output", ["memory://bucket/part-0.txt", "memory://bucket/deep/part-2.txt"])
@pytest.mark.parametrize("source", ["memory://bucket", "memory://bucket/", "memory:///bucket", "memory://bucket/**"])
def test_a_file_of_a_remote_folder_that_is_read_is_not_written(store, run, source, output):
    before = store.cat(output)
    status, _, err = run("vocab", source, "-o", output)
    assert status == 2 and "writing would destroy it" in err
    assert store.cat(output) == before
    assert run("vocab", source, "-o", "memory://bucket/new.tsv", "-q")[0] == (2 if "*" in source else 0)


def test_an_archive_that_is_read_is_not_written(store, run):
    assert run("vocab", "zip://x.txt::memory://bucket/a.zip", "-o", "memory://bucket/a.zip")[0] == 2


@pytest.mark.parametrize("output", ["{}/x", "file://{}/x", "simplecache::file://{}/x"])
@pytest.mark.parametrize(
    "source",
    [
        "zip://a.txt::{}/x",
        "zip://a.txt::file://{}/x",
        "zip://a.txt::simplecache::file://{}/x",
        "zip://a.txt::~/x",
        "zip://a.txt::zip://in.zip::local://{}/x",
        "simplecache::file://{}/x",
        "filecache::local://{}/x",
        "simplecache::file://{}/*",
        "dir://::file://{}",
    ],
)
def test_a_file_of_this_machine_at_the_end_of_a_chain_is_not_written(tmp_path, run, monkeypatch, source, output):
    monkeypatch.setenv("HOME", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("a.txt", TEXT)
    before = (tmp_path / "x").read_bytes()
    status, _, err = run("vocab", source.format(tmp_path), "-o", output.format(tmp_path))
    assert status == 2 and "writing would destroy it" in err
    assert (tmp_path / "x").read_bytes() == before
    if source == "zip://a.txt::{}/x":
        assert run("vocab", source.format(tmp_path), "-o", f"{tmp_path}/words.tsv", "-q")[0] == 0


def test_the_same_path_on_two_servers_is_two_files(monkeypatch):
    from fsspec.implementations.ftp import FTPFileSystem

    monkeypatch.setattr(FTPFileSystem, "_connect", lambda self: setattr(self, "ftp", io.BytesIO()))
    monkeypatch.setattr(FTPFileSystem, "info", lambda self, path, **_: {"name": path, "type": "file"})
    monkeypatch.setattr(FTPFileSystem, "_cache", {})
    for same in (
        "ftp://one/x.txt",
        "ftp://ONE:21/x.txt",
        "ftp://ann:pw@one/x.txt",
        "ftp://one/",
        "zip://a::ftp://one/x.txt",
    ):
        assert overwrites("ftp://one/x.txt", same), same
    for other in ("ftp://two/x.txt", "ftp://one:2121/x.txt", "ftp://two/", "ftp://two/*.txt", "ftp://one/y.txt"):
        assert not overwrites("ftp://one/x.txt", other), other


@pytest.mark.parametrize("output", ["{}/f/a.txt", "file://{}/f/a.txt", "local://{}/f/a.txt"])
@pytest.mark.parametrize("source", ["{}/f/a.txt", "file://{}/f/a.txt", "file://{}/f", "file://{}/f/*.txt", "{}/f"])
def test_a_file_of_this_machine_may_be_named_by_a_url(tmp_path, run, source, output):
    file = tmp_path / "f" / "a.txt"
    file.parent.mkdir()
    file.write_text(TEXT, encoding="utf-8")
    source, output = source.format(tmp_path), output.format(tmp_path)
    status, _, err = run("vocab", source, "-o", output)
    assert status == 2 and "writing would destroy it" in err
    assert file.read_text(encoding="utf-8") == TEXT
    assert run("vocab", source, "-o", f"file://{tmp_path}/words.tsv", "-q")[0] == 0
    assert (tmp_path / "words.tsv").read_text(encoding="utf-8").startswith("the\t80\n")
    status, _, err = run("vocab", source, "-o", f"file://{tmp_path}/none/words.tsv")
    assert status == 1 and f"the folder {tmp_path}/none does not exist" in err


def test_two_outputs_at_one_url_are_refused(store, run):
    both = ["-o", "memory://bucket/out", "--save-phrases", "memory:///bucket/out"]
    status, _, err = run("phrases", "memory://bucket/part-0.txt", *both)
    assert status == 2 and "two outputs go to one file" in err


def test_what_a_store_does_not_take_is_kept_here(store, run, monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise PermissionError("no")

    monkeypatch.setattr(type(store), "put_file", refuse)
    status, _, err = run("vocab", "memory://bucket/part-0.txt", "-o", "memory://bucket/words.tsv")
    assert status == 1 and "access denied" in err
    kept = err.rpartition("is kept in ")[2].strip()
    with open(kept, encoding="utf-8") as stream:
        assert stream.read().startswith("the\t80\n")
    os.unlink(kept)
    model = tmp_path / "m.txt"
    KeyedVectors(["a", "b"], np.eye(2, dtype=np.float32)).save(model)
    status, _, err = run("convert", model, "memory://bucket/folder", "--to", "hub")
    kept = err.rpartition("is kept in ")[2].strip()
    assert status == 1 and len(embedkit.load(kept)) >= 2
    shutil.rmtree(kept)


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("memory://bucket/", "it is a folder; give a file name"),
        ("https://host/m.txt", "a web server takes no files"),
        ("http://host/m.txt", "a web server takes no files"),
    ],
)
def test_where_nothing_can_be_written_is_told_before_the_work(store, run, output, told):
    status, _, err = run("vocab", "memory://bucket/nothing", "-o", output)
    assert status == 1 and told in err


def test_counts_at_a_url_are_trained_on(store, run):
    assert run("cooccur", "memory://bucket/part-0.txt", "-o", "memory://bucket/counts.npz", "-q")[0] == 0
    for model in ("svd", "glove"):
        options = ["--model", model, "-o", "memory://bucket/m.safetensors", "--vector-size", "2", "-q"]
        assert run("train", "--cooccurrences", "memory://bucket/counts.npz", *options)[0] == 0
        assert "king" in embedkit.load("memory://bucket/m.safetensors")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a": 1}\n', "expected word vectors, found JSON"),
        (b"some text that is none\n", "expected word vectors, found text"),
        (gzip.compress(b"some text that is none\n", mtime=0), "expected word vectors, found text"),
        (b"", "expected vectors, found an empty file"),
        (b"PK\x03\x04junk", "cut off or damaged"),
    ],
    ids=["json", "text", "packed text", "nothing", "zip"],
)
def test_errors_name_the_file_and_not_its_copy(store, run, content, told):
    store.pipe("/bucket/odd", content)
    for command in (["similar", "memory://bucket/odd", "a"], ["info", "memory://bucket/odd"]):
        status, _, err = run(*command)
        assert status == 1 and err.startswith(f"embedkit: error: memory://bucket/odd: {told}"), err
    status, _, err = run("train", "--model", "svd", "--cooccurrences", "memory://bucket/odd", "-o", "m.txt")
    assert status in (1, 2) and err.startswith("embedkit: error: memory://bucket/odd: "), err


def test_what_other_commands_make_goes_to_urls_and_is_read_there(store, run, tmp_path):
    pytest.importorskip("usearch")
    vectors = np.random.default_rng(1).normal(size=(300, 8)).astype(np.float32)
    KeyedVectors([f"w{i}" for i in range(300)], vectors).save("memory://bucket/m.safetensors")
    status, out, err = run("index", "memory://bucket/m.safetensors", "-o", "memory://bucket/m.index", "-q")
    assert status == 0 and f"\t{store.size('/bucket/m.index')}\t" in out, err
    near = ["similar", "memory://bucket/m.safetensors", "w1", "--topn", "2"]
    assert run(*near, "--index", "memory://bucket/m.index")[1] == run(*near)[1]
    assert run("compress", "memory://bucket/m.safetensors", "-o", "memory://bucket/small.safetensors")[0] == 0
    counts = [f"memory://bucket/{name}.npz" for name in "ab"]
    for name in counts:
        assert run("cooccur", "memory://bucket/part-0.txt", "-o", name, "-q")[0] == 0
    assert run("cooccur", "--merge", *counts, "-o", "memory://bucket/sum.npz", "-q")[0] == 0
    assert store.size("/bucket/sum.npz") > 0
    (tmp_path / "labelled.tsv").write_text("a\tgood day\nb\tbad night\n" * 20)
    classifier = "memory://bucket/c.bin"
    trained = run("classify", "train", tmp_path / "labelled.tsv", "-o", classifier, "--model", "fasttext", "-q")
    assert trained[0] == 0, trained
    assert run("classify", "predict", classifier, "memory://bucket/part-0.txt")[0] == 0
    store.pipe(
        "/bucket/log.jsonl", b'{"event": "epoch", "epoch": 1, "loss": 2}\n{"event": "epoch", "epoch": 2, "loss": 1}\n'
    )
    assert read_log("memory://bucket/log.jsonl")[1]["loss"] == 1


def test_a_log_at_a_url(store, monkeypatch):
    monkeypatch.setattr("embedkit.files.log.SEND_EVERY", 0.0)
    with LogFile("memory://bucket/log.jsonl") as log:
        log.write("one\n")
        assert store.cat("/bucket/log.jsonl") == b"one\n"
        monkeypatch.setattr("embedkit.files.log.SEND_EVERY", 60.0)
        log.write("two\n")
    assert store.cat("/bucket/log.jsonl") == b"one\ntwo\n"
    with LogFile("memory://bucket/log.jsonl", append=True) as log:
        log.write("three\n")
    assert store.cat("/bucket/log.jsonl") == b"one\ntwo\nthree\n"

    def refuse(*_, **__):
        raise PermissionError("no")

    log = LogFile("memory://bucket/log.jsonl")
    monkeypatch.setattr(type(store), "put_file", refuse)
    with pytest.warns(UserWarning, match="the log memory://bucket/log.jsonl cannot be written any more"):
        log.close()
    with pytest.raises(EmbedkitError, match="access denied"):
        LogFile("memory://bucket/log.jsonl")


def test_a_failed_run_leaves_the_store_as_it_was(store):
    KeyedVectors(["a"], np.ones((1, 2), np.float32)).save("memory://bucket/m.safetensors")
    before = store.cat("/bucket/m.safetensors")
    with pytest.raises(EmbedkitError):
        KeyedVectors(["a"], np.full((1, 2), np.nan, np.float32)).save("memory://bucket/m.safetensors")
    assert store.cat("/bucket/m.safetensors") == before


def test_pairs_of_files_are_refused(store):
    with pytest.raises(EmbedkitError, match="pair of files, which go neither into a pipe nor to a URL"):
        KeyedVectors(["a"], np.ones((1, 2), np.float32)).save("memory://bucket/m.npy")


def test_one_unreadable_file_of_a_glob(store, run):
    store.pipe("/bucket/part-9.txt.gz", gzip.compress(TEXT.encode())[:60])
    status, _, err = run("vocab", "memory://bucket/part-*", "-q")
    assert status == 1 and err.count("\n") == 1
    assert "memory:///bucket/part-9.txt.gz: the compressed file is cut off" in err


class Flaky:
    """A remote file whose connection breaks after 400 bytes."""

    def __init__(self, real, failures):
        self.real, self.left, self.failures = real, 400, failures
        self.size = real.size

    def read(self, n):
        if self.left <= 0 and self.failures:
            self.failures.pop()
            raise ConnectionResetError("gone")
        data = self.real.read(min(n, max(self.left, 1)) if self.failures else n)
        self.left -= len(data)
        return data

    def seek(self, *arguments):
        return self.real.seek(*arguments)

    def close(self):
        self.real.close()


def test_what_breaks_off_is_read_on(store, monkeypatch):
    memory = type(store)
    real, failures = memory.open, [1] * 3
    monkeypatch.setattr(memory, "open", lambda self, path, mode: Flaky(real(self, path, mode), failures))
    with open_location("memory://bucket/part-0.txt") as stream:
        assert stream.read() == TEXT.encode()
    assert failures == []


def test_what_keeps_breaking_off_is_one_line(store, monkeypatch):
    def refuse(*_):
        raise ConnectionResetError("reset by https://user:hunter2@host/x?token=t")

    monkeypatch.setattr(type(store), "open", refuse)
    with pytest.raises(CorpusError) as caught:
        list(read_lines("memory://bucket/part-0.txt"))
    assert str(caught.value) == "memory://bucket/part-0.txt: cannot be read: reset by https://host/x"


def test_a_file_that_changes_while_it_is_read(store, monkeypatch):
    with open_location("memory://bucket/part-0.txt") as stream:
        stream.read(10)
        stream._drop()
        store.pipe("/bucket/part-0.txt", b"another file altogether")
        with pytest.raises(CorpusError, match="changed while it was read"):
            stream.read(10)


@pytest.mark.parametrize("kind", [PermissionError, type("NoCredentialsError", (Exception,), {})])
def test_credentials_are_fsspecs_business(store, monkeypatch, kind):
    def refuse(*_):
        raise kind("AKIA-SECRET")

    monkeypatch.setattr(type(store), "open", refuse)
    with pytest.raises(CorpusError, match="needs credentials, which fsspec takes from") as caught:
        list(read_lines("memory://bucket/part-0.txt"))
    assert "SECRET" not in str(caught.value)


def test_without_fsspec_one_line_says_what_to_install(run, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **more):
        if name.split(".")[0] == "fsspec":
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for arguments in (["vocab", "s3://bucket/x"], ["vocab", "x", "-o", "s3://bucket/x"]):
        status, _, err = run(*arguments)
        assert status == 1
        assert err == (
            "embedkit: error: s3://bucket/x: URLs need the package fsspec: pip install 'embedkit[remote]' s3fs\n"
        )


def test_without_the_package_of_a_protocol(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    status, _, err = run("vocab", "gs://bucket/x")
    assert status == 1 and "gs:// needs the package gcsfs: pip install gcsfs" in err


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize("command", ["load", "convert"])
def test_vectors_from_a_pipe(tmp_path, command):
    fifo, target = tmp_path / "fifo", tmp_path / "m.txt"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_text("2 2\na 1 2\nb 3 4\n"))
    writer.start()
    if command == "convert":
        assert main(["convert", str(fifo), str(target), "-q"]) == 0
    found = embedkit.load(fifo if command == "load" else target)
    assert list(found.index_to_key) == ["a", "b"]
    writer.join()


@pytest.fixture
def web(monkeypatch):
    """A web server that wants to be asked twice, knows no ranges, and gives a secret file to nobody."""
    pytest.importorskip("aiohttp")
    monkeypatch.setattr(urls, "WAIT", 0.0)
    busy = [1]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status = 404 if "missing" in self.path else 403 if "secret" in self.path else 200
            if status == 200 and busy and self.command == "GET":
                busy.pop()
                status = 503
            body = (PAGE if "page" in self.path else TEXT).encode() if status == 200 else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_text_from_the_web(web, run):
    assert list(read_lines(f"{web}/corpus.txt?token=abc")) == TEXT.splitlines()
    assert size_of(f"{web}/corpus.txt") == len(TEXT.encode())
    status, _, err = run("vocab", f"{web}/page/")
    assert status == 1 and f"{web}/page/: this is a web page, not the text" in err and f"'{web}/page/*.txt'" in err
    assert list(read_lines(f"{web}/page.html")) == [PAGE.rstrip()]
    with on_disk(f"{web}/corpus.txt") as copy:
        assert copy.read_text(encoding="utf-8") == TEXT
    for name, told in (("missing", "no such file; check the URL"), ("secret", "needs credentials")):
        status, _, err = run("vocab", f"{web.replace('//', '//user:pw@')}/{name}?sig=abc")
        assert status == 1 and told in err and "abc" not in err and "pw" not in err, err


def test_a_server_that_does_not_answer_is_no_missing_file(run, monkeypatch):
    pytest.importorskip("aiohttp")
    waited = []
    monkeypatch.setattr(urls, "sleep", waited.append)  # this module's: others may sleep too
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    status, _, err = run("vocab", f"http://127.0.0.1:{port}/corpus.txt")
    assert status == 1 and "cannot be read: Cannot connect to host" in err and "no such file" not in err
    assert waited == [0.5, 1.0, 2.0]  # it may be back in a moment
