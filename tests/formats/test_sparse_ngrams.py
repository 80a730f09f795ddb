"""Native files that hold only the n-grams' rows that are not zero: the same answers as from all rows, and damage."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import embedkit
from embedkit import KeyedVectors, load
from embedkit.analysis.compression import compress
from embedkit.cli import main
from embedkit.errors import EmbedkitError, FormatError, UnknownWordError
from embedkit.files.safetensors import SafetensorsFile
from embedkit.files.safetensors_writer import write_safetensors
from embedkit.kernels import thresholds
from embedkit.rows.protocol import as_array
from embedkit.rows.quantization import KINDS
from embedkit.rows.sparse import SparseRows
from embedkit.rows.subwords import Subwords

SIZE, BUCKET = 6, 500
WORDS = ["학교에서", "바다", "sea", "seaside", "a b"]
UNKNOWN = ["학교만", "바다표범", "seas", "새로운", "x"]


def ngrams(used, n=BUCKET, size=SIZE):
    rows = np.zeros((n, size), np.float32)
    rows[used] = np.random.default_rng(1).standard_normal((len(used), size)).astype(np.float32)
    return rows


def model(rows=None, kind="chars", **more):
    subwords = Subwords(kind, bucket=BUCKET)
    used = np.unique(np.concatenate([subwords.buckets(word) for word in WORDS]))
    own = np.random.default_rng(0).standard_normal((len(WORDS), SIZE)).astype(np.float32)
    return KeyedVectors(
        WORDS,
        own,
        counts=np.arange(len(WORDS), 0, -1),
        subwords=subwords,
        ngram_vectors=ngrams(used) if rows is None else rows,
        word_rows=own,
        output_vectors=own,
        config={"tokenizer": "whitespace", "loss": "ns"},
        **more,
    )


def taken_apart(path):
    file = SafetensorsFile(path)
    return dict(file.metadata), {name: array.copy() for name, array in file.tensors().items()}


def with_all_rows(path):
    """The file as version 1 of the format has it."""
    metadata, tensors = taken_apart(path)
    rows = as_array(SparseRows(tensors.pop("ngram_buckets"), tensors["ngram_vectors"], BUCKET))
    dense = path.with_name(f"dense-{path.name}")
    write_safetensors(dense, {**metadata, "format_version": "1"}, {**tensors, "ngram_vectors": rows})
    return dense


@pytest.fixture
def path(tmp_path):
    model().save(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def same_bits(a, b):
    np.testing.assert_array_equal(np.asarray(a).view(np.uint32), np.asarray(b).view(np.uint32))


def test_only_rows_in_use_are_stored_and_they_stay_in_the_file(path):
    metadata, tensors = taken_apart(path)
    used = np.flatnonzero(model().ngram_vectors.any(axis=1))
    assert metadata["format_version"] == "2"
    assert tensors["ngram_buckets"].tolist() == used.tolist() and tensors["ngram_buckets"].dtype == np.int32
    same_bits(tensors["ngram_vectors"], model().ngram_vectors[used])
    rows = load(path).ngram_vectors
    assert isinstance(rows, SparseRows) and rows.shape == (BUCKET, SIZE)
    assert not any(array.flags.owndata or array.flags.writeable for array in rows.arrays)
    same_bits(as_array(rows), model().ngram_vectors)


@pytest.mark.parametrize("kind", ["chars", "jamo"])
@pytest.mark.parametrize("bulk", [0, 10**9])
def test_the_answers_are_those_of_all_rows(tmp_path, monkeypatch, kind, bulk):
    monkeypatch.setattr(thresholds, "HASHED_WORDS", bulk)
    path = tmp_path / "m.safetensors"
    model(kind=kind).save(path)
    sparse, dense = load(path), load(with_all_rows(path))
    assert isinstance(dense.ngram_vectors, np.ndarray) and isinstance(sparse.ngram_vectors, SparseRows)
    words = [word for word in UNKNOWN + WORDS if dense.has_vector(word)]
    same_bits(sparse.get_vectors(words), dense.get_vectors(words))
    for word in words:
        same_bits(sparse[word], dense[word])
        assert sparse.most_similar(word) == dense.most_similar(word)


def test_both_become_the_same_files(path):
    files = {}
    for source in (path, with_all_rows(path)):
        for suffix in (".bin", ".safetensors"):
            target = source.with_name(f"out{suffix}")
            assert main(["convert", str(source), str(target), "-q"]) == 0
            assert files.setdefault(suffix, target.read_bytes()) == target.read_bytes()
        for kind in KINDS:
            compress(load(source), kind).save(target)
            assert files.setdefault(kind, target.read_bytes()) == target.read_bytes()
    assert files[".safetensors"] == path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_compressed_files_leave_rows_of_zeros_out_too(path, kind):
    small = path.with_name("small.safetensors")
    compress(load(path), kind).save(small)
    metadata, tensors = taken_apart(small)
    assert metadata["format_version"] == "2"
    assert len(tensors["ngram_vectors"]) == len(tensors["ngram_buckets"]) < BUCKET
    found, original = load(small), load(path)
    used = tensors["ngram_buckets"]
    same_bits(np.delete(as_array(found.ngram_vectors), used, axis=0), np.zeros((BUCKET - len(used), SIZE), np.float32))
    assert np.abs(found["학교만"] - original["학교만"]).max() < 0.02
    found.save(path.with_name("again.safetensors"))
    assert {name: array.tobytes() for name, array in taken_apart(path.with_name("again.safetensors"))[1].items()} == {
        name: array.tobytes() for name, array in tensors.items()
    }


def test_a_compressed_model_whose_vectors_were_changed_is_written_as_numbers(path):
    """`--unit` leaves the n-grams as they are, beside vectors that are quantised no more."""
    small, unit = path.with_name("small.safetensors"), path.with_name("unit.safetensors")
    compress(load(path), "int8").save(small)
    assert main(["convert", str(small), str(unit), "--unit", "-q"]) == 0
    same_bits(as_array(load(unit).ngram_vectors), as_array(load(small).ngram_vectors))


@example(n_used=0, size=1, n=3, seed=0)
@example(n_used=9, size=9, n=10, seed=0)  # a bucket's number takes the room of one value: as large as all rows
@example(n_used=8, size=9, n=10, seed=0)
@given(n_used=st.integers(0, 40), size=st.integers(1, 9), n=st.integers(1, 40), seed=st.integers(0, 9))
def test_rows_come_back_and_are_sparse_where_that_is_smaller(tmp_path_factory, n_used, size, n, seed):
    used = np.sort(np.random.default_rng(seed).permutation(n)[:n_used])
    rows = ngrams(used, n, size)
    path = tmp_path_factory.mktemp("m") / "m.safetensors"
    vectors = np.ones((1, size), np.float32)
    KeyedVectors(["a"], vectors, subwords=Subwords(bucket=n), ngram_vectors=rows).save(path)
    smaller = len(used) * (size + 1) < n * size
    metadata, tensors = taken_apart(path)
    assert (metadata["format_version"], "ngram_buckets" in tensors) == (("2", True) if smaller else ("1", False))
    same_bits(as_array(load(path).ngram_vectors), rows)
    held = SparseRows(used, rows[used], n)
    again = path.with_name("again.safetensors")
    KeyedVectors(["a"], vectors, subwords=Subwords(bucket=n), ngram_vectors=held).save(again)
    assert again.read_bytes() == path.read_bytes()


def test_a_bit_that_is_no_number_counts_as_a_row(tmp_path):
    rows = ngrams([4])
    rows[2, 3] = -0.0
    model(rows).save(tmp_path / "m.safetensors")
    same_bits(as_array(load(tmp_path / "m.safetensors").ngram_vectors), rows)


def test_models_with_other_rows_keep_the_layout_of_version_1(tmp_path):
    subwords = Subwords(bucket=3)
    one = np.ones((1, SIZE), np.float32)
    models = [
        KeyedVectors(["a"], one),
        KeyedVectors(["a"], one, subwords=Subwords(bucket=BUCKET)),
        model(ngrams(range(BUCKET))),
        # rows behind those of the buckets: their number would be lost
        KeyedVectors(["a"], one, subwords=subwords, ngram_vectors=np.zeros((5, SIZE), np.float32)),
    ]
    for number, each in enumerate(models):
        path = tmp_path / f"{number}.safetensors"
        each.save(path)
        metadata, tensors = taken_apart(path)
        assert metadata["format_version"] == "1" and "ngram_buckets" not in tensors
        again = load(path).ngram_vectors
        assert again is None or again.shape == each.ngram_vectors.shape


def test_an_embedkit_that_knows_version_1_alone_refuses_it(path, monkeypatch):
    from embedkit.formats import native

    monkeypatch.setattr(native, "VECTORS", native.VECTORS._replace(version=1))
    with pytest.raises(FormatError, match=r"word vectors in version 2 of the format, .* install a newer embedkit"):
        load(path)


def changed(name, change):
    return lambda metadata, tensors: tensors.update({name: change(tensors[name])})


def put(place, number):
    def change(buckets):
        buckets[place] = number
        return buckets

    return change


ASCENDING = f"ngram_buckets are not ascending numbers from 0 to {BUCKET - 1}"


@pytest.mark.parametrize(
    "damage, message",
    [
        (changed("ngram_buckets", lambda buckets: buckets[::-1].copy()), ASCENDING),
        (changed("ngram_buckets", lambda buckets: np.sort(np.append(buckets[1:], buckets[-1]))), ASCENDING),
        (changed("ngram_buckets", put(0, -1)), ASCENDING),
        (changed("ngram_buckets", put(-1, BUCKET)), ASCENDING),
        (changed("ngram_buckets", put(3, 2**31 - 1)), ASCENDING),
        (changed("ngram_buckets", lambda buckets: buckets[:-1]), r"expected \d+ ngram_buckets, found \d+"),
        (changed("ngram_buckets", lambda buckets: buckets[:0]), r"expected \d+ ngram_buckets, found 0"),
        (changed("ngram_buckets", lambda buckets: buckets.astype(np.int64)), "expected tensor ngram_buckets of I32"),
        (changed("ngram_buckets", lambda buckets: buckets[:, None]), "expected tensor ngram_buckets of I32 with 1 dim"),
        (changed("ngram_vectors", lambda rows: rows[:, :-1].copy()), f"ngram_vectors has the shape \\({BUCKET}, 5\\)"),
        (changed("ngram_vectors", lambda rows: rows.astype(np.float16)), "expected tensor ngram_vectors of F32"),
        (lambda _, tensors: tensors.pop("ngram_vectors"), "expected tensor ngram_vectors beside ngram_buckets"),
        (lambda metadata, _: metadata.pop("subwords"), "expected subwords in the metadata beside ngram_buckets"),
        (lambda metadata, _: metadata.update(subwords='{"bucket": 99}'), "ascending numbers from 0 to 98"),
        (lambda metadata, _: metadata.update(subwords='{"bucket": 0}'), "bucket must be between"),
        (lambda _, tensors: tensors.pop("ngram_buckets"), r"ngram_vectors has \d+ rows, the subwords name 500 buckets"),
    ],
)
def test_damage_is_one_clear_line(path, damage, message):
    metadata, tensors = taken_apart(path)
    damage(metadata, tensors)
    write_safetensors(path, metadata, tensors)
    with pytest.raises(FormatError, match=message) as told:
        load(path)
    assert str(told.value).startswith(f"{path}: damaged: ") and "\n" not in str(told.value)


@pytest.mark.parametrize("kind", [None, "pq"])
def test_nothing_takes_memory_that_the_file_does_not_justify(path, monkeypatch, kind):
    """Two thousand million buckets, a few of which have rows."""
    monkeypatch.setattr(thresholds, "HASHED_WORDS", 0)
    if kind:
        compress(load(path), kind).save(path)
    metadata, tensors = taken_apart(path)
    write_safetensors(path, {**metadata, "subwords": f'{{"kind": "chars", "bucket": {2**31 - 1}}}'}, tensors)

    def use():
        found = load(path)
        with pytest.raises(UnknownWordError):  # their n-grams are hashed elsewhere now
            found.get_vectors(UNKNOWN[:4])
        found.save(path.with_name("again.safetensors"))
        compress(found, "int8").save(path.with_name("small.safetensors"))
        embedkit.train([["sea", "seas", "바다"]] * 9, continue_from=found, sample=0, min_count=1, epochs=1, workers=1)

    use()  # compiles
    tracemalloc.start()
    use()
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
    assert load(path.with_name("again.safetensors")).ngram_vectors.shape == (2**31 - 1, SIZE)


@pytest.mark.parametrize("bulk", [0, 10**9])
def test_rows_of_nan_are_told_when_a_word_needs_them(path, monkeypatch, capsys, bulk):
    monkeypatch.setattr(thresholds, "HASHED_WORDS", bulk)
    metadata, tensors = taken_apart(path)
    tensors["ngram_vectors"][:] = np.nan
    write_safetensors(path, metadata, tensors)
    for source in (path, with_all_rows(path)):
        found = load(source)
        same_bits(found["sea"], model()["sea"])
        with pytest.raises(EmbedkitError, match="the n-grams of '학교만': expected finite numbers, found NaN"):
            found.get_vectors(["학교만"])
        assert main(["vectors", str(source), "학교만", "-q"]) == 1
        out, err = capsys.readouterr()
        assert out == "" and "expected finite numbers" in err and err.count("\n") == 1


def test_info_says_how_many_rows_are_stored(path, capsys):
    for source, n in ((path, len(taken_apart(path)[1]["ngram_buckets"])), (with_all_rows(path), BUCKET)):
        assert main(["info", str(source)]) == 0
        assert f"ngram_rows\t{n}\n" in capsys.readouterr().out


def test_packed_and_from_a_store(path):
    packed = path.with_name("m.safetensors.gz")
    load(path).save(packed)
    same_bits(load(packed)["학교만"], model()["학교만"])
    pytest.importorskip("fsspec")
    load(path).save("memory://m.safetensors")
    same_bits(load("memory://m.safetensors")["학교만"], model()["학교만"])


def test_training_goes_on_as_from_all_rows(path):
    sentences = [["학교에서", "바다", "sea"], ["seaside", "학교만", "sea"], ["바다", "새로운", "sea"]] * 20
    config = {"model": "fasttext", "vector_size": SIZE, "bucket": BUCKET, "min_count": 1, "min_n": 3, "max_n": 6}
    for lock in (False, True):
        found = [
            embedkit.train(sentences, init=load(source), lock=lock, epochs=2, workers=1, **config)
            for source in (path, with_all_rows(path))
        ]
        same_bits(found[0].vectors, found[1].vectors)
        same_bits(as_array(found[0].ngram_vectors), as_array(found[1].ngram_vectors))
