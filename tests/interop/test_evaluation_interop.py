"""The same numbers as gensim's evaluate_word_pairs and evaluate_word_analogies, to the last question."""

import numpy as np
import pytest

from embedkit.analysis.evaluation import evaluate_analogies, evaluate_pairs
from embedkit.analysis.testsets import read_analogies, read_pairs
from embedkit.query.keyed_vectors import KeyedVectors

gensim = pytest.importorskip("gensim.models.keyedvectors")


def structured(n_stems=120, size=20, seed=0):
    """Words with endings, each a direction, in mixed case, with equal and zero vectors: (words, vectors)."""
    rng = np.random.default_rng(seed)
    endings = {"": 0, "ed": 1, "ing": 2, "er": 3}
    directions = rng.standard_normal((4, size))
    words, rows = [], []
    for stem in range(n_stems):
        base = rng.standard_normal(size)
        for ending, i in endings.items():
            words.append(f"stem{stem}{ending}")
            rows.append(base + directions[i] + 0.5 * rng.standard_normal(size))
    order = rng.permutation(len(words))
    words, rows = [words[i] for i in order], [rows[i] for i in order]
    for i in rng.integers(0, len(words), 60):  # case variants: a near copy, or exactly the same vector
        for form in (words[i].upper(), words[i].capitalize()):
            words.append(form)
            rows.append(rows[i] + 0.2 * rng.standard_normal(size) * rng.integers(0, 2))
    for i in rng.integers(0, len(words), 40):  # other words with the same vector: ties
        words.append(f"copy{len(words)}")
        rows.append(rows[i])
    words.append("zero")
    rows.append(np.zeros(size))
    vectors = np.array(rows, np.float32)
    place = rng.permutation(len(words))
    words = [words[i] for i in place]
    keep = [words.index(word) == i for i, word in enumerate(words)]
    return [w for w, k in zip(words, keep, strict=True) if k], vectors[place][keep]


@pytest.fixture(scope="module", params=[0, 1])
def models(request):
    words, vectors = structured(seed=request.param)
    other = gensim.KeyedVectors(vectors.shape[1])
    other.add_vectors(words, vectors)
    return KeyedVectors(words, vectors), other


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    rng = np.random.default_rng(9)
    path = tmp_path_factory.mktemp("sets") / "questions.txt"
    with open(path, "w", encoding="utf-8") as stream:
        for name, ending in (("past", "ed"), ("gram1-ing", "ing"), ("gram2-er", "er")):
            stream.write(f": {name}\n")
            for _ in range(300):
                a, b = rng.integers(0, 125, 2)  # stems beyond 119 are unknown; a and b may be the same
                stream.write(f"stem{a} Stem{a}{ending} STEM{b} stem{b}{ending}\n")
    return path


@pytest.mark.parametrize("restrict_vocab", [300_000, 400, 40])
@pytest.mark.parametrize("case_sensitive", [False, True])
def test_analogies_to_the_last_question(models, questions, restrict_vocab, case_sensitive):
    ours, theirs = models
    score, sections = theirs.evaluate_word_analogies(str(questions), restrict_vocab, not case_sensitive)
    found = evaluate_analogies(
        ours, read_analogies(questions), restrict_vocab=restrict_vocab, case_sensitive=case_sensitive
    )
    for section, expected in zip([*found.sections, found.total], sections, strict=True):
        assert section.correct == expected["correct"]
        assert section.incorrect == expected["incorrect"]
    if found.total.used:
        assert found.total.accuracy == score
    if restrict_vocab > 100 and not case_sensitive:
        assert found.total.correct and found.total.incorrect and found.total.skipped


def test_3cosmul_against_most_similar_cosmul(models, questions):
    ours, theirs = models
    found = evaluate_analogies(ours, read_analogies(questions), method="3cosmul", case_sensitive=True)
    right = {question for section in found.sections for question in section.correct}
    asked = dict.fromkeys(q for section in found.sections for q in (*section.correct, *section.incorrect))
    assert right and len(right) < len(asked)
    for a, b, c, expected in asked:
        (answer, value), *others = theirs.most_similar_cosmul(positive=[b, c], negative=[a], topn=2)
        if others and value - others[0][1] > 1e-5:
            assert ((a, b, c, expected) in right) == (answer == expected)


@pytest.mark.parametrize("restrict_vocab", [300_000, 200])
def test_word_pairs(models, tmp_path, restrict_vocab):
    ours, theirs = models
    rng = np.random.default_rng(4)
    path = tmp_path / "pairs.tsv"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("# first\tsecond\tscore\n")
        for _ in range(400):
            a, b = rng.integers(0, 125, 2)
            stream.write(f"Stem{a}\tstem{b}ED\t{rng.integers(0, 20) / 2}\n")
    pearson, spearman, unknown = theirs.evaluate_word_pairs(str(path), restrict_vocab=restrict_vocab)
    found = evaluate_pairs(ours, read_pairs(path), restrict_vocab=restrict_vocab)
    assert found.spearman.value == pytest.approx(spearman[0], abs=1e-9)
    assert found.pearson.value == pytest.approx(pearson[0], abs=1e-6)
    assert (1 - found.used / found.total) * 100 == pytest.approx(unknown)
