"""Training subword models: what comes out, how it repeats, resumes and starts from given vectors."""

import numpy as np
import pytest

import embedkit
from embedkit.errors import ConfigError
from embedkit.query.storing import load
from embedkit.rows.subwords import Subwords
from embedkit.training import TrainingConfig
from embedkit.training import subword_layout as family
from embedkit.vocabulary import Vocabulary

PLACES = ["학교", "집", "바다", "시장"]
ENDINGS = ["에서", "는", "를", "로"]


def sentences(n=400):
    """Places go with verbs of their own; every ending goes with every place."""
    rng = np.random.default_rng(0)
    verbs = {
        "학교": ["배운다", "읽는다"],
        "집": ["잔다", "쉰다"],
        "바다": ["헤엄친다", "논다"],
        "시장": ["판다", "산다"],
    }
    for _ in range(n):
        place = PLACES[rng.integers(4)]
        yield [place + ENDINGS[rng.integers(4)], verbs[place][rng.integers(2)], verbs[place][rng.integers(2)]]


CORPUS = list(sentences())
OPTIONS = {
    "model": "fasttext",
    "vector_size": 12,
    "epochs": 3,
    "bucket": 5000,
    "min_count": 2,
    "sample": 0,
    "workers": 1,
}


def train(**options):
    return embedkit.train(CORPUS, **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def model():
    return train(epochs=25)


def test_vectors_are_the_means_of_their_rows(model):
    subwords = Subwords("chars", min_n=1, max_n=4, bucket=5000)  # Hangul: 1 to 4 syllables by default
    assert model.subwords == subwords
    assert (model.config["min_n"], model.config["max_n"]) == (1, 4)
    for row, word in enumerate(model.index_to_key):
        total = model.word_rows[row].copy()
        buckets = subwords.buckets(word)
        for bucket in buckets:
            total = total + model.ngram_vectors[int(bucket)]
        assert np.array_equal(model.vectors[row], total * np.float32(1 / (len(buckets) + 1)))


def test_buckets_that_no_word_uses_are_zero(model):
    used = np.unique(np.concatenate([model.subwords.buckets(w) for w in model.index_to_key]))
    rows = np.asarray(model.ngram_vectors)
    assert rows.shape == (5000, 12)
    assert np.flatnonzero(np.abs(rows).sum(axis=1)).tolist() == used.tolist()


def test_forms_of_a_word_are_neighbours_known_or_not(model):
    assert "학교만" not in model
    for word in ("학교에서", "학교만"):
        assert model.similarity(word, "학교는") > model.similarity(word, "바다는") + 0.2


def test_one_worker_repeats_and_the_seed_matters():
    first, again, other = train(), train(), train(seed=2)
    assert np.array_equal(first.vectors, again.vectors)
    assert np.array_equal(first.ngram_vectors.values, again.ngram_vectors.values)
    assert not np.array_equal(first.vectors, other.vectors)


def test_two_workers_learn_the_same_thing():
    model = train(epochs=25, workers=2)
    assert model.similarity("학교에서", "학교는") > model.similarity("학교에서", "바다는") + 0.2


def test_jamo_of_both_normal_forms(tmp_path):
    import unicodedata

    model = train(subwords="jamo")
    assert model.subwords.kind == "jamo"
    for word in ("학교에서", "학교만"):
        assert np.array_equal(model[unicodedata.normalize("NFD", word)], model[word])
    model.save(tmp_path / "jamo.safetensors")
    again = load(tmp_path / "jamo.safetensors")
    assert np.array_equal(again["학교만"], model["학교만"])


@pytest.mark.parametrize(
    ("given", "lengths"),
    [
        ({}, (4, 5, 1, 2)),
        ({"max_jamo": 3}, (3, 3, 1, 2)),
        ({"min_jamo": 6, "min_syllables": 3}, (6, 6, 3, 3)),
        ({"min_jamo": 3, "max_syllables": 4}, (3, 5, 1, 4)),
    ],
)
def test_the_other_end_of_lengths_of_jamo_gives_way(given, lengths):
    subwords = train(subwords="jamo", epochs=1, **given).subwords
    assert (subwords.min_jamo, subwords.max_jamo, subwords.min_syllables, subwords.max_syllables) == lengths


@pytest.mark.parametrize("options", [{"loss": "hs"}, {"model": "cbow", "subwords": "chars", "loss": "softmax"}])
def test_other_losses_and_cbow_learn(options):
    model = train(epochs=30, **options)
    assert model.similarity("학교에서", "학교는") > model.similarity("학교에서", "바다는")


def test_starting_from_given_vectors(model):
    config = {"epochs": 1, "learning_rate": 1e-12}
    taken_over = train(init=model, **config)
    assert np.allclose(taken_over.vectors, model.vectors, atol=1e-6)
    assert np.allclose(taken_over["학교만"], model["학교만"], atol=1e-6)
    notes = []
    train(init=model, note=notes.append, **config)
    assert not any("n-grams" in note for note in notes)
    foreign = train(init=model, bucket=77, note=notes.append, **config)
    assert [
        note for note in notes if "its words' vectors are taken over, not its n-grams'" in note and "bucket" in note
    ]
    assert np.allclose(foreign.vectors, model.vectors, atol=1e-5)
    with pytest.raises(ConfigError, match="vector_size` 12"):
        train(init=model, vector_size=10)


def test_output_vectors_are_kept_on_demand(model):
    assert model.output_vectors is None
    assert train(keep_output=True).output_vectors.shape == (len(model), 12)
    with pytest.raises(ConfigError, match="`keep_output` has no effect with `loss` hs"):
        train(keep_output=True, loss="hs")


@pytest.mark.parametrize(
    ("given", "lengths"),
    [
        ({}, (1, 4)),
        ({"min_n": 2}, (2, 4)),
        ({"min_n": 5}, (5, 5)),
        ({"max_n": 2}, (1, 2)),
        ({"min_n": 3, "max_n": 6}, (3, 6)),
    ],
)
def test_lengths_that_are_not_given_suit_the_script(given, lengths):
    vocabulary = Vocabulary.from_counts({"학교": 5, "sea": 5, "바람결에": 9}, min_count=1)
    subwords = family.subwords_of(TrainingConfig.create("fasttext", **given), vocabulary)
    assert (subwords.min_n, subwords.max_n) == lengths


@pytest.mark.parametrize("options", [{"min_n": 4, "max_n": 3}, {"bucket": 0}])
def test_lengths_that_cannot_work_are_refused(options):
    with pytest.raises(ConfigError, match=r"min_n|bucket"):
        train(**options)


def test_rows_are_numbered_by_use():
    layout = family.layout_of(
        Subwords("chars", min_n=2, max_n=3, bucket=300), ["ab", "abc", "xyz"], np.array([10.0, 3.0, 1.0])
    )
    uses = np.zeros(len(layout.number))
    for word, n in enumerate([10, 3, 1]):
        entries = layout.entries[layout.entries_indptr[word] : layout.entries_indptr[word + 1]]
        np.add.at(uses, entries, n)
        assert sorted(entries) == entries.tolist()
        rows = [layout.number[word]] + [
            layout.number[3 + p] for p in layout.ngrams[layout.indptr[word] : layout.indptr[word + 1]]
        ]
        assert sorted(rows) == entries.tolist()
    assert (np.diff(uses) <= 0).all()


@pytest.mark.parametrize(("window", "shrink"), [(5, True), (23, True), (12, False), (50, True), (200, False)])
def test_wide_windows_learn_too(window, shrink):
    rng = np.random.default_rng(2)
    texts = [[f"w{int(x)}" for x in np.minimum(rng.exponential(12, 300), 80)] for _ in range(20)]
    losses = {}
    found = embedkit.train(
        texts,
        model="fasttext",
        window=window,
        shrink_windows=shrink,
        vector_size=16,
        epochs=3,
        min_count=1,
        workers=1,
        sample=0,
        bucket=1000,
        progress=lambda report: losses.update(report.fields),
    )
    assert np.abs(found.vectors).max() < 10 and losses["loss"] < 4.2
