"""What the engine does when its workers are gone, on a client that is none."""

import asyncio
import gc
import logging
import time
import weakref

import pytest

from embedkit.cluster import connecting
from embedkit.cluster import dask_engine as engine
from embedkit.cluster.dask_engine import DaskEngine
from embedkit.errors import ConfigError, EmbedkitError


class Handle:
    """A task that is done after so many looks."""

    def __init__(self, looks, value=7):
        self.looks, self.value, self.status, self.key = looks, value, "pending", "key"

    def result(self, timeout):
        self.looks -= 1
        if self.looks >= 0:
            raise TimeoutError
        return self.value

    def release(self):
        pass

    cancel = release


class Client:
    status = "running"

    def __init__(self, *living):
        self.living = list(living)

    def wait_for_workers(self, n, timeout):
        return None

    def submit(self, function, *arguments, **where):
        self.where = where
        return Handle(10**9)

    def nthreads(self):
        return dict.fromkeys(self.living.pop(0) if len(self.living) > 1 else self.living[0], 1)


def engine_with(client, left_out=()):
    made = DaskEngine.__new__(DaskEngine)
    made._client, made._left_out, made._desks, made._bound = client, set(left_out), {}, weakref.WeakKeyDictionary()
    return made


def test_a_slow_task_is_waited_for(monkeypatch):
    monkeypatch.setattr(engine, "ALONE_SECONDS", -1.0)
    assert list(engine_with(Client(["a"])).results([Handle(9), Handle(0)])) == [7, 7]


@pytest.mark.parametrize("status", ["finished", "lost"])
def test_a_result_that_takes_long_to_come_is_waited_for(status):
    """It is on its way, or was lost with a worker and is made again."""
    handle = Handle(3)
    handle.status = status
    assert list(engine_with(Client(["a"])).results([handle])) == [7]
    failed = Handle(3)
    failed.status = "error"
    with pytest.raises(EmbedkitError):
        list(engine_with(Client(["a"])).results([failed]))


def test_a_wait_that_dask_cuts_off_is_taken_up_again(monkeypatch):
    handle, value = Handle(0), Handle.result

    def cut_off(self, timeout):
        monkeypatch.setattr(Handle, "result", value)
        raise UnboundLocalError

    monkeypatch.setattr(Handle, "result", cut_off)
    assert list(engine_with(Client(["a"])).results([handle])) == [7]


def test_workers_that_come_back_are_waited_for():
    assert list(engine_with(Client([], [], ["a"])).results([Handle(4)])) == [7]


@pytest.mark.parametrize("left_out", [[], ["hangs"]])
def test_without_a_worker_nobody_waits_for_ever(monkeypatch, left_out):
    monkeypatch.setattr(engine, "ALONE_SECONDS", -1.0)
    with pytest.raises(EmbedkitError, match="no worker of the cluster has lived"):
        list(engine_with(Client(left_out), left_out).results([Handle(10**9)]))


def test_nobody_waits_for_a_worker_that_is_known_to_be_gone(monkeypatch):
    monkeypatch.setattr(Handle, "result", lambda self, timeout: pytest.fail("waited"))
    made = engine_with(Client(["b"]))
    handles = [made.submit_to("a", print) for _ in range(3)]
    assert list(made.results(handles)) == [None] * 3


def test_what_one_worker_alone_can_do_is_not_waited_for_when_it_is_gone():
    """Nor what waits for that, on whichever worker."""
    client = Client(["a", "b"], ["b"])
    made = engine_with(client)
    first = made.submit_to("a", print)
    assert (client.where["workers"], client.where["allow_other_workers"]) == (["a"], False)
    second = made.submit_to("b", print, first)
    third = made.submit(print, second)
    assert list(made.results([third, second, first])) == [None, None, None]
    other = made.submit_to("b", print)
    other.looks = 3
    assert list(made.results([other])) == [7]


