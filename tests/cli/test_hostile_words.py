"""No word of a stranger's file acts on the reader: every command on a terminal, in a pipe, as JSON; every picture."""

import ast
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import embedkit
from embedkit.cli import COMMANDS, main
from embedkit.plotting.attention import draw_attention, write_attention_page
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.escaping import escape, to_json

ESCAPE, BELL, C1, OVERRIDE = "red\x1b[31m", "bell\x07", "csi\x9b2J", "abc\u202etxt"
ACTING = [ESCAPE, BELL, C1, OVERRIDE, "[bold]x"]
WORDS = [*ACTING, "tab\tword", "line\nfeed", "cr\rback", "null\x00", "sep\u2028tor", "byte\udcff", "좋다", "king"]
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
CLI = Path(embedkit.__file__).parent / "cli"


class Stream(io.TextIOWrapper):
    """Standard output or error, of a terminal or of a pipe."""

    def __init__(self, terminal):
        super().__init__(io.BytesIO(), encoding="utf-8", errors="surrogateescape", write_through=True)
        self._terminal = terminal

    def isatty(self):
        return self._terminal

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode("utf-8", "surrogateescape")


@pytest.fixture(scope="module")
def run():
    """Run a command line and return (status, standard output, standard error)."""

    def run(*arguments, terminal=False, stdin=""):
        with pytest.MonkeyPatch.context() as patch:
            out, err = Stream(terminal), Stream(terminal)
            patch.setattr("sys.stdout", out)
            patch.setattr("sys.stderr", err)
            stdin_bytes = stdin.encode("utf-8", "surrogateescape")
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin_bytes), encoding="utf-8"))
            patch.setenv("TERM", "dumb")  # rich's own colours are not what is looked for
            patch.setenv("COLUMNS", "250")
            status = main([str(argument) for argument in arguments])
            return status, out.text(), err.text()

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory, run):
    path = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(3)
    KeyedVectors(WORDS, rng.standard_normal((len(WORDS), 8)).astype(np.float32)).save(path / "m.safetensors")
    KeyedVectors(WORDS, rng.standard_normal((len(WORDS), 8)).astype(np.float32)).save(path / "n.safetensors")
    plain = [f"word{i}" for i in range(17)]
    lines = [" ".join([*rng.choice(ACTING, 2), *rng.permutation(plain), *rng.choice(plain, 17)]) for _ in range(60)]
    (path / "c.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (path / "labelled.tsv").write_text(
        "".join(f"{line}\tlabel{'AB'[i % 2]}\x1b[5m\n" for i, line in enumerate(lines)), encoding="utf-8"
    )
    tagged = f"{ESCAPE}\tT{BELL}\n{C1}\tU{BELL}\n" + "ordinary\tADJ\n" * 12 + "\n"
    (path / "tagged.tsv").write_text(tagged * 30, encoding="utf-8")
    (path / "parallel.tsv").write_text("".join(f"{line}\t{line}\n" for line in lines), encoding="utf-8")
    (path / "pairs.tsv").write_text("".join(f"# {'text' * 30}\n{a}\t{b}\t{i}\n" for i, (a, b) in enumerate(
        (a, b) for a in ACTING for b in ACTING)), encoding="utf-8")  # fmt: skip
    (path / "questions.txt").write_text(f": {'cities' * 40}{BELL}\n" + " ".join(ACTING[:4]) + "\n", encoding="utf-8")
    np.save(path / "images.npy", rng.standard_normal((60, 4)).astype(np.float32))
    (path / "log.jsonl").write_text('{"epoch": 1, "l\\u001b[1m": 2}\n{"epoch": 2, "l\\u001b[1m": 1}\n')
    small = ("--epochs", 1, "--dim", 10)
    for arguments in (
        ("train", "c.txt", "-o", "t.safetensors", "--min-count", 1, "--keep-output", *small),
        ("train", "c.txt", "-o", "f.safetensors", "--min-count", 1, "--model", "fasttext", "--bucket", 500, *small),
        ("train", "c.txt", "-o", "d.safetensors", "--min-count", 1, "--model", "doc2vec", *small),
        ("lm", "train", "c.txt", "-o", "ngram.safetensors"),
        ("lm", "train", "c.txt", "-o", "lstm.safetensors", "--model", "lstm", "--hidden-size", 8, *small),
        ("classify", "train", "labelled.tsv", "-o", "classifier.safetensors", "--pooling", "attention", *small),
        ("tag", "train", "tagged.tsv", "-o", "tagger.safetensors", "--hidden-size", 8, *small),
        ("seq2seq", "train", "parallel.tsv", "-o", "translator.safetensors", "--hidden-size", 8, *small),
        ("caption", "train", "images.npy", "c.txt", "-o", "captioner.safetensors", "--hidden-size", 8, *small),
        ("cooccur", "c.txt", "-o", "counts.safetensors", "--min-count", 1),
    ):
        status, out, err = run(*(path / a if isinstance(a, str) and "." in a else a for a in arguments))
        assert status == 0, err
        assert not RAW.search(out + err)
    return path


