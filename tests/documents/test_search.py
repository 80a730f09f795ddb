"""Search against formulas by hand: BM25, cosines, fused ranks; the index's file; the two commands."""

import io
import json
from collections import Counter
from functools import partial
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.cli import main
from embedkit.documents.bm25 import TermIndex
from embedkit.documents.collection import Documents, read_documents
from embedkit.documents.document_index import DocumentIndex, IndexOptions, is_index
from embedkit.documents.search import Searcher, fused
from embedkit.documents.sentence_model import SentenceOptions
from embedkit.errors import ConfigError, CorpusError, FormatError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text import reading
from embedkit.text.tokenizers import get_tokenizer

TEXT = """The king of France rules.
A queen rules England; a queen!

Bread is baked in an oven, bread is good.
왕이 빵을 먹는다
The baker eats bread.
"""
WORDS = ["the", "king", "queen", "rules", "bread", "oven", "baker", "eats", "왕이", "빵을", "france", "england"]


def model(seed=1):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((len(WORDS), 8)).astype(np.float32)
    return KeyedVectors(WORDS, vectors, config={"tokenizer": "words"})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "texts" / "b.txt").write_text("An oven.\n\n\nFrance, France and\nEngland.", encoding="utf-8")
    model().save("m.safetensors")
    return tmp_path


def by_hand(texts, query, k1, b):
    """BM25 of every text in float64."""
    tokens = get_tokenizer("words").tokens
    bags = [Counter(tokens(text)) for text in texts]
    lengths = [sum(bag.values()) for bag in bags]
    mean = sum(lengths) / len(bags)
    scores = []
    for bag, length in zip(bags, lengths, strict=True):
        score = 0.0
        for token in tokens(query):
            df = sum(token in other for other in bags)
            idf = log(1 + (len(bags) - df + 0.5) / (df + 0.5))
            tf = bag[token]
            if tf:
                score += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean))
        scores.append(score)
    return scores


@given(
    st.lists(st.lists(st.sampled_from("abcde,!"), max_size=8).map(" ".join), min_size=1, max_size=8),
    st.lists(st.sampled_from("abcdxe"), max_size=4).map(" ".join),
    st.sampled_from([(1.2, 0.75), (0, 0), (2, 1), (0.5, 0)]),
)
def test_bm25_is_the_formula(texts, query, settings):
    if not any(c.isalpha() for text in texts for c in text):
        with pytest.raises(CorpusError):
            TermIndex.build([texts], get_tokenizer("words"))
        return
    tokenizer = get_tokenizer("words")
    index = TermIndex.build([texts[:3], texts[3:]], tokenizer)
    assert index.lengths.tolist() == [len(tokenizer.tokens(text)) for text in texts]
    expected = by_hand(texts, query, *settings)
    np.testing.assert_allclose(index.scores(tokenizer.tokens(query), *settings), expected, rtol=1e-5, atol=1e-6)


def test_stop_words_are_neither_counted_nor_found():
    texts = ["the king", "the the queen"]
    index = TermIndex.build([texts], get_tokenizer("words"), ["the", "unheard"])
    assert index.lengths.tolist() == [1, 1]
    assert not index.scores(["the"]).any() and index.scores(["queen"])[1] > 0


def test_documents_have_their_places(folder):
    def places(**options):
        return [(d.file, d.line, d.text) for d in read_documents("texts", **options)]

    a, b = "texts/a.txt", "texts/b.txt"
    lines = places()
    assert [p[:2] for p in lines] == [(a, 1), (a, 2), (a, 4), (a, 5), (a, 6), (b, 1), (b, 4), (b, 5)]
    assert lines[3][2] == "왕이 빵을 먹는다"
    assert [p[:2] for p in places(unit="paragraph")] == [(a, 1), (a, 4), (b, 1), (b, 4)]
    assert places(unit="paragraph")[3][2] == "France, France and\nEngland."
    assert [p[:2] for p in places(unit="file")] == [(a, 1), (b, 1)]
    with pytest.raises(ConfigError, match="`unit` must be one of"):
        places(unit="word")


