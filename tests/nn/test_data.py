"""Reading labelled text and cutting it into batches."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.classification.linear import train_linear
from embedkit.classification.options import LinearOptions
from embedkit.errors import ConfigError, CorpusError
from embedkit.nn.learning.batches import bucketed_batches, hold_out, hold_out_groups, label_set, padded
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.language_training import train_language_model
from embedkit.nn.models.seq2seq_training import Pairs
from embedkit.text.labelled import LabelledSets, LabelledTexts, read_label_sets, read_labelled
from embedkit.text.tagged import TaggedSentences, read_tagged

field = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda s: s.strip() and "__label__" not in s  # which makes a line one of fastText's
)


def write(tmp_path, text, name="data.tsv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


@given(st.lists(st.tuples(field, field), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_labelled_lines_round_trip(tmp_path_factory, rows):
    path = write(tmp_path_factory.mktemp("rows"), "".join(f"{text}\t{label}\n" for text, label in rows))
    data = read_labelled(path)
    assert list(zip(data.texts, data.labels, strict=True)) == [(text, label.strip()) for text, label in rows]


def test_windows_line_ends_tabs_in_the_text_and_empty_lines(tmp_path):
    data = read_labelled(write(tmp_path, "a\tb\t1\r\n\r\n \t0\r\nlast\t0"))
    assert (data.texts, data.labels) == (["a\tb", "last"], ["1", "0"])
    assert [place.rsplit("line ")[1] for place in data.empty] == ["2", "3"]
    assert data.places[1].endswith("data.tsv, line 4")


def test_headers_and_fasttext_labels_are_recognised(tmp_path):
    data = read_labelled(write(tmp_path, "Text\tLabel\ngood\tpos\nlabel\ttext\n"))
    assert (data.texts, data.labels) == (["good", "label"], ["pos", "text"])
    assert len(data.headers) == 1 and data.headers[0].endswith("line 1")


def test_fasttext_lines_have_their_label_first(tmp_path):
    data = read_labelled(write(tmp_path, "__label__pos a\tfine film\n__label__neg dull\n"))
    assert (data.texts, data.labels) == (["a fine film", "dull"], ["pos", "neg"])
    with pytest.raises(CorpusError, match="expected one label a text, found 2: a, b"):
        read_labelled(write(tmp_path, "__label__a __label__b text\n"))


def test_lines_are_cut_where_fasttext_cuts_them(tmp_path):
    lines = "__label__new\u00a0york 10\u00a0km\x0bfar\u3000away\n__label__b one\n"
    data = read_label_sets(write(tmp_path, lines))
    assert (data.texts, data.labels) == (["10\u00a0km far\u3000away", "one"], [("new\u00a0york",), ("b",)])
    columns = read_label_sets(
        write(tmp_path, 'text,label\n"10\u00a0km\nfar",__label__a\u00a0b __label__c\n'), "text", "label"
    )
    assert (columns.texts, columns.labels) == (["10\u00a0km far"], [("a\u00a0b", "c")])


@given(st.lists(st.tuples(field, field), min_size=1, max_size=8), st.sampled_from([",", ";"]))
@settings(max_examples=40, deadline=None)
def test_labelled_tables_round_trip(tmp_path_factory, rows, delimiter):
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter).writerows(
        [["id", "the text", "label"], *((i, *row) for i, row in enumerate(rows))]
    )
    path = write(tmp_path_factory.mktemp("tables"), stream.getvalue(), "t.csv")
    for columns in (("the text", "label"), ("2", "3")):
        data = read_label_sets(path, *columns)
        skipped = 0 if columns[0] == "the text" else 1
        assert list(zip(data.texts, data.labels, strict=True))[skipped:] == [
            (" ".join(filter(None, text.split(" "))), (label.strip(),)) for text, label in rows
        ]


def test_a_table_with_tabs_keeps_every_row_beside_a_stray_quote(tmp_path):
    path = write(tmp_path, 'text\tlabel\n"open and\tpos\ndull\tneg\n"closed"\tpos\n')
    data = read_label_sets(path, "text", "label")
    assert (data.texts, data.labels) == (['"open and', "dull", "closed"], [("pos",), ("neg",), ("pos",)])


def test_rows_of_a_table_have_their_own_places(tmp_path):
    rows = [f"text {i},{'pn'[i % 2]}" for i in range(30)]
    path = write(tmp_path, "\n".join(["text,label", *rows]), "t.csv")
    for columns in (("text", "label"), ("1", "2")):
        data = read_label_sets(path, *columns)
        assert [place.rsplit(", ")[-1] for place in data.places] == [f"line {i}" for i in range(2, 32)]
        assert [place[-6:] for place in data.headers] == ([] if columns[0] == "text" else ["line 1"])
    path = write(tmp_path, "\n".join(["text,label", *rows[:3], '"two\nlines",p', "without,", *rows[3:]]), "t.csv")
    with pytest.raises(CorpusError, match=r"t.csv, line 7: expected a label in the column 'label', found none"):
        read_label_sets(path, "text", "label")


def test_a_cell_may_be_as_long_as_it_likes(tmp_path):
    path = write(tmp_path, "text,label\n" + "wort " * 40_000 + ",pos\ndull,neg\n", "t.csv")
    assert len(read_label_sets(path, "text", "label").texts[0]) == 199_999


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("text,text,label\na,b,c\n", ("text", "label"), "expected one column 'text', found 2 of that name"),
        ("text,label\na,b,c\n", ("text", "label"), "line 2: expected 2 columns as in the first row, found 3"),
        ("id\tdocument\tlabel\n1\tgood\t1\n", (), "`text_column` document and `label_column` label"),
        ("text,label\ngood,1\n", (), "found one column: 'text,label'; `text_column` and `label_column` read tables"),
        ("__label__a good\nno label\n", (), "expected __label__NAME text as in lines before, found one column"),
        ("__label__ good\n__label__a dull\n", (), "line 1: expected __label__NAME, found no name"),
    ],
)
def test_tables_that_cannot_be_read_say_what_to_do(tmp_path, text, columns, message):
    with pytest.raises(CorpusError, match=message):
        read_label_sets(write(tmp_path, text), *columns)
    with pytest.raises(ConfigError, match="must be two columns"):
        read_label_sets(write(tmp_path, text), "label", "label")


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("good, fine, great, nice\tpos\ndull\tneg\n", ("1", "2")),
        ("review, as typed, in full\tlabel\ngood, fine, great, nice\tpos\ndull\tneg\n", ("1", "2")),
        ("review, as typed\tlabel, or none\ngood, fine, great, nice\tpos\n", ("review, as typed", "label, or none")),
        ('"good, fine, great, nice",pos\n"a; b; c; d",neg\n', ("1", "2")),
        ('"good, fine, great, nice";pos\ndull, a, b;neg\n', ("1", "2")),
        ("\n \n1\tgood, fine, great, nice\tpos\n\n2\tx\tneg\n", ("2", "3")),
    ],
)
def test_the_delimiter_is_what_cuts_all_rows_alike(tmp_path, table, columns):
    data = read_label_sets(write(tmp_path, table), *columns)
    assert "good, fine, great, nice" in data.texts and ("pos",) in data.labels


def test_columns_that_are_all_read_as_text_are_told(tmp_path):
    with pytest.warns(UserWarning, match="each line has 3 columns, and the first 2 are the text"):
        assert read_labelled(write(tmp_path, "1\tgood\tpos\n2\tdull\tneg\n")).texts == ["1\tgood", "2\tdull"]


def test_labels_behind_the_text_may_have_the_prefix_of_fasttext(tmp_path):
    data = read_label_sets(
        write(tmp_path, "fine film\t__label__pos\ndull\t__label__neg __label__long\nwell\tvery good\nodd\t__label__\n")
    )
    assert data.labels == [("pos",), ("neg", "long"), ("very good",), ("__label__",)]


def test_almost_as_many_labels_as_lines_are_refused_with_the_reason():
    with pytest.raises(CorpusError, match=r"found 30 different labels in 30 places.*the other way round"):
        label_set([f"a whole sentence {i}" for i in range(30)])
    assert len(label_set([str(i) for i in range(10)])) == 10
    assert len(label_set([str(i % 15) for i in range(30)])) == 15


def test_whole_groups_are_held_out():
    groups = np.repeat(np.arange(20), 5)
    kept, held = hold_out_groups(groups, 0.1, np.random.default_rng(0))
    assert len(kept) == 90 and len(held) == 10 and not set(groups[kept]) & set(groups[held])
    with pytest.raises(CorpusError, match="at least two different items"):
        hold_out_groups(np.zeros(4, np.int64), 0.5, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("good\t1\nno label here\n", r"data.tsv, line 2: expected text<TAB>label, found one column: 'no label here'"),
        ("good\t1\nno label\t \n", r"line 2: expected text<TAB>label, found no label after the tab"),
        ("\n\n", r"no text<TAB>label lines in .*data.tsv: there is nothing to work on"),
    ],
)
def test_classification_lines_that_cannot_be_read(tmp_path, text, message):
    with pytest.raises(CorpusError, match=message):
        read_labelled(write(tmp_path, text))


def test_tagged_sentences_end_at_blank_lines_and_at_ends_of_files(tmp_path):
    first = write(tmp_path, "I\tPRON\nlike\tVERB\n\n\nit\tPRON\n", "a.tsv")
    second = write(tmp_path, "Go\tVERB\r\n", "b.tsv")
    data = read_tagged([first, second])
    assert data.sentences == [["I", "like"], ["it"], ["Go"]]
    assert data.tags == [["PRON", "VERB"], ["PRON"], ["VERB"]]
    assert [place.split("line ")[1] for place in data.places] == ["1", "5", "1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "I\tPRON\nlike\n",
            r"line 2: tags do not line up with tokens: expected a token and a tag .*, found one column: 'like'",
        ),
        ("I\tPRON\textra\n", "found 3 columns"),
        ("I\t\n", "found an empty one in 2 columns"),
        ("\n", "no token<TAB>tag lines"),
    ],
)
def test_tags_that_do_not_line_up(tmp_path, text, message):
    with pytest.raises(CorpusError, match=message):
        read_tagged(write(tmp_path, text))


CONLLU = """# sent_id = 1
# text = don't # stop
1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tdo\tdo\tAUX\tVB\t_\t0\troot\t_\t_
2\tn't\tnot\tPART\tRB\t_\t1\tadvmod\t_\t_
2.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t_\t_
3\t#\t#\tSYM\tNN\t_\t1\tdep\t_\t_