# name of the command: what to run, as (arguments, standard input); names with a point are files of `folder`.
ASKED = "\n".join(["tab\tword", ESCAPE, "un\x1bknown\x9b", "byte\udcff", "좋다"])
CASES = {
    "train": [(["train", "no\x1b[2J.txt", "-o", "x.safetensors"], "")],
    "vocab": [(["vocab", "c.txt"], "")],
    "phrases": [(["phrases", "c.txt", "--threshold", "0.1"], ""), (["phrases", "c.txt", "--list"], "")],
    "cooccur": [(["cooccur", "c.txt", "--table"], ""),
                (["cooccur", "c.txt", "--min-count", 1, "--ratio", f"{ESCAPE},{BELL}", "--with", C1], "")],
    "tfidf": [(["tfidf", "c.txt", "-o", "x.mtx"], "")],
    "concordance": [(["concordance", "c.txt", "*red*"], ""), (["concordance", "c.txt", "(\x1b", "--regex"], "")],
    "collocates": [(["collocates", "c.txt", ESCAPE, "un\x1bknown", "--min-count", 1], "")],
    "keyness": [(["keyness", "c.txt", "labelled.tsv", "--min-count", 1], "")],
    "drift": [(["drift", "t.safetensors", "t.safetensors", "--topn", 3], ""),
              (["drift", "t.safetensors", "t.safetensors", "--min-count", 0, "--word", ESCAPE, "--word", "x\x1b"], "")],
    "axis": [(["axis", "m.safetensors", "--from", ESCAPE, "--to", BELL, *WORDS, "un\x1bknown"], "")],
    "bias": [(["bias", "m.safetensors", "--targets", f"{ESCAPE},{BELL}", f"{C1},no\x07", "--attributes", "king", "좋다",
               "--words"], ""),
             (["bias", "m.safetensors", "--targets", f"{ESCAPE},{BELL}", f"{C1},좋다", "--attributes", "king", OVERRIDE,
               "--words"], "")],
    "similar": [(["similar", "m.safetensors", "--topn", 12], ASKED), (["similar", "m.safetensors", *WORDS], "")],
    "analogy": [(["analogy", "m.safetensors", *WORDS[5:8]], ""), (["analogy", "m.safetensors"], ASKED)],
    "similarity": [(["similarity", "m.safetensors", *WORDS[5:7]], ""), (["similarity", "m.safetensors"], ASKED)],
    "odd-one-out": [(["odd-one-out", "m.safetensors", *WORDS[5:], "un\x1bknown"], "")],
    "fill": [(["fill", "t.safetensors", f"{ESCAPE} ___ {BELL}"], ""), (["fill", "t.safetensors"], ASKED)],
    "vectors": [(["vectors", "m.safetensors"], ASKED), (["vectors", "m.safetensors", "--mean"], ASKED)],
    "infer": [(["infer", "t.safetensors", ESCAPE], ""), (["infer", "d.safetensors"], ASKED)],
    "search": [(["search", "c.txt", "--tokenizer", "whitespace", "--topn", 3], ASKED),
               (["search", "c.txt", "--tokenizer", "whitespace", "--query", ESCAPE], "")],
    "subwords": [(["subwords"], ASKED), (["subwords", "--vectors", "f.safetensors"], ASKED)],
    "info": [(["info", "m.safetensors"], ""), (["info", "no\x1b[2J"], "")],
    "convert": [(["convert", "m.safetensors", "out\x1b[2J.txt"], "")],
    "compress": [(["compress", "m.safetensors", "--report", "--pairs", "pairs.tsv"], "")],
    "evaluate": [(["evaluate", "m.safetensors", "--pairs", "pairs.tsv", "--analogies", "questions.txt"], "")],
    "compare": [(["compare", "m.safetensors", "n.safetensors", "--topn", 3], "")],
    "align": [(["align", "m.safetensors", "n.safetensors"], "")],
    "index": [(["index", "m.safetensors", "-o", "m\x07.index"], "")],
    "plot": [(["plot", "m.safetensors", "un\x1bknown", "-o", "x.svg"], ""),
             (["plot", "m.safetensors", "-o", "x.svg"], "")],
    "classify": [(["classify", "predict", "classifier.safetensors", "--explain", "--attention-plot"], ASKED),
                 (["classify", "evaluate", "classifier.safetensors", "labelled.tsv", "--per-label"], "")],
    "tag": [(["tag", "predict", "tagger.safetensors", "--tokens"], ASKED),
            (["tag", "evaluate", "tagger.safetensors", "tagged.tsv", "--per-label"], "")],
    "lm": [(["lm", "predict", "ngram.safetensors", ESCAPE], ""),
           (["lm", "generate", "ngram.safetensors", "--prompt", ESCAPE], ""),
           (["lm", "evaluate", "ngram.safetensors", "c.txt", "--sentences"], ""),
           (["lm", "predict", "lstm.safetensors", ESCAPE], ""),
           (["lm", "generate", "lstm.safetensors", "--prompt", ESCAPE], "")],
    "seq2seq": [(["seq2seq", "predict", "translator.safetensors", "--attention-plot"], ASKED)],
    "caption": [(["caption", "predict", "captioner.safetensors", "images.npy"], "")],
    "manual": [(["manual", "un\x1bknown"], ""), (["manual", "--search", ESCAPE], "")],
    "help": [(["help", "no\x1bsuch"], "")],
    "explore": [(["explore", "no\x1b[2J"], "")],
    "show": [(["show", "windows", f"{ESCAPE} and {BELL}"], "")],
    "completion": [(["completion", "ba\x1bsh"], "")],
}  # fmt: skip
REFUSALS = ({"query", "error"}, {"text", "error"})
STREAMS_TEXT = {"phrases"}  # a text comes out as it went in, but for a terminal


