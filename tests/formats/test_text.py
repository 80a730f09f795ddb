"""Text formats: parsing exactly as numpy.float32, errors with line, expected and found, and odd but valid files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit import threads
from embedkit.errors import FormatError
from embedkit.formats import glove_text, text_rows
from embedkit.formats.text_rows import format_rows
from embedkit.kernels import thresholds
from embedkit.query import storing
from tests import reference_vectors as reference

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
DECIMALS = st.from_regex(r"[+-]?([0-9]{1,25}(\.[0-9]{0,25})?|\.[0-9]{1,25})([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@pytest.fixture(params=["python", "kernel"])
def parser(request, monkeypatch):
    """Both ways that a text can be parsed, whatever its size."""
    monkeypatch.setattr(thresholds, "PARSED_BYTES", 0 if request.param == "kernel" else 1 << 60)
    return request.param


def load(tmp_path, content, name="glove-text", **options):
    path = tmp_path / "m.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return storing.load(path, name, **options)


def parse_with_kernel(texts):
    from embedkit.kernels.text_floats import parse_lines

    data = np.frombuffer(b"".join(b"w " + text + b"\n" for text in texts), np.uint8)
    out = np.full((len(texts), 1), np.nan, np.float32)
    words = np.zeros((len(texts), 2), np.int64)
    start = row = 0
    left = []
    while start < len(data):
        row, start = parse_lines(data, start, len(data), out, words, row)
        if start < len(data):  # left to Python
            left.append(row)
            row += 1
            start += len(texts[left[-1]]) + 3
    return out[:, 0], left


def same_bits(a, b):
    return np.asarray(a, np.float32).view(np.uint32).tolist() == np.asarray(b, np.float32).view(np.uint32).tolist()


@settings(max_examples=300, deadline=None)
@given(st.lists(DECIMALS, min_size=1, max_size=20))
def test_the_kernel_parses_as_numpy_does_or_leaves_it_to_python(texts):
    encoded = [text.encode() for text in texts]
    values, left = parse_with_kernel(encoded)
    with np.errstate(over="ignore"):
        expected = reference.parse(texts)
    sure = [i for i in range(len(texts)) if i not in left]
    assert same_bits(values[sure], expected[sure])


def test_ordinary_numbers_are_not_left_to_python():
    rng = np.random.default_rng(4)
    texts = [b"%.*f" % (digits, value) for value in rng.standard_normal(3000) for digits in (3, 6, 9)]
    texts += [repr(value).encode() for value in rng.standard_normal(3000).tolist()]
    texts += [b"%.17e" % value for value in rng.standard_normal(3000) * 10.0 ** rng.integers(-30, 30, 3000)]
    values, left = parse_with_kernel(texts)
    assert len(left) < 5
    sure = np.setdiff1d(np.arange(len(texts)), left)
    assert same_bits(values[sure], reference.parse([t.decode() for t in texts])[sure])


@pytest.mark.parametrize(
    "text",
    [
        "16777217",
        "16777216.999999999999",
        "16777217.0000000000000000001",
        "0.1",
        "1e-45",
        "7.0064923216240854e-46",
        "3.4028235e37",
        "1.00000017881393421514957253748434595763683319091796875",
        "-0",
        "00000000000000000000000000000.5",
        "123456789012345678901234567890",
        "1e-60",
    ],
)
def test_numbers_that_are_hard_to_round(tmp_path, parser, text):
    model = load(tmp_path, f"the {text} 1\n")
    assert same_bits(model.vectors[0], reference.parse([text, "1"]))


@settings(max_examples=300, deadline=None)
@given(st.lists(FLOATS, min_size=1, max_size=30))
def test_written_digits_give_the_float_back(values):
    row = np.array([values], np.float32)
    for with_kernel in (False, True):
        texts = format_rows(row, with_kernel)[0].split()
        assert same_bits(reference.parse([t.decode() for t in texts]), row[0])


@settings(max_examples=200, deadline=None)
@given(st.lists(FLOATS.filter(lambda x: x == 0 or abs(x) > 1e-37), min_size=1, max_size=30))
def test_no_more_digits_are_written_than_needed(values):
    row = np.array([values], np.float32)
    for text, value in zip(format_rows(row, True)[0].split(), row[0], strict=True):
        digits = text.decode().lstrip("-").split("e")[0].replace(".", "").strip("0")
        shortest = np.format_float_scientific(value, trim="-").lstrip("-").split("e")[0].replace(".", "")
        assert len(digits) <= len(shortest)


def test_odd_but_valid_files(tmp_path, parser):
    expected = [[1, 2], [3, 4]]
    for content in (
        "the 1 2\nking 3 4\n",
        "the 1 2\nking 3 4",
        "the 1 2 \r\nking 3 4 \r\n",
        "\ufeffthe 1 2\nking 3 4\n",
        "the\t1\t2\nking\t3\t4\n",
        "the 1 2\n\n\nking  3   4\n\n",
        "the +1 2.0\nking 3. .4e1\n",
    ):
        model = load(tmp_path, content)
        assert list(model.index_to_key) == ["the", "king"]
        assert model.vectors.tolist() == expected
        model = load(tmp_path, content.replace("\ufeff", "").replace("the", "2 2\nthe", 1), "word2vec-text")
        assert model.vectors.tolist() == expected


def test_words_with_spaces_are_counted_from_the_right(tmp_path, parser):
    model = load(tmp_path, ". . . 1.5 2.5\nat name@domain.com 3 4\n\u00a0 5 6\n1 2 7 8\nthe 0 0\n")
    assert list(model.index_to_key) == [". . .", "at name@domain.com", "\u00a0", "1 2", "the"]
    assert model.vectors.tolist() == [[1.5, 2.5], [3, 4], [5, 6], [7, 8], [0, 0]]


@pytest.mark.parametrize(
    "content, message",
    [
        ("a 1 2\nb 1\nc 1 2\n", "line 2: expected a word and 2 values, found 1 value after 'b'"),
        ("a 1.0 2.0\nb 1.0 2.0 3.0\nc 1.0 2.0\n", "line 2: expected 2 values after 'b', found 3"),
        ("a 1 2\nb 1 x\nc 1 2\n", "line 2: expected a number as value 2 of 2, found 'x'"),
        ("a 1 2\nb 1 1_0\nc 1 2\n", "line 2: expected a number as value 2 of 2, found '1_0'"),
        ("a 1 2\n 1 2\nc 1 2\n", "line 2: expected a word, found a line that starts with white space"),
        ("a 1 2\nb nan 2\nc 1 2\n", r"line 2 \('b'\): expected finite numbers"),
        ("a 1 2\nb 1 -inf\nc 1 2\n", r"line 2 \('b'\): expected finite numbers"),
        ("a 1 2\nb 1 1e39\nc 1 2\n", r"line 2 \('b'\): expected finite numbers"),
        (b"a 1 2\nc\xff\xfe 1 2\nd 1 2\n", r"line 2: expected UTF-8, found the word b'c\\xff\\xfe'"),
    ],
)
def test_malformed_lines_name_the_place(tmp_path, parser, content, message):
    with pytest.raises(FormatError, match=message):
        load(tmp_path, content)


@pytest.mark.parametrize(
    "content, message",
    [
        ("3 2\na 1 2\nb 1 2\n", "cut off: the header promises 3 words|expected 3 words as the header says, found 2"),
        ("1 2\na 1 2\nb 1 2\n", "expected 1 word as the header says, found more"),
        ("one 2\na 1 2\n", "line 1: expected two whole numbers"),
    ],
)
def test_a_header_that_does_not_fit(tmp_path, parser, content, message):
    with pytest.raises(FormatError, match=message):
        load(tmp_path, content, "word2vec-text")


def test_a_policy_for_bytes_that_are_not_utf8(tmp_path, parser):
    content = b"a 1 2\nc\xff\xed 3 4\n"
    assert list(load(tmp_path, content, encoding_errors="ignore").index_to_key) == ["a", "c"]
    assert list(load(tmp_path, content, encoding_errors="replace").index_to_key) == ["a", "c\ufffd\ufffd"]


def test_repeated_words_keep_the_first_and_warn(tmp_path, parser):
    with pytest.warns(UserWarning, match=r"2 rows repeat a word; the first of each is kept: 'a', 'b'"):
        model = load(tmp_path, "a 1 2\nb 3 4\na 5 6\nb 7 8\nc 9 0\n")
    assert list(model.index_to_key) == ["a", "b", "c"]
    assert model.vectors.tolist() == [[1, 2], [3, 4], [9, 0]]
    np.testing.assert_allclose(model.norms, np.linalg.norm(model.vectors, axis=1), rtol=1e-6)


def test_a_file_without_line_ends_is_refused_without_reading_it_all(tmp_path, monkeypatch):
    monkeypatch.setattr(text_rows, "LONGEST_LINE", 1 << 16)
    monkeypatch.setattr(text_rows, "SEGMENT", 1 << 12)
    with pytest.raises(FormatError, match="line 1: expected lines of words and values"):
        load(tmp_path, b"word " + b"1 " * 200_000)
    with pytest.raises(FormatError, match="line 2: expected lines of words and values"):
        load(tmp_path, b"2 3\nword 1 2 3\n" + b"1 " * 200_000, "word2vec-text")


def test_going_through_a_file_gives_its_memory_back(tmp_path, monkeypatch):
    """Converting maps a text of 24 MB and gives its pages back: fewer than half of it are resident at any time."""
    if not Path("/proc/self/smaps").exists():
        pytest.skip("the system does not tell what is resident")
    monkeypatch.setattr(text_rows, "SEGMENT", 1 << 20)
    monkeypatch.setattr(threads, "usable_cores", lambda most: 2)
    line = " 0.12345" * 100 + "\n"
    path = tmp_path / "large.txt"
    path.write_text("".join(f"word{i}{line}" for i in range(30_000)))
    resident = []
    blocks = glove_text.blocks(path)
    for _ in blocks.rows:
        maps = Path("/proc/self/smaps").read_text().split("large.txt\n")
        resident.append(sum(int(part.split("Rss:")[1].split()[0]) for part in maps[1:]))
    assert len(resident) > 15
    assert 0 < max(resident) < path.stat().st_size / 1024 / 2


def test_several_segments_in_several_threads_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(thresholds, "PARSED_BYTES", 0)
    monkeypatch.setattr(text_rows, "SEGMENT", 1000)
    rng = np.random.default_rng(9)
    vectors = rng.standard_normal((3000, 5)).astype(np.float32)
    lines = [f"w{i} " + " ".join(map(str, row)) for i, row in enumerate(vectors.tolist())]
    lines[1234] = lines[1234].replace(" ", "  ")  # one that the kernel leaves to Python
    model = load(tmp_path, "\n".join(lines))
    assert list(model.index_to_key) == [f"w{i}" for i in range(3000)]
    np.testing.assert_array_equal(model.vectors, vectors)
    lines[2345] += " 7.5"
    with pytest.raises(FormatError, match="line 2,346: expected 5 values after 'w2345', found 6"):
        load(tmp_path, "\n".join(lines))
