"""Vectors of sentences against the formulas, for few lines and for many, and the command line."""

import io
import json

import numpy as np
import pytest

import embedkit
from embedkit.cli import main
from embedkit.documents.sentence_model import METHODS, SentenceModel, SentenceOptions
from embedkit.documents.sentences import SentenceEncoder, learn, usif_smoothing
from embedkit.errors import ConfigError, CorpusError, FormatError
from embedkit.kernels import thresholds
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.subwords import Subwords

WORDS = ["the", "cat", "sat", "mat", "dog", "왕", "the"]  # of equal words the first row counts
COUNTS = np.array([50, 10, 8, 5, 4, 2, 1])
LINES = ["the cat sat on the mat", "", "the dog sat", "unknown words", "왕 the 왕", "cat", "mat dog cat sat"]


def model(counts=True, subwords=False, size=6):
    rng = np.random.default_rng(4)
    more = {}
    if subwords:
        more = {
            "subwords": Subwords("chars", 3, 4, 50),
            "ngram_vectors": rng.standard_normal((50, size)).astype(np.float32),
            "config": {"subwords": "chars"},
        }
    vectors = rng.standard_normal((len(WORDS), size)).astype(np.float32)
    return KeyedVectors(WORDS, vectors, counts=COUNTS if counts else None, **more)


def tokens_of(vectors, line, stop=()):
    return [token for token in line.split() if token not in stop and vectors.has_vector(token)]


def by_hand(vectors, method, lines=LINES, components=None, stop=()):
    """The formulas of `embedkit.documents.sentences` in float64, word by word."""
    cut = [tokens_of(vectors, line, stop) for line in lines]
    used = [token for tokens in cut for token in tokens]
    if vectors.counts is not None:
        frequency = dict(zip(reversed(WORDS), reversed(vectors.counts.tolist()), strict=True))
        total = vectors.counts.sum()
    else:
        frequency = {token: used.count(token) for token in used}
        total = len(used)
    if method == "usif":
        shares = np.array(vectors.counts if vectors.counts is not None else list(frequency.values())) / total
        length = len(used) / sum(bool(tokens) for tokens in cut)
        alpha = sum(p > 1 - (1 - 1 / len(shares)) ** length for p in shares) / len(shares)
        alpha = min(max(alpha, 1 / len(shares)), 1 - 1 / len(shares))
        a = (1 - alpha) / (alpha * len(shares) / 2)
    out = np.zeros((len(lines), vectors.vector_size))
    for i, tokens in enumerate(cut):
        rows = [vectors[token].astype(np.float64) for token in tokens]
        if not rows:
            continue
        p = [frequency.get(token, 0) / total for token in tokens]
        if method == "max":
            out[i] = np.max(rows, axis=0)
            continue
        weights = [1.0] * len(rows)
        if method == "tfidf":
            df = [sum(token in other for other in cut) for token in tokens]
            weights = [np.log((1 + len(lines)) / (1 + n)) + 1 for n in df]
        elif method == "sif":
            weights = [0.001 / (0.001 + q) for q in p]
        elif method == "usif":
            weights = [a / (a / 2 + q) / np.linalg.norm(row) for q, row in zip(p, rows, strict=True)]
        elif method == "fasttext":
            weights = [1 / np.linalg.norm(row) for row in rows]
        out[i] = np.average(rows, axis=0, weights=weights) if method == "tfidf" else np.mean(
            [w * row for w, row in zip(weights, rows, strict=True)], axis=0
        )  # fmt: skip
    n = components if components is not None else {"sif": 1, "usif": 5}.get(method, 0)
    if n:
        _, values, directions = np.linalg.svd(out)
        shares = values[:n] ** 2 / (values[:n] ** 2).sum() if method == "usif" else np.ones(n)
        left = out.copy()
        for share, direction in zip(shares, directions[:n], strict=True):
            left -= share * np.outer(out @ direction, direction)
        out = left
    return out


def encoded(vectors, method, lines=LINES, **options):
    stop = options.pop("stop", ())
    chosen = SentenceOptions.create(method=method, **options)
    return learn(vectors, [lines[:3], lines[3:]], chosen, stop)


@pytest.fixture(params=["few lines", "many lines"])
def path(request, monkeypatch):
    """Through a dictionary and NumPy, or through the byte scanner and kernels."""
    monkeypatch.setattr(thresholds, "SCANNED_CHARACTERS", 0 if request.param == "many lines" else 10**9)
    return request.param


