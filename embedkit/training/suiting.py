"""Defaults that suit the corpus: passes, rate, and how many of the frequent words, where nothing else was asked for.

Five passes at a rate of .025 are the word2vec tool's choice for a billion words; from them little text learns next to
nothing (100 dimensions, one seed; WS353 ρ and the share of right analogies, both over the words that the corpus has;
cos is the mean cosine of random pairs of words, near 1 where nothing was learnt):

====== =========== ===== ==== ===== ========= ====
words  model       rate  pass WS353 analogies cos
====== =========== ===== ==== ===== ========= ====
.1 M   skip-gram   .025     5  .096      .006  .97
.5 M   skip-gram   .025     5  .219      .026  .74
3 M    skip-gram   .025     5  .497      .105  .44
.5 M   CBOW        .05      5  .217      .020  .67
3 M    CBOW        .05      5  .437      .094  .23
.5 M   fastText    .05      5  .305      .243  .58
3 M    fastText    .05      5  .516      .515  .31
3 M    fastText    .05     10  .594      .462  .23
====== =========== ===== ==== ===== ========= ====

So the passes grow as a power of how much smaller a corpus is than 20 M words, more slowly where words share n-grams;
a run over little text still takes less time than five passes over 20 M words. Skip-gram's rate is doubled where there
is enough text for it. What is chosen so, beside half and twice the passes and the rate, other windows, negatives,
dimensions and `min_count`, three seeds each on .1, .5, 3 and 18.8 M words of English, is in "Defaults" of
`embedkit/manual/measurements.md`: none of them is better by more than seeds differ on two tests and at two sizes.

`sample` is. Means of three seeds; WS353, MEN, analogies (`tests.benchmarks.defaults --vary sample=…`):

====== ========= ============== ============== ============== ==============
words  model     .001           .0003          .0001          .00003
====== ========= ============== ============== ============== ==============
.1 M   skip-gram .286 .387 .033                .449 .451 .027 .470 .553 .038
.2 M   skip-gram .332 .400 .012                .433 .461 .014
.5 M   skip-gram .493 .530 .029                .516 .564 .027 .542 .578 .033
3 M    skip-gram .570 .578 .156 .571 .594 .156 .604 .602 .146 .626 .615 .136
18.8 M skip-gram .677 .661 .405 .691 .666 .415 .693 .672 .418
.1 M   CBOW      .199 .382 .020                .289 .453 .024 .349 .508 .045
.2 M   CBOW      .260 .383 .016                .407 .481 .019
.5 M   CBOW      .386 .500 .044                .467 .544 .035 .529 .582 .054
3 M    CBOW      .532 .535 .155 .565 .545 .152 .604 .553 .148 .609 .572 .126
18.8 M CBOW      .661 .602 .357 .682 .609 .370 .694 .611 .373
====== ========= ============== ============== ============== ==============

Seeds differ by up to .11, .06 and .02 up to .5 M words, from 3 M words on by .05, .02 and .02. A ten-thousandth takes a
tenth to a quarter less time than a thousandth; less still costs analogies at 3 M words. Where there are few different
words each of them is frequent, and too little is left: of 30,000 words of Wikipedia (933 different) a ten-thousandth
leaves a third, and WS353 falls from .632 to .420; of the bundled corpora of 2,008 and 3,808 different words analogies
fall from .842 to .814 and from .819 to .803. So it is chosen from 5,000 different words on, which English has from
some .2 M.

Korean cut by `korean` keeps .001: as words hold their particles few are frequent, and a ten-thousandth leaves .87 of
3 M words where English has .58. Three seeds; pairs and analogies of `tests.benchmarks.korean_probe`, by which this is
decided, then Park et al.'s; seeds differ by up to .10, .07, .07 and .03:

===== ========= ========= ========= ========= =========
                .001                .0001
--------------- ------------------- -------------------
words model     probe     Park      probe     Park
===== ========= ========= ========= ========= =========
.5 M  skip-gram .489 .056 .436 .035 .528 .047 .459 .051
3 M   skip-gram .570 .231 .406 .116 .581 .183 .421 .130
3 M   CBOW      .568 .229 .363 .074 .537 .219 .371 .078
.5 M  fastText  .579 .276 .468 .187 .597 .273 .387 .182
===== ========= ========= ========= ========= =========

fastText's own ten-thousandth stays; its left column is of .0003.

Cut into morphemes, particles and endings are words of their own, and frequent ones: a ten-thousandth leaves .48 of 3 M
morphemes. There it is better on Park et al.'s pairs at each size, and on their analogies but for skip-gram on 3 M
(ko_wiki cut by Kiwi; pairs and analogies, three seeds, which differ by up to .09, .03, .05 and .14):

====== ========= ========= ========= ========= =========
                 .001                .0001
---------------- ------------------- -------------------
words  model     Park      probe     Park      probe
====== ========= ========= ========= ========= =========
.5 M   skip-gram .329 .070 .574 .079 .361 .096 .554 .112
3 M    skip-gram .551 .144 .629 .431 .577 .127 .656 .369
17.0 M skip-gram .585 .284 .618 .673 .605 .309 .649 .620
.5 M   CBOW      .298 .026 .483 .052 .352 .064 .542 .112
3 M    CBOW      .492 .083 .551 .296 .550 .100 .600 .355
====== ========= ========= ========= ========= =========

So not the script decides but how much is left: less than `MUCH_LEFT` of the text.

GloVe's x_max (15 passes, window 15, seed 1), and svd's PPMI with a window of 5 beside it, WS353 and analogies:

====== ===== ===== =========
words  x_max WS353 analogies
====== ===== ===== =========
3 M    100   .288  .040
3 M    10    .396  .104
3 M    3     .387  .104
3 M    svd   .564  .195
9 M    100   .415  .116
9 M    30    .487  .183
9 M    10    .476  .231
9 M    svd   .630  .261
====== ===== ===== =========

With 25 passes, the default, and three seeds 100, 10 and 3 have WS353 .310, .361 and .356, analogies .063, .093 and .086
at 3 M words; seeds differ by up to .016 and .003. A hundred, the paper's choice for billions of words (section 4.2),
makes nearly all counts of a small corpus weigh next to nothing. Fifty passes instead of 15 (.360/.097 at 3 M words), a
window of 5 (.360/.057), an exponent of .5 (.387/.107) and twice the rate (.402/.108) change less. What keeps GloVe
below svd on such corpora is that only pairs that were seen are fitted: nothing pushes apart what never meets.

fastText with characters on Korean Wikipedia, tokenizer korean (Korean WordSim-353 and analogies, Park et al. 2018,
among the 30,000 most frequent words; means of three seeds, and processor seconds of the whole command):

===== ====== ==== ===== ========= ===
words window pass pairs analogies s
===== ====== ==== ===== ========= ===
6.9 M 5         8  .519      .270 228
6.9 M 4        10  .535      .292 252
6.9 M 4        12  .538      .296 306
1.0 M 5        17  .434      .241  70
1.0 M 4        17  .411      .328  65
1.0 M 4        20  .408      .261  71
===== ====== ==== ===== ========= ===

Pairs differ by up to .06 from seed to seed; with 10 passes and a window of 4 both are better than the default before
with each of the three, by .004 to .037 and .011 to .039. In one seed windows of 3 and 10 had .509/.356 and .522/.184,
and ten negatives instead of five brought nothing to pairs for half as much time again. A small text has better pairs
with a window of 5, so the other values are for much Korean only.

The same with the mean of all vectors taken away in the end (analogies among all words, which is harder; "typos": how
often the right form is among the five nearest of a misspelt word, seed 1, `tests/benchmarks/korean_probe.py`). With
jamo one seed, words cut into morphemes three; the English is all of en_wiki, one seed, WS353:

========= ===== ========= ===== ========= ===== =========
          as it was             centred
--------- --------------------- -------------------------
words     pairs analogies typos pairs analogies typos
========= ===== ========= ===== ========= ===== =========
korean    .539       .161  .375  .553      .162  .500
jamo      .551       .167  .625  .554      .169  .625
morphemes .620       .218        .627      .230  .467
English   .703       .458        .709      .465
========= ===== ========= ===== ========= ===== =========

On pairs and analogies each of ten Korean models was better centred, but for one with analogies .0004 lower. Of
skip-gram on en_wiki WS353 was .002 lower and analogies .004 higher, so only much Korean is centred by default.

Paragraph vectors (100 dimensions; a logistic regression on those of four fifths of labelled lines, its accuracy on
inferred ones of the others; of several splits the lowest and the highest), English polarity and Korean reviews:

====== ===== ==== ========= ========= ====
words  rate  pass PV-DBOW   PV-DM     text
====== ===== ==== ========= ========= ====
.2 M   .025    20 .560-.589 .602-.625 en
.2 M   .05     20 .625-.637 .639-.644 en
.2 M   .025    69           .656-.684 en
.2 M   .05     69           .662-.696 en
.2 M   .05     80 .688      .673      en
.2 M   .025    20 .495-.502 .560-.570 ko
.2 M   .05     20 .591-.612 .658-.665 ko
.2 M   .05     69           .648-.652 ko
.2 M   .05     80 .706      .650      ko
1.1 M  .025    20 .631      .700      ko
1.1 M  .05     20 .696      .681      ko
1.1 M  .05     40 .744      .693      ko
====== ===== ==== ========= ========= ====
"""

