"""Phrases against a plain-Python word2phrase, sentence by sentence."""

import math
from collections import Counter
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.counting import phrase_pairs, phrases
from embedkit.counting.phrase_model import PhraseModel
from embedkit.counting.phrase_pairs import ENGLISH, LONGEST_LINK, Connectors
from embedkit.counting.phrases import Phrase, join_phrases, score_pairs, spell
from embedkit.errors import ConfigError, EmbedkitError, FormatError
from embedkit.vocabulary.corpus import Corpus
from tests.commands import run_here

SENTENCE = st.lists(st.sampled_from(["a", "b", "c", "d", "a_b", "_", "한"]), min_size=1, max_size=9)
CONNECTORS = st.sampled_from([(), ("b",), ("b", "한", "of", "b")])


def chunks(sentence, connectors):
    """Words that may begin or end a phrase, each with the connector words behind it."""
    found = []
    for token in sentence:
        if token in connectors and found:
            found[-1][1].append(token)
        else:
            found.append((token, []))
    return found


def join_plainly(sentences, threshold, delta, min_count, npmi, passes, connectors=()):
    """Score every pair of neighbours, join from left to right, as the word2phrase tool and gensim do."""
    found = []
    for _ in range(passes):
        n = Counter(token for sentence in sentences for token in sentence)
        total = sum(n.values())
        pairs = Counter(
            (a, *between, b)
            for sentence in sentences
            for (a, between), (b, _) in pairwise(chunks(sentence, connectors))
            if a not in connectors and len(between) <= LONGEST_LINK
        )
        good = {}
        for pair, n_ab in pairs.items():
            a, b = pair[0], pair[-1]
            if n_ab < min_count:
                continue
            if npmi:
                p = n_ab / total
                score = math.log(p / (n[a] / total * n[b] / total)) / -math.log(p)
            else:
                score = (n_ab - delta) / (n[a] * n[b]) * total
            if score > threshold:
                good[pair] = (n_ab, score)
        if not good:
            break
        found += [("_".join(pair), n_ab, score) for pair, (n_ab, score) in good.items()]
        joined = []
        for sentence in sentences:
            parts, i, line = chunks(sentence, connectors), 0, []
            while i < len(parts):
                a, between = parts[i]
                if i + 1 < len(parts) and (pair := (a, *between, parts[i + 1][0])) in good:
                    line += ["_".join(pair), *parts[i + 1][1]]
                    i += 2
                else:
                    line += [a, *between]
                    i += 1
            joined.append(line)
        sentences = joined
    return sentences, found


@given(
    st.lists(SENTENCE, min_size=1, max_size=30),
    st.sampled_from([0.1, 0.9, 1.5]),
    st.sampled_from([0, 1.5]),
    st.integers(1, 3),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from([5, 1 << 20]),
    CONNECTORS,
)
def test_text_and_scores_are_those_of_the_plain_loop(
    sentences, threshold, delta, min_count, npmi, passes, block, connectors
):
    threshold = min(threshold, 0.9) if npmi else threshold
    expected, found = join_plainly(sentences, threshold, delta, min_count, npmi, passes, connectors)
    corpus = Corpus.from_sentences(sentences, min_count=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phrases, "BLOCK_IDS", block)
        patch.setattr(phrase_pairs, "BLOCK_IDS", block)
        ids, words, scored = join_phrases(
            corpus.ids,
            corpus.vocabulary.index_to_key,
            threshold=threshold,
            delta=delta,
            min_count=min_count,
            npmi=npmi,
            passes=passes,
            connector_words=connectors,
        )
        assert b"".join(spell(ids, words)).decode() == "".join(" ".join(line) + "\n" for line in expected)
    scored = list(chain.from_iterable(scored))
    assert sorted((p.text, p.count) for p in scored) == sorted((text, count) for text, count, _ in found)
    assert sorted(p.score for p in scored) == pytest.approx(sorted(score for _, _, score in found))
    assert len(set(words)) == len(words)


