"""The commands classify and tag, as a shell sees them."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from embedkit.nn.models.classifier import Classifier
from embedkit.nn.models.tagger import Tagger
from embedkit.query.keyed_vectors import KeyedVectors
from tests.commands import run_here

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
GOOD, BAD, PLAIN = ["좋다", "moving"], ["나쁘다", "dull"], ["the", "film", "plot", "영화"]


def embedkit(*arguments, stdin="", status=0):
    run = run_here(*arguments, stdin=stdin)
    assert run.returncode == status, run.stderr
    assert "Traceback" not in run.stderr
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data, vectors, a classifier and a tagger."""
    path = tmp_path_factory.mktemp("models")
    draw = random.Random(4)
    lines = []
    for i in range(160):
        words = [draw.choice(GOOD if i % 2 else BAD), *draw.choices(PLAIN, k=4)]
        draw.shuffle(words)
        lines.append(" ".join(words) + "\t" + ("pos" if i % 2 else "neg"))
    (path / "reviews.tsv").write_text("\n".join([*lines, "", "\tpos"]) + "\n", encoding="utf-8")
    (path / "pos.tsv").write_text("the\tDET\ncat\tNOUN\nruns\tVERB\n\nthe\tDET\ndog\tNOUN\n\n" * 20, encoding="utf-8")
    words = [*GOOD, *BAD, *PLAIN, "cat", "dog"]
    rows = np.random.default_rng(0).normal(size=(len(words), 6)).astype(np.float32)
    KeyedVectors(words, rows, config={"tokenizer": "whitespace"}).save(path / "v.safetensors")
    KeyedVectors(words, rows[:, :4]).save(path / "narrow.safetensors")
    embedkit(
        "classify",
        "train",
        path / "reviews.tsv",
        "--vectors",
        path / "v.safetensors",
        "-o",
        path / "c.safetensors",
        "--pooling",
        "attention",
        "--lr",
        "0.05",
        "--epochs",
        "8",
        "--dropout",
        "0.1",
        "--quiet",
    )
    embedkit(
        "tag",
        "train",
        path / "pos.tsv",
        "--vectors",
        path / "v.safetensors",
        "-o",
        path / "t.safetensors",
        "--hidden-size",
        "4",
        "--epochs",
        "5",
        "--lr",
        "0.02",
        "-q",
    )
    return path


def test_predicting_lines(folder):
    run = embedkit("classify", "predict", folder / "c.safetensors", stdin="the 좋다 film\nthe plot dull\n")
    rows = [line.split("\t") for line in run.stdout.splitlines()]
    assert [row[0] for row in rows] == ["pos", "neg"] and all(0.5 < float(row[1]) <= 1 for row in rows)
    (folder / "lines.txt").write_text("moving film\r\nplot 나쁘다", encoding="utf-8", newline="")
    again = embedkit("classify", "predict", folder / "c.safetensors", folder / "lines.txt")
    assert [line.split("\t")[0] for line in again.stdout.splitlines()] == ["pos", "neg"]


def test_an_empty_line_keeps_its_place(folder):
    run = embedkit("classify", "predict", folder / "c.safetensors", stdin="좋다\n\n나쁘다")
    assert [line.split("\t")[0] for line in run.stdout.splitlines()] == ["pos", "–", "neg"]
    assert run.stderr == "line 2 is empty: nothing to do\n"
    assert not embedkit("classify", "predict", folder / "c.safetensors", "-q", stdin="좋다\n\n나쁘다").stderr


def test_explaining_gives_each_word_a_weight(folder):
    run = embedkit("classify", "predict", folder / "c.safetensors", "--explain", "--json", stdin="the 좋다 film\n")
    answer = json.loads(run.stdout)
    assert [w["word"] for w in answer["weights"]] == ["the", "좋다", "film"]
    text = embedkit("classify", "predict", folder / "c.safetensors", "--explain", stdin="the 좋다 film\n").stdout
    pairs = dict(pair.rsplit(":", 1) for pair in text.rstrip("\n").split("\t")[2].split(" "))
    assert max(pairs, key=lambda word: float(pairs[word])) == max(answer["weights"], key=lambda w: w["weight"])["word"]


