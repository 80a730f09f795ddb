"""The comparison behind the sessions' tests would notice what it is there for."""

import pytest

from tests.manual.pages import blocks, rewritten
from tests.manual.sessions import difference, shortened


@pytest.mark.parametrize(
    "command, shown, got",
    [
        ("embedkit vocab x", ["a\t3"], ["a\t4"]),
        ("embedkit vocab x", ["a\t3"], ["b\t3"]),
        ("embedkit vocab x", ["a 3", "b 2"], ["a 3"]),
        ("embedkit cooccur x", ["a 0.5000"], ["a 0.6000"]),
        (
            "embedkit similar m.safetensors king",
            ["king\tqueen\t0.9", "king\tboy\t0.8"],
            ["kin\tqueen\t0.9", "king\tboy\t0.8"],
        ),
        (
            "embedkit similar m.safetensors king",
            ["king q .9", "king b .8", "king c .8"],
            ["king q .9", "king x .8", "king y .8"],
        ),
        ("embedkit similar m.safetensors king", ["king queen 0.9"], []),
        ("embedkit similar m.safetensors king", ["king\tqueen\t0.9"], ["king\tprince\t0.9"]),
        ("embedkit analogy m.safetensors man king woman", ["man king woman\tqueen"], ["man king woman\tprince"]),
    ],
)
def test_another_output_is_noticed(command, shown, got):
    assert difference(command, shown, got)


@pytest.mark.parametrize(
    "command, shown, got",
    [
        ("embedkit vocab x", ["a\t3", "…"], ["a\t3", "b\t2", "c\t1"]),
        ("embedkit cooccur x", ["a 0.5012"], ["a 0.5000"]),
        ("embedkit similar m.safetensors king", ["k q .9", "k b .8", "k c .8"], ["k q .7", "k c .6", "k b .5"]),
    ],
)
def test_the_same_output_passes(command, shown, got):
    assert difference(command, shown, got) is None


def test_outputs_are_written_back_where_they_belong():
    text = "a\n\n```console\n$ one\nold\n$ two \\\n  more\n```\n\n```sh\n$ one\n```\n"
    found = blocks(text)
    assert [step.command for step in found[0].steps] == ["one", "two \\\n  more"]
    new = rewritten(text, {found[0].line: [["new"], []]})
    assert new == text.replace("old", "new")


def test_a_cut_output_stays_cut():
    assert shortened(["1", "2", "3"], ["1", "…"]) == ["1", "…"]
    assert shortened(["1"], ["1", "…"]) == ["1"]
