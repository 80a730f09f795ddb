"""Short reviews with their labels, a line each: ``text<TAB>good`` or ``text<TAB>bad``, written by pattern.

What is said with "not" turns its meaning, so that the order of words matters and a bag of words does not do.
"""

from __future__ import annotations

from corpora.grammar import Dice, expand

SEED = 7

ENGLISH = {
    "thing": ["film", "soup", "hotel", "book", "concert", "museum", "coffee", "teacher", "bus", "garden", "room", "cake"],
    "part": ["beginning", "ending", "price", "colour", "sound", "view", "smell", "size"],
    "good": ["wonderful", "moving", "clever", "fresh", "charming", "lovely", "brilliant", "cheerful"],
    "bad": ["awful", "boring", "dull", "stale", "ugly", "terrible", "noisy", "dreary"],
}
ENGLISH_GOOD = [
    "the {thing} was {good} and the {part} was {good}",
    "a {good} {thing} [we will come again|i loved it|well done]",
    "i found the {thing} [really|truly|so] {good}",
    "the {part} of the {thing} is {good} and not {bad} [at all|]",
    "not {bad} but {good} [in every way|indeed|]",
    "i expected a {bad} {thing} and got a {good} one",
]
ENGLISH_BAD = [
    "the {thing} was {bad} and the {part} was {bad}",
    "a {bad} {thing} [never again|i hated it|what a pity]",
    "i found the {thing} [really|truly|so] {bad}",
    "the {part} of the {thing} is {bad} and not {good} [at all|]",
    "not {good} but {bad} [in every way|indeed|]",
    "i expected a {good} {thing} and got a {bad} one",
]

KOREAN = {
    "thing": ["영화가", "국물이", "호텔이", "책이", "공연이", "전시가", "커피가", "수업이", "정원이", "방이", "과자가", "음악이"],
    "part": ["처음이", "결말이", "값이", "색이", "소리가", "경치가", "향기가", "크기가"],
    "good": ["훌륭하다", "감동적이다", "재미있다", "신선하다", "아름답다", "멋지다", "즐겁다", "따뜻하다"],
    "bad": ["끔찍하다", "지루하다", "재미없다", "상했다", "못생겼다", "형편없다", "시끄럽다", "싸늘하다"],
}
KOREAN_GOOD = [
    "{thing} {good} {part} {good}",
    "[정말|참|아주] {thing} {good} [다시 오고 싶다|사랑한다|고맙다|]",
    "{thing} {bad}고 들었는데 와 보니 {good}",
    "{bad}는 말은 틀렸다 {thing} {good}",
    "{part} [무척|정말|] {good}",
    "{thing} {bad} 아니 다시 생각하니 {good}",
]
KOREAN_BAD = [
    "{thing} {bad} {part} {bad}",
    "[정말|참|아주] {thing} {bad} [다시는 안 온다|실망했다|아깝다|]",
    "{thing} {good}고 들었는데 와 보니 {bad}",
    "{good}는 말은 틀렸다 {thing} {bad}",
    "{part} [무척|정말|] {bad}",
    "{thing} {good} 아니 다시 생각하니 {bad}",
]


def lines(language: str, n: int = 2000) -> list[str]:
    """Return `n` reviews of a language, ``en`` or ``ko``, half of them good, without repetitions."""
    slots, good, bad, names = {
        "en": (ENGLISH, ENGLISH_GOOD, ENGLISH_BAD, ("good", "bad")),
        "ko": (KOREAN, KOREAN_GOOD, KOREAN_BAD, ("좋음", "나쁨")),
    }[language]
    dice = Dice(SEED)
    made: dict[str, str] = {}
    while len(made) < n:
        side = len(made) % 2
        templates = (good, bad)[side]
        made.setdefault(expand(dice.pick(templates), slots, dice), names[side])
    reviews = [f"{text}\t{label}" for text, label in made.items()]
    dice.shuffle(reviews)
    return reviews
