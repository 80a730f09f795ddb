"""What ends a line: line feeds and carriage returns, never the separators that Unicode calls line ends too."""

import json

import numpy as np
import pytest

from embedkit import KeyedVectors, load
from embedkit.plotting.curves import read_log

SEPARATORS = ["\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("word", ["a{}b", "{}a", "가{}"])
def test_words_of_a_csv_hold_separators(tmp_path, word, separator):
    word = word.format(separator)
    KeyedVectors([word, "b"], np.array([[1.5, 2], [3, 4]], np.float32)).save(tmp_path / "m.csv", "csv")
    assert list(load(tmp_path / "m.csv")) == [word, "b"]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_values_of_a_log_hold_separators(tmp_path, separator):
    record = {"event": "epoch", "epoch": 1, "name": f"a{separator}b"}
    (tmp_path / "log").write_text(json.dumps(record, ensure_ascii=False) + '\n{"epo', encoding="utf-8")
    assert read_log(tmp_path / "log") == [record]
