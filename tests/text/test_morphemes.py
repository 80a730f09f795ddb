"""The settings of the tokenizer morphemes, with a stand-in for Kiwi; the real one is asked in test_kiwi.py."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import embedkit
from embedkit.cli import cli, main
from embedkit.counting.phrase_model import PhraseModel
from embedkit.counting.tfidf_model import TfidfModel, TfidfSettings
from embedkit.documents.document_index import DocumentIndex, IndexOptions
from embedkit.documents.sentence_model import SentenceModel, SentenceOptions
from embedkit.errors import ConfigError, EmbedkitError, TrainingError
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.classifier import ClassifierConfig
from embedkit.nn.models.classifier_training import train_classifier
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.language_training import train_language_model
from embedkit.nn.models.seq2seq import Seq2SeqConfig
from embedkit.nn.models.seq2seq_training import Pairs, train_seq2seq
from embedkit.nn.models.tagger import TaggerConfig
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.labelled import LabelledTexts
from embedkit.text.morphemes import Morphemes
from embedkit.text.tokenizers import get_tokenizer
from embedkit.text.user_dictionary import without_words
from embedkit.vocabulary.corpus import Corpus


@dataclass
class Token:
    form: str
    tag: str
    start: int
    len: int


class Kiwi:
    """Knows one line: 나는 don't 간다 ㅋㅋ."""

    def __init__(self, typos=None):
        self.typos = typos

    def load_user_dictionary(self, path):
        Kiwi.known = Path(path).read_text(encoding="utf-8")
        if "뷁/NNG" in Kiwi.known:
            raise ValueError("cannot find the original morpheme")

    def tokenize(self, lines):
        return [
            [
                Token("나", "NP", 0, 1), Token("는", "JX", 1, 1), Token("don", "SL", 3, 3), Token("'", "SSO", 6, 1),
                Token("t", "SL", 7, 1), Token("가", "VV-R", 9, 1), Token("\u11ab다", "EF", 9, 2),
                Token("ㅋㅋ", "SW", 12, 2),
            ] if line else []
            for line in lines
        ]  # fmt: skip


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setitem(sys.modules, "kiwipiepy", SimpleNamespace(Kiwi=Kiwi))


LINE = "나는 don't 간다 ㅋㅋ"


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("morphemes", ["나", "는", "don't", "가", "ㄴ다", "ㅋㅋ"]),
        ("morphemes:tags", ["나/NP", "는/JX", "don't/SL", "가/VV", "ㄴ다/EF", "ㅋㅋ/SL"]),
        ("morphemes:pos=N+V", ["나", "가"]),
        ("morphemes:pos=VV+SL,tags,typos", ["don't/SL", "가/VV", "ㅋㅋ/SL"]),
    ],
)
def test_tokens(name, tokens):
    assert get_tokenizer(name).tokens(LINE) == tokens
    assert Morphemes.parse(name).name == name


def test_kiwi_is_given_no_lone_surrogates(monkeypatch):
    given = []
    monkeypatch.setattr(Kiwi, "tokenize", lambda self, lines: given.extend(lines) or [[] for _ in lines])
    get_tokenizer("morphemes").tokens("나 \udcb0")
    assert given == ["나 ?"]


@pytest.mark.parametrize("name", ["morphemes:pos=n", "morphemes:speed", "morphemes:tags=1", "morphemes:pos="])
def test_settings_that_are_none_are_refused(name):
    with pytest.raises(ConfigError):
        get_tokenizer(name)


def test_a_dictionary_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "words.txt").write_text("뷁쇍\t뷁/NNG + 쇍/JX\n", encoding="utf-8")
    with pytest.raises(EmbedkitError, match="expected form<TAB>tag<TAB>score on each line, as Kiwi reads it: cannot"):
        get_tokenizer(f"morphemes:dictionary={tmp_path / 'words.txt'}")
    with pytest.raises(EmbedkitError, match="no such file"):
        get_tokenizer("morphemes:dictionary=missing.txt")


