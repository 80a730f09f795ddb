"""fastText .bin: files put together byte by byte here, all variants, and everything that can be wrong with one."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.errors import EmbedkitError, FormatError
from embedkit.formats import sniff
from embedkit.formats.describe import describe
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.storing import load, save
from embedkit.rows.subwords import Subwords

MAGIC = 793712314
WORDS = ["하늘".encode(), b"sea", b"kter\xec", b"</s>"]  # the third is not UTF-8
SIZE, BUCKET = 4, 11
N_WORDS = len(WORDS)


def arguments(model=2, loss=2, bucket=BUCKET, min_n=2, max_n=3, size=SIZE):
    return struct.pack("<12id", size, 5, 3, 1, 5, 1, loss, model, bucket, min_n, max_n, 100, 1e-4)


def dictionary(words=WORDS, labels=(), pruned=-1, pairs=(), old=False):
    out = struct.pack("<3iq", len(words) + len(labels), len(words), len(labels), 99)
    out += b"" if old else struct.pack("<q", pruned)
    for kind, entries in enumerate((words, labels)):
        for i, word in enumerate(entries):
            out += word + b"\0" + struct.pack("<qb", 50 - i, kind)
    return out + b"".join(struct.pack("<2i", *pair) for pair in pairs)


def dense(matrix, old=False):
    return (b"" if old else b"\0") + struct.pack("<2q", *matrix.shape) + matrix.astype("<f4").tobytes()


def quantised(codes, centroids, part_size, columns, norm_codes=None, norm_values=None):
    """The packed matrix; centroids is a list of (256, width) arrays."""
    last = centroids[-1].shape[1]
    out = struct.pack("<BB2qi", 1, norm_codes is not None, len(codes), columns, codes.size) + codes.tobytes()
    out += struct.pack("<4i", columns, len(centroids), part_size, last)
    out += b"".join(c.astype("<f4").tobytes() for c in centroids)
    if norm_codes is not None:
        out += norm_codes.tobytes() + struct.pack("<4i", 1, 1, 1, 1) + norm_values.astype("<f4").tobytes()
    return out


def matrices(n_rows=N_WORDS + BUCKET, n_outputs=N_WORDS):
    rng = np.random.default_rng(3)
    return rng.normal(size=(n_rows, SIZE)).astype("f4"), rng.normal(size=(n_outputs, SIZE)).astype("f4")


def whole(version=12):
    rows, output = matrices()
    return struct.pack("<2i", MAGIC, version) + arguments() + dictionary() + dense(rows) + dense(output)


def put(tmp_path, data, name="model.bin"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def mean(*rows):
    """fastText's mean: float32 sums in order, times float32(1 / n)."""
    total = np.zeros(SIZE, np.float32)
    for row in rows:
        total = total + row
    return total * np.float32(1 / len(rows))


def expected_vector(rows, word, subwords, known=True):
    own = [rows[[w.decode("utf-8", "surrogateescape") for w in WORDS].index(word)]] if known else []
    return mean(*own, *(rows[N_WORDS + b] for b in subwords.buckets(word)))


@pytest.mark.parametrize("version", [11, 12])
def test_a_dense_file_gives_every_vector(tmp_path, version):
    path = put(tmp_path, whole(version))
    assert sniff(path) == "fasttext"
    model = load(path)
    rows, output = matrices()
    subwords = Subwords("chars", min_n=2, max_n=3, bucket=BUCKET)
    assert model.subwords == subwords
    assert list(model.index_to_key) == ["하늘", "sea", "kter\udcec", "</s>"]
    assert model.counts.tolist() == [50, 49, 48, 47]
    for row, word in enumerate(model.index_to_key):
        assert np.array_equal(model[word], expected_vector(rows, word, subwords))
        assert np.array_equal(model.vectors[row], model[word])
    for word in ["하늘에", "seas", "👩"]:
        assert np.array_equal(model[word], expected_vector(rows, word, subwords, known=False))
    assert np.array_equal(model["</s>"], rows[3])
    assert np.array_equal(model.output_vectors, output)
    assert model.config["window"] == 5
    assert model.config["model"] == "skipgram"


