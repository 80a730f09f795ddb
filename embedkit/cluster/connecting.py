"""How a cluster is reached: a scheduler's address, processes of this machine, or somebody's client."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from embedkit.cluster import dask_engine
from embedkit.cluster.dask_engine import DaskEngine
from embedkit.cluster.engine import Engine
from embedkit.errors import ConfigError, EmbedkitError
from embedkit.interrupts import held_back

_EXPECTED = "cluster is a scheduler's address such as tcp://host:8786, or local:4"
COPIED = ("embedkit.kernels.tokens",)  # imported before processes of this machine are copied: Numba above all
# Processes of this machine watch themselves less often than Dask's do by default: one tenth of the time of two workers
# on two processors went to their looking after clocks and stacks, while the other one waited.
SELDOM = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "500ms"}


@contextlib.contextmanager
def connected(address: str) -> Iterator[DaskEngine]:
    """The cluster at `address`: a scheduler (``tcp://host:8786``), or ``local:N``, N processes on this machine.

    Raises
    ------
    ConfigError
        When the address is neither, or ``distributed`` is not installed.
    EmbedkitError
        When nobody answers there.
    """
    kind, _, number = address.partition(":")
    if kind == "local" and (not number.isdigit() or not 1 <= int(number) <= 1024):
        raise ConfigError(f"cluster local:N takes a number of processes from 1 to 1024, got {address!r}")
    if kind != "local" and "://" not in address and ":" not in address:
        raise ConfigError(f"{_EXPECTED}, got {address!r}")
    try:
        import dask
        from distributed import Client
        from distributed.comm.registry import backends, get_backend
    except ImportError as error:
        raise EmbedkitError("a cluster needs the package distributed: pip install 'embedkit[dask]'") from error
    scheme, separator, _ = address.partition("://")
    if separator:  # with a scheme that it does not know a client of Dask's would wait for itself in the end
        try:
            get_backend(scheme)
        except ValueError as error:
            raise ConfigError(
                f"{_EXPECTED}, got {address!r}: Dask knows no {scheme}://, but {', '.join(sorted(backends))}"
            ) from error
        except Exception as error:  # of another package, which brings the scheme
            raise EmbedkitError(
                f"cluster {address}: what Dask has for {scheme}:// cannot be loaded: {error}"
            ) from error
    with contextlib.ExitStack() as opened, dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
        if kind == "local":
            opened.enter_context(dask.config.set(SELDOM))
            opened.enter_context(_started_by_copying())
            with held_back():  # a cluster that has not started yet cannot be taken down in good order
                where: Any = _started(int(number))
                opened.enter_context(where)
        else:
            where = address
        client: Any = Client.__new__(Client)
        try:
            near = {"direct_to_workers": True} if kind == "local" else {}
            client.__init__(where, timeout=dask_engine.CONNECT_SECONDS, set_as_default=False, **near)
        except Exception as error:  # of an address without a port, without the certificates of tls://, of nobody there
            client.status = "closed"  # else it would wait twenty seconds for its own end, and leave a traceback
            raise EmbedkitError(
                f"no scheduler answers at {address} ({error or type(error).__name__}); start one with "
                "dask scheduler, or use local:4"
            ) from error
        opened.enter_context(client)
        with _without_noise():
            yield DaskEngine(client)


def _started(n: int) -> Any:
    """A Dask cluster of `n` processes of this machine."""
    from distributed import LocalCluster

    try:
        return LocalCluster(
            n_workers=n,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
            env=dict(os.environ),  # of now: what processes are copied from may have begun with another one
        )
    except (OSError, RuntimeError) as error:
        raise EmbedkitError(
            f"cluster local:{n}: its processes do not start ({error}); they need memory, open files (ulimit -n) and a "
            "folder for temporary files (TMPDIR); give fewer"
        ) from error


@contextlib.contextmanager
def _without_noise() -> Iterator[None]:
    """Keep back what Dask logs of a loss that is told anyway.

    That is the traceback that a wait of Dask's leaves behind when it is cut off and its worker dies, and that its
    scheduler cannot be reached any more.
    """

    def of_others(record: logging.LogRecord) -> bool:
        return record.exc_info is None or getattr(record.exc_info[0], "__name__", "") != "AllExit"

    def of_the_living(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Failed to reconnect to scheduler")

    with contextlib.ExitStack() as filtered:
        for name, kept in (("asyncio", of_others), ("distributed.client", of_the_living)):
            log = logging.getLogger(name)
            log.addFilter(kept)
            filtered.callback(log.removeFilter, kept)
        yield


@contextlib.contextmanager
def _started_by_copying() -> Iterator[None]:
    """Have Dask start processes as copies of one that has imported what they need, on Linux.

    A process of its own for each imports Dask and Numba anew, seconds for each, and again for one that died. Elsewhere
    libraries of the system do not take being copied. The copies hear no Ctrl-C, which a terminal sends to all processes
    of a command: the one that was started ends them.
    """
    if sys.platform != "linux":
        yield
        return
    import multiprocessing
    from multiprocessing import forkserver, resource_tracker

    import dask
    from distributed import utils

    method = "forkserver"
    # Else Dask imports pandas and others into this process, to make a list of its own.
    if hasattr(utils, "_forkserver_preload_set"):
        utils._forkserver_preload_set = True
    multiprocessing.get_context(method).set_forkserver_preload(["distributed.nanny", *COPIED])
    resource_tracker.ensure_running()  # which would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with dask.config.set({"distributed.worker.multiprocessing-method": method}):
        yield


@contextlib.contextmanager
def engine_of(cluster: Any) -> Iterator[Engine]:
    """An engine for an address, for somebody's `distributed.Client`, or for what is one already.

    Raises
    ------
    ConfigError, EmbedkitError
        As `connected`.
    """
    if isinstance(cluster, str):
        with connected(cluster) as engine:
            yield engine
    elif hasattr(cluster, "scheduler_info"):
        yield DaskEngine(cluster)
    elif hasattr(cluster, "share"):
        yield cluster
    else:
        raise ConfigError(f"cluster is an address or a distributed.Client, got {type(cluster).__name__}")