def test_attention_on_the_terminal_and_as_a_page(folder):
    run = embedkit("classify", "predict", folder / "c.safetensors", "--attention-plot", stdin="the 좋다 film\n")
    assert "좋다" in run.stderr and "█" in run.stderr and run.stdout.startswith("pos\t")
    page = folder / "attention.html"
    embedkit("classify", "predict", folder / "c.safetensors", "--attention-plot", page, stdin="<좋다> & film\n")
    text = page.read_text(encoding="utf-8")
    assert "&lt;좋다&gt;" in text and "<좋다>" not in text and text.count("<td style") == 3


def test_evaluating(folder):
    run = embedkit("classify", "evaluate", folder / "c.safetensors", folder / "reviews.tsv", "--json")
    found = json.loads(run.stdout)
    assert found["accuracy"] > 0.95 and found["texts"] == 160
    assert run.stderr.startswith("left out 2 empty lines, the first at ") and "line 161" in run.stderr
    rows = embedkit("tag", "evaluate", folder / "t.safetensors", folder / "pos.tsv", "--per-label").stdout.splitlines()
    assert rows[0].split("\t") == ["label", "precision", "recall", "f1", "count"]
    assert {r.split("\t")[0]: r.split("\t")[4] for r in rows[1:]} == {"DET": "40", "NOUN": "40", "VERB": "20"}


def test_labels_of_valid_that_are_not_trained_on_count_as_wrong(folder, tmp_path):
    (tmp_path / "valid.tsv").write_text("moving film\tpos\nfilm\tmeh\n")
    (tmp_path / "tags.tsv").write_text("the\tDET\ncat\tODD\n")
    train = ["classify", "train", folder / "reviews.tsv", "-o", tmp_path / "x", "--valid", tmp_path / "valid.tsv"]
    for model in ("mean", "fasttext", "linear"):
        epochs = [] if model == "linear" else ["--epochs", "1"]
        run = embedkit(*train, "--model", model, *epochs)
        assert "1 label is none that the model knows, as 'meh': it counts as wrong\n" in run.stderr
    tags = ["tag", "train", folder / "pos.tsv", "-o", tmp_path / "x", "--valid", tmp_path / "tags.tsv"]
    run = embedkit(*tags, "--epochs", "1", "--hidden-size", "2")
    assert "1 tag is none that the model knows, as 'ODD': it counts as wrong\n" in run.stderr


def test_tagging_lines(folder):
    run = embedkit("tag", "predict", folder / "t.safetensors", stdin="the cat runs\n\nthe dog\n")
    assert run.stdout == "the\tDET\ncat\tNOUN\nruns\tVERB\n\n\nthe\tDET\ndog\tNOUN\n\n"
    tokens = embedkit("tag", "predict", folder / "t.safetensors", "--tokens", "--json", stdin="the\ncat\n\nthe")
    assert [json.loads(line)["tags"] for line in tokens.stdout.splitlines()] == [["DET", "NOUN"], ["DET"]]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ["classify", "predict", "t.safetensors"],
            1,
            "expected a model of embedkit classify, found one of embedkit tag",
        ),
        (["tag", "predict", "c.safetensors"], 1, "expected a model of embedkit tag, found one of embedkit classify"),
        (["classify", "predict", "v.safetensors"], 1, "these are word vectors, not a trained model"),
        (
            ["classify", "predict", "c.safetensors", "--vectors", "narrow.safetensors"],
            2,
            "the vectors have 4 dimensions, the model",
        ),
        *(
            (
                ["classify", "train", "reviews.tsv", "--model", model, "--valid", "strange.tsv", "-o", "x"],
                1,
                "--valid holds none of the labels that are trained on: expected neg, pos, found meh; are the columns",
            )
            for model in ("mean", "fasttext", "linear")
        ),
        (["classify", "train", "one.tsv", "-o", "x"], 1, "one.tsv, line 1: expected text<TAB>label, found one column"),
        (["tag", "train", "single.tsv", "-o", "x"], 1, "single.tsv, line 1: tags do not line up with tokens"),
        (["tag", "train", "pos.tsv", "--wide", "--output-layer", "linear", "-o", "x"], 2, "--wide has no effect"),
        (["classify", "train", "blank.tsv", "-o", "x"], 1, "there is nothing to work on"),
        (["classify", "train", "reviews.tsv", "-o", "x", "--resume"], 2, "needs the folder of the checkpoint"),
        (
            ["classify", "train", "reviews.tsv", "-o", "x", "--model", "mean", "--lr", "1e30", "--optimizer", "sgd"],
            1,
            "try a smaller",
        ),
        (
            ["classify", "train", "reviews.tsv", "-o", "nowhere/x", "--epochs", "1"],
            1,
            "does not exist; create it first",
        ),
    ],
)
def test_one_clear_line_for_bad_input(folder, arguments, status, message):
    (folder / "strange.tsv").write_text("film\tmeh\n")
    (folder / "one.tsv").write_text("no label\n")
    (folder / "single.tsv").write_text("word\n")
    (folder / "blank.tsv").write_text("\n\n")
    run = embedkit(
        *[folder / a if "." in a and "e30" not in a and a != "x" else a for a in arguments],
        status=status,
        stdin="film\n",
    )
    lines = run.stderr.splitlines()
    assert message in lines[-1] and lines[-1].startswith("embedkit: error: ")
    assert (
        not list(folder.glob("*.part")) and not (folder / "x").exists() and not os.path.exists(os.path.join(ROOT, "x"))
    )


