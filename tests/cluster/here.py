"""An engine without machines, for tests: every task runs when it is submitted, on copies, as on another machine.

Calls run in threads of their own, for workers wait for each other.
"""

import pickle
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from embedkit.cluster.engine import GONE
from embedkit.training import remote_shares


class Box:
    def tell(self, function, *arguments):
        function(*pickle.loads(pickle.dumps(arguments)))


class Here:
    n_workers = 5
    processors = ("one kind",)

    def submit(self, function, *arguments, worker=None):
        return pickle.loads(pickle.dumps(function(*pickle.loads(pickle.dumps(arguments)))))

    def submit_to(self, worker, function, *arguments):
        return self.submit(function, *arguments, worker=worker)

    def share(self, value):
        return value

    def results(self, handles):
        yield from handles

    def workers(self):
        return ["first", "second"]

    def call(self, worker, function, *arguments):
        pool = ThreadPoolExecutor(1)
        future = pool.submit(self.submit, function, *arguments)
        pool.shutdown(wait=False)
        return future

    def answers(self, calls, seconds):
        waiting = dict(enumerate(calls))
        while waiting:
            if GONE not in waiting.values():  # without looking all the time: the calls need the processor
                wait(waiting.values(), return_when=FIRST_COMPLETED)
            for i, call in list(waiting.items()):
                if call == GONE or call.done():
                    del waiting[i]
                    yield i, call if call == GONE else call.result()

    def tell(self, worker, function, *arguments):
        self.submit(function, *arguments)

    def box(self, worker):
        return Box()

    def leave_out(self, worker):
        raise AssertionError(f"{worker} was left out")


class Failing(Here):
    """Workers die at the given calls, one after the other, and others come in their place."""

    def __init__(self, *calls):
        self.left, self.n_calls, self.lost = list(calls), 0, 0

    def workers(self):
        return [f"worker {self.lost}", f"worker {self.lost + 1}", "third"][: 1 + self.lost % 3]

    def call(self, worker, function, *arguments):
        self.n_calls += 1
        if self.left and self.n_calls == self.left[0]:
            del self.left[0]
            self.lost += 1
            alive = tuple(set(self.workers()) - {worker})
            for share in [share for share in remote_shares.SHARES if not share.endswith(alive)]:
                remote_shares.stop(share, remote_shares.SHARES[share].deal)  # its threads end as its process would
                del remote_shares.SHARES[share]
            return GONE
        return super().call(worker, function, *arguments)


class Misplacing(Here):
    """The first task of a name is done by nobody, as one that ran on a worker that is no more."""

    def __init__(self, name):
        self.name = name

    def submit(self, function, *arguments, worker=None):
        if function.__name__ == self.name:
            self.name = None
            return None
        return super().submit(function, *arguments, worker=worker)
