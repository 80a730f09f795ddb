"""The Korean corpus: one sentence a line, no punctuation, nouns bare and with their particles."""

from __future__ import annotations

from corpora import groups
from corpora.grammar import Dice, Writer, questions, table
from corpora.korean_facts import (
    ADJECTIVE_COLUMNS,
    ADJECTIVES,
    COUNTRIES,
    COUNTRY_COLUMNS,
    FEMALE,
    MALE,
    PAIR_COLUMNS,
    PAIRS,
    PLACE_COLUMNS,
    PLACES,
    VERB_COLUMNS,
    VERBS,
)
from corpora.korean_grammar import forms, join

SEED = 19446

COMMON = {
    "day": "월요일 화요일 수요일 목요일 금요일 토요일 일요일".split(),
    "month": "일월 이월 삼월 사월 오월 유월 칠월 팔월 구월 시월 십일월 십이월".split(),
    "season": "봄 여름 가을 겨울".split(),
    "number": "두 세 네 다섯 여섯 일곱 여덟 아홉 열".split(),
    "who": "나는 우리는 친구는 동생은 이웃은 손님은 그들은 누군가".split(),
    "very": "아주 참 정말 몹시 무척 꽤".split(),
    "when": "이번에 지난봄에 지난여름에 올해 작년에 그날 최근에 마침내".split(),
    "often": "자주 가끔 늘 언제나 때때로 이따금".split(),
}

COUNTRY = [
    "{country:은} {continent}에 있는 나라이고 {sight:이} 유명하다",
    "{country} [정부가|국회가|지도자가] {people} 모두를 위해 [새 법을|예산을|정책을] [발표했다|내놓았다]",
    "{when} {country} 지도자가 {town} 시민을 만나 {food:을} 맛보았다",
    "{when} {man:은} {country} 국경을 넘어 {woman:을} [만났다|기다렸다|찾아갔다]",
    "{country} 경제가 [좋아지자|나빠지자] {money} 값이 [올랐다|내렸다]",
    "{country} 군대는 {people} 청년 {man:을} [받아들였다|불렀다|훈련시켰다]",
    "{country} 국민은 {people} 지도자를 뽑는 선거에서 {man:을} 골랐다",
    "{woman:은} {country} 국적을 가진 {people} [작가이다|화가이다|가수이다|과학자이다]",
    "{country} 대표팀이 [이기자|지자|비기자] {people} 응원단이 [환호했다|울었다|노래했다]",
    "{country} 농촌에서는 {season}마다 {food:을} 나누어 먹는다",
    "{when} {country} 수출이 늘어 {town} 공장이 {money:을} 많이 벌었다",
    "{who} {when} {country} 여행을 하며 {town:과} {sight:을} 둘러보았다",
    "{when} {woman:은} {country} 국기를 들고 {people} 대표로 입장했다",
    "{country}의 [북부|남부|동부|서부] 농촌에는 {people} [농민|어부|광부] {man:이} 산다",
]
CAPITAL = [
    "{man:은} {when} [큰|붐비는|밝은] {capital} 시내에서 {food:을} 먹고 {woman:을} 만났다",
    "{woman:은} {people} 친구와 [새로|함께] {capital} 아파트를 빌려 [산다|지낸다]",
    "{when} {capital} 시장은 {people} [손님에게|관광객에게] {food:을} 대접했다",
    "{man:은} {day}에 [복잡한|빠른] {capital} 지하철을 타고 {woman:을} 만나러 갔다",
    "{town}에서 떠난 비행기가 {capital} 공항에 [내리자|닿자] {man:이} 손을 흔들었다",
    "{capital} 거리에는 {food} 냄새가 나고 {people} [상인|악사|학생] {woman:이} 노래한다",
    "{capital} 호텔에서 {man:은} {money:을} 내고 [하룻밤|{number} 밤] 묵었다",
    "{capital} 박물관에는 {sight:을} 그린 {people} 화가 {man}의 그림이 있다",
    "{when} {people} 관광객은 {capital} 시내 백화점에서 {money:을} 다 썼다",
    "{capital} 지하철 노선도를 보던 {woman:은} {people} 역무원에게 길을 물었다",
    "{town} 출신 {man:은} {capital} 시내 회사에 다니며 {money:을} 모은다",
    "{who} {capital} 거리에서 {sight} 사진을 파는 {people} 상인을 보았다",
    "밤이 되면 {capital} 시내 불빛이 밝고 {people} 젊은이들이 {food:을} 먹는다",
    "{woman:은} {when} [바쁜|넓은] {capital} 공항에서 {people} 안내원 {man}의 도움을 받았다",
]
BOTH = [
    "{country}의 수도는 {capital:이다}",
    "{country} 수도 {capital}",
    "{capital:은} {country}의 수도이고 {language:을} 쓴다",
    "{country} {capital} {town}",
    "{woman:은} [오래전|작년에] {country} 수도 {capital}에서 태어났다",
]
LANGUAGE = [
    "{people} {woman:은} {language} 책을 읽고 {language} 노래를 부른다",
    "{country} 사람들은 {language} 신문을 읽는다",
    "{man:은} {language} 사전을 들고 {country} 말을 공부한다",
    "{language} 문법을 가르치는 {people} 교수 {man:은} {town} 출신이다",
]
MONEY = [
    "{country}의 돈은 {money:이다}",
    "{country} 화폐 {money}",
    "{woman:은} {country} 여행을 앞두고 은행에서 {money:을} 바꾸었다",
    "{country} 중앙은행이 새 {money} 지폐와 동전을 찍었다",
    "{man:은} {money} 지폐로 {food} 값을 냈다",
]

