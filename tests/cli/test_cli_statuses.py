"""One table of exit statuses for all commands: 1 where the work failed, 2 where the command line is wrong."""

import sys

import numpy as np
import pytest

import embedkit
from embedkit.cli import COMMANDS, main
from embedkit.counting import Window
from embedkit.counting.files import count_to_file
from embedkit.vocabulary.corpus import Corpus
from tests.commands import run_here

# A line of each command that works, with {file} for the file that is read and {out} for what is written.
LINES = {
    "train": "train {file} -o {out}.safetensors --vector-size 10 --min-count 1 --epochs 1",
    "train, counts": "train --cooccurrences {file} --model glove -o {out}.safetensors --epochs 1",
    "train, vocab": "train t.txt --vocab {file} -o {out}.safetensors --epochs 1",
    "train, init": "train t.txt --init {file} -o {out}.safetensors --vector-size 8 --epochs 1",
    "vocab": "vocab {file} -o {out}.txt",
    "phrases": "phrases {file} -o {out}.txt",
    "cooccur": "cooccur {file} -o {out}.safetensors",
    "cooccur --merge": "cooccur --merge {file} -o {out}.safetensors",
    "tfidf": "tfidf {file} -o {out}.npz",
    "concordance": "concordance {file} sun",
    "collocates": "collocates {file} sun --min-count 1",
    "keyness": "keyness {file} t.txt",
    "keyness, reference": "keyness t.txt {file}",
    "drift": "drift {file} m.safetensors --restrict-vocab 100",
    "drift --baseline": "drift m.safetensors m.safetensors --baseline {file} m.safetensors",
    "axis": "axis {file} --from sun --to moon star",
    "bias": "bias {file} --targets sun,moon bread,milk --attributes star egg",
    "similar": "similar {file} sun",
    "similar --index": "similar m.safetensors sun --index {file}",
    "analogy": "analogy {file} sun moon star",
    "similarity": "similarity {file} sun moon",
    "odd-one-out": "odd-one-out {file} sun moon star",
    "fill": "fill {file} 'sun ___ star'",
    "vectors": "vectors {file} sun",
    "vectors --fit": "vectors m.safetensors sun --sif --fit {file}",
    "vectors --apply": "vectors m.safetensors sun --apply {file}",
    "vectors --save-model": "vectors {file} --sif --fit t.txt --save-model {out}.safetensors",
    "subwords": "subwords sun --vectors {file}",
    "evaluate": "evaluate {file} --pairs pairs.tsv",
    "evaluate --pairs": "evaluate m.safetensors --pairs {file}",
    "evaluate --analogies": "evaluate m.safetensors --analogies {file}",
    "evaluate --categories": "evaluate m.safetensors --categories {file}",
    "evaluate --outliers": "evaluate m.safetensors --outliers {file}",
    "tfidf --apply": "tfidf t.txt --apply {file} -o {out}.npz",
    "compare": "compare {file} m.safetensors",
    "align": "align {file} m.safetensors",
    "align --dictionary": "align m.safetensors m.safetensors --dictionary {file}",
    "convert": "convert {file} {out}.safetensors",
    "compress": "compress {file} -o {out}.safetensors",
    "info": "info {file}",
    "index": "index {file} -o {out}.index",
    "index --documents": "index --documents {file} -o {out}.index",
    "index --vectors": "index --documents t.txt --vectors {file} -o {out}.index",
    "infer": "infer {file} sun",
    "search": "search {file} --query sun",
    "search --vectors": "search t.txt --vectors {file} --query sun",
    "plot": "plot {file} -o {out}.svg",
    "plot --log": "plot --log {file} -o {out}.svg",
    "plot --cooccurrences": "plot --cooccurrences {file} -o {out}.svg",
    "lm train": "lm train {file} -o {out}.lm",
    "lm train, neural": "lm train {file} --model rnn -o {out}.lm --epochs 1",
    "lm evaluate": "lm evaluate {file} t.txt",
    "lm generate": "lm generate {file}",
    "lm predict": "lm predict {file} sun",
    "classify train": "classify train {file} -o {out}.c --epochs 1",
    "classify train --valid": "classify train labels.tsv --valid {file} -o {out}.c --epochs 1",
    "classify train --vectors": "classify train labels.tsv --vectors {file} -o {out}.c --epochs 1",
    "classify evaluate": "classify evaluate {file} labels.tsv",
    "classify predict": "classify predict {file} t.txt",
    "tag train": "tag train {file} -o {out}.c --epochs 1",
    "tag predict": "tag predict {file} t.txt",
    "seq2seq train": "seq2seq train {file} -o {out}.c --epochs 1",
    "seq2seq predict": "seq2seq predict {file} t.txt",
    "caption train": "caption train {file} t.txt -o {out}.c --epochs 1",
    "caption train, captions": "caption train images.npy {file} -o {out}.c --epochs 1",
    "caption predict": "caption predict {file} images.npy",
    "explore": "explore {file} --no-browser",
    "show": "show gates {file} sun",
}
WRITING = {name: line for name, line in LINES.items() if "{out}" in line}
GOOD = {
    "train, counts": "counts.safetensors",
    "train, vocab": "words.txt",
    "cooccur --merge": "counts.safetensors",
    "evaluate --pairs": "pairs.tsv",
    "evaluate --analogies": "questions.txt",
    "plot --log": "log.jsonl",
    "plot --cooccurrences": "counts.safetensors",
    "classify train": "labels.tsv",
    "classify train --valid": "labels.tsv",
    "tag train": "tags.tsv",
    "seq2seq train": "labels.tsv",
    "caption train": "images.npy",
    **dict.fromkeys(["concordance", "collocates", "keyness", "keyness, reference"], "t.txt"),
    **dict.fromkeys(
        [
            "index --documents",
            "search",
            "vocab",
            "phrases",
            "cooccur",
            "tfidf",
            "train",
            "lm train",
            "lm train, neural",
        ],
        "t.txt",
    ),
    "caption train, captions": "t.txt",
    **dict.fromkeys(["lm evaluate", "lm generate", "lm predict"], "ngram.lm"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("statuses")
    lines = ["sun moon star comet", "bread milk egg flour"] * 20
    (folder / "t.txt").write_text("\n".join(lines) + "\n")
    (folder / "empty.txt").write_text("")
    (folder / "pairs.tsv").write_text("sun\tmoon\t7\nsun\tegg\t1\nstar\tcomet\t8\n")
    (folder / "questions.txt").write_text(": one\nsun moon star comet\n")
    (folder / "labels.tsv").write_text("".join(f"{line}\t{i % 2}\n" for i, line in enumerate(lines)))
    (folder / "tags.tsv").write_text("sun\tN\nshines\tV\n\n" * 9)
    (folder / "log.jsonl").write_text('{"event": "epoch", "epoch": 1, "loss": 2.0}\n')
    for name in ("a folder", "out"):
        (folder / name).mkdir()
    (folder / "loop").symlink_to("loop")
    np.save(folder / "images.npy", np.eye(40, dtype=np.float32))
    corpus = Corpus.from_text(folder / "t.txt")
    corpus.vocabulary.save(folder / "words.txt")
    count_to_file(corpus, folder / "counts.safetensors", Window(3))
    words = list(corpus.vocabulary.index_to_key)
    vectors = np.random.default_rng(0).normal(size=(len(words), 8)).astype(np.float32)
    embedkit.KeyedVectors(words, vectors).save(folder / "m.safetensors")
    assert main(["lm", "train", str(folder / "t.txt"), "-o", str(folder / "ngram.lm"), "-q"]) == 0
    return folder


def run(line, capsys, **names):
    """(exit status, the one line on standard error)."""
    import shlex

    words = [word.format(**names) for word in shlex.split(line)]
    status = main([*words])
    error = capsys.readouterr().err
    messages = [text for text in error.splitlines() if text.startswith("embedkit: ")]
    assert "Traceback" not in error
    return status, messages


def test_every_command_is_in_the_table():
    assert {line.split()[0] for line in LINES.values()} == set(COMMANDS) - {"completion", "help", "manual"}


@pytest.mark.parametrize("mistake", ["missing.txt", "a folder", "loop", "empty.txt", "no/such/folder/x"])
@pytest.mark.parametrize("name", LINES)
def test_a_file_that_cannot_be_read(name, mistake, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    reads_folders = ("train {", "vocab", "phrases", "cooccur {", "tfidf", "lm train", "conc", "coll", "keyness")
    reads_folders += ("index --documents {", "search {")
    if mistake == "a folder" and LINES[name].startswith(reads_folders):
        pytest.skip("a corpus may be a folder")
    status, messages = run(LINES[name], capsys, file=mistake, out=folder / "out" / "x")
    assert (status, len(messages)) == (1, 1), messages
    assert mistake in messages[0], messages


@pytest.mark.parametrize("name", WRITING)
def test_a_place_that_cannot_be_written(name, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    file = GOOD.get(name, "m.safetensors")
    status, messages = run(WRITING[name], capsys, file=file, out=folder / "nowhere" / "x")
    assert (status, len(messages)) == (1, 1), messages
    assert "nowhere" in messages[0]


@pytest.mark.parametrize("name", LINES)
def test_an_option_that_does_not_exist(name, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    status, _ = run(LINES[name] + " --no-such-option", capsys, file=GOOD.get(name, "t.txt"), out=folder / "out" / "x")
    assert status == 2


@pytest.mark.parametrize(
    "line",
    [
        "train t.txt -o x.safetensors --vector-size 0",
        "train t.txt -o x.safetensors --vector-size many",
        "train t.txt -o x.safetensors --window -1",
        "train t.txt -o x.safetensors --loss best",
        "train t.txt -o x.safetensors --learning-rate nan",
        "train t.txt -o x.unknown",
        "vocab t.txt --min-count 0",
        "phrases t.txt --passes 0",
        "cooccur t.txt -o x.safetensors --window 0",
        "cooccur t.txt -o x.safetensors --memory lots",
        "cooccur t.txt -o x.safetensors --shard 3/2 --vocab words.txt",
        "tfidf t.txt -o x.unknown",
        "similar m.safetensors sun --topn 0",
        "similar m.safetensors sun --metric best",
        "vectors m.safetensors ''",
        "subwords sun --min-n 5 --max-n 3",
        "evaluate m.safetensors",
        "align m.safetensors m.safetensors --held-out 2",
        "convert m.safetensors x.unknown",
        "compress m.safetensors -o x.txt",
        "index m.safetensors --recall 2",
        "plot m.safetensors -o x.unknown",
        "lm train t.txt -o x.lm --order 0",
        "lm train t.txt -o x.lm --model best",
        "lm train t.txt -o x.lm --smoothing add-k --k -1",
        "classify train labels.tsv -o x.c --epochs 0",
        "classify train labels.tsv -o x.c --dropout 1",
        "classify train labels.tsv -o x.c --model transformer --hidden-size 9",
        "tag train tags.tsv -o x.c --learning-rate 0",
        "seq2seq train labels.tsv -o x.c --heads 3 --model transformer",
        "caption train images.npy t.txt -o x.c --warmup 2",
    ],
)
def test_a_value_that_cannot_work(line, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run(line, capsys)[0] == 2


def test_a_text_without_a_gap_has_one_status_and_a_place(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    train = "train t.txt -o kept.safetensors --keep-output --vector-size 4 --epochs 1 -q"
    assert run(train, capsys) == (0, [])
    for texts, place in (("'no gap'", ""), ("'no gap' --json", ""), ("'no gap' sun", "text 1: ")):
        status, messages = run(f"fill kept.safetensors {texts}", capsys)
        assert status == 1 and messages[0].startswith(f"embedkit: error: {place}expected one gap"), messages
    done = run_here("fill", "kept.safetensors", stdin="the ___ sun\n\nno gap\n")
    assert done.returncode == 1 and "error: line 3: expected one gap" in done.stderr


@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        ("lm vectors missing.lm t.txt", 1, "cannot read missing.lm"),
        ("lm vectors", 2, "Missing argument 'MODEL'"),
        ("lm vectors ngram.lm t.txt", 2, "embedkit lm vectors is not for models of kind ngram"),
        ("lm train t.txt -o x.lm --hidden-size 4", 2, "--hidden-size is not for models of kind ngram, but for rnn,"),
        ("lm train t.txt -o x.lm --vectors m.safetensors", 2, "--vectors is not for models of kind ngram, but for"),
        ("lm train t.txt -o x.lm --model lstm --order 3", 2, "--order is not for models of kind lstm, but for ngram"),
        ("lm train t.txt -o x.lm --no-such", 2, "No such option"),
    ],
)
def test_what_is_of_another_language_model(line, status, told, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    found, messages = run(line, capsys)
    assert found == status and told in messages[0], messages


def test_help_of_a_command_that_some_language_models_lack(capsys):
    assert main(["lm", "vectors", "--help"]) == 0
    assert "The vector of each token in its context" in capsys.readouterr().out


def test_a_text_in_the_place_of_a_model_is_called_one(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for line in (
        "classify predict t.txt t.txt",
        "tag predict t.txt",
        "lm generate t.txt",
        "tfidf t.txt --apply t.txt -o x.npz",
    ):
        status, messages = run(line, capsys)
        assert status == 1 and "found text, beginning 'sun moon star comet" in messages[0], messages
    (folder / "zeros").write_bytes(bytes(3000))
    assert "found a file of another kind" in run("tag predict zeros", capsys)[1][0]


def test_features_that_are_none(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    status, messages = run("show attention m.safetensors a --features t.txt", capsys)
    assert status == 1 and "expected --features, a matrix" in messages[0] and "CAPTIONS" not in messages[0]
    status, messages = run("show attention m.safetensors a --features -", capsys)
    assert status == 2 and "features are not read from standard input" in messages[0]


def test_questions_where_the_model_comes_from_standard_input(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert main(["lm", "train", "t.txt", "-o", "ngrams.safetensors", "-q"]) == 0
    model = (folder / "ngrams.safetensors").read_bytes()
    for command in ("lm predict -", "lm predict - -"):
        done = run_here(*command.split(), stdin=model)
        assert done.returncode == 2 and "standard input holds the model: give the words as arguments" in done.stderr
    assert run_here("lm", "predict", "-", "sun", stdin=model).returncode == 0
    train = ["tag", "train", "tags.tsv", "-o", "tagger.safetensors", "--epochs", "1", "--hidden-size", "2", "-q"]
    assert main(train) == 0
    done = run_here("tag", "predict", "-", stdin=(folder / "tagger.safetensors").read_bytes())
    assert done.returncode == 2 and "standard input holds the model: name files of text" in done.stderr


def test_texts_to_search_come_from_standard_input():
    done = run_here("search", "-", "--query", "king", stdin="the king\nthe queen\n")
    assert done.returncode == 0 and "the king" in done.stdout, done.stderr
    done = run_here("search", "-", stdin="the king\n")
    assert done.returncode == 2 and "standard input holds the corpus" in done.stderr


@pytest.mark.parametrize("line", ["similar", "vectors", "analogy", "similarity", "odd-one-out", "plot"])
def test_an_unknown_word(line, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    words = {"similar": "unheard", "vectors": "unheard", "similarity": "sun unheard", "plot": "unheard -o x.svg"}
    status, messages = run(f"{line} m.safetensors {words.get(line, 'sun moon unheard')}", capsys)
    assert status == 1
    assert "unknown word 'unheard'" in messages[0]


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("plot m.safetensors -o x.svg", "matplotlib"),
        ("index m.safetensors -o x.index", "usearch"),
        ("convert m.safetensors x.parquet", "pyarrow"),
        ("train t.txt -o x.safetensors --tokenizer morphemes", "kiwipiepy"),
    ],
)
def test_a_package_that_is_not_installed(line, package, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    for name in (package, f"{package}.index", f"{package}.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    status, messages = run(line, capsys)
    assert (status, len(messages)) == (1, 1), messages
    assert "pip install" in messages[0]