def test_every_command_is_tried():
    assert set(CASES) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_acts_on_a_terminal_and_no_row_is_forged(name, folder, run, monkeypatch):
    monkeypatch.chdir(folder)
    for arguments, stdin in CASES[name]:
        status, out, err = run(*arguments, terminal=True, stdin=stdin)
        assert not RAW.search(out + err), arguments
        assert not re.search("[\udc80-\udcff]", out + err), arguments
        assert name == "tag" or "\t" not in out + err, arguments  # tag prints token<TAB>tag everywhere
        assert status in (0, 1, 2)
        status, out, err = run(*arguments, stdin=stdin)
        if name not in STREAMS_TEXT or "--list" in arguments:
            assert not RAW.search(out + err), arguments
            for table in out.split("\n\n") if name == "show" else [out]:  # which prints several, a blank line between
                rows = [line.count("\t") for line in table.split("\n") if line]
                assert len(set(rows)) <= 1, f"{arguments}: rows of {set(rows)} tabs"
        before = out.count("\n")
        status, out, err = run(*arguments, "--json", stdin=stdin)
        if status != 2:
            assert not RAW.search(out + err), arguments
            out.encode("utf-8")  # no raw bytes
            records = [json.loads(line) for line in out.split("\n")[:-1]]
            answers = [record for record in records if not (isinstance(record, dict) and {*record} in REFUSALS)]
            if not before:  # what a file was written with is a record of --json alone
                answers = [record for record in answers if "file" not in record]
            assert bool(answers) == bool(before)