@pytest.mark.parametrize("kind", ["counts", "no counts", "subwords"])
@pytest.mark.parametrize("method", METHODS)
def test_vectors_are_those_of_the_formulas(method, kind, path):
    vectors = model(kind != "no counts", kind == "subwords")
    options = {"components": 2} if method == "usif" else {}
    fitted, encoder = encoded(vectors, method, **options)
    expected = by_hand(vectors, method, components=options.get("components"))
    np.testing.assert_allclose(np.concatenate(list(encoder.learnt_lines())), expected, atol=2e-6)
    again = SentenceEncoder(vectors, fitted)
    np.testing.assert_allclose(again.vectors(LINES), expected, atol=2e-6)
    np.testing.assert_allclose(again.vectors(LINES[4:5]), expected[4:5], atol=2e-6)


@pytest.mark.parametrize("method", ["mean", "sif", "tfidf"])
def test_stop_words_are_left_out(method, path):
    _, encoder = encoded(model(), method, stop=["the", "unheard"])
    np.testing.assert_allclose(encoder.vectors(LINES), by_hand(model(), method, stop=["the"]), atol=2e-6)


def test_new_words_after_many_lines(monkeypatch):
    """The scanner meets strangers in every piece; each is composed once and keeps its row."""
    monkeypatch.setattr(thresholds, "SCANNED_CHARACTERS", 40)
    vectors = model(subwords=True)
    encoder = SentenceEncoder(vectors, SentenceModel.unlearnt(vectors, SentenceOptions.create(method="mean")))
    for round_ in range(3):
        lines = [f"cat strange{i + round_} the" for i in range(5)]
        np.testing.assert_allclose(encoder.vectors(lines), by_hand(vectors, "mean", lines), atol=1e-6)
    assert len(encoder.rows.composed_words) == 7


def test_hangul_that_came_decomposed_and_odd_bytes(path):
    import unicodedata

    lines = [unicodedata.normalize("NFD", "왕 cat"), "cat \udcff dog", "tab\tcat\u00a0dog"]
    encoder = SentenceEncoder(model(), SentenceModel.unlearnt(model(), SentenceOptions.create(method="mean")))
    expected = [model()[["왕", "cat"]].mean(axis=0), *[model()[["cat", "dog"]].mean(axis=0)] * 2]
    np.testing.assert_allclose(encoder.vectors(lines), expected, atol=1e-6)


