"""The settings of the tokenizer morphemes, with a stand-in for Kiwi; the real one is asked in test_kiwi.py."""

import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from embedkit.cli import cli
from embedkit.cli.shared.tokenizing import _with_settings
from embedkit.errors import ConfigError, EmbedkitError
from embedkit.text.morphemes import Morphemes
from embedkit.text.tokenizers import get_tokenizer


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
        raise ValueError("line 1")

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
    (tmp_path / "words.txt").write_text("a\tADJ\n")
    with pytest.raises(EmbedkitError, match="expected form<TAB>tag<TAB>score on each line, as Kiwi reads it: line 1"):
        get_tokenizer(f"morphemes:dictionary={tmp_path / 'words.txt'}")
    with pytest.raises(EmbedkitError, match="no such file"):
        get_tokenizer("morphemes:dictionary=missing.txt")


@pytest.mark.parametrize("pos", ["ADJ", "N,NOUN", "Q", "SH", "n", " ", ","])
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


def test_a_user_dictionary_is_found_from_other_folders(tmp_path, monkeypatch):
    """By the model that is made, and by workers of a cluster."""
    monkeypatch.chdir(tmp_path)
    asked = {"pos": "N,V", "pos_tags": False, "typos": False, "user_dictionary": "words.txt"}
    name = _with_settings("morphemes", ["user_dictionary"], asked)
    assert name == f"morphemes:pos=N+V,dictionary={tmp_path / 'words.txt'}"
