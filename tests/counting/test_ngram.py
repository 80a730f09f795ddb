import contextlib
import json
import math
import random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from embedkit.counting.ngram import NgramModel
from embedkit.errors import ConfigError, CorpusError, FormatError
from embedkit.files.safetensors import SafetensorsFile
from embedkit.vocabulary.corpus import Corpus
from tests.commands import run_here
from tests.reference_counting import END, KneserNey

RABBITS = ["I like rabbits", "I like turtles", "I don't like snails"]


def corpus(sentences):
    return Corpus.from_sentences([s.split() if isinstance(s, str) else s for s in sentences], min_count=1)


def probabilities(model, sentences):
    return [math.exp(score.log_probability) for score in model.score_sentences(corpus(sentences))]


def random_sentences(n, seed, n_words=12):
    rng = random.Random(seed)
    return [[f"w{min(int(rng.expovariate(0.35)), n_words - 1)}" for _ in range(rng.randint(1, 9))] for _ in range(n)]


def embedkit(*arguments, check=True):
    done = run_here(*arguments)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def test_maximum_likelihood_of_rabbits_turtles_and_snails():
    model = NgramModel.train(corpus(RABBITS), order=2, smoothing="mle")
    assert probabilities(model, RABBITS) == pytest.approx([2 / 9, 2 / 9, 1 / 9])
    assert [round(p, 2) for p in probabilities(model, RABBITS)] == [0.22, 0.22, 0.11]


def test_maximum_likelihood_gives_unseen_words_nothing():
    model = NgramModel.train(corpus(RABBITS), order=2, smoothing="mle")
    score = model.score(corpus(["I like rabbits", "snails like I"]))
    assert score.log_probability == -math.inf
    assert score.perplexity == math.inf


def test_add_k_by_hand():
    model = NgramModel.train(corpus(RABBITS), order=2, smoothing="add-k", k=0.5)
    # after "like" (3 times): 6 words, <unk> and </s> are possible
    after = model.distribution(["I", "like"])
    assert after[model.ids["rabbits"]] == pytest.approx((1 + 0.5) / (3 + 0.5 * 8))
    assert after[model.unknown] == pytest.approx(0.5 / (3 + 0.5 * 8))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [6, 400])  # with too few counts of counts for discounts, and with enough
def test_kneser_ney_is_the_definition(order, n):
    sentences = random_sentences(n, seed=order)
    model = NgramModel.train(corpus(sentences), order=order)
    oracle = KneserNey(sentences, order)
    for context in (sentences[0][:1], sentences[1][:3], ["w0", "never", "w1"], [], ["w11", "w10", "w9"]):
        known = tuple(w if w in model.ids else "<unk>" for w in context)
        expected = [oracle.probability(word, ("<s>", *known)) for word in [*model.words, "<unk>", END]]
        np.testing.assert_allclose(model.distribution(context), expected, rtol=1e-12)


@pytest.mark.parametrize("smoothing", ["kneser-ney", "add-k", "mle"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_text_scores_as_its_words_one_by_one(order, smoothing):
    model = NgramModel.train(corpus(random_sentences(80, 5)), order=order, smoothing=smoothing, k=0.1)
    held_out = random_sentences(20, 6, n_words=14)
    for sentence, score in zip(held_out, model.score_sentences(corpus(held_out)), strict=True):
        places = [model.ids.get(word, model.unknown) for word in sentence] + [model.end]
        with np.errstate(divide="ignore"):
            logs = [np.log(model.distribution(sentence[:i])[place]) for i, place in enumerate(places)]
        assert score.log_probability == pytest.approx(sum(logs))
        assert score.n_predicted == len(sentence) + 1
        assert score.n_unknown == sum(word not in model.ids for word in sentence)


@settings(max_examples=60, deadline=None)
@given(
    sentences=st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6), min_size=1, max_size=12),
    context=st.lists(st.sampled_from("abcxyz"), max_size=5),
    order=st.integers(1, 4),
    smoothing=st.sampled_from(["kneser-ney", "add-k"]),
)
@example([["a"], ["a"], ["c"], ["c"], ["a", "b"], ["c"], ["c"]], [], 2, "kneser-ney")  # a discount would be 0
def test_probabilities_sum_to_one_and_are_positive(sentences, context, order, smoothing):
    distribution = NgramModel.train(corpus(sentences), order=order, smoothing=smoothing).distribution(context)
    assert distribution.sum() == pytest.approx(1.0, abs=1e-12)
    assert (distribution > 0).all()


def test_rare_words_become_unknown():
    model = NgramModel.train(corpus(["a b", "a c", "a b"]), order=2, smoothing="mle", min_count=2)
    assert list(model.words) == ["a", "b"]
    assert probabilities(model, ["a z"]) == pytest.approx([1 / 3])


def test_kneser_ney_beats_add_one_on_held_out_text():
    train, held_out = corpus(random_sentences(300, 1)), corpus(random_sentences(100, 2))
    perplexity = {
        s: NgramModel.train(train, order=3, smoothing=s).score(held_out).perplexity for s in ("kneser-ney", "add-k")
    }
    assert perplexity["kneser-ney"] < perplexity["add-k"]


