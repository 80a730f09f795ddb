"""Models that come through standard input or a pipe, and standard input that holds nothing."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import embedkit
from embedkit.classification.storing import load_bag
from embedkit.cli import main
from embedkit.errors import FormatError
from embedkit.files.copies import on_disk, pipes_kept
from embedkit.nn.models.classifier import Classifier
from tests.commands import run_here

TEXT = ["sun moon star comet", "bread milk egg flour"] * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of each kind."""
    folder = tmp_path_factory.mktemp("pipes")
    (folder / "t.txt").write_text("\n".join(TEXT) + "\n")
    (folder / "labels.tsv").write_text("".join(f"{line}\t{i % 2}\n" for i, line in enumerate(TEXT)))
    words = sorted({word for line in TEXT for word in line.split()})
    vectors = np.random.default_rng(0).normal(size=(len(words), 8)).astype(np.float32)
    embedkit.KeyedVectors(words, vectors).save(folder / "m.safetensors")
    classify = ["classify", "train", "labels.tsv", "--epochs", "1", "-o"]
    lm = ["lm", "train", "t.txt", "--vector-size", "4", "--hidden-size", "4", "--epochs", "1", "-o"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in (
            ["classify", "train", "labels.tsv", "-o", "linear.safetensors", "--model", "linear"],
            [*classify, "bag.bin", "--model", "fasttext", "--vector-size", "4", "--max-n", "0"],
            [*classify, "mean.safetensors", "--model", "mean", "--vector-size", "4"],
            ["lm", "train", "t.txt", "-o", "ngrams.safetensors"],
            [*lm, "lstm.safetensors", "--model", "lstm"],
            [*lm, "masked.safetensors", "--model", "masked", "--heads", "2"],
            ["index", "m.safetensors", "-o", "m.index"],
            ["index", "--documents", "t.txt", "-o", "documents.index"],
            ["cooccur", "t.txt", "-o", "counts.safetensors"],
        ):
            assert main([*command, "-q"]) == 0
    return folder


@pytest.fixture
def pipe(tmp_path):
    """Makes a pipe with a file's bytes, which can be read once."""
    threads = []

    def make(path):
        name = str(tmp_path / f"pipe{len(threads)}")
        os.mkfifo(name)
        threads.append(threading.Thread(target=_write, args=(name, path.read_bytes()), daemon=True))
        threads[-1].start()
        return name

    yield make
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def _write(name, data):
    with open(name, "wb") as stream:
        stream.write(data)


@pytest.mark.parametrize("through", ["standard input", "a pipe"])
@pytest.mark.parametrize(
    "line",
    [
        "classify predict linear.safetensors t.txt",
        "classify predict bag.bin t.txt",
        "classify predict mean.safetensors t.txt",
        "lm predict ngrams.safetensors sun",
        "lm predict --json lstm.safetensors sun",
        "lm evaluate lstm.safetensors t.txt",
        "show gates lstm.safetensors sun",
        "show attention masked.safetensors sun",
        "similar m.safetensors sun --index m.index",
        "similar m.safetensors sun",
        "collocates t.txt sun --min-count 1",
    ],
)
def test_what_comes_through_a_pipe_is_what_the_file_is(line, through, folder, pipe, monkeypatch):
    monkeypatch.chdir(folder)
    words = line.split()
    wanted = run_here(*words)
    assert wanted.returncode == 0, wanted.stderr
    at = max(i for i, word in enumerate(words) if "." in word and (word != "t.txt" or "collocates" in line))
    data = (folder / words[at]).read_bytes()
    piped = pipe(folder / words[at]) if through == "a pipe" else "-"
    found = run_here(*words[:at], piped, *words[at + 1 :], stdin=data if piped == "-" else b"")
    assert (found.returncode, found.stdout) == (0, wanted.stdout), found.stderr


def test_counts_through_a_pipe(folder, pipe, tmp_path):
    glove = ["--model", "glove", "--epochs", "1", "--vector-size", "4", "-o", tmp_path / "g.safetensors"]
    found = run_here("train", "--cooccurrences", pipe(folder / "counts.safetensors"), *glove)
    assert found.returncode == 0, found.stderr


def test_a_library_opens_a_pipe_too(folder, pipe):
    assert load_bag(pipe(folder / "bag.bin")).kind == "fasttext"
    assert load_bag(pipe(folder / "linear.safetensors")).kind == "linear"


def test_an_index_of_documents_is_no_text(folder, pipe):
    data = (folder / "documents.index").read_bytes()
    for found in (
        run_here("search", "-", "--query", "sun", stdin=data),
        run_here("search", pipe(folder / "documents.index"), "--query", "sun"),
    ):
        assert found.returncode == 1
        assert "expected text, found an index of documents" in found.stderr and "opened as a file" in found.stderr
    found = run_here("search", pipe(folder / "t.txt"), "--query", "sun", "-q")
    assert found.returncode == 0 and "sun moon star comet" in found.stdout


def test_copies_are_kept_as_long_as_a_command_runs(folder, pipe):
    name = pipe(folder / "t.txt")
    with pipes_kept():
        with on_disk(name) as first:
            pass
        with on_disk(name) as second:
            assert second == first and second.read_text() == (folder / "t.txt").read_text()
        with pytest.raises(FormatError, match=f"^{name} is odd"), on_disk(name) as copy:
            raise FormatError(f"{copy} is odd")
    assert not first.exists()


def test_which_kind_a_model_is(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for model, kind in (("linear.safetensors", "linear"), ("bag.bin", "fasttext"), ("mean.safetensors", "mean")):
        found = run_here("show", "gates", model, "sun")
        assert found.returncode == 2 and f"this one, {kind}, has no layer with gates" in found.stderr
    with pytest.raises(FormatError, match="found one of kind linear"):
        Classifier.load("linear.safetensors")


@pytest.mark.parametrize(
    "line",
    [
        "similar m.safetensors",
        "analogy m.safetensors",
        "vectors m.safetensors --mean",
        "axis m.safetensors --from sun --to egg",
        "search t.txt -q",
        "lm predict lstm.safetensors -",
        "lm predict ngrams.safetensors",
        "lm vectors lstm.safetensors",
        "classify predict mean.safetensors",
        "classify predict linear.safetensors --json",
        "classify predict linear.safetensors -q",
    ],
)
def test_standard_input_that_holds_nothing(line, folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = run_here(*line.split())
    told = "" if "-q" in line else "standard input is empty: nothing to do\n"
    assert (found.returncode, found.stdout, found.stderr) == (0, "", told)


def test_files_that_hold_nothing_to_answer(folder, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    found = run_here("classify", "predict", folder / "linear.safetensors", tmp_path / "empty.txt")
    assert found.returncode == 0 and found.stderr == f"{tmp_path / 'empty.txt'} is empty: nothing to do\n"
    found = run_here("similar", folder / "m.safetensors", "--plus", "sun")  # which is a question of its own
    assert found.stdout and not found.stderr


def test_documents_that_are_none_are_weighed_with_a_note(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit = run_here("tfidf", folder / "t.txt", "-o", "t.npz", "--save-model", "t.safetensors", "-q")
    assert fit.returncode == 0, fit.stderr
    found = run_here("tfidf", "-", "--apply", "t.safetensors", "-o", "none.npz")
    assert found.returncode == 0
    assert found.stderr.splitlines()[0] == "standard input is empty: nothing to do"
    assert "none.npz: 0 documents" in found.stderr


@pytest.mark.parametrize("text", ["", "\n\n  \n"])
@pytest.mark.parametrize("model", ["ngrams.safetensors", "lstm.safetensors", "masked.safetensors"])
def test_a_text_without_words_measures_no_language_model(model, text, folder, monkeypatch):
    monkeypatch.chdir(folder)
    for options in ([], ["--sentences"], ["--sentences", "--json"]):
        found = run_here("lm", "evaluate", model, "-", *options, stdin=text)
        assert (found.returncode, found.stdout) == (1, "")
        assert "standard input holds no words" in found.stderr
    measured = run_here("lm", "evaluate", model, "-", "--sentences", stdin=f"\n{text}sun moon\n\n")
    assert measured.returncode == 0
    lines = measured.stdout.split("\n")
    assert lines[1] == lines[-2] == "" and lines[2 + text.count("\n")].startswith("sun moon\t")


@pytest.mark.parametrize(
    "line",
    [
        "concordance - king",
        "evaluate m.safetensors --pairs -",
        "evaluate m.safetensors --analogies -",
        "align m.safetensors m.safetensors --dictionary -",
        "plot --log - -o x.svg",
        "train t.txt --vocab - -o x.safetensors",
        "lm generate -",
        "tag predict - t.txt",
        "vectors m.safetensors sun --apply -",
        "tfidf t.txt --apply - -o x.npz",
    ],
)
def test_standard_input_has_its_name_where_it_holds_nothing(line, folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = run_here(*line.split())
    assert found.returncode == 1 and "standard input" in found.stderr


@pytest.mark.parametrize("model", ["ngrams.safetensors", "lstm.safetensors"])
def test_a_gap_is_told_where_a_model_fills_none(model, folder):
    assert "___ is a gap for models of kind masked" in run_here("lm", "predict", folder / model, "sun ___ star").stderr
    for line in (["lm", "predict", folder / model, "sun"], ["lm", "predict", folder / "masked.safetensors", "sun ___"]):
        found = run_here(*line)
        assert found.returncode == 0 and not found.stderr


def test_what_a_model_lacks_is_told_once(folder):
    found = run_here("fill", folder / "m.safetensors", stdin="the ___ sun\nno gap\nthe ___ moon\n")
    assert found.returncode == 1 and found.stderr.count("\n") == 1
    assert "did not keep its output vectors; train it with --keep-output" in found.stderr


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (["compress", "KEPT", "-o", "OUT"], "changed after training (compressed, centred), without its output vectors"),
        (["convert", "KEPT", "OUT", "--center"], "take the one that it was made from"),
        (["train", "TEXT", "-o", "OUT", "--min-count", "1", "--loss", "hs"], "train it with --loss ns or softmax"),
        (["train", "TEXT", "-o", "OUT", "--min-count", "1", "--model", "doc2vec"], "train it with --train-words"),
    ],
)
def test_why_a_model_fills_no_gaps(made, told, folder, tmp_path):
    kept, out = tmp_path / "kept.safetensors", tmp_path / "out.safetensors"
    embedkit.train([["the", "sun", "moon"]] * 20, min_count=1, vector_size=8, workers=1, keep_output=True).save(kept)
    names = {"KEPT": kept, "OUT": out, "TEXT": folder / "t.txt"}
    assert run_here(*(names.get(word, word) for word in made)).returncode == 0
    found = run_here("fill", out, "the ___ sun")
    assert found.returncode == 1 and told in found.stderr and "keep-output" not in found.stderr


def test_quiet_silences_notes_and_warnings_but_no_errors(folder, tmp_path):
    twice = ["vocab", folder / "t.txt", folder / "t.txt"]
    assert "warning: a file is read twice" in run_here(*twice).stderr
    assert not run_here(*twice, "-q").stderr
    help_text = " ".join(run_here("vocab", "--help").stdout.split())
    assert "No progress, notes or warnings on standard error." in help_text
    assert "no such file" in run_here("vocab", tmp_path / "missing", "--quiet").stderr


def _elsewhere(arguments, where, folder):
    """A command in a process of its own, whose streams the shell changes."""
    line = f'exec "$0" -m embedkit {arguments} {where}'
    return subprocess.run(["sh", "-c", line, sys.executable], cwd=folder, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [
        "vocab t.txt",
        "similar m.safetensors sun --json",
        "vectors m.safetensors sun",
        "manual",
        "convert m.safetensors - --to csv",
    ],
)
def test_standard_output_that_takes_no_more_is_named(arguments, folder):
    done = _elsewhere(arguments, "> /dev/full", folder)
    assert done.returncode == 1
    assert done.stderr == "embedkit: error: cannot write standard output: No space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that closes streams")
def test_a_process_without_standard_streams_writes_its_files(folder, tmp_path):
    done = _elsewhere(f"vocab t.txt -o {tmp_path}/words.txt", "<&- >&-", folder)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "words.txt").read_text().startswith("bread\t20\n")
    assert _elsewhere("similar m.safetensors sun", ">&-", folder).returncode == 0
