"""What training says of a text that would be learnt better when it is cut otherwise."""

import unicodedata

import pytest

import embedkit

ENGLISH = "He left early, as he said. She stayed (with him) and slept!\n"
PLAIN = "he left early as he said she stayed with him and slept\n"
KOREAN = "화학은 물질을 다룬다. 물리학도 물질을 다루는 학문이다.\n"
DECOMPOSED = "나는 학교에 간다\n" + unicodedata.normalize("NFD", "나는 학교에 간다\n")
OLD = "나랏\u1106\u119e\u11af 漢字는 \uf967\n"
ABBREVIATED = PLAIN * 9 + "mr. smith left\n"


def said(corpus, **options):
    notes = []
    embedkit.train(corpus, workers=1, epochs=1, vector_size=8, min_count=1, sample=0, note=notes.append, **options)
    return [note for note in notes if any(part in note for part in ("punctuation", "Hangul, where", "(NFD)"))]


@pytest.mark.parametrize(
    ("text", "options", "notes"),
    [
        (ENGLISH, {}, ["42% of the words have punctuation at them, such as (with: `tokenizer` words"]),
        (ENGLISH, {"tokenizer": "words"}, []),
        (PLAIN, {}, []),
        (ABBREVIATED, {}, []),
        (
            KOREAN,
            {"model": "fasttext"},
            ["29% of the words have punctuation at them, such as 다룬다.: `tokenizer` korean"],
        ),
        (KOREAN, {"model": "fasttext", "tokenizer": "korean"}, []),
        (DECOMPOSED, {"model": "fasttext"}, ["50% of the words are decomposed (NFD), and other words than the same"]),
        (DECOMPOSED, {"model": "fasttext", "tokenizer": "korean"}, []),
        (DECOMPOSED, {"tokenizer": "chars"}, ["29% of the characters are vowels of decomposed syllables (NFD)"]),
        (OLD, {"tokenizer": "chars"}, []),
        (OLD, {"model": "fasttext"}, []),
        (KOREAN, {"tokenizer": "words"}, ["most of the text is Hangul, where a word has many forms"]),
    ],
)
def test_punctuation_and_particles_are_told(tmp_path, text, options, notes):
    (tmp_path / "a.txt").write_text(text * 20, encoding="utf-8")
    found = said(tmp_path / "a.txt", **options)
    assert len(found) == len(notes)
    assert all(note.startswith(start) for note, start in zip(found, notes, strict=True))


def test_nothing_is_told_of_token_lists():
    assert said([line.split() for line in (ENGLISH * 20).splitlines()]) == []


def test_a_vocabulary_that_hardly_has_the_text_is_told(tmp_path):
    text, words = tmp_path / "a.txt", tmp_path / "v.txt"
    text.write_text("나는 학교에 간다 오늘\n" * 20, encoding="utf-8")
    for form, told in (("학교에 9\n간다 9\n", 0), ("간다 9\n" + unicodedata.normalize("NFD", "학교에 9\n나는 9\n"), 1)):
        words.write_text(form, encoding="utf-8")
        notes = []
        embedkit.train(text, vocabulary=words, epochs=1, vector_size=4, sample=0, workers=1, note=notes.append)
        assert sum("25.0% of the text are words of `vocabulary`" in note for note in notes) == told
