"""Tables of other tools: Parquet, Arrow and CSV with columns of any name, wide or with lists; arrays of any name."""

import importlib.util
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit import KeyedVectors, load
from embedkit.cli import main
from embedkit.errors import ConfigError, FormatError
from embedkit.files.safetensors_writer import write_safetensors
from embedkit.formats import csv_rows, csv_table, sniff
from embedkit.formats.blocks import Reading
from embedkit.formats.columns import choose_columns
from embedkit.kernels import thresholds

WORDS = ["왕", "queen", "1984"]
VECTORS = np.array([[0.5, -1.25], [3, 4], [1e-9, 7]], np.float32)


def same(model, words=WORDS, vectors=VECTORS):
    assert list(model) == list(words)
    np.testing.assert_array_equal(model.vectors, vectors)


@pytest.mark.parametrize(
    "kinds, wanted, expected",
    [
        ({"id": "integers", "term": "text", "emb": "lists"}, (), ("term", ("emb",), True)),
        ({"token": "text", "note": "text", "vector": "lists", "other": "lists"}, (), ("token", ("vector",), True)),
        ({"w": "text", "count": "integers", "a": "floats", "b": "floats"}, (), ("w", ("a", "b"), False)),
        ({"w": "text", "a": "integers", "b": "integers"}, (), ("w", ("a", "b"), False)),
        ({"w": "text", "a": "floats", "b": "floats", "d1": "integers"}, ("w", "d*", "b"), ("w", ("d1", "b"), False)),
        ({"x": "text", "y": "text", "l": "lists", "m": "lists"}, ("y", "m"), ("y", ("m",), True)),
    ],
)
def test_columns_are_found_by_kind_and_name(kinds, wanted, expected):
    assert tuple(choose_columns("t", kinds, wanted)) == expected


@pytest.mark.parametrize(
    "kinds, wanted, error, told",
    [
        ({"x": "text", "y": "text", "a": "floats"}, (), FormatError, "found x, y, a; name them with `column`"),
        ({"x": "text", "l": "lists", "m": "lists"}, (), FormatError, "name them with `column`"),
        ({"x": "text"}, ("y",), ConfigError, r"no column 'y' \(`column`\), there are x"),
        ({"x": "text", "a": "floats"}, ("x", "b*"), ConfigError, "no column 'b\\*'"),
        ({"x": "text", "y": "text"}, ("x", "y"), ConfigError, "expected numbers in the column 'y'"),
    ],
)
def test_what_could_be_several_is_asked_for(kinds, wanted, error, told):
    with pytest.raises(error, match=told):
        choose_columns("t", kinds, wanted)


@pytest.mark.parametrize(
    "text, words, vectors",
    [
        (",0,1\n왕,0.5,-1.25\nqueen,3,4\n1984,1e-9,7\n", WORDS, VECTORS),  # pandas' to_csv
        ("word,count,a,b\n왕,9,0.5,-1.25\nqueen,8,3.0,4\n1984,7,1e-9,7\n", WORDS, VECTORS),
        ("왕,0.5,-1.25\r\nqueen,3,4\r\n\r\n1984,1e-9,7\r\n", WORDS, VECTORS),
        ("Word;x;y\n왕;0,5;-1,25\nqueen;3;4\n1984;1e-9;7,0\n", WORDS, VECTORS),
        ('\ufeffid,word,embedding\n1,왕,"[0.5, -1.25]"\n2,queen,"[3, 4]"\n3,1984,"[1e-9, 7]"\n', WORDS, VECTORS),
        ('token,v1,v2\n"a,b",1,2\n"c ""d""\n",3,4\n,5,6\n', ["a,b", 'c "d"\n', ""], [[1, 2], [3, 4], [5, 6]]),
    ],
)
def test_csv(tmp_path, text, words, vectors):
    path = tmp_path / "table"
    path.write_text(text, encoding="utf-8", newline="")
    assert sniff(path) == "csv"
    same(load(path), words, vectors)


