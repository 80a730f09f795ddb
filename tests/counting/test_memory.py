import re

import pytest

from embedkit.cli import main
from embedkit.counting.counting import tokens_within
from embedkit.errors import ConfigError
from embedkit.vocabulary import scanning
from embedkit.vocabulary.id_stream import IdStream


@pytest.mark.parametrize(
    ("memory", "shown"), [(10, "10"), (1 << 10, "1K"), (1500, "1500"), (3 << 20, "3M"), ((5 << 20) + 1, "6M")]
)
def test_memory_that_is_too_small_is_told_as_it_was_given_and_what_is_asked_for_is_enough(memory, shown):
    with pytest.raises(ConfigError, match=rf"`memory` {shown} is too small.* need (\d+)M;") as refused:
        tokens_within(memory, 2000, 2)
    enough = int(re.search(r"need (\d+)M", str(refused.value))[1]) << 20
    assert tokens_within(enough, 2000, 2) > 0


@pytest.mark.parametrize("temporary", [False, True])
def test_ids_that_the_memory_does_not_hold_lie_where_counts_are_spilled(temporary, tmp_path, monkeypatch):
    asked = []

    class Watched(IdStream):
        def __init__(self, mmap_above, folder=None):
            super().__init__(0, folder)
            asked.append(str(folder))

    monkeypatch.setattr(scanning, "IdStream", Watched)
    text, output, spill = tmp_path / "t.txt", tmp_path / "out" / "c.safetensors", tmp_path / "spill"
    text.write_text("a b c d\n" * 10)
    output.parent.mkdir()
    spill.mkdir()
    options = ["--temporary", str(spill)] if temporary else []
    assert main(["cooccur", str(text), "-o", str(output), "--memory", "300M", "-q", *options]) == 0
    assert asked == [str(spill if temporary else output.parent)]
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_a_table_has_the_same_words_with_the_counts_written_and_without(tmp_path, capsys):
    text = tmp_path / "t.txt"
    text.write_text("a b c\na b\n")
    command = ["cooccur", str(text), "--table"]
    assert main(command) == 0
    alone = capsys.readouterr().out
    assert main([*command, "-o", str(tmp_path / "c.safetensors")]) == 0
    assert capsys.readouterr().out == alone
