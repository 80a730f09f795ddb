"""Zero vectors have no direction: measures leave them out and say so."""

import numpy as np

from embedkit import KeyedVectors
from embedkit.analysis.comparison import compare
from embedkit.analysis.compression import costs
from embedkit.cli import main

WORDS = [f"w{i}" for i in range(40)]


def model(zeros=()):
    rows = np.random.default_rng(1).standard_normal((40, 6)).astype(np.float32)
    rows[list(zeros)] = 0
    return KeyedVectors(WORDS, rows)


def test_compare_leaves_zero_vectors_out():
    found = compare(model(), model([3, 5, 7]), topn=4)
    assert found.zeros == 3
    assert found.words == [word for word in WORDS if word not in ("w3", "w5", "w7")]
    kept = [row for row in range(40) if row not in (3, 5, 7)]
    same = KeyedVectors([WORDS[row] for row in kept], model().vectors[kept])
    np.testing.assert_array_equal(found.overlap, compare(same, same, topn=4).overlap)
    assert found.overlap.mean() == 1


def test_compress_does_not_count_zero_vectors_as_lost():
    with_zeros = {cost.kind: cost for cost in costs(model([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))}
    assert with_zeros["float32"].cosine > 0.999999
    assert with_zeros["float32"].overlap == 1
    assert with_zeros["int8"].cosine > 0.999


def test_vectors_that_become_zero_are_counted_as_lost():
    rows = model().vectors.copy()
    rows[:20] *= 1e-9  # below what float16 can hold
    lossy = {cost.kind: cost for cost in costs(KeyedVectors(WORDS, rows))}["float16"]
    assert 0.4 < lossy.cosine < 0.6
    assert lossy.overlap <= 0.5


def test_the_command_line_says_how_many(tmp_path, capsys):
    model().save(tmp_path / "a.safetensors")
    model([1, 2]).save(tmp_path / "b.safetensors")
    assert main(["compare", str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors")]) == 0
    assert "38 words in both, 10 neighbours each; 2 words with a zero vector left out" in capsys.readouterr().err