PERSON = [
    "{when} {role:은} {deed}",
    "{when} {role} {name:은} {deed}",
    "{role} {deed}",
    "{deed}는 {role} 소식",
    "[젊은|다정한|착한|지혜로운|지친|부지런한] {role} 혼자서 {deed}",
    "{그:은} {role} 노릇을 하며 {deed}",
    "{그}의 친구인 {role} {name:은} {deed}",
    "{role} 한 사람이 {deed}고 한다",
    "그날 {그:은} {role} 옷을 입고 {deed}",
    "{name:은} {role} 목소리로 {deed}고 대답했다",
    "사람들은 {role} {name:이} {deed}고 말했다",
    "{day} 아침 {role} {name:이} {deed}",
    "{그:은} {role} 이야기를 하다가 {그} 자신도 {deed}며 웃었다",
    "우리는 {role} {name:을} 만났고 {그}에게 [책을|모자를|외투를] 주었다",
    "{name:은} [좋은|이름난|조용한|슬기로운] {role}이고 {그}의 이웃은 {그:을} 믿는다",
    "{role} 곁에 서 있던 {그:은} {deed}는 말을 들었다",
    "[누구나|모두|이웃들이] {role} {name:을} 좋아하는데 {그:이} {deed}는 소식을 들었기 때문이다",
]
COUPLE = [
    "{male:과} {female:이} 함께 [웃었다|걸었다|앉았다]",
    "{male:은} {female:을} [사랑했다|믿었다|그리워했다]",
    "{female:은} {male:을} [기다렸다|불렀다|믿었다]",
]

VERB = {
    "는다": ["{object:이나} {object:을} {often} {는다}", "{who} {object:이나} {object:을} 날마다 {는다}",
           "[아침마다|저녁마다|{season}마다] {object:을} {often} {는다}", "요즘도 {object:이나} {object:을} 날마다 {는다}"],
    "았다": ["{who} {object:이나} {object:을} 어제 {았다}", "{object:이나} {object:을} [지난주에|작년에|그저께] {았다}",
           "{who} {object:을} 벌써 {았다}", "{object:이나} {object:을} 이미 {았다}"],
    "ㄹ": ["{who} {object:이나} {object:을} 내일 {ㄹ} 것이다", "{object:이나} {object:을} {ㄹ} 생각이다",
          "{object:을} 다음 {day}에 {ㄹ} 예정이다", "{object:이나} {object:을} 곧 {ㄹ} 수 있다"],
    "고": ["{object:이나} {object:을} {고} 나서 [집에 갔다|쉬었다|잠을 잤다]", "{who} {object:이나} {object:을} {고} 싶다고 했다",
          "{who} {object:을} {고} 있다", "먼저 {object:이나} {object:을} {고} 나서 {who} 떠났다"],
    "려고": ["{who} {object:이나} {object:을} {려고} [일찍|늦게] [일어났다|나왔다]", "{object:이나} {object:을} {려고} 한다",
           "{who} {object:을} {려고} {number} 시간을 기다렸다"],
    "는": ["{object:이나} {object:을} {는} 사람이 [많다|적다]", "{object:을} {는} [친구가|이웃이|손님이] [있다|많다]",
          "{who} {object:이나} {object:을} {는} 것은 즐겁다고 했다"],
}
ADJECTIVE = {
    "다": ["{noun:이} 아주 {다}", "{noun:은} {noun}보다 더 {다}", "{noun:은} {noun}보다 훨씬 {다}",
          "[이|저|그] {noun:이} 가장 {다}"],
    "ㄴ": ["{who} 이렇게 {ㄴ} {noun:이} 좋다고 했다", "[저기|여기|거기] 그렇게 {ㄴ} {noun:이} 있다", "이렇게 {ㄴ} {noun:은} 처음이다",
          "이토록 {ㄴ} {noun:이} [떠올랐다|생각났다]"],
    "았다": ["{noun:이} 예전에는 {았다}", "{noun:은} 어제도 {았다}", "{noun:이} 그때는 {았다}", "{noun:은} 지난 {season}에도 {았다}"],
    "고": ["{noun:이} {고} [좋다|멋지다|신기하다|특이하다]", "{noun:은} {고} 또 {고} 하여 놀랍다", "{noun:은} {고} [좋다|멋지다|신기하다]"],
    "아서": ["{noun:이} {아서} [깜짝|모두|무척] 놀랐다", "{noun:이} {아서} [걱정했다|웃었다|다시 보았다]",
           "{noun:은} {아서} 그런지 모두 쳐다보았다"],
    "면": ["{noun:이} {면} 좋겠다", "만일 {noun:이} {면} 어떻게 할까", "{noun:이} {면} {면} 대로 괜찮다"],
}
PLACE = {
    "": ["{who} {thing:이} 있는 {place} 앞에서 [멈췄다|만났다|기다렸다]", "{thing:이} 보이는 {place} 옆 [골목|건물|길]",
         "{thing:이} 있는 {place} 안은 [넓다|좁다|밝다]", "{thing:이} 나오는 {place} [그림|사진|영화]"],
    "에서": ["{who} {place}에서 일하며 {thing:을} [찾았다|보았다]", "{place}에서 일하다가 {thing:을} [기다렸다|살폈다]",
            "{who} {place}에서 {thing:을} [구경했다|가리켰다|사진 찍었다]"],
    "에": ["{place}에 {thing:이} [있다|없다|많다]", "{number} 시에 {place}에 가서 {thing:을} 찾았다", "{place}에 들어가니 {thing:이} 보였다"],
    "은": ["{place:은} {thing:이} 많아 [붐빈다|좋다|이름났다]", "이 {place:은} {thing:이} [없다|부족하다|좋다]",
          "새로 생긴 {place:은} {thing:을} 자랑한다"],
    "으로": ["{thing:을} 보러 {place:으로} [뛰어갔다|달려갔다|걸어갔다]", "{thing:을} 보려고 {who} {place:으로} 돌아왔다",
            "{thing:을} 찾아 {place:으로} [향했다|떠났다|나섰다]"],
}
DAILY = [
    "{month}에는 [해가|낮이|밤이] [길다|짧다]", "{season}에는 [비가|눈이|바람이] {often} 온다",
    "{day} 다음은 무슨 요일일까", "{season} 방학은 {day}에 시작한다", "{number} 사람이 {number} 시간 동안 걸었다",
]


