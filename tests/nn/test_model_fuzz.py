"""Damaged model files: every one is refused with one clear error, or works; none makes memory that it did not bring."""

import json
import tracemalloc

import numpy as np
import pytest

from embedkit.counting.ngram import NgramModel
from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.model_file import load_model, save_model
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.caption_training import train_captioner
from embedkit.nn.models.captioner import CaptionConfig, Captioner
from embedkit.nn.models.classifier import Classifier, ClassifierConfig
from embedkit.nn.models.classifier_training import train_classifier
from embedkit.nn.models.contextual import ContextualEncoder
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.language_model import LanguageModel
from embedkit.nn.models.language_training import train_language_model
from embedkit.nn.models.seq2seq import Seq2Seq, Seq2SeqConfig
from embedkit.nn.models.seq2seq_training import Pairs, train_seq2seq
from embedkit.nn.models.tagger import Tagger, TaggerConfig
from embedkit.nn.models.tagger_training import train_tagger
from embedkit.plotting.curves import read_log, series
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.subwords import Subwords
from embedkit.text.labelled import LabelledTexts
from embedkit.text.tagged import TaggedSentences
from embedkit.vocabulary.corpus import Corpus
from tests.nn.damage import CASES, damaged_array, damaged_json

ONE = TrainingOptions(epochs=1, batch_size=8)
LINES = ["a b c", "b c a", "c a b", "a a b", "b b c", "c c a"] * 2
PLACES = [f"line {i}" for i in range(12)]
TEXTS = LabelledTexts(list(LINES), ["x", "y"] * 6, PLACES)
TAGGED = TaggedSentences(
    [s.split() for s in LINES], [["xyz"["abc".index(w)] for w in s.split()] for s in LINES], PLACES
)
FEATURES = np.arange(36, dtype=np.float32).reshape(12, 3) % 7
REGIONS = np.stack([FEATURES, FEATURES[::-1]], axis=1)


def subword_vectors():
    rng = np.random.default_rng(0)
    subwords = Subwords("chars", 1, 2, bucket=20)
    rows = rng.standard_normal((3, 4)).astype(np.float32)
    ngrams = rng.standard_normal((20, 4)).astype(np.float32)
    return KeyedVectors(["a", "b", "c"], rows, subwords=subwords, ngram_vectors=ngrams, word_rows=rows)


def language_model(kind, layers=1):
    config = LanguageModelConfig(kind, hidden_size=4, num_layers=layers, heads=2, context=3)
    return train_language_model(LINES, config=config, options=ONE, vector_size=3)[0]


def elmo(tuned=False):
    return ContextualEncoder(language_model("elmo"), tuned)


def classifier(vectors=None, encoder=None, **config):
    return train_classifier(
        TEXTS, vectors, config=ClassifierConfig(**config), options=ONE, vector_size=4, encoder=encoder
    )[0]


def tagger(encoder=None, **config):
    return train_tagger(TAGGED, config=TaggerConfig(**config), options=ONE, vector_size=4, encoder=encoder)[0]


def translator(*config):
    pairs = Pairs(list(LINES), [line[::-1] for line in LINES])
    return train_seq2seq(pairs, config=Seq2SeqConfig(*config, hidden_size=4, heads=2), options=ONE, vector_size=3)[0]


def ngrams():
    return NgramModel.train(Corpus.from_sentences([line.split() for line in LINES], min_count=1), order=2)


def ask_classifier(path):
    Classifier.load(path).predict(["a b new", "c"])


def ask_tagger(path):
    Tagger.load(path).tag([["a", "b", "new"], ["c"]])


def ask_language_model(path):
    model = LanguageModel.load(path)
    model.score([model.table.encode(["a", "new", "b", "c"])], np.random.default_rng(0))
    model.vectors(["a", "b"])


def ask_translator(path):
    Seq2Seq.load(path).translate(["a b new"], beam=2, max_tokens=3)


def ask_captioner(path):
    Captioner.load(path).caption(np.ones((2, 3), np.float32), beam=2, max_tokens=3)


def ask_captioner_of_regions(path):
    Captioner.load(path).caption(np.ones((2, 2, 3), np.float32), beam=2, max_tokens=3)


def ask_ngrams(path):
    model = NgramModel.load(path)
    model.score(Corpus.from_sentences([["a", "new"], ["b"]], min_count=1))
    model.generate(["a"], max_tokens=3, rng=np.random.default_rng(0))


