"""embedkit.sklearn inside scikit-learn: its own checks, pipelines, searches, pickles."""

import pickle
import warnings

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.utils import estimator_checks  # noqa: E402

from embedkit import KeyedVectors  # noqa: E402
from embedkit.errors import ConfigError  # noqa: E402
from embedkit.sklearn import EmbeddingVectorizer, Word2VecTransformer  # noqa: E402

WORDS = ["good", "fine", "bad", "awful", "the", "film", "왕"]
ROWS = np.random.default_rng(1).standard_normal((7, 5)).astype(np.float32)
MODEL = KeyedVectors(WORDS, ROWS, counts=[9, 8, 7, 6, 50, 20, 1])
TEXTS = ["the good film", "the fine film", "the bad film", "the awful film", "good fine", "bad awful"] * 3
LABELS = [1, 1, 0, 0, 1, 0] * 3
CHECKS = [  # those of check_estimator that ask for nothing but the estimator
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_get_params_invariance",
    "check_set_params",
    "check_do_not_raise_errors_in_init_or_set_param",
    "check_parameters_default_constructible",
]


@pytest.mark.parametrize(
    "estimator", [EmbeddingVectorizer(MODEL), Word2VecTransformer(4, n_jobs=1)], ids=["given", "own"]
)
def test_scikit_learns_checks(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator_checks.check_estimator(estimator)  # skips what needs tables of numbers
        for name in CHECKS:
            if hasattr(estimator_checks, name):
                getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))


def test_means_are_means():
    found = EmbeddingVectorizer(MODEL).fit_transform(["good film", "xyz", ["왕", "the", "왕"]])
    expected = [(ROWS[0] + ROWS[5]) / 2, np.zeros(5), (2 * ROWS[6] + ROWS[4]) / 3]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32
    lower = EmbeddingVectorizer(MODEL, tokenizer="words", stop_words=["the"])
    np.testing.assert_allclose(lower.fit_transform(["The GOOD (film)!"]), expected[:1], rtol=1e-6)


def test_sif_is_that_of_its_formula():
    vectorizer = EmbeddingVectorizer(MODEL, method="sif").fit(TEXTS)
    p = MODEL.counts / MODEL.counts.sum()
    weighted = ROWS * (1e-3 / (1e-3 + p))[:, None]
    lines = np.array([np.mean([weighted[WORDS.index(word)] for word in text.split()], axis=0) for text in TEXTS])
    direction = np.linalg.svd(lines, full_matrices=False)[2][0]
    new = weighted[[0, 6]].mean(axis=0)
    expected = new - direction * (direction @ new)
    np.testing.assert_allclose(vectorizer.transform(["good 왕"])[0], expected, rtol=1e-4, atol=1e-6)


def test_pipelines_searches_and_clones(tmp_path):
    MODEL.save(tmp_path / "m.safetensors")
    pipeline = make_pipeline(EmbeddingVectorizer(tmp_path / "m.safetensors"), LogisticRegression())
    search = GridSearchCV(pipeline, {"embeddingvectorizer__method": ["mean", "sif", "max"]}, cv=3).fit(TEXTS, LABELS)
    assert search.best_score_ == 1.0
    vectorizer = EmbeddingVectorizer(MODEL, method="usif", components=2)
    again = clone(vectorizer)
    assert again is not vectorizer and again.model is MODEL and again.components == 2
    frame = pytest.importorskip("pandas")
    named = EmbeddingVectorizer(MODEL).set_output(transform="pandas").fit_transform(TEXTS[:2])
    assert isinstance(named, frame.DataFrame) and list(named.columns)[:2] == ["embedding0", "embedding1"]
    column = frame.Series(TEXTS[:3], index=[7, 3, 5])  # as a part of a shuffled table
    vectorizer = EmbeddingVectorizer(MODEL).set_output(transform="pandas")
    for vectors in (vectorizer.fit_transform(column), vectorizer.transform(column)):
        assert list(vectors.index) == [7, 3, 5]
    assert EmbeddingVectorizer(MODEL, stop_words=np.array(["sun"])).fit(TEXTS).stop_words.shape == (1,)


def test_pickles_give_the_same(tmp_path):
    fitted = EmbeddingVectorizer(MODEL, method="sif").fit(TEXTS)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(TEXTS), fitted.transform(TEXTS))


def test_training_inside(tmp_path):
    texts = ["Sun, moon, star.", "bread milk egg"] * 30
    transformer = Word2VecTransformer(6, min_count=1, epochs=2, n_jobs=1, window=2)
    found = transformer.fit_transform(texts)
    assert found.shape == (60, 6) and "sun" in transformer.vectors_ and transformer.vectors_.config["window"] == 2
    np.testing.assert_array_equal(clone(transformer).fit(texts).transform(texts), found)
    tokens = [["sun", "moon", "star"], ["bread", "milk", "egg"]] * 30
    np.testing.assert_array_equal(clone(transformer).set_params(tokenizer="whitespace").fit_transform(tokens), found)


def test_what_cannot_work_is_told():
    with pytest.raises(NotFittedError):
        EmbeddingVectorizer(MODEL).transform(TEXTS)
    with pytest.raises(ConfigError, match="give `model`"):
        EmbeddingVectorizer().fit(TEXTS)
    with pytest.raises(ConfigError, match="put it into a list"):
        EmbeddingVectorizer(MODEL).fit("good film")
    with pytest.raises(ConfigError, match="put it into a list"):
        EmbeddingVectorizer(MODEL).fit_transform("good film")
    pandas = pytest.importorskip("pandas")
    for table, kind in ((pandas.DataFrame({"text": TEXTS}), "DataFrame"), ({"text": TEXTS}, "dict")):
        with pytest.raises(ConfigError, match=rf"expected a column of texts, found a {kind}: choose one, such as X\["):
            EmbeddingVectorizer(MODEL).fit_transform(table)
    with pytest.raises(ConfigError, match="expected texts or lists of tokens, found int"):
        EmbeddingVectorizer(MODEL).fit([3])
    with pytest.raises(ConfigError, match="smoothing"):
        EmbeddingVectorizer(MODEL, smoothing=0.1).fit(TEXTS)