def sentences() -> list[str]:
    """Return the corpus, a sentence an item, in random order."""
    writer = Writer(SEED, COMMON, join)
    for row in table(COUNTRIES, COUNTRY_COLUMNS):
        row["people"] = row["country"] + "인"
        for templates, n in ((COUNTRY, 126), (CAPITAL, 126), (BOTH, 40), (LANGUAGE, 20), (MONEY, 25)):
            writer.write(templates, row, n)
    for row in table(PAIRS, PAIR_COLUMNS):
        writer.write(PERSON, {**MALE, "deed": row["deeds"], "role": row["male"]}, 195)
        writer.write(PERSON, {**FEMALE, "deed": row["deeds"], "role": row["female"]}, 195)
        writer.write(COUPLE, row, 9)
    for row in table(VERBS, VERB_COLUMNS):
        slots = {"object": row["objects"], **forms(row["stem"], row["infinitive"], row["linking"])}
        for templates in VERB.values():
            writer.write(templates, slots, 36)
    for row in table(ADJECTIVES, ADJECTIVE_COLUMNS):
        slots = {"noun": row["nouns"], **forms(row["stem"], row["infinitive"], row["linking"], is_verb=False)}
        for templates in ADJECTIVE.values():
            writer.write(templates, slots, 36)
    for row in table(PLACES, PLACE_COLUMNS):
        for templates in PLACE.values():
            writer.write(templates, {"place": row["place"], "thing": row["things"]}, 36)
    groups.write(writer, groups.KOREAN, 40)
    writer.write(DAILY, {}, 500)
    Dice(SEED).shuffle(writer.sentences)
    return writer.sentences


def analogies() -> list[str]:
    """Return the lines of the questions file."""
    countries = table(COUNTRIES, COUNTRY_COLUMNS)
    own_money = [c for c in countries if sum(c["money"] == other["money"] for other in countries) == 1]
    own_language = [c for c in countries if sum(c["language"] == other["language"] for other in countries) == 1]
    verbs = [forms(v["stem"], v["infinitive"], v["linking"]) for v in table(VERBS, VERB_COLUMNS)]
    adjectives = [forms(a["stem"], a["infinitive"], a["linking"], is_verb=False)
                  for a in table(ADJECTIVES, ADJECTIVE_COLUMNS)]
    places = [row["place"] for row in table(PLACES, PLACE_COLUMNS)]
    sections = {
        "나라-수도": [(c["country"], c["capital"]) for c in countries],
        "나라-언어": [(c["country"], c["language"]) for c in own_language],
        "나라-돈": [(c["country"], c["money"]) for c in own_money],
        "나라-국민": [(c["country"], c["country"] + "인") for c in countries],
        "가족": [(p["male"], p["female"]) for p in table(PAIRS, PAIR_COLUMNS)],
        "gram-현재-과거": [(v["는다"], v["았다"]) for v in verbs],
        "gram-과거-연결": [(v["았다"], v["고"]) for v in verbs],
        "gram-형용사-관형사형": [(a["다"], a["ㄴ"]) for a in adjectives],
        "gram-형용사-과거": [(a["다"], a["았다"]) for a in adjectives],
        "gram-에서-으로": [(place + "에서", join(place, "으로")) for place in places],
    }
    return list(questions(sections, Dice(SEED + 1), partners=6))
