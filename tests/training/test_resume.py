"""Any run resumes anywhere: other threads, other padding; every word is trained once, whatever stopped the run."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import embedkit
from embedkit.errors import ConfigError, EmbedkitError, TrainingError
from embedkit.files.checkpoint import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from embedkit.training import fasttext, glove, slices, subword_layout, word2vec
from embedkit.training.options import TrainingConfig
from embedkit.training.resuming import VERSION
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

FAMILIES = {
    "skipgram": {"model": "skipgram"},
    "cbow": {"model": "cbow", "cbow_gradient": "mean"},
    "hs": {"model": "skipgram", "loss": "hs"},
    "positional": {"model": "skipgram", "positional": True, "window": 2},
    "softmax": {"model": "cbow", "loss": "softmax"},
    "fasttext": {"model": "fasttext", "bucket": 500},
    "fasttext-hs": {"model": "fasttext", "bucket": 500, "loss": "hs"},
    "glove": {"model": "glove"},
}
SMALL = {"vector_size": 10, "epochs": 3, "learning_rate": 0.025}


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    return Corpus.from_sentences(
        [[f"w{int(x)}" for x in np.minimum(rng.exponential(12, rng.integers(2, 30)), 80)] for _ in range(500)],
        min_count=1,
    )


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    """Short slices, so that there are many; lazy rows in small models; Ctrl-C as on a terminal."""
    monkeypatch.setattr(slices, "SHORTEST_SLICE", 300)
    monkeypatch.setattr(slices, "LONGEST_SLICE", 600)  # two of them at a time
    monkeypatch.setattr(subword_layout, "EAGER_ROWS", 40)
    monkeypatch.setattr(subword_layout, "FLUSHES", 10)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_at(monkeypatch, step):
    """Ctrl-C while the given step is under way; returns where the steps' words are counted."""
    counted, lock = [], threading.Lock()

    def counting(original, units=lambda result: int(result[0])):
        def run(*arguments):
            result = original(*arguments)
            with lock:
                counted.append(units(result))
                if len(counted) == step:
                    signal.raise_signal(signal.SIGINT)
            return result

        return run

    for family in (word2vec.Word2Vec, fasttext.FastText):
        monkeypatch.setattr(family, "step", counting(family.step))
    run_rounds = glove.run_rounds

    def run_counted(work, *rest, **more):
        return run_rounds(counting(work, lambda blocks: sum(block.n for block in blocks)), *rest, **more)

    monkeypatch.setattr(glove, "run_rounds", run_counted)
    monkeypatch.setattr(glove, "STAGE_RECORDS", 1)
    return counted


