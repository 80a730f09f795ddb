"""Change from period to period: what turned is found, what was only rotated is not."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from embedkit.analysis.drift import drift
from embedkit.cli import main
from embedkit.errors import ConfigError, EmbedkitError
from embedkit.query.keyed_vectors import KeyedVectors

WORDS = [f"w{i}" for i in range(60)] + ["왕", "gay"]


def period(seed, moved=(), noise=0.0, counts=None, drop=()):
    """The same space, rotated at random; some words with other vectors."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(len(WORDS), 5))
    other = np.random.default_rng(99).normal(size=rows.shape)
    for word in moved:
        rows[WORDS.index(word)] = other[WORDS.index(word)]
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    rows = rows @ rotation + noise * rng.normal(size=rows.shape)
    kept = [i for i, word in enumerate(WORDS) if word not in drop]
    return KeyedVectors(
        [WORDS[i] for i in kept],
        rows[kept].astype(np.float32),
        counts=None if counts is None else np.asarray(counts)[kept],
    )


def test_rotation_is_no_change_and_a_turned_word_is_found():
    found = drift([period(1), period(2), period(3, moved=["gay"])])
    place = found.words.index("gay")
    assert found.changed()[0] == place
    rows = [np.random.default_rng(seed).normal(size=(len(WORDS), 5))[WORDS.index("gay")] for seed in (0, 99)]
    cosine = rows[0] @ rows[1] / np.linalg.norm(rows[0]) / np.linalg.norm(rows[1])
    assert found.total[place] == pytest.approx(1 - cosine, abs=0.1)
    others = np.delete(np.arange(len(WORDS)), place)
    assert found.total[others].max() < 0.02 and found.steps[0].max() < 1e-6
    np.testing.assert_allclose(found.steps[1, place], found.total[place], atol=1e-5)


def test_the_baseline_tells_noise_from_change():
    halves = period(5, noise=0.3), period(6, noise=0.3)
    found = drift([period(1, noise=0.3), period(2, noise=0.3, moved=["gay"])], baseline=halves)
    shares = found.noise(found.total)
    assert shares[found.words.index("gay")] == 0
    assert 0.2 < np.median(shares) < 0.8
    assert found.noise(np.array([0.0]))[0] == 1
    assert np.isnan(drift([period(1), period(2)]).noise(np.array([0.5]))).all()


def test_floors():
    counts = np.full(len(WORDS), 100)
    counts[3] = 1
    found = drift([period(1, counts=counts), period(2, counts=counts + 5, drop=["w7"])], min_count=50)
    assert "w3" not in found.words and "w7" not in found.words and len(found.words) == len(WORDS) - 2
    assert found.counts.shape == (2, len(found.words)) and found.counts[1, 0] == 105
    again = drift([period(1, counts=counts), period(2, counts=counts + 5, drop=["w7"])])  # as the command does
    assert (again.words, again.min_count, again.aligned) == (found.words, 50, True)
    assert drift([period(1), period(2, counts=counts)]).min_count == 0
    assert len(drift([period(1), period(2)], restrict_vocab=20).words) == 20
    with pytest.raises(ConfigError, match="min_count"):
        drift([period(1), period(2, counts=counts)], min_count=5)
    with pytest.raises(EmbedkitError, match="share 4 words"):
        drift([period(1), period(2)], restrict_vocab=4)
    with pytest.raises(ConfigError, match="two periods"):
        drift([period(1)])


def test_the_command_and_its_picture(tmp_path, capsys):
    names = [str(tmp_path / f"{name}.safetensors") for name in ("m1900", "m1950", "m2000", "a", "b")]
    counts = np.full(len(WORDS), 100)
    for i, name in enumerate(names):
        period(i, moved=["gay"] if name == names[2] else [], noise=0.1, counts=counts).save(name)
    models, baseline = names[:3], ["--baseline", *names[3:]]
    assert main(["drift", *models, *baseline, "--topn", "2"]) == 0
    out, err = capsys.readouterr()
    header, first, _ = [line.split("\t") for line in out.splitlines()]
    assert header == ["word", "distance", "noise"] and first[0] == "gay" and float(first[2]) == 0
    assert err == "62 words in all periods, of count 50 or more\n"
    picture = tmp_path / "d.svg"
    assert main(["drift", *models, *baseline, "--word", "gay", "--word", "왕", "-o", str(picture), "--json"]) == 0
    out, _ = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    assert [(r["word"], r["from"], r["to"]) for r in records[:2]] == [
        ("gay", "m1900", "m1950"),
        ("gay", "m1950", "m2000"),
    ]
    assert records[1]["distance"] > 5 * records[0]["distance"] and len(records[0]["neighbours"]) == 5
    ET.parse(picture)
    assert main(["drift", *models, "--word", "gey"]) == 1
    assert "unknown word 'gey'" in capsys.readouterr().err
    assert main(["drift", *models, "-o", str(picture)]) == 2
