"""Checkpoints of word vectors, damaged at random: refused with one clear error, or the run goes on to its end.

EMBEDKIT_FUZZ_CASES=100000 runs that many cases by hand.
"""

import numpy as np
import pytest

import embedkit
from embedkit.errors import EmbedkitError
from embedkit.files.checkpoint import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from embedkit.training import slices
from embedkit.training.resuming import VERSION
from embedkit.vocabulary.corpus import Corpus
from tests.nn.damage import CASES, damaged_array, damaged_json

FAMILIES = {
    "skipgram": {"model": "skipgram"},
    "hs": {"model": "cbow", "loss": "hs"},
    "fasttext": {"model": "fasttext", "bucket": 40},
    "glove": {"model": "glove"},
    "doc2vec": {"model": "doc2vec"},
    "replicas": {"model": "skipgram", "replicas": 2},
}


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    return Corpus.from_sentences([[f"w{x}" for x in rng.integers(0, 12, 8)] for _ in range(40)], min_count=1)


class Stop(Exception):
    pass


@pytest.mark.filterwarnings("ignore:the loss rose")
@pytest.mark.parametrize("name", FAMILIES)
def test_damaged_checkpoints_are_refused_or_resumed(corpus, tmp_path, monkeypatch, name):
    monkeypatch.setattr(slices, "SHORTEST_SLICE", 30)
    options = {"vector_size": 10, "epochs": 8, "workers": 1, **FAMILIES[name]}

    def stop(progress):
        if (tmp_path / CHECKPOINT_NAME).exists():
            raise Stop

    with pytest.raises(Stop):
        embedkit.train(corpus, checkpoint=tmp_path, checkpoint_every=0.0, progress=stop, **options)
    kind = {"skipgram": "word2vec", "hs": "word2vec", "replicas": "word2vec"}.get(name, name)
    metadata, arrays, rule = load_checkpoint(tmp_path, kind, version=VERSION)
    arrays = {key: np.array(value) for key, value in arrays.items()}
    rng, refused, cases = np.random.default_rng(5), 0, CASES or 60
    for _ in range(cases):
        changed, parts = metadata, dict(arrays)
        if rng.random() < 0.5:
            changed = damaged_json(rng, metadata)
        else:
            key = list(parts)[rng.integers(len(parts))]
            parts[key] = damaged_array(rng, parts[key])
            parts = {k: v for k, v in parts.items() if v is not None}
        save_checkpoint(tmp_path, kind, changed, parts, version=rule)
        try:
            vectors = embedkit.train(corpus, checkpoint=tmp_path, resume=True, **options)
        except EmbedkitError as error:
            refused += 1
            assert "\n" not in str(error)
        else:
            assert np.isfinite(vectors.vectors).all()
    assert refused > cases // 3