@pytest.mark.parametrize("pos", ["ADJ", "N,NOUN", "Q", "SH", "n", " ", ",", ""])
def test_tags_that_no_morpheme_has_are_refused(tmp_path, pos):
    (tmp_path / "a.txt").write_text(LINE, encoding="utf-8")
    done = CliRunner().invoke(cli, ["vocab", str(tmp_path / "a.txt"), "--tokenizer", "morphemes", "--pos", pos])
    assert isinstance(done.exception, ConfigError)
    assert "no part-of-speech tag begins with" in str(done.exception) and "NNG, NNP" in str(done.exception)


@pytest.mark.parametrize("pos", ["N,V", "N, V", " N , V,"])
def test_the_flags_become_a_part_of_the_name(tmp_path, pos):
    (tmp_path / "a.txt").write_text(f"{LINE}\n" * 3, encoding="utf-8")
    asked = ["vocab", str(tmp_path / "a.txt"), "--tokenizer", "morphemes", "--pos", pos, "--pos-tags", "-q"]
    done = CliRunner().invoke(cli, asked)
    assert done.stdout.split() == ["가/VV", "3", "나/NP", "3"]


def test_the_flags_without_morphemes_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(ConfigError, match="`pos` has no effect"):
        CliRunner().invoke(cli, ["vocab", str(tmp_path / "a.txt"), "--pos", "N"], catch_exceptions=False)