def test_csv_that_is_odd(tmp_path, capsys):
    path = tmp_path / "m.csv"
    path.write_text("word,a,b\nking,1,2.5\nqueen,1\nman,x,3\nwoman,4,5\n")
    with pytest.raises(FormatError, match=r"line 3: expected 3 fields with 2 values, found 2 fields; `skip_bad_rows`"):
        load(path, "csv")
    assert main(["convert", str(path), str(tmp_path / "o.txt"), "--from", "csv", "--skip-bad-rows", "-q"]) == 0
    same(load(tmp_path / "o.txt"), ["king", "woman"], [[1, 2.5], [4, 5]])
    path.write_bytes("word,a,b\n왕,1,2\n".encode("cp949"))
    same(load(path, encoding="cp949"), ["왕"], [[1, 2]])
    path.write_text("word,count\nthe,100\nof,50\n")  # a vocabulary
    with pytest.raises(FormatError, match="expected word vectors"):
        load(path)


QUOTES = ['"', '"c,d"', '"c ""d"""', '"e\nf"', 'g"h']
FIELDS = st.sampled_from(
    [
        *QUOTES,
        "a",
        "왕",
        "",
        "a b",
        '"',
        '"c,d"',
        '"c ""d"""',
        '"e\nf"',
        'g"h',
        "1e-3",
        "-0.5",
        "+7",
        "1_0",
        "nan",
        " 2",
        "x",
        "9" * 25,
    ]
)


@given(
    st.lists(st.lists(FIELDS, min_size=1, max_size=4), min_size=1, max_size=12),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["word", '"word"', "\ufeffword"]),
    st.sampled_from([8, 1 << 20]),
    st.booleans(),
)
@settings(max_examples=60)
def test_large_tables_are_read_as_small_ones(tmp_path_factory, rows, delimiter, ending, first, segment, last):
    path = tmp_path_factory.mktemp("csv") / "m.csv"
    rows = [[first, "v1", "v2"], ["plain", "1", "2"], *rows, ["plain2", "3.5", "-4"]]
    text = ending.join(delimiter.join(row) for row in rows) + (ending if last else "")
    path.write_bytes(text.encode())

    def read(large):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(thresholds, "PARSED_BYTES", 0 if large else 1 << 40)
            patch.setattr(csv_rows, "SEGMENT", segment)
            reading = Reading(skip_bad_rows=True)
            try:
                parts = list(csv_table.blocks(path, "m.csv", reading=reading).rows)
            except FormatError as error:
                return str(error)
        words = [word for words, _ in parts for word in words]
        vectors = [row for _, rows in parts for row in rows.tolist()]
        return words, repr(vectors), sorted(reading.left_out)

    found, expected = read(True), read(False)
    assert found == expected or ("not a table" in found and "not a table" in expected)


