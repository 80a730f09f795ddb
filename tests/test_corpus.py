"""The encoded corpus: the same as counting and looking up with plain Python."""

from collections import Counter

import numpy as np
import pytest

from embedkit.corpus import SENTENCE_END, Corpus
from embedkit.errors import CorpusError
from embedkit.vocabulary import Vocabulary

TEXT = "the cat sat on the mat\n\n \nthe dog sat\r\n의자 위에 고양이\u3000고양이\na lone\n"


def encode(lines, min_count, max_vocab=None):
    """Plain Python: (words, ids)."""
    counts = Counter(token for line in lines for token in line)
    words = sorted((w for w in counts if counts[w] >= min_count), key=lambda w: (-counts[w], w.encode()))[:max_vocab]
    ids = []
    for line in lines:
        sentence = [words.index(token) for token in line if token in words]
        ids += [*sentence, SENTENCE_END] if sentence else []
    return words, ids


@pytest.mark.parametrize("min_count", [1, 2])
@pytest.mark.parametrize("max_vocab", [None, 2])
def test_ids_and_words_are_those_of_plain_python(tmp_path, min_count, max_vocab):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    words, ids = encode([line.split() for line in TEXT.split("\n")], min_count, max_vocab)
    corpus = Corpus.from_text(path, min_count=min_count, max_vocab=max_vocab)
    assert list(corpus.vocabulary.index_to_key) == words
    assert corpus.ids.tolist() == ids
    assert corpus.ids.dtype == np.int32
    assert corpus.n_tokens == sum(i >= 0 for i in ids)
    assert corpus.n_sentences == ids.count(SENTENCE_END)
    assert corpus.n_raw_tokens == len(TEXT.split())
    listed = Corpus.from_sentences([line.split() for line in TEXT.split("\n")], min_count=min_count,
                                   max_vocab=max_vocab)
    assert listed.vocabulary == corpus.vocabulary
    assert listed.ids.tolist() == ids


def test_a_given_vocabulary_decides_the_ids(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    corpus = Corpus.from_text(path, vocabulary=Vocabulary(["mat", "nowhere", "the"], [3, 2, 1]))
    assert corpus.ids.tolist() == [2, 2, 0, SENTENCE_END, 2, SENTENCE_END]
    assert corpus.n_raw_tokens == len(TEXT.split())


def test_nothing_frequent_enough_says_how_many_there_were(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    with pytest.raises(CorpusError, match="11 distinct words and the most frequent one occurs 3 times"):
        Corpus.from_text(path)
