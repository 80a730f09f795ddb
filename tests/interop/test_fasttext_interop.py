"""The fasttext package and gensim read what is written here, and the other way round, bit for bit."""

import warnings

import numpy as np
import pytest

import embedkit
from embedkit.errors import UnknownWordError
from embedkit.query.storing import load
from tests.training.test_fasttext_training import CORPUS

fasttext = pytest.importorskip("fasttext")
UNKNOWN = ["학교만", "바닷가", "sea", "ㅋㅋㅋ", "樂園", "👩\u200d🚀", "긴단어" * 50]


@pytest.fixture(scope="module")
def model():
    return embedkit.train(
        CORPUS,
        model="fasttext",
        vector_size=16,
        epochs=3,
        bucket=3000,
        min_count=2,
        sample=0,
        workers=1,
        keep_output=True,
    )


@pytest.fixture(scope="module")
def written(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "model.bin"
    model.save(path)
    return path


def test_fasttext_gives_bit_identical_vectors(model, written):
    theirs = fasttext.load_model(str(written))
    assert theirs.get_words() == list(model.index_to_key)
    for word in [*model.index_to_key, *(word for word in UNKNOWN if model.has_vector(word))]:
        assert np.array_equal(theirs.get_word_vector(word), model[word]), word
    for word in UNKNOWN[:3]:
        ngrams, rows = theirs.get_subwords(word)
        assert ngrams == model.subwords.ngrams(word)
        assert (rows - len(model)).tolist() == model.subwords.buckets(word).tolist()
    assert np.array_equal(theirs.get_output_matrix(), model.output_vectors)


def test_where_fasttext_answers_zeros_a_word_is_unknown(model, written):
    theirs = fasttext.load_model(str(written))
    bare = [word for word in UNKNOWN if not theirs.get_word_vector(word).any()]
    assert 0 < len(bare) < len(UNKNOWN)
    assert bare == [word for word in UNKNOWN if not model.has_vector(word)]
    for word in bare:
        with pytest.raises(UnknownWordError):
            model[word]


def test_fasttext_gives_the_same_vectors_of_sentences(model, written):
    from embedkit.documents.sentence_model import SentenceModel, SentenceOptions
    from embedkit.documents.sentences import SentenceEncoder

    theirs = fasttext.load_model(str(written))
    encoder = SentenceEncoder(model, SentenceModel.unlearnt(model, SentenceOptions.create(method="fasttext")))
    lines = [" ".join([*words, UNKNOWN[i % 3]]) for i, words in enumerate(CORPUS[:30])]
    for line, vector in zip(lines, encoder.vectors(lines), strict=True):
        np.testing.assert_allclose(vector, theirs.get_sentence_vector(line), atol=1e-6)


def test_gensim_gives_the_same_vectors(model, written):
    gensim = pytest.importorskip("gensim.models.fasttext")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = gensim.load_facebook_vectors(str(written))
    for word in [*model.index_to_key, *(word for word in UNKNOWN if model.has_vector(word))]:
        np.testing.assert_allclose(theirs[word], model[word], atol=1e-6)


def trained(train, path, **options):
    """A model of their tool: each of its threads fills a tenth of the first vectors, an eleventh thread the rest.

    With fewer threads the other rows are whatever the memory held: the training ends with a NaN, or goes on with
    values of any size.
    """
    return train(str(path), thread=11, verbose=0, dim=8, **options)


def trained_by_fasttext(tmp_path, **options):
    text = tmp_path / "text.txt"
    text.write_text("\n".join(" ".join(sentence) for sentence in CORPUS), "utf-8")
    return trained(fasttext.train_unsupervised, text, bucket=2000, minn=1, maxn=3, minCount=2, epoch=2, **options)


@pytest.mark.parametrize("options", [{}, {"model": "cbow", "loss": "hs"}, {"loss": "softmax"}])
def test_their_files_open_here_bit_for_bit(tmp_path, options):
    theirs = trained_by_fasttext(tmp_path, **options)
    path = tmp_path / "theirs.bin"
    theirs.save_model(str(path))
    ours = load(path)
    assert list(ours.index_to_key) == theirs.get_words()
    for row, word in enumerate(ours.index_to_key):
        assert np.array_equal(ours[word], theirs.get_word_vector(word))
        assert np.array_equal(ours.vectors[row], ours[word])
    for word in UNKNOWN:
        assert np.array_equal(ours[word], theirs.get_word_vector(word))
    again = tmp_path / "again.bin"
    ours.save(again)
    for word in UNKNOWN:
        assert np.array_equal(fasttext.load_model(str(again)).get_word_vector(word), theirs.get_word_vector(word))


@pytest.mark.parametrize("options", [{}, {"qnorm": True}, {"cutoff": 300, "qnorm": True}])
def test_their_quantised_files_open_here(tmp_path, options):
    text = tmp_path / "labelled.txt"
    text.write_text("\n".join(f"__label__{s[1]} " + " ".join(s) for s in CORPUS), "utf-8")
    theirs = trained(fasttext.train_supervised, text, bucket=500, minn=1, maxn=3, epoch=2)
    theirs.quantize(input=str(text), retrain=False, verbose=0, thread=1, **options)
    path = tmp_path / "small.ftz"
    theirs.save_model(str(path))
    ours = load(path)
    assert list(ours.index_to_key) == theirs.get_words()
    if "cutoff" in options:
        assert 0 < len(ours.subwords.kept) < 500
    for word in [*ours.index_to_key, *UNKNOWN]:
        if ours.has_vector(word):
            np.testing.assert_allclose(ours[word], theirs.get_word_vector(word), atol=1e-6)