@pytest.mark.parametrize("tokenizer", ["words", "korean", "chars"])
def test_lines_are_cut_by_the_tokenizer_of_the_model(tokenizer, path):
    vectors = model()
    vectors.table.config = {"tokenizer": tokenizer}
    encoder = SentenceEncoder(vectors, SentenceModel.unlearnt(vectors, SentenceOptions.create(method="mean")))
    found = encoder.vectors(["‘cat’, dog!", "", "왕"])
    expected = np.zeros(6) if tokenizer == "chars" else vectors[["cat", "dog"]].mean(axis=0)
    np.testing.assert_allclose(found, [expected, np.zeros(6), vectors["왕"]], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_what_was_learnt_is_kept(method, tmp_path):
    vectors = model(counts=False, subwords=True)
    fitted, encoder = encoded(vectors, method, stop=["dog"])
    fitted.save(tmp_path / "s.safetensors")
    again = SentenceModel.load(tmp_path / "s.safetensors")
    assert again.options == fitted.options and again.stop_words == ("dog",)
    np.testing.assert_array_equal(SentenceEncoder(vectors, again).vectors(LINES), encoder.vectors(LINES))


def test_damaged_files_are_told(tmp_path):
    fitted, _ = encoded(model(counts=False), "sif")
    path = tmp_path / "s.safetensors"
    fitted.save(path)
    good = path.read_bytes()
    for bad in (good[:-4], good.replace(b'\\"method\\": \\"sif\\"', b'\\"method\\": \\"sof\\"'), b"", good[:40]):
        path.write_bytes(bad)
        with pytest.raises(FormatError, match=r"s\.safetensors"):
            SentenceModel.load(path)
    model().save(path)
    with pytest.raises(FormatError, match="expected a model of sentence vectors"):
        SentenceModel.load(path)


def test_what_cannot_be_learnt():
    with pytest.raises(CorpusError, match="no word that the model knows"):
        encoded(model(), "sif", ["x", "y", "z", "w"])
    with pytest.raises(CorpusError, match="5 directions are to be removed, and the text has 2 lines"):
        encoded(model(), "usif", ["cat", "dog", "", ""])
    with pytest.raises(ConfigError, match="vectors of 6 numbers, these have 5"):
        SentenceEncoder(model(size=5), encoded(model(), "sif")[0])
    with pytest.raises(ConfigError, match="goes by the words' counts, which this model lacks"):
        SentenceEncoder(model(counts=False), encoded(model(), "sif")[0]).vectors(["cat"])
    with pytest.raises(ConfigError, match="`smoothing` has no effect with `method` usif"):
        SentenceOptions.create(method="usif", smoothing=0.1)


def test_smoothing_of_usif_has_a_value_for_any_counts():
    for shares in ([1.0], [0.5, 0.5], np.full(1000, 0.001), np.array([0.9, 0.1])):
        for length in (1, 3.5, 10_000):
            assert 0 < usif_smoothing(np.asarray(shares), length) < np.inf


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model().save("m.safetensors")
    (tmp_path / "t.txt").write_text("\n".join(LINES * 20) + "\n", encoding="utf-8")

    def run(*arguments, stdin="", status=0):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        assert main(["vectors", "m.safetensors", *arguments]) == status
        return capsys.readouterr()

    return run


def numbers(out):
    return np.array([[float(x) for x in line.split()] for line in out.splitlines()])


def test_a_new_line_is_treated_as_the_text_was(run):
    text = "\n".join(LINES * 20) + "\n"
    whole = run("--sif", stdin=text)
    np.testing.assert_allclose(numbers(whole.out)[:7], by_hand(model(), "sif", LINES * 20)[:7], atol=1e-6)
    kept = run("--sif", "--fit", "t.txt", "--save-model", "s.safetensors")
    assert kept.out == "" and "to be used with --apply" in kept.err
    np.testing.assert_allclose(numbers(run("--apply", "s.safetensors", stdin=text).out), numbers(whole.out), atol=1e-6)
    one = run("--apply", "s.safetensors", LINES[0])
    np.testing.assert_allclose(numbers(one.out), numbers(whole.out)[:1], atol=1e-6)
    record = json.loads(run("--apply", "s.safetensors", "--json", "cat").out)
    assert record["text"] == "cat" and len(record["vector"]) == 6


def test_blank_lines_keep_their_row(run):
    found = run("--usif", "--fit", "t.txt", "--npy", "o.npy", stdin="\n".join(LINES) + "\n")
    assert "2 of 7 texts hold no word that the model knows" in found.err
    rows = np.load("o.npy")
    assert rows.shape == (7, 6) and not rows[[1, 3]].any() and rows[[0, 2, 4, 5, 6]].any(axis=1).all()


def test_few_lines_are_told(run):
    assert "learnt from 7 lines; --fit CORPUS" in run("--sif", stdin="\n".join(LINES) + "\n").err


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--sif", "the cat"], "--sif learns from a text: name it with --fit, or give a model"),
        (["cat", "--stop-words", "the"], "--stop-words has no effect without a way to make vectors of texts"),
        (["--mean", "cat", "--fit", "t.txt"], "--fit has no effect with --mean, which learns nothing"),
        (["--mean", "cat", "--components", "2"], "--components has no effect with --mean: it is for --sif and --usif"),
        (
            ["--usif", "--smoothing", "1", "--fit", "t.txt", "cat"],
            "--smoothing has no effect with --usif: it is for --sif",
        ),
        (["--sif", "--smoothing", "0", "--fit", "t.txt", "cat"], "--smoothing must be a number above 0"),
        (["--sif", "--apply", "m.safetensors", "cat"], "--sif has no effect with --apply"),
        (["--sif", "--mean", "cat"], "--mean and --sif are two ways to make a vector; give one"),
    ],
)
def test_options_that_do_nothing_are_refused(run, arguments, told):
    assert told in run(*arguments, status=2).err


def test_the_files_are_told_apart(run, tmp_path):
    assert "expected a model of sentence vectors" in run("--apply", "m.safetensors", "cat", status=1).err
    assert "no such file" in run("--sif", "--fit", "nowhere.txt", "cat", status=1).err
    embedkit.load("m.safetensors")


def test_other_vectors_than_those_that_directions_were_learnt_with_are_a_warning(tmp_path, recwarn):
    vectors = model()
    fitted, _ = learn(vectors, [LINES], SentenceOptions.create(method="sif"))
    fitted.save(tmp_path / "s.safetensors")
    again = SentenceModel.load(tmp_path / "s.safetensors")
    SentenceEncoder(vectors, again)
    assert not recwarn
    other = KeyedVectors(WORDS, np.flip(np.asarray(vectors.vectors), axis=1))
    with pytest.warns(UserWarning, match="learnt with other vectors than these"):
        SentenceEncoder(other, again)
    fitted, _ = learn(vectors, [LINES], SentenceOptions.create(method="tfidf"))
    recwarn.clear()
    SentenceEncoder(other, fitted)  # the weights of words fit any vectors
    assert not recwarn