def test_words_come_back_exactly_as_json_and_as_documented_escapes_in_a_pipe(folder, run):
    _, out, _ = run("similar", folder / "m.safetensors", "king", "--topn", 20, "--json")
    assert {json.loads(line)["neighbour"] for line in out.splitlines()} == set(WORDS) - {"king"}
    _, out, _ = run("similar", folder / "m.safetensors", "tab\tword", "--topn", 20)
    rows = [line.split("\t") for line in out.split("\n")[:-1]]
    assert {row[0] for row in rows} == {r"tab\tword"}
    expected = [escape(word, keep_bytes=True) for word in WORDS if word != "tab\tword"]
    assert {row[1] for row in rows} == set(expected)
    assert {r"line\nfeed", r"cr\rback", r"red\x1b[31m", r"csi\u009b2J", r"abc\u202etxt", "byte\udcff"} <= set(expected)


def test_usage_errors_are_escaped(run):
    for arguments in (
        ["similar"],
        ["similar", "m", "--topn", "1\x1b[2J\nforged"],
        ["vec\x1b[2Jtors"],
        ["train", "--\x1b"],
    ):
        status, out, err = run(*arguments, terminal=True)
        assert status == 2
        assert not RAW.search(out + err)
        assert "forged" not in [line[:6] for line in err.splitlines()]


@given(st.text(max_size=12))
def test_escaping_leaves_nothing_that_acts_and_json_reads_back(text):
    assert not re.search("[\t\n\ud800-\udfff]", escape(text))
    assert not RAW.search(escape(text)) and len(escape(text).splitlines()) <= 1
    assert json.loads(to_json(text)) == text
    assert not RAW.search(to_json(text)) and to_json(text).encode("utf-8")


@given(st.binary(max_size=8))
def test_bytes_that_are_not_utf8_read_back_too(data):
    text = data.decode("utf-8", "surrogateescape")
    assert json.loads(to_json(text)) == text
    (to_json(text) + escape(text)).encode("utf-8")


def test_ordinary_words_stay_as_they_are():
    for word in (r"\alpha", r"a\tb", "👩\u200d🚀", "می\u200cخواهم", "서울", "e\u0301", "new york"):
        assert escape(word) == word


def test_commands_write_through_one_file():
    """Nothing in the command line prints on its own: what goes around `output` goes around the escaping."""
    for path in CLI.rglob("*.py"):
        if path.name in ("output.py", "completion.py", "manual.py"):  # fixed texts: a shell's script, the manual
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("print", "click.echo", "click.secho", "json.dumps"), f"{path}:{node.lineno}"
                assert not re.search(r"\b(stdout|stderr)\.(buffer\.)?write", called), f"{path}:{node.lineno}"


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_pictures_and_pages_hold_no_control_characters(suffix, folder, run):
    target = folder / f"picture{suffix}"
    commands = [["plot", folder / "m.safetensors", *WORDS[:11], "--title", f"$T{ESCAPE}", "-o", target]]
    if suffix == ".svg":
        commands += [["plot", "--cooccurrences", folder / "counts.safetensors", "--title", f"$T{ESCAPE}", "-o", target],
                     ["plot", "--log", folder / "log.jsonl", "--title", f"$T{ESCAPE}", "-o", target]]  # fmt: skip
    for arguments in commands:
        status, _, err = run(*arguments)
        assert status == 0, err
        text = target.read_bytes().decode("utf-8")
        assert not RAW.search(text), arguments
        if suffix == ".svg":
            ET.fromstring(text)
    weights = np.ones((2, 2))
    words = [ESCAPE, "byte\udcff<b>"]
    (draw_attention if suffix == ".svg" else write_attention_page)(weights, words, words, target, title=f"$T{ESCAPE}")
    text = target.read_bytes().decode("utf-8")
    assert not RAW.search(text) and "<b>" not in text
