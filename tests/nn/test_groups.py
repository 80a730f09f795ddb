"""Groups of like vectors: who is in one, what a tagger makes of them, their file."""

import dataclasses

import numpy as np
import pytest

from embedkit.files.model_file import load_model, save_model
from embedkit.files.safetensors import SafetensorsFile
from embedkit.nn.models.tagger import Tagger, TaggerConfig
from embedkit.nn.models.tagger_training import evaluate_tagger, train_tagger
from embedkit.nn.words import groups
from embedkit.nn.words.groups import WordGroups
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.tagged import TaggedSentences
from tests.nn.test_tagger import FAST
from tests.nn.test_wide import check_damaged

KINDS = {"NOUN": "n", "VERB": "v", "ADJ": "a"}
SMALL = TaggerConfig("mean", spelling_size=0)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(groups, "SIZES", (3,))


def kind_vectors(n=40):
    """Words of one character, whose vectors lie close to their kind's."""
    rng = np.random.default_rng(0)
    order = rng.permutation(3 * n)
    words, rows = [chr(0x4E00 + i) for i in order.tolist()], np.eye(3, dtype=np.float32)[order % 3]
    return KeyedVectors(words, (rows + 0.1 * rng.standard_normal(rows.shape)).astype(np.float32))


def tagged(vectors, rows):
    kinds = list(KINDS)
    words = [[vectors.index_to_key[row]] for row in rows]
    tags = [[kinds[int(np.argmax(vectors.vectors[row]))]] for row in rows]
    return TaggedSentences(words, tags, [f"pos.tsv line {row}" for row in rows])


def test_words_with_like_vectors_are_in_one_group():
    vectors = kind_vectors()
    found = WordGroups.of_vectors(vectors, 1)
    kinds = vectors.vectors.argmax(1)
    assert len({(kind, number) for kind, number in zip(kinds.tolist(), found.numbers[:, 0].tolist(), strict=True)}) == 3
    assert (found.numbers == WordGroups.of_vectors(vectors, 1).numbers).all()


def test_too_few_words_are_in_none():
    vectors = kind_vectors()
    assert WordGroups.of_vectors(KeyedVectors(vectors.index_to_key[:29], vectors.vectors[:29]), 1) is None


def test_a_token_is_looked_up_as_written_then_in_lower_case():
    found = WordGroups(["us", "US", "é"], np.array([[0, 7], [1, 8], [2, 9]], np.uint16))
    looked_up = found.features(["us", "US", "Us", "e\u0301", "new"])
    assert looked_up == [["%0:0", "%1:7"], ["%0:1", "%1:8"], ["%0:0", "%1:7"], ["%0:2", "%1:9"], []]


def test_a_tagger_knows_words_that_it_never_saw_by_their_group(tmp_path):
    vectors = kind_vectors()
    data, test = tagged(vectors, np.arange(60).repeat(2)), tagged(vectors, np.arange(60, 120))
    tagger, _ = train_tagger(data, vectors, config=SMALL, options=FAST)
    tagger.shares = (0.0, 1.0)
    assert evaluate_tagger(tagger, test).words.accuracy == 1
    tagger.save(tmp_path / "m")
    again = Tagger.load(tmp_path / "m")
    assert again.answers(test.sentences) == tagger.answers(test.sentences)
    tagger.groups = None
    assert evaluate_tagger(tagger, test).words.accuracy < 0.6
    narrow = dataclasses.replace(SMALL, wide=False)
    assert train_tagger(data, vectors, config=narrow, options=FAST)[0].groups is None
    assert train_tagger(data, config=SMALL, options=FAST, vector_size=3)[0].groups is None


def test_older_programs_refuse_a_file_with_features_that_they_do_not_know(tmp_path):
    vectors = kind_vectors()
    data = tagged(vectors, np.arange(60))
    for wide, version in ((True, "3"), (False, "1")):
        config = dataclasses.replace(SMALL, wide=wide)
        train_tagger(data, vectors, config=config, options=FAST)[0].save(tmp_path / "m")
        assert SafetensorsFile(tmp_path / "m").metadata["format_version"] == version


def test_a_file_from_before_groups_opens(tmp_path):
    tagger, _ = train_tagger(tagged(kind_vectors(), np.arange(60)), config=SMALL, options=FAST, vector_size=3)
    tagger.save(tmp_path / "m")
    file = load_model(tmp_path / "m", "tag")
    save_model(tmp_path / "old", "tag", file.kind, file.config, file.tensors, version=2)
    assert Tagger.load(tmp_path / "old").groups is None


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("groups.numbers", lambda a: a[:-1], "groups of 120 words"),
        ("groups.numbers", lambda a: a.astype(np.int64), "uint16"),
        ("groups.word_offsets", lambda a: a[::-1].copy(), "offsets"),
        ("groups.word_order", None, "cannot be built again"),
    ],
)
def test_damaged_files(tmp_path, name, change, message):
    vectors = kind_vectors()
    tagger, _ = train_tagger(tagged(vectors, np.arange(30)), vectors, config=SMALL, options=FAST)
    tagger.save(tmp_path / "m")
    check_damaged(tmp_path, name, change, message)