from __future__ import annotations

import dataclasses
from itertools import islice
from typing import Any

from embedkit.counting.subsampling import nothing_kept
from embedkit.errors import ConfigError, counted, warn_caller
from embedkit.options import used
from embedkit.rows.subwords import LETTER_LENGTHS, SYLLABLE_LENGTHS, default_lengths
from embedkit.training.options import GloVeConfig, TrainingConfig
from embedkit.training.run import Run
from embedkit.vocabulary import Vocabulary

WINDOW = 5
FEWEST_EPOCHS = 5
FEWEST_DOCUMENT_EPOCHS = 20  # a document learns from its own words alone
ENOUGH_WORDS = 20_000_000  # for the fewest epochs
WORD_GROWTH, MOST_WORD_EPOCHS = 0.57, 100  # 102 passes over .1 M words, 41 over .5 M, 15 over 3 M
SUBWORD_GROWTH, MOST_SUBWORD_EPOCHS = 0.4, 50  # 42, 22 and 11
MUCH_LEFT = 0.7  # of a text by `LOW_SAMPLE`: .44 to .6 of English and of Korean morphemes, .87 of words with particles
HIGH_RATE_FROM = 2_000_000  # words
MANY_WORDS, LOW_SAMPLE = 5_000, 1e-4  # different ones; of fewer nearly all are frequent, and little would be left
MUCH_HANGUL_FROM = 5_000_000  # words
HANGUL_WINDOW, HANGUL_EPOCHS = 4, 1.25  # the epochs times as many
LOOKED_AT = 5000  # words, the most frequent, to tell the script
SMALLEST_X_MAX, LARGEST_X_MAX = 10.0, 100.0  # up to 10 M words, from 1,000 M words on

