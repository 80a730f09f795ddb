"""The help of a command shows the range of each number, which is declared with the option."""

import re
from math import inf

import click
import pytest

from embedkit.classification.options import BagOptions, LinearOptions
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.captioner import CaptionConfig
from embedkit.nn.models.classifier import ClassifierConfig
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.seq2seq import Seq2SeqConfig
from embedkit.nn.models.tagger import TaggerConfig
from embedkit.options import described, kind_of
from embedkit.training.options import CONFIGS
from tests.cli.test_cli_defaults import COMMANDS

OPTIONS = {
    "caption train": [CaptionConfig, TrainingOptions],
    "classify train": [ClassifierConfig, TrainingOptions, BagOptions, LinearOptions],
    "lm train neural": [LanguageModelConfig, TrainingOptions],
    "seq2seq train": [Seq2SeqConfig, TrainingOptions],
    "tag train": [TaggerConfig, TrainingOptions],
    "train": list(CONFIGS.values()),
}


def helps(name):
    """Parameter -> the text of its help."""
    command = COMMANDS[name]
    context = click.Context(command)
    return {one.name: one.get_help_record(context)[1] for one in command.params if isinstance(one, click.Option)}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_range_is_shown(name):
    shown = helps(name)
    for options in OPTIONS[name]:
        for option, facts in described(options).items():
            ranged = max(facts.least, facts.above) > -inf or min(facts.most, facts.below) < inf
            if option not in shown or option == "seed" or kind_of(options, option)[0] not in (int, float):
                continue
            assert ranged == bool(re.search(r"\[(.*; )?[^;\]]*\bx[<>][^;]*\]$", shown[option])), shown[option]


@pytest.mark.parametrize(
    ("name", "option", "end"),
    [
        ("tag train", "dropout", "[default: 0.3; 0<=x<1]"),
        ("tag train", "spelling_size", "[default: 100; x>=0]"),
        ("classify train", "layer_rate", "[default: 1.0; 0<x<=1]"),
        ("classify train", "cost", "[default: by held-out texts; x>0]"),
        ("seq2seq train", "clip", "; x>0]"),
        ("lm train neural", "context", "[default: 64; x>=2]"),
        ("train", "vector_size", "[default: 100; 1<=x<=100000]"),
        ("train", "window", "svd 8; x>=1]"),
        ("train", "shift", "[default: 1.0; x>0]"),
        ("train", "seed", "[default: 1]"),
        ("vocab", "max_vocab", "x>=1]"),
        ("caption train", "max_vocab", "[default: (no limit); x>=1]"),
    ],
)
def test_a_range_stands_behind_the_default(name, option, end):
    assert helps(name)[option].endswith(end)


def test_help_says_what_an_option_needs():
    neural, tag = helps("lm train neural"), helps("tag train")
    assert "--vector-size must be --hidden-size" in neural["tied"]
    assert all("--tune-encoder" in tag[name] for name in ("layer_rate", "gradual_unfreezing"))
    assert "of each side" in helps("seq2seq train")["max_vocab"]
    assert not any("side" in helps(name)["max_vocab"] for name in ("lm train neural", "caption train"))
