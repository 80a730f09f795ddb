"""How well vectors know Korean: graded pairs, analogies, inflected forms, and typos, all written for this project.

    python -m tests.benchmarks.korean_probe MODEL...

For guidance while tuning, too small for claims. With several models, pairs and analogies count only where every model
has all words in its vocabulary, so that models with and without subwords answer the same questions.
"""

from __future__ import annotations

import argparse
import itertools
import sys

import numpy as np

import embedkit
from embedkit.query.keyed_vectors import KeyedVectors
from tests.benchmarks.misspelt import found_again

# Relatedness from 0 to 10, as one speaker sees it.
PAIRS = """
아버지 어머니 8.5|형 동생 8|왕 왕비 8|의사 병원 8.5|의사 간호사 8|학생 학교 8.5|교사 학교 8.5|선생님 학생 8
책 도서관 8|책 신문 6|자동차 버스 7.5|자동차 도로 7|기차 철도 9|비행기 공항 8.5|배 항구 8|바다 섬 7|산 강 6.5
산 등산 8.5|하늘 구름 8|비 눈 7|여름 겨울 7.5|봄 가을 7.5|아침 저녁 7.5|낮 밤 8|어제 오늘 8|빨강 파랑 7.5
고양이 개 7.5|소 돼지 7.5|호랑이 사자 8|나무 숲 8.5|꽃 나무 7|물 불 6|물 강 7|술 맥주 8.5|밥 음식 8|커피 차 7.5
우유 치즈 7.5|영화 배우 8.5|영화 감독 8.5|음악 노래 8.5|가수 노래 9|가수 배우 7.5|축구 야구 8|축구 선수 8
대통령 정부 8|대통령 총리 8.5|국회 의원 8.5|법 법원 8.5|경찰 범죄 8|군대 전쟁 8.5|전쟁 평화 6.5|사랑 결혼 7
사랑 미움 6.5|돈 은행 8.5|회사 기업 9|경제 시장 8|과학 기술 8.5|수학 물리학 8|물리학 화학 8|컴퓨터 인터넷 8
서울 부산 8|서울 도쿄 7|한국 일본 7.5|중국 베이징 8.5|불교 절 8.5|교회 기독교 9|신 종교 8|역사 고대 7|왕 백성 7
말 언어 8|아버지 자동차 1|왕비 컴퓨터 .5|의사 바다 1|학교 호랑이 1|책 비행기 1.5|고양이 은행 .5|꽃 법원 .5
커피 철도 1|축구 치즈 1|대통령 구름 1|겨울 수학 1|국회 우유 .5|섬 간호사 .5|빨강 경제 1|노래 경찰 1
나무 인터넷 1|공항 사자 1|결혼 화학 1|맥주 언어 1|숲 은행 1
"""

ANALOGIES = """
수도: 한국 서울|일본 도쿄|중국 베이징|프랑스 파리|영국 런던|독일 베를린|러시아 모스크바|이탈리아 로마|스페인 마드리드
가족: 아버지 어머니|아들 딸|남편 아내|할아버지 할머니|형 누나|왕 왕비|왕자 공주|남자 여자
반대: 크다 작다|높다 낮다|많다 적다|길다 짧다|좋다 나쁘다|넓다 좁다
언어: 한국 한국어|일본 일본어|중국 중국어|프랑스 프랑스어|독일 독일어|러시아 러시아어|스페인 스페인어
조사: 학교 학교에서|도시 도시에서|바다 바다에서|집 집에서|전쟁 전쟁에서|나라 나라에서
복수: 사람 사람들|학생 학생들|나라 나라들|도시 도시들|작품 작품들|선수 선수들
과거: 한다 했다|된다 되었다|있다 있었다|받는다 받았다|간다 갔다|온다 왔다
"""

