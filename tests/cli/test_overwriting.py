"""No command writes over what it reads: every parameter that names a file is declared as read or as written."""

import os

import click
import numpy as np
import pytest

from embedkit import KeyedVectors
from embedkit.cli import COMMANDS, _reads_keyboard, cli, main
from embedkit.cli.commands.lm import KINDS
from embedkit.cli.shared.files import CheckpointFolder, InputFile, OutputFile
from embedkit.errors import ConfigError, EmbedkitError

FOLDERS = {"checkpoint", "temporary"}  # folders in which embedkit has files of its own


def commands():
    """Every command with its words on the command line, those of a kind of language model too."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if name == "lm":
            for kind, module in KINDS.items():
                for part in ("train", "evaluate", "generate", "predict", "vectors"):
                    found = getattr(__import__(module, fromlist=[part]), part, None)
                    if found is not None:
                        yield ["lm", part, *(["--model", kind] if part == "train" else [])], found
        elif isinstance(command, click.Group):
            for part in command.commands.values():
                yield [name, part.name], part
        else:
            yield [name], command


def files_of(command, kind):
    return [param for param in command.params if isinstance(param.type, kind)]


CASES = [
    pytest.param(words, command, source, output, id=" ".join([*words, source.name, output.name]))
    for words, command in commands()
    for output in files_of(command, OutputFile)
    for source in files_of(command, InputFile)
    if source.name != output.type.in_place_of
]


def test_the_cases_cover_every_command_that_writes():
    writing = {" ".join(words[:2]) for words, command in commands() if files_of(command, OutputFile)}
    assert {"train", "vocab", "cooccur", "phrases", "tfidf", "convert", "compress", "align", "index", "plot"} <= writing
    assert {"lm train", "classify train", "tag train", "seq2seq train", "caption train", "lm vectors"} <= writing
    assert len(CASES) > 60


@pytest.mark.parametrize("words, command", [pytest.param(*pair, id=" ".join(pair[0])) for pair in commands()])
def test_every_file_is_declared(words, command):
    """A parameter whose help speaks of a file has one of the two types."""
    for param in command.params:
        if isinstance(param.type, click.Path) and param.name not in FOLDERS:
            assert isinstance(param.type, InputFile | OutputFile), f"{words}: {param.name}"
        if param.name in ("corpus", "data", "model", "output", "out", "log", "logs", "vocab", "save_vocab", "npy"):
            assert isinstance(param.type, InputFile | OutputFile | click.Choice), f"{words}: {param.name}"


def arguments(command, given):
    """The command's required parameters with values, those of `given` by name."""
    found = []
    for param in command.params:
        if isinstance(param, click.Option) and (param.required or param.name in given):
            found += [param.opts[0], *[str(given.get(param.name, "something"))] * param.nargs]
    for param in command.params:
        if isinstance(param, click.Argument) and (param.required or param.name in given):
            found.append(str(given.get(param.name, "something")))
    return found


def outcome(words, command, given, capsys):
    """Exit status and message."""
    if words[0] == "lm" and words[1] != "train":  # which chooses its command by the kind of a real model
        try:
            command.make_context(words[1], arguments(command, given))
        except EmbedkitError as error:
            return 2 if isinstance(error, ConfigError) else 1, str(error)
    status = main([*words, *arguments(command, given)])
    return status, capsys.readouterr().err


@pytest.mark.parametrize("through", ["itself", "a link", "another name", "a folder"])
@pytest.mark.parametrize("words, command, source, output", CASES)
def test_what_is_read_is_not_written(tmp_path, capsys, words, command, source, output, through):
    precious = tmp_path / "folder" / "k.safetensors"
    precious.parent.mkdir()
    precious.write_text("the one copy\n" * 10)
    target = tmp_path / "link.safetensors"
    read = precious
    if through == "a link":
        target.symlink_to(precious)
    elif through == "another name":
        os.link(precious, target)
    else:
        target = precious
        read = precious.parent if through == "a folder" else precious
    status, told = outcome(words, command, {source.name: read, output.name: target}, capsys)
    assert status == 2 and "writing would destroy it" in told, told
    assert precious.read_text() == "the one copy\n" * 10
    assert sorted(os.listdir(precious.parent)) == [precious.name]


