"""The `kernel` decorator: numba's ``njit`` with an on-disk cache that is always writable and never stale.

numba's own cache notices an edited function but not an edited helper in another file, and fails with "no
locator available" where the package folder and the home folder are read-only. So the machine code goes into a
folder keyed on a hash of all kernel sources, in the first place that can be written: ``NUMBA_CACHE_DIR`` where
that is set, the user's cache folder, a temporary folder. The setting is put back after each decoration, so that
a program that uses embedkit and numba side by side keeps its own cache where it was.

numba unpickles what lies in its cache, which runs code. So only folders are used that belong to this user and that
nobody else can write; where there is none, one for this process alone, which compiles its kernels itself.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core.caching import FunctionCache, IndexDataCacheFile

DIGEST_BYTES = 16


def _load_array_functions() -> None:
    """Load numba's NumPy functions without SciPy's linear algebra, which takes four tenths of a second.

    numba imports that, where SciPy is installed, to see whether there is a BLAS; no kernel here calls one. A program's
    own compiled functions find it as ever, when they are compiled. Left to numba where another thread might import
    SciPy meanwhile.
    """
    heavy, loaded = "scipy.linalg", "numba.np.arraymath" in sys.modules
    if loaded or heavy in sys.modules or find_spec("scipy") is None or threading.active_count() > 1:
        return
    modules: dict[str, Any] = sys.modules
    modules[heavy] = None
    try:
        from numba.np import arraymath

        arraymath._HAVE_BLAS = True
    except ImportError:  # a numba that cannot do without; it tries again by itself
        pass
    finally:
        del modules[heavy]


_load_array_functions()


def _user_cache_home() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _sources_key() -> str:
    settings: Any = numba.config
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__} {settings.BOUNDSCHECK}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


# LLVM's names of processors with AVX-512, by how they begin.
_WIDE = (
    *("x86-64-v4", "skylake-avx512", "cascadelake", "cooperlake", "cannonlake", "icelake", "tigerlake", "rocketlake"),
    *("sapphirerapids", "emeraldrapids", "graniterapids", "knl", "knm", "znver4", "znver5"),
)


def has_avx512() -> bool:
    """Whether kernels are compiled for a processor with AVX-512.

    That is this one, or the one of numba's NUMBA_CPU_NAME and NUMBA_CPU_FEATURES: `haswell` has AVX2 alone.
    """
    settings: Any = numba.config
    if settings.CPU_FEATURES:
        return "+avx512f" in settings.CPU_FEATURES.split(",")
    if settings.CPU_NAME and settings.CPU_NAME != "host":
        return bool(settings.CPU_NAME.startswith(_WIDE))
    return bool(llvm.get_host_cpu_features().get("avx512f", False))


def compiled_for() -> str:
    """What kernels are compiled for and by: where this differs, the same work may be rounded otherwise."""
    settings: Any = numba.config
    return f"{settings.CPU_NAME or llvm.get_host_cpu_name()}, numba {numba.__version__}, numpy {np.__version__}"


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _trusted(folder: Path) -> bool:
    """Make a folder in ``embedkit`` in a place of many, and see that nobody but this user can have put a file there.

    The folder and the one above are this user's and closed to others; in all those above them nobody else may replace
    what this user owns.
    """
    try:
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        for place in (folder.parent, folder):
            place.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return False
    if os.name == "nt":  # no owners in numbers; the user's folders are closed there
        return _writable(folder)
    for place in (folder.parent, folder):
        found = place.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            return False
    for place in folder.parent.resolve().parents:
        found = place.stat()
        if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            return False
    return _writable(folder)


def _own_folder() -> str | None:
    """A folder for this process alone, removed when it ends; None where no folder at all can be written."""
    if not _writable(Path(tempfile.gettempdir())):
        return None
    folder, process = tempfile.mkdtemp(prefix="embedkit-kernels-"), os.getpid()

    def remove() -> None:
        if os.getpid() == process:  # not in a process that was forked off
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


@functools.cache
def cache_folder() -> str | None:
    """The folder that holds the compiled kernels, or None where no folder at all can be written."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    key = _sources_key()
    if chosen and not _trusted(Path(chosen) / "embedkit" / key):
        warnings.warn(
            f"the folder in NUMBA_CACHE_DIR cannot be written by this user, or others can write it too: {chosen}; "
            "compiled kernels go to another folder",
            RuntimeWarning,
            stacklevel=2,
        )
        chosen = None
    candidates: list[Path] = [Path(chosen)] if chosen else []
    with contextlib.suppress(RuntimeError):  # no home folder at all
        candidates.append(_user_cache_home())
    candidates.append(Path(tempfile.gettempdir()))
    for candidate in candidates:
        folder = candidate / "embedkit" / key
        if _trusted(folder):
            return str(folder)
    return _own_folder()


