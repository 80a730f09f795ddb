"""Decomposed Hangul (NFD), as macOS writes it, is to every model the text that it is composed, and the reverse."""

import json
import unicodedata

import numpy as np
import pytest

from embedkit.documents.document_index import DocumentIndex, IndexOptions
from embedkit.query.keyed_vectors import KeyedVectors

TEXTS = ["왕은 성에 산다", "여왕은 궁에 산다", "학교에 간다 오늘", "시장에 간다 내일"]
SMALL = ["--epochs", "1", "--vector-size", "4", "--hidden-size", "4", "-q"]
BAG = ["classify", "train", "labelled.tsv", "--model"]
LM = ["lm", "train", "text.txt", "--model"]
ASKED = "왕은 시장에 간다"


def written(folder, form):
    """The files of a test in one form of Unicode."""
    files = {
        "labelled.tsv": "".join(f"{text}\t{'가' if i < 2 else '나'}\n" for i, text in enumerate(TEXTS)) * 20,
        "text.txt": "\n".join(TEXTS * 20) + "\n",
        "pairs.tsv": "".join(f"{text} {i}\tthe king {i}\n" for i, text in enumerate(TEXTS * 10)),
        "asked.txt": f"{ASKED}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(unicodedata.normalize(form, text), encoding="utf-8")


def composed(lines):
    return [unicodedata.normalize("NFC", line) for line in lines]


CLASSIFY = ["classify", "predict", "M", "asked.txt", "--all"]
TFIDF = ["tfidf", "text.txt", "--save-model", "M", "-o", "x.mtx", "-q"]
PHRASES = ["phrases", "text.txt", "--threshold", "1", "--min-count", "2", "--save-phrases", "M", "-o", "p.txt", "-q"]


@pytest.mark.parametrize("learnt", ["NFC", "NFD"])
@pytest.mark.parametrize(
    ("train", "asking"),
    [
        ([*BAG, "linear", "-q"], CLASSIFY),
        ([*BAG, "fasttext", "--epochs", "9", "-q"], CLASSIFY),
        ([*BAG, "fasttext", "--max-n", "3", "--min-n", "1", "--bucket", "99", "-q"], CLASSIFY),
        ([*LM, "ngram", "-q"], ["lm", "predict", "M", ASKED, "--topn", "3"]),
        ([*LM, "ngram", "-q"], ["lm", "evaluate", "M", "asked.txt"]),
        ([*LM, "ngram", "-q"], ["show", "markov", "M", ASKED]),
        ([*LM, "gru", *SMALL], ["lm", "evaluate", "M", "asked.txt"]),
        (["seq2seq", "train", "pairs.tsv", *SMALL], ["seq2seq", "predict", "M", "asked.txt"]),
        (TFIDF, ["tfidf", "asked.txt", "--apply", "M", "-o", "asked.mtx"]),
        (PHRASES, ["phrases", "asked.txt", "--apply", "M"]),
    ],
)
def test_a_text_in_the_other_form_is_the_same(train, asking, learnt, ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answers = []
    written(tmp_path, learnt)
    assert ask(*train, *([] if "M" in train else ["-o", "M"]))[0] == 0
    for form in ("NFC", "NFD"):
        written(tmp_path, form)
        status, lines, err = ask(*(unicodedata.normalize(form, part) for part in asking))
        made = (tmp_path / "asked.mtx").read_text() if "asked.mtx" in asking else ""
        answers.append((status, composed(lines), made))
        assert "no word that the model knows" not in err
    assert answers[0] == answers[1] and answers[0][0] == 0


def test_keyness_compares_words_in_either_form(ask, tmp_path):
    for form in ("NFC", "NFD"):
        (tmp_path / form).write_text(unicodedata.normalize(form, "왕은 산다\n" * 50), encoding="utf-8")
    assert ask("keyness", tmp_path / "NFC", tmp_path / "NFD", "-q")[1][1:] == []


def test_stop_words_are_left_out_in_either_form(ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        written(tmp_path, form)
        stop = unicodedata.normalize(other, "산다")
        assert ask("tfidf", "text.txt", "--stop-words", stop, "--save-vocab", "v.txt", "-o", "x.mtx", "-q")[0] == 0
        words = unicodedata.normalize("NFC", (tmp_path / "v.txt").read_text(encoding="utf-8"))
        assert "왕은" in words and "산다" not in words
        index = DocumentIndex.build("text.txt", options=IndexOptions(tokenizer="whitespace", stop_words=(stop,)))
        assert index.terms.scores([unicodedata.normalize(other, "왕은")]).any()
        assert not index.terms.scores([stop]).any()


def test_columns_are_found_by_names_in_either_form(ask, tmp_path):
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        table = unicodedata.normalize(form, "평,점\n왕은,1\n")
        (tmp_path / "t.csv").write_text(table, encoding="utf-8")
        asked = ["vocab", tmp_path / "t.csv", "--column", unicodedata.normalize(other, "평"), "--min-count", "1", "-q"]
        assert composed(ask(*asked)[1]) == ["왕은\t1"]


@pytest.mark.parametrize(
    "line",
    [
        [*BAG, "linear"],
        [*BAG, "fasttext", "--epochs", "1"],
        [*BAG, "mean", "--epochs", "1", "--vector-size", "4"],
        ["tag", "train", "labelled.tsv", "--epochs", "1", "--hidden-size", "4", "--vector-size", "4"],
    ],
)
def test_a_label_in_two_forms_is_told(line, ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{word}{i}\t{label}\n\n" for i in range(20) for word, label in (("왕", "긍정"), ("성", "부정"))]
    mixed = "".join(unicodedata.normalize("NFD", row) if i % 5 == 0 else row for i, row in enumerate(rows))
    told = "is there in 2 forms of Unicode, which count as different"
    for text, times in (("".join(rows), 0), (mixed, 1)):
        (tmp_path / "labelled.tsv").write_text(text, encoding="utf-8")
        status, _, err = ask(*line, "-o", "m.safetensors")
        assert status == 0 and err.count(told) == times


@pytest.fixture
def model(tmp_path):
    rows = np.random.default_rng(3).standard_normal((4, 2)).astype(np.float32)
    path = tmp_path / "m.safetensors"
    KeyedVectors(["왕", "여왕", "학교", "at"], rows, counts=np.array([40, 30, 20, 10])).save(path)
    return path


def test_words_of_pictures_are_those_of_the_vocabulary(ask, model, tmp_path):
    (tmp_path / "c.tsv").write_text(unicodedata.normalize("NFD", "왕\t가\n학교\t나\n"), encoding="utf-8")
    asked = [unicodedata.normalize("NFD", "왕"), "왕", "여왕"]
    assert ask("plot", model, *asked, "-o", tmp_path / "p.tsv", "-q")[0] == 0
    lines = [line.split("\t") for line in (tmp_path / "p.tsv").read_text(encoding="utf-8").splitlines()]
    assert [(line[0], line[3]) for line in lines[1:]] == [("왕", "40"), ("여왕", "30")]
    for colour in ("counts", tmp_path / "c.tsv"):
        assert ask("plot", model, *asked, "-o", tmp_path / "p.html", "--colour", colour, "-q")[::2] == (0, "")


def test_a_heat_map_takes_words_in_either_form(ask, tmp_path):
    (tmp_path / "t.txt").write_text("왕은 산다\n" * 5, encoding="utf-8")
    asked = [unicodedata.normalize("NFD", "왕은"), "산다"]
    status, lines, _ = ask("plot", "--cooccurrences", tmp_path / "t.txt", *asked, "--json", "-q")
    assert status == 0 and json.loads(lines[1])["values"][asked[0]] == 5


def test_drift_follows_a_word_in_either_form(ask, model):
    asked = unicodedata.normalize("NFD", "학교")
    status, lines, _ = ask("drift", model, model, "--min-count", "1", "--word", asked, "-q")
    assert status == 0 and lines[1].split("\t")[0] == "학교"
