"""Training runs: repeatable, resumable, interruptible, honest about what goes wrong."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import embedkit
from embedkit.cli import main
from embedkit.counting import Window, count_cooccurrences
from embedkit.errors import ConfigError, CorpusError, TrainingError
from embedkit.query.isotropy import learnt_nothing
from embedkit.training.monitor import Monitor
from embedkit.training.options import TrainingConfig
from embedkit.training.plan import plan
from embedkit.training.run import Run
from embedkit.training.slices import Tasks
from embedkit.vocabulary.corpus import Corpus

OPTIONS = {"vector_size": 16, "min_count": 1, "epochs": 3, "workers": 1}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A small corpus with two topics: words of one topic occur together."""
    random = np.random.default_rng(5)
    topics = [
        ["sun", "moon", "star", "planet", "comet", "orbit"],
        ["bread", "butter", "cheese", "milk", "flour", "egg"],
    ]
    path = tmp_path_factory.mktemp("text") / "topics.txt"
    lines = (" ".join(random.choice(topics[i % 2], 9)) for i in range(1500))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def cli(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "embedkit", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        **options,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"model": "skipgram"},
        {"model": "cbow"},
        {"model": "skipgram", "loss": "hs"},
        {"model": "cbow", "loss": "softmax"},
    ],
    ids=lambda o: "-".join(o.values()),
)
def test_words_of_one_topic_end_near_each_other(text, options):
    model = embedkit.train(text, **{**OPTIONS, "epochs": 5, "sample": 0, "learning_rate": 0.1, **options})
    assert {w for w, _ in model.most_similar("sun", topn=5)} == {"moon", "star", "planet", "comet", "orbit"}
    assert {w for w, _ in model.most_similar("bread", topn=5)} == {"butter", "cheese", "milk", "flour", "egg"}


def test_one_worker_repeats_bit_for_bit_and_the_seed_matters(text):
    first, again = (embedkit.train(text, **OPTIONS) for _ in range(2))
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert not np.array_equal(first.vectors, embedkit.train(text, seed=2, **OPTIONS).vectors)


def test_two_workers_do_all_the_work(text, tmp_path):
    log = tmp_path / "log.jsonl"
    model = embedkit.train(text, log=log, **{**OPTIONS, "workers": 2})
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["words"] == 1500 * 9 * 3
    assert model.most_similar("sun", topn=1)[0][0] in {"moon", "star", "planet", "comet", "orbit"}


def test_the_log_has_a_falling_loss_for_each_epoch(text, tmp_path):
    log = tmp_path / "log.jsonl"
    embedkit.train(text, log=log, **{**OPTIONS, "learning_rate": 0.1})
    epochs = [r for r in map(json.loads, log.read_text().splitlines()) if r["event"] == "epoch"]
    assert [r["epoch"] for r in epochs] == [1, 2, 3]
    assert 0 < epochs[2]["loss"] < epochs[0]["loss"] < 6


def test_divergence_stops_with_a_message_and_writes_nothing(text, tmp_path):
    done = cli("train", text, "-o", tmp_path / "x.safetensors", "--learning-rate", "1e30", "--min-count", "1", "-q")
    assert done.returncode == 1
    assert "diverged" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x.safetensors").exists()


def test_init_starts_from_given_vectors_by_name(text):
    first = embedkit.train(text, keep_output=True, **OPTIONS)
    assert first.output_vectors.shape == (12, 16)
    on = embedkit.train(text, init=first, **{**OPTIONS, "learning_rate": 1e-9})
    assert on.index_to_key == first.index_to_key
    np.testing.assert_allclose(on.vectors, first.vectors, atol=1e-6)
    with pytest.raises(ConfigError, match="vector_size` 16"):
        embedkit.train(text, init=first, **{**OPTIONS, "vector_size": 1})
    stranger = embedkit.KeyedVectors(["nothing"], np.ones((1, 16), np.float32))
    with pytest.raises(ConfigError, match="none of its words"):
        embedkit.train(text, init=stranger, **OPTIONS)


def test_output_vectors_make_no_sense_with_hierarchical_softmax(text):
    with pytest.raises(ConfigError, match="`keep_output` has no effect with `loss` hs"):
        embedkit.train(text, keep_output=True, loss="hs", **OPTIONS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vector_size": 0}, "`vector_size` must be"),
        ({"window": 0}, "`window` must be"),
        ({"negative": 0}, "`negative` must be"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be"),
        ({"sample": -1.0}, "`sample` must be"),
        ({"model": "fasttext", "min_n": 4, "max_n": 3}, "`min_n` must not be greater"),
        ({"model": "glove", "subwords": "chars"}, "model glove has no option `subwords`"),
        ({"model": "word2vec"}, "not known"),
        ({"vectorsize": 5}, "did you mean `vector_size`"),
        ({"epochs": 2.5}, "`epochs` must be a whole number"),
    ],
)
def test_options_that_cannot_work(options, message):
    with pytest.raises(ConfigError, match=message):
        TrainingConfig.create(**options)


