"""The byte scanner against `str.split` and `bytes.decode`."""

import re
from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from embedkit.kernels.invisible import MAY_BE_INVISIBLE
from embedkit.kernels.tokens import BATCH, SENTENCE_END, close, padded
from embedkit.text.symbols import INVISIBLE, without_bare
from embedkit.vocabulary.word_table import WordTable, packed

WHITE = "".join(chr(c) for c in range(0x110000) if chr(c).isspace())
LETTERS = "abcdefghA-'.\x00\x01\x7fé한글\u0301漢\u2027\u200b\ufeff\u1681\u3001\u00a1😀\U0010ffff\ud7ff\ue000"
TEXTS = st.text(
    st.sampled_from(WHITE + "\n\n  ") | st.sampled_from(LETTERS) | st.characters(codec="utf-8"), max_size=300
)


def scanned(data, table=None, **options):
    """(table, ids, (lines, position, bad byte)) of a byte string."""
    table = table or WordTable(1)
    buffer = padded(len(data))
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    close(buffer, len(data))
    out = np.empty(len(data) + 1, np.int32)
    n_out, *rest = table.scan(buffer, len(data), out, **options)
    return table, out[:n_out].tolist(), tuple(rest)


def seen_alone(data):
    """Whether the scanner finds no word in a character."""
    return not scanned(data)[1]


def words_of(table):
    data, begins, lengths, counts = table.index()
    blob, offsets = packed(data, begins, lengths)
    words = [blob[a:b].tobytes().decode() for a, b in pairwise(offsets)]
    return words, counts.tolist()


def plain_ids(text):
    """Words by first appearance and ids with a marker at each line feed that does not follow another."""
    numbers, ids = {}, []
    lines = text.split("\n")
    for i, line in enumerate(lines):
        ids += [numbers.setdefault(token, len(numbers)) for token in without_bare(line).split()]
        if i < len(lines) - 1 and (not ids or ids[-1] != SENTENCE_END):
            ids.append(SENTENCE_END)
    return list(numbers), ids


@given(TEXTS)
@example("a" * 8 + " " + "a" * 8 + "\x00 " + "a" * 7 + "\x00 a")
@example("prefix12" * 3 + "x " + "prefix12" * 3 + "y " + "prefix12" * 3)
def test_words_ids_and_counts_are_those_of_str_split(text):
    table, ids, (n_lines, position, bad_byte) = scanned(text.encode())
    words, expected = plain_ids(text)
    assert ids == expected
    counts = Counter(without_bare(text).split())
    assert words_of(table) == (words, [counts[word] for word in words])
    assert (n_lines, position, bad_byte) == (text.count("\n"), len(text.encode()), -1)


def test_every_white_space_character_separates_and_its_neighbours_do_not():
    for code in {ord(white) + d for white in WHITE for d in (-1, 0, 1)}:
        _, ids, _ = scanned(f"a{chr(code)}b".encode())
        assert len([i for i in ids if i >= 0]) == len(f"a{chr(code)}b".split()), hex(code)


@given(
    st.binary(max_size=60) | st.builds(lambda a, b, c: a.encode() + b + c.encode(), TEXTS, st.binary(max_size=5), TEXTS)
)
@example(b"\xed\xa0\x80")  # half a surrogate pair
@example(b"\xf4\x90\x80\x80")
@example(b"\xc0\x80")
@example(b"\xe0\x9f\xbf")
@example(b"\xf0\x8f\xbf\xbf")
@example("한".encode()[:2])
def test_the_first_bad_byte_is_where_python_finds_it(data):
    try:
        data.decode()
        expected = -1
    except UnicodeDecodeError as error:
        expected = error.start
    _, _, (_, position, bad_byte) = scanned(data)
    assert bad_byte == expected
    if bad_byte >= 0:
        before = data[:bad_byte].decode()
        assert position == len(
            before[: len(before) - len(before.split()[-1])].encode()
            if before and not before[-1].isspace()
            else before.encode()
        )


def test_what_nobody_sees_is_the_same_to_the_kernel_and_to_the_regular_expression():
    code_points = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    unseen = set(re.findall(f"[{INVISIBLE}]", code_points))
    assert {chr(byte) for byte in range(128) if MAY_BE_INVISIBLE[byte]} == {c for c in unseen if c < "\x80"}
    assert set(np.flatnonzero(MAY_BE_INVISIBLE).tolist()) == {c.encode()[0] for c in unseen}
    for character in code_points:
        data = character.encode()
        if MAY_BE_INVISIBLE[data[0]]:
            assert seen_alone(data) == (character in unseen or character.isspace()), hex(ord(character))


def test_words_that_nobody_sees_are_none():
    text = "\u200d a \ufe0f\u200d\nb\u200d \u3164 \x00\u00a0\U000e0100 \u200d"
    table, ids, (n_lines, _, _) = scanned(text.encode())
    assert (words_of(table)[0], ids, n_lines) == (["a", "b\u200d"], [0, SENTENCE_END, 1], 1)


def test_a_table_grows_from_nothing_to_many_words():
    words = [f"w{i}" * (1 + i % 9) for i in range(20_000)]
    table, ids, _ = scanned(" ".join(words + words).encode())
    assert ids == list(range(20_000)) * 2
    assert words_of(table) == (words, [2] * 20_000)


def test_words_of_every_length_up_to_three_batches_of_line_feeds():
    text = "\n".join("x" * n for n in range(70)) + "\n" * (3 * BATCH)
    table, ids, _ = scanned(text.encode())
    words, expected = plain_ids(text)
    assert ids == expected
    assert words_of(table)[0] == words


def test_a_frozen_table_counts_the_unknown_and_stays_as_it_is():
    table, _, _ = scanned(b"a b")
    _, ids, _ = scanned(b"b c a d\nc\n", table, frozen=True)
    assert ids == [1, 0, SENTENCE_END]
    assert table.n_unknown == 3
    assert words_of(table)[0] == ["a", "b"]


@given(TEXTS, TEXTS)
def test_tables_merge(one, other):
    first, _, _ = scanned(one.encode())
    second, _, _ = scanned(other.encode())
    twin = first.copy()
    ids = twin.insert(*second.index())
    words, counts = words_of(twin)
    assert dict(zip(words, counts, strict=True)) == Counter(without_bare(one).split()) + Counter(
        without_bare(other).split()
    )
    assert [words[i] for i in ids] == words_of(second)[0]
    assert words_of(first)[0] == list(dict.fromkeys(without_bare(one).split()))
