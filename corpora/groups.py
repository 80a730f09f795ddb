"""Words of a kind: what animals, meals or jobs have in common is said of each of them in the same sentences.

A group's words share their surroundings, so that they become neighbours: dog and cat rather than dog and clock.
"""

from __future__ import annotations

from corpora.grammar import Writer

ENGLISH = {
    "dog cat horse cow lion wolf monkey fox mouse elephant snake turtle rabbit bear tiger sheep pig gorilla": [
        "the [hungry|wild|tame|frightened] {word} [followed|watched|feared] the {word}",
        "a {word} is an animal and so is a {word}",
        "the vet [examined|weighed|stroked] [a sick|a young|an injured] {word}",
        "we fed the {word} at the zoo [in {season}|on {day}|with the keeper]",
        "the tail of the {word} is [short|long|brown|grey] and its paws are [big|small]",
        "the {word} [slept|ran|hid] in its cage while the keeper called the {word}",
    ],
    "bread rice soup cheese cake pie fish salad pasta cookies noodles sausages porridge curry": [
        "we had {word} with {word} for [breakfast|lunch|dinner|supper]",
        "this {word} tastes [delicious|fresh|salty|spicy|awful]",
        "the cook served {word} on a [hot|clean|big] plate",
        "{who} ordered {word} and {word} for dinner",
        "there is no more {word} in the pantry so we ate {word}",
        "a recipe for {word} with [salt|butter|garlic|pepper]",
    ],
    "tea coffee juice milk water lemonade wine beer": [
        "{who} drank a [cup|glass|bottle|sip] of {word} [in the morning|after lunch|with a friend]",
        "would you like some more {word} or {word}",
        "a [cup|glass|jug] of [cold|hot|fresh] {word} please",
        "she poured {word} into the glass and spilled the {word}",
        "i am thirsty and the {word} is [cold|gone|finished]",
    ],
    "coat jacket scarf cap shirt hat sweater dress skirt": [
        "she put on a [warm|new|woollen] {word} and a {word}",
        "the {colour} {word} fits [him|her|me] [well|badly|perfectly]",
        "he took off his {word} and hung it in the wardrobe beside the {word}",
        "the tailor [sewed|mended|ironed] the {word} [in {month}|on {day}]",
        "a {word} with {number} buttons made of wool",
    ],
    "doctor teacher farmer sailor soldier chef nurse engineer lawyer baker scientist detective": [
        "she [became|wants to be|works as] a {word} and her brother is a {word}",
        "the [experienced|young|busy] {word} went to work [on {day}|early]",
        "a {word} earns a salary and has [a colleague|an apprentice]",
        "the {word} was hired in {month} and retired in {month}",
        "his job as a {word} is [hard|interesting|tiring] so he became a {word}",
    ],
    "car bus train truck taxi tractor tram van": [
        "the driver of the {word} [stopped|started] the engine [at the corner|on {day}]",
        "we took the {word} to [town|work|the station] because the {word} was late",
        "the {word} was stuck in traffic [for {number} hours|on {day}]",
        "passengers got off the {word} and into a {word}",
        "the wheels of the {word} need new tyres",
    ],
    "school hospital library museum hotel castle bank church theatre restaurant": [
        "the old {word} was built {number} centuries ago opposite the {word}",
        "the entrance of the {word} is around the corner from the {word}",
        "{who} waited in front of the {word} [at noon|on {day}]",
        "an architect designed the new {word} beside the {word}",
        "the {word} closes at {number} and opens at {number}",
    ],
    "river lake sea ocean mountain valley forest desert island canyon hill cliff": [
        "we hiked along the {word} [in {season}|in {month}] as far as the {word}",
        "a map of the {word} and the {word}",
        "the view over the {word} is [breathtaking|splendid] at sunset",
        "explorers discovered the {word} behind the {word}",
        "the {word} lies between a {word} and a {word}",
    ],
    "rain snow wind fog frost hail": [
        "the forecast says {word} [on {day}|in {month}|for {number} days]",
        "after the {word} came more {word} [in {season}|on {day}]",
        "heavy {word} delayed the flights [in {month}|on {day}]",
        "the {word} stopped [at last|on {day}] and the sun came out",
    ],
    "piano violin drum trumpet guitar flute cello": [
        "he practised the {word} before the concert [on {day}|for {number} hours]",
        "a duet for {word} and {word} in the orchestra",
        "she tuned the {word} and played a melody",
        "lessons on the {word} cost more than lessons on the {word}",
    ],
    "happy sad angry proud tired afraid jealous lonely": [
        "{who} felt [very|so|a little] {word} [on {day}|all day|again]",
        "why are you so {word} today asked the [nurse|teacher]",
        "she looked {word} and a moment later {word}",
        "he was too {word} to [speak|sleep|eat]",
    ],
    "hand arm leg foot head shoulder knee ear nose": [
        "he [hurt|broke|washed] his {word} and his {word} [on {day}|yesterday]",
        "the nurse put a bandage around the {word}",
        "my left {word} hurts more than my right {word}",
        "a scar on the {word} and another on the {word}",
    ],
}