def test_generation_repeats_with_its_seed_and_follows_the_text():
    model = NgramModel.train(corpus(RABBITS), order=2, smoothing="mle")
    drawn = [model.generate(rng=np.random.default_rng(seed)) for seed in range(30)]
    assert drawn == [model.generate(rng=np.random.default_rng(seed)) for seed in range(30)]
    assert {words[0] for words in drawn} == {"I"}
    assert {words[-1] for words in drawn} == {"rabbits", "turtles", "snails"}
    assert all(model.generate(["I", "don't"], temperature=0)[0] == "like" for _ in range(3))
    assert len(model.generate(max_tokens=2, rng=np.random.default_rng(0))) == 2


def test_topk_draws_among_the_likeliest():
    model = NgramModel.train(corpus(["a x", "a x", "a x", "a y", "a y", "a z"]), order=2)
    drawn = {model.generate(["a"], topk=2, max_tokens=1, rng=np.random.default_rng(s))[0] for s in range(60)}
    assert drawn == {"x", "y"}


@pytest.mark.parametrize("options", [{"order": 0}, {"order": 11}, {"smoothing": "none"}, {"k": 0.0}])
def test_values_that_cannot_work_are_refused(options):
    with pytest.raises(ConfigError):
        NgramModel.train(corpus(RABBITS), **options)


def test_saved_models_come_back_and_open_elsewhere(tmp_path):
    safetensors_numpy = pytest.importorskip("safetensors.numpy")
    model = NgramModel.train(corpus(random_sentences(50, 3)), order=3, config={"tokenizer": "words"})
    model.save(tmp_path / "lm.safetensors")
    again = NgramModel.load(tmp_path / "lm.safetensors")
    text = corpus(random_sentences(20, 4))
    assert again.score(text) == model.score(text)
    assert again.corpus_options() == {"tokenizer": "words"}
    opened = safetensors_numpy.load_file(tmp_path / "lm.safetensors")
    np.testing.assert_array_equal(opened["keys_3"], model.levels[2].keys)


def test_damaged_models_are_refused(tmp_path):
    model = NgramModel.train(corpus(random_sentences(10, 3)), order=2)
    path = tmp_path / "lm.safetensors"
    model.save(path)
    whole = path.read_bytes()
    rng = random.Random(1)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(FormatError, ConfigError):
            NgramModel.load(path).score(corpus(RABBITS))
    for size in range(0, len(whole), 37):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError):
            NgramModel.load(path)


def test_commands(tmp_path):
    text, model = tmp_path / "text.txt", tmp_path / "lm.safetensors"
    text.write_text("\n".join(RABBITS) + "\n", encoding="utf-8")
    embedkit("lm", "train", text, "-o", model, "--model", "ngram", "--order", 2, "--smoothing", "mle")
    lines = embedkit("lm", "evaluate", model, text, "--sentences", "--json").stdout.splitlines()
    assert [round(json.loads(line)["probability"], 2) for line in lines] == [0.22, 0.22, 0.11]
    total = json.loads(embedkit("lm", "evaluate", model, text, "--json").stdout)
    assert total["perplexity"] == pytest.approx((2 / 9 * 2 / 9 / 9) ** (-1 / 13))
    drawn = embedkit("lm", "generate", model, "--prompt", "I don't", "--count", 2).stdout.splitlines()
    assert len(drawn) == 2 and all(line.startswith("I don't like ") for line in drawn)
    assert embedkit("lm", "predict", model, "I don't").stdout == "I don't\tlike\t1.0000\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["train", "TEXT", "-o", "x.safetensors", "--model", "markov"], 2, "--model takes"),
        (["evaluate", "TEXT", "TEXT"], 1, "expected a trained model"),
        (["evaluate", "no-such-model", "TEXT"], 1, "no-such-model"),
        (["generate"], 2, "MODEL"),
    ],
)
def test_bad_usage_is_one_clear_line(tmp_path, arguments, status, message):
    text = tmp_path / "text.txt"
    text.write_text("a b c\n", encoding="utf-8")
    done = embedkit("lm", *(text if a == "TEXT" else a for a in arguments), check=False)
    assert done.returncode == status
    assert message in done.stderr and "Traceback" not in done.stderr


def test_known_perplexity_leaves_unknown_words_out():
    model = NgramModel.train(corpus(["a b a", "b a b"]), order=2, smoothing="add-k")
    score = model.score(corpus(["a zzz b"]))
    p = [model.distribution([])[model.ids["a"]], model.distribution(["a"])[model.unknown]]
    p += [model.distribution(["a", "zzz"])[model.ids["b"]], model.distribution(["b"])[model.end]]
    assert score.perplexity == pytest.approx(np.prod(p) ** (-1 / 4))
    assert score.known_perplexity == pytest.approx((p[0] * p[2] * p[3]) ** (-1 / 3))
    sure = NgramModel.train(corpus(["a b a", "b a b"]), order=1, smoothing="mle").score(corpus(["a zzz"]))
    assert sure.perplexity == np.inf and np.isfinite(sure.known_perplexity)


