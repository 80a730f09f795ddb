"""``embedkit.nn`` shows its layers, and imports each when it is first used."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import embedkit.nn


def test_every_export_is_there_and_listed():
    assert len(embedkit.nn.__all__) > 25
    for name in embedkit.nn.__all__:
        found = getattr(embedkit.nn, name)
        assert found.__name__ == name
        assert name in dir(embedkit.nn)


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(embedkit.nn.__file__).read_text(encoding="utf-8"))
    shown = {
        alias.asname
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert shown == set(embedkit.nn.__all__)


def test_a_layer_from_the_package_works():
    layer = embedkit.nn.LSTM(3, 2, rng=np.random.default_rng(0))
    y, cache = layer.forward(np.ones((1, 4, 3), np.float32))
    assert y.shape == (1, 4, 2)
    assert len(cache.state) == 2


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Lstm"):
        embedkit.nn.Lstm  # noqa: B018


def test_importing_the_package_imports_no_layer():
    code = "import embedkit.nn, sys; print([m for m in sys.modules if m.startswith('embedkit.nn.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
