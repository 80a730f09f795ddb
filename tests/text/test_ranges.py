"""A corpus read in parts is the corpus: every line in exactly one byte range."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.errors import ConfigError
from embedkit.text.ranges import ByteRange, byte_ranges, part_of
from embedkit.text.reading import read_chunks, read_lines
from embedkit.vocabulary.corpus import Corpus, count_words

texts = st.lists(st.text("a\ufeff왕\r\n", max_size=30), min_size=1, max_size=3)


def written(folder, contents):
    files = []
    for i, text in enumerate(contents):
        (folder / f"{i}.txt").write_text(text, encoding="utf-8", newline="")
        files.append(str(folder / f"{i}.txt"))
    return files


@settings(max_examples=80, deadline=None)
@given(contents=texts, size=st.integers(1, 40))
def test_ranges_of_any_size_give_the_lines_of_the_whole(tmp_path_factory, contents, size):
    files = written(tmp_path_factory.mktemp("ranges"), contents)
    whole = b"".join(read_chunks(files))
    assert b"".join(b"".join(read_chunks([span])) for span in byte_ranges(files, size)) == whole


@settings(max_examples=60, deadline=None)
@given(contents=texts, parts=st.integers(1, 9))
def test_every_line_lies_in_exactly_one_of_n_parts(tmp_path_factory, contents, parts):
    files = written(tmp_path_factory.mktemp("parts"), contents)
    found = [
        line for part in range(1, parts + 1) for span in part_of(files, part, parts) for line in read_lines([span])
    ]
    assert found == list(read_lines(files))


def test_a_corpus_of_ranges_is_the_corpus(tmp_path):
    rng = np.random.default_rng(1)
    lines = [" ".join(f"w{int(x)}" for x in rng.exponential(9, rng.integers(0, 30))) for _ in range(400)]
    path = tmp_path / "c.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    whole = Corpus.from_text(path, min_count=1)
    parts = Corpus.from_text(byte_ranges([str(path)], 700), min_count=1)
    assert len(byte_ranges([str(path)], 700)) > 20
    assert np.array_equal(whole.ids, parts.ids)
    assert whole.vocabulary == parts.vocabulary == count_words(byte_ranges([str(path)], 1), min_count=1)


def test_an_error_in_a_range_names_its_place_in_the_file(tmp_path):
    path = tmp_path / "c.txt"
    path.write_bytes(b"good line\n" * 10 + b"bad \xff\n")
    with pytest.raises(Exception, match="offset 104 "):
        list(read_chunks([ByteRange(str(path), 55, 107)]))


def test_what_cannot_be_entered_in_the_middle(tmp_path):
    packed = tmp_path / "c.gz"
    packed.write_bytes(gzip.compress(b"a b\n" * 50))
    assert byte_ranges([str(packed)], 3) == [str(packed)]
    with pytest.raises(ConfigError, match="compressed file cannot be cut"):
        part_of([str(packed)], 1, 2)
    with pytest.raises(ConfigError, match="cannot cut standard input"):
        part_of(["-"], 1, 2)
