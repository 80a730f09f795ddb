"""Training that goes on from a model with new words, and periods that are trained against a compass."""

import unicodedata

import numpy as np
import pytest

import embedkit
from embedkit.analysis.compression import compress
from embedkit.analysis.drift import drift, has_compass
from embedkit.analysis.operations import center, concatenate, unit_length
from embedkit.cli import main
from embedkit.errors import ConfigError, CorpusError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.doc2vec import infer

OPTIONS = {"vector_size": 10, "epochs": 2, "min_count": 1, "workers": 1, "window": 2, "keep_output": True}
MODELS = {
    "skipgram": {"model": "skipgram", "sample": 0},
    "cbow": {"model": "cbow", "sample": 0},
    "hs": {"model": "skipgram", "sample": 0, "loss": "hs", "keep_output": None},
    "fasttext": {"model": "fasttext", "sample": 0, "bucket": 60, "min_n": 2, "max_n": 3},
    "glove": {"model": "glove"},
    "dm": {"model": "doc2vec", "sample": 0, "paragraphs": "dm", "keep_output": None},
    "paragraphs": {"model": "doc2vec", "sample": 0, "train_words": True, "keep_output": None},
}


def sentences(words, n, seed=1):
    rng = np.random.default_rng(seed)
    return [[words[i] for i in rng.integers(0, len(words), 6)] for _ in range(n)]


OLD = [f"w{i}" for i in range(20)]
NEW = [*OLD[:12], "새말", "new", "newer", "rare"]
FIRST = sentences(OLD, 80)
SECOND = [*sentences(NEW[:-1], 80, 2), ["rare", "w1", "newer"]]


def trained(name):
    return embedkit.train(FIRST, **{**OPTIONS, **MODELS[name]})


@pytest.mark.parametrize("name", MODELS)
def test_known_vectors_stand_still_and_new_words_are_learnt(name):
    first = trained(name)
    on = embedkit.train(SECOND, continue_from=first, lock=True, epochs=2, workers=1)
    assert {*on.index_to_key} == {*OLD, *NEW}
    for word in OLD:
        np.testing.assert_array_equal(on[word], first[word])
    moved = embedkit.train(SECOND, continue_from=first, epochs=2, workers=1)
    assert all((moved[word] != first[word]).any() for word in OLD[:12])
    start = embedkit.train(SECOND, continue_from=first, lock=True, epochs=1, learning_rate=1e-12, workers=1)
    assert all((on[word] != start[word]).any() for word in ("새말", "new"))


def test_several_replicas_and_threads_keep_known_vectors_too():
    first = trained("skipgram")
    for options in ({"replicas": 2}, {"workers": 2}):
        on = embedkit.train(SECOND, continue_from=first, lock=True, epochs=2, **{"workers": 1, **options})
        np.testing.assert_array_equal(on[OLD], first[OLD])


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_compressed_models_go_on_with_their_ngrams(kind):
    known = compress(trained("fasttext"), kind)
    said = []
    on = embedkit.train(
        SECOND, continue_from=known, epochs=1, learning_rate=1e-12, workers=1, min_count=1, note=said.append
    )
    np.testing.assert_allclose(on[OLD], known[OLD], atol=1e-5)
    assert on.similarity(on["w1w2"], known["w1w2"]) > 0.95  # but for n-grams that new words brought
    assert not any("n-grams" in line for line in said)


def test_paragraph_vectors_go_on_from_output_vectors_where_words_have_no_others():
    options = {"model": "doc2vec", "vector_size": 10, "min_count": 1, "workers": 1, "sample": 0}
    first = embedkit.train(FIRST, epochs=3, **options)
    said = []
    for given in ({"continue_from": first, "note": said.append}, {"init": first, **options}):
        on = embedkit.train(SECOND, epochs=1, learning_rate=1e-12, **{"workers": 1, **given})
        np.testing.assert_allclose(on[OLD[:12]], first[OLD[:12]], atol=1e-6)
    assert not any("no output vectors" in line for line in said)
    kept = trained("skipgram")
    on = embedkit.train(SECOND, init=kept, epochs=1, learning_rate=1e-12, **options)
    np.testing.assert_allclose(on[OLD[:12]], kept.output_vectors[[kept.row(word) for word in OLD[:12]]], atol=1e-6)
    with pytest.raises(ConfigError, match=r"it takes output vectors, .* holds no output vectors \(`keep_output`\)"):
        embedkit.train(SECOND, init=embedkit.KeyedVectors(OLD, kept.vectors), **options)
    with pytest.raises(ConfigError, match=r"`lock` keeps vectors .* give `train_words`, or `paragraphs` dm"):
        embedkit.train(SECOND, continue_from=first, lock=True, workers=1)


