"""The training loop on a least-squares problem: resuming, stopping, exploding, NaN, Ctrl-C."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest

from embedkit.errors import ConfigError, EmbedkitError, TrainingError
from embedkit.files.checkpoint import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from embedkit.nn.layers.parameters import RowGradient
from embedkit.nn.learning import loop
from embedkit.nn.learning.identity import Identity, digest
from embedkit.nn.learning.options import TrainingOptions
from tests.nn.damage import CASES, damaged_json

IDENTITY = Identity("test", {"dropout": 0.1}, {"training data": ["a", "b"]})
OPTIONS = TrainingOptions(epochs=5, batch_size=4, learning_rate=0.05, patience=5)


def fit(model, options, identity=IDENTITY, **rest):
    return loop.fit(model, options, identity=identity, **rest)


class LeastSquares:
    """y = X w + rows[i], with noise drawn from the run's generator, so that its state counts."""

    def __init__(self, batch_size=4):
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(40, 3))
        self.y = self.x @ [1.0, -2.0, 0.5]
        self.parameters = {"w": np.zeros(3), "rows": np.zeros((40, 1))}
        self.batch_size = batch_size
        self.steps = 0
        self.epochs_started = []
        self.on_step = lambda: None
        self.scores = None

    def batches(self, rng):
        return np.split(rng.permutation(40), 40 // self.batch_size)

    def start_epoch(self, epoch):
        self.epochs_started.append(epoch)

    def loss_and_gradients(self, batch, rng):
        self.steps += 1
        self.on_step()
        x = self.x[batch] + 0.1 * rng.normal(size=(len(batch), 3))
        error = x @ self.parameters["w"] + self.parameters["rows"][batch, 0] - self.y[batch]
        grads = {"w": 2 * x.T @ error / len(batch), "rows": RowGradient.from_lookups(batch, 2 * error[:, None] / 4)}
        return float((error**2).mean()), grads

    def validate(self, check):
        check()
        if self.scores is not None:
            return {"score": self.scores[len(self.epochs_started) - 1]}
        return {"score": -float(((self.x @ self.parameters["w"] - self.y) ** 2).mean()), "other": 1.0}


def test_it_goes_down_and_reports():
    model, seen = LeastSquares(), []
    history = fit(model, OPTIONS, progress=seen.append)
    assert history.best_epoch == 5 and history.epochs[-1]["loss"] < 0.5 * history.epochs[0]["loss"]
    assert history.best_score == history.epochs[4]["score"] and history.epochs[0]["other"] == 1.0
    assert (seen[-1].done, seen[-1].total, seen[-1].fields["epoch"]) == (50, 50, 5)
    assert 0 < history.seconds_to_best <= history.seconds


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "adagrad", "sgd"])
@pytest.mark.parametrize("stop_at", [3, 10, 27])
def test_an_interrupted_run_resumes_bit_for_bit(tmp_path, optimizer, stop_at):
    options = TrainingOptions(**{**OPTIONS.__dict__, "optimizer": optimizer, "learning_rate": 0.01})
    whole = LeastSquares()
    expected = fit(whole, options)
    first = LeastSquares()
    first.on_step = lambda: first.steps == stop_at and signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(first, options, checkpoint=tmp_path / "run")
    assert first.steps == stop_at
    second = LeastSquares()
    found = fit(second, options, checkpoint=tmp_path / "run", resume=True)
    assert second.steps == 50 - stop_at
    for name, array in whole.parameters.items():
        np.testing.assert_array_equal(second.parameters[name], array)

    def plain(history):
        return [{k: v for k, v in record.items() if k != "seconds"} for record in history.epochs]

    assert plain(found) == plain(expected) and found.best_epoch == expected.best_epoch
    assert [path.name for path in (tmp_path / "run").iterdir()] == [CHECKPOINT_NAME]


def test_a_finished_run_resumes_to_its_end(tmp_path):
    whole = LeastSquares()
    fit(whole, OPTIONS, checkpoint=tmp_path)
    again = LeastSquares()
    history = fit(again, OPTIONS, checkpoint=tmp_path, resume=True)
    assert again.steps == 0 and len(history.epochs) == 5
    np.testing.assert_array_equal(again.parameters["w"], whole.parameters["w"])


def test_nothing_to_resume_starts_with_a_note_and_a_used_folder_is_refused_without_resume(tmp_path):
    notes, model = [], LeastSquares()
    fit(model, OPTIONS, checkpoint=tmp_path, resume=True, note=notes.append)
    assert notes == [f"{tmp_path} holds no checkpoint: starting from the beginning"] and model.steps == 50
    with pytest.raises(ConfigError, match=r"holds the checkpoint of a run that was stopped: give `resume`"):
        fit(LeastSquares(), OPTIONS, checkpoint=tmp_path)
    with pytest.raises(ConfigError, match=r"`resume` needs the folder of the checkpoint: give `checkpoint` too"):
        fit(LeastSquares(), OPTIONS, resume=True)