def test_a_file_of_2016_has_no_magic(tmp_path):
    rows, output = matrices()
    path = put(tmp_path, arguments() + dictionary(old=True) + dense(rows, old=True) + dense(output, old=True))
    assert sniff(path) == "fasttext"
    assert np.array_equal(load(path)["</s>"], rows[3])


def test_a_supervised_file_gives_its_input_vectors(tmp_path):
    rows, output = matrices(N_WORDS, 2)
    data = struct.pack("<2i", MAGIC, 12) + arguments(model=3, loss=3, bucket=0, min_n=0, max_n=0)
    data += dictionary(labels=[b"__label__a", b"__label__b"]) + dense(rows) + dense(output)
    model = load(put(tmp_path, data))
    assert len(model) == 4
    assert model.subwords is None
    assert model.output_vectors is None
    assert np.array_equal(model["sea"], rows[1])


def packed_file(with_norms, kept=None):
    rng = np.random.default_rng(5)
    n_rows = N_WORDS + (BUCKET if kept is None else len(kept))
    codes = rng.integers(0, 256, (n_rows, 2), dtype=np.uint8)
    centroids = [rng.normal(size=(256, 3)).astype("f4"), rng.normal(size=(256, 1)).astype("f4")]
    norm_codes = rng.integers(0, 256, n_rows, dtype=np.uint8) if with_norms else None
    norm_values = rng.uniform(0.5, 2, 256).astype("f4") if with_norms else None
    rows = np.hstack([centroids[0][codes[:, 0]], centroids[1][codes[:, 1]]])
    if with_norms:
        rows *= norm_values[norm_codes][:, None]
    pairs = () if kept is None else [(bucket, row) for row, bucket in enumerate(kept)][::-1]
    data = struct.pack("<2i", MAGIC, 12) + arguments()
    data += dictionary(pruned=-1 if kept is None else len(kept), pairs=pairs)
    data += quantised(codes, centroids, 3, SIZE, norm_codes, norm_values) + dense(matrices()[1])
    return data, rows


@pytest.mark.parametrize("with_norms", [False, True])
def test_a_quantised_file(tmp_path, with_norms):
    data, rows = packed_file(with_norms)
    model = load(put(tmp_path, data))
    np.testing.assert_allclose(model["sea"], expected_vector(rows, "sea", model.subwords), rtol=1e-6)
    np.testing.assert_allclose(model["seas"], expected_vector(rows, "seas", model.subwords, False), rtol=1e-6)
    np.testing.assert_allclose(model.vectors, np.stack([model[w] for w in model.index_to_key]), rtol=1e-6)
    np.testing.assert_allclose(model.ngram_vectors[:], rows[N_WORDS:], rtol=1e-6)


def test_a_pruned_file_skips_pieces_without_a_row(tmp_path):
    full = Subwords("chars", min_n=2, max_n=3, bucket=BUCKET)
    kept = sorted({int(b) for b in full.buckets("sea")[:3]}, reverse=True)
    data, rows = packed_file(True, kept)
    model = load(put(tmp_path, data))
    present = [kept.index(b) for b in full.buckets("sea") if b in kept]
    assert 0 < len(present) < len(full.buckets("sea"))
    np.testing.assert_allclose(model["sea"], mean(rows[1], *(rows[N_WORDS + r] for r in present)), rtol=1e-6)
    native = tmp_path / "pruned.safetensors"
    model.save(native)
    again = load(native)
    assert np.array_equal(again["seasea"], model["seasea"])
    np.testing.assert_allclose(again.vectors, model.vectors)
    with pytest.raises(EmbedkitError, match="pruned"):
        model.save(tmp_path / "again.bin")


def test_a_file_pruned_of_all_n_grams(tmp_path):
    data, rows = packed_file(False, [])
    model = load(put(tmp_path, data))
    assert model.subwords is None
    assert np.array_equal(model["sea"], rows[1])


