"""What the engine does when its workers are gone, on a client that is none."""

import asyncio
import gc
import weakref

import pytest

from embedkit.cluster import connecting
from embedkit.cluster import dask_engine as engine
from embedkit.cluster.dask_engine import DaskEngine
from embedkit.errors import EmbedkitError


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
    def __init__(self, *living):
        self.living = list(living)

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
