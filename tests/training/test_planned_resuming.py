"""What `train --dry-run --resume` says of a checkpoint is what the run then does with it."""

import json

import numpy as np
import pytest

from embedkit.files.checkpoint import file_in
from embedkit.training import slices
from embedkit.training.options import TrainingConfig
from embedkit.training.plan import plan
from embedkit.training.state import Session
from embedkit.vocabulary.corpus import Corpus
from tests.commands import run_here

SMALL = ["--vector-size", "10", "--epochs", "4", "--min-count", "1", "--workers", "1", "--sample", "0"]
FAMILIES = {
    "skipgram": [],
    "replicas": ["--replicas", "2"],
    "fasttext": ["--model", "fasttext", "--bucket", "100"],
    "doc2vec": ["--model", "doc2vec", "--paragraphs", "dm"],
    "glove": ["--model", "glove"],
}


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.setattr(slices, "SHORTEST_SLICE", 300)
    rows = np.random.default_rng(0).integers(0, 30, (400, 12))
    (tmp_path / "t.txt").write_text("".join(" ".join(f"w{i}" for i in row) + "\n" for row in rows.tolist()))
    return tmp_path / "t.txt"


def train(text, *options):
    """The command on a text, with a checkpoint beside it."""
    sample = ["--sample", "0"] if "glove" not in options else []
    small = [option for option in SMALL if sample or option not in ("--sample", "0")]
    command = ["train", text, "-o", text.parent / "m.safetensors", "--checkpoint", text.parent / "run", "-q"]
    return run_here(*command, *small, *options)


def stopped(text, *options):
    """A run until its first checkpoint behind the first step."""
    save = Session.save

    def saved(self, step):
        save(self, step)
        if step:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "save", saved)
        assert train(text, "--checkpoint-every", "0", *options).returncode == 130


def planned(text, *options):
    done = train(text, "--resume", "--dry-run", "--json", *options)
    assert done.returncode == 0, done.stderr
    return {row["what"]: row["value"] for row in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_plan_tells_from_where_the_run_goes_on(name, text, monkeypatch):
    options = FAMILIES[name]
    assert "going on from epoch" not in planned(text, *options)
    assert not (text.parent / "run").exists()
    stopped(text, *options)
    found = planned(text, *options)
    begun = []
    end = Session.train
    monkeypatch.setattr(
        Session, "train", lambda self, loop: begun.append(self.first / self.work.steps) or end(self, loop)
    )
    assert train(text, "--resume", *options).returncode == 0
    assert begun == [found["going on from epoch"]]
    assert 0 < begun[0] < 4


def test_only_the_time_that_is_left_is_told(text, monkeypatch):
    monkeypatch.setattr("embedkit.training.plan._seconds", lambda corpus, config: 100.0)
    stopped(text)
    found = planned(text)
    assert found["training, s (estimated)"] == pytest.approx(100 * (1 - found["going on from epoch"] / 4))


@pytest.mark.parametrize(
    "options",
    [
        ["--window", "3"],
        ["--min-count", "150"],
        ["--replicas", "2"],
        ["--model", "glove"],
        ["--init", "m.vec", "--lock"],
        ["OTHER TEXT"],
        ["DAMAGED"],
    ],
    ids=" ".join,
)
def test_the_plan_refuses_the_checkpoint_that_the_run_refuses(options, text, monkeypatch):
    monkeypatch.chdir(text.parent)
    stopped(text)
    if options == ["DAMAGED"]:
        path, options = file_in(text.parent / "run"), []
        with open(path, "rb+") as file:
            content = file.read().replace(b'\\"steps\\": [', b'\\"stepz\\": [')
            file.seek(0)
            file.write(content)
    if options == ["OTHER TEXT"]:
        text.write_text(text.read_text() + "w1 w2\n")
        options = []
    (text.parent / "m.vec").write_text("1 10\nw1 1 2 3 4 5 6 7 8 9 10\n")
    run, plan = train(text, "--resume", *options), train(text, "--resume", "--dry-run", *options)
    assert run.returncode == plan.returncode == 1
    assert plan.stderr == run.stderr != ""
    assert not plan.stdout


@pytest.mark.parametrize("more", [{"paragraphs": "dm"}, {"train_words": True}, {}], ids=str)
def test_the_plan_counts_both_vectors_that_words_have_beside_paragraphs(more, text, tmp_path):
    config = TrainingConfig.create("doc2vec", vector_size=10, min_count=1, epochs=1, workers=1, **more)
    found = plan(Corpus.from_text(text, min_count=1, keep_empty=True), config)
    options = [] if not more else ["--train-words"] if "train_words" in more else ["--paragraphs", "dm"]
    assert train(text, "--model", "doc2vec", *options).returncode == 0
    assert found.disk_bytes == pytest.approx((tmp_path / "m.safetensors").stat().st_size, abs=4000)
