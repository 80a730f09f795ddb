"""Defaults that look at the corpus: what is chosen, who wins, what is said."""

import json
import warnings

import numpy as np
import pytest

import embedkit
from embedkit.cli import main
from embedkit.errors import ConfigError, EmptyCorpusError
from embedkit.rows.subwords import Subwords
from embedkit.training import suiting
from embedkit.training.counts import ClusterCounts
from embedkit.training.monitor import Monitor
from embedkit.training.options import TrainingConfig
from embedkit.training.plan import plan
from embedkit.training.run import Run
from embedkit.training.suiting import defaults_for, epochs_for, x_max_for
from embedkit.vocabulary.corpus import Corpus
from tests.cluster.here import Here

SENTENCES = [["sun", "moon", "star", "comet"], ["bread", "milk", "egg", "flour"]] * 40
SMALL = {"vector_size": 10, "workers": 1}


def test_less_text_gets_more_passes_and_never_fewer_than_five():
    for subwords in (False, True):
        sizes = [10**n for n in range(2, 12)]
        passes = [epochs_for(n, subwords) for n in sizes]
        assert passes == sorted(passes, reverse=True) and passes[-1] == 5
        # A little text never takes longer than 20 M words do.
        assert all(
            n * epochs <= 5 * 20_000_000 * 1.1 for n, epochs in zip(sizes, passes, strict=True) if n <= 20_000_000
        )
    assert [epochs_for(n, False) for n in (100_000, 500_000, 3_000_000, 18_800_000)] == [100, 41, 15, 5]
    assert [epochs_for(n, True) for n in (100_000, 500_000, 3_000_000, 18_800_000)] == [42, 22, 11, 5]
    assert epochs_for(0, False) == 100


@pytest.mark.parametrize(
    ("model", "n_tokens", "rate"),
    [("skipgram", 500_000, 0.025), ("skipgram", 3_000_000, 0.05), ("cbow", 500_000, 0.05), ("fasttext", 10**9, 0.05)],
)
def test_the_rate_by_model_and_size(model, n_tokens, rate):
    assert defaults_for(TrainingConfig.create(model), n_tokens)["learning_rate"] == rate


@pytest.mark.parametrize(
    ("model", "sample"), [("skipgram", (1e-3, 1e-4)), ("cbow", (1e-3, 1e-4)), ("fasttext", (1e-4, 1e-4))]
)
def test_frequent_words_are_left_out_more_often_where_there_are_many_different_ones(model, sample):
    config = TrainingConfig.create(model)
    assert tuple(defaults_for(config, 10**6, many)["sample"] for many in (False, True)) == sample
    preset = TrainingConfig.create("skipgram", preset="word2vec")
    assert defaults_for(preset, 10**9, True)["sample"] == 1e-3


def test_a_sample_for_many_words_is_said_and_what_was_asked_for_wins(monkeypatch):
    monkeypatch.setattr(suiting, "MANY_WORDS", 6)
    said = []
    with pytest.warns(UserWarning, match="hardly"):
        chosen = embedkit.train(SENTENCES, note=said.append, **SMALL).config
    assert chosen["sample"] == 1e-4
    assert said == ["100 epochs, learning rate 0.025, sample 0.0001: suits a corpus of 320 words, 8 different"]
    said.clear()
    assert embedkit.train(SENTENCES, sample=1e-3, note=said.append, **SMALL).config["sample"] == 1e-3
    assert said == ["100 epochs, learning rate 0.025: suits a corpus of 320 words"]
    assert embedkit.train(SENTENCES, model="doc2vec", **SMALL).config["sample"] == 1e-3
    monkeypatch.setattr(suiting, "MANY_WORDS", 9)
    assert embedkit.train(SENTENCES, **SMALL).config["sample"] == 1e-3