def test_a_corpus_without_known_words_is_an_error(text):
    vocabulary = embedkit.Vocabulary.from_counts({"stranger": 9})
    with pytest.raises(CorpusError):
        embedkit.train(text, vocabulary=vocabulary, vector_size=16, workers=1)


@pytest.mark.parametrize("more", [{}, {"model": "fasttext"}, {"model": "fasttext", "bucket": 10}], ids=str)
def test_the_plan_counts_words_memory_and_disk(text, tmp_path, more):
    config = TrainingConfig.create(**{**OPTIONS, **more})
    found = plan(Corpus.from_text(text, min_count=1), config)
    assert (found.n_words, found.n_tokens, found.n_sentences) == (12, 13_500, 1_500)
    assert 0 < found.seconds < 60
    model = embedkit.train(text, **{**OPTIONS, **more})
    model.save(tmp_path / "m.safetensors")
    assert found.memory_bytes < 4_000_000  # not the rows of two million buckets
    assert found.disk_bytes == pytest.approx((tmp_path / "m.safetensors").stat().st_size, abs=4000)


def test_the_plan_of_glove_tells_what_its_counts_take_on_disk(text):
    config = TrainingConfig.create("glove", vector_size=16, workers=1)
    corpus = Corpus.from_text(text, min_count=1)
    found = plan(corpus, config)
    cells = len(count_cooccurrences(corpus, Window(config.window)))
    assert found.temporary_bytes == pytest.approx(24 * cells, rel=0.2)
    assert found.memory_bytes == corpus.ids.nbytes + 12 * 4 * 16 * 4
    assert plan(corpus, TrainingConfig.create(**OPTIONS)).temporary_bytes == 0


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "model.foo"),
        ("--lock",),
        ("--init", "small.safetensors"),
        ("--init", "strange.safetensors", "--dim", 3),
        ("--vocab", "words.tsv", "--min-count", 2),
        ("--vocab", "none.tsv"),
        ("--model", "svd", "--init", "small.safetensors", "--dim", 3),
        ("--model", "svd", "--init", "small.safetensors", "--dim", 5),
        ("--model", "lsa", "--log", "l.jsonl"),
        ("--model", "svd", "--checkpoint", "state"),
        ("--resume",),
        ("--subwords", "jamo", "--model", "fasttext", "-o", "model.bin"),
        ("--checkpoint", "state", "--vocab", "words.tsv", "--min-count", 2),
        ("--mmap-above", "4X"),
        ("--mmap-above", "-1"),
        ("--cluster", "tcp://127.0.0.1:9"),
        ("--cluster", "tcp://127.0.0.1:9", "--replicas", 1),
        ("--cluster", "tcp://127.0.0.1:9", "--replicas", 2, "--mmap-above", "1G"),
        ("--cluster", "tcp://127.0.0.1:9", "--replicas", 2, "--init", "small.safetensors"),
        ("--cluster", "tcp://127.0.0.1:9", "--model", "lsa"),
    ],
)
def test_dry_run_refuses_what_the_run_would(text, tmp_path, options):
    for name, word in (("small", "king"), ("strange", "zzz")):
        embedkit.KeyedVectors([word], np.ones((1, 3), np.float32)).save(tmp_path / f"{name}.safetensors")
    (tmp_path / "words.tsv").write_text("the\t9\nand\t8\n")
    output = () if "-o" in options else ("-o", "model.safetensors")
    run, plan = (cli("train", text, *output, *options, *more, "-q", cwd=tmp_path) for more in ((), ("--dry-run",)))
    assert (plan.returncode, plan.stderr) == (run.returncode, run.stderr)
    assert run.returncode in {1, 2}
    assert not any((tmp_path / name).exists() for name in ("model.safetensors", "l.jsonl", "state"))


def test_dry_run_plans_the_options_of_a_run_that_goes_on(text, tmp_path, capsys, monkeypatch):
    settled = []
    monkeypatch.setattr(
        "embedkit.training.plan.plan", lambda corpus, config: settled.append(config) or plan(corpus, config)
    )

    def stop(event):
        if event.stage == "training" and event.done > 3000:
            raise KeyboardInterrupt

    state = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        embedkit.train(text, checkpoint=state, checkpoint_every=0.0, progress=stop, **{**OPTIONS, "epochs": 40})
    command = ["train", str(text), "--dim", "16", "--min-count", "1", "--workers", "1", "--checkpoint", str(state)]
    assert main([*command, "--resume", "--dry-run", "--json", "-q"]) == 0
    assert [config.epochs for config in settled] == [40]
    capsys.readouterr()


