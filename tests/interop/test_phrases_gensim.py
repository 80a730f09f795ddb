"""Phrase scores are gensim's."""

import pytest

from embedkit.counting.phrases import join_phrases, spell
from embedkit.vocabulary.corpus import Corpus

SENTENCES = [
    line.split()
    for line in (
        "we love new york city",
        "new york city never sleeps",
        "york is old",
        "a new day in new york",
        "the bank of america in the city of new york",
        "bank of america and the sea of the north",
        "of the bank of america of america",
        "서울 특별시 는 새 도시",
        "새 서울 특별시",
    )
] * 4


@pytest.mark.parametrize(("npmi", "threshold"), [(True, 0.4), (False, 2.0)])
@pytest.mark.parametrize("min_count", [1, 3])
@pytest.mark.parametrize("connectors", [(), ("of", "the", "in")])
def test_scores_and_text(npmi, threshold, min_count, connectors):
    models = pytest.importorskip("gensim.models.phrases")
    corpus = Corpus.from_sentences(SENTENCES, min_count=1)
    # gensim's default score multiplies by its number of distinct words and pairs; word2phrase by that of the tokens.
    scale = 1.0
    probe = models.Phrases(
        SENTENCES,
        min_count=min_count,
        threshold=0 if npmi else 1e-9,
        delimiter="_",
        scoring="npmi" if npmi else "default",
        connector_words=frozenset(connectors),
    )
    if not npmi:
        scale = corpus.n_tokens / len(probe.vocab)
    theirs = models.Phrases(
        SENTENCES,
        min_count=min_count,
        threshold=threshold / scale,
        delimiter="_",
        scoring="npmi" if npmi else "default",
        connector_words=frozenset(connectors),
    )
    expected = {pair: score * scale for pair, score in theirs.export_phrases().items()}
    scoring = {"threshold": threshold, "npmi": npmi, "min_count": min_count, "connector_words": connectors}
    ids, words, found = join_phrases(corpus.ids, corpus.vocabulary.index_to_key, **scoring)
    assert expected
    assert {phrase.text: phrase.score for phrase in found[0]} == pytest.approx(expected)
    text = b"".join(spell(ids, words)).decode().splitlines()
    assert text == [" ".join(theirs[sentence]) for sentence in SENTENCES]
