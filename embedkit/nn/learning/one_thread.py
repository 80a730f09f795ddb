"""NumPy's products on one thread each, while threads of our own share out the work.

OpenBLAS cuts every product into pieces for all cores and waits for the slowest; small products, as of a batch of words,
take longer so, and most of all beside other threads. Its bundled library is asked by name (``numpy.libs`` and
``numpy/.dylibs`` of NumPy's wheels); with any other library nothing changes.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from embedkit.threads import SharedSetting

PREFIXES, SUFFIXES = ("scipy_openblas", "openblas"), ("64_", "")


@contextlib.contextmanager
def products_on_one_thread() -> Iterator[None]:
    """Within it a product of NumPy's takes one thread; afterwards as many as before."""
    with _THREADS.at(1):
        yield


def _put(threads: int | None) -> int | None:
    """Set OpenBLAS's threads; returns how many there were. None is any other library's, which is left alone."""
    found = _openblas()
    if found is None or threads is None:
        return None
    get, put = found
    before = get()
    put(threads)
    return before


_THREADS = SharedSetting(_put)


@functools.cache
def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """How to read and set the number of threads of the OpenBLAS that came with NumPy; None where there is none."""
    home = Path(np.__file__).parent
    for path in sorted([*home.parent.glob("numpy.libs/*openblas*"), *home.glob(".dylibs/*openblas*")]):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for prefix in PREFIXES:
            for suffix in SUFFIXES:
                names = (f"{prefix}_get_num_threads{suffix}", f"{prefix}_set_num_threads{suffix}")
                if all(hasattr(library, name) for name in names):
                    return getattr(library, names[0]), getattr(library, names[1])
    return None
