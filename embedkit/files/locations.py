"""Where files come from and go to: paths, folders, globs, and the URLs that the package fsspec knows.

``corpus.txt``, ``folder/``, ``'data/part-*.txt.zst'``, ``s3://bucket/part-00.zst``, ``'s3://bucket/part-*.zst'``,
``https://…``, ``hf://…``, ``memory://…``. Globs are expanded here, so that they work in quotes and in stores that no
shell can look into; hidden files are left out. A remote file that is read from front to back is streamed; one that is
mapped is copied to a temporary file first. What breaks off in between is tried again.

Credentials are fsspec's business: none are read or stored here, and none are shown: what messages say of a URL has no
user, no password and no query.
"""

from __future__ import annotations

import contextlib
import glob
import io
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from embedkit.errors import CorpusError, EmbedkitError
from embedkit.files.temporary import temporary_path

Name = str | os.PathLike[str]
T = TypeVar("T")

STDIN = "-"
ATTEMPTS = 4
WAIT = 0.5  # seconds before the second attempt; doubled each time
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:::[A-Za-z][A-Za-z0-9+.-]+)*://")
_SECRETS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@'\"]*@"), re.compile(r"(://[^\s?'\"]*)\?[^\s'\"]*")
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "adl": "adlfs",
    "hdfs": "pyarrow",
    "http": "aiohttp",
    "https": "aiohttp",
    "hf": "huggingface_hub",
    "sftp": "paramiko",
    "ssh": "paramiko",
}
CHUNK = 1 << 20


def is_url(name: Name) -> bool:
    """Whether a name is a URL rather than a path."""
    return isinstance(name, str) and _URL.match(name) is not None


def shown(name: Name) -> str:
    """A name for messages and logs: of a URL no user, no password and no query."""
    return _scrubbed(name) if isinstance(name, str) and is_url(name) else os.fspath(name)


def has_glob(name: Name) -> bool:
    """Whether a name is a pattern: it holds ``*``, ``?`` or ``[``, and no file is called so."""
    text = os.fspath(name)
    if is_url(text):
        return "*" in text or (not text.startswith(("http://", "https://")) and ("?" in text or "[" in text))
    return any(mark in text for mark in "*?[") and not os.path.lexists(text)


def expand(name: str) -> list[str]:
    """The files behind a URL or a pattern, sorted: one file, those of a folder at any depth, those that match.

    Raises
    ------
    CorpusError
        When there are none.
    """
    if not is_url(name):
        found = [path for path in sorted(glob.glob(name, recursive=True)) if not os.path.isdir(path)]
        if not found:
            raise CorpusError(f"{name}: no file matches")
        return found
    system, path = _file_system(name)
    if has_glob(name):
        return _listed(system, name, lambda: system.glob(path), "no file matches")
    if name.startswith(("http://", "https://")):  # asking such a server for a folder means to parse its page
        return [name]
    kind = _tried(name, lambda: system.info(path)["type"])
    if kind != "directory":
        return [name]
    return _listed(system, name, lambda: system.find(path), "the folder holds no files to read")


def _listed(system: Any, name: str, look: Callable[[], list[str]], nothing: str) -> list[str]:
    found = [path for path in sorted(_tried(name, look)) if not os.path.basename(path.rstrip("/")).startswith(".")]
    if not found:
        raise CorpusError(f"{shown(name)}: {nothing}")
    return [path if is_url(path) else system.unstrip_protocol(path) for path in found]


def files_below(name: str) -> list[str] | None:
    """The files of a remote folder at any depth, by their paths in it; None where there is no such folder.

    Raises
    ------
    EmbedkitError
        When it cannot be reached.
    """
    if not is_url(name) or name.startswith(("http://", "https://")) or has_glob(name):
        return None
    system, path = _file_system(name)
    try:
        if _tried(name, lambda: system.info(path)["type"]) != "directory":
            return None
    except CorpusError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    root = path.rstrip("/") + "/"
    return [file.removeprefix(root) for file in sorted(_tried(name, lambda: system.find(path)))]


def size_of(name: Name) -> int | None:
    """Bytes of a file; None where a server does not tell.

    Raises
    ------
    EmbedkitError
        When a remote file cannot be reached.
    """
    if not is_url(name):
        return os.path.getsize(name)
    system, path = _file_system(str(name))
    size: int | None = _tried(str(name), lambda: system.size(path))
    return size


def is_there(name: Name) -> bool:
    """Whether there is a file.

    Raises
    ------
    EmbedkitError
        When a store does not tell.
    """
    if not is_url(name):
        return os.path.exists(name)
    system, path = _file_system(str(name))
    return bool(_tried(str(name), lambda: system.isfile(path)))


def remove(name: Name) -> None:
    """Remove a file where there is one.

    Raises
    ------
    EmbedkitError
        When a store does not do it.
    """
    if not is_url(name):
        Path(name).unlink(missing_ok=True)
    elif is_there(name):
        system, path = _file_system(str(name))
        _tried(str(name), lambda: system.rm_file(path), "removed")


@contextlib.contextmanager
def open_location(name: Name) -> Iterator[Any]:
    """Open a file for reading bytes; a remote one is streamed, and read on from where it broke off.

    Raises
    ------
    CorpusError
        When a remote file cannot be read.
    """
    if os.fspath(name) == STDIN:
        yield sys.stdin.buffer
        return
    if not is_url(name):
        with open(name, "rb", buffering=0) as raw:
            yield raw
        return
    with _Remote(str(name)) as stream:
        yield stream