def test_floret_is_refused_by_name(tmp_path):
    floret = struct.pack("<14id", SIZE, 5, 3, 1, 5, 1, 2, 2, BUCKET, 2, 3, 2, 2, 100, 1e-4)
    path = put(tmp_path, struct.pack("<2i", MAGIC, 12) + floret + dictionary() + dense(matrices()[0]))
    with pytest.raises(FormatError, match="read it as floret"):
        load(path, "fasttext")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (struct.pack("<i", 1234) + whole()[4:], "not a fastText file: expected magic number 793712314.*found 1234"),
        (whole(13), "version 13.*install a newer"),
        (whole(3), "expected version 11 or 12, found 3"),
        (whole() + b"x", "expected the end of the file.*1 bytes more"),
        (
            struct.pack("<2i", MAGIC, 12)
            + arguments()
            + dictionary()
            + dense(matrices()[0][:-1])
            + dense(matrices()[1]),
            "expected 4 \\+ 11 rows in the input matrix, found 14",
        ),
        (
            struct.pack("<2i", MAGIC, 12)
            + arguments()
            + dictionary()
            + dense(matrices()[0])
            + dense(matrices()[1][:-1]),
            "expected 4 rows in the output matrix, found 3",
        ),
        (
            struct.pack("<2i", MAGIC, 12)
            + arguments(size=5)
            + dictionary()
            + dense(matrices()[0])
            + dense(matrices()[1]),
            "expected rows of 5 values, found 4",
        ),
        (
            struct.pack("<2i", MAGIC, 12) + arguments() + struct.pack("<3i2q", 10**9, 10**9, 0, 9, -1) + bytes(100),
            "expected 1,000,000,000 dictionary entries",
        ),
        (
            struct.pack("<2i", MAGIC, 12) + arguments() + dictionary() + struct.pack("<b2q", 0, 2**40, 2**30),
            "the input matrix should end at byte",
        ),
        (
            struct.pack("<2i", MAGIC, 12) + arguments() + dictionary(pruned=1, pairs=[(3, 7)]) + bytes(9),
            "the pruning index does not number its rows",
        ),
        (
            struct.pack("<2i", MAGIC, 12)
            + arguments()
            + dictionary([], WORDS).replace(struct.pack("<3i", 4, 0, 4), struct.pack("<3i", 4, 4, 0))
            + bytes(9),
            "expected 4 words and then 0 labels",
        ),
    ],
    ids=["magic", "future", "ancient", "trailing", "rows", "outputs", "columns", "entries", "huge", "pruning", "kinds"],
)
def test_a_damaged_file_is_refused_with_what_was_expected(tmp_path, data, message):
    with pytest.raises(FormatError, match=message):
        load(put(tmp_path, data), "fasttext")