# The tools' own defaults, where those of the options differ or look at the corpus.
_TOOL = {"window": WINDOW, "epochs": 5, "center": False}
_WORD2VEC = {**_TOOL, "learning_rate": 0.025, "sample": 1e-3, "ns_exponent": 0.75}
_FASTTEXT = {**_TOOL, "learning_rate": 0.05, "sample": 1e-4, "ns_exponent": 0.5}
_LENGTHS = dict(zip(("min_n", "max_n"), LETTER_LENGTHS, strict=True))  # of n-grams, whatever the script
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "word2vec": {"skipgram": _WORD2VEC, "cbow": {**_WORD2VEC, "learning_rate": 0.05}},
    "fasttext": dict.fromkeys(("skipgram", "cbow", "fasttext"), _FASTTEXT | _LENGTHS),
    "gensim": dict.fromkeys(("skipgram", "cbow", "fasttext"), _WORD2VEC | _LENGTHS),
}


def suited(config: TrainingConfig, vocabulary: Vocabulary, n_tokens: int, run: Run) -> TrainingConfig:
    """The configuration with a value for every option that was left open; says what the corpus decided.

    Parameters
    ----------
    config : TrainingConfig
        Of a model that is trained in passes, or GloVe.
    vocabulary : Vocabulary
    n_tokens : int
        Words of the corpus that are in the vocabulary.
    run : Run

    Raises
    ------
    ConfigError
        When the preset has no values for this model.
    EmptyCorpusError
        When subsampling would leave nothing to train on.
    """
    if isinstance(config, GloVeConfig):
        if config.x_max is not None:
            return config
        x_max = x_max_for(n_tokens)
        run.say(f"x_max {x_max:g}: suits a corpus of {_shown(n_tokens)} words")
        return dataclasses.replace(config, x_max=x_max)
    hangul = mostly_hangul(vocabulary)
    much_hangul = hangul and n_tokens >= MUCH_HANGUL_FROM
    many_words = len(vocabulary) >= MANY_WORDS and share_left(vocabulary, LOW_SAMPLE) < MUCH_LEFT
    values = defaults_for(config, n_tokens, many_words, much_hangul)
    if run.lock or run.compass is not None:
        values = {**values, "center": False}  # what stands still stays where it is
    in_use = used(config)
    open_ = {name: value for name, value in values.items() if name in in_use and in_use[name] is None}
    if "min_n" in open_:  # beside a shorter longest one that was asked for, or a longer shortest one
        open_["min_n"] = min(open_["min_n"], config.max_n or open_["max_n"])
    if "max_n" in open_:
        open_["max_n"] = max(open_["max_n"], config.min_n or open_["min_n"])
    told = ("epochs", "learning_rate") if config.preset == "corpus" else tuple(values)
    decided: list[str] = [name for name in told if name in open_ and name != "center"]
    if config.preset == "corpus":
        usual = _tool_of(config)
        decided += [name for name in ("window", "sample", "center") if open_.get(name, usual[name]) != usual[name]]
    config = dataclasses.replace(config, **open_)
    check_sample(config, vocabulary)
    if decided:
        shown = {name: f"{name.replace('_', ' ')} {getattr(config, name):g}" for name in decided}
        shown |= {"epochs": counted(config.epochs, "epoch"), "center": "centred"}
        script = ", mostly Hangul" if much_hangul and _has_hangul_defaults(config) else ""
        different = f", {len(vocabulary):,} different" if "sample" in decided else ""
        why = f"suits a corpus of {_shown(n_tokens)} words{different}{script}"
        why = why if config.preset == "corpus" else f"as {config.preset} has them"
        run.say(f"{', '.join(shown[name] for name in decided)}: {why}")
    return config


