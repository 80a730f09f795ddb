"""The bundled corpora are what their script makes, and say what they should."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from corpora import english, korean, make
from corpora.grammar import Dice, Writer, expand, table
from corpora.korean_grammar import forms, join

FOLDER = Path(make.__file__).parent
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".txt", ".tsv"))


@pytest.fixture(scope="module")
def texts():
    return make.texts()


def test_the_script_writes_all_bundled_files(texts):
    assert sorted(texts) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_bundled_files_are_what_the_script_writes(texts, name):
    assert (FOLDER / name).read_bytes().replace(b"\r\n", b"\n").decode("utf-8") == texts[name]


def test_the_dice_are_splitmix64():
    # The first outputs of the published generator for seed 1234567.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    dice = Dice(1234567)
    assert [dice.below(1 << 64) for _ in range(3)] == expected


@pytest.mark.parametrize("name", ["en.txt", "ko.txt"])
def test_size_and_variety(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    lines = text.splitlines()
    assert 1_000_000 <= len(text.encode("utf-8")) <= 3_000_000
    assert len(set(lines)) > 25_000
    assert not set(text) & set("[]{}|:,.?!")
    assert all(line == " ".join(line.split()) and line for line in lines)


def test_english_is_lower_case_with_the_right_articles():
    words = (FOLDER / "en.txt").read_text(encoding="utf-8").split()
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
    following = {article: {b for a, b in pairwise(words) if a == article} for article in ("a", "an")}
    assert {word for word in following["an"] if word[0] not in "aeiou"} <= {"heiress"}
    sounds_like_a_consonant = ("one", "uni", "euro")
    assert all(word[0] not in "aeiou" or word.startswith(sounds_like_a_consonant) for word in following["a"])


@pytest.mark.parametrize("module, name", [(english, "en.txt"), (korean, "ko.txt")])
def test_every_word_of_every_question_is_frequent(module, name):
    counts = Counter((FOLDER / name).read_text(encoding="utf-8").split())
    for line in module.analogies():
        if not line.startswith(":"):
            words = line.split()
            assert len(words) == 4
            assert len(set(words)) == 4
            assert min(counts[word] for word in words) >= 20, line


def test_bare_korean_nouns_are_common():
    counts = Counter((FOLDER / "ko.txt").read_text(encoding="utf-8").split())
    for word in ("서울", "한국", "도쿄", "일본", "왕", "여왕", "남자", "여자"):
        assert counts[word] >= 60
        assert any(counts[join(word, particle)] >= 5 for particle in ("은", "이"))


@pytest.mark.parametrize(
    "word, particle, expected",
    [
        ("서울", "은", "서울은"),
        ("파리", "은", "파리는"),
        ("서울", "으로", "서울로"),
        ("부산", "으로", "부산으로"),
        ("학교", "으로", "학교로"),
        ("한국", "의", "한국의"),
        ("빈", "이다", "빈이다"),
        ("파리", "이다", "파리다"),
        ("왕", "과", "왕과"),
        ("공주", "과", "공주와"),
        ("밥", "을", "밥을"),
        ("국수", "을", "국수를"),
    ],
)
def test_particles_follow_the_last_sound(word, particle, expected):
    assert join(word, particle) == expected


@pytest.mark.parametrize(
    "stem, infinitive, linking, expected",
    [
        ("가", "가", "가", "간다 갔다 갈 간 가는 가려고"),
        ("먹", "먹어", "먹으", "먹는다 먹었다 먹을 먹은 먹는 먹으려고"),
        ("듣", "들어", "들으", "듣는다 들었다 들을 들은 듣는 들으려고"),
        ("만들", "만들어", "만들", "만든다 만들었다 만들 만든 만드는 만들려고"),
        ("굽", "구워", "구우", "굽는다 구웠다 구울 구운 굽는 구우려고"),
        ("부르", "불러", "부르", "부른다 불렀다 부를 부른 부르는 부르려고"),
    ],
)
def test_korean_verbs_take_their_endings(stem, infinitive, linking, expected):
    made = forms(stem, infinitive, linking)
    assert [made[ending] for ending in ("는다", "았다", "ㄹ", "ㄴ", "는", "려고")] == expected.split()


def test_korean_adjectives_take_their_endings():
    made = forms("길", "길어", "길", is_verb=False)
    assert (made["다"], made["ㄴ"], made["았다"]) == ("길다", "긴", "길었다")
    assert (made["고"], made["아서"], made["면"]) == ("길고", "길어서", "길면")
    assert "는다" not in made


def test_expand_makes_every_choice_and_never_repeats_an_item_of_a_slot():
    dice = Dice(3)
    seen = {expand("[a|b [c|d]] {x}", {"x": "e"}, dice) for _ in range(60)}
    assert seen == {"a e", "b c e", "b d e"}
    for _ in range(20):
        assert len(set(expand("{x} {x} {x}", {"x": ["1", "2", "3"]}, dice).split())) == 3


def test_a_form_without_inflection_is_an_error():
    with pytest.raises(ValueError, match="form"):
        expand("{x:은}", {"x": "왕"}, Dice(1))


def test_the_writer_uses_templates_in_turn():
    writer = Writer(1, {})
    writer.write(["a {x}", "b {x}"], {"x": ["1", "2", "3"]}, 5)
    assert [sentence[0] for sentence in writer.sentences] == list("ababa")


def test_a_table_row_with_a_cell_missing_is_an_error():
    assert table("a | b, c", "one two") == [{"one": "a", "two": ["b", "c"]}]
    with pytest.raises(ValueError, match="expected 2 cells"):
        table("a | b | c", "one two")


def test_rows_of_a_table_are_spoken_of_in_the_same_ways():
    writer = Writer(1, {"x": ["1", "2", "3"]})
    writer.write(["{who} [a|b] {x}"], {"who": "he"}, 6)
    writer.write(["{who} [a|b] {x}"], {"who": "she"}, 6)
    assert [s.replace("she", "he") for s in writer.sentences[6:]] == writer.sentences[:6]


@pytest.mark.parametrize("name, labels", [("en_reviews.tsv", {"good", "bad"}), ("ko_reviews.tsv", {"좋음", "나쁨"})])
def test_reviews_are_balanced_and_need_the_order_of_words(name, labels):
    rows = [line.split("\t") for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]
    assert Counter(label for _, label in rows) == dict.fromkeys(labels, 1000)
    assert len({text for text, _ in rows}) == 2000
    bags = {}
    for text, label in rows:
        bags.setdefault(" ".join(sorted(text.split())), set()).add(label)
    assert any(len(found) == 2 for found in bags.values())  # the same words, good in one order and bad in another


def test_pairs_are_sentences_with_their_translation():
    rows = dict(line.split("\t") for line in (FOLDER / "en_ko.tsv").read_text(encoding="utf-8").splitlines())
    assert len(rows) > 1500
    assert rows["the king ate bread yesterday"] == "왕은 어제 빵을 먹었다"
    assert rows["my mother will hear music tomorrow"] == "어머니는 내일 음악을 들을 것이다"
    assert rows["the farmer sells flowers every day"] == "농부는 날마다 꽃을 판다"


def test_every_word_of_the_tagged_sentences_has_its_tag():
    lines = (FOLDER / "en_tags.tsv").read_text(encoding="utf-8").splitlines()
    tags = {line.split("\t")[1] for line in lines if line}
    assert tags == {"DET", "NOUN", "VERB", "ADV", "AUX"}
    assert "ate\tVERB" in lines