def test_two_outputs_are_two_files(tmp_path, capsys):
    (tmp_path / "k.txt").write_text("a b\n" * 10)
    out = tmp_path / "out.safetensors"
    assert main(["cooccur", str(tmp_path / "k.txt"), "-o", str(out), "--save-vocab", str(out)]) == 2
    assert "two outputs go to one file" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("first", [True, False])
def test_a_model_is_not_the_checkpoint_of_its_run(tmp_path, capsys, first):
    """The checkpoint goes when the model is written, and the model went with it."""
    (tmp_path / "k.txt").write_text("a b\n" * 10)
    (tmp_path / "state").mkdir()
    output = ["-o", str(tmp_path / "state" / "checkpoint.safetensors")]
    kept = ["--checkpoint", str(tmp_path / "state")]
    for command in (["train", "--min-count", "1"], ["seq2seq", "train"]):
        assert main([*command, str(tmp_path / "k.txt"), *(output + kept if first else kept + output)]) == 2
        assert "two outputs go to one file" in capsys.readouterr().err


def test_a_checkpoint_is_no_file(tmp_path, capsys):
    (tmp_path / "k.txt").write_text("a b\n" * 10)
    for command in ("train", "lm train --model gru", "tag train"):
        for name in (str(tmp_path / "k.txt"), (tmp_path / "k.txt").as_uri()):
            given = [str(tmp_path / "k.txt"), "-o", str(tmp_path / "m.safetensors"), "--checkpoint", name]
            assert main([*command.split(), *given]) == 2
            assert f"Directory '{tmp_path / 'k.txt'}' is a file" in capsys.readouterr().err


def test_a_dash_that_is_an_output_asks_for_no_text():
    for words, command in commands():
        for param in files_of(command, OutputFile | CheckpointFolder):
            for name in param.opts if isinstance(param, click.Option) else ():
                assert not _reads_keyboard([*words, "text.txt", name, "-"]), name
                assert not _reads_keyboard([*words, "text.txt", _in_one_word(name)]), name
                assert _reads_keyboard([*words, "-", name, "-"]), name
        for param in files_of(command, InputFile):
            for name in param.opts if isinstance(param, click.Option) else ():
                assert _reads_keyboard([*words, name, "-"]), name
                assert _reads_keyboard([*words, _in_one_word(name)]), name


def _in_one_word(name):
    return f"{name}=-" if name.startswith("--") else f"{name}-"


@pytest.mark.parametrize("suffix, words", [(".npy", ".words.txt"), (".tsv", ".metadata.tsv")])
def test_the_words_of_a_pair_of_files_are_read_too(tmp_path, capsys, suffix, words):
    pair, beside = tmp_path / f"m{suffix}", tmp_path / f"m{words}"
    KeyedVectors(["a", "b"], np.eye(2)).save(pair)
    before = beside.read_bytes()
    for to in ("glove-text", "word2vec-text"):
        assert main(["convert", str(pair), str(beside), "--to", to]) == 2
        assert "writing would destroy it" in capsys.readouterr().err
    assert beside.read_bytes() == before
    assert main(["convert", str(pair), str(pair), "--unit"]) == 0


@pytest.mark.parametrize("words, command", [pytest.param(*p, id=" ".join(p[0])) for p in commands()])
def test_what_cannot_be_written_is_told_before_the_work(tmp_path, capsys, words, command):
    """The input does not even exist: had the work begun, that would be the complaint."""
    for output in files_of(command, OutputFile):
        missing = {param.name: tmp_path / "missing" for param in files_of(command, InputFile) if param.required}
        given = missing | {output.name: tmp_path / "nowhere" / "m.safetensors"}
        status, told = outcome(words, command, given, capsys)
        assert status == 1 and "nowhere does not exist; create it first" in told
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        status, told = outcome(words, command, missing | {output.name: folder}, capsys)
        assert status == 1 and "it is a folder" in told


def test_converting_in_place_stays_possible(tmp_path):
    path = tmp_path / "m.txt"
    path.write_text("2 2\na 1 2\nb 3 4\n")
    assert main(["convert", str(path), str(path), "--unit", "-q"]) == 0
    assert path.read_text().split("\n")[0] == "2 2" and path.read_text() != "2 2\na 1 2\nb 3 4\n"
