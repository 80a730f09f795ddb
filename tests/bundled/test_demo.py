"""What ``make demo`` shows convinces: neighbours and analogies make sense in both languages, with its own options."""

import re
import shlex

import pytest

import embedkit
from corpora import demo, english_facts, groups, korean_facts
from corpora.grammar import table

CAPITALS = {
    "en": {row["capital"] for row in table(english_facts.COUNTRIES, english_facts.COUNTRY_COLUMNS)},
    "ko": {row["capital"] for row in table(korean_facts.COUNTRIES, korean_facts.COUNTRY_COLUMNS)},
}
ROLES = {
    language: {row[side] for row in table(facts.PAIRS, facts.PAIR_COLUMNS) for side in ("male", "female")}
    for language, facts in (("en", english_facts), ("ko", korean_facts))
}
WORDS = {"en": ("paris", "king", "dog", "tea", "river", "happy"), "ko": ("서울", "왕", "개", "빵", "강", "버스")}
GROUPS = {"en": groups.ENGLISH, "ko": groups.KOREAN}


@pytest.fixture(scope="module", params=["en", "ko"])
def trained(request):
    command = next(line for line in demo.training_commands() if f"corpora/{request.param}.txt" in line)
    options = dict(re.findall(r"--([a-z-]+) (\S+)", command))
    path = demo.ROOT / "corpora" / f"{request.param}.txt"
    return request.param, embedkit.train(
        str(path),
        vector_size=int(options["vector-size"]),
        epochs=int(options["epochs"]),
        window=int(options["window"]),
        workers=1,
        seed=1,
    )


def test_neighbours_of_common_words_are_words_of_their_kind(trained):
    language, model = trained
    capital, role, *others = WORDS[language]
    assert {word for word, _ in model.most_similar(capital, topn=4)} <= CAPITALS[language]
    assert {word for word, _ in model.most_similar(role, topn=4)} <= ROLES[language]
    for other in others:
        kind = next(set(names.split()) for names in GROUPS[language] if other in names.split())
        near = [word for word, _ in model.most_similar(other, topn=4)]
        assert len(kind & set(near)) >= 3, (other, near)


def test_every_question_of_the_demo_is_answered(trained):
    language, model = trained
    expected = {
        "en": {"man king woman": "queen", "france paris germany": "berlin", "big biggest cold": "coldest"},
        "ko": {"남자 왕 여자": "여왕", "한국 서울 일본": "도쿄", "높다 높은 깊다": "깊은"},
    }[language]
    lines = [command for _, commands in demo.COMMANDS for command in commands if f"demo/{language}." in command]
    asked = {" ".join(shlex.split(line)[2:5]) for line in lines if line.startswith("analogy")}
    assert asked == set(expected)
    for question, answer in expected.items():
        assert answer in [word for word, _ in model.analogy(*question.split(), topn=2)], question


def test_the_demo_says_what_its_corpora_are_and_shows_a_picture():
    text = (demo.ROOT / "corpora" / "demo.py").read_text(encoding="utf-8")
    assert "by construction" in text
    pictures = [command for _, commands in demo.COMMANDS for command in commands if command.startswith("plot")]
    assert any("-o" not in command.split() for command in pictures), "none in the terminal"
    assert any(".html" in command for command in pictures)