FORMS = """
학교 학교에서 학교는 학교를 학교의|도시 도시에서 도시는 도시를 도시의|전쟁 전쟁에서 전쟁은 전쟁을 전쟁의
음악 음악에서 음악은 음악을 음악의|선수 선수들이 선수는 선수를 선수의|정부 정부에서 정부는 정부를 정부의
영화 영화에서 영화는 영화를 영화의|대학교 대학교에서 대학교는 대학교를 대학교의
"""

TYPOS = """
대한민국 대한민굮|대한민국 데한민국|컴퓨터 컴퓨타|컴퓨터 컴푸터|자동차 자동챠|선생님 선샌님|대통령 대통렁
도서관 도서괸|비행기 비헹기|어머니 어머늬|아버지 아바지|프랑스 프랑쓰|올림픽 올림픡|텔레비전 텔레비젼
아파트 아파뜨|인터넷 인터냇
"""


def entries(table: str) -> list[str]:
    """The parts of a table, over its lines."""
    return [part.strip() for line in table.strip().splitlines() for part in line.split("|")]


def pair_correlation(model: KeyedVectors, known: set[str]) -> tuple[float, int]:
    """Spearman's ρ over the pairs whose words every model knows, and their number."""
    rows = [(a, b, float(score)) for a, b, score in map(str.split, entries(PAIRS)) if {a, b} <= known]
    found = [model.similarity(a, b) for a, b, _ in rows]
    ranks = [np.argsort(np.argsort(values)) for values in (found, [score for *_, score in rows])]
    return float(np.corrcoef(*ranks)[0, 1]), len(rows)


def analogy_accuracy(model: KeyedVectors, known: set[str]) -> tuple[float, float, int]:
    """Share of first answers that are right, mean reciprocal rank among ten, number of questions."""
    right, reciprocal, n = 0, 0.0, 0
    for line in ANALOGIES.strip().splitlines():
        pairs = [pair.split() for pair in line.partition(":")[2].split("|")]
        for (a, b), (c, d) in itertools.permutations(pairs, 2):
            if not {a, b, c, d} <= known:
                continue
            answers = [word for word, _ in model.analogy(a, b, c, 10, restrict_vocab=50_000)]
            n += 1
            right += answers[0] == d
            reciprocal += 1 / (answers.index(d) + 1) if d in answers else 0
    return right / max(n, 1), reciprocal / max(n, 1), n


def form_similarity(model: KeyedVectors) -> float:
    """How much nearer forms of one word are than forms of different words with the same particles."""
    groups = [entry.split() for entry in entries(FORMS)]
    groups = [[word for word in group if model.has_vector(word)] for group in groups]
    same = [model.similarity(a, b) for group in groups for a, b in itertools.combinations(group, 2)]
    other = [model.similarity(a, b) for x, y in itertools.combinations(groups, 2) for a, b in zip(x, y, strict=False)]
    return float(np.mean(same) - np.mean(other))


def typo_rank(model: KeyedVectors) -> tuple[float, float]:
    """How often the right word is among a typo's five nearest, and the mean cosine."""
    rows = [entry.split() for entry in entries(TYPOS)]
    rows = [(right, typo) for right, typo in rows if right in model and typo not in model and model.has_vector(typo)]
    if not rows:
        return 0.0, 0.0
    hits = [right in [word for word, _ in model.most_similar(typo, topn=5)] for right, typo in rows]
    return float(np.mean(hits)), float(np.mean([model.similarity(right, typo) for right, typo in rows]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    models = {path: embedkit.load(path) for path in parser.parse_args().models}
    known = set.intersection(*(set(model.index_to_key) for model in models.values()))
    print("model\tpairs ρ\tn\tanalogies\tMRR\tn\tforms\ttypos in 5\tcosine\tmade typos in 5\tn")
    for path, model in models.items():
        figures = (
            *pair_correlation(model, known),
            *analogy_accuracy(model, known),
            form_similarity(model),
            *typo_rank(model),
            *found_again(model),
        )
        print(path, *(f"{value:.3f}" if isinstance(value, float) else value for value in figures), sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
