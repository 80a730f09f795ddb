"""``embedkit search``: the documents that answer a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedkit.cli.shared.documents import OF_VECTORS, READING, build_index, document_options
from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import given, json_option, quiet_option, refuse, topn_option
from embedkit.cli.shared.output import Results, warn
from embedkit.cli.shared.queries import query_batches
from embedkit.documents.bm25 import K1, B
from embedkit.documents.search import WAYS
from embedkit.errors import ConfigError

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
@document_options
@json_option
@quiet_option
def search(
    corpus: tuple[str, ...],
    query: tuple[str, ...],
    topn: int,
    by: str | None,
    k1: float,
    b: float,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """The documents of INDEX (from embedkit index --documents), or of texts, that answer a question.

    Each answer is a line file<TAB>line<TAB>score<TAB>text, the best first; with several questions the question stands
    before it. Texts (files, folders or -) are indexed each time; an index is made once and opens at once. The exit
    status is 1 where a question has no answer.

    \b
    In Korean: embedkit search corpora/ko.txt --tokenizer korean --query "왕이 빵을 먹는다" --topn 3
    """
    if by == "vectors":
        refuse(("k1", "b"), "by `vectors`: they are of BM25")
    searcher = _searcher(list(corpus), by, k1, b, options, quiet)
    way = by or ("words" if searcher.model is None else "both")
    status = 0
    one = len(query) == 1
    columns = ["file", "line", "score", "text"]
    with Results(columns if one and not as_json else ["query", *columns], as_json, digits=5) as results:
        for questions in query_batches(query):
            for question in questions:
                hits = searcher.search(question, topn, way)
                for hit in hits:
                    text = hit.document.text if as_json else " ".join(hit.document.text.split())
                    row = (hit.document.file, hit.document.line, hit.score, text)
                    results.row(*(row if one and not as_json else (question, *row)))
                if not hits:
                    warn(f"no document answers {question!r}")
                    status = 1
            results.flush()
    return status


def _searcher(corpus: list[str], by: str | None, k1: float, b: float, options: dict[str, Any], quiet: bool) -> Searcher:
    from embedkit.documents.document_index import DocumentIndex, is_index
    from embedkit.documents.search import Searcher
    from embedkit.query.storing import load

    if not is_index(corpus[0]):
        index, model = build_index(corpus, options, quiet)
        return Searcher(index, model, k1, b)
    if len(corpus) > 1:
        raise ConfigError("give one index, or texts")
    refuse((*OF_VECTORS, *READING, "stop_words"), "with an index, which was made before")
    index = DocumentIndex.load(corpus[0])
    path = options["vectors"] or index.model
    if index.sentences is None:
        if given(("vectors",)) or by in ("vectors", "both"):
            raise ConfigError(f"{corpus[0]} was made without vectors: embedkit index --documents --vectors MODEL")
        return Searcher(index, None, k1, b)
    return Searcher(index, load(path) if by != "words" else None, k1, b)
