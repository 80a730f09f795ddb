"""Every command meets every kind of trained model: it answers, or says in one line what the file is instead."""

import numpy as np
import pytest

from embedkit.cli import main
from tests.nn.test_model_fuzz import FEATURES, LINES, MODELS

COMMANDS = [
    ["classify", "predict", "M", "text.txt"],
    ["classify", "predict", "M", "--explain", "text.txt"],
    ["classify", "evaluate", "M", "labels.tsv"],
    ["tag", "predict", "M", "text.txt"],
    ["tag", "evaluate", "M", "tags.tsv"],
    ["lm", "evaluate", "M", "text.txt"],
    ["lm", "generate", "M", "--prompt", "a b", "--max-tokens", "2"],
    ["lm", "predict", "M", "a b"],
    ["lm", "vectors", "M", "text.txt"],
    ["seq2seq", "predict", "M", "text.txt"],
    ["seq2seq", "evaluate", "M", "pairs.tsv"],
    ["caption", "predict", "M", "features.npy"],
    ["caption", "evaluate", "M", "features.npy", "text.txt"],
    ["show", "gates", "M", "a b"],
    ["show", "attention", "M", "a b"],
    ["show", "markov", "M", "a b"],
    ["info", "M"],
    ["similar", "M", "a"],
    ["convert", "M", "out.vec"],
    ["classify", "train", "labels.tsv", "--vectors", "M", "-o", "out", "-q"],
    ["classify", "train", "labels.tsv", "--encoder", "M", "--model", "mean", "--epochs", "1", "-o", "out", "-q"],
]
KINDS = [name for name in MODELS if name not in ("classify-elmo", "tag-tuned-elmo", "lm-elmo", "caption-regions")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "text.txt").write_text("\n".join(LINES) + "\n")
    (folder / "labels.tsv").write_text("".join(f"{line}\t{'xy'[i % 2]}\n" for i, line in enumerate(LINES)))
    (folder / "tags.tsv").write_text("".join(f"{word}\t{'xyz'['abc'.index(word)]}\n" for word in "abcabc"))
    (folder / "pairs.tsv").write_text("".join(f"{line}\t{line[::-1]}\n" for line in LINES))
    np.save(folder / "features.npy", FEATURES)
    for name in KINDS:
        MODELS[name][0]().save(folder / f"{name}.safetensors")
    for kind, more in (("linear", []), ("fasttext", ["--bucket", "100"])):
        line = ["classify", "train", str(folder / "labels.tsv"), "--model", kind, *more, "-q"]
        assert main([*line, "-o", str(folder / f"classify-{kind}.safetensors")]) == 0
    return folder


@pytest.mark.parametrize("kind", [*KINDS, "classify-linear", "classify-fasttext"])
def test_a_model_of_another_kind_is_told_and_is_not_damaged(folder, monkeypatch, capsys, kind):
    monkeypatch.chdir(folder)
    answered = set()
    for line in COMMANDS:
        capsys.readouterr()
        status = main([f"{kind}.safetensors" if word == "M" else word for word in line])
        error = capsys.readouterr().err
        told = [said for said in error.splitlines() if said.startswith("embedkit: error: ")]
        assert status in (0, 1, 2) and "damaged" not in error and "Traceback" not in error, (line, error)
        assert status == 0 or len(told) == 1, (line, error)
        assert status == 0 or line[0] != "info"
        if status == 0:
            answered.add(line[0])
    assert answered >= {kind.split("-")[0], "info"}
    assert "similar" not in answered and "convert" not in answered
