"""Every one-line pipe of the README runs; those to large packages are in tests/interop."""

import shutil

import pytest

from tests import readme_pipes

readme_pipes.skip_without_shell()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return readme_pipes.make_place(tmp_path_factory.mktemp("pipes"))


def test_every_tool_has_its_pipe():
    assert set(readme_pipes.pipes()) == set(readme_pipes.EXPECTED)


@pytest.mark.parametrize("tool", [tool for tool in readme_pipes.EXPECTED if tool not in readme_pipes.HEAVY])
def test_pipe(place, tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    readme_pipes.check(place, tool)


def test_sorted_answers_come_in_order(place):
    values = [float(line.split("\t")[2]) for line in readme_pipes.check(place, "sort").splitlines()]
    assert len(values) == 9
    assert values == sorted(values, reverse=True)


def test_a_pipe_that_closes_early_ends_quietly(place):
    done = readme_pipes.run(place, "embedkit vocab corpora/en.txt | head -1")
    assert done.stdout.startswith("the\t")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