"""


def test_conllu(tmp_path):
    data = read_tagged(write(tmp_path, CONLLU))
    assert (data.sentences, data.tags) == ([["do", "n't", "#"]], [["AUX", "PART", "SYM"]])
    assert read_tagged(write(tmp_path, CONLLU.replace("2.1\tgo", "4\tgo")), (2, 4)).sentences[0][2] == "go"
    path = write(tmp_path, CONLLU)
    for columns in ((2, 5), (2, -6), (-9, 5)):
        data = read_tagged(path, columns)
        assert (data.sentences, data.tags) == ([["do", "n't", "#"]], [["VB", "RB", "NN"]])
    assert read_tagged(path, (1, 4)).sentences == [["1-2", "1", "2", "2.1", "3"]]  # a token like any other


def test_conll_2003_by_its_columns_and_separated_by_spaces(tmp_path):
    path = write(tmp_path, "-DOCSTART- -X- O O\n\nEU NNP I-NP B-ORG\n# NN I-NP O\n\nRome NNP I-NP B-LOC\n")
    for columns in ((1, 4), (1, -1)):
        data = read_tagged(path, columns)
        assert (data.sentences, data.tags) == ([["EU", "#"], ["Rome"]], [["B-ORG", "O"], ["B-LOC"]])
    with pytest.raises(CorpusError, match=r"line 3: .* found 4 columns: .*`columns`, as 1,4"):
        read_tagged(path)
    with pytest.raises(CorpusError, match="in the columns 1 and 7"):
        read_tagged(path, (1, 7))


def test_columns_must_be_two(tmp_path):
    for columns in ((2, 2), (0, 1)):
        with pytest.raises(ConfigError, match="two different columns"):
            read_tagged(write(tmp_path, "a\tX\nb\tY\n"), columns)


def test_tokens_that_are_white_space(tmp_path):
    data = read_tagged(write(tmp_path, "a\tX\n\u3000\tSP\n \tSP\n\nb\tX\n"))
    assert (data.sentences, data.tags) == ([["a", "\u3000", " "], ["b"]], [["X", "SP", "SP"], ["X"]])


def test_labels():
    assert label_set(["b", "a", "b"]) == ["a", "b"]
    with pytest.raises(CorpusError, match=r"at least two different labels, found only 'a'"):
        label_set(["a", "a"])


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=60), st.integers(1, 9), st.one_of(st.none(), st.integers(0, 9))
)
@settings(max_examples=60, deadline=None)
def test_batches_hold_every_sentence_once_and_keep_to_their_size(lengths, size, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    batches = bucketed_batches(np.array(lengths), size, rng, max_tokens=400)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        longest = max(max(lengths[i] for i in batch), 1)
        assert len(batch) <= size and (len(batch) == 1 or len(batch) * longest <= 400)


def test_batches_are_of_like_length_and_differ_between_epochs():
    lengths = np.random.default_rng(0).integers(1, 50, 2000)
    one, two = (bucketed_batches(lengths, 32, np.random.default_rng(seed)) for seed in (1, 2))
    spread = [np.ptp(lengths[batch]) for batch in one]
    assert np.mean(spread) < 8
    assert {frozenset(b.tolist()) for b in one} != {frozenset(b.tolist()) for b in two}
    assert [len(b) for b in one[:3]] == [32, 32, 32] or len(one) == 63


def test_hold_out_keeps_something_on_both_sides():
    rng = np.random.default_rng(0)
    for n in (2, 3, 10, 101):
        train, valid = hold_out(n, 0.1, rng)
        assert len(train) and len(valid) and sorted([*train, *valid]) == list(range(n))
    train, valid = hold_out(1, 0.1, rng)
    assert list(train) == [0] and len(valid) == 0


def test_padded():
    ids, mask = padded([np.array([3, 4, 5]), np.array([7])], fill=-1)
    np.testing.assert_array_equal(ids, [[3, 4, 5], [7, -1, -1]])
    np.testing.assert_array_equal(mask, [[1, 1, 1], [1, 0, 0]])


def test_lists_that_do_not_line_up_are_refused():
    with pytest.raises(ConfigError, match="`texts` and `labels` must be as many, got 2 and 1"):
        LabelledTexts(["a", "b"], ["x"])
    with pytest.raises(ConfigError, match="`sentences` and `tags` must be as many, got 2 and 1"):
        TaggedSentences([["a", "b"]], [["X"]])
    for fraction in (0.0, 1.0, 1.5, float("nan")):
        with pytest.raises(ConfigError, match="`valid_fraction` must be a share between 0 and 1"):
            hold_out(10, fraction, np.random.default_rng(0))


class Column:
    """A column of a table, as pandas has them: asked by its index, in the order of its rows otherwise."""

    def __init__(self, values):
        self.values = list(values)

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)

    def __bool__(self):
        raise ValueError("the truth value of a column is ambiguous")

    def __getitem__(self, index):
        return self.values[::-1][index]


def test_columns_are_read_by_their_rows_and_generators_refused():
    texts, labels = ["one a", "one b"] * 125, ["x", "y"] * 125
    columns = LabelledTexts(Column(texts), Column(labels))
    assert (columns.texts, columns.labels) == (texts, labels)
    sets = [[label] for label in labels]
    assert LabelledSets(Column(texts), Column(sets)).labels == sets
    tagged = TaggedSentences(Column(map(str.split, texts)), Column([label, label] for label in labels))
    assert tagged.sentences[0] == ["one", "a"] and tagged.tags[0] == ["x", "x"]
    assert Pairs(Column(texts), Column(labels)).targets == labels
    fits = [train_linear(given, sets, LinearOptions(workers=1)) for given in (texts, Column(texts))]
    assert [fit.accuracy for fit in fits] == [1.0, 1.0]
    options = TrainingOptions(epochs=1)
    config = LanguageModelConfig("rnn", hidden_size=4)
    for valid in (texts, Column(texts)):
        _, history = train_language_model(texts, config=config, options=options, valid=valid, vector_size=4)
        assert history.best_score > 1
    for kind in (LabelledTexts, LabelledSets, Pairs):
        with pytest.raises(ConfigError, match="must be a list, got a generator: make a list of it"):
            kind((text for text in texts), labels)
        with pytest.raises(ConfigError, match="must be as many, got 2 and 1"):
            kind(["a", "b"], [["x"]] if kind is LabelledSets else ["x"])
    with pytest.raises(ConfigError, match="`labels` must be a list, got a generator"):
        train_linear(texts, (each for each in sets))
    with pytest.raises(ConfigError, match="`valid` must be a list, got a generator"):
        train_language_model(texts, valid=(text for text in texts))
