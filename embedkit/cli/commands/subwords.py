"""``embedkit subwords``: the subwords that a word is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.queries import Inquiry, query_batches, questions
from embedkit.cli.shared.reading import load, reading_options, refuse_reading
from embedkit.errors import ConfigError, EmbedkitError
from embedkit.query.questions import composed
from embedkit.rows.subwords import BESIDE_JAMO, JAMO_LENGTHS, KINDS, Subwords, default_lengths, fitted_lengths


@click.command(epilog="Example: embedkit subwords 시나브로 --min-n 3 --max-n 3")
@questions("words", "[WORD]...")
@click.option(
    "--vectors",
    "model",
    type=INPUT,
    metavar="MODEL",
    help="Split as this model does, and tell how much each subword carries.",
)
@click.option("--subwords", "kind", type=click.Choice(KINDS), help="Characters or jamo.  [default: chars]")
@click.option("--min-n", type=int, help="Shortest character n-gram.  [default: 3; Hangul 1]")
@click.option("--max-n", type=int, help="Longest character n-gram.  [default: 6; Hangul 4]")
@click.option("--min-jamo", type=int, help=f"Shortest n-gram of jamo.  [default: {JAMO_LENGTHS[0]}]")
@click.option("--max-jamo", type=int, help=f"Longest n-gram of jamo.  [default: {JAMO_LENGTHS[1]}]")
@click.option(
    "--min-syllables", type=int, help=f"Shortest n-gram of syllables beside the jamo.  [default: {BESIDE_JAMO[0]}]"
)
@click.option(
    "--max-syllables", type=int, help=f"Longest n-gram of syllables beside the jamo.  [default: {BESIDE_JAMO[1]}]"
)
@reading_options
@json_option
@quiet_option
def subwords(words: tuple[str, ...], model: str | None, as_json: bool, quiet: bool, **lengths: Any) -> int:
    """The subwords of each WORD, or of each line of standard input: its n-grams, then the whole word.

    A line is word<TAB>subwords. With --vectors a line is word<TAB>subword<TAB>share<TAB>norm: shares add up to 1, they
    say how much of the word's vector comes from the subword; the norm is the length of the subword's own vector.
    """
    given = {name: value for name, value in lengths.items() if value is not None}
    if model is not None:
        refuse(lengths, "with `model`, which says how words are split")
        return _shares(model, words, as_json, quiet)
    if len(words) > 1 and Path(words[0]).suffix and Path(words[0]).is_file():
        raise ConfigError(f"{words[0]} is a file, and stands where the words do; a model is named by `model`")
    refuse_reading("without `model`")
    kind = given.pop("kind", "chars")
    own = {"chars": ("min_n", "max_n"), "jamo": ("min_jamo", "max_jamo", "min_syllables", "max_syllables")}[kind]
    refuse([name for name in lengths if name not in (*own, "kind")], f"with `kind` {kind}")
    with Results(["word", "subwords"], as_json) as results:
        for batch in query_batches(words):
            for word in batch:
                if not word:
                    results.blank()
                    continue
                subwords = _splitter(kind, given, word)
                ngrams = [*subwords.ngrams(_checked(word)), f"<{word}>"]
                results.row(word, ngrams if as_json else " ".join(ngrams))
    return 0


def _splitter(kind: str, given: dict[str, Any], word: str) -> Subwords:
    if kind == "chars":
        shortest, longest = default_lengths([word])
        shortest = min(shortest, given.get("max_n", longest))
        given = {"min_n": shortest, "max_n": max(longest, given.get("min_n", shortest)), **given}
    return Subwords(kind, **given, **fitted_lengths(given))


def _checked(word: str) -> str:
    if not word.strip():
        raise ConfigError("expected a word, got an empty one")
    return word


def _shares(model: str, words: tuple[str, ...], as_json: bool, quiet: bool) -> int:
    """Print for each subword its share of the word's vector h of n rows: (row · h) / (n h · h)."""
    vectors = load(model)
    inquiry = Inquiry(vectors, quiet)
    if vectors.subwords is None or vectors.ngram_vectors is None:
        raise EmbedkitError(f"{model} has no vectors of n-grams; train with --model fasttext, or with --subwords")
    with Results(["word", "subword", "share", "norm"], as_json) as results:
        for batch in query_batches(words):
            for word in batch:
                if not word:
                    results.blank()
                    continue
                spelt = vectors.as_spelt(_checked(word))
                ngrams = vectors.subwords.ngrams(spelt)
                rows = np.asarray(vectors.ngram_vectors[vectors.subwords.buckets(spelt)], np.float64)
                known = vectors.row(word)
                if known >= 0 and vectors.word_rows is not None:
                    ngrams.append(f"<{spelt}>")
                    rows = np.vstack([rows, np.asarray(vectors.word_rows[known], np.float64)])
                if not rows.any():
                    results.refused(word, inquiry.refuse(f"{word!r} has no n-gram that {model} knows").message)
                    continue
                for text in composed([word], vectors):
                    note(f"note: {text}", quiet)
                whole = rows.mean(axis=0)
                shares = rows @ whole / max(len(rows) * float(whole @ whole), 1e-30)
                for ngram, share, row in zip(ngrams, shares, rows, strict=True):
                    results.row(word, ngram, float(share), float(np.linalg.norm(row)))
    return inquiry.status
