"""Vectors handed to NumPy, pandas, Arrow, notebooks; names of gensim's; who listens to progress."""

import contextlib
import logging
import re
import sys
import types

import numpy as np
import pytest

import embedkit
from embedkit import KeyedVectors, load, train
from embedkit.classification.autotuning import autotune
from embedkit.classification.linear import train_linear
from embedkit.classification.options import BagOptions, LinearOptions
from embedkit.classification.training import train_bag
from embedkit.errors import EmbedkitError
from embedkit.formats import FORMATS
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.classifier_training import train_classifier
from embedkit.progress import Progress, default_progress, described, log_lines, notebook_bar
from embedkit.query import other_names
from embedkit.text.labelled import LabelledTexts

MODEL = KeyedVectors(["왕", "<b>", "naïve"], np.arange(6, dtype=np.float32).reshape(3, 2), counts=[3, 2, 1])


def test_arrays():
    assert np.asarray(MODEL) is MODEL.vectors
    assert np.asarray(MODEL, np.float64).dtype == np.float64
    assert not np.may_share_memory(np.array(MODEL, copy=True), MODEL.vectors)
    with pytest.raises(ValueError, match="float32"):
        MODEL.__array__(np.float64, copy=False)


def test_dataframes():
    pandas = pytest.importorskip("pandas")
    frame = MODEL.to_dataframe()
    assert list(frame.index) == list(MODEL) and frame.loc["naïve"].tolist() == [4, 5]
    assert np.may_share_memory(frame.to_numpy(), MODEL.vectors)
    assert isinstance(frame, pandas.DataFrame)


def test_arrow_shares_the_memory(tmp_path):
    pa = pytest.importorskip("pyarrow")
    MODEL.save(tmp_path / "m.safetensors")
    for model in (MODEL, load(tmp_path / "m.safetensors"), KeyedVectors(["a"], np.ones((1, 2), np.float32))):
        table = model.to_arrow()
        assert table["word"].to_pylist() == list(model)
        assert table["vector"].to_pylist() == model.vectors.tolist()
        values = table["vector"].chunk(0).flatten().to_numpy(zero_copy_only=True)
        assert values.__array_interface__["data"][0] == model.vectors.__array_interface__["data"][0]
        if model.counts is not None:
            assert table["count"].to_pylist() == [3, 2, 1]
    assert pa.table(MODEL).equals(MODEL.to_arrow())  # by the PyCapsule interface
    with pytest.raises(EmbedkitError, match="not valid Unicode"):
        KeyedVectors(["\udcff"], np.ones((1, 2), np.float32)).to_arrow()
    assert KeyedVectors([], np.zeros((0, 2), np.float32)).to_arrow().num_rows == 0


def test_what_a_notebook_shows():
    html = MODEL._repr_html_()
    assert "3 words, 2 dimensions" in html and "<th>왕</th><td>3</td><td>0.0000</td>" in html
    assert "&lt;b&gt;" in html and "<b>" not in html
    assert "…" in KeyedVectors([str(i) for i in range(9)], np.ones((9, 9), np.float32))._repr_html_()


@pytest.mark.parametrize(
    ("whose", "name", "answer"),
    [
        (whose, name, answer)
        for whose, names in (
            (", which is gensim's", other_names.OF_VECTORS),
            (", which is fastText's", other_names.OF_FASTTEXT),
            ("", other_names.OF_COMMANDS),
        )
        for name, answer in names.items()
    ],
)
def test_names_of_other_tools_are_answered(whose, name, answer):
    assert not hasattr(MODEL, name) and not hasattr(KeyedVectors, name)
    for asked in (MODEL, KeyedVectors):
        with pytest.raises(AttributeError, match=rf"no attribute '{name}'{whose}; here it is ") as told:
            getattr(asked, name)
        assert answer in str(told.value)
    with pytest.raises(AttributeError, match=r"has no attribute 'nonsense'$"):
        _ = MODEL.nonsense


