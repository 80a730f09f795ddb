"""Damaged native and quantised files: refused with one clear error, or they answer; none reads beyond its arrays.

Each damaged model is asked everything that reaches a kernel: neighbours, unknown words one by one and in bulk.
EMBEDKIT_FUZZ_CASES=100000 runs that many cases by hand.
"""

import json
import tracemalloc
import warnings

import numpy as np
import pytest

from embedkit import KeyedVectors, load
from embedkit.analysis.compression import compress
from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.safetensors import SafetensorsFile
from embedkit.files.safetensors_writer import write_safetensors
from embedkit.kernels import thresholds
from embedkit.rows.subwords import Subwords
from tests.nn.damage import CASES, JUNK, damaged_array, damaged_json

WORDS = ["왕", "여왕", "sea", "a b", ""]


def subword_model(kind="chars"):
    rng = np.random.default_rng(0)
    rows, ngrams = rng.standard_normal((5, 6), np.float32), rng.standard_normal((30, 6), np.float32)
    return KeyedVectors(
        WORDS,
        rows,
        counts=np.arange(5, 0, -1),
        subwords=Subwords(kind, bucket=30),
        ngram_vectors=ngrams,
        word_rows=rows,
        output_vectors=rows,
        config={"window": 3, "tokenizer": "whitespace", "loss": "ns"},
    )


def sparse_model():
    found = subword_model()
    found.ngram_vectors[::3] = 0
    return found


MODELS = {
    "chars": subword_model,
    "jamo": lambda: subword_model("jamo"),
    "sparse": sparse_model,
    "sparse pq": lambda: compress(sparse_model(), "pq"),
    "pruned": lambda: KeyedVectors(
        WORDS,
        subword_model().vectors,
        subwords=Subwords(bucket=30, kept=(3, 1, 9)),
        ngram_vectors=np.ones((3, 6), np.float32),
    ),
    **{kind: lambda kind=kind: compress(subword_model(), kind) for kind in ("float16", "int8", "pq")},
}


def ask(path):
    model = load(path)
    list(model.index_to_key)
    for word in ("왕", "바다표범", "x" * 60):
        if model.has_vector(word) and np.isfinite(model[word]).all():
            model.most_similar(word)
    model.get_vectors([word for word in ("새로운", "낱말들") * 3 if model.has_vector(word)])
    model.key_to_index.get("sea")
    model.fill("왕 ___ sea")


def refused_or_answers(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ask(path)
        except FormatError as error:
            assert str(error).startswith(str(path))
            return True
        except EmbedkitError:
            return False
    return False


@pytest.fixture(params=MODELS)
def saved(request, tmp_path, monkeypatch):
    monkeypatch.setattr(thresholds, "HASHED_WORDS", 0)  # everything goes through the kernels
    path = tmp_path / "m.safetensors"
    MODELS[request.param]().save(path)
    return path


def taken_apart(path):
    file = SafetensorsFile(path)
    return dict(file.metadata), {name: array.copy() for name, array in file.tensors().items()}


def test_the_undamaged_models_answer(saved):
    assert not refused_or_answers(saved)


def test_damaged_arrays(saved):
    rng = np.random.default_rng(7)
    metadata, tensors = taken_apart(saved)
    bad = saved.with_name("bad.safetensors")
    refused = 0
    for _ in range(CASES or 150):
        name = list(tensors)[rng.integers(len(tensors))]
        array = damaged_array(rng, tensors[name])
        changed = {key: value for key, value in {**tensors, name: array}.items() if value is not None}
        write_safetensors(bad, metadata, changed)
        refused += refused_or_answers(bad)
    assert refused > 20


def test_damaged_configurations(saved):
    rng = np.random.default_rng(8)
    metadata, tensors = taken_apart(saved)
    bad = saved.with_name("bad.safetensors")
    for _ in range(CASES or 150):
        key = list(metadata)[rng.integers(len(metadata))]
        text = metadata[key]
        value = damaged_json(rng, json.loads(text)) if text.startswith("{") else JUNK[rng.integers(len(JUNK))]
        write_safetensors(bad, {**metadata, key: value if isinstance(value, str) else json.dumps(value)}, tensors)
        refused_or_answers(bad)


def test_damaged_headers_and_bytes(saved):
    rng = np.random.default_rng(9)
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    bad = saved.with_name("bad.safetensors")
    for case in range(CASES or 200):
        if case % 2:
            text = json.dumps(damaged_json(rng, header)).encode()
            bad.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
        else:
            damaged = bytearray(content)
            for place in rng.integers(0, len(content), 6):
                damaged[place] = rng.integers(0, 256)
            bad.write_bytes(damaged)
        if refused_or_answers(bad):
            continue


@pytest.mark.parametrize(
    "change, message",
    [
        ({"subwords": '{"kind": "chars", "bucket": 2000000}'}, "30 rows, the subwords name 2,000,000 buckets"),
        ({"subwords": '{"kind": "chars", "bucket": 9e99}'}, "unexpected bucket"),
        ({"subwords": '{"bucket": 30, "kept": [1, 1]}'}, "kept must name buckets"),
        ({"subwords": '{"bucket": 30, "kept": [-1]}'}, "kept must name buckets"),
        ({"subwords": '{"bucket": 30, "max_n": 99999999999}'}, "`max_n` must not be above"),
        ({"quantization": "{}"}, "expected the quantization float16, int8, pq, found '{}'"),
        ({"quantization": "pq", "vector_size": "6"}, "expected tensor|beside quantised"),
        ({"config": "[" * 100_000}, "the config is not JSON"),
    ],
)
def test_what_would_reach_a_kernel_is_checked_first(tmp_path, change, message):
    path = tmp_path / "m.safetensors"
    subword_model().save(path)
    metadata, tensors = taken_apart(path)
    write_safetensors(path, {**metadata, **change}, tensors)
    with pytest.raises(FormatError, match=message):
        load(path)


def test_a_small_npz_does_not_unfold_to_gigabytes(tmp_path):
    np.savez_compressed(tmp_path / "m.npz", vectors=np.zeros((700_000, 100), np.float32), words=np.array(["a"]))
    assert (tmp_path / "m.npz").stat().st_size < 1 << 20
    tracemalloc.start()
    with pytest.raises(FormatError, match="which no vectors do"):
        load(tmp_path / "m.npz")
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