def test_a_token_with_its_tag_is_no_sentence(folder):
    found = embedkit("tag", "predict", folder / "t.safetensors", folder / "pos.tsv")
    assert found.stderr.count("warning: line 1 looks like a token and its tag") == 1
    found = embedkit("tag", "predict", folder / "t.safetensors", folder / "pos.tsv", "--tokens", status=1)
    assert "line 1: expected a token a line, found 2 columns" in found.stderr


def test_columns_of_tags_the_other_way_round_are_told(folder, tmp_path):
    rows = (folder / "pos.tsv").read_text().splitlines()
    swapped = tmp_path / "swapped.tsv"
    swapped.write_text("\n".join("\t".join(reversed(row.split("\t"))) for row in rows) + "\n")
    found = embedkit("tag", "train", swapped, "-o", tmp_path / "x.safetensors", status=1)
    assert "found 4 different tags, as 'cat', of 3 different tokens, as 'DET'" in found.stderr
    found = embedkit("tag", "evaluate", folder / "t.safetensors", swapped)
    assert "warning: no tag is one that the model knows: found 'the', expected DET, NOUN, VERB" in found.stderr


def test_vectors_that_hardly_know_the_text_are_told(folder, tmp_path):
    KeyedVectors(["zzz", "yyy"], np.eye(2, dtype=np.float32)).save(tmp_path / "other.safetensors")
    options = ("--vectors", tmp_path / "other.safetensors", "--epochs", "1", "--hidden-size", "4")
    found = embedkit("classify", "train", folder / "reviews.tsv", *options, "-o", tmp_path / "x.safetensors")
    assert "warning: 0 of the 8 different words of the text are in the vectors" in found.stderr
    (tmp_path / "t.txt").write_text("the film\nthe plot\n" * 5)
    found = embedkit("lm", "train", tmp_path / "t.txt", *options, "--model", "gru", "-o", tmp_path / "y.safetensors")
    assert "warning: 0 of the 3 different words" in found.stderr


def test_a_language_model_that_hardly_knows_the_text_is_told(folder, tmp_path):
    (tmp_path / "t.txt").write_text("aaa bbb\nbbb ccc\n" * 5)
    model = tmp_path / "lm.safetensors"
    small = ("--epochs", "1", "--hidden-size", "4")
    embedkit("lm", "train", tmp_path / "t.txt", *small, "--model", "gru", "-o", model)
    for command, data in (("classify", "reviews.tsv"), ("tag", "pos.tsv")):
        found = embedkit(command, "train", folder / data, "--encoder", model, *small, "-o", tmp_path / "x")
        assert "different words of the text are in the language model" in found.stderr
        assert "a network is trained" not in found.stderr
    found = embedkit("lm", "vectors", model, tmp_path / "t.txt", "--layers", "nan", status=2)
    assert "expected a number for each layer of the model (1), found [nan]" in found.stderr