CHANGES = [center, unit_length, lambda first: concatenate(first, first)]


@pytest.mark.parametrize("name", ["dm", "paragraphs"])
@pytest.mark.parametrize("change", CHANGES)
def test_changed_paragraph_vectors_go_on_as_what_they_are(change, name):
    """They went on as vectors of lines alone, which take output vectors and found none."""
    said = []
    first = change(trained(name))
    on = embedkit.train(SECOND, continue_from=first, epochs=1, lock=True, workers=1, note=said.append)
    np.testing.assert_array_equal(on[OLD], first[OLD])
    assert "the model holds no output vectors: they are learnt anew" in said
    assert len(infer(on, ["w1 w2"])) == 1


@pytest.mark.parametrize("change", CHANGES)
def test_changed_output_vectors_of_paragraph_vectors_are_none_to_go_on_from(change):
    first = change(embedkit.train(FIRST, model="doc2vec", vector_size=10, min_count=1, epochs=2, workers=1, sample=0))
    with pytest.raises(ConfigError, match="takes output vectors, and the model holds no output vectors; give"):
        embedkit.train(SECOND, continue_from=first, workers=1)


def test_options_and_counts_are_the_models_and_add_up():
    first = trained("fasttext")
    said = []
    on = embedkit.train(SECOND, continue_from=first, epochs=1, min_count=2, workers=1, note=said.append)
    assert "the text has 12 of the model's 20 words; 3 new words" in said
    assert "rare" not in on.index_to_key
    assert (on.subwords, on.vector_size, on.config["window"]) == (first.subwords, 10, 2)
    assert on.output_vectors is not None
    in_second = sum(sentence.count("w1") for sentence in SECOND)
    assert on.counts[on.row("w1")] == first.counts[first.row("w1")] + in_second
    assert on.counts[on.row("w19")] == first.counts[first.row("w19")]
    assert (np.diff(on.counts) <= 0).all()
    few = embedkit.train(SECOND, continue_from=first, epochs=1, max_vocab=21, workers=1)
    assert len(few) == 21


def test_words_are_known_however_they_are_composed():
    """As to `init` and to questions: the same words came twice, and a compass knew none of them."""
    first, said = trained("skipgram"), []
    words = [f"새말{word}" for word in OLD]
    first = KeyedVectors(words, first.vectors, counts=first.counts, output_vectors=first.output_vectors)
    text = [[unicodedata.normalize("NFD", f"새말{word}") for word in sentence] for sentence in FIRST]
    on = embedkit.train(text + FIRST, continue_from=first, epochs=1, min_count=1, workers=1, note=said.append)
    assert (len(on), said[0]) == (40, "the text has 20 of the model's 20 words; 20 new words")
    assert sum(on.counts[on.row(word)] for word in words) == 2 * first.counts.sum()
    assert len(embedkit.train(text, compass=first, epochs=1, min_count=1, workers=1)) == 20


def test_a_file_without_counts_and_outputs_says_so():
    plain = KeyedVectors(OLD, np.random.default_rng(1).standard_normal((20, 6)))
    said = []
    on = embedkit.train(SECOND, continue_from=plain, lock=True, epochs=1, min_count=1, workers=1, note=said.append)
    assert (len(on), on.config["model"]) == (24, "skipgram")
    np.testing.assert_array_equal(on[OLD], plain[OLD])
    assert any("the file has no counts" in line for line in said)
    assert any("no output vectors" in line for line in said)


def test_locked_vectors_do_not_move_the_more():
    known = embedkit.train(FIRST, **{**OPTIONS, "keep_output": False})
    said = []
    embedkit.train(SECOND, continue_from=known, lock=True, epochs=1, workers=1, note=said.append)
    assert any("the text has" in line for line in said)
    assert not any("known vectors move" in line for line in said)