@given(st.lists(SENTENCE, min_size=1, max_size=20), st.integers(1, 3), st.sampled_from(["_", "~~", "한"]), CONNECTORS)
def test_a_saved_model_joins_its_own_text_as_when_it_was_made(
    tmp_path_factory, sentences, passes, delimiter, connectors
):
    path = tmp_path_factory.mktemp("p") / "phrases"
    corpus = Corpus.from_sentences(sentences, min_count=1)
    text, vocabulary = corpus.ids, corpus.vocabulary.index_to_key
    more = {"min_count": 1, "connector_words": connectors}
    ids, words, found = join_phrases(text, vocabulary, threshold=0.5, passes=passes, delimiter=delimiter, **more)
    PhraseModel(found, delimiter, "korean", True, connectors).save(path)
    model = PhraseModel.load(path)
    assert (model.passes, model.delimiter, model.tokenizer, model.lowercase) == (found, delimiter, "korean", True)
    again = model.apply(text, vocabulary)
    assert b"".join(spell(*again)) == b"".join(spell(ids, words))


def test_a_saved_model_joins_another_text(tmp_path):
    found = [
        [Phrase("new_york", 5, 9.0, "new", "york"), Phrase("rare_words", 5, 9.0, "rare", "words")],
        [Phrase("new_york_city", 5, 9.0, "new_york", "city")],
    ]
    corpus = Corpus.from_sentences([["new", "york", "city", "is", "new", "new", "york"], ["york", "city"]], min_count=1)
    ids, words = PhraseModel(found).apply(corpus.ids, corpus.vocabulary.index_to_key)
    assert b"".join(spell(ids, words)) == b"new_york_city is new new_york\nyork city\n"


@pytest.mark.parametrize("text", ["", "x", "[1]", '{"format": "embedkit-phrases", "version": 2}'])
def test_other_files_are_no_phrases(tmp_path, text):
    (tmp_path / "p").write_text(text)
    with pytest.raises(EmbedkitError):
        PhraseModel.load(tmp_path / "p")
    good = '{"format": "embedkit-phrases", "version": 1, "delimiter": "_", "tokenizer": "words", "lowercase": false}\n'
    (tmp_path / "p").write_text(f'{good}[1, "a", "b", 3, 4.5]\n[3, "a", "b", 3, 4.5]\n')
    with pytest.raises(FormatError, match="line 3"):
        PhraseModel.load(tmp_path / "p")
    (tmp_path / "p").write_text(f'{good}[1, "a", "b", 3, 4.5, "of"]\n')
    with pytest.raises(FormatError, match="line 2: expected"):
        PhraseModel.load(tmp_path / "p")
    (tmp_path / "p").write_text(good.replace("}", ', "connector_words": [1]}'))
    with pytest.raises(FormatError, match="line 1: damaged"):
        PhraseModel.load(tmp_path / "p")


def test_formulas():
    # Mikolov et al. 2013, equation 6, times the number of tokens.
    assert score_pairs(8, 10, 20, 1000, delta=5)[()] == pytest.approx((8 - 5) / (10 * 20) * 1000)
    # Bouma 2009: 1 for words that only ever stand together, 0 for independent ones.
    assert score_pairs(4, 4, 4, 100, npmi=True)[()] == pytest.approx(1)
    assert score_pairs(1, 10, 10, 100, npmi=True)[()] == pytest.approx(0)


def test_bad_options():
    corpus = Corpus.from_sentences([["a", "b"]], min_count=1)
    for options in ({"passes": 0}, {"min_count": 0}, {"npmi": True, "threshold": 2.0}, {"delimiter": " "}):
        with pytest.raises(ConfigError):
            join_phrases(corpus.ids, corpus.vocabulary.index_to_key, **options)


LINES = ["we love new york city\n", "new york city never sleeps\n", "york is old\n", "a new day\n"]


def run(*arguments):
    return run_here("phrases", *arguments)


