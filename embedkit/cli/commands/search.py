"""``embedkit search``: the documents that answer a question."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from math import isinf
from typing import TYPE_CHECKING, Any

import click

from embedkit.cli.shared.documents import OF_VECTORS, READING, build_index, document_options
from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import given, json_option, quiet_option, refuse, topn_option
from embedkit.cli.shared.output import Results, warn
from embedkit.cli.shared.queries import query_batches
from embedkit.cli.shared.reading import load, reading_options_beside, refuse_reading
from embedkit.documents.bm25 import K1, B
from embedkit.documents.search import CANDIDATES, RERANKINGS, WAYS
from embedkit.errors import ConfigError, CorpusError, EmbedkitError
from embedkit.files.copies import is_pipe
from embedkit.files.locations import STDIN, has_glob
from embedkit.files.safetensors import DOCUMENTS
from embedkit.files.urls import is_url
from embedkit.text.reading import short_name

if TYPE_CHECKING:
    from embedkit.documents.search import Searcher


@click.command(epilog='Example: embedkit search corpora/en.txt --query "the king of france" --topn 3')
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="INDEX|CORPUS...")
@click.option("--query", multiple=True, metavar="TEXT", help="What to look for; repeatable. Standard input otherwise.")
@topn_option
@click.option(
    "--by",
    type=click.Choice(WAYS),
    help="Words (BM25), vectors, or both, their ranks fused.  [default: both where there are vectors]",
)
@click.option("--k1", default=K1, show_default=True, help="BM25: the larger, the more a repeated word counts.")
@click.option("--b", default=B, show_default=True, help="BM25: how far long documents need more matches; 0 to 1.")
@click.option(
    "--rerank",
    type=click.Choice(RERANKINGS),
    help="Put the first answers in order by Word Mover's Distance, or by its relaxed bound; needs --vectors.",
)
@click.option(
    "--candidates",
    default=CANDIDATES,
    show_default=True,
    type=click.IntRange(1),
    help="How many answers --rerank puts in order; at least --topn.",
)
@document_options
@reading_options_beside("--column", "--encoding-errors")
@json_option
@quiet_option
def search(
    corpus: tuple[str, ...],
    query: tuple[str, ...],
    topn: int,
    by: str | None,
    k1: float,
    b: float,
    rerank: str | None,
    candidates: int,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """The documents of INDEX (from embedkit index --documents), or of texts, that answer a question.

    Each answer is a line file<TAB>line<TAB>score<TAB>text, the best first; with several questions the question stands
    before it. Texts (files, folders or -) are indexed each time; an index is made once and opens at once. The exit
    status is 1 where a question has no answer. With --rerank the score is a distance: the smaller the nearer, a dash
    for a document without a known word.

    \b
    Example: embedkit search corpora/en.txt --query "a monarch" --by words --rerank wmd --vectors model.safetensors
    In Korean: embedkit search corpora/ko.txt --tokenizer korean --query "왕이 빵을 먹는다" --topn 3
    """
    from embedkit.documents.document_index import is_index

    if not query and len(corpus) > 1:
        _refuse_questions(corpus)
    if by == "vectors":
        refuse(("k1", "b"), "by `vectors`: they are of BM25")
    if rerank is None:
        refuse(("candidates",), "without `rerank`")
    made = is_index(corpus[0])
    searcher = _searcher(list(corpus), made, by, k1, b, rerank, options, quiet)
    way = by or ("words" if searcher.index.sentences is None else "both")
    policy = None if made else options["encoding_errors"]
    candidates = candidates if given(["candidates"]) else max(candidates, topn)
    status = 0
    one = len(query) == 1
    columns = ["file", "line", "score", "text"]
    with Results(columns if one and not as_json else ["query", *columns], as_json, digits=5) as results:
        for questions in query_batches(query, texts=True, encoding_errors=policy):
            for question in questions:
                if not question:
                    results.blank()
                    continue
                hits = searcher.search(question, topn, way, rerank, candidates)
                for hit in hits:
                    text = hit.document.text if as_json else " ".join(hit.document.text.split())
                    score = None if isinf(hit.score) else hit.score
                    row = (hit.document.file, hit.document.line, score, text)
                    results.row(*(row if one and not as_json else (question, *row)))
                if not hits:
                    warn(f"no document answers {question!r}")
                    results.refused(question, f"no document answers {question!r}")
                    status = 1
            results.flush()
    return status


def _refuse_questions(corpus: Sequence[str]) -> None:
    """Say where a question goes that stands among the texts."""
    for path in corpus:
        if not (path == STDIN or is_url(path) or os.path.exists(path) or has_glob(path)):
            raise ConfigError(f"{path}: no such file or folder; a question goes behind --query: --query {path!r}")


def _searcher(
    corpus: list[str],
    made: bool,
    by: str | None,
    k1: float,
    b: float,
    rerank: str | None,
    options: dict[str, Any],
    quiet: bool,
) -> Searcher:
    """What answers, from an index that was `made` before or from texts."""
    from embedkit.documents.document_index import DocumentIndex
    from embedkit.documents.search import Searcher

    if by == "words":
        refuse(OF_VECTORS, "by `words`: documents get no vectors then")
        if not rerank:
            refuse(["vectors"], "by `words` without `rerank`")
    path = options["vectors"]
    if not made:
        if path is None:
            refuse_reading("without `vectors`")
        if rerank and path is None:
            raise ConfigError("--rerank goes by the words' vectors: give them with --vectors MODEL")
        with _no_index(corpus[0]):
            if by == "words":
                index, _ = build_index(corpus, {**options, "vectors": None}, quiet)
                return Searcher(index, load(path) if rerank else None, k1, b)
            return Searcher(*build_index(corpus, options, quiet), k1, b)
    if len(corpus) > 1:
        raise ConfigError("give one index, or texts")
    refuse((*OF_VECTORS, *READING, "stop_words"), "with an index, which was made before")
    index = DocumentIndex.load(corpus[0])
    path = path or index.model
    if not path:
        refuse_reading("on an index without vectors")
    if index.sentences is None and (by in ("vectors", "both") or (path and not rerank)):
        raise ConfigError(f"{corpus[0]} was made without vectors: embedkit index --documents --vectors MODEL")
    if rerank and not path:
        raise ConfigError(f"{corpus[0]} was made without vectors: --rerank goes by those of words, --vectors MODEL")
    needed = rerank is not None or (index.sentences is not None and by != "words")
    if needed and path == index.model and not (is_url(path) or os.path.exists(path)):
        raise EmbedkitError(
            f"no such file: {path}, the word vectors that {corpus[0]} was made with; name where they are now with "
            "`vectors`, or search `by` words"
        )
    return Searcher(index, load(path) if needed else None, k1, b)


@contextlib.contextmanager
def _no_index(name: str) -> Iterator[None]:
    """Say where an index goes that comes through a pipe, which is read as text."""
    try:
        yield
    except CorpusError as error:
        if is_pipe(name) and DOCUMENTS.what in str(error):
            raise CorpusError(
                f"{short_name(name)}: expected text, found {DOCUMENTS.what}: it is opened as a file, name that"
            ) from error
        raise
