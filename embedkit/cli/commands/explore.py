"""``embedkit explore``: look at whole models in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import quiet_option
from embedkit.cli.shared.output import note, print_line
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.reading import load, reading_options


@click.command(epilog="Example: embedkit explore model.safetensors")
@click.argument("models", nargs=-1, required=True, type=INPUT, metavar="MODEL...")
@click.option(
    "--top",
    default=5000,
    show_default=True,
    type=click.IntRange(2),
    metavar="N",
    help="How many words the picture shows, the most frequent ones; all others can be asked for.",
)
@click.option(
    "--method",
    type=click.Choice(["pca", "tsne"]),
    help="How words are laid out.  [default: t-SNE, where it is fast enough]",
)
@click.option(
    "--index",
    "index_file",
    type=INPUT,
    metavar="FILE",
    help="Ask this index of the first model, made by embedkit index, rather than compare with every vector.",
)
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="By default a free one.")
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.  [default: open]")
@reading_options
@quiet_option
def explore(
    models: tuple[str, ...], top: int, method: str | None, index_file: str | None, port: int, browser: bool, quiet: bool
) -> None:
    """Look at models in a browser, as on the page of embedkit plot, with every word of the vocabulary to ask.

    The page computes (king - man + woman), lays words out along axes, and with several MODELs shows the neighbours of
    each side by side and how many they share. The server answers on this machine only, to those who have the address
    that is printed; nothing is written, and Ctrl-C ends it.
    """
    from embedkit.plotting.explore import Explorer, address_of, serve
    from embedkit.plotting.projection import project, suited
    from embedkit.plotting.selection import select

    opened = {_name(path, models): load(path) for path in dict.fromkeys(models)}
    first = next(iter(opened.values()))
    index = None
    if index_file:
        from embedkit.query.index import NeighbourIndex

        index = NeighbourIndex.open(index_file, first)
    chosen = select(first, most_frequent=top)
    if method is None:
        method, better = suited(len(chosen.words), False)
        note(f"note: {better}", quiet or better is None)
    with progress_bar(quiet) as progress:
        points, shares = project(chosen.vectors, method, 30.0, progress)
    how = f"PCA, {sum(shares):.0%} of the variance" if shares else "t-SNE"
    shown = f"{len(chosen.words):,} of {len(first):,} words in the picture; {first.vector_size} dimensions; {how}"
    explorer = Explorer(opened, chosen, points, ", ".join(opened), shown, index)
    server = serve(explorer, port)
    address = address_of(server, explorer)
    print_line(address)
    note("note: Ctrl-C ends", quiet)
    if browser:
        import webbrowser

        webbrowser.open(address)
    try:
        server.serve_forever()
    finally:
        server.server_close()


def _name(path: str, paths: tuple[str, ...]) -> str:
    """The file's name, or the whole path where another model's file has the same name."""
    name = Path(path).name
    return path if sum(Path(other).name == name for other in dict.fromkeys(paths)) > 1 else name
