"""What writers accept, readers return: for every format, `save` refuses by name, or `load` gives the same back."""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from embedkit import KeyedVectors, formats, load
from embedkit.errors import EmbedkitError
from embedkit.kernels import thresholds
from tests.formats.samples import ELSEWHERE, NEEDS_EXTRA
from tests.nn.damage import CASES

WRITABLE = [name for name in formats.FORMATS if name not in ELSEWHERE]
CHARACTERS = [
    *"ab7.-+e_<>/ \t\n\r\0\x01\x0b\x0c\x1b\x1f\x7f\x85\xa0가ㅋ\u2028\ufeff\ufffe\U0001f600",
    "\udcff",
    "\u0301",
]
ODD = ["", "</s>", "nan", "-inf", "1", "0.5", "3 2", "PAR1", "FiFu", "PK\x03\x04", "{", "\ufeffthe", "#", "a\0", "\0"]
words = st.one_of(
    st.text(st.sampled_from(CHARACTERS), max_size=5),
    st.sampled_from(ODD),
    st.text(max_size=3),
    st.sampled_from(["x" * 33_000, "가" * 23_000, "y" * 66_000]),
)
numbers = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from([np.nan, np.inf, 0.0, -0.0, 1e-45, 3.4028235e38, 1.1754944e-38, 1.0, -1.0, 7.0])
    .map(np.float32)
    .map(float),
    st.integers(-(2**24), 2**24).map(float),
)


@st.composite
def models(draw):
    keys = draw(st.lists(words, max_size=6, unique=True))
    size = draw(st.integers(0, 5))
    rows = draw(st_numpy.arrays(np.float32, (len(keys), size), elements=numbers.map(np.float32)))
    counts = draw(st.none() | st_numpy.arrays(np.int64, len(keys), elements=st.integers(0, 2**40)))
    return KeyedVectors(keys, rows, counts=counts)


def text_bytes(rows):
    """Rows whose bytes are letters, so that a binary file could be taken for text."""
    return np.frombuffer(b"".join(bytes([97 + i % 26]) * 4 for i in range(rows * 2)), np.float32).reshape(rows, 2)


def check(model, name):
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        path = Path(folder) / f"m{formats.FORMATS[name].suffix.split(' ')[0] or '.dat'}"
        try:
            model.save(path, name)
        except EmbedkitError as error:
            assert any(told in str(error) for told in ("the word ", "not written", "cannot write"))
            assert "Errno" not in str(error)
            assert not any(Path(folder).iterdir())
            return False
        again = load(path, "glove-binary" if name == "glove-binary" else None)
        assert list(again) == list(model)
        if name == "finalfusion":  # stored as unit vectors and lengths
            np.testing.assert_allclose(again.vectors, model.vectors, rtol=1e-6, atol=3e-7 * model.norms.max(initial=0))
        elif name == "fasttext-vec":
            np.testing.assert_allclose(again.vectors, model.vectors, rtol=6e-5, atol=1e-40)
        else:
            np.testing.assert_array_equal(again.vectors, model.vectors)
        if name in ("native", "npz", "fasttext") and model.counts is not None:
            assert again.counts.tolist() == model.counts.tolist()
        return True


@pytest.mark.parametrize("name", WRITABLE)
@given(model=models())
@example(model=KeyedVectors(["the", "왕"], text_bytes(2)))
@example(model=KeyedVectors(["the"], np.full((1, 40_000), 0.125, np.float32)))
@example(model=KeyedVectors(["1", "nan"], np.ones((2, 3), np.float32)))
@example(model=KeyedVectors(["\ufeffthe", "cat"], np.ones((2, 3), np.float32)))
@settings(max_examples=CASES or 60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_file_is_refused_or_comes_back(name, model):
    if name in NEEDS_EXTRA:
        pytest.importorskip(NEEDS_EXTRA[name])
    check(model, name)


@pytest.mark.parametrize("name", WRITABLE)
def test_ordinary_words_are_written_everywhere(name):
    if name in NEEDS_EXTRA:
        pytest.importorskip(NEEDS_EXTRA[name])
    ordinary = ["the", "여왕", "naïve", "new_york", "1", "nan", "0.5", "😀", "e\u0301", "</s>"]
    rows = np.random.default_rng(1).standard_normal((len(ordinary), 3)).astype(np.float32)
    assert check(KeyedVectors(ordinary, rows, counts=np.arange(10)), name)


@pytest.mark.parametrize("seed", range(60))
def test_small_binaries_are_told_from_text(seed, tmp_path):
    rng = np.random.default_rng(seed)
    n, size = rng.integers(1, 6), rng.integers(1, 4)
    letters = rng.integers(32, 127, (n, 4 * size)).astype(np.uint8)
    rows = letters.view("<f4").astype(np.float32)
    if np.isfinite(rows).all():
        assert check(KeyedVectors([f"w{i}" for i in range(n)], rows), "word2vec-binary")


def test_kernels_print_what_readers_take(monkeypatch):
    monkeypatch.setattr(thresholds, "PRINTED_NUMBERS", 0)
    monkeypatch.setattr(thresholds, "PARSED_BYTES", 0)
    rows = np.array([[1e-45, 3.4e37, -0.0], [1.1754944e-38, 7, 1e16]], np.float32)
    for name in ("word2vec-text", "glove-text", "projector"):
        assert check(KeyedVectors(["1", "nan"], rows), name) or name == "glove-text"