@contextlib.contextmanager
def on_disk(name: Name) -> Iterator[Path]:
    """Yield a path that can be mapped: `name` itself, or a temporary copy of what is remote, a pipe or ``-``."""
    if (
        os.fspath(name) != STDIN
        and not is_url(name)
        and (os.path.isfile(name) or not os.path.exists(name) or os.path.isdir(name))
    ):
        yield Path(name)
        return
    with temporary_path(stem="copy") as copy:
        with (
            open(copy, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out,
            open_location(name) as raw,
        ):
            while chunk := raw.read(CHUNK):
                out.write(chunk)
        yield copy


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def upload(path: Path, name: str) -> None:
    """Copy a file to a URL; a store shows it when all of it has arrived.

    Raises
    ------
    EmbedkitError
        When it cannot be written.
    """
    system, target = _file_system(name)
    _tried(name, lambda: system.put_file(os.fspath(path), target), "written")


def reach(name: str) -> None:
    """See that fsspec has what a URL's protocol needs, before the work whose result goes there.

    Raises
    ------
    EmbedkitError
    """
    _file_system(name)


class _Remote(io.RawIOBase):
    """A remote file that is opened again where it broke off.

    Parameters
    ----------
    name : str
        The URL.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._system, self._path = _file_system(name)
        self._position = 0
        self._stream: BinaryIO | None = None
        self._size: int | None = None
        self._open()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            offset += self._size or 0
        self._position = offset + (self._position if whence == os.SEEK_CUR else 0)
        if self._stream is not None:
            self._stream.seek(self._position)
        return self._position

    def readinto(self, target: Any) -> int:
        def read() -> bytes:
            try:
                if self._stream is None:
                    self._open()
                return self._stream.read(len(target))  # type: ignore[union-attr]
            except Exception:
                self._drop()
                raise

        data = _tried(self._name, read)
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _open(self) -> None:
        self._stream = _tried(self._name, lambda: self._system.open(self._path, "rb"))
        size = getattr(self._stream, "size", None)
        if self._position and size != self._size:
            raise CorpusError(f"{shown(self._name)}: changed while it was read; start again")
        self._size = size
        if self._position:
            self._stream.seek(self._position)

    def _drop(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(Exception):  # of a connection that is gone
                self._stream.close()
            self._stream = None


def _file_system(name: str) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the path in it."""
    protocol = name.split("://", maxsplit=1)[0].rsplit("::", maxsplit=1)[-1]
    try:
        import fsspec
    except ImportError as error:
        package = _PACKAGES.get(protocol)
        more = f" {package}" if package else ""
        raise EmbedkitError(
            f"{shown(name)}: URLs need the package fsspec: pip install 'embedkit[remote]'{more}"
        ) from error
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(name)
        return found
    except ImportError as error:
        package = _PACKAGES.get(protocol, "that fsspec names for it")
        raise EmbedkitError(
            f"{shown(name)}: {protocol}:// needs the package {package}: pip install {package}"
        ) from error
    except ValueError as error:
        if "not known" in str(error).lower():
            raise EmbedkitError(f"{shown(name)}: fsspec knows no protocol {protocol}://") from error
        raise _failure(name, error, "read") from error
    except Exception as error:  # file systems raise what their libraries do
        raise _failure(name, error, "read") from error


def _tried(name: str, work: Callable[[], T], what: str = "read") -> T:
    """Do something with a remote file, up to `ATTEMPTS` times where it might still succeed."""
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except EmbedkitError:
            raise
        except Exception as error:
            if attempt == ATTEMPTS - 1 or _is_final(error):
                raise _failure(name, error, what) from error
            time.sleep(WAIT * 2**attempt)
    raise AssertionError("not reached")


def _is_final(error: Exception) -> bool:
    """Whether trying again would change nothing: the file is not there, or nobody lets us in."""
    status = _status(error)
    if status is not None:
        return 400 <= status < 500 and status not in (408, 429)
    kinds = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError, TypeError, ValueError)
    return isinstance(error, kinds) or "Credential" in type(error).__name__


def _status(error: BaseException | None) -> int | None:
    """The HTTP status behind an error: fsspec makes a FileNotFoundError of all that a server refuses."""
    while error is not None:
        status = getattr(error, "status", None)
        if isinstance(status, int):
            return status
        error = error.__cause__
    return None


def _failure(name: str, error: Exception, what: str) -> CorpusError:
    status = _status(error)
    if status == 404 or (isinstance(error, FileNotFoundError) and status is None):
        return CorpusError(f"{shown(name)}: no such file; check the URL")
    if isinstance(error, PermissionError) or status in (401, 403) or "Credential" in type(error).__name__:
        return CorpusError(
            f"{shown(name)}: access denied: this needs credentials, which fsspec takes from the environment or its "
            "configuration files, never from embedkit"
        )
    told = " ".join(_scrubbed(str(error)).split())[:300] or type(error).__name__
    return CorpusError(f"{shown(name)}: cannot be {what}: {told}")


def _scrubbed(text: str) -> str:
    user, query = _SECRETS
    return query.sub(r"\1", user.sub(r"\1", text))