def test_vectors_that_never_begin_to_train_are_refused(folder, tmp_path):
    options = ("--vectors", folder / "v.safetensors", "--epochs", "2", "--unfreeze-after", "2")
    for command, data in (("classify", "reviews.tsv"), ("tag", "pos.tsv")):
        found = embedkit(command, "train", folder / data, *options, "-o", tmp_path / "x.safetensors", status=2)
        assert "--unfreeze-after 2 leaves none of 2 --epochs for the vectors to train in" in found.stderr


def test_training_twice_gives_the_same_file(folder, tmp_path):
    for name in ("a", "b"):
        embedkit(
            "classify",
            "train",
            folder / "reviews.tsv",
            "-o",
            tmp_path / name,
            "--vector-size",
            "4",
            "--epochs",
            "2",
            "--log",
            tmp_path / f"{name}.jsonl",
            "-q",
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    records = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [r["epoch"] for r in records] == [1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_leaves_a_checkpoint_and_no_half_file(folder, tmp_path):
    arguments = [
        sys.executable,
        "-m",
        "embedkit",
        "tag",
        "train",
        str(folder / "pos.tsv"),
        "-o",
        str(tmp_path / "m"),
        "--checkpoint",
        str(tmp_path / "run"),
        "--epochs",
        "100000",
        "--patience",
        "100000",
        "--hidden-size",
        "4",
        "--log",
        str(tmp_path / "log"),
        "-q",
    ]
    process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 90
    while not ((tmp_path / "log").exists() and (tmp_path / "log").read_text().count("\n") >= 2):
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=30)
    assert process.returncode == 130 and message.strip() == "embedkit: stopped"
    assert not (tmp_path / "m").exists()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoint.safetensors"]
    done = len((tmp_path / "log").read_text().splitlines())
    arguments[arguments.index("100000")] = str(done + 1)
    subprocess.run([*arguments, "--resume"], cwd=ROOT, check=True, timeout=60)
    epochs = [json.loads(line)["epoch"] for line in (tmp_path / "log").read_text().splitlines()]
    assert epochs == list(range(1, done + 2))
    assert Tagger.load(tmp_path / "m").labels == ["DET", "NOUN", "VERB"]


def test_a_prediction_imports_neither_numba_nor_training(folder):
    code = (
        "import sys; from embedkit.cli import main; status = main(sys.argv[1:]); "
        "print(sorted({'numba', 'matplotlib', 'rich', 'embedkit.nn.models.classifier_training'} & set(sys.modules)), "
        "file=sys.stderr); sys.exit(status)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, "classify", "predict", str(folder / "c.safetensors")],
        cwd=ROOT,
        input="좋다 film\n",
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert run.stderr.strip() == "[]" and run.stdout.startswith("pos\t")


def test_help_ends_with_an_example():
    for group in ("classify", "tag"):
        for command in ("train", "evaluate", "predict"):
            text = embedkit(group, command, "--help").stdout
            assert f"embedkit {group} {command}" in text.split("Example:")[1]


def test_the_library_opens_what_the_command_wrote(folder):
    assert Classifier.load(folder / "c.safetensors").predict(["좋다"])[0].label == "pos"


def test_headers_of_tagged_sentences_are_left_out_and_told(folder, tmp_path):
    named = tmp_path / "named.tsv"
    named.write_text("token\ttag\n" + (folder / "pos.tsv").read_text(encoding="utf-8"), encoding="utf-8")
    without = embedkit("tag", "evaluate", folder / "t.safetensors", folder / "pos.tsv")
    run = embedkit("tag", "evaluate", folder / "t.safetensors", named)
    assert run.stdout == without.stdout and "line 1, which names the columns" in run.stderr