def chooses_lengths(config: TrainingConfig) -> bool:
    """Whether the preset has lengths of n-grams, and not the script."""
    return "min_n" in PRESETS.get(config.preset, {}).get(config.model, {})


def _shown(n_tokens: int) -> str:
    return f"{n_tokens / 1e6:.1f} M" if n_tokens >= 100_000 else f"{n_tokens:,}"


def mostly_hangul(vocabulary: Vocabulary) -> bool:
    """Whether most characters of the text's most frequent words are Hangul syllables."""
    lengths = default_lengths(islice(vocabulary, LOOKED_AT), vocabulary.counts[:LOOKED_AT])
    return lengths == SYLLABLE_LENGTHS


def _has_hangul_defaults(config: TrainingConfig) -> bool:
    return config.model == "fasttext"


def _tool_of(config: TrainingConfig) -> dict[str, Any]:
    return _FASTTEXT if config.model == "fasttext" else _WORD2VEC


def defaults_for(
    config: TrainingConfig, n_tokens: int, many_words: bool = False, much_hangul: bool = False
) -> dict[str, Any]:
    """The values of the options that may be left open, for a corpus of so many words.

    Parameters
    ----------
    config : TrainingConfig
    n_tokens : int
    many_words : bool
        Whether the vocabulary has `MANY_WORDS` or more, and the frequent ones make up much of the text (`MUCH_LEFT`).
    much_hangul : bool
        Whether it is `mostly_hangul`, of `MUCH_HANGUL_FROM` words or more.

    Raises
    ------
    ConfigError
        When the preset has no values for this model.
    """
    if config.preset != "corpus":
        models = PRESETS[config.preset]
        if config.model not in models:
            raise ConfigError(f"`preset` {config.preset} is for {' and '.join(models)}, not for model {config.model}")
        return models[config.model]
    tool = _tool_of(config)
    rate = 0.025 if config.model == "skipgram" and n_tokens < HIGH_RATE_FROM else 0.05
    epochs = epochs_for(n_tokens, config.subwords != "none")
    if config.model == "doc2vec":
        epochs = max(epochs, FEWEST_DOCUMENT_EPOCHS)
    values = {**tool, "epochs": epochs, "learning_rate": rate}
    if many_words:
        values["sample"] = LOW_SAMPLE
    if much_hangul and _has_hangul_defaults(config):
        values |= {"window": HANGUL_WINDOW, "epochs": round(HANGUL_EPOCHS * epochs), "center": True}
    return values