class _KernelCache(FunctionCache):
    """numba's cache on disk, for functions made inside functions too.

    numba's key holds the pickled closure. A compiled function in there has another number in each process, so that
    nothing was ever found and every training compiled its kernels again. The folder stands for all sources; what is
    left to tell apart are the constants.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _KernelFiles(self._cache_path, self._impl.filename_base, "")

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel; a disk that has no room for it ends nothing, the next process compiles it again."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            warnings.warn(
                f"compiled kernels cannot be kept in {cache_folder()}: {os.strerror(error.errno or 0)}; each run "
                "compiles them again until there is room (NUMBA_CACHE_DIR names another folder)",
                RuntimeWarning,
                stacklevel=2,
            )

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return sig, codegen.magic_tuple(), _constants(self._py_func)


class _KernelFiles(IndexDataCacheFile):
    """One file for each compiled kernel, named by what it is, and no index.

    numba numbers its files and keeps the numbers in an index, which is read, changed and written without a lock. Two
    trainings that compiled at the same time, with vectors of other sizes, could both take number 1: one of them then
    found the other's kernel under its own name, read rows of another length, and ended with wrong vectors.

    A digest stands behind the bytes, which unpickling does not look at: a file that a power cut left unfinished is
    compiled again.
    """

    def save(self, key: Any, data: Any) -> None:
        kept = self._dump(data)
        with self._open_for_write(self._data_path(self._file_of(key))) as file:
            file.write(kept + _digest(kept))

    def load(self, key: Any) -> Any:
        name = self._file_of(key)
        try:
            found = Path(self._data_path(name)).read_bytes()
        except FileNotFoundError:
            return None
        return self._load_data(name) if found[-DIGEST_BYTES:] == _digest(found[:-DIGEST_BYTES]) else None

    def _file_of(self, key: Any) -> str:
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        return f"{self._index_name.removesuffix('.nbi')}.{digest}.nbc"


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def _constants(function: Any) -> tuple[Any, ...]:
    """What a function's closure holds: constants as they are, compiled functions by name and their own closures.

    Raises
    ------
    TypeError
        At anything else, which would have no key that holds in the next process.
    """
    found: list[Any] = []
    for cell in function.__closure__ or ():
        value = cell.cell_contents
        inner = getattr(value, "py_func", None)
        if inner is not None:
            found.append((inner.__module__, inner.__qualname__, inner.__code__.co_firstlineno, _constants(inner)))
        elif isinstance(value, (bool, int, float, str)):
            found.append((type(value).__name__, value))
        else:
            raise TypeError(
                f"{function.__qualname__}: a kernel may close over constants and kernels, "
                f"not over {type(value).__name__}"
            )
    return tuple(found)


def _name_by_constants(function: Callable[..., Any]) -> None:
    """Give functions that a function makes names of their own.

    In machine code a function is called by its name and a number that counts up in the process which compiles it. Two
    processes that compile the same inner function for rows of other lengths number it alike, and a third one that
    loads both from the disk calls whichever came first: it reads rows of the wrong length.
    """
    constants = _constants(function)
    if constants:
        function.__qualname__ += f"_{hashlib.sha256(repr(constants).encode()).hexdigest()[:8]}"


def kernel(function: Callable[..., Any] | None = None, *, borrows: bool = False, **options: Any) -> Any:
    """``numba.njit`` for embedkit's kernels: releases the GIL and caches on disk.

    Parameters
    ----------
    function : callable
        The Python function; it takes arrays, numbers and small named tuples.
    borrows : bool
        The function only borrows the arrays that it is given: it makes none, returns none, and is called from
        kernels alone. Then it need not count references. Counting costs an atomic operation for each array at each
        call, on a line that all threads share: in small functions that are called for each word, more than the
        arithmetic.
    **options
        Further options of ``numba.njit``, e.g. ``inline="always"``; ``fastmath`` of a kernel that others call wants
        ``forceinline`` too, or its bits depend on what else was compiled in the process.
    """
    if function is None:
        return functools.partial(kernel, borrows=borrows, **options)
    _name_by_constants(function)
    if borrows:
        options["_nrt"] = False
    folder = cache_folder()
    settings: Any = numba.config
    before = settings.CACHE_DIR
    try:
        if folder is not None:
            settings.CACHE_DIR = folder
        compiled: Any = numba.njit(nogil=True, cache=folder is not None, **options)(function)
        if folder is not None:
            compiled._cache = _KernelCache(function)
        return compiled
    finally:
        settings.CACHE_DIR = before
