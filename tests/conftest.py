"""Settings of the whole suite.

The first example of a property test may compile a kernel, so none has a deadline. Their cases are the same in each run,
so that a change is judged by what it changes; ``make search`` looks for new ones. Two test processes share the cores:
threads of the linear algebra in each would wait for one another. Ctrl-C is tested also where the suite runs in a
shell's background, which ignores it. What one file of tests leaves in the store ``memory://`` is gone for the next.
"""

import os
import signal
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("embedkit", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("embedkit")


@pytest.fixture(scope="module", autouse=True)
def empty_memory_store():
    """fsspec keeps one for the whole process, and which files share a process changes from run to run."""
    yield
    if "fsspec" in sys.modules:
        import fsspec

        store = fsspec.filesystem("memory")
        store.store.clear()
        store.pseudo_dirs[:] = [""]
