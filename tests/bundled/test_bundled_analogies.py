"""A model trained on a bundled corpus in seconds answers what the corpus was written to teach."""

from pathlib import Path

import numpy as np
import pytest

import embedkit
from corpora import make

FOLDER = Path(make.__file__).parent
QUESTIONS = {
    "en": ["man king woman queen", "france paris germany berlin", "korea seoul japan tokyo"],
    "ko": ["남자 왕 여자 여왕", "한국 서울 일본 도쿄", "프랑스 파리 독일 베를린"],
}


@pytest.fixture(scope="module", params=["en", "ko"])
def trained(request):
    path = FOLDER / f"{request.param}.txt"
    return request.param, embedkit.train(str(path), vector_size=64, epochs=5, workers=1, seed=1)


def test_analogies_are_answered(trained):
    language, model = trained
    for line in QUESTIONS[language]:
        a, b, c, d = line.split()
        assert model.analogy(a, b, c, topn=1)[0][0] == d


def test_woman_minus_man_is_nearly_queen_minus_king(trained):
    language, model = trained
    man, king, woman, queen = (model[word] for word in QUESTIONS[language][0].split())
    step, royal_step = woman - man, queen - king
    cosine = step @ royal_step / np.linalg.norm(step) / np.linalg.norm(royal_step)
    # Between unrelated differences of 64 dimensions the cosine is 0 with a standard deviation of .125.
    assert cosine > 0.5