@pytest.mark.parametrize("flags", ["--tokenizer morphemes --user-dictionary {}", "--tokenizer morphemes:dictionary={}"])
@pytest.mark.parametrize("command", ["train", "lm train", "lm train --model gru"])
def test_the_words_of_a_user_dictionary_move_with_the_model(command, flags, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("\ufeff에메드킷\tNNP\t0\n\n# more\n뚜땨\tUSER0\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text(f"{LINE}\n" * 30, encoding="utf-8")
    if "gru" in command and "user-dict" in flags:
        pytest.skip("settings of morphemes are a part of the tokenizer's name there")
    small = "" if command == "lm train" else "--vector-size 4 --epochs 1"
    assert main(f"{command} a.txt -o m.safetensors {flags.format('words.txt')} {small} -q".split()) == 0
    (tmp_path / "words.txt").unlink()
    Kiwi.known = ""
    capsys.readouterr()
    assert main(["info", "m.safetensors"]) == 0
    assert "morphemes:dictionary=(2 words)" in capsys.readouterr().out
    asked = (
        ["vectors", "m.safetensors", "--mean", LINE] if command == "train" else ["lm", "predict", "m.safetensors", LINE]
    )
    assert main(asked) == 0
    assert Kiwi.known == "에메드킷\tNNP\t0\n뚜땨\tUSER0\n"


TO_WORDS = "morphemes:dictionary=words.txt"
SETTINGS = {"tokenizer": TO_WORDS, "lowercase": False}
ONCE = {"options": TrainingOptions(epochs=1, batch_size=8), "vector_size": 4}


def kept_by_vectors():
    model = embedkit.train("a.txt", tokenizer=TO_WORDS, vector_size=4, min_count=1, workers=1, epochs=1)
    return [model.config["tokenizer"], SentenceModel.unlearnt(model, SentenceOptions.create(method="mean")).tokenizer]


def kept_by_models_of_sentences():
    pairs = Pairs([LINE, f"{LINE} 더"] * 10, [LINE] * 20)
    small = {"config": LanguageModelConfig("rnn", hidden_size=3), **ONCE}
    language_model, _ = train_language_model([LINE] * 30, tokenizer=SETTINGS, **small)
    translator, _ = train_seq2seq(
        pairs, config=Seq2SeqConfig("rnn", hidden_size=3), tokenizer=SETTINGS, target_tokenizer=SETTINGS, **ONCE
    )
    texts = LabelledTexts([LINE] * 20, ["a", "b"] * 10)
    classifier, _ = train_classifier(texts, config=ClassifierConfig("mean"), tokenizer=SETTINGS, **ONCE)
    kept = [language_model.tokenizer, classifier.tokenizer, *translator.tokenizers.values()]
    return [TaggerConfig(morphemes=TO_WORDS).morphemes, *(settings["tokenizer"] for settings in kept)]


def kept_by_counts():
    counts, _ = TfidfModel.fit("a.txt", TfidfSettings(tokenizer=TO_WORDS))
    corpus = Corpus.from_text("a.txt", tokenizer=TO_WORDS, min_count=1)
    index = DocumentIndex.build("a.txt", IndexOptions(tokenizer=TO_WORDS))
    phrases = PhraseModel([], tokenizer=TO_WORDS)
    return [counts.settings.tokenizer, corpus.options["tokenizer"], index.options.tokenizer, phrases.tokenizer]


@pytest.mark.parametrize("kept", [kept_by_vectors, kept_by_models_of_sentences, kept_by_counts])
def test_whatever_python_makes_keeps_the_words_and_no_path(kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("뚜땨\tNNG\n", encoding="utf-8")
    Path("a.txt").write_text(f"{LINE}\n" * 30, encoding="utf-8")
    assert {without_words(name) for name in kept()} == {"morphemes:dictionary=(1 word)"}


def test_a_model_of_an_older_version_says_which_dictionary_is_missing(tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    config = {"tokenizer": "morphemes:dictionary=/elsewhere/words.txt"}
    KeyedVectors(["가"], np.ones((1, 2), np.float32), config=config).save(path)
    assert main(["vectors", str(path), "--mean", LINE]) == 1
    message = capsys.readouterr().err
    assert "/elsewhere/words.txt: no such file; it is the user dictionary" in message
    assert "train again what needs it with --user-dictionary" in message


def test_a_carried_dictionary_that_is_damaged_is_one_line():
    with pytest.raises(EmbedkitError, match="the user dictionary is damaged"):
        get_tokenizer("morphemes:dictionary=data:AAAA").tokens(LINE)


def run_of_words(tokenizer, epochs, **run):
    options = {"vector_size": 4, "min_count": 1, "workers": 1, "checkpoint_every": 0.0}
    embedkit.train("a.txt", tokenizer=tokenizer, epochs=epochs, **options, **run)


def run_of_a_language_model(tokenizer, epochs, **run):
    config = LanguageModelConfig("rnn", hidden_size=3)
    settings = {"tokenizer": tokenizer, "lowercase": False}
    options = TrainingOptions(epochs=epochs, batch_size=8)
    train_language_model([LINE] * 30, config=config, options=options, vector_size=4, tokenizer=settings, **run)


@pytest.mark.parametrize("train", [run_of_words, run_of_a_language_model])
def test_a_run_goes_on_whose_checkpoint_names_the_file_of_the_same_words(train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text(f"{LINE}\n" * 30, encoding="utf-8")
    Path("words.txt").write_text("뚜땨\tNNG\n", encoding="utf-8")
    Path("other.txt").write_text("에메드킷\tNNP\n", encoding="utf-8")
    words, other = (Morphemes(dictionary=f"{name}.txt").carrying().name for name in ("words", "other"))
    with monkeypatch.context() as earlier:  # versions that kept the path
        earlier.setattr("embedkit.text.morphemes.carried", str)
        train("morphemes:dictionary=words.txt", 1, checkpoint="run")
    with pytest.raises(TrainingError, match=r"was 'morphemes:dictionary=words.txt', is 'morphemes:.*=\(1 word\)'"):
        train(other, 2, checkpoint="run", resume=True)
    train(words, 2, checkpoint="run", resume=True)
    with pytest.raises(TrainingError, match=r"`tokenizer` was another 'morphemes:dictionary=\(1 word\)'"):
        train(other, 3, checkpoint="run", resume=True)
