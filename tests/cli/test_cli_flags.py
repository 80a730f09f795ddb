"""The library names parameters, the command line their flags."""

import ast
import re
from pathlib import Path

import click
import pytest

import embedkit
from embedkit.cli import cli, main
from embedkit.cli.flags import flags_of, with_flags
from embedkit.cli.shared.commands import ALIASES

PACKAGE = Path(embedkit.__file__).parent
FLAG = re.compile(r"(?:^|[\s(])--[a-z]")


def messages(tree):
    """The strings of a file that are neither docstrings nor the arguments of `option` and `changed`."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("option", "changed"):
            skipped |= {id(part) for part in ast.walk(node)}
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in skipped:
            yield (
                node.lineno,
                "".join(getattr(part, "value", "") if isinstance(part, ast.Constant) else "x" for part in node.values),
            )
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_message_of_the_library_names_a_flag(path):
    if path.is_relative_to(PACKAGE / "cli"):
        return
    for line, text in messages(ast.parse(path.read_text(encoding="utf-8"))):
        rest = re.sub(r"embedkit [a-z]+( [a-z]+)? --.*", "", text)  # a command line to copy is one
        assert not FLAG.search(rest), f"{path}, line {line}: {text!r}"


def test_a_parameter_becomes_the_flag_of_the_running_command():
    @click.command()
    @click.option("--count", "-n", "how_many")
    @click.option("--dim", "--vector-size", "vector_size")
    @click.argument("text")
    def command():
        pass

    assert flags_of(command) == {"how_many": "--count", "vector_size": "--vector-size"}
    assert with_flags("`how_many` or `vector_size`, `text`", command) == "--count or --vector-size, `text`"
    assert with_flags("train it with `keep_output`", command) == "train it with --keep-output"
    assert with_flags("see `embedkit train`", command) == "see `embedkit train`"
    assert with_flags("`window` must be 1", None) == "--window must be 1"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train {text} -o {out} --vector-size 0", "--vector-size must be"),
        ("train {text} -o {out} --min-count 999", "lower --min-count"),
        ("train {text} -o {out} --resume", "--resume needs"),
        ("cooccur {text} -o {out} --shard 3/2 --vocab {vocab}", "--shard takes"),
        ("lm train {text} -o {out} --model rnn --min-count 999", "lower --min-count"),
    ],
)
def test_errors_of_the_library_name_flags(line, message, tmp_path, capsys):
    (tmp_path / "t.txt").write_text("a b\n" * 9)
    (tmp_path / "v.txt").write_text("a 9\nb 9\n")
    names = {"text": tmp_path / "t.txt", "vocab": tmp_path / "v.txt", "out": tmp_path / "x.safetensors"}
    assert main([word.format(**names) for word in line.split()]) != 0
    error = capsys.readouterr().err
    assert message in error and "`" not in error


def every_command():
    context = click.Context(cli)
    commands = [cli.get_command(context, name) for name in cli.list_commands(context)]
    while commands:
        command = commands.pop()
        yield command
        commands += getattr(command, "commands", {}).values()


def test_every_command_has_the_context_that_tells_errors_their_command():
    assert {command.context_class.__name__ for command in every_command()} == {"CommandContext"}


def test_options_are_called_as_other_tools_call_them_in_every_command(tmp_path):
    for command in every_command():
        options = {parameter.opts[0]: parameter.opts for parameter in command.params}
        for name in {*options} & {*ALIASES}:
            assert {*ALIASES[name]} <= {*options[name]}, f"{command.name} {name}"
    (tmp_path / "t.txt").write_text("__label__a one two\n__label__b three\n" * 9)
    flags = "-dim 4 --iter 2 --alpha .1 --threads 1 --minCount 1 --minn 2 --maxn 3 --wordNgrams 2 --minCountLabel 1"
    train = ["classify", "train", f"{tmp_path}/t.txt", "--model", "fasttext", "-q", "-o"]
    assert main([*train, f"{tmp_path}/a.safetensors", *flags.split()]) == 0
    flags = "--vector-size 4 --epochs 2 --learning-rate .1 --workers 1 --min-count 1 --min-n 2 --max-n 3"
    flags += " --word-ngrams 2 --min-count-label 1"
    assert main([*train, f"{tmp_path}/b.safetensors", *flags.split()]) == 0
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize("flags", [["-epoch", "3"], ["-epoch=3"]])
def test_one_dash_before_a_long_name_is_told(flags, capsys):
    assert main(["train", __file__, "-o", "x", *flags]) == 2
    assert "No such option '-epoch': it has two dashes, --epoch." in capsys.readouterr().err