@pytest.mark.parametrize(("word", "sample"), [("{}이", 1e-3), ("{} 이", 1e-4)])
def test_how_much_is_left_decides_and_not_the_script(word, sample):
    nouns = ["".join(chr(0xAC00 + 97 * i % 11172) for i in (n, n // 7, n // 11)) for n in range(6000)]
    text = [word.format(noun).split() for noun in nouns]
    assert embedkit.train(text, min_count=1, vector_size=2, epochs=1, workers=1).config["sample"] == sample


def test_documents_get_twenty_passes_at_least():
    config = TrainingConfig.create("doc2vec")
    assert [defaults_for(config, n)["epochs"] for n in (200_000, 1_000_000, 10**9)] == [69, 28, 20]
    assert defaults_for(config, 10**9)["learning_rate"] == 0.05
    said = []
    chosen = embedkit.train(SENTENCES, model="doc2vec", note=said.append, **SMALL).config
    assert (chosen["epochs"], chosen["learning_rate"]) == (100, 0.05)
    assert said == ["100 epochs, learning rate 0.05: suits a corpus of 320 words"]


def test_what_was_asked_for_wins_and_what_was_chosen_is_said_and_stored():
    said = []
    chosen = embedkit.train(SENTENCES, note=said.append, **SMALL).config
    assert (chosen["epochs"], chosen["learning_rate"], chosen["sample"]) == (100, 0.025, 1e-3)
    assert said == ["100 epochs, learning rate 0.025: suits a corpus of 320 words"]
    said.clear()
    half = embedkit.train(SENTENCES, epochs=2, note=said.append, **SMALL).config
    assert (half["epochs"], half["learning_rate"]) == (2, 0.025)
    assert said == ["learning rate 0.025: suits a corpus of 320 words"]
    said.clear()
    asked = embedkit.train(SENTENCES, epochs=2, learning_rate=0.1, sample=0.0, note=said.append, **SMALL).config
    assert (asked["epochs"], asked["learning_rate"], asked["sample"]) == (2, 0.1, 0.0)
    assert said == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, True),
        ({"model": "glove"}, True),
        ({"model": "fasttext", "bucket": 100}, False),
        ({"tokenizer": "chars"}, False),
    ],
)
def test_whole_words_of_korean_are_said_to_have_many_forms(tmp_path, options, told):
    said = []
    text = tmp_path / "text.txt"
    text.write_text("서울에 사는 사람이 많다\n부산에 사람이 산다\n" * 20, encoding="utf-8")
    embedkit.train(text, note=said.append, **{**SMALL, "epochs": 1, **options})
    assert any("`model` fasttext learns from their parts" in line for line in said) == told
    said.clear()
    lists = [line.split() for line in text.read_text(encoding="utf-8").splitlines()]
    if "tokenizer" not in options:  # somebody else has cut these
        embedkit.train(lists, note=said.append, **{**SMALL, "epochs": 1, **options})
    assert not any("fasttext" in line for line in said)


def test_much_korean_has_a_window_and_passes_of_its_own(monkeypatch):
    text = [line.split() for line in ["서울에 사는 사람이 많다", "부산에 사람이 산다"] * 20]
    options = {"model": "fasttext", "bucket": 100, "min_count": 1, **SMALL}
    said = []
    config = embedkit.train(text, note=said.append, **options).config
    assert (config["window"], config["epochs"]) == (5, 50) and "Hangul" not in said[0]
    monkeypatch.setattr(suiting, "MUCH_HANGUL_FROM", 100)
    said.clear()
    config = embedkit.train(text, note=said.append, **options).config
    assert (config["window"], config["epochs"]) == (4, 62)
    assert said[0] == "62 epochs, learning rate 0.05, window 4, centred: suits a corpus of 140 words, mostly Hangul"
    for other in ({"window": 7}, {"model": "skipgram", "bucket": None}, {"preset": "fasttext"}):
        said.clear()
        config = embedkit.train(text, note=said.append, **{**options, **other}).config
        assert config["window"] == other.get("window", 5) and not any("window 4" in line for line in said)
    english = embedkit.train(SENTENCES, **options).config
    assert (english["window"], english["epochs"]) == (5, 50)


def test_the_window_of_much_korean_at_its_sizes():
    config = TrainingConfig.create("fasttext")
    sizes = (5_000_000, 6_948_355, 20_000_000, 10**9)
    assert [defaults_for(config, n, much_hangul=True)["epochs"] for n in sizes] == [11, 10, 6, 6]
    assert {defaults_for(config, n, much_hangul=True)["window"] for n in sizes} == {4}
    assert defaults_for(config, 10**7)["window"] == 5


