"""``embedkit concordance``: every place where something stands in a text, with its context."""

from __future__ import annotations

from itertools import islice

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import chain, json_option, option_of, quiet_option
from embedkit.cli.shared.output import Results, note, warn
from embedkit.cli.shared.text_fields import field_options
from embedkit.errors import counted
from embedkit.text.reading import short_name
from embedkit.vocabulary.options import ReadingOptions

SHOWN_AT_ONCE = 500  # rows of a table on a terminal


@click.command(epilog="Example: embedkit concordance corpora/en.txt 'king*' --context 5")
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@click.argument("query", metavar="QUERY")
@click.option("--regex", is_flag=True, help="QUERY is a regular expression, such as 'colou?r'.")
@click.option("--case-sensitive", is_flag=True, help="Tell upper and lower case apart.")
@click.option(
    "--context", default=8, show_default=True, type=click.IntRange(0), metavar="N", help="Words to either side."
)
@click.option("--limit", "-n", type=click.IntRange(1), metavar="N", help="Stop after N matches.")
@chain(*(option_of(ReadingOptions, name) for name in ("json_field", "encoding_errors")))
@field_options
@json_option
@quiet_option
def concordance(
    corpus: tuple[str, ...],
    query: str,
    regex: bool,
    case_sensitive: bool,
    context: int,
    limit: int | None,
    json_field: str | None,
    encoding_errors: str,
    as_json: bool,
    quiet: bool,
) -> int:
    """Every place where QUERY stands in CORPUS (files, folders or -), with the words around it: KWIC.

    QUERY is a word, or several in a row; * stands for any letters, so 왕* finds 왕은 and 왕이. Prints
    file<TAB>line<TAB>left<TAB>match<TAB>right as matches are found. The exit status is 1 where there is none.

    \b
    In Korean: embedkit concordance corpora/ko.txt '왕*' --limit 10
    """
    from embedkit.text.concordance import concordance as find

    found = find(
        list(corpus),
        query,
        regex=regex,
        case_sensitive=case_sensitive,
        context=context,
        json_field=json_field,
        encoding_errors=encoding_errors,
    )
    n, files = 0, set()
    with Results(["file", "line", "left", "match", "right"], as_json) as results:
        for n, match in enumerate(islice(found, limit), 1):
            files.add(match.file)
            results.row(match.file, match.line, match.left, match.match, match.right)
            if n % SHOWN_AT_ONCE == 0:
                results.flush()
    if not n:
        warn(f"nothing matches {query!r} in {short_name(corpus)}")
        return 1
    stopped = f"stopped at the limit of {limit:,}: " if n == limit else ""
    note(f"{stopped}{counted(n, 'match', 'matches')} in {counted(len(files), 'file')}", quiet)
    return 0
