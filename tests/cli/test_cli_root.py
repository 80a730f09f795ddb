"""The root of the command line: the table of commands, exit statuses, imports."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from embedkit.cli import COMMANDS, cli, main
from embedkit.cli.commands import lm_neural, lm_ngram
from embedkit.cli.shared.commands import OTHER_NAMES


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "embedkit", *arguments], capture_output=True, text=True, encoding="utf-8", **options
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_ends_with_an_example(name):
    if find_spec(f"embedkit.cli.commands.{COMMANDS[name][0]}") is None:
        pytest.fail(f"{COMMANDS[name][0]} is in the table but not in the package")
    command = cli.get_command(None, name)
    with command.make_context(name, [], resilient_parsing=True) as context:
        last_paragraph = command.get_help(context).strip().split("\n\n")[-1]
    assert last_paragraph.strip().startswith("Example: ")
    assert f"embedkit {name}" in " ".join(last_paragraph.split())


def commands_of(name, command):
    """Every command in a group, those of both kinds of language models too."""
    if name == "lm":
        for kind in (lm_ngram, lm_neural):
            for part in command.commands:
                if hasattr(kind, part):
                    yield f"lm {part}", getattr(kind, part)
    elif hasattr(command, "commands"):
        for part, inner in command.commands.items():
            yield from commands_of(f"{name} {part}", inner)
    else:
        yield name, command


def test_every_command_is_quiet_and_speaks_json_where_it_answers():
    lacking = {"--json": set(), "--quiet": set()}
    for name in COMMANDS:
        for full, command in commands_of(name, cli.get_command(None, name)):
            flags = {flag for parameter in command.params for flag in parameter.opts}
            for flag, names in lacking.items():
                if flag not in flags:
                    names.add(full)
    of_help = {"manual", "help", "completion"}
    trained = {f"{group} train" for group in ("classify", "tag", "lm", "seq2seq", "caption")}
    assert lacking == {"--json": of_help | trained | {"explore"}, "--quiet": of_help}


def test_version():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("embedkit, version 0.")


def test_a_misspelt_command_is_wrong_usage_and_names_close_ones():
    done = run("simlar")
    assert done.returncode == 2
    assert "similar" in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_of_other_tools_are_answered_with_ours(capsys):
    for name, ours in OTHER_NAMES.items():
        words = ours.replace(",", " ").split()
        command = cli.get_command(None, words[0])
        if hasattr(command, "commands"):
            command = command.commands[words[1]]
        options = {option for parameter in command.params for option in parameter.opts}
        if ours.count("--") == 1 and "compress" not in words:
            assert {word for word in words if word.startswith("--")} <= options, ours
        if name not in COMMANDS:
            assert main([name]) == 2
            assert f"no command named {name!r}; here it is embedkit {ours}\n" in capsys.readouterr().err
    assert main(["classify", "test", "m.bin"]) == 2
    assert "here it is embedkit classify evaluate" in capsys.readouterr().err
    for group, name, ours in (
        ("tag", "predict-prob", "tag predict"),
        ("tag", "test-label", "tag evaluate --per-label"),
        ("seq2seq", "test-label", "seq2seq evaluate"),
        ("lm", "test", "lm evaluate"),
    ):
        assert main([group, name]) == 2
        assert f"here it is embedkit {ours}\n" in capsys.readouterr().err
    assert main(["tag", "trian"]) == 2
    assert "no command named 'trian'; did you mean train?" in capsys.readouterr().err


def test_errors_become_one_line_and_a_status(monkeypatch, capsys):
    from embedkit.errors import ConfigError, CorpusError

    in_kernel = SystemError("CPUDispatcher(...) returned a result with an exception set")
    in_kernel.__cause__ = KeyboardInterrupt()
    statuses = (
        *((CorpusError("no such file"), 1), (ConfigError("window 0"), 2)),
        *((KeyboardInterrupt(), 130), (in_kernel, 130)),
    )
    for error, status in statuses:

        def fail(*args, _error=error, **kwargs):
            raise _error

        monkeypatch.setattr(cli, "main", fail)
        assert main([]) == status
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    with pytest.raises(SystemError, match="another"):
        monkeypatch.setattr(cli, "main", lambda **kwargs: _raise(SystemError("another")))
        main([])


def _raise(error):
    raise error


def test_a_closed_pipe_ends_a_command_quietly(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(f"word{i} " for i in range(60_000)))
    command = [sys.executable, "-m", "embedkit", "vocab", str(corpus), "--min-count", "1", "-q"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout.readline().endswith(b"\t1\n")
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 0
