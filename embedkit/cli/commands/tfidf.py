"""``embedkit tfidf``: bag of words or TF-IDF as a sparse matrix for other tools."""

from __future__ import annotations

from typing import Any

import click

from embedkit.cli.shared.cluster import cluster_engine, cluster_option, refuse_with_cluster
from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import corpus_options, given, json_option, option_of, quiet_option, refuse
from embedkit.cli.shared.output import note, note_empty, print_json
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.text_fields import unit_option
from embedkit.cli.shared.words import word_list
from embedkit.errors import counted
from embedkit.text.reading import short_name
from embedkit.vocabulary.options import VocabularyOptions

_TERMS = ("ngrams", "stop_words", "min_df", "max_df")
_FITTED = ("weighting", "sublinear", "idf", "norm", "vocab", "min_count", "max_vocab", "tokenizer", "lowercase",
           "save_model")  # fmt: skip


class Documents(click.ParamType):
    """A number of documents such as 5, or a share of them such as 0.5."""

    name = "number|share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        if isinstance(value, int | float):
            return value
        try:
            number = int(value) if str(value).isdigit() else float(value)
        except ValueError:
            number = -1
        if number < 0 or (isinstance(number, float) and not 0 <= number <= 1):
            self.fail(f"expected a number such as 5, or a share from 0.0 to 1.0, got {value!r}", param, ctx)
        return number


@click.command(epilog="Example: embedkit tfidf corpus.txt -o documents.npz --save-vocab words.txt")
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@click.option("--output", "-o", required=True, type=OUTPUT, help=".npz for SciPy's load_npz, .mtx for Matrix Market.")
@click.option(
    "--weighting",
    default="tfidf",
    show_default=True,
    type=click.Choice(["tfidf", "count"]),
    help="TF-IDF, or the bare counts: a bag of words.",
)
@click.option("--sublinear", is_flag=True, help="Weigh a word that stands there tf times by 1 + ln tf.")
@click.option(
    "--idf",
    default="smooth",
    show_default=True,
    type=click.Choice(["smooth", "plain"]),
    help="ln((1 + N) / (1 + df)) + 1, as scikit-learn, or ln(N / df).",
)
@click.option(
    "--norm",
    default="l2",
    show_default=True,
    type=click.Choice(["l2", "none"]),
    help="Give each document length 1, or not.",
)
@click.option("--vocab", type=INPUT, metavar="FILE", help="Use the words of this 'word count' file.")
@click.option("--save-vocab", type=OUTPUT, metavar="FILE", help="Write the columns' words there.")
@option_of(VocabularyOptions, "min_count", default=1)
@option_of(VocabularyOptions, "max_vocab")
@click.option(
    "--ngrams",
    nargs=2,
    default=(1, 1),
    show_default=True,
    type=click.IntRange(1, 10),
    metavar="LEAST MOST",
    help="Columns are runs of so many words: 1 2 for words and pairs.",
)
@click.option("--stop-words", metavar="W,...|FILE", help="Leave these out: with commas, or a file, a word a line.")
@click.option(
    "--min-df", default=1, show_default=True, type=Documents(), help="Leave out words that stand in fewer documents."
)
@click.option(
    "--max-df",
    default=1.0,
    show_default=True,
    type=Documents(),
    help="Leave out words that stand in more documents: a number, or a share such as 0.5.",
)
@click.option("--save-model", type=OUTPUT, metavar="FILE", help="Keep words and document frequencies there.")
@click.option("--apply", type=INPUT, metavar="FILE", help="Weigh CORPUS by that model: same columns, same idf.")
@unit_option
@corpus_options
@cluster_option
@json_option
@quiet_option
def tfidf(
    corpus: tuple[str, ...],
    output: str,
    weighting: str,
    sublinear: bool,
    idf: str,
    norm: str,
    vocab: str | None,
    save_vocab: str | None,
    ngrams: tuple[int, int],
    stop_words: str | None,
    min_df: int | float,
    max_df: int | float,
    save_model: str | None,
    apply: str | None,
    cluster: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Count and weigh the words of CORPUS, files, folders or -: one line is one document, and one row (see --unit).

    Columns are the words, the most frequent first, as in the file of --save-vocab (an .npz carries them as well).
    With --save-model other texts can be weighed by the same document frequencies later (--apply), as scikit-learn's
    TfidfVectorizer does.

    \b
    In Korean: embedkit tfidf corpora/ko.txt --tokenizer korean --ngrams 1 2 --max-df 0.5 -o ko.npz
    """
    from embedkit.counting.tfidf import check_matrix_name, save_matrix
    from embedkit.counting.tfidf_model import TfidfModel, TfidfSettings
    from embedkit.vocabulary import Vocabulary

    check_matrix_name(output)
    refuse_with_cluster(cluster, apply=apply, save_model=save_model, **{n: n in given(_TERMS) for n in _TERMS})
    if apply:
        refuse((*_TERMS, *_FITTED), "with `apply`: the model says how it was made")
    if weighting == "count":
        refuse(("sublinear", "idf", "norm"), "with `weighting` count")
    if vocab:
        refuse(("min_count", "max_vocab", "min_df", "max_df"), "with `vocab`, which names the words")
    reading = {"json_field": options.pop("json_field"), "encoding_errors": options.pop("encoding_errors")}
    limits = {"min_count": options.pop("min_count"), "max_vocab": options.pop("max_vocab")}
    limits["vocabulary"] = Vocabulary.load(vocab) if vocab else None
    settings = TfidfSettings(
        ngrams=ngrams,
        stop_words=tuple(word_list(stop_words)) if stop_words else (),
        min_df=min_df,
        max_df=max_df,
        weighting=weighting,
        sublinear=sublinear,
        idf=idf,
        norm=norm,
        **options,
    )
    if cluster is not None:
        from embedkit.cluster import documents as on_cluster
        from embedkit.counting.tfidf import tfidf as weigh

        with cluster_engine(cluster, quiet) as engine, progress_bar(quiet) as progress:
            sources = list(corpus)
            counts, vocabulary = on_cluster.bag_of_words(
                engine, sources, progress=progress, **options, **reading, **limits
            )
        matrix = counts if weighting == "count" else weigh(counts, sublinear=sublinear, idf=idf, norm=norm)
    else:
        with progress_bar(quiet) as progress:
            if apply:
                model = TfidfModel.load(apply)
                matrix = model.transform(list(corpus), progress=progress, **reading)
            else:
                model, matrix = TfidfModel.fit(list(corpus), settings, progress=progress, **reading, **limits)
        vocabulary = model.vocabulary
        if save_model:
            model.save(save_model)
        bare = int((matrix.offsets[1:] == matrix.offsets[:-1]).sum())
        if apply and bare:
            note(f"note: no term of the model in {bare:,} of {counted(matrix.shape[0], 'document')}", quiet)
    if not matrix.shape[0]:
        note_empty(short_name(corpus))
    save_matrix(matrix, output, vocabulary.index_to_key)
    if save_vocab:
        vocabulary.save(save_vocab)
    if as_json:
        n_documents, n_words = matrix.shape
        print_json({"file": output, "documents": n_documents, "words": n_words, "cells": len(matrix.values)})
    note(
        f"{output}: {counted(matrix.shape[0], 'document')}, {counted(matrix.shape[1], 'word')}, "
        f"{counted(len(matrix.values), 'cell')}",
        quiet,
    )