def stopped(corpus, folder, step, options):
    """Train until Ctrl-C at a step; returns the units that were trained."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        counted = press_at(patch, step + 1)  # the first call compiles
        embedkit.train(corpus, checkpoint=folder, **options)
    return sum(counted)


def units_in(corpus, options):
    if options["model"] != "glove":
        return corpus.n_tokens * options["epochs"]
    return len(embedkit.counting.count_cooccurrences(corpus, embedkit.counting.Window(15))) * options["epochs"]


@pytest.mark.parametrize("name", FAMILIES)
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(step=st.integers(1, 40), workers=st.sampled_from([1, 2, 3]), after=st.sampled_from([1, 2, 3]))
def test_every_word_is_trained_once_whoever_goes_on(corpus, tmp_path_factory, name, step, workers, after):
    options = {**SMALL, **FAMILIES[name]}
    folder = tmp_path_factory.mktemp("run")
    step = min(step, 20) if name == "glove" else step  # which has 24 steps here
    before = stopped(corpus, folder, step, {**options, "workers": workers})
    kind = {"glove": "glove", "fasttext": "fasttext"}.get(options["model"], "word2vec")
    metadata, arrays, _ = load_checkpoint(folder, kind, version=VERSION)
    assert metadata["units"] == before
    assert all(array.shape[1:] in ((), (10,)) for array in arrays.values())  # no padding, no private rows
    with pytest.MonkeyPatch.context() as patch:
        counted = press_at(patch, -1)
        resumed = embedkit.train(corpus, checkpoint=folder, resume=True, **{**options, "workers": after})
    assert before + sum(counted) == units_in(corpus, options)
    assert np.isfinite(resumed.vectors).all()
    if workers == after == 1 or name == "glove":
        whole = embedkit.train(corpus, **{**options, "workers": 1})
        np.testing.assert_array_equal(resumed.vectors, whole.vectors)


def test_an_option_that_a_checkpoint_does_not_know_had_its_default(corpus, tmp_path):
    options = {**SMALL, "model": "skipgram", "workers": 1}
    stopped(corpus, tmp_path, 5, options)
    metadata, arrays, rule = load_checkpoint(tmp_path, "word2vec", version=VERSION)
    del metadata["config"]["positional"]  # as of a version before it
    save_checkpoint(tmp_path, "word2vec", metadata, arrays, version=rule)
    resumed = embedkit.train(corpus, checkpoint=tmp_path, resume=True, **options)
    np.testing.assert_array_equal(resumed.vectors, embedkit.train(corpus, **options).vectors)
    save_checkpoint(tmp_path, "word2vec", metadata, arrays, version=rule)
    with pytest.raises(TrainingError, match="`positional` was False, is True"):
        embedkit.train(corpus, checkpoint=tmp_path, resume=True, positional=True, **options)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_run_that_is_stopped_in_its_last_step_keeps_what_it_learnt(corpus, tmp_path, name):
    options = {**SMALL, **FAMILIES[name], "workers": 1}
    with pytest.MonkeyPatch.context() as patch:
        counted = press_at(patch, -1)
        whole = embedkit.train(corpus, **options)
    stopped(corpus, tmp_path, len(counted) - 1, options)
    with pytest.MonkeyPatch.context() as patch:
        counted = press_at(patch, -1)
        resumed = embedkit.train(corpus, checkpoint=tmp_path, resume=True, **options)
    assert sum(counted) == 0
    np.testing.assert_array_equal(resumed.vectors, whole.vectors)


@pytest.mark.parametrize("name", FAMILIES)
def test_one_worker_goes_on_to_the_same_bits(corpus, tmp_path, name):
    options = {**SMALL, **FAMILIES[name], "workers": 1}
    whole = embedkit.train(corpus, log=tmp_path / "whole.jsonl", **options)
    stopped(corpus, tmp_path, 5, {**options, "checkpoint_every": 0.0, "log": tmp_path / "resumed.jsonl"})
    resumed = embedkit.train(corpus, checkpoint=tmp_path, resume=True, log=tmp_path / "resumed.jsonl", **options)
    np.testing.assert_array_equal(resumed.vectors, whole.vectors)
    logs = []
    for log in ("whole.jsonl", "resumed.jsonl"):
        lines = [json.loads(line) for line in (tmp_path / log).read_text(encoding="utf-8").splitlines()]
        logs.append({line["epoch"]: next(line[k] for k in ("loss", "cost") if k in line) for line in lines})
    assert logs[0] == pytest.approx(logs[1], rel=1e-12)


@pytest.mark.parametrize("name", ["skipgram", "cbow", "hs", "fasttext", "glove"])
def test_another_processor_goes_on(corpus, tmp_path, monkeypatch, name):
    """A processor with longer vectors pads rows further: the state that it finds is the same."""
    from embedkit.kernels import simd

    options = {**SMALL, **FAMILIES[name], "workers": 1}
    whole = embedkit.train(corpus, **options)
    stopped(corpus, tmp_path, 20, options)
    padded_size, whole_vectors = simd.padded_size, simd.whole_vectors
    monkeypatch.setattr(simd, "padded_size", lambda size: padded_size(size + simd.LANES))
    monkeypatch.setattr(simd, "whole_vectors", lambda size: whole_vectors(size + simd.LANES))
    resumed = embedkit.train(corpus, checkpoint=tmp_path, resume=True, **options)
    np.testing.assert_allclose(resumed.vectors, whole.vectors, atol=2e-4)


def test_slices_do_not_depend_on_workers(corpus):
    config = embedkit.training.TrainingConfig
    found = [slices.slices_of(corpus, config.create("skipgram", workers=n)) for n in (1, 2, 64)]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 8
    wide = Corpus(corpus.ids, embedkit.Vocabulary.from_counts({f"w{i}": 9 for i in range(100_000)}, min_count=1))
    softmax = slices.slices_of(wide, config.create("skipgram", loss="softmax"))
    assert max(stop - start for start, stop in softmax) < 400  # so that Ctrl-C is heard within a second
    at_once = slices.slices_at_once(wide, config.create("skipgram", loss="softmax"), len(softmax))
    assert at_once * max(stop - start for start, stop in softmax) < 800


@pytest.mark.parametrize("options", [{}, {"loss": "softmax"}, {"paragraphs": "dbow"}])
def test_slices_that_are_taken_at_once_are_no_more_work_than_a_long_one(corpus, monkeypatch, options):
    monkeypatch.undo()  # the lengths as they are
    config = embedkit.training.TrainingConfig.create("doc2vec" if "paragraphs" in options else "skipgram", **options)
    for times in (1, 10, 2000):
        long = Corpus(np.tile(corpus.ids, times), corpus.vocabulary, corpus.n_tokens * times)
        found = slices.slices_of(long, config)
        n = slices.slices_at_once(long, config, len(found))
        most = slices.LONGEST_SLICE * (slices.LIGHT if "paragraphs" in options else 1)
        assert n == 1 or n * max(stop - start for start, stop in found) < 1.5 * most


def test_more_epochs_go_on_and_say_what_the_rate_does(corpus, tmp_path):
    options = {**SMALL, "model": "skipgram", "workers": 1}
    before = stopped(corpus, tmp_path, 10, options)
    notes = []
    with pytest.MonkeyPatch.context() as patch:
        counted = press_at(patch, -1)
        embedkit.train(corpus, checkpoint=tmp_path, resume=True, note=notes.append, **{**options, "epochs": 6})
    assert before + sum(counted) == 6 * corpus.n_tokens
    assert len(notes) == 1
    assert "6 epochs instead of 3: the learning rate was 0.0" in notes[0]
    assert "falls to 2.5e-06" in notes[0]


@pytest.mark.parametrize(
    "options",
    [
        {"model": "skipgram", "epochs": 60},
        {"model": "skipgram", "epochs": 4, "learning_rate": 0.01, "window": 3, "sample": 0.01, "ns_exponent": 0.5},
        {"model": "fasttext", "bucket": 500, "epochs": 4, "min_n": 2, "max_n": 3},
        {"model": "glove", "epochs": 60, "x_max": 5.0, "keep_output": True, "glove_vectors": "word"},
    ],
)
def test_what_was_given_to_the_stopped_run_holds_unless_it_is_given_again(corpus, tmp_path, options):
    stopped(corpus, tmp_path, 12, {**options, "vector_size": 10, "workers": 1})
    notes = []
    again = {"checkpoint": tmp_path, "resume": True, "note": notes.append, "vector_size": 10, "workers": 1}
    kept = {name: value for name, value in options.items() if name in ("model", "bucket")}
    model = embedkit.train(corpus, **again, **kept)
    assert {name: model.config[name] for name in options} == options
    assert not any("instead of" in note for note in notes)
    more = embedkit.train(corpus, **again, **kept, epochs=options["epochs"] + 1)
    assert more.config["epochs"] == options["epochs"] + 1 and "instead of" in notes[-1]


def test_fewer_epochs_than_are_done_are_refused(corpus, tmp_path):
    options = {**SMALL, "model": "skipgram", "workers": 1}
    stopped(corpus, tmp_path, 40, options)
    with pytest.raises(TrainingError, match=r"more than `epochs` 1; ask for at least [23]"):
        embedkit.train(corpus, checkpoint=tmp_path, resume=True, **{**options, "epochs": 1})


def checkpoint_of(corpus, folder, options, step=12):
    stopped(corpus, folder, step, options)
    kind = {"glove": "glove", "fasttext": "fasttext"}.get(options["model"], "word2vec")
    return load_checkpoint(folder, kind, version=VERSION)


def test_a_checkpoint_of_another_run_is_refused(corpus, tmp_path):
    options = {**SMALL, "model": "skipgram", "workers": 1}
    stopped(corpus, tmp_path, 12, options)

    def resume(corpus=corpus, **changed):
        embedkit.train(corpus, checkpoint=tmp_path, resume=True, **{**options, **changed})

    with pytest.raises(TrainingError, match="`window` was 5, is 3"):
        resume(window=3)
    with pytest.raises(TrainingError, match="`seed` was 1, is 2"):
        resume(seed=2)
    ids = corpus.ids.copy()
    ids[[70, 71]] = ids[[71, 70]]  # two words changed places, no more
    assert not np.array_equal(ids, corpus.ids)
    with pytest.raises(TrainingError, match="another corpus"):
        resume(Corpus(ids, corpus.vocabulary))
    with pytest.raises(TrainingError, match="expected a checkpoint of glove, found one of word2vec"):
        embedkit.train(corpus, checkpoint=tmp_path, resume=True, **{**SMALL, "model": "glove"})
    (tmp_path / CHECKPOINT_NAME).write_bytes(b"PK nonsense")
    with pytest.raises(TrainingError, match=CHECKPOINT_NAME):
        resume()


def test_a_run_of_cbow_that_began_with_an_older_kernel_is_refused(corpus, tmp_path, monkeypatch):
    """Its steps train the same words in another order; those of skip-gram are as they were."""
    options = {**SMALL, "model": "cbow", "workers": 1, "checkpoint": tmp_path}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(slices, "steps_rule", lambda config: 0)
        press_at(patch, 3)
        embedkit.train(corpus, **options)
    with pytest.raises(TrainingError, match="trained by another rule"):
        embedkit.train(corpus, resume=True, **options)
    assert slices.steps_rule(TrainingConfig.create(model="skipgram")) == 0
    assert slices.steps_rule(TrainingConfig.create(model="doc2vec", paragraphs="dm")) == 1
    assert slices.steps_rule(TrainingConfig.create(model="doc2vec")) == 1  # cut into longer slices than before


def test_slices_are_longer_where_only_documents_learn():
    corpus = Corpus(np.tile(np.array([0, 1, 2, -1], np.int32), 40_000), Vocabulary(["a", "b", "c"], [9, 8, 7]))
    lengths = {
        name: len(slices.slices_of(corpus, TrainingConfig.create(model="doc2vec", **options)))
        for name, options in {
            "alone": {},
            "with words": {"train_words": True},
            "dm": {"paragraphs": "dm"},
        }.items()
    }
    assert lengths["with words"] == lengths["dm"] == len(slices.slices_of(corpus, TrainingConfig.create()))
    assert lengths["alone"] == pytest.approx(lengths["dm"] / slices.LIGHT, abs=1)


def test_folders_with_and_without_a_checkpoint(corpus, tmp_path):
    options = {**SMALL, "model": "skipgram", "workers": 1}
    with pytest.raises(ConfigError, match="give `checkpoint` too"):
        embedkit.train(corpus, resume=True, **options)
    notes = []
    embedkit.train(corpus, checkpoint=tmp_path, resume=True, note=notes.append, **options)
    assert notes == [f"{tmp_path} holds no checkpoint: starting from the beginning"]
    stopped(corpus, tmp_path, 12, options)
    before = (tmp_path / CHECKPOINT_NAME).read_bytes()
    with pytest.raises(ConfigError, match="give `resume` to go on with it, or delete"):
        embedkit.train(corpus, checkpoint=tmp_path, **options)
    assert (tmp_path / CHECKPOINT_NAME).read_bytes() == before
    other = tmp_path / "old"
    other.mkdir()
    (other / "checkpoint.npz").write_bytes(b"PK")
    with pytest.raises(TrainingError, match=r"checkpoint.npz: a checkpoint of an older embedkit"):
        embedkit.train(corpus, checkpoint=other, resume=True, **options)


def test_divergence_keeps_the_last_good_state(corpus, tmp_path, monkeypatch):
    options = {**SMALL, "model": "skipgram", "workers": 1}
    stopped(corpus, tmp_path, 12, options)
    good = (tmp_path / CHECKPOINT_NAME).read_bytes()
    step = word2vec.Word2Vec.step

    def breaking(self, *arguments):
        result = step(self, *arguments)
        self.w_in[3, 2] = np.nan
        return result

    monkeypatch.setattr(word2vec.Word2Vec, "step", breaking)
    with pytest.raises(TrainingError, match="diverged"):
        embedkit.train(corpus, checkpoint=tmp_path, resume=True, checkpoint_every=0.0, **options)
    assert (tmp_path / CHECKPOINT_NAME).read_bytes() == good


@pytest.mark.parametrize("name", ["skipgram", "fasttext", "glove"])
def test_damaged_checkpoints_never_reach_a_kernel(corpus, tmp_path, name):
    """Arrays of other shapes, dtypes and values, and figures that make no sense: an error, never a crash."""
    options = {**SMALL, **FAMILIES[name], "workers": 1}
    metadata, arrays, rule = checkpoint_of(corpus, tmp_path, options)
    kind = {"skipgram": "word2vec"}.get(name, name)
    rng = np.random.default_rng(0)
    cases = []
    for key, array in arrays.items():
        narrow = array[:-1] if array.ndim == 1 else array[:, :-1]
        for bad in (narrow, array[:5], array[None], array.astype(np.float64), np.concatenate([array, array])):
            cases.append((metadata, {**arrays, key: bad}))
        cases.append((metadata, {k: v for k, v in arrays.items() if k != key}))
        if array.dtype == np.float32:
            spoilt = array.copy()
            spoilt.flat[rng.integers(spoilt.size)] = rng.choice([np.nan, np.inf])
            cases.append((metadata, {**arrays, key: spoilt}))
        if "sums" in key and name == "glove":
            cases.append((metadata, {**arrays, key: -array}))
        if key == "uses_left":
            cases.append((metadata, {**arrays, key: array + 10**9}))
    cases.append((metadata, {**arrays, "stranger": np.zeros(3, np.float32)}))
    for key in metadata:
        if key != "beginning":  # which older ones do not have
            cases.append(({k: v for k, v in metadata.items() if k != key}, arrays))
        if key not in ("epoch_sums", "part_sums"):  # these are only for the log
            cases += [
                ({**metadata, key: bad}, arrays) for bad in (None, -1, 10**30, "x", [], {}, [[1]], [-5, 7], [3, 0])
            ]
    for changed, found in cases:
        save_checkpoint(tmp_path, kind, changed, found, version=rule)
        with pytest.raises(EmbedkitError):
            embedkit.train(corpus, checkpoint=tmp_path, resume=True, **options)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send to another process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_leave_a_checkpoint_that_goes_on(tmp_path, number):
    epochs = "2000"  # some seconds, so that the signal comes before the end
    rng = np.random.default_rng(0)
    text, log, out = tmp_path / "text.txt", tmp_path / "log.jsonl", tmp_path / "m.safetensors"
    text.write_text("".join(" ".join(f"w{x}" for x in rng.integers(0, 50, 20)) + "\n" for _ in range(2000)))
    command = [sys.executable, "-m", "embedkit", "train", text, "-o", out, "--min-count", 1, "--workers", 2]
    command += ["--checkpoint", tmp_path / "run", "--log", log, "--vector-size", 10]
    process = subprocess.Popen(
        [*map(str, command), "--epochs", epochs],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    limit = time.monotonic() + 90
    while not (log.exists() and log.stat().st_size) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "give --resume to go on" in errors
    assert "Traceback" not in errors
    metadata, *_ = load_checkpoint(tmp_path / "run", "word2vec", version=VERSION)
    assert 0 < metadata["units"] < int(epochs) * 40_000
    words = metadata["units"]
    done = subprocess.run(
        [*map(str, command), "--epochs", epochs, "--resume", "--workers", "1", "--quiet"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["words"] == int(epochs) * 40_000 > words
    assert not (tmp_path / "run" / CHECKPOINT_NAME).exists()