MODELS = {
    "classify-mean": (lambda: classifier(model="mean"), ask_classifier),
    "classify-gru-subwords": (lambda: classifier(subword_vectors(), model="gru", hidden_size=3), ask_classifier),
    "classify-attention": (lambda: classifier(model="mean", pooling="attention"), ask_classifier),
    "classify-transformer": (lambda: classifier(model="transformer", hidden_size=4, heads=2), ask_classifier),
    "classify-elmo": (lambda: classifier(encoder=elmo(), model="mean"), ask_classifier),
    "tag-crf": (lambda: tagger(hidden_size=3, spelling_size=2), ask_tagger),
    "tag-tuned-elmo": (lambda: tagger(encoder=elmo(True), model="mean", output="linear", spelling_size=0), ask_tagger),
    "lm-rnn": (lambda: language_model("rnn", 2), ask_language_model),
    "lm-transformer": (lambda: language_model("transformer"), ask_language_model),
    "lm-elmo": (lambda: language_model("elmo"), ask_language_model),
    "lm-masked": (lambda: language_model("masked"), ask_language_model),
    "lm-ngram": (ngrams, ask_ngrams),
    "seq2seq-gru": (lambda: translator("gru", "general"), ask_translator),
    "seq2seq-transformer": (lambda: translator("transformer", "none"), ask_translator),
    "caption": (
        lambda: train_captioner(FEATURES, LINES, config=CaptionConfig(4), options=ONE, vector_size=3)[0],
        ask_captioner,
    ),
    "caption-regions": (
        lambda: train_captioner(REGIONS, LINES, config=CaptionConfig(4), options=ONE, vector_size=3)[0],
        ask_captioner_of_regions,
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def good(request, tmp_path_factory):
    make, ask = MODELS[request.param]
    path = tmp_path_factory.mktemp("good") / "m.safetensors"
    make().save(path)
    ask(path)
    return path, ask, load_model(path, request.param.split("-")[0])


def test_damaged_models_are_refused_or_work(good, tmp_path):
    source, ask, (task, kind, config, tensors) = good
    path, refused = tmp_path / "m.safetensors", 0
    rng = np.random.default_rng(1)
    content = source.read_bytes()
    cases = CASES or 120
    with np.errstate(all="ignore"):
        for _ in range(cases):
            how = rng.random()
            if how < 0.1:
                broken = bytearray(content)
                broken[rng.integers(min(len(broken), 4000))] = rng.integers(256)
                path.write_bytes(bytes(broken[: rng.integers(len(broken))] if rng.random() < 0.3 else broken))
            else:
                parts = dict(tensors)
                if how > 0.5:
                    name = list(parts)[rng.integers(len(parts))]
                    parts[name] = damaged_array(rng, np.array(parts[name]))
                changed = damaged_json(rng, config) if how < 0.55 else config
                save_model(path, task, kind, changed, {k: v for k, v in parts.items() if v is not None})
            try:
                ask(path)
            except EmbedkitError as error:
                refused += 1
                assert "\n" not in str(error) and len(str(error)) < 1000
    assert refused > cases // 3


def test_sizes_that_the_file_does_not_justify_are_refused_without_making_them(good, tmp_path):
    _, ask, (task, kind, config, tensors) = good
    path = tmp_path / "m.safetensors"
    inner = config.get("context")
    where = inner["language_model"] if isinstance(inner, dict) and task != "lm" else config
    for name in ("hidden_size", "num_layers", "spelling_size", "order", "vector_size"):
        if name not in where or (name != "order" and where.get("model") == "mean"):
            continue
        for size in (10**5, 10**9):
            changed = json.loads(json.dumps(config))
            (changed["context"]["language_model"] if where is not config else changed)[name] = size
            save_model(path, task, kind, changed, dict(tensors))
            tracemalloc.start()
            with pytest.raises(FormatError, match="damaged"):
                ask(path)
            assert tracemalloc.get_traced_memory()[1] < 50_000_000
            tracemalloc.stop()


def test_damaged_logs_are_refused_or_drawn(tmp_path):
    path, rng = tmp_path / "log", np.random.default_rng(1)
    record = {"event": "epoch", "epoch": 1, "loss": 2.5, "words": 100, "best": True, "valid": {"a": [1]}}
    for _ in range(CASES or 300):
        lines = [json.dumps(damaged_json(rng, record)) for _ in range(rng.integers(1, 4))]
        if rng.random() < 0.3:
            lines[0] = ["[" * 100_000, '{"a":' * 100_000, "nul", '"x"', "1" * 5000, '{"loss": 1e999}'][rng.integers(6)]
        path.write_text("\n".join(lines) + "\n")
        try:
            _, x, curves = series(read_log(path))
            assert all(len(curve) == len(x) for curve in curves.values())
        except EmbedkitError as error:
            assert len(str(error)) < 300