def test_a_wait_that_was_cut_off_leaves_no_traceback(caplog):
    """Dask leaves a task behind whose error nobody asks for; other errors that nobody asks for are still told."""

    class AllExit(Exception):
        pass

    async def left_behind(error):
        async def fail():
            raise error

        task = asyncio.get_running_loop().create_task(fail())
        await asyncio.sleep(0)
        del task
        gc.collect()

    with connecting._without_noise():
        asyncio.run(left_behind(AllExit()))
        assert not caplog.records
        asyncio.run(left_behind(ValueError("of another one")))
        assert [record.exc_info[0] for record in caplog.records] == [ValueError]
    asyncio.run(left_behind(AllExit()))
    assert caplog.records[-1].exc_info[0] is AllExit  # of other programs, when ours is done


def test_whatever_a_closed_client_raises_is_a_lost_cluster(monkeypatch):
    """Dask's own objects are gone then: an AttributeError of theirs ended the command with a traceback."""
    made = engine_with(Client(["a"]))

    def gone(*_, **__):
        raise AttributeError("'NoneType' object has no attribute 'identity'")

    for name in ("wait_for_workers", "nthreads", "submit"):
        monkeypatch.setattr(Client, name, gone)
    with pytest.raises(AttributeError):
        made.workers()
    monkeypatch.setattr(Client, "status", "closed")
    for ask in (made.workers, lambda: made.submit(print), lambda: list(made.results([Handle(9)]))):
        with pytest.raises(EmbedkitError, match="the cluster was lost"):
            ask()


def test_a_task_does_not_wait_for_workers_that_lived_when_it_was_given_out():
    """Once a worker was left out, tasks were for those that lived at that moment and waited for them for ever."""
    client = Client(["a", "b", "late"])
    engine_with(client, ["late"]).submit(print)
    assert (client.where["workers"], client.where["allow_other_workers"]) == (["a", "b"], True)


def test_what_dask_logs_of_a_lost_scheduler_is_kept_back(caplog):
    with connecting._without_noise():
        logging.getLogger("distributed.client").error("Failed to reconnect to scheduler after %.2f seconds", 10.0)
        logging.getLogger("distributed.client").error("another error")
    assert [record.getMessage() for record in caplog.records] == ["another error"]


@pytest.mark.parametrize("address", ["foo://x", "http://127.0.0.1:8786", "s3://bucket/x"])
def test_an_address_of_another_kind_is_refused_at_once(address, capfd):
    """A client of Dask's that never began waited twenty seconds for its own end, and left a traceback."""
    pytest.importorskip("distributed")
    with pytest.raises(ConfigError, match="Dask knows no"), connecting.connected(address):
        pass
    gc.collect()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("broken", [False, True])
def test_an_address_of_a_kind_that_another_package_brings_is_known(broken, monkeypatch):
    pytest.importorskip("distributed")
    from distributed.comm import registry, tcp

    class Brought:
        def load(self):
            if broken:
                raise ImportError("no module named ucp")
            return tcp.TCPBackend

    monkeypatch.setattr(registry, "backends", dict(registry.backends))
    monkeypatch.setattr(registry, "_entry_points", lambda name, group: [Brought()] if name == "brought" else [])
    told = "what Dask has for brought:// cannot be loaded: no module named ucp" if broken else "no scheduler answers"
    with pytest.raises(EmbedkitError, match=told), connecting.connected("brought://127.0.0.1"):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1", "127.0.0.1:", "tls://127.0.0.1:8786", "inproc://x"])
def test_a_client_that_cannot_be_made_is_one_line(address, capfd):
    pytest.importorskip("distributed.comm.registry")  # imported before the clock runs
    begun = time.monotonic()
    with pytest.raises(EmbedkitError, match=f"no scheduler answers at {address}"), connecting.connected(address):
        pass
    gc.collect()
    assert time.monotonic() - begun < 15  # half of what Dask waits by itself
    assert capfd.readouterr().err == ""