def epochs_for(n_tokens: int, subwords: bool) -> int:
    """How many passes suit a corpus of so many words.

    >>> epochs_for(500_000, True), epochs_for(18_800_000, True)
    (22, 5)
    """
    growth, most = (SUBWORD_GROWTH, MOST_SUBWORD_EPOCHS) if subwords else (WORD_GROWTH, MOST_WORD_EPOCHS)
    passes = FEWEST_EPOCHS * (ENOUGH_WORDS / max(n_tokens, 1)) ** growth
    return int(min(max(round(passes), FEWEST_EPOCHS), most))


def x_max_for(n_tokens: int) -> float:
    """From which count on a pair weighs fully in GloVe, for a corpus of so many words.

    >>> x_max_for(3_000_000), x_max_for(18_800_000), x_max_for(6_000_000_000)
    (10.0, 14.0, 100.0)
    """
    grown = SMALLEST_X_MAX * (n_tokens / 10_000_000) ** 0.5
    return float(round(min(max(grown, SMALLEST_X_MAX), LARGEST_X_MAX)))


def share_left(vocabulary: Vocabulary, sample: float) -> float:
    """How much of a text subsampling leaves."""
    counts = vocabulary.counts.astype(float)
    return float(counts @ vocabulary.keep_probabilities(sample)) / max(float(counts.sum()), 1.0)


def check_sample(config: TrainingConfig, vocabulary: Vocabulary) -> None:
    """Refuse subsampling that would leave nothing, and warn of it where it leaves next to nothing.

    Raises
    ------
    EmptyCorpusError
    """
    left = float(vocabulary.counts.astype(float) @ vocabulary.keep_probabilities(config.sample))
    if config.sample > 0 and left * config.epochs < 1 and vocabulary.counts.any():
        raise nothing_kept(config.sample)
    if config.sample > 0 and left * config.epochs < len(vocabulary):
        warn_caller(
            f"with `sample` {config.sample:g} about {left * config.epochs:,.0f} words are left to train on in all "
            f"epochs, fewer than the {len(vocabulary):,} of the vocabulary; raise it, or 0 keeps all"
        )
