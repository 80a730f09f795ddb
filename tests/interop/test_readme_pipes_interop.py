"""The README's pipes to DuckDB, scikit-learn and PyTorch, and its pictures."""

import pytest

from tests import readme_pipes

readme_pipes.skip_without_shell()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return readme_pipes.make_place(tmp_path_factory.mktemp("pipes"), ("en", "ko"))


@pytest.mark.parametrize("tool", readme_pipes.HEAVY)
def test_pipe(place, tool):
    pytest.importorskip(tool)
    output = readme_pipes.check(place, tool)
    if tool == "sklearn":
        groups = output.strip("[]\n ").split()
        assert groups[:3] == [groups[0]] * 3
        assert groups[3:] == [groups[3]] * 3
        assert groups[0] != groups[3]


@pytest.mark.parametrize("line", readme_pipes.commands_of("Pictures"))
def test_picture(place, line):
    pytest.importorskip("matplotlib")
    done = readme_pipes.run(place, line)
    assert done.returncode == 0, done.stderr
    assert (place / line.rpartition("-o ")[2]).stat().st_size > 5000