def test_parquet_and_arrow_with_other_columns(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    listed = pa.table({"n": [1, 2, 3], "token": pa.array(WORDS).dictionary_encode(), "emb": VECTORS.tolist()})
    wide = pa.table({"x": VECTORS[:, 0], "y": VECTORS[:, 1].astype(np.float64), "name": WORDS, "note": WORDS})
    for table, column in ((listed, ()), (wide, ("name", "x", "y")), (wide, "name")):
        pq.write_table(table, tmp_path / "m.parquet")
        same(load(tmp_path / "m.parquet", column=column))
        with pa.ipc.new_file(str(tmp_path / "m.arrow"), table.schema) as writer:
            writer.write_table(table)
        same(load(tmp_path / "m.arrow", column=column))
        with pa.ipc.new_stream(str(tmp_path / "m.stream"), table.schema) as writer:
            writer.write_table(table)
        assert sniff(tmp_path / "m.stream") == "arrow"
        same(load(tmp_path / "m.stream", column=column))
    import pyarrow.feather

    pyarrow.feather.write_feather(listed, tmp_path / "m.feather")  # compressed with lz4
    same(load(tmp_path / "m.feather"))
    with pytest.raises(ConfigError, match="no column 'word'"):
        load(tmp_path / "m.feather", column="word")


def test_row_groups_that_have_passed_take_no_memory(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    from embedkit.formats import parquet

    rng, groups, size = np.random.default_rng(0), 16, 64
    with pq.ParquetWriter(
        tmp_path / "m.parquet", pa.schema([("word", pa.string()), ("vector", pa.list_(pa.float32()))])
    ) as out:
        for group in range(groups):
            vectors = rng.standard_normal((2000, size), np.float32)
            words = [f"w{group}_{i}" for i in range(len(vectors))]
            out.write_table(pa.table({"word": words, "vector": list(vectors)}, schema=out.schema))
    before, held = pa.total_allocated_bytes(), []
    for _ in parquet.blocks(tmp_path / "m.parquet").rows:
        held.append(pa.total_allocated_bytes() - before)
    assert len(held) == groups
    assert max(held) < 0.5 * groups * 2000 * size * 4


def test_a_table_of_counts_is_no_vectors(tmp_path):
    """What `cooccur -o counts.csv` writes had one dimension, and as many words that repeat as cells."""
    (tmp_path / "c.csv").write_text("word,neighbour,count\nthe,the,3058.25\nthe,of,17.5\nof,the,17.5\n")
    names = ["c.csv"]
    if importlib.util.find_spec("pyarrow"):
        (tmp_path / "t.txt").write_text("the cat sat\n" * 9)
        assert main(["cooccur", str(tmp_path / "t.txt"), "-o", str(tmp_path / "c.parquet"), "-q"]) == 0
        names.append("c.parquet")
    for name in names:
        with pytest.raises(FormatError, match="found the numbers 'count' beside the words 'word' and 'neighbour'"):
            load(tmp_path / name)


def test_npz_with_other_names(tmp_path, capsys):
    path = tmp_path / "m.npz"
    np.savez(path, W=VECTORS.astype(np.float64), tokens=np.array(WORDS), bias=np.zeros(3))
    same(load(path))
    np.savez(path, W=VECTORS, C=-VECTORS)
    with pytest.raises(FormatError, match="several matrices, W, C: say which with `tensor`"):
        load(path)
    with pytest.raises(FormatError, match="give `words`, a file with a word a line"):
        load(path, tensor="C")
    (tmp_path / "w").write_text("\n".join(WORDS) + "\n")
    same(load(path, tensor="C", words=tmp_path / "w"), WORDS, -VECTORS)
    np.savez(path, W=VECTORS, words=np.array(WORDS, object))
    with pytest.raises(FormatError, match="pickle"):
        load(path)
    np.savez(path, indices=np.zeros(1), indptr=np.zeros(1), shape=np.zeros(2), data=np.zeros(1), format=b"csr")
    with pytest.raises(FormatError, match="a sparse matrix of SciPy"):
        load(path)


def test_safetensors_of_other_programs(tmp_path, capsys):
    path, words = tmp_path / "model.safetensors", tmp_path / "w"
    words.write_text("\n".join(WORDS) + "\n")
    write_safetensors(path, {}, {"emb.weight": VECTORS.astype(np.float16), "bias": np.zeros(3, np.float32)})
    with pytest.raises(
        FormatError, match=r"found a safetensors file of another program: it holds bias F32 .3., emb.weight F16 \[3, 2"
    ):
        load(path)
    same(load(path, words=words), WORDS, VECTORS.astype(np.float16).astype(np.float32))
    write_safetensors(path, {"format": "pt"}, {"a": VECTORS, "b": VECTORS.astype(np.float64)})
    with pytest.raises(FormatError, match="give `tensor`, the name of a matrix"):
        load(path, words=words)
    with pytest.raises(ConfigError, match="there is no matrix 'c'"):
        load(path, tensor="c", words=words)
    assert main(["convert", str(path), str(tmp_path / "o.vec"), "--tensor", "b", "--words", str(words), "-q"]) == 0
    assert "왕 0.5 -1.25" in (tmp_path / "o.vec").read_text()


def test_bfloat16(tmp_path):
    halves = (np.array([[1.0, -2.5]], np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
    head = json.dumps({"e": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "m.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + halves)
    (tmp_path / "w").write_text("king\n")
    same(load(tmp_path / "m.safetensors", words=tmp_path / "w"), ["king"], [[1, -2.5]])


def test_a_header_alone_is_a_model_without_words_where_it_is_ours(tmp_path):
    KeyedVectors([], np.zeros((0, 2), np.float32)).save(tmp_path / "m.csv")
    assert load(tmp_path / "m.csv").vectors.shape == (0, 2)
    (tmp_path / "m.csv").write_text("word,x,y\n")
    with pytest.raises(FormatError, match="a header alone"):
        load(tmp_path / "m.csv", "csv")
