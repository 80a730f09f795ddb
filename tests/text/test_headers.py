"""First lines that name the columns, of all files with two."""

import warnings

import pytest

from embedkit.errors import CorpusError
from embedkit.nn.models.seq2seq_training import read_pairs
from embedkit.text.labelled import read_label_sets
from embedkit.text.tagged import read_tagged


def file(tmp_path, *lines):
    path = tmp_path / "data.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


REVIEWS = [f"this is text number {i} of them\t{'good' if i % 2 else 'bad'}" for i in range(40)]
WORDS = [f"word{i}\t{'good' if i % 2 else 'bad'}" for i in range(40)]


@pytest.mark.parametrize(
    "header", ["token\ttag", "word\tpos", "Word\tUPOS", "단어\t품사", "token tag", '"token"\t"tag"']
)
def test_names_of_tokens_and_tags(tmp_path, header):
    data = read_tagged(file(tmp_path, header, "I\tPRON", "run\tVERB", "", "He\tPRON"))
    assert data.sentences == [["I", "run"], ["He"]] and data.tags[0] == ["PRON", "VERB"]
    assert len(data.headers) == 1 and data.headers[0].endswith("line 1") and data.places[0].endswith("line 2")


def test_names_in_chosen_columns(tmp_path):
    data = read_tagged(file(tmp_path, "token pos chunk ner", "EU NNP B-NP B-ORG"), (1, 4))
    assert data.tags == [["B-ORG"]] and data.headers


@pytest.mark.parametrize("header", ["source\ttarget", "src\ttgt", "원문\t번역문"])
def test_names_of_sources_and_targets(tmp_path, header):
    pairs = read_pairs(file(tmp_path, header, "a b\tA B"))
    assert pairs.sources == ["a b"] and len(pairs.headers) == 1


@pytest.mark.parametrize("header", ["text\tlabel", "Review\tRating", "리뷰\t평점"])
def test_names_of_texts_and_labels(tmp_path, header):
    data = read_label_sets(file(tmp_path, header, "a b\tx", "b c\ty"))
    assert data.texts == ["a b", "b c"] and len(data.headers) == 1


@pytest.mark.parametrize(
    "read, header, help_",
    [
        (read_label_sets, "label\ttext", "`text_column` text and `label_column` label"),
        (read_tagged, "tag\ttoken", "`columns`, as 2,1"),
        (read_pairs, "target\tsource", "put the sources first"),
    ],
)
def test_names_the_other_way_round(tmp_path, read, header, help_):
    with pytest.raises(CorpusError) as error:
        read(file(tmp_path, header, "x\ta b", "y\tb c"))
    assert "line 1: expected" in str(error.value) and help_ in str(error.value)


def test_names_further_down_are_data(tmp_path):
    data = read_tagged(file(tmp_path, "I\tPRON", "word\tpos"))
    assert data.tags == [["PRON", "pos"]] and not data.headers


@pytest.mark.parametrize("header", ["quote\tverdict", "상품평\t점수"])
def test_a_short_first_line_with_a_label_of_its_own(tmp_path, header):
    data = read_label_sets(file(tmp_path, header, *REVIEWS))
    assert len(data) == 40 and len(data.headers) == 1


def test_a_header_in_each_of_several_files(tmp_path):
    paths = [tmp_path / f"{i}.tsv" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_text("\n".join(["quote\tverdict", *REVIEWS[10 * i : 10 * i + 10]]), encoding="utf-8")
    data = read_label_sets(paths)
    assert len(data) == 30 and len(data.headers) == 3 and not any(place.endswith("line 1") for place in data.places)


@pytest.mark.parametrize(
    "first, others",
    [
        ("a text as long as others\trare", REVIEWS),
        ("short\tgood", REVIEWS),
        ("quote\tverdict", REVIEWS[:10]),
        ("quote\t__label__verdict", REVIEWS),
        ("__label__verdict quote", REVIEWS),
        ("quote\tverdict", [*REVIEWS, "another text with a rare label\tlone"]),
    ],
)
def test_first_lines_that_are_data(tmp_path, first, others):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = read_label_sets(file(tmp_path, first, *others))
    assert len(data) == len(others) + 1 and not data.headers


@pytest.mark.parametrize("read", [read_label_sets, read_tagged])
def test_a_label_that_may_be_rare_is_told_and_kept(tmp_path, read):
    with pytest.warns(UserWarning, match="line 1: 'verdict' stands in no other line"):
        data = read(file(tmp_path, "quote\tverdict", *WORDS))
    assert not data.headers and "verdict" in str(getattr(data, "labels", getattr(data, "tags", None)))
