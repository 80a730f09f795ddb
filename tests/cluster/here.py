"""An engine without machines, for tests: every task runs when it is submitted, on copies, as on another machine."""

import pickle

from embedkit.cluster.engine import GONE
from embedkit.training import remote_worker


class Here:
    n_workers = 5
    processors = ("one kind",)

    def submit(self, function, *arguments, worker=None):
        return pickle.loads(pickle.dumps(function(*pickle.loads(pickle.dumps(arguments)))))

    def share(self, value):
        return value

    def results(self, handles):
        yield from handles

    def workers(self):
        return ["first", "second"]

    def call(self, worker, function, *arguments):
        return self.submit(function, *arguments)

    def answers(self, calls, seconds):
        return calls

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
            for share in [share for share in remote_worker._SHARES if not share.endswith(alive)]:
                del remote_worker._SHARES[share]
            return GONE
        return super().call(worker, function, *arguments)