def test_what_contradicts_the_model_is_refused():
    first = trained("fasttext")
    for options, message in (
        ({"vector_size": 7}, "`vector_size` is 10"),
        ({"bucket": 61}, "`bucket` is 60"),
        ({"model": "svd"}, "training cannot go on"),
        ({"init": first}, "`init` has no effect"),
        ({"compass": first}, "two ways"),
        ({"vocabulary": embedkit.Vocabulary(["a"], [1])}, "brings the words"),
    ):
        with pytest.raises(ConfigError, match=message):
            embedkit.train(SECOND, continue_from=first, **options)
    with pytest.raises(ConfigError, match="no vector is known"):
        embedkit.train(SECOND, lock=True)
    with pytest.raises(CorpusError, match="no word of the model"):
        embedkit.train([["once", "twice"]], continue_from=first, min_count=3)


def periods():
    """Two topics; the word bank changes from one to the other between the periods."""
    river, money = ([[f"{topic}{(i + k) % 8}" for k in range(5)] for i in range(8)] for topic in ("river", "money"))
    return [20 * (river + money) + 40 * [[*own[0][:3], "bank", *own[0][3:]]] for own in (river, money)]


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_periods_against_one_compass_lie_in_one_space(model):
    texts = periods()
    options = {"model": model, "vector_size": 12, "min_count": 1, "workers": 1, "epochs": 40, "sample": 0, "window": 3}
    compass = embedkit.train(texts[0] + texts[1], keep_output=True, learning_rate=0.1, **options)
    models = [embedkit.train(text, compass=compass, epochs=40, workers=1, learning_rate=0.1) for text in texts]
    for period in models:
        rows = [compass.row(word) for word in period.index_to_key]
        np.testing.assert_array_equal(period.output_vectors, compass.output_vectors[rows])
    assert has_compass(models)
    found = drift(models, min_count=0)
    assert found.words[found.changed()[0]] == "bank"
    others = np.delete(found.total, found.words.index("bank"))
    assert found.total[found.words.index("bank")] > 1.5 * others.max()
    assert not has_compass([models[0], compass])
    rotated = drift(models, min_count=0, align=True)
    assert not np.allclose(rotated.total, found.total)


def test_a_compass_needs_outputs_and_its_words():
    bare = embedkit.train(FIRST, **{**OPTIONS, "keep_output": False})
    with pytest.raises(ConfigError, match="the compass did not keep its output vectors; train it with `keep_output`"):
        embedkit.train(FIRST, compass=bare, min_count=1, epochs=1)
    with pytest.raises(ConfigError, match="skipgram and cbow"):
        embedkit.train(FIRST, compass=trained("fasttext"), epochs=1)
    with pytest.raises(CorpusError, match="knows none"):
        embedkit.train([["other", "words"]] * 5, compass=trained("skipgram"), epochs=1)


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in (("old", FIRST), ("new", SECOND)):
        (tmp_path / f"{name}.txt").write_text("\n".join(map(" ".join, text)) + "\n", encoding="utf-8")
    trained("skipgram").save("old.safetensors")
    words = ["train", "new.txt", "-o", "grown.safetensors", "--continue", "old.safetensors", "--workers", "1"]
    assert main([*words, "--lock", "--epochs", "1"]) == 0
    assert "note: the text has 12 of the model's 20 words; 4 new words" in capsys.readouterr().err
    grown, old = embedkit.load("grown.safetensors"), embedkit.load("old.safetensors")
    np.testing.assert_array_equal(grown[OLD], old[OLD])
    assert main([*words, "--dim", "9"]) == 2
    assert "--vector-size is 10 in the model that training goes on from, not 9" in capsys.readouterr().err
    assert main(["train", "new.txt", "-o", "x.safetensors", "--lock"]) == 2
    assert "--lock has no effect without --continue or --init" in capsys.readouterr().err
    assert main(["train", "new.txt", "-o", "old.safetensors", "--continue", "old.safetensors"]) == 2
    for name in ("old", "new"):
        assert main(["train", f"{name}.txt", "-o", f"{name}.c.safetensors", "--compass", "old.safetensors", "-q"]) == 0
    assert main(["drift", "old.c.safetensors", "new.c.safetensors", "--min-count", "1"]) == 0
    assert "the models have one compass" in capsys.readouterr().err