@given(
    st.lists(
        st.lists(st.sampled_from(["a b", "", " ", "\u3000", "\xa0 왕", "왕\r", "\x1c", "x\x85y"]), max_size=6),
        max_size=4,
    ),
    st.booleans(),
    st.sampled_from([8, 1 << 20]),
)
def test_lines_are_gathered_fast_as_one_by_one(tmp_path_factory, texts, last, block):
    folder = tmp_path_factory.mktemp("texts")
    for i, lines in enumerate(texts):
        text = "\n".join(lines) + "\n" * last
        (folder / f"{i}.txt").write_text(text, encoding="utf-8", newline="")
    (folder / "z.txt").write_text("z\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "read_blocks", partial(reading.read_blocks, block_bytes=block))
        found = Documents.of_lines(str(folder))
        expected = Documents.gather(read_documents(str(folder)))
    assert list(found) == list(expected) and found.files == expected.files
    assert [text for piece in found.pieces(3) for text in piece] == [document.text for document in expected]


def test_records_of_json_are_documents_whatever_they_hold(folder):
    rows = [{"text": "one\ntwo lines"}, {"text": "  "}, {"text": "three"}]
    (folder / "d.jsonl").write_text("\n" + "\n".join(map(json.dumps, rows)) + "\n")
    found = [(d.line, d.text) for d in read_documents("d.jsonl", json_field="text")]
    assert found == [(2, "one\ntwo lines"), (4, "three")]
    with pytest.raises(CorpusError, match=r"d\.jsonl, line 2: no field 'body'"):
        list(read_documents("d.jsonl", json_field="body"))
    with pytest.raises(ConfigError, match="each line of JSON is a document"):
        list(read_documents("d.jsonl", json_field="text", unit="file"))
    index = DocumentIndex.build("d.jsonl", IndexOptions(json_field="text"))
    assert [hit.document.line for hit in Searcher(index).search("two", way="words")] == [2]


@pytest.mark.parametrize("method", ["mean", "sif"])
def test_vectors_rank_by_cosine_and_both_by_fused_ranks(folder, method):
    options = SentenceOptions.create(method=method)
    index = DocumentIndex.build("texts", None, model(), options, "m.safetensors")
    searcher = Searcher(index, model())
    query = "bread of france"
    vector = searcher._encoder.vectors([query])[0]
    documents = searcher._encoder.vectors([d.text for d in index.documents])
    with np.errstate(invalid="ignore"):
        cosines = documents @ vector / np.linalg.norm(documents, axis=1) / np.linalg.norm(vector)
    hits = searcher.search(query, 100, "vectors")
    expected = sorted((i for i in range(len(cosines)) if documents[i].any()), key=lambda i: -cosines[i])
    assert [hit.number for hit in hits] == expected
    np.testing.assert_allclose([hit.score for hit in hits], cosines[expected], atol=1e-6)
    words = [hit.number for hit in searcher.search(query, 100, "words")]
    scores = Counter()
    for ranking in (words, expected):
        for rank, number in enumerate(ranking, 1):
            scores[number] += 1 / (60 + rank)
    both = searcher.search(query, 100, "both")
    assert {hit.number: pytest.approx(hit.score, abs=1e-6) for hit in both} == scores
    assert [hit.score for hit in both] == sorted((hit.score for hit in both), reverse=True)
    assert len(searcher.search(query, 2, "both")) == 2
    assert searcher.search("qqq") == []


def test_fused_ranks_of_nothing():
    numbers, scores = fused([np.empty(0, np.int64)] * 2, 2)
    assert len(numbers) == len(scores) == 0


def test_the_index_comes_back(folder):
    for options, vectors in ((IndexOptions(), None), (IndexOptions(stop_words=("the",), unit="file"), model())):
        index = DocumentIndex.build("texts", options, vectors, None, "m.safetensors")
        index.save("i.index")
        again = DocumentIndex.load("i.index")
        assert again.options == options and list(again.documents) == list(index.documents)
        for way in ("words",) if vectors is None else ("words", "vectors", "both"):
            assert Searcher(again, vectors).search("bread", 5, way) == Searcher(index, vectors).search("bread", 5, way)
    assert is_index("i.index") and not is_index("texts/a.txt") and not is_index("m.safetensors")
    assert again.model == str(folder / "m.safetensors")
    with pytest.raises(ConfigError, match="other vectors than those"):
        Searcher(again, model(2))
    with pytest.raises(ConfigError, match="must be made with `vectors`"):
        Searcher(DocumentIndex.build("texts")).search("bread", way="vectors")


def test_damaged_indexes_are_told(folder):
    DocumentIndex.build("texts", None, model(), None, "m.safetensors").save("i.index")
    good = (folder / "i.index").read_bytes()
    rng = np.random.default_rng(0)
    searched = 0
    for place in rng.integers(0, len(good), 150).tolist():
        bad = bytearray(good)
        bad[place] ^= 1 << int(rng.integers(8))
        (folder / "i.index").write_bytes(bad)
        try:
            Searcher(DocumentIndex.load("i.index"), model()).search("bread of france")
            searched += 1
        except (FormatError, ConfigError):
            pass
    assert searched < 150
    (folder / "i.index").write_bytes(good[:-30])
    with pytest.raises(FormatError, match=r"i\.index"):
        DocumentIndex.load("i.index")


@pytest.fixture
def run(folder, monkeypatch, capsys):
    def run(*arguments, stdin="", status=0):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        assert main([str(argument) for argument in arguments]) == status
        return capsys.readouterr()

    return run


def test_texts_are_searched_at_once_or_indexed_first(run):
    direct = run("search", "texts", "--query", "queen of england", "--topn", 2)
    rows = [line.split("\t") for line in direct.out.splitlines()]
    assert [row[:2] for row in rows] == [["texts/a.txt", "2"], ["texts/b.txt", "5"]]
    assert rows[0][3] == "A queen rules England; a queen!" and "8 documents" in direct.err
    made = run("index", "--documents", "texts", "-o", "t.index")
    assert made.out.splitlines()[1].split("\t")[:2] == ["8", "21"]
    assert run("search", "t.index", "--query", "queen of england", "--topn", 2).out == direct.out


def test_several_questions_stand_before_their_answers(run):
    run("index", "--documents", "texts", "-o", "t.index", "--vectors", "m.safetensors", "-q")
    found = run("search", "t.index", "-n", 1, "--by", "words", stdin="oven bread\n빵을\nqqq\n", status=1)
    assert [line.split("\t")[:3] for line in found.out.splitlines()] == [
        ["oven bread", "texts/a.txt", "4"],
        ["빵을", "texts/a.txt", "5"],
    ]
    assert "no document answers 'qqq'" in found.err
    both = run("search", "t.index", "--query", "oven bread", "--json", "-n", 3)
    records = [json.loads(line) for line in both.out.splitlines()]
    assert len(records) == 3 and set(records[0]) == {"query", "file", "line", "score", "text"}
    assert records[0]["score"] == pytest.approx(2 / 61, abs=1e-6)


@pytest.mark.parametrize(
    "arguments, status, told",
    [
        ("index --documents texts", 2, "name the file to write: -o texts.index"),
        ("index m.safetensors --unit file", 2, "--unit has no effect without --documents"),
        ("index --documents texts -o x --recall 0.5", 2, "--recall has no effect with --documents"),
        ("index --documents texts -o x --sif", 2, "--sif has no effect without --vectors"),
        ("index m.safetensors m.safetensors", 2, "name one model"),
        ("search t.index --query a --unit file", 2, "--unit has no effect with an index"),
        ("search t.index t.index --query a", 2, "give one index, or texts"),
        ("search t.index --query a --by both", 2, "t.index was made without vectors"),
        ("search t.index --query a --b 2", 2, "--k1 must be 0 or more and --b from 0 to 1"),
        ("search v.index --query a --by vectors --k1 2", 2, "--k1 has no effect by --vectors"),
        ("search v.index --query a --vectors n.safetensors", 2, "other vectors than those"),
        ("search texts --query a --by vectors", 2, "must be made with --vectors"),
        ("search nowhere --query a", 1, "nowhere: no such file or folder"),
        ("search m.safetensors --query a", 1, "this is not text"),
        ("search texts --query a --json-field text", 1, "expected a JSON object on each line"),
    ],
)
def test_bad_input_is_one_line(run, arguments, status, told):
    run("index", "--documents", "texts", "-o", "t.index", "-q")
    run("index", "--documents", "texts", "-o", "v.index", "--vectors", "m.safetensors", "-q")
    model(2).save("n.safetensors")
    assert told in run(*arguments.split(), status=status).err


def test_vectors_that_moved_are_named(run, folder):
    run("index", "--documents", "texts", "-o", "v.index", "--vectors", "m.safetensors", "-q")
    (folder / "m.safetensors").rename("moved.safetensors")
    told = run("search", "v.index", "--query", "bread", status=1).err
    assert f"no such file: {folder / 'm.safetensors'}, the word vectors that v.index was made with" in told
    assert "name where they are now with --vectors, or search --by words" in told
    assert run("search", "v.index", "--query", "bread", "--vectors", "moved.safetensors").out
    assert run("search", "v.index", "--query", "bread", "--by", "words").out