def stopped_at(step, folder, options=OPTIONS):
    model = LeastSquares()
    model.on_step = lambda: model.steps == step and signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(model, options, checkpoint=folder)


def test_checkpoints_of_other_runs_are_refused_and_say_what_differs(tmp_path):
    stopped_at(12, tmp_path)

    def message(options=OPTIONS, identity=IDENTITY, start=0.0):
        model = LeastSquares()
        model.parameters["w"][:] = start
        with pytest.raises(TrainingError) as caught:
            fit(model, options, identity, checkpoint=tmp_path, resume=True)
        assert model.steps == 0
        return str(caught.value)

    assert "`seed` was 1, is 7" in message(TrainingOptions(**{**OPTIONS.__dict__, "seed": 7}))
    assert "`dropout` was 0.1, is 0.2" in message(identity=IDENTITY._replace(settings={"dropout": 0.2}))
    assert "of another training data" in message(identity=IDENTITY._replace(data={"training data": ["a", "c"]}))
    assert "of another validation data" in message(
        identity=IDENTITY._replace(data={**IDENTITY.data, "validation data": ["a"]})
    )
    assert "of another vectors or language model" in message(start=1.0)
    assert "expected a checkpoint of tag" in message(identity=IDENTITY._replace(kind="tag"))


def test_more_epochs_go_on_and_say_what_the_learning_rate_does(tmp_path):
    stopped_at(23, tmp_path)
    notes, model = [], LeastSquares()
    longer = TrainingOptions(**{**OPTIONS.__dict__, "epochs": 10})
    history = fit(model, longer, checkpoint=tmp_path, resume=True, note=notes.append)
    assert model.steps == 77 and len(history.epochs) == 10
    assert notes == [
        "going on in epoch 3 with 10 epochs instead of 5: the learning rate was 0.028 where the run stopped, "
        "goes on from 0.0385 and ends at 0.0005"
    ]


def test_fewer_epochs_than_are_done_are_refused(tmp_path):
    stopped_at(25, tmp_path)
    with pytest.raises(TrainingError, match="in epoch 3, which is more than `epochs` 2"):
        fit(LeastSquares(), TrainingOptions(**{**OPTIONS.__dict__, "epochs": 2}), checkpoint=tmp_path, resume=True)


def test_digests_tell_apart_what_is_not_the_same():
    parts = [["ab"], ["a", "b"], [["a"], "b"], "ab", None, [], "", 1, "1", np.zeros(2), np.zeros((2, 1)), {"a": "b"}]
    parts += [np.zeros(2, np.float32), ["a", "c"], {"a": ["b"]}]
    assert len({digest(part) for part in parts}) == len(parts)
    assert digest(["한국", np.arange(3)]) == digest(("한국", np.arange(3)))


def test_damaged_checkpoints_are_refused_or_harmless(tmp_path):
    stopped_at(23, tmp_path)
    good = load_checkpoint(tmp_path, "test")
    rng = np.random.default_rng(1)
    refused = 0
    cases = CASES or 300
    for _ in range(cases):
        metadata, arrays = good.metadata, dict(good.arrays)
        if rng.random() < 0.5:
            metadata = damaged_json(rng, metadata)
        else:
            name = list(arrays)[rng.integers(len(arrays))]
            other = [np.zeros(0), np.zeros((2, 2)), arrays[name].astype(np.float32), arrays[name] * np.nan, None]
            arrays[name] = other[rng.integers(len(other))]
            arrays = {k: v for k, v in arrays.items() if v is not None}
        save_checkpoint(tmp_path, "test", metadata, arrays)
        try:
            fit(LeastSquares(), OPTIONS, checkpoint=tmp_path, resume=True)
        except EmbedkitError:
            refused += 1
    assert refused > cases // 2


@pytest.mark.parametrize("epochs", [0, -1, 10**400])
def test_a_checkpoint_of_no_or_endless_epochs_is_damaged(tmp_path, epochs):
    stopped_at(23, tmp_path)
    good = load_checkpoint(tmp_path, "test")
    identity = good.metadata["identity"]
    changed = {**identity, "settings": {**identity["settings"], "epochs": epochs}}
    save_checkpoint(tmp_path, "test", {**good.metadata, "identity": changed}, good.arrays)
    with pytest.raises(EmbedkitError, match="damaged"):
        fit(LeastSquares(), OPTIONS, checkpoint=tmp_path, resume=True)


