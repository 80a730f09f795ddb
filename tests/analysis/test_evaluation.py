"""Correlations, word pairs and analogies: against plain loops, by hand, and on files as people write them."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.analysis import correlation, evaluation
from embedkit.analysis.testsets import Analogies, WordPairs, read_analogies, read_pairs
from embedkit.cli import main
from embedkit.errors import ConfigError, EmbedkitError, FormatError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.subwords import Subwords
from tests import reference_evaluation as reference

FEW = st.lists(st.tuples(st.integers(-3, 3), st.integers(-50, 50)), min_size=3, max_size=40)


def model(n=60, size=7, seed=3, words=None):
    rows = np.random.default_rng(seed).standard_normal((n, size)).astype(np.float32)
    return KeyedVectors(words or [f"w{i}" for i in range(n)], rows)


def questions(words, n=80, seed=5):
    rng = np.random.default_rng(seed)
    return [tuple(words[i] for i in rng.choice(len(words), 4, replace=False)) for _ in range(n)]


# ---- correlations


@given(FEW)
def test_ranks_share_the_mean_of_equal_values(pairs):
    x = np.array([a for a, _ in pairs], float)
    np.testing.assert_array_equal(correlation.ranks(x), reference.ranks(x))


@given(FEW)
def test_correlations_match_the_plain_ones(pairs):
    x, y = (np.array(column, float) for column in zip(*pairs, strict=True))
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert np.isnan(correlation.spearman(x, y)) and np.isnan(correlation.pearson(x, y))
        return
    assert correlation.pearson(x, y) == pytest.approx(reference.pearson(x, y), abs=1e-12)
    assert correlation.spearman(x, y) == pytest.approx(reference.spearman(x, y), abs=1e-12)


def test_spearman_by_hand_with_ties():
    # ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5
    assert correlation.spearman(np.array([1, 5, 5, 9]), np.array([1, 2, 3, 4])) == pytest.approx(4.5 / np.sqrt(22.5))


def test_bootstrap_is_that_of_resampled_pairs():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 12, 50).astype(float)
    y = x + rng.integers(0, 12, 50)
    spearman, pearson = correlation.bootstrap(x, y, resamples=300, seed=4)
    drawn = np.random.default_rng(4).integers(0, 50, (300, 50))
    for found, plain in ((spearman, reference.spearman), (pearson, reference.pearson)):
        ends = np.percentile([plain(x[rows], y[rows]) for rows in drawn], [2.5, 97.5])
        assert (found.low, found.high) == pytest.approx(tuple(ends), abs=1e-9)
        assert found.low < found.value < found.high


def test_bootstrap_in_blocks_is_that_in_one(monkeypatch):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 30))
    whole = correlation.bootstrap(x, y, 100, 7)
    monkeypatch.setattr(correlation, "_BLOCK_VALUES", 30 * 9)
    assert correlation.bootstrap(x, y, 100, 7) == whole


# ---- word pairs


def test_pairs_correlate_cosines_of_known_words():
    vectors = model()
    words = [("w1", "W2"), ("w3", "w4"), ("w5", "w6"), ("w7", "absent"), ("w8", "w9"), ("w1", "w1")]
    scores = np.array([3.0, 1.0, 2.0, 9.0, 2.0, 10.0])
    found = evaluation.evaluate_pairs(vectors, WordPairs("t", words, scores))
    kept = [i for i in range(6) if i != 3]
    cosines = np.array([vectors.similarity(a.lower(), b.lower()) for a, b in (words[i] for i in kept)])
    assert (found.used, found.total) == (5, 6)
    assert found.spearman.value == pytest.approx(reference.spearman(cosines, scores[kept]))
    assert found.pearson.value == pytest.approx(reference.pearson(cosines, scores[kept]), abs=1e-7)


def test_the_most_frequent_form_wins_and_case_can_matter():
    vectors = KeyedVectors(["king", "King", "queen", "man"], np.array([[1, 0], [0, 1], [1, 1], [-1, 1]], np.float32))
    pairs = WordPairs("t", [("King", "queen"), ("King", "man"), ("KING", "King")], np.array([1.0, 2.0, 3.0]))
    folded = evaluation.evaluate_pairs(vectors, pairs)
    assert folded.used == 3
    assert folded.spearman.value == pytest.approx(0.5)  # cosines .71, -.71, 1
    exact = evaluation.evaluate_pairs(vectors, pairs, case_sensitive=True)
    assert exact.used == 2  # KING is no word
    assert np.isnan(exact.spearman.value)  # both cosines are .71


def test_restrict_vocab_leaves_rarer_words_out():
    pairs = WordPairs("t", [("w1", "w2"), ("w2", "w3"), ("w3", "w40")], np.array([1.0, 2.0, 3.0]))
    assert evaluation.evaluate_pairs(model(), pairs, restrict_vocab=40).used == 2
    assert evaluation.evaluate_pairs(model(), pairs, restrict_vocab=41).used == 3
    with pytest.raises(ConfigError, match="restrict_vocab"):
        evaluation.evaluate_pairs(model(), pairs, restrict_vocab=0)


def test_subwords_compose_unknown_words_only_when_asked():
    rng = np.random.default_rng(2)
    subwords = Subwords("chars", 2, 3, bucket=50)
    vectors = KeyedVectors(
        ["서울", "부산", "바다"],
        rng.standard_normal((3, 4)).astype(np.float32),
        subwords=subwords,
        ngram_vectors=rng.standard_normal((50, 4)).astype(np.float32),
    )
    pairs = WordPairs("t", [("서울", "부산"), ("서울", "서울시"), ("바다", "부산")], np.array([1.0, 2.0, 3.0]))
    assert evaluation.evaluate_pairs(vectors, pairs).used == 2
    composed = evaluation.evaluate_pairs(vectors, pairs, subwords=True)
    cosines = np.array([vectors.similarity(a, b) for a, b in pairs.words])
    assert composed.used == 3
    assert composed.pearson.value == pytest.approx(reference.pearson(cosines, pairs.scores), abs=1e-6)


# ---- analogies


@pytest.mark.parametrize("method", evaluation.METHODS)
@pytest.mark.parametrize("blocks", [(512, 8192), (7, 11)])
def test_answers_are_those_of_a_plain_loop(method, blocks, monkeypatch):
    monkeypatch.setattr(evaluation, "_QUESTIONS", blocks[0])
    monkeypatch.setattr(evaluation, "_WORDS", blocks[1])
    words = [f"W{i}" if i % 3 else f"w{i // 2}" for i in range(60)]
    vectors = model(words=words)
    vectors.vectors[17] = 0
    asked = questions(list(dict.fromkeys(w.upper() for w in words)))
    asked += [(a, b, c, reference.answer(words, vectors.vectors, (a, b, c), method).upper()) for a, b, c, _ in asked]
    result = evaluation.evaluate_analogies(vectors, Analogies("t", [("all", asked)]), method=method)
    right = [q for q in asked if reference.answer(words, vectors.vectors, q, method).upper() == q[3]]
    assert len(right) >= len(asked) / 2
    assert result.total.correct == right
    assert result.total.used == len(asked)


def test_sections_and_sums():
    vectors = model()
    test = Analogies(
        "t",
        [
            ("capitals", [("w1", "w2", "w3", "w4"), ("w1", "w2", "w3", "absent")]),
            ("empty", []),
            ("gram1-adverb", [("w5", "w6", "w7", "w8")]),
        ],
    )
    result = evaluation.evaluate_analogies(vectors, test)
    assert [(s.name, s.used, s.skipped) for s in result.sections] == [
        ("capitals", 1, 1),
        ("empty", 0, 0),
        ("gram1-adverb", 1, 0),
    ]
    assert [(s.name, s.used, s.total) for s in result.sums] == [
        ("semantic", 1, 2),
        ("syntactic", 1, 1),
        ("total", 2, 3),
    ]
    assert np.isnan(result.sections[1].accuracy)


def test_restricting_the_vocabulary_restricts_questions_and_answers():
    vectors = KeyedVectors(list("abcde"), np.array([[1, 0], [0, 1], [1, 1], [-1, 3], [-0.1, 2]], np.float32))
    test = Analogies("t", [("s", [("a", "b", "c", "d"), ("a", "b", "c", "e")])])
    assert evaluation.evaluate_analogies(vectors, test).total.correct == [("A", "B", "C", "E")]
    assert evaluation.evaluate_analogies(vectors, test, restrict_vocab=4).total.correct == [("A", "B", "C", "D")]


def test_korean_questions():
    vectors = KeyedVectors(
        ["한국", "서울", "일본", "도쿄", "바다"],
        np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [1, -1, -1]], np.float32),
    )
    test = Analogies("t", [("수도", [("한국", "서울", "일본", "도쿄")])])
    assert evaluation.evaluate_analogies(vectors, test).total.accuracy == 1.0


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_composed_and_decomposed_spellings_meet(forms):
    held, asked = ([unicodedata.normalize(form, word) for word in ("한국", "서울", "café", "도쿄")] for form in forms)
    vectors = KeyedVectors(held, np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1]], np.float32))
    asked_pairs = [(asked[0], asked[1]), (asked[2], asked[3]), (asked[0], asked[3])]
    pairs = WordPairs("t", asked_pairs, np.array([1.0, 2.0, 0.0]))
    assert evaluation.evaluate_pairs(vectors, pairs).used == 3
    test = Analogies("t", [("s", [tuple(asked)])])
    assert evaluation.evaluate_analogies(vectors, test).total.accuracy == 1.0


def test_a_model_of_zeros_answers_nothing():
    vectors = KeyedVectors(list("abcd"), np.zeros((4, 3), np.float32))
    test = Analogies("t", [("s", [("a", "b", "c", "d")])])
    assert evaluation.evaluate_analogies(vectors, test).total.accuracy == 0.0


def test_an_unknown_method_is_named():
    with pytest.raises(ConfigError, match="3cosdiv"):
        evaluation.evaluate_analogies(model(), Analogies("t", []), method="3cosdiv")


# ---- files


def written(tmp_path, text, name="set.txt"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("mark", ["\t", ",", ", ", ";", " ", "   "])
def test_pairs_with_any_separator_header_comments_and_bom(tmp_path, mark):
    lines = ["# comment", "word1{0}word2{0}score", "love{0}사랑{0}6.77", "", "tiger{0}cat{0}7"]
    path = written(tmp_path, "\ufeff" + "\r\n".join(lines).format(mark) + "\r\n")
    found = read_pairs(path)
    assert found.words == [("love", "사랑"), ("tiger", "cat")]
    np.testing.assert_array_equal(found.scores, [6.77, 7.0])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a\tb\t1\nc\td\n", "line 2"),
        ("a\tb\t1\nc\td\tmany\n", "line 2"),
        ("a\tb\t1\n\n#\nc\td\t2\t3\n", "line 4"),
        ("a\tb\t1\nc\td\tnan\n", "line 2"),
        ("", "found none"),
        ("word\tword\tscore\n", "found none"),
        (b"a\tb\t1\n\xff\tc\t2\n", "line 2"),
        ("a\tb\t7,5x\nc\td\t1\n", "line 1"),
        ("a\tb\tn/a\nc\td\t1\n", "line 1"),
        ("a\tb\t?\nc\td\t1\n", "line 1"),
        ("a\tb\t\nc\td\t1\n", "line 1"),
        ("a\tb\tV\t7\t8\n", "found 5 columns; tell which"),
        ("one word\n", "line 1"),
    ],
)
def test_malformed_pairs_name_file_and_line(tmp_path, text, place):
    path = written(tmp_path, text)
    with pytest.raises(EmbedkitError, match=place) as error:
        read_pairs(path)
    assert "set.txt" in str(error.value)


def test_analogies_in_sections(tmp_path):
    path = written(tmp_path, "a b c d\n: 수도\n한국 서울 일본 도쿄\n\n:gram1\ne f\tg  h\n")
    assert read_analogies(path).sections == [
        ("set", [("a", "b", "c", "d")]),
        ("수도", [("한국", "서울", "일본", "도쿄")]),
        ("gram1", [("e", "f", "g", "h")]),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (": s\na b c d\na b c\n", "line 3"),
        (": s\na b c d e\n", "1 line of more than four words left out, the first at .* line 2"),
        (": s\n", "found none"),
        ("", "found none"),
    ],
)
def test_malformed_analogies_name_file_and_line(tmp_path, text, place):
    with pytest.raises(FormatError, match=place):
        read_analogies(written(tmp_path, text))


def test_a_header_is_told_and_a_malformed_first_line_is_no_header(tmp_path):
    found = read_pairs(written(tmp_path, "Word 1,Word 2,Human (mean)\nlove,sex,6.77\n"))
    assert found.words == [("love", "sex")]
    assert len(found.notes) == 1 and "line 1: taken for a header: 'Word 1,Word 2,Human (mean)'" in found.notes[0]
    assert read_pairs(written(tmp_path, "love\tsex\t6.77\n")).notes == ()


def test_columns_decimal_commas_and_quoted_values(tmp_path):
    simlex = "word1\tword2\tPOS\tSimLex999\told\tnew\nA\t1.58\t2\t7.3\nhard\teasy\tA\t0,95\t9\n"
    found = read_pairs(written(tmp_path, simlex.replace("A\t1.58\t2\t7.3\n", "")), columns=[1, 2, 4])
    assert (found.words, found.scores.tolist()) == ([("hard", "easy")], [0.95])
    found = read_pairs(written(tmp_path, '7.5;"new york; city";seoul\n1,25;"a";b\n'), columns=[2, 3, 1])
    assert found.words == [("new york; city", "seoul"), ("a", "b")]
    assert found.scores.tolist() == [7.5, 1.25]
    found = read_pairs(written(tmp_path, 'a,b,score\nking,queen,"8,5"\nman,woman,7\n'))
    assert (found.words, found.scores.tolist()) == ([("king", "queen"), ("man", "woman")], [8.5, 7])
    with pytest.raises(FormatError, match=r"tell which hold the words and the score \(`columns`"):
        read_pairs(written(tmp_path, "a\tb\tN\t1\n"))
    with pytest.raises(FormatError, match="line 2: expected two words and a score in the columns 1, 2, 4"):
        read_pairs(written(tmp_path, "a\tb\tN\t1\na\tb\tN\n"), columns=[1, 2, 4])
    with pytest.raises(ConfigError, match="three different numbers"):
        read_pairs(written(tmp_path, "a\tb\t1\n"), columns=[1, 1, 3])


def test_longer_lines_of_analogies_are_counted(tmp_path):
    found = read_analogies(written(tmp_path, ": s\na b c d\na b c d e\na b c d e f\n"))
    assert found.sections == [("s", [("a", "b", "c", "d")])]
    assert found.notes[0].startswith("2 lines of more than four words left out") and "line 3" in found.notes[0]


def test_bats_files_and_folders(tmp_path):
    (tmp_path / "bats" / "1_x").mkdir(parents=True)
    capitals = written(tmp_path / "bats" / "1_x", "korea\tseoul/서울\njapan\ttokyo\n", "E01 capitals.txt")
    questions = [("korea", "seoul", "japan", "tokyo"), ("japan", "tokyo", "korea", "seoul/서울")]
    assert read_analogies(tmp_path / "bats").sections == [("E01 capitals", questions)]
    assert read_analogies(capitals).sections == [("E01 capitals", questions)]


@settings(max_examples=60)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_test_set_or_a_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "set.txt"
    path.write_bytes(content)
    for read in (read_pairs, read_analogies):
        try:
            read(path)
        except EmbedkitError as error:
            assert "set.txt" in str(error)


# ---- the command


@pytest.fixture
def files(tmp_path):
    model().save(tmp_path / "m.safetensors")
    model(seed=4).save(tmp_path / "n.safetensors")
    written(tmp_path, "w1\tw2\t3\nw3\tw4\t1\nw5\tw6\t2\nw7\tno\t1\n", "pairs.tsv")
    written(tmp_path, "".join(f"{' '.join(q)}\n" for q in questions([f"w{i}" for i in range(60)], 9)), "analogies.txt")
    return tmp_path


def test_the_command_prints_one_table_for_models_and_files(files, capsys):
    status = main(
        [
            "evaluate",
            str(files / "m.safetensors"),
            str(files / "n.safetensors"),
            "--method",
            "3cosadd",
            "--method",
            "3cosmul",
            "--pairs",
            str(files / "pairs.tsv"),
            "--analogies",
            str(files / "analogies.txt"),
        ]
    )
    out, err = capsys.readouterr()
    rows = [line.split("\t") for line in out.splitlines()]
    assert status == 0 and err.count("only 3 of 4 pairs of pairs.tsv are covered") == 2
    assert rows[0][:5] == ["model", "test", "section", "measure", "value"]
    assert [row[0] for row in rows[1:]] == ["m.safetensors", "n.safetensors"] * 6
    assert {row[3] for row in rows[1:]} == {"spearman", "pearson", "3cosadd", "3cosmul"}
    assert rows[1][7:9] == ["3", "4"]


def test_json_carries_the_protocol_and_the_same_numbers(files, capsys):
    assert (
        main(
            [
                "evaluate",
                str(files / "m.safetensors"),
                "--pairs",
                str(files / "pairs.tsv"),
                "--restrict-vocab",
                "50",
                "--json",
            ]
        )
        == 0
    )
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    direct = evaluation.evaluate_pairs(model(), read_pairs(files / "pairs.tsv"), restrict_vocab=50)
    assert records[0]["value"] == direct.spearman.value
    assert (records[0]["low"], records[0]["high"]) == (direct.spearman.low, direct.spearman.high)
    assert "first 50 words" in records[0]["protocol"]


def test_nothing_to_evaluate_on_is_wrong_usage(files, capsys):
    assert main(["evaluate", str(files / "m.safetensors")]) == 2
    assert "--pairs" in capsys.readouterr().err


def test_a_test_set_of_unknown_words_fails_after_the_table(files, capsys):
    written(files, "x\ty\t1\nu\tv\t2\n", "foreign.tsv")
    status = main(["evaluate", str(files / "m.safetensors"), "--pairs", str(files / "foreign.tsv"), "--json"])
    out, err = capsys.readouterr()
    assert status == 1
    assert json.loads(out.splitlines()[0])["value"] is None
    assert "foreign.tsv" in err and len(err.splitlines()) == 1


def test_a_malformed_or_missing_file_is_one_line(files, capsys):
    written(files, "a b c\n", "bad.txt")
    for name in ("bad.txt", "absent.txt"):
        assert main(["evaluate", str(files / "m.safetensors"), "--analogies", str(files / name)]) == 1
        err = capsys.readouterr().err
        assert name in err and len(err.splitlines()) == 1


def test_notes_and_few_pairs_are_told(files, capsys):
    written(files, "a\tb\tscore\nw1\tw2\t3\nw3\tw4\t1\nw5\tw6\t2\n", "named.tsv")
    assert main(["evaluate", str(files / "m.safetensors"), "--pairs", str(files / "named.tsv")]) == 0
    err = capsys.readouterr().err
    assert "named.tsv, line 1: taken for a header" in err
    assert "only 3 of 3 pairs of named.tsv are covered" in err
    written(files, "".join(f"w{i}\tw{i + 1}\tx\t{i % 7}\n" for i in range(30)), "many.tsv")
    arguments = ["evaluate", str(files / "m.safetensors"), "--pairs", str(files / "many.tsv"), "--columns", "1,2,4"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "header" not in err and "covered" not in err and out.splitlines()[1].split("\t")[7:9] == ["30", "30"]


def test_any_alternative_is_a_right_answer_and_one_known_suffices():
    vectors = model()
    plain = [("w1", "w2", "w3", "w4")]
    answer = evaluation.evaluate_analogies(vectors, Analogies("t", [("s", plain)]))
    best = vectors.analogy("w1", "w2", "w3", topn=1)[0][0]
    for expected in (f"nowhere/{best}", f"{best}/w9"):
        found = evaluation.evaluate_analogies(vectors, Analogies("t", [("s", [("w1", "w2", "w3", expected)])]))
        assert found.total.accuracy == 1.0
    found = evaluation.evaluate_analogies(vectors, Analogies("t", [("s", [("w1", "w2", "w3", "no/where")])]))
    assert found.total.skipped == 1 and answer.total.skipped == 0
