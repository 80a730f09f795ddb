"""English sentences with their Korean translations, ``source<TAB>target`` a line, and English words with their tags.

The verb moves from the middle to the end, particles follow the last sound of their noun, times go first: enough order
and form for a translation model to learn, small enough to be learned in a minute.
"""

from __future__ import annotations

from itertools import product

from corpora.grammar import Dice
from corpora.korean_grammar import forms, join

SEED = 11

SUBJECTS = [
    ("the king", "왕"),
    ("the queen", "여왕"),
    ("the teacher", "선생님"),
    ("the student", "학생"),
    ("the doctor", "의사"),
    ("my mother", "어머니"),
    ("my father", "아버지"),
    ("the child", "아이"),
    ("my friend", "친구"),
    ("the farmer", "농부"),
]
# base, third person, past; the Korean stem, the form before -었다, the form before -ㄴ; objects
VERBS = [
    (("eat", "eats", "ate"), ("먹", "먹어", "먹으"), [("bread", "빵"), ("rice", "밥"), ("an apple", "사과")]),
    (("drink", "drinks", "drank"), ("마시", "마셔", "마시"), [("water", "물"), ("tea", "차"), ("milk", "우유")]),
    (("read", "reads", "read"), ("읽", "읽어", "읽으"), [("a book", "책"), ("a letter", "편지"), ("the newspaper", "신문")]),
    (("buy", "buys", "bought"), ("사", "사", "사"), [("a hat", "모자"), ("shoes", "신발"), ("a bag", "가방")]),
    (("sell", "sells", "sold"), ("팔", "팔아", "팔"), [("fish", "생선"), ("flowers", "꽃"), ("a bag", "가방")]),
    (("see", "sees", "saw"), ("보", "봐", "보"), [("a film", "영화"), ("the sea", "바다"), ("the moon", "달")]),
    (("draw", "draws", "drew"), ("그리", "그려", "그리"), [("a flower", "꽃"), ("the sea", "바다"), ("a house", "집")]),
    (("hear", "hears", "heard"), ("듣", "들어", "들으"), [("music", "음악"), ("a song", "노래"), ("the bell", "종소리")]),
]  # fmt: skip
TIMES = {
    "past": [("", ""), ("yesterday", "어제"), ("last year", "작년에")],
    "present": [("every day", "날마다"), ("often", "자주")],
    "future": [("tomorrow", "내일"), ("soon", "곧"), ("next week", "다음 주에")],
}


def pairs() -> list[str]:
    """Return every pair of sentences, in random order."""
    made = []
    for (subject, noun), (english, korean, objects), (tense, times) in product(SUBJECTS, VERBS, TIMES.items()):
        made_of = forms(*korean)
        verb = {"past": english[2], "present": english[1], "future": f"will {english[0]}"}[tense]
        ending = {"past": made_of["았다"], "present": made_of["는다"], "future": made_of["ㄹ"] + " 것이다"}[tense]
        for (thing, named), (when, then) in product(objects, times):
            source = " ".join(f"{subject} {verb} {thing} {when}".split())
            target = " ".join(f"{join(noun, '은')} {then} {join(named, '을')} {ending}".split())
            made.append(f"{source}\t{target}")
    Dice(SEED).shuffle(made)
    return made


TAGS = {
    **dict.fromkeys(["the", "a", "an", "my", "every", "last", "next"], "DET"),
    **dict.fromkeys(["yesterday", "often", "tomorrow", "soon"], "ADV"),
    "will": "AUX",
}
VERB_FORMS = {form for forms_of, _, _ in VERBS for form in forms_of}


def tagged() -> list[str]:
    """Return the English sides word by word with their parts of speech, ``token<TAB>tag``, blank lines between."""
    lines = []
    for pair in pairs():
        for word in pair.split("\t")[0].split():
            lines.append(f"{word}\t{TAGS.get(word) or ('VERB' if word in VERB_FORMS else 'NOUN')}")
        lines.append("")
    return lines