@pytest.mark.parametrize(
    ("preset", "model", "expected"),
    [
        ("word2vec", "skipgram", (5, 0.025, 1e-3, 0.75)),
        ("word2vec", "cbow", (5, 0.05, 1e-3, 0.75)),
        ("gensim", "cbow", (5, 0.025, 1e-3, 0.75)),
        ("gensim", "fasttext", (5, 0.025, 1e-3, 0.75)),
        ("fasttext", "fasttext", (5, 0.05, 1e-4, 0.5)),
        ("fasttext", "skipgram", (5, 0.05, 1e-4, 0.5)),
    ],
)
def test_presets_are_the_tools_own(preset, model, expected):
    said = []
    bucket = {"bucket": 100} if model == "fasttext" else {}
    config = embedkit.train(SENTENCES, model=model, preset=preset, note=said.append, **bucket, **SMALL).config
    assert tuple(config[name] for name in ("epochs", "learning_rate", "sample", "ns_exponent")) == expected
    assert config["preset"] == preset and not any("suits" in text for text in said)
    rate = f"{config['epochs']} epochs, learning rate {config['learning_rate']:g}, sample {config['sample']:g}"
    lengths = ", min n 3, max n 6" if model == "fasttext" else ""
    assert said[0] == f"window 5, {rate}, ns exponent {config['ns_exponent']:g}{lengths}: as {preset} has them"
    assert embedkit.train(SENTENCES, model=model, preset=preset, epochs=1, **bucket, **SMALL).config["epochs"] == 1


@pytest.mark.parametrize(
    ("options", "lengths"),
    [
        ({"preset": "fasttext"}, (3, 6)),
        ({"preset": "gensim"}, (3, 6)),
        ({"preset": "fasttext", "model": "cbow", "subwords": "chars"}, (3, 6)),
        ({"preset": "gensim", "model": "skipgram", "subwords": "chars"}, (3, 6)),
        ({"preset": "word2vec", "model": "cbow", "subwords": "chars"}, (1, 4)),  # which has none
        ({"preset": "fasttext", "min_n": 2, "max_n": 4}, (2, 4)),
        ({"preset": "fasttext", "max_n": 2}, (2, 2)),
        ({"preset": "fasttext", "min_n": 7}, (7, 7)),
        ({}, (1, 4)),
    ],
)
def test_a_preset_has_the_lengths_of_its_tool_whatever_the_script(options, lengths):
    text = [line.split() for line in ["서울에 사는 사람이 많다", "부산에 사람이 산다"] * 20]
    options = {"model": "fasttext", "bucket": 100, "epochs": 1, **SMALL, **options}
    model = embedkit.train(text, **options)
    assert (model.subwords.min_n, model.subwords.max_n) == lengths
    assert (model.config["min_n"], model.config["max_n"]) == lengths


def test_all_other_defaults_are_those_of_the_tools():
    config = TrainingConfig.create("fasttext", preset="fasttext")
    assert (config.min_count, config.negative, config.bucket, config.loss) == (5, 5, 2_000_000, "ns")
    assert (config.vector_size, config.shrink_windows) == (100, True)
    assert TrainingConfig.create("cbow", preset="gensim").cbow_gradient == "sum"


