"""``--cluster``: the option, and the engine behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from embedkit.cli.shared.output import note
from embedkit.errors import counted

if TYPE_CHECKING:
    from embedkit.cluster.engine import Engine

cluster_option = click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Work on a Dask cluster: its scheduler's address, or local:N for N processes here. Same result.",
)


def refuse_with_cluster(cluster: str | None, **options: object) -> None:
    """Refuse options that have no meaning on a cluster.

    Raises
    ------
    click.UsageError
    """
    for name, value in options.items():
        if cluster is not None and value:
            flag = "--" + name.replace("_", "-")
            raise click.UsageError(f"{flag} does not go with --cluster: each of its workers is one thread")


@contextlib.contextmanager
def cluster_engine(address: str, quiet: bool) -> Iterator[Engine]:
    """Connect, say where, and let go in the end."""
    from embedkit.cluster.connecting import connected

    with connected(address) as engine:
        where = f"; dashboard: {engine.dashboard}" if engine.dashboard else ""
        note(f"cluster {address}: {counted(engine.n_workers, 'worker')}{where}", quiet)
        yield engine