@pytest.mark.parametrize("make", [whole, lambda: packed_file(True, [1, 4])[0][:700]], ids=["dense", "quantised"])
def test_a_file_cut_off_at_any_byte_is_refused(tmp_path, make):
    data = make()
    for end in range(len(data)):
        with pytest.raises(FormatError):
            load(put(tmp_path, data[:end]), "fasttext")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_file_with_changed_bytes_is_read_or_refused(tmp_path_factory, data):
    original = bytearray(data.draw(st.sampled_from([whole(), packed_file(True, [1, 4])[0]])))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(original), 400) - 1))
        original[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    path = put(tmp_path_factory.mktemp("fuzz"), bytes(original))
    try:
        model = load(path, "fasttext")
        assert np.isfinite(model.vectors).all()
        if model.subwords is not None:
            assert model["seas"].shape == (SIZE,)
    except EmbedkitError:
        pass


def test_vectors_with_nan_are_refused_when_they_are_used(tmp_path):
    rows, output = matrices()
    rows[1, 0] = np.nan
    data = struct.pack("<2i", MAGIC, 12) + arguments() + dictionary() + dense(rows) + dense(output)
    model = load(put(tmp_path, data))
    with pytest.raises(FormatError, match=r"'sea' \(row 1\): expected finite numbers"):
        _ = model.vectors


def own_model(kind="chars", **more):
    rng = np.random.default_rng(8)
    subwords = Subwords(kind, min_n=1, max_n=4, bucket=50)
    own, ngrams = rng.normal(size=(3, SIZE)).astype("f4"), rng.normal(size=(50, SIZE)).astype("f4")
    words = ["학교", "sea", "바람"]
    vectors = np.stack([mean(o, *ngrams[subwords.buckets(w)]) for o, w in zip(own, words, strict=True)])
    parts = {"word_rows": own, "counts": np.array([9, 5, 2]), "config": {"window": 4, "sample": 1e-3}, **more}
    return KeyedVectors(words, vectors, subwords=subwords, ngram_vectors=ngrams, **parts)


def test_what_is_written_is_read_back_bit_for_bit(tmp_path):
    model = own_model(output_vectors=np.arange(12, dtype="f4").reshape(3, SIZE))
    path = tmp_path / "own.bin"
    model.save(path)
    again = load(path)
    assert np.array_equal(again.vectors, model.vectors)
    assert np.array_equal(again["바람결에"], model["바람결에"])
    assert np.array_equal(again.output_vectors, model.output_vectors)
    assert again.counts.tolist() == [9, 5, 2]
    assert (again.config["window"], again.config["sample"], again.subwords) == (4, 1e-3, model.subwords)
    native = tmp_path / "own.safetensors"
    again.save(native)
    assert np.array_equal(load(native)["바람결에"], model["바람결에"])


def test_a_model_without_subwords_is_written_with_its_word_vectors(tmp_path):
    model = KeyedVectors(["a", "b"], np.eye(2, SIZE, dtype="f4"))
    model.save(tmp_path / "plain.bin", "fasttext")
    again = load(tmp_path / "plain.bin")
    assert again.subwords is None
    assert np.array_equal(again.vectors, model.vectors)
    assert not again.output_vectors.any()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (own_model("jamo"), "jamo.*safetensors.*vec"),
        (own_model(word_rows=None), "rows of words and n-grams were not kept"),
        (KeyedVectors(["a\0b"], np.ones((1, 2), "f4")), "NUL"),
    ],
    ids=["jamo", "no rows", "nul"],
)
def test_what_the_format_cannot_express_is_refused_and_leaves_nothing(tmp_path, model, message):
    with pytest.raises(EmbedkitError, match=message):
        model.save(tmp_path / "out.bin", "fasttext")
    assert list(tmp_path.iterdir()) == []


def test_vec_has_five_digits_and_a_space_at_the_end(tmp_path):
    model = KeyedVectors(["학교", "b"], np.array([[1 / 3, -2e-7], [1, 123456.7]], "f4"))
    path = tmp_path / "out.vec"
    model.save(path)
    assert path.read_text("utf-8") == "2 2\n학교 0.33333 -2e-07 \nb 1 1.2346e+05 \n"
    again = load(path)
    np.testing.assert_allclose(again.vectors, model.vectors, rtol=5e-5)
    with pytest.raises(EmbedkitError, match="jamo"):
        own_model("jamo").save(tmp_path / "jamo.bin")
    own_model("jamo").save(tmp_path / "jamo.vec")
    assert list(load(tmp_path / "jamo.vec").index_to_key) == ["학교", "sea", "바람"]


def test_a_known_name_saves_over_nothing_half_written(tmp_path):
    path = tmp_path / "out.vec"
    path.write_text("old")
    with pytest.raises(EmbedkitError, match="white space"):
        save(KeyedVectors(["a b"], np.ones((1, 2), "f4")), path)
    assert path.read_text() == "old"


def test_the_facts_of_a_quantised_file_count_what_is_stored(tmp_path):
    data, _ = packed_file(False, None)
    model = load(put(tmp_path, data))
    facts = describe(model.table)
    assert facts["words"] == N_WORDS
    assert 0 < facts["memory_bytes"] + facts["mapped_bytes"] <= len(data)