def test_top_p_draws_among_the_likeliest_words():
    model = NgramModel.train(corpus(["a b"] * 6 + ["a c"] * 3 + ["a d"]), order=2, smoothing="mle")
    rng = np.random.default_rng(0)
    drawn = [{model.generate(["a"], max_tokens=1, top_p=p, rng=rng)[0] for _ in range(60)} for p in (0.5, 0.8, 1.0)]
    assert drawn == [{"b"}, {"b", "c"}, {"b", "c", "d"}]


def test_a_vocabulary_without_words_is_refused():
    with pytest.raises(CorpusError, match=r"no word occurs 100 times: .* lower `min_count`"):
        NgramModel.train(corpus(["a b", "b a"]), min_count=100)


@pytest.mark.parametrize("options", [{"temperature": math.nan}, {"temperature": -1.0}, {"top_p": 2.0}, {"topk": 0}])
def test_draws_that_make_no_sense_are_refused(options):
    with pytest.raises(ConfigError, match=f"`{next(iter(options))}` must be"):
        NgramModel.train(corpus(["a b", "b a"])).generate(**options)


def test_one_string_is_no_list_of_words():
    model = NgramModel.train(corpus([["a", "b"], ["b", "a"]]))
    for ask, name in ((model.distribution, "context"), (model.generate, "prompt")):
        with pytest.raises(ConfigError, match=f"`{name}` must be a list of strings, got the string 'a b'"):
            ask("a b")


def test_models_of_characters_have_blanks(tmp_path):
    text, model = tmp_path / "text.txt", tmp_path / "lm.safetensors"
    text.write_text("the  cat \nthe king\n\nthe cat\n", encoding="utf-8")
    embedkit("lm", "train", text, "-o", model, "--tokenizer", "chars", "--order", 6)
    ngrams = NgramModel.load(model)
    assert ngrams.blanks and ngrams.cut(" the ") == ["t", "h", "e", " "]
    greedy = embedkit("lm", "generate", model, "--prompt", "the c", "--temperature", 0)
    assert greedy.stdout == "the cat\n"
    after = {
        prompt: embedkit("lm", "predict", model, prompt, "--topn", 1).stdout.split("\t")[-2:]
        for prompt in ("the", "the ", "the k")
    }
    assert {prompt: row[0] for prompt, row in after.items()} == {"the": " ", "the ": "c", "the k": "i"}
    piped = run_here("lm", "predict", model, "--topn", 1, stdin="the \n")
    assert piped.stdout.split("\t")[-2:] == after["the "]
    whole = embedkit("lm", "evaluate", model, text).stdout.splitlines()[1].split("\t")
    assert whole[2] == str(len("the cat") * 2 + len("the king") + 3)
    lines = embedkit("lm", "evaluate", model, text, "--sentences").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines[1:]] == ["the cat", "the king", "", "the cat"]
    assert sum(float(line.split("\t")[3]) for line in lines[1:] if line) == pytest.approx(float(whole[1]), rel=1e-4)


def test_a_text_of_characters_without_blanks_is_written_without(tmp_path):
    text, model = tmp_path / "names.txt", tmp_path / "lm.safetensors"
    text.write_text("maria\nmarco\nmartin\n", encoding="utf-8")
    embedkit("lm", "train", text, "-o", model, "--tokenizer", "chars")
    assert embedkit("lm", "generate", model, "--temperature", 0).stdout.startswith("mar")
    two = tmp_path / "two.txt"
    two.write_text("maria marco\n", encoding="utf-8")
    assert embedkit("lm", "evaluate", model, two).stdout.splitlines()[1].split("\t")[2:4] == ["12", "1"]
    assert SafetensorsFile(model).metadata["format_version"] == "2"  # earlier programs refuse it


def test_models_of_characters_without_blanks_stay_as_they_were(tmp_path):
    lines = tmp_path / "text.txt"
    lines.write_text("ab ab\n", encoding="utf-8")
    encoded = Corpus.from_text([str(lines)], min_count=1, tokenizer="chars")
    NgramModel.train(encoded, order=2, config={"tokenizer": "chars"}).save(tmp_path / "lm")
    model = NgramModel.load(tmp_path / "lm")
    assert not model.blanks and model.cut("a b ") == ["a", "b"] and model.text_of(["a", "b"]) == "a b"
    assert embedkit("lm", "evaluate", tmp_path / "lm", lines).stdout.splitlines()[1].split("\t")[2] == "5"


def test_characters_are_read_in_one_thread_and_a_text_without_any_is_refused(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("\n \n", encoding="utf-8")
    train = ("lm", "train", text, "-o", tmp_path / "lm", "--tokenizer", "chars")
    empty = embedkit(*train, check=False)
    assert empty.returncode == 1 and str(text.name) in empty.stderr and "no words" in empty.stderr
    idle = embedkit(*train, "--workers", 2, check=False)
    assert idle.returncode == 2 and "--workers has no effect" in idle.stderr