def test_what_the_answers_name_is_there():
    import inspect
    from importlib import import_module
    from importlib.util import find_spec

    answers = [
        *other_names.OF_VECTORS.values(),
        *other_names.OF_FASTTEXT.values(),
        *other_names.OF_COMMANDS.values(),
        *other_names.OF_THE_PACKAGE.values(),
    ]
    for answer in answers:
        for part in re.findall(r"\bmodel\.(\w+)", answer):
            assert hasattr(MODEL, part), answer
        for part in re.findall(r"\bembedkit\.([a-z_.]+\.\w+)", answer):
            home, _, name = f"embedkit.{part}".rpartition(".")
            if home == "embedkit.sklearn" and find_spec("sklearn") is None:
                continue
            with contextlib.suppress(ModuleNotFoundError):
                import_module(f"{home}.{name}")
                continue
            assert hasattr(import_module(home), name), answer
        for name in re.findall(r'save\("[^"]*", "([^"]*)"\)', answer):
            assert name in FORMATS, answer

    taken = inspect.signature(train).parameters
    for old, new in other_names.OF_TRAIN.items():
        assert old not in taken
        assert " " in new or new.split("=")[0] in taken


def test_parameters_of_gensim_are_answered():
    with pytest.raises(TypeError, match="'size': size is vector_size here; iter is epochs here"):
        train([["a"]], size=10, iter=3)
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'nonsense'$"):
        train([["a"]], nonsense=10)
    with pytest.raises(AttributeError, match=r"'Word2Vec'; here it is embedkit.train"):
        _ = embedkit.Word2Vec


def test_the_log(caplog):
    assert default_progress() is None
    with caplog.at_level(logging.INFO, "embedkit"):
        train([["sun", "moon"], ["bread", "milk"]] * 20, vector_size=10, min_count=1, workers=1, epochs=2)
    told = [record.getMessage() for record in caplog.records if record.name == "embedkit"]
    assert any(line.startswith("training: 100%") for line in told), told
    caplog.clear()
    with caplog.at_level(logging.INFO, "embedkit"):
        report = log_lines(every=1000)
        for done in range(1, 101):
            report(Progress("reading", done, 100))
    assert [record.getMessage() for record in caplog.records] == ["reading: 1%", "reading: 100%"]


def test_every_training_is_logged(caplog):
    texts, labels = ["a good film", "a bad film"] * 20, ["yes", "no"] * 20
    sets, places = [[label] for label in labels], [f"line {i}" for i in range(40)]
    once = TrainingOptions(epochs=1)
    for work in (
        lambda: train_classifier(LabelledTexts(texts, labels, places), options=once, vector_size=4),
        lambda: train_bag(texts, sets, BagOptions(vector_size=4, workers=1)),
        lambda: train_linear(texts, sets, LinearOptions(cost=1.0, bucket=100)),
    ):
        caplog.clear()
        with caplog.at_level(logging.INFO, "embedkit"):
            work()
        assert any(record.getMessage().startswith("training: 1") for record in caplog.records)
    caplog.clear()
    with caplog.at_level(logging.INFO, "embedkit"):
        autotune(texts, sets, texts, sets, seconds=0.01, vector_size=4, workers=1)
    assert {record.getMessage().partition(":")[0] for record in caplog.records} == {"tuning"}


def test_reading_is_logged_too(caplog, tmp_path):
    MODEL.save(tmp_path / "m.txt")
    with caplog.at_level(logging.INFO, "embedkit"):
        load(tmp_path / "m.txt")
    assert [record.getMessage() for record in caplog.records] == ["reading: 100%"]


def test_the_bar_of_a_notebook(monkeypatch):
    drawn = []

    class Handle:
        def update(self, html):
            drawn.append(html)

    def display(html, display_id):
        drawn.append(html)
        return Handle()

    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(HTML=str, display=display))
    report = default_progress()
    for done in range(1, 101):
        report(Progress("training", done, 100, fields={"loss": 0.5}))
    assert len(drawn) < 20 and drawn[0].startswith('training <progress value="1" max="100">')
    assert drawn[-1].endswith("100%, loss 0.5")
    notebook_bar()(Progress("reading", 1e6, None, "bytes"))
    assert drawn[-1] == "reading <progress ></progress> 1,000,000 bytes"
    shell.config = {}
    assert default_progress() is None


def test_described():
    assert described(Progress("x", 1, 4, fields={"learning_rate": 0.025})) == "25%, learning rate 0.025"