def test_early_stopping_restores_the_best_epoch():
    model = LeastSquares()
    model.scores = [0.5, 0.9, 0.8, 0.7, 0.95]
    kept = {}

    def remember(_progress):
        kept.setdefault(len(model.epochs_started), None)

    history = fit(model, TrainingOptions(**{**OPTIONS.__dict__, "patience": 2}), progress=remember)
    assert (history.best_epoch, history.best_score, len(history.epochs)) == (2, 0.9, 4)
    two_epochs = LeastSquares()
    two_epochs.scores = model.scores
    fit(two_epochs, TrainingOptions(**{**OPTIONS.__dict__, "epochs": 2, "schedule": "constant"}))
    unlike = fit_constant(model_scores=model.scores)
    np.testing.assert_array_equal(unlike, two_epochs.parameters["w"])


def fit_constant(model_scores):
    model = LeastSquares()
    model.scores = model_scores
    fit(model, TrainingOptions(**{**OPTIONS.__dict__, "patience": 2, "schedule": "constant"}))
    return model.parameters["w"]


def test_exploding_gradients_are_clipped_and_reported():
    model, notes = LeastSquares(), []
    model.y = model.y * 1e4
    history = fit(model, OPTIONS, note=notes.append)
    assert history.exploded > 0 and history.epochs[0]["largest_norm"] > 50
    assert "epoch 1: exploding gradients in" in notes[0] and "clipped to 5" in notes[0]
    assert np.isfinite(model.parameters["w"]).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, r"the loss became nan in epoch 1, step 1 of 10; try a smaller `learning_rate`"),
        (np.inf, r"the loss became (inf|nan) in epoch 1, step 1"),
    ],
)
def test_a_loss_that_is_no_number_stops_the_run(value, message, tmp_path):
    model = LeastSquares()
    model.y = model.y + value
    with pytest.raises(TrainingError, match=message):
        fit(model, OPTIONS, checkpoint=tmp_path)
    assert (model.parameters["w"] == 0).all() and list(tmp_path.iterdir()) == []


def test_the_same_seed_repeats_and_another_does_not():
    runs = [LeastSquares() for _ in range(3)]
    for model, seed in zip(runs, (1, 1, 2), strict=True):
        fit(model, TrainingOptions(**{**OPTIONS.__dict__, "seed": seed}))
    np.testing.assert_array_equal(runs[0].parameters["w"], runs[1].parameters["w"])
    assert (runs[0].parameters["w"] != runs[2].parameters["w"]).any()


def test_ctrl_c_without_a_checkpoint_stops_after_the_step_and_the_handler_comes_back():
    before = signal.getsignal(signal.SIGINT)
    model = LeastSquares()
    model.on_step = lambda: model.steps == 2 and signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(model, OPTIONS)
    assert model.steps == 2 and signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "`epochs` must be a whole number of at least 1, got 0"),
        ({"clip": 0.0}, "`clip` must be a number above 0"),
        ({"optimizer": "lion"}, "`optimizer` must be one of adam, adamw, adagrad, sgd, got .lion."),
        ({"warmup": 1.0}, "`warmup` must be a number from 0 to below 1"),
        ({"layer_rate": 1.5}, "`layer_rate` must be a number above 0, 1 at most, got 1.5"),
        ({"learning_rate": np.inf}, "`learning_rate` must be a finite number above 0, got inf"),
        ({"seed": 2**63}, "`seed` must be a whole number from 0 to 9223372036854775807, got 9223372036854775808"),
        ({"schedule": "steep"}, "`schedule` must be one of constant, linear, cosine, noam, got .steep."),
    ],
)
def test_options_that_cannot_work(wrong, message):
    with pytest.raises(ConfigError, match=message):
        TrainingOptions(**wrong)


def test_gradients_may_be_as_large_as_they_are(tmp_path):
    free, cut = (
        fit(LeastSquares(), replace(OPTIONS, clip=clip), checkpoint=tmp_path / str(clip)) for clip in (np.inf, 1e-3)
    )
    fit(LeastSquares(), replace(OPTIONS, clip=np.inf, epochs=6), checkpoint=tmp_path / "inf", resume=True)
    assert not any(record["clipped"] for record in free.epochs) and all(record["clipped"] for record in cut.epochs)


def test_history_is_plain_json():
    assert json.loads(json.dumps(fit(LeastSquares(), OPTIONS).epochs))[0]["epoch"] == 1


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 1.5},
        {"epochs": True},
        {"batch_size": "8"},
        {"learning_rate": "x"},
        {"clip": float("nan")},
        {"warmup": 1},
    ],
)
def test_options_of_another_kind_are_refused(options):
    with pytest.raises(ConfigError, match=f"`{next(iter(options))}` must be a"):
        TrainingOptions(**options)
