"""What a run started from and what stands still in it: a run that goes on knows it from its checkpoint."""

import numpy as np
import pytest

import embedkit
from embedkit import KeyedVectors
from embedkit.errors import TrainingError
from embedkit.files.checkpoint import load_checkpoint, save_checkpoint
from embedkit.training.resuming import VERSION
from embedkit.training.state import Session

WORDS = [f"w{i}" for i in range(30)]
TEXT = [[WORDS[i] for i in row] for row in np.random.default_rng(0).integers(0, 30, (400, 12)).tolist()]
SMALL = {"vector_size": 10, "epochs": 3, "learning_rate": 0.025, "min_count": 1, "workers": 1, "sample": 0}


def stopped(folder, **options):
    """Train until the first checkpoint of the run is written."""
    save = Session.save

    def saved(self, step):
        save(self, step)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Session, "save", saved)
        embedkit.train(TEXT, checkpoint=folder, checkpoint_every=0.0, **{**SMALL, **options})


def resumed(folder, **options):
    return embedkit.train(TEXT, checkpoint=folder, resume=True, **{**SMALL, **options})


@pytest.fixture(scope="module")
def known():
    return embedkit.train(TEXT, keep_output=True, **{**SMALL, "epochs": 1})


@pytest.fixture(scope="module")
def other(known):
    return KeyedVectors(known.index_to_key, known.vectors + 1, output_vectors=known.output_vectors + 1)


def test_a_run_goes_on_with_what_it_started_from_and_what_stands_still_in_it(known, other, tmp_path):
    """Vectors that `lock` names moved where the run that went on did not know of it."""
    locked = {"init": known, "lock": True}
    for name, more in {"locked": locked, "begun": {"init": known}, "compass": {"compass": known}, "plain": {}}.items():
        stopped(tmp_path / name, **more)
    for name, more, message in (
        ("locked", {"init": known}, "a run with `lock`"),
        ("locked", {"init": other, "lock": True}, "a run with another `init` or `continue_from`"),
        ("begun", {"init": other}, "a run with another `init` or `continue_from`"),
        ("begun", {"init": known, "lock": True}, "a run without `lock`"),
        ("plain", {"init": known}, "a run without `init` or `continue_from`"),
        ("compass", {}, "a run with `compass`"),
        ("compass", {"compass": other}, "a run with another `compass`"),
    ):
        with pytest.raises(TrainingError, match=message):
            resumed(tmp_path / name, **more)
    np.testing.assert_array_equal(resumed(tmp_path / "locked", **locked).vectors, known.vectors)
    whole = embedkit.train(TEXT, init=known, **SMALL)
    np.testing.assert_array_equal(resumed(tmp_path / "begun").vectors, whole.vectors)


def test_a_run_that_goes_on_without_its_init_keeps_it_for_the_next(known, other, tmp_path):
    """Which was refused: "the checkpoint is of a run without `init`"."""
    stopped(tmp_path, init=known)
    stopped(tmp_path, resume=True)
    with pytest.raises(TrainingError, match="a run with another `init` or `continue_from`"):
        resumed(tmp_path, init=other)
    whole = embedkit.train(TEXT, init=known, **SMALL)
    np.testing.assert_array_equal(resumed(tmp_path, init=known).vectors, whole.vectors)


@pytest.mark.parametrize(
    "kind, options", [("word2vec", {}), ("doc2vec", {"model": "doc2vec", "paragraphs": "dm", "learning_rate": 0.05})]
)
def test_older_checkpoints_tell_no_beginning_and_of_doc2vec_locked_vectors_moved(kind, options, known, tmp_path):
    locked = {"init": known, "lock": True, **options}
    stopped(tmp_path, **locked)
    metadata, arrays, rule = load_checkpoint(tmp_path, kind, version=VERSION)
    del metadata["beginning"]
    save_checkpoint(tmp_path, kind, metadata, arrays, version=rule)
    if kind == "doc2vec":
        with pytest.raises(TrainingError, match=r"moved vectors of words under `lock`; name another folder"):
            resumed(tmp_path, **locked)
    else:
        stopped(tmp_path, resume=True, **locked)
        assert "beginning" not in load_checkpoint(tmp_path, kind, version=VERSION)[0]
        np.testing.assert_array_equal(resumed(tmp_path, **locked).vectors, known.vectors)
    assert len(resumed(tmp_path, **options, init=known))
