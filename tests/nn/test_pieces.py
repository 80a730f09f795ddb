"""Words known by their morphemes: what is cut, what it says, the look-up, a tagger with them and its file."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.errors import ConfigError
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.tagger import Tagger, TaggerConfig
from embedkit.nn.models.tagger_training import evaluate_tagger, train_tagger
from embedkit.nn.words import pieces
from embedkit.nn.words.lookup import WordLookup, build_lookup
from embedkit.nn.words.pieces import WordPieces, cuts_words, kind_features, piece_features
from embedkit.nn.words.surroundings import word_bags
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.tagged import TaggedSentences

FAST = TrainingOptions(epochs=2, batch_size=8, learning_rate=0.02)
STEMS = {"물": "NNG", "산": "NNG", "가": "VV", "오": "VV", "별": "NNG", "서": "VV"}
ENDINGS = {"은": "JX", "다": "EF"}


def cut(self, words):
    """Stem and ending of one syllable each; nothing of a mark."""
    found = []
    for word in words:
        parts = [*word] if len(word) == 2 else []
        found.append(" ".join(f"{part}/{({**STEMS, **ENDINGS})[part]}" for part in parts))
    return found


@pytest.fixture
def without_kiwi(monkeypatch):
    monkeypatch.setattr(WordPieces, "_cut", cut)
    # Where lines are cut into morphemes too: nothing here has any cut.
    monkeypatch.setitem(sys.modules, "kiwipiepy", SimpleNamespace(Kiwi=lambda: SimpleNamespace(tokenize=None)))
    pieces.word_pieces.cache_clear()
    yield
    pieces.word_pieces.cache_clear()


def data(stems):
    """A noun takes 은, a verb 다; nothing but the kind of the stem tells them when the ending is left out."""
    found = TaggedSentences()
    for i in range(40):
        nouns, verbs = stems[0], stems[1]
        noun, verb = nouns[i % len(nouns)], verbs[i % len(verbs)]
        found.sentences.append([noun + "은", verb + "은", "."])
        found.tags.append(["NOUN", "VERB", "PUNCT"])
        found.places.append(f"line {i}")
    return found


def vectors(**config):
    words = ["물/NNG", "산/NNG", "가/VV", "오/VV", "은/JX", "별/NNG"]
    array = np.random.default_rng(1).normal(size=(len(words), 4)).astype(np.float32)
    return KeyedVectors(words, array, config={"tokenizer": "morphemes:tags", **config})


def test_pieces_are_those_of_the_vectors(without_kiwi):
    words = ["물은", ".", "가다", "물은"]
    tagged = [["물/NNG", "은/JX"], [], ["가/VV", "다/EF"], ["물/NNG", "은/JX"]]
    assert WordPieces("morphemes").tagged(words) == WordPieces("morphemes:tags").as_vectors(words) == tagged
    assert WordPieces("morphemes").as_vectors(words) == [["물", "은"], [], ["가", "다"], ["물", "은"]]
    assert WordPieces("morphemes:pos=N+V").as_vectors(words) == [["물"], [], ["가"], ["물"]]


def test_more_words_than_are_remembered(without_kiwi, monkeypatch):
    monkeypatch.setattr(pieces, "MOST_KNOWN", 1)
    some = WordPieces()
    expected = [["물/NNG", "은/JX"], ["가/VV", "다/EF"]]
    assert [some.tagged(["물은", "가다"]) for _ in range(2)] == [expected] * 2
    assert some.tagged(["산은", "물은"]) == [["산/NNG", "은/JX"], expected[0]]


def test_kiwi_itself():
    pytest.importorskip("kiwipiepy")
    found = WordPieces("morphemes").tagged(["대원군은", ".", " ", "a\nb", "달랐다"])
    assert found[0] == ["대원군/NNP", "은/JX"] and found[1] == found[2] == []
    assert [piece.partition("/")[0] for piece in found[4]] == ["다르", "었", "다"]


def test_features_of_morphemes():
    assert {"~f물", "~l은", "~r은", "~kJX", "~FNNG", "~SNNG+JX"} <= set(piece_features(["물/NNG", "은/JX"]))
    assert piece_features([]) == kind_features([]) == []
    assert piece_features(["//SW"])[0] == "~f/"
    plain = word_bags(["a", "b"], [np.array([0, 1])])
    assert len(word_bags(["a", "b"], [np.array([0, 1])], [["물/NNG"], []]).hashes) > len(plain.hashes)
    assert cuts_words("morphemes:tags") and not cuts_words("korean")


def test_a_word_without_a_vector_is_the_mean_of_its_morphemes(without_kiwi):
    lookup = WordLookup(["물/NNG", "은/JX", "산은"])
    lookup.cut = WordPieces("morphemes:tags").as_vectors
    bags = lookup.bags(["물은", "산은", ".", "별은"])
    assert [bags.rows[a:b].tolist() for a, b in zip(bags.offsets, bags.offsets[1:], strict=False)] == [
        [1, 2],
        [3],
        [0],
        [0, 2],
    ]
    rows = lookup.borrow(["별은", "물은"], vectors(), 2.0)
    assert np.array_equal(rows, 2 * vectors().get_vectors(["별/NNG"]))
    assert lookup.bags(["별은"]).rows.tolist() == [4, 2]
    whole = KeyedVectors(["별은", "별/NNG"], np.eye(2, dtype=np.float32))
    assert lookup.borrow(["별은", "물은"], whole, 2.0).tolist() == [[2, 0]]  # the word itself, if there
    assert lookup.bags(["별은"]).rows.tolist() == [4]


def test_parts_that_the_vectors_lack_are_learnt(without_kiwi):
    cut_words = WordPieces("morphemes:tags").as_vectors
    start = build_lookup(vectors(), ["서다", "서다", "물은"], cut=cut_words, rng=np.random.default_rng(1))
    assert {"서/VV", "다/EF"} <= set(start.lookup.words) and "서다" not in start.lookup.words


def test_the_kind_of_a_stem_tells_of_words_never_seen(without_kiwi, tmp_path):
    config = TaggerConfig("mean", morphemes="morphemes:tags")
    tagger, _ = train_tagger(data(("물산", "가오")), vectors(), config=config, options=FAST)
    unseen = data(("별", "서"))
    assert evaluate_tagger(tagger, unseen).words.accuracy == 1.0
    assert tagger.tokens("물은 산은.") == ["물은", "산은."]  # whole words, although the vectors are of morphemes
    tagger.save(tmp_path / "tagger")
    again = Tagger.load(tmp_path / "tagger")
    assert again.config == tagger.config and again.answers(unseen.sentences) == tagger.answers(unseen.sentences)


def test_without_morphemes_lines_are_cut_as_the_vectors_were(without_kiwi):
    tagger, _ = train_tagger(data(("물산", "가오")), vectors(), config=TaggerConfig("mean"), options=FAST)
    assert tagger.tokenizer["tokenizer"] == "morphemes:tags"


def test_other_tokenizers_are_no_morphemes():
    with pytest.raises(ConfigError, match="must name a tokenizer of morphemes, got 'words'"):
        TaggerConfig(morphemes="words")
    with pytest.raises(ConfigError, match="has no setting 'x'"):
        WordPieces("morphemes:x")


@pytest.mark.parametrize(("flags", "expected"), [([], "morphemes:tags"), (["--no-morphemes"], None)])
def test_on_the_command_line_as_the_vectors_were_cut(without_kiwi, flags, expected, tmp_path, capsys):
    vectors().save(tmp_path / "v.safetensors")
    some = data(("물산", "가오"))
    lines = [
        "".join(f"{w}\t{t}\n" for w, t in zip(*each, strict=True))
        for each in zip(some.sentences, some.tags, strict=True)
    ]
    (tmp_path / "train.tsv").write_text("\n".join(lines), encoding="utf-8")
    model = str(tmp_path / "m.safetensors")
    given = ["--vectors", str(tmp_path / "v.safetensors"), "--model", "mean", "--epochs", "1", *flags]
    assert main(["tag", "train", str(tmp_path / "train.tsv"), "-o", model, *given]) == 0
    assert ("words are known by theirs" in capsys.readouterr().err) == (expected is not None)
    assert Tagger.load(model).config.morphemes == expected
    assert main(["tag", "evaluate", model, str(tmp_path / "train.tsv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == 1.0


def test_no_words_have_no_rows(without_kiwi):
    lookup = WordLookup(["물/NNG"])
    lookup.cut = WordPieces().as_vectors
    assert lookup.bags([]).offsets.tolist() == [0] and WordLookup(["a"]).bags([]).offsets.tolist() == [0]