KOREAN = {
    "개 고양이 말 소 돼지 토끼 호랑이 곰 사자 원숭이 여우 양": [
        "{word:은} 동물이고 {word}도 동물이다",
        "배고픈 {word:이} {word:을} [따라갔다|쳐다보았다|무서워했다]",
        "수의사가 [아픈|어린|다친] {word:을} [진찰했다|쓰다듬었다]",
        "{who} 농장에서 {word} 한 마리를 [길렀다|보았다|그렸다]",
        "{word} 꼬리는 [짧고|길고] {word} 발은 [크다|작다]",
        "사육사가 부르자 {word} 두 마리가 달려왔다",
    ],
    "밥 빵 국수 떡 고기 죽 만두 김치 두부 라면": [
        "{who} {season}에 {word:과} {word:을} 먹었다",
        "오늘 {word:은} [맛있다|짜다|싱겁다|식었다]",
        "식탁에 {word} 한 접시와 {word} 한 그릇이 있다",
        "점심에 {word} 대신 {word} 먹을까",
        "{word} 만드는 법을 배워 {word} 만들었다",
    ],
    "물 커피 우유 차 주스 맥주": [
        "{who} [아침에|점심 뒤에|저녁에] {word} 한 잔을 마셨다",
        "[찬|따뜻한|시원한] {word:이나} {word:을} 드릴까요",
        "목이 말라 {word} 한 병과 {word} 한 컵을 샀다",
        "잔에 {word:을} 따르다가 {word:을} 쏟았다",
    ],
    "바지 치마 외투 모자 양말 장갑 셔츠": [
        "새 {word:을} 사고 헌 {word:을} 버렸다",
        "옷장에 {word:과} {word:이} 걸려 있다",
        "이 {word:은} 몸에 [맞다|크다|작다]",
        "재단사가 {word} 한 벌을 [꿰맸다|다렸다]",
    ],
    "의사 교사 농부 어부 요리사 간호사 군인 기자 변호사 목수": [
        "{who} 커서 {word:이} 되고 싶다고 했다",
        "[젊은|바쁜|이름난] {word} 한 사람이 {day}에도 일했다",
        "{word} 월급이 {word} 월급보다 [많다|적다]",
        "{word} 일을 그만두고 {word:이} 되었다",
        "삼십 년 동안 {word:으로} 일하고 {month}에 은퇴했다",
    ],
    "버스 기차 자동차 택시 트럭 전차": [
        "{who} {word:을} 타고 가다가 {word:으로} 갈아탔다",
        "{word} 운전사가 [길모퉁이에서|{day}에] 멈췄다",
        "길이 막혀 {word:이} {number} 시간 늦었다",
        "{word} 바퀴와 {word} 바퀴를 바꾸었다",
    ],
    "산 강 바다 호수 숲 들판 섬 언덕": [
        "{season}에 {word} 너머 {word:을} 구경했다",
        "{word} 그림과 {word} 지도를 벽에 걸었다",
        "해 질 무렵 {word} 풍경이 [멋지다|눈부시다]",
        "탐험가가 {word} 건너 {word:을} 발견했다",
        "{word:은} {word:과} {word} 사이에 있다",
    ],
    "비 눈 바람 안개 서리 우박": [
        "일기 예보에 따르면 {day}에 {word:이} 온다고 한다",
        "{word} 때문에 {month}에 비행기가 늦었다",
        "{word} 그친 뒤 다시 {word:이} 시작되었다",
        "{season}에는 {word:이나} {word} 걱정을 한다",
    ],
    "손 발 머리 다리 팔 어깨 무릎 코 귀": [
        "{day}에 {word:과} {word:을} 다쳤다",
        "간호사가 {word}에 붕대를 감았다",
        "왼쪽 {word} 말고 오른쪽 {word:이} 아프다",
        "{word} 위에 상처가 있고 {word} 끝이 차다",
    ],
    "피아노 바이올린 북 나팔 기타 피리": [
        "음악회를 앞두고 {word:을} {number} 시간 연습했다",
        "{word:과} {word:을} 위한 합주곡을 들었다",
        "{word} 소리가 {word} 소리보다 [크다|맑다]",
        "{word} 수업료가 비싸서 {word:을} 배웠다",
    ],
    "빨간 파란 노란 하얀 검은 초록": [
        "{who} {word} 꽃과 {word} 나비를 그렸다",
        "{word} 지붕 옆에 {word} 대문이 있다",
        "{word} 물감을 {word} 종이에 칠했다",
        "신호등이 {word} 불에서 {word} 불로 바뀌었다",
    ],
    "기쁘다 슬프다 화난다 외롭다 무섭다 부럽다": [
        "{who} 그 소식을 들으니 {word}고 했다",
        "왜 그런지 오늘은 {word}",
        "어제는 {word} 오늘도 {word}",
        "혼자 있으면 {word} 함께 있어도 {word}",
    ],
}


def write(writer: Writer, groups: dict[str, list[str]], times: int) -> None:
    """Add what is said of each group: each of its words stands in about `times` of the sentences."""
    for names, templates in groups.items():
        words = names.split()
        writer.write(templates, {"word": words}, times * len(words))