def test_dry_run_writes_nothing(text, tmp_path):
    done = cli("train", text, "--dry-run", "--min-count", 1, "--json", cwd=None)
    assert done.returncode == 0, done.stderr
    rows = {r["what"]: r["value"] for r in map(json.loads, done.stdout.splitlines())}
    assert rows["tokens"] == 13_500


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to another process")
def test_ctrl_c_ends_soon_and_leaves_nothing(text, tmp_path):
    output = tmp_path / "m.safetensors"
    log = tmp_path / "log.jsonl"
    command = [
        sys.executable,
        "-m",
        "embedkit",
        "train",
        str(text),
        "-o",
        str(output),
        "--min-count",
        "1",
        "--epochs",
        "1000000",
        "--log",
        str(log),
    ]
    # A shell that runs the suite in the background leaves SIGINT ignored, and children inherit that.
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    ) as process:
        limit = time.monotonic() + 90
        while not (log.exists() and log.stat().st_size) and time.monotonic() < limit:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)  # promised is one second; a loaded test machine gets some more
        assert process.stderr.read().splitlines()[-1] == "embedkit: stopped"
        assert process.returncode == 130
    assert [p.name for p in tmp_path.iterdir()] == ["log.jsonl"]


def test_mistakes_on_the_command_line(text, tmp_path):
    model = tmp_path / "m.safetensors"
    for arguments, status, message in (
        ((tmp_path / "missing.txt", "-o", model), 1, "no such file"),
        ((text, "-o", tmp_path / "no" / "m.safetensors"), 1, "does not exist"),
        ((text, "-o", tmp_path / "m.what"), 2, "suffix"),
        ((text, "-o", model, "--vector-size", 0), 2, "--vector-size must be"),
        ((text, "-o", model, "--min-count", 100_000), 1, "100,000 times"),
        ((text,), 2, "-o"),
        (("-o", model), 2, "corpus"),
        ((text, "-o", model, "--mmap-above", "many"), 2, "no size"),
    ):
        done = cli("train", *arguments)
        assert done.returncode == status, (arguments, done.stderr)
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        assert not model.exists()


def test_flags_of_other_tools_are_accepted(text, tmp_path):
    model = tmp_path / "m.safetensors"
    done = cli(
        "train",
        text,
        "-o",
        model,
        "-dim",
        8,
        "--ws",
        2,
        "--neg",
        3,
        "--epoch",
        1,
        "--lr",
        0.05,
        "-t",
        "1e-2",
        "--minCount",
        1,
        "--thread",
        1,
        "--quiet",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    config = embedkit.load(model).config
    assert [config[k] for k in ("vector_size", "window", "negative", "epochs", "sample", "min_count", "workers")] == [
        8,
        2,
        3,
        1,
        0.01,
        1,
        1,
    ]


def test_the_monitor_refuses_a_loss_that_is_no_number():
    with Monitor(Run(), 10) as monitor:
        monitor.add(5, float("inf"), 2, 0)
        with pytest.raises(TrainingError, match="the loss is inf in epoch 1"):
            monitor.tick()


def test_each_epoch_takes_every_slice_once_in_an_order_of_its_own():
    slices = [(start, start + 10) for start in range(0, 500, 10)]
    tasks, again, other = Tasks(slices, 3, 1), Tasks(slices, 3, 1), Tasks(slices, 3, 2)
    epochs = [[tasks[index][1:3] for index in range(epoch * 50, epoch * 50 + 50)] for epoch in range(3)]
    assert [tasks[index][0] for index in range(150)] == [0] * 50 + [1] * 50 + [2] * 50
    assert all(sorted(epoch) == slices for epoch in epochs)
    assert epochs[0] != epochs[1] != slices
    assert [again[index] for index in range(150)] == [tasks[index] for index in range(150)]
    assert [other[index] for index in range(150)] != [tasks[index] for index in range(150)]
    assert [tasks[index][3] for index in range(150)] == pytest.approx(np.arange(150) / 150)


@pytest.mark.parametrize(("model", "rate"), [("glove", 5.0), ("cbow", 30.0)])
def test_training_that_goes_wrong_says_so(text, model, rate):
    """GloVe's numbers stay finite when it diverges: the cost tells, by that of vectors that know nothing."""
    with pytest.raises(TrainingError, match=r"training diverged: the (loss|cost) .* lower `learning_rate`"):
        embedkit.train(text, model=model, **{**OPTIONS, "learning_rate": rate})


def test_a_loss_that_ends_above_its_start_is_a_warning():
    for terms, told in (
        (80, "the loss rose from 4 to 4.5 in training"),
        (8, "the loss hardly fell in training: it is 4"),
    ):
        with Monitor(Run(), 100, untrained=4.0) as monitor:
            monitor.add(50, 3.0 * terms, terms, 0)
            monitor.add(50, 6.0 * terms, terms, 1)
            monitor.end()
        model = embedkit.KeyedVectors(["a", "b"], np.eye(2, dtype=np.float32), config=monitor.nothing_learnt())
        assert told in learnt_nothing(model)
    with Monitor(Run(), 100) as monitor:
        monitor.add(50, 2.0 * 8, 8, 0)
        with pytest.raises(TrainingError, match="rose from 2 to 25 in epoch 2"):
            monitor.add(50, 25.0 * 8, 8, 1)
            monitor.tick()
