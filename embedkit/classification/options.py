"""What training a bag-of-features classifier is told to do; names and defaults are fastText's."""

from __future__ import annotations

from dataclasses import dataclass

from embedkit.errors import ConfigError
from embedkit.options import changed, check, no_effect, option

TUNING_SECONDS = 60.0  # fastText's program takes 300
LOSSES = ("softmax", "hs", "ns", "ova")


@dataclass(frozen=True, kw_only=True)
class BagOptions:
    """Options of ``classify train --model fasttext``."""

    vector_size: int = option(100, "Numbers in a vector.", least=1, most=100_000)
    word_ngrams: int = option(1, "Longest n-gram of words.", least=1, most=1000)
    min_n: int = option(0, "Shortest character n-gram.", least=0, most=1000)
    max_n: int = option(0, "Longest character n-gram; 0: none.", least=0, most=1000)
    bucket: int = option(2_000_000, "Rows that n-grams are hashed into.", least=1, most=2**31 - 1)
    min_count: int = option(1, "Leave out words that occur less often.", least=1)
    min_count_label: int = option(0, "Leave out labels that occur less often.", least=0)
    loss: str = option("softmax", "ova: each label a yes or no of its own, for several at once.", choices=LOSSES)
    negative: int = option(5, "Negatives of a line.", least=1, only={"loss": ("ns",)})
    epochs: int = option(5, "Passes over the lines.", least=1)
    learning_rate: float = option(0.1, "At the start; falls to nothing.", above=0)
    workers: int = option(None, "Threads.", least=1, default_help="all cores")
    seed: int = option(1, "Of the random numbers; with one worker a run repeats bit for bit.", least=0, most=2**63 - 1)

    def __post_init__(self) -> None:
        if self.workers is None:
            from embedkit.threads import usable_cores

            object.__setattr__(self, "workers", usable_cores())
        check(self)
        _check_lengths(self.min_n, self.max_n)


@dataclass(frozen=True, kw_only=True)
class LinearOptions:
    """Options of ``classify train --model linear``."""

    word_ngrams: int = changed(BagOptions, "word_ngrams", 2)
    min_n: int = changed(BagOptions, "min_n", None, default_help="1 for Hangul, else 3")
    max_n: int = changed(BagOptions, "max_n", None, default_help="5 for Hangul, else 6")
    bucket: int = changed(
        BagOptions, "bucket", None, default_help="2,000,000; 10,000,000 from 20,000 texts with n-grams across words"
    )
    across_words: bool = option(
        None,
        "Character n-grams of the line without spaces; not in fastText's files.",
        default_help="for Hangul, in a file of our own",
    )
    word_strength: float = option(
        None,
        "How many times as easily words and their n-grams get weights as n-grams of characters.",
        least=0.001,
        most=1000,
        default_help="1 for Hangul, else 3",
    )
    min_count: int = changed(BagOptions, "min_count", None, default_help="1, 2 from 1,000 texts, 3 from 100,000")
    min_count_label: int = changed(BagOptions, "min_count_label", 0)
    loss: str = changed(BagOptions, "loss", "softmax", choices=("softmax", "ova"))
    cost: float = option(
        None,
        "What a text's loss counts against the size of the weights.",
        "-C",
        above=0,
        default_help="by held-out texts",
    )
    workers: int = changed(BagOptions, "workers", None)
    seed: int = option(1, "Of the choice of texts to hold out.", least=0, most=2**63 - 1)

    def __post_init__(self) -> None:
        if self.workers is None:
            from embedkit.threads import usable_cores

            object.__setattr__(self, "workers", usable_cores())
        check(self)
        _check_lengths(self.min_n, self.max_n)
        given = {"across_words": self.across_words, "word_strength": self.word_strength not in (None, 1.0)}
        if self.max_n == 0 and any(given.values()):
            raise no_effect([f"`{name}`" for name, asked in given.items() if asked], "without `max_n`")


def _check_lengths(min_n: int | None, max_n: int | None) -> None:
    if max_n and min_n is not None and not 1 <= min_n <= max_n:
        raise ConfigError(f"`min_n` must be from 1 to `max_n`, got {min_n} and {max_n}; give both")
    if min_n and max_n == 0:
        raise ConfigError("`min_n` has no effect without `max_n`")
