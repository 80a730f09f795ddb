"""The example at the end of each command's help runs as it stands, given files of the names it uses."""

import shutil

import click
import numpy as np
import pytest

import embedkit
from embedkit.cli import COMMANDS, cli
from tests.manual import sessions

sessions.skip_without_shell()
SERVERS = {"explore"}  # end with Ctrl-C
NEURAL = {"classify", "tag", "lm", "seq2seq", "caption"}


def example(name):
    """Return the example of a command's help without the word that introduces it."""
    return cli.get_command(None, name).epilog.rpartition("Example: ")[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = sessions.make_place(tmp_path_factory.mktemp("examples"), models=False)
    text = (folder / "corpora" / "en.txt").read_text(encoding="utf-8")
    (folder / "corpus.txt").write_text(text, encoding="utf-8")
    (folder / "few.txt").write_text("".join(text.splitlines(keepends=True)[:2000]), encoding="utf-8")
    model = embedkit.train(str(folder / "corpus.txt"), vector_size=20, epochs=2, seed=1, keep_output=True)
    for name in ("kept.safetensors", "before.safetensors", "after.safetensors", "ko.vec", "en.vec"):
        model.save(folder / name)
    model.save(folder / "glove.6B.100d.txt", format="glove-text")
    small = embedkit.train(str(folder / "few.txt"), model="doc2vec", vector_size=8, epochs=1, min_count=1)
    small.save(folder / "doc2vec.safetensors")
    words = list(model.index_to_key)
    (folder / "ko-en.tsv").write_text("".join(f"{word}\t{word}\n" for word in words[:400]), encoding="utf-8")
    scores = np.random.default_rng(1).random(200).round(2)
    (folder / "ws353.tsv").write_text(
        "".join(f"{a}\t{b}\t{score}\n" for a, b, score in zip(words[:200], words[200:400], scores, strict=True))
    )
    return folder


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NEURAL])
def test_the_example_runs(place, name):
    if name == "index":
        pytest.importorskip("usearch")
    shutil.copy(place / "kept.safetensors", place / "model.safetensors")  # the example of train writes another
    if name in SERVERS:
        done = sessions.run_server(place, example(name))
        assert "http://127.0.0.1:" in done.stdout
    else:
        done = sessions.run(place, example(name), "bash" if "bash" in example(name) else "sh")
    assert done.returncode == (130 if name in SERVERS else 0), f"{example(name)}\n{done.stderr}"
    assert "Traceback" not in done.stderr


def test_the_root_example_and_the_one_of_the_language_models_run(place):
    lines = [cli.epilog.rpartition("Example: ")[2], example("lm")]
    for line in lines:
        done = sessions.run(place, line)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert done.stdout.strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_example_is_broken_by_the_width_of_the_terminal(name):
    command = cli.get_command(None, name)
    with click.Context(command, info_name=name, terminal_width=60) as context:
        assert command.get_help(context).rstrip().splitlines()[-1].strip().endswith(example(name).strip())
