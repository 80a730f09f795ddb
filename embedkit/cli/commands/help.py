"""``embedkit help``: what ``--help`` prints, asked for by name."""

from __future__ import annotations

import click


@click.command(epilog="Example: embedkit help train")
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
def help(names: tuple[str, ...]) -> None:
    """The help of COMMAND (embedkit help train, embedkit help lm train), or of embedkit as a whole."""
    root = click.get_current_context().find_root().command
    root.main([*names, "--help"], prog_name="embedkit", standalone_mode=False)