def test_the_command_joins_new_york(tmp_path):
    (tmp_path / "text.txt").write_text("".join(LINES) * 3)
    options = [str(tmp_path / "text.txt"), "--threshold", "1.5", "--delta", "0", "--min-count", "3"]
    sentences = [line.split() for line in LINES * 3]
    for passes in (1, 2):
        expected, _ = join_plainly(sentences, 1.5, 0, 3, False, passes)
        done = run(*options, "--passes", str(passes))
        assert done.returncode == 0, done.stderr
        assert [line.split() for line in done.stdout.splitlines()] == expected
    assert "new_york" in done.stdout
    run(*options, "--passes", "2", "-o", str(tmp_path / "joined.txt"))
    assert (tmp_path / "joined.txt").read_text() == done.stdout


def test_the_list_of_phrases(tmp_path):
    (tmp_path / "text.txt").write_text("".join(LINES) * 3)
    done = run(str(tmp_path / "text.txt"), "--npmi", "--threshold", "0.8", "--list")
    _, found = join_plainly([line.split() for line in LINES * 3], 0.8, 0, 5, True, 1)
    assert sorted(done.stdout.splitlines()) == sorted(f"{text}\t{count}\t{score:.4f}" for text, count, score in found)
    assert len(found) >= 1
    assert run(str(tmp_path / "text.txt"), "--json").returncode == 2
    assert run(str(tmp_path / "text.txt"), "--list", "-o", "x").returncode == 2
    missing = run(str(tmp_path / "none.txt"))
    assert missing.returncode == 1
    assert missing.stderr == f"embedkit: error: {tmp_path / 'none.txt'}: no such file or folder\n"


def test_phrases_are_kept_and_applied(tmp_path):
    (tmp_path / "a.txt").write_text("".join(LINES) * 3)
    (tmp_path / "b.txt").write_text("A city in NEW YORK state\n")
    options = ["--threshold", "0.5", "--min-count", "2", "--lowercase", "--delimiter", "~"]
    done = run(tmp_path / "a.txt", *options, "--save-phrases", tmp_path / "p")
    assert "we~love" in done.stdout
    done = run(tmp_path / "b.txt", "--apply", tmp_path / "p")
    assert done.stdout == "a city in new~york state\n", done.stderr
    assert run(tmp_path / "b.txt", "--apply", tmp_path / "p", "--passes", "2").returncode == 2


def test_links_are_one_number_and_say_what_stands_between():
    for n_words in (1, 3, 15, 200, 5000):
        connectors = Connectors.of([f"w{i}" for i in range(n_words)])
        for length in range(connectors.longest + 1):
            between = (connectors.words[-1],) * length
            link = connectors.link(between)
            assert 0 <= link < 2**63 and connectors.between(link) == between
        assert connectors.link(connectors.words[:1] * (connectors.longest + 1)) is None
    assert Connectors.of(["of", "the"]).link(["of", "a"]) is None


def test_connector_words_on_the_command_line(tmp_path):
    lines = [
        "she works for the bank of america today",
        "bank of america and the city of london",
        "a bank",
        "in america",
    ]
    (tmp_path / "a.txt").write_text("\n".join(lines * 4) + "\n")
    (tmp_path / "b.txt").write_text("The Bank of the America or bank of america\n")
    options = ["--threshold", "2", "--min-count", "3", "--lowercase", "--delta", "0"]
    done = run(tmp_path / "a.txt", *options, "--connector-words", "english", "--save-phrases", tmp_path / "p")
    expected, _ = join_plainly([line.split() for line in lines * 4], 2, 0, 3, False, 1, ENGLISH)
    assert [line.split() for line in done.stdout.splitlines()] == expected and "bank_of_america" in done.stdout
    done = run(tmp_path / "b.txt", "--apply", tmp_path / "p")
    assert done.stdout == "the bank of the america or bank_of_america\n", done.stderr
    assert run(tmp_path / "b.txt", "--apply", tmp_path / "p", "--connector-words", "of").returncode == 2
    (tmp_path / "words").write_text("of\nthe\n")
    of_file = run(tmp_path / "a.txt", *options, "--connector-words", tmp_path / "words", "--list")
    assert of_file.stdout == run(tmp_path / "a.txt", *options, "--connector-words", "the,of", "--list").stdout
    assert "city_of_london" in of_file.stdout
    assert "note: no phrase holds a connector word" in run(tmp_path / "a.txt", "--connector-words", "englsh").stderr
