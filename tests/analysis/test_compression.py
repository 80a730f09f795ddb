"""Quantised vectors: what they decode to, how far they may be off, in files and through the commands."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from embedkit.analysis.compression import compress, costs
from embedkit.analysis.testsets import WordPairs
from embedkit.cli import main
from embedkit.errors import ConfigError, FormatError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.storing import load
from embedkit.rows import k_means, quantization
from embedkit.rows.quantization import KINDS, quantize
from embedkit.rows.subwords import Subwords

MATRICES = arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 7)),
    elements=st.floats(-1000, 1000, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3),
)


def rows(n=400, size=10, seed=0):
    return np.random.default_rng(seed).standard_normal((n, size)).astype(np.float32)


def model(n=400, size=10):
    return KeyedVectors(
        [f"낱말{i}" for i in range(n)],
        rows(n, size),
        counts=np.arange(n, 0, -1),
        config={"window": 4},
        output_vectors=rows(n, size, 1),
    )


def subword_model():
    subwords = Subwords("chars", 2, 3, bucket=300)
    return KeyedVectors(["서울", "부산"], rows(2, 8), subwords=subwords, ngram_vectors=rows(300, 8, 2))


@given(MATRICES)
def test_float16_is_numpys(matrix):
    np.testing.assert_array_equal(quantize(matrix, "float16")[:], matrix.astype(np.float16).astype(np.float32))


@given(MATRICES)
def test_int8_is_off_by_half_a_step_at_most(matrix):
    step = np.abs(matrix).max(axis=1, keepdims=True) / 127
    assert (np.abs(quantize(matrix, "int8")[:] - matrix) <= step * 0.5001 + 1e-12).all()


@settings(deadline=None, max_examples=30)
@given(MATRICES, st.integers(1, 7))
def test_pq_of_few_rows_is_exact_and_keeps_lengths(matrix, subvectors):
    """Fewer rows than centroids: every piece is a centroid."""
    found = quantize(matrix, "pq", subvectors=min(subvectors, matrix.shape[1]))[:]
    # directions that are closer than float32 squares can tell apart may share a centroid
    assert (np.linalg.norm(found - matrix, axis=1) <= 2e-3 * np.linalg.norm(matrix, axis=1)).all()


def test_pq_decodes_to_the_nearest_centroids_with_the_original_length():
    matrix = rows(700)
    found = quantize(matrix, "pq", subvectors=5)
    codes, centroids = found.parts["rows"], found.parts["centroids"]
    assert codes.shape == (700, 5) and centroids.shape == (5, 256, 2)
    directions = matrix.astype(np.float64) / np.linalg.norm(matrix, axis=1)[:, None]
    for row in range(0, 700, 50):
        for piece in range(5):
            off = np.linalg.norm(centroids[piece] - directions[row, 2 * piece : 2 * piece + 2], axis=1)
            assert off[codes[row, piece]] <= off.min() + 1e-6
    np.testing.assert_allclose(np.linalg.norm(found[:], axis=1), np.linalg.norm(matrix, axis=1), rtol=1e-5)


def test_k_means_is_better_than_its_start(monkeypatch):
    matrix = rows(3000, 4)
    errors = []
    for iterations in (0, 12):
        monkeypatch.setattr(k_means, "ITERATIONS", iterations)
        errors.append(np.square(quantize(matrix, "pq", subvectors=1)[:] - matrix).sum())
    assert errors[1] < 0.85 * errors[0]


@pytest.mark.parametrize("kind", KINDS)
def test_single_rows_slices_and_lists_decode_alike(kind, monkeypatch):
    monkeypatch.setattr(quantization, "_ROWS", 64)
    found = quantize(rows(), kind)
    whole = found[:]
    np.testing.assert_array_equal(found[7], whole[7])
    np.testing.assert_array_equal(found[5:9], whole[5:9])
    np.testing.assert_array_equal(found[np.array([3, 399, 3])], whole[[3, 399, 3]])
    assert found.shape == whole.shape == (400, 10)


@pytest.mark.parametrize("kind", KINDS)
def test_zero_rows_stay_zero(kind):
    matrix = rows()
    matrix[9] = 0
    assert not quantize(matrix, kind)[9].any()


def test_subvectors_need_not_divide_the_size():
    assert quantize(rows(size=7), "pq", subvectors=3)[:].shape == (400, 7)


def test_what_cannot_be_quantised_is_refused():
    with pytest.raises(ConfigError, match="65504"):
        quantize(np.full((2, 2), 1e5, np.float32), "float16")
    with pytest.raises(ConfigError, match="1 to the 10"):
        quantize(rows(), "pq", subvectors=11)
    with pytest.raises(ConfigError, match="int4"):
        quantize(rows(), "int4")
    with pytest.raises(ConfigError, match="subvectors"):
        quantize(rows(), "int8", subvectors=3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_compressed_file_answers_like_the_model_in_memory(kind, tmp_path):
    smaller = compress(model(), kind)
    smaller.save(tmp_path / "m.safetensors")
    opened = load(tmp_path / "m.safetensors")
    assert opened.table.vectors.kind == kind
    np.testing.assert_array_equal(opened["낱말5"], smaller["낱말5"])
    assert not isinstance(opened.table.vectors, np.ndarray)  # one word decodes one row
    np.testing.assert_array_equal(opened.vectors, smaller.vectors)
    np.testing.assert_allclose(opened.norms, np.linalg.norm(opened.vectors, axis=1), rtol=1e-5)
    assert opened.most_similar("낱말3", topn=5) == smaller.most_similar("낱말3", topn=5)
    np.testing.assert_array_equal(opened.counts, np.arange(400, 0, -1))
    assert opened.config == {"window": 4} and opened.output_vectors is None


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_words_are_composed_from_compressed_subwords(kind, tmp_path):
    vectors = subword_model()
    compress(vectors, kind).save(tmp_path / "m.safetensors")
    found, original = load(tmp_path / "m.safetensors")["서울시"], vectors["서울시"]
    assert found @ original / np.linalg.norm(found) / np.linalg.norm(original) > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_other_tools_open_compressed_files(kind, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    smaller = compress(model(), kind)
    smaller.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(
        safetensors.load_file(tmp_path / "m.safetensors")["vectors"], smaller.table.vectors.parts["rows"]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_compressed_file_cut_anywhere_is_refused(kind, tmp_path):
    compress(model(8, 4), kind).save(tmp_path / "m.safetensors")
    content = (tmp_path / "m.safetensors").read_bytes()
    for length in range(0, len(content), max(1, len(content) // 97)):
        (tmp_path / "cut.safetensors").write_bytes(content[:length])
        with pytest.raises(FormatError):
            load(tmp_path / "cut.safetensors")


def test_damaged_headers_are_refused(tmp_path):
    compress(model(8, 4), "pq").save(tmp_path / "m.safetensors")
    content = (tmp_path / "m.safetensors").read_bytes()
    for old, new in (
        (b'"quantization": "pq"', b'"quantization": "zz"'),
        (b'"vector_size": "4"', b'"vector_size": "9"'),
        (b'"vectors_scales"', b'"vectors_scalez"'),
        (b'"vector_size": "4"', b'"vector_sizf": "4"'),
    ):
        assert old in content
        (tmp_path / "bad.safetensors").write_bytes(content.replace(old, new))
        with pytest.raises(FormatError, match=r"bad\.safetensors"):
            load(tmp_path / "bad.safetensors")


def test_costs_fall_in_bytes_and_say_what_is_lost():
    vectors = model()
    pairs = WordPairs(
        "t",
        [(f"낱말{i}", f"낱말{i + 1}") for i in range(60)],
        np.array([vectors.similarity(f"낱말{i}", f"낱말{i + 1}") for i in range(60)]),
    )
    found = list(costs(vectors, [pairs], words=300))
    assert [cost.kind for cost in found] == ["float32", *KINDS]
    assert [cost.bytes for cost in found[:3]] == [400 * 10 * 4, 400 * 10 * 2, 400 * 14]
    assert (found[0].overlap, found[0].spearman) == (1, [pytest.approx(1)])
    assert found[0].cosine == pytest.approx(1, abs=1e-6)
    assert found[1].cosine > found[2].cosine > found[3].cosine > 0.9
    assert found[2].overlap > found[3].overlap > 0.5
    assert found[2].spearman[0] > found[3].spearman[0] > 0.9


def test_the_command_writes_and_reports(tmp_path, capsys):
    model().save(tmp_path / "m.safetensors")
    (tmp_path / "pairs.tsv").write_text("낱말1\t낱말2\t3\n낱말3\t낱말4\t1\n낱말5\t낱말6\t2\n", encoding="utf-8")
    out = tmp_path / "small.safetensors"
    assert (
        main(
            [
                "compress",
                str(tmp_path / "m.safetensors"),
                "-o",
                str(out),
                "--quantize",
                "pq",
                "--subvectors",
                "2",
                "--report",
                "--pairs",
                str(tmp_path / "pairs.tsv"),
                "--json",
            ]
        )
        == 0
    )
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["quantize"] for record in records] == ["float32", *KINDS]
    assert set(records[0]) == {"quantize", "bytes", "share", "cosine", "overlap", "spearman pairs.tsv"}
    assert load(out).table.vectors.parts["rows"].shape == (400, 2)
    assert main(["similar", str(out), "낱말3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 10


@pytest.mark.parametrize(
    "arguments",
    [[], ["-o", "x.bin"], ["-o", "x.safetensors", "--pairs", "p.tsv"], ["-o", "x.safetensors", "--subvectors", "3"]],
)
def test_options_that_do_nothing_are_wrong_usage(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model().save("m.safetensors")
    assert main(["compress", "m.safetensors", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]
