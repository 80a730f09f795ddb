"""The commands that question a model, run as somebody types them: answers, streams, exit statuses."""

import json
import subprocess
import sys
import threading

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.query import storing
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.subwords import Subwords
from tests import reference_vectors as reference

WORDS = ["the", "king", "queen", "man", "woman", "paris", "new york", "서울", "kitchen"]


@pytest.fixture(scope="module")
def vectors():
    rows = np.random.default_rng(8).standard_normal((len(WORDS), 5)).astype(np.float32)
    rows[WORDS.index("queen")] = rows[1] - rows[3] + rows[4]
    return KeyedVectors(WORDS, rows, counts=np.arange(90, 0, -10), config={"tokenizer": "whitespace", "window": 2})


@pytest.fixture(scope="module")
def model(vectors, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    vectors.save(path)
    return str(path)


@pytest.fixture
def ask(ask):
    def run(*arguments, stdin=""):
        status, lines, err = ask(*arguments, stdin=stdin)
        return status, [line.split("\t") for line in lines], err

    return run


def test_similar_prints_query_neighbour_value(ask, model, vectors):
    status, rows, err = ask("similar", model, "king", "--topn", 3)
    assert (status, err) == (0, "")
    expected, values = reference.nearest(vectors.vectors, vectors["king"], 3, "cosine", [1])
    assert [row[:2] for row in rows] == [["king", WORDS[i]] for i in expected]
    assert [row[2] for row in rows] == [f"{v:.4f}" for v in values]


def test_several_arguments_are_several_queries_and_a_phrase_is_one_word(ask, model):
    _, rows, _ = ask("similar", model, "king", "new york", "man woman", "--topn", 1)
    assert [row[0] for row in rows] == ["king", "new york", "man woman"]
    assert rows[2][1] not in ("man", "woman")


def lone_dashes():
    """Every command that asks standard input where it is given no words or texts."""
    import click

    from embedkit.cli import cli

    found = []
    for name in cli.list_commands(click.Context(cli)):
        command = cli.get_command(click.Context(cli), name)
        for parameter in getattr(command, "params", []):
            if parameter.nargs == -1 and not parameter.required and parameter.name in ("words", "texts"):
                found.append((name, parameter))
    return found


@pytest.mark.parametrize(("name", "parameter"), lone_dashes())
def test_a_dash_alone_is_standard_input(name, parameter):
    taken = parameter.type_cast_value(None, ("-",))
    if name != "plot":  # which reads no standard input
        taken = parameter.callback(None, parameter, taken)
        assert parameter.callback(None, parameter, ("-", "a")) == ("-", "a")
        assert taken == ()


def test_a_dash_asks_what_a_pipe_says(ask, model):
    assert ask("similar", model, "-", "--topn", 1, stdin="king\nman\n") == ask(
        "similar", model, "--topn", 1, stdin="king\nman\n"
    )


def test_json_carries_every_digit(ask, model, vectors, capsys):
    assert main(["similar", model, "king", "--topn", "1", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["query"] == "king"
    assert record["value"] == vectors.most_similar("king", topn=1)[0][1]


def test_metric_exclude_and_restrict_vocab_reach_the_search(ask, model):
    _, rows, _ = ask("similar", model, "king", "--metric", "l2", "--topn", 8)
    assert [float(r[2]) for r in rows] == sorted(float(r[2]) for r in rows)
    _, rows, _ = ask("similar", model, "king", "--exclude", "queen", "--exclude", "man", "--topn", 99)
    assert {r[1] for r in rows} == set(WORDS) - {"king", "queen", "man"}
    _, rows, _ = ask("similar", model, "king", "--restrict-vocab", 3, "--topn", 99)
    assert {r[1] for r in rows} == {"the", "queen"}


def test_an_unknown_word_in_a_stream_is_one_line_and_the_stream_goes_on(ask, model):
    status, rows, err = ask("similar", model, "--topn", 1, stdin="king\r\nquean\n\nman\n")
    assert status == 1
    assert [row[0] for row in rows] == ["king", "", "man"]
    assert err == "embedkit: error: unknown word 'quean'; did you mean queen?\n"


def test_standard_input_may_start_with_a_bom_and_hold_bad_bytes(model):
    done = subprocess.run(
        [sys.executable, "-m", "embedkit", "similar", model, "--topn", "1"],
        input=b"\xef\xbb\xbfking\n\xff\xfe\nman",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert [line.split(b"\t")[0] for line in done.stdout.splitlines()] == [b"king", b"man"]
    assert b"Traceback" not in done.stderr


def test_each_typed_line_is_answered_at_once(model):
    process = subprocess.Popen(
        [sys.executable, "-m", "embedkit", "similar", model, "--topn", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        for word in (b"king", b"man", b"paris"):
            process.stdin.write(word + b"\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(word + b"\t")
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
        watchdog.cancel()
    assert process.returncode == 0


def test_answers_to_a_bulk_of_queries_keep_their_order(ask, model):
    asked = [WORDS[i % 6] for i in range(5000)]
    status, rows, _ = ask("similar", model, "--topn", 1, stdin="\n".join(asked))
    assert status == 0
    assert [row[0] for row in rows] == asked


def test_analogy_by_both_methods(ask, model, vectors):
    for method in ("3cosadd", "3cosmul"):
        status, rows, err = ask("analogy", model, "man", "king", "woman", "--method", method, "--topn", 3)
        assert (status, err) == (0, "")
        expected = reference.analogy(WORDS, vectors.vectors, "man", "king", "woman", method)[:3]
        assert [row[1] for row in rows] == [word for word, _ in expected]
        assert rows[0] == ["man king woman", "queen", f"{expected[0][1]:.4f}"]


def test_analogies_from_standard_input(ask, model):
    status, rows, err = ask(
        "analogy", model, "--topn", 1, stdin="man king woman\nman king\nman kong woman\nman\tnew york\twoman\n"
    )
    assert status == 1
    assert [row[0] for row in rows] == ["man king woman", "man new york woman"]
    assert "expected three words a line, found 2 in 'man king'" in err
    assert "unknown word 'kong'; did you mean king?" in err
    assert ask("analogy", model, "man", "king")[0] == 2


def test_similarity_of_arguments_and_of_a_stream(ask, model, vectors):
    _, rows, _ = ask("similarity", model, "king", "서울")
    assert rows == [["king", "서울", f"{vectors.similarity('king', '서울'):.4f}"]]
    status, rows, err = ask("similarity", model, "--metric", "dot", stdin="king man\nking\nnew york\tparis\n")
    assert status == 1
    assert [row[:2] for row in rows] == [["king", "man"], ["new york", "paris"]]
    assert rows[0][2] == f"{vectors.similarity('king', 'man', 'dot'):.4f}"
    assert "found 1 in 'king'" in err


def test_odd_one_out(ask, model, vectors):
    status, rows, _ = ask("odd-one-out", model, "king", "queen", "woman", "kitchen")
    assert (status, rows) == (0, [[vectors.odd_one_out(["king", "queen", "woman", "kitchen"])]])
    status, rows, err = ask("odd-one-out", model, "king", "queen", "woman", "kichen")
    assert status == 1
    assert rows[0][0] in ("king", "queen", "woman")
    assert "did you mean kitchen?" in err
    assert ask("odd-one-out", model, "king", "kichen")[0] == 1  # two were named: nothing is wrong with the usage
    assert ask("odd-one-out", model, "king")[0] == 2


def test_a_missing_or_foreign_model_is_one_line(ask, tmp_path):
    status, rows, err = ask("similar", tmp_path / "none.safetensors", "king")
    assert (status, rows) == (1, [])
    assert err.startswith("embedkit: error: no such file")
    (tmp_path / "empty").write_bytes(b"")
    assert "found an empty file" in ask("similar", tmp_path / "empty", "king")[2]


def test_warnings_are_one_line_on_standard_error(ask, tmp_path):
    (tmp_path / "m.txt").write_text("a 1 2\na 3 4\nb 5 6\n")
    status, rows, err = ask("similar", tmp_path / "m.txt", "a")
    assert (status, len(rows)) == (0, 1)
    assert err == f"embedkit: warning: {tmp_path / 'm.txt'}: 1 row repeats a word; the first of each is kept: 'a'\n"


def test_one_query_imports_neither_numba_nor_rich(model):
    code = (
        "import sys; from embedkit.cli import main; main(['similar', sys.argv[1], 'king']); "
        "print([m for m in ('numba', 'rich', 'pandas', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, model], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.fixture(scope="module")
def subword_model(tmp_path_factory):
    """A model whose unknown words are composed from character n-grams."""
    rng = np.random.default_rng(2)
    subwords = Subwords("chars", min_n=2, max_n=3, bucket=50)
    words = ["king", "queen", "학교"]
    rows, ngrams = rng.standard_normal((3, 6)).astype(np.float32), rng.standard_normal((50, 6)).astype(np.float32)
    vectors = np.stack(
        [
            np.vstack([row[None], ngrams[subwords.buckets(word)]]).mean(axis=0)
            for word, row in zip(words, rows, strict=True)
        ]
    )
    path = tmp_path_factory.mktemp("subwords") / "m.safetensors"
    KeyedVectors(words, vectors, subwords=subwords, ngram_vectors=ngrams, word_rows=rows).save(path)
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["similar", "kingz"],
        ["similarity", "kingz", "queen"],
        ["analogy", "king", "kingz", "queen"],
        ["odd-one-out", "king", "queen", "kingz"],
        ["vectors", "kingz"],
    ],
)
def test_unknown_words_are_composed_with_a_note_and_status_0(ask, subword_model, arguments):
    status, rows, err = ask(arguments[0], subword_model, *arguments[1:])
    assert (status, err) == (0, "note: kingz is not in the vocabulary; composed from its n-grams\n")
    assert rows
    assert ask(arguments[0], subword_model, *arguments[1:], "--quiet") == (0, rows, "")


@pytest.fixture(scope="module")
def sparse_model(tmp_path_factory):
    """A model that knows the n-grams of its two words only."""
    subwords = Subwords("chars", min_n=2, max_n=3, bucket=5000)
    rng = np.random.default_rng(3)
    ngrams = np.zeros((5000, 6), np.float32)
    for word in ("king", "학교"):
        ngrams[subwords.buckets(word)] = rng.standard_normal(6)
    rows = rng.standard_normal((2, 6)).astype(np.float32)
    path = tmp_path_factory.mktemp("sparse") / "m.safetensors"
    KeyedVectors(["king", "학교"], rows, subwords=subwords, ngram_vectors=ngrams, word_rows=rows).save(path)
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["similar", "ζψξ"],
        ["similarity", "ζψξ", "king"],
        ["analogy", "king", "ζψξ", "학교"],
        ["odd-one-out", "king", "학교", "ζψξ"],
        ["vectors", "ζψξ"],
    ],
)
def test_a_word_of_unknown_n_grams_is_an_unknown_word(ask, sparse_model, arguments):
    status, rows, err = ask(arguments[0], sparse_model, *arguments[1:])
    assert status == 1
    assert not any("ζψξ" in row for row in rows)
    assert "error: unknown word 'ζψξ'" in err
    assert "composed" not in err


def test_a_text_of_unknown_n_grams_alone_has_no_word_that_is_known(ask, sparse_model):
    _, rows, _ = ask("vectors", sparse_model, "--mean", "king ζψξ", "king")
    assert rows[0] == rows[1]
    assert (
        "1 of 1 text holds no word that the model knows: its vector is zero"
        in ask("vectors", sparse_model, "--mean", "ζψξ")[2]
    )


def test_subwords_of_which_nothing_is_known_are_an_error_and_the_next_word_is_answered(ask, sparse_model):
    status, rows, err = ask("subwords", "--vectors", sparse_model, stdin="ζψξ\nkings\n</s>\n")
    assert status == 1
    assert {row[0] for row in rows} == {"kings"}
    for part in ("'ζψξ' has no n-gram that", "kings is not in the vocabulary", "'</s>' has no n-gram that"):
        assert part in err


def test_a_composed_word_is_the_mean_of_its_ngrams(ask, subword_model):
    model = storing.load(subword_model)
    _, rows, _ = ask("vectors", subword_model, "학교에서", "--quiet")
    expected = model.ngram_vectors[model.subwords.buckets("학교에서")].mean(axis=0)
    np.testing.assert_allclose(np.array(rows[0][0].split(" ")[1:], np.float64), expected, rtol=1e-5)


def test_an_empty_argument_is_wrong_usage(model, ask):
    status, rows, err = ask("similar", model, "king", " ")
    assert (status, rows) == (2, [])
    assert "empty argument" in err