def test_the_plan_and_the_command_say_the_lengths_once(tmp_path, capsys):
    text = tmp_path / "t.txt"
    text.write_text("서울에 사는 사람이 많다\n부산에 사람이 산다\n" * 20, encoding="utf-8")
    options = ["--model", "fasttext", "--preset", "fasttext", "--dim", "10", "--bucket", "100"]
    assert main(["train", str(text), *options, "--dry-run", "--json", "-q"]) == 0
    rows = {row["what"]: row["value"] for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert "min n 3, max n 6: as fasttext has them" in rows["chosen"]
    assert main(["train", str(text), *options, "-o", str(tmp_path / "m.safetensors")]) == 0
    told = capsys.readouterr().err
    assert "min n 3, max n 6: as fasttext has them" in told and "n-grams of" not in told


def test_a_preset_of_another_model_is_refused():
    with pytest.raises(ConfigError, match="`preset` word2vec is for skipgram and cbow, not for model fasttext"):
        embedkit.train(SENTENCES, model="fasttext", preset="word2vec", **SMALL)
    with pytest.raises(ConfigError, match="model glove has no option `preset`"):
        embedkit.train(SENTENCES, model="glove", preset="word2vec", **SMALL)


def test_gloves_x_max_by_size_and_asked_for():
    said = []
    assert [x_max_for(n) for n in (0, 10**7, 18_800_000, 10**9, 10**12)] == [10, 10, 14, 100, 100]
    options = {"model": "glove", "epochs": 1, **SMALL}
    assert embedkit.train(SENTENCES, note=said.append, **options).config["x_max"] == 10
    assert said == ["x_max 10: suits a corpus of 320 words"]
    assert embedkit.train(SENTENCES, note=said.append, x_max=70, **options).config["x_max"] == 70
    assert len(said) == 1
    assert plan(Corpus.from_sentences(SENTENCES), TrainingConfig.create(**options)).chosen == said[0]


def test_counts_for_svd_look_farther_than_skip_gram():
    assert TrainingConfig.create("svd").window == 8 and defaults_for(TrainingConfig.create(), 10**7)["window"] == 5


@pytest.mark.parametrize("loss", ["hs", "softmax"])
def test_losses_without_negatives_keep_no_exponent(loss):
    assert "ns_exponent" not in embedkit.train(SENTENCES, loss=loss, **SMALL).config


@pytest.mark.parametrize("model", ["skipgram", "cbow", "fasttext", "svd"])
def test_subsampling_that_leaves_nothing_is_an_error(model):
    with pytest.raises(EmptyCorpusError, match="nothing is left of the corpus with `sample` 1e-30"):
        embedkit.train(SENTENCES, model=model, sample=1e-30, **SMALL)


def test_the_plan_says_what_was_chosen(tmp_path, capsys):
    corpus = Corpus.from_sentences(SENTENCES)
    found = plan(corpus, TrainingConfig.create(workers=1, vector_size=10))
    assert found.chosen == "100 epochs, learning rate 0.025: suits a corpus of 320 words"
    assert plan(corpus, TrainingConfig.create(workers=1, vector_size=10, epochs=5, learning_rate=0.1)).chosen == ""
    (tmp_path / "t.txt").write_text("\n".join(map(" ".join, SENTENCES)))
    assert main(["train", str(tmp_path / "t.txt"), "--dim", "10", "--dry-run", "--json", "-q"]) == 0
    rows = {row["what"]: row["value"] for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["chosen"] == found.chosen


def test_a_run_that_learnt_nothing_says_so_once():
    random = np.random.default_rng(0)
    ranks = np.minimum(random.zipf(1.3, 40_000), 300) - 1  # words as frequent as those of a language, without sense
    text = [[f"w{rank}" for rank in ranks[start : start + 20]] for start in range(0, 40_000, 20)]
    with pytest.warns(UserWarning, match=r"have a cosine of (0\.9|1\.0).* on average.*more `epochs`") as told:
        embedkit.train(text, epochs=3, learning_rate=0.025, vector_size=16, workers=1)
    assert len(told) == 1
    topics = [[f"{t}{i}" for i in random.integers(20, size=20)] for t in "abcdefghij" for _ in range(60)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedkit.train(topics, vector_size=16, workers=1)


def test_subsampling_that_leaves_next_to_nothing_says_so():
    corpus = Corpus.from_sentences(SENTENCES, min_count=1)
    with pytest.warns(UserWarning, match=r"with `sample` 1e-07 about \d words are left .* fewer than the \d+ of"):
        embedkit.train(corpus, sample=1e-7, epochs=5, learning_rate=0.025, vector_size=10, workers=1)


@pytest.mark.parametrize(
    ("losses", "terms", "told"),
    [
        ([4.15, 4.15, 4.151], 200, True),
        ([4.15, 4.10, 4.13], 200, True),
        ([4.15, 4.10, 4.05], 200, False),
        ([4.25, 4.15, 4.05], 20, True),  # too few of the last part alone
        ([2.1, 2.1, 2.1], 200, False),  # went on from vectors that know something
        ([4.15, 3.0, 2.0], 200, False),
    ],
)
def test_a_loss_that_does_not_fall_is_kept(losses, terms, told):
    with Monitor(Run(), total=300, untrained=4.16) as monitor:
        for loss in losses:
            monitor.add(100, loss * terms, terms, 0)
        monitor.end()
    assert bool(monitor.nothing_learnt()) == told


WORDS = [f"w{rank}" for rank in np.minimum(np.random.default_rng(0).zipf(1.3, 5_000), 200)]
TEXT = [WORDS[start : start + 20] for start in range(0, 5_000, 20)]


@pytest.mark.parametrize(
    "options",
    [
        {"model": "cbow", "epochs": 1},
        {"model": "fasttext", "epochs": 2, "bucket": 1000},
        {"model": "doc2vec"},
        {"model": "doc2vec", "paragraphs": "dm"},
        {"model": "glove"},
        {},
        {"loss": "hs"},
        {"loss": "softmax"},
        {"model": "cbow", "loss": "hs"},
        {"replicas": 2},
    ],
)
def test_vectors_that_know_no_more_than_at_the_start_say_so_once_also_when_they_are_asked(tmp_path, capsys, options):
    options = {"learning_rate": 1e-9, "vector_size": 16, "workers": 1, **options}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = embedkit.train(TEXT, **options)
    told = [str(one.message) for one in caught if "are left to train on" not in str(one.message)]
    assert len(told) == 1 and "hardly fell in training" in told[0] and "more `epochs`" in told[0]
    model.save(tmp_path / "m.safetensors")
    main(["similar", str(tmp_path / "m.safetensors"), "w1"])
    assert "hardly fell in training" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "loss"), [("skipgram", "ns"), ("cbow", "ns"), ("fasttext", "ns"), ("fasttext", "hs")]
)
def test_the_loss_of_vectors_that_know_nothing_is_known(model, loss):
    options = {"learning_rate": 1e-9, "epochs": 60, "sample": 1e-2, "vector_size": 8, "workers": 1}
    # The text goes by its own frequencies, also under a vocabulary of another text.
    other = embedkit.Vocabulary.from_counts({f"w{rank}": 10_000 // (201 - rank) for rank in range(1, 201)})
    for words in (None, other):
        config = embedkit.train(TEXT, model=model, loss=loss, vocabulary=words, **options).config
        assert config["loss_reached"] == pytest.approx(config["loss_untrained"], rel=0.02)


def test_one_word_alone_has_nothing_to_be_learnt_from(tmp_path, capsys):
    with pytest.warns(UserWarning, match="'word' is the only word, so there was nothing to learn it from"):
        model = embedkit.train([["word"] * 10] * 20, vector_size=10, epochs=1, workers=1)
    model.save(tmp_path / "m.safetensors")
    main(["similar", str(tmp_path / "m.safetensors"), "word"])
    assert "is the only word" in capsys.readouterr().err
    two = embedkit.train([["word", "other"] * 5] * 20, vector_size=10, epochs=1, workers=1)
    two.save(tmp_path / "two.safetensors")
    main(["similar", str(tmp_path / "two.safetensors"), "word", "other", "--limit", "1"])
    assert "is the only word" not in capsys.readouterr().err


def test_the_plan_has_room_for_every_copy_and_does_not_mind_other_programs(monkeypatch):
    corpus = Corpus.from_sentences(SENTENCES, min_count=1)
    options = {"model": "fasttext", "bucket": 1000, "vector_size": 10, "workers": 1, "epochs": 1}
    one, four = (plan(corpus, TrainingConfig.create(**options, **more)) for more in ({}, {"replicas": 4}))
    split = Subwords(bucket=1000)
    in_use = len(np.unique(np.concatenate([split.buckets(word) for word in corpus.vocabulary])))
    assert four.memory_bytes - one.memory_bytes == 4 * (2 * one.n_words + in_use) * 40
    glove = {"model": "glove", "vector_size": 10, "workers": 1, "epochs": 1}
    found = [plan(corpus, TrainingConfig.create(**glove, **more)).memory_bytes for more in ({}, {"replicas": 4})]
    assert found[0] == found[1]

    def held_up():
        raise AssertionError("a clock on the wall")

    monkeypatch.setattr("embedkit.training.plan.time.perf_counter", held_up)
    assert all(plan(corpus, TrainingConfig.create(**chosen)).seconds > 0 for chosen in (options, glove))


@pytest.mark.parametrize("workers", [1, 2])
def test_threads_have_no_effect_on_how_a_cluster_gets_its_counts(monkeypatch, workers):
    read = []
    monkeypatch.setattr("embedkit.training.counts.usable_cores", lambda: 7)
    monkeypatch.setattr("embedkit.training.counts.HeldCounts", lambda engine, counts: counts)
    monkeypatch.setattr("embedkit.counting.files.load", lambda *_, workers, **__: read.append(workers))
    config = TrainingConfig.create("glove", workers=workers, replicas=2)
    with ClusterCounts(Here(), [], {}, None, "c.bin").pieces(config, None):
        assert read == [7]


@pytest.mark.parametrize("workers", [2, 3])
def test_threads_of_replicas_on_a_cluster_are_those_of_its_workers(workers):
    with pytest.raises(ConfigError, match="`workers` has no effect with `cluster`"):
        embedkit.train("text.txt", replicas=2, cluster="local:2", workers=workers)
