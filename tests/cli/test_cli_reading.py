"""Where in a file words and vectors are can be said to every command that asks a model."""

import click
import numpy as np
import pytest

from embedkit.cli import COMMANDS, cli, main
from embedkit.query.keyed_vectors import KeyedVectors

WORDS = ["king", "queen", "man", "woman", "왕", "여왕", "bread", "oven"]
FLAGS = {"from", "words", "tensor", "column", "member", "encoding", "limit", "skip-bad-rows", "encoding-errors"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vectors = np.random.default_rng(1).standard_normal((len(WORDS), 6)).astype(np.float32)
    np.savez("m.npz", noise=np.zeros((3, 2), np.float32), matrix=vectors, other=vectors[::-1])
    (tmp_path / "words.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    (tmp_path / "t.txt").write_text("king queen\nbread oven\n왕 여왕\nman woman king\n", encoding="utf-8")
    (tmp_path / "d.tsv").write_text("king\tqueen\t9\nbread\toven\t8\nman\tking\t3\n")
    (tmp_path / "p.tsv").write_text("king\t왕\nqueen\t여왕\nman\twoman\nbread\toven\n", encoding="utf-8")
    KeyedVectors(WORDS, vectors).save("m.safetensors")
    return tmp_path


QUESTIONS = [
    ["similar", "M", "king"],
    ["analogy", "M", "man", "king", "woman"],
    ["similarity", "M", "king", "queen"],
    ["similarity", "M", "--wmd", "king queen", "man"],
    ["odd-one-out", "M", "king", "queen", "bread"],
    ["vectors", "M", "왕"],
    ["compare", "M", "M", "-n", "2"],
    ["align", "M", "M", "--dictionary", "p.tsv", "-o", "o.txt"],
    ["axis", "M", "--from", "man", "--to", "woman", "king"],
    ["bias", "M", "--targets", "king,man", "queen,woman", "--attributes", "왕,bread", "여왕,oven"],
    ["drift", "M", "M", "-n", "2"],
    ["evaluate", "M", "--pairs", "d.tsv"],
    ["plot", "M", "king", "queen", "-o", "o.tsv"],
    ["compress", "M", "--report", "--pairs", "d.tsv"],
    ["convert", "M", "o.vec"],
    ["search", "t.txt", "--query", "king", "--vectors", "M", "--mean"],
    ["search", "t.txt", "--query", "king", "--by", "words", "--vectors", "M", "--rerank", "rwmd"],
    ["index", "--documents", "t.txt", "-o", "o.index", "--vectors", "M", "--mean"],
    ["info", "M"],
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: " ".join(question[:2]))
def test_the_matrix_and_its_words_are_named(folder, capsys, question):
    def answer(model, *more):
        status = main([*(model if word == "M" else word for word in question), *more])
        return status, capsys.readouterr().out.replace("m.npz", "m.safetensors")

    words = "--model-words" if question[0] == "bias" else "--words"
    status, found = answer("m.npz", "--tensor", "matrix", words, "words.txt")
    assert status == 0
    if question[0] not in ("info", "compress"):
        assert found == answer("m.safetensors")[1]
    assert answer("m.npz", words, "words.txt")[0] in (1, 2)  # two matrices would do


def test_every_command_with_a_model_has_the_flags():
    context = click.Context(cli)
    without = set()
    for name in COMMANDS:
        command = cli.get_command(context, name)
        arguments = {param.name for param in command.params if isinstance(param, click.Argument)}
        if not arguments & {"model", "models", "first"} or name in ("infer", "convert"):
            continue
        flags = {text.removeprefix("--").removeprefix("model-") for param in command.params for text in param.opts}
        if not flags >= FLAGS:
            without.add(name)
    assert without == set()


def test_what_does_nothing_is_refused(folder, capsys):
    for line in (
        ["subwords", "king", "--tensor", "x"],
        ["plot", "--cooccurrences", "t.txt", "--limit", "3", "-o", "o.png"],
        ["search", "t.txt", "--query", "king", "--from", "npz"],
        ["index", "--documents", "t.txt", "-o", "o.index", "--words", "words.txt"],
    ):
        assert main(line) == 2
        told = capsys.readouterr().err
        assert "no effect without" in told and ("--" + line[-2].removeprefix("--") in told or "--limit" in told)
    assert main(["similar", "m.safetensors", "king", "--tensor", "x"]) in (1, 2)
    assert "tensor" in capsys.readouterr().err


def test_a_matrix_that_is_not_there_is_told(folder, capsys):
    assert main(["evaluate", "m.npz", "--pairs", "d.tsv", "--tensor", "matrx", "--words", "words.txt"]) == 2
    told = capsys.readouterr().err
    assert "matrx" in told and "matrix" in told


TAUGHT = {
    "l.tsv": "king queen\troyal\nbread oven\tkitchen\n왕 여왕\troyal\nman bread\tkitchen\n" * 5,
    "tags.tsv": "king N\nqueen V\n\nbread N\noven V\n\n왕 N\n여왕 V\n\n".replace(" ", "\t") * 4,
    "pairs.tsv": "king queen\t왕 여왕\nbread oven\tbread\nman\twoman\n" * 5,
    "text.txt": "king queen\nbread oven\n왕 여왕\nman woman king\n" * 5,
}
SMALL = ["--epochs", "1", "--hidden-size", "4", "-q"]
TRAINED = [
    ["classify", "train", "l.tsv", "--model", "gru", "--vectors", "M", *SMALL],
    ["tag", "train", "tags.tsv", "--vectors", "M", *SMALL],
    ["lm", "train", "text.txt", "--model", "lstm", "--vectors", "M", *SMALL],
    ["seq2seq", "train", "pairs.tsv", "--vectors", "M", *SMALL],
    ["seq2seq", "train", "pairs.tsv", "--target-vectors", "M", *SMALL],
]


@pytest.fixture
def taught(folder):
    for name, text in TAUGHT.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("line", TRAINED, ids=lambda line: f"{line[0]} {line[-6]}")
def test_modules_read_their_vectors_as_told(taught, capsys, line):
    option = line[line.index("M") - 1]
    told = [f"{option}-tensor", "matrix", f"{option}-words", "words.txt"]
    for model, more in (("m.npz", told), ("m.safetensors", [])):
        assert (
            main([*(model if word == "M" else word for word in line), *more, "-o", f"of-{model[2:]}.safetensors"]) == 0
        )
    assert (taught / "of-npz.safetensors").read_bytes() == (taught / "of-safetensors.safetensors").read_bytes()
    assert main([*("m.npz" if word == "M" else word for word in line), *told[2:], "-o", "c"]) == 1
    assert f"{option}-tensor" in capsys.readouterr().err
    assert not (taught / "c").exists()


@pytest.mark.parametrize("line", TRAINED, ids=lambda line: f"{line[0]} {line[-6]}")
def test_how_no_vectors_are_read_is_refused(taught, capsys, line):
    option = line[line.index("M") - 1]
    alone = [word for word in line if word not in ("M", option)]
    assert main([*alone, f"{option}-limit", "3", "-o", "c"]) == 2
    assert f"{option}-limit has no effect without {option}" in capsys.readouterr().err
    assert not (taught / "c").exists()


def test_how_a_bag_reads_no_vectors_is_refused(taught, capsys):
    assert main(["classify", "train", "l.tsv", "--model", "fasttext", "--bucket", "100", "-o", "b", "-q"]) == 0
    assert main(["classify", "predict", "b", "l.tsv", "--vectors-limit", "3"]) == 2
    assert "--vectors-limit has no effect with a model of kind" in capsys.readouterr().err
    assert main(["classify", "train", "l.tsv", "--vectors-limit", "3", "-o", "c", "-q"]) == 2
    assert "--vectors-limit has no effect without --vectors" in capsys.readouterr().err
