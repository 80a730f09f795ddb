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
import sys
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, BinaryIO

from embedkit.errors import CorpusError, EmbedkitError
from embedkit.files.urls import Name, file_system, is_url, plain, shown, tried

STDIN = "-"
CHUNK = 1 << 20
PORTS = {"ftp": 21, "sftp": 22, "ssh": 22}
WITH_BUCKETS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "adl")


def has_glob(name: Name) -> bool:
    """Whether a name is a pattern: it holds ``*``, ``?`` or ``[``, and no file is called so."""
    text = os.fspath(name)
    if text.startswith(("http://", "https://")):
        return "*" in text
    if is_url(text):
        return any(mark in text for mark in "*?[") and not is_file(text)
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
    system, path = file_system(name)
    if has_glob(name):
        return _listed(system, name, lambda: system.glob(path), "no file matches")
    if name.startswith(("http://", "https://")):  # asking such a server for a folder means to parse its page
        return [name]
    kind = tried(name, lambda: system.info(path)["type"])
    if kind != "directory":
        return [name]
    return _listed(system, name, lambda: system.find(path), "the folder holds no files to read")


def _listed(system: Any, name: str, look: Callable[[], list[str]], nothing: str) -> list[str]:
    found = [path for path in sorted(tried(name, look)) if not os.path.basename(path.rstrip("/")).startswith(".")]
    if not found:
        raise CorpusError(f"{shown(name)}: {nothing}")
    return [path if is_url(path) else _named(system, name, path) for path in found]


def _named(system: Any, name: str, path: str) -> str:
    """The URL of a file that is below the URL `name`: with its server, its user and its archive."""
    before, own, behind = _segments(name)
    if not before and not behind and not system.storage_options.get("host"):
        return str(system.unstrip_protocol(path))
    if own.endswith("://"):
        return before + own + path + behind
    own, root = own.rstrip("/"), system._strip_protocol(own).rstrip("/")
    return before + own.removesuffix(root) + path + behind


def _segments(name: str) -> tuple[str, str, str]:
    """Of chained URLs (``simplecache::zip://a.txt::/x.zip``) what is before and behind the one that names the file."""
    parts = name.split("::")
    at = next(i for i, part in enumerate(parts) if "://" in part)
    return "".join(f"{part}::" for part in parts[:at]), parts[at], "".join(f"::{part}" for part in parts[at + 1 :])


def files_below(name: str) -> list[str] | None:
    """The files of a remote folder at any depth, by their paths in it; None where there is no such folder.

    Raises
    ------
    EmbedkitError
        When it cannot be reached.
    """
    if not is_url(name) or name.startswith(("http://", "https://")) or has_glob(name):
        return None
    system, path = file_system(name)
    try:
        if tried(name, lambda: system.info(path)["type"]) != "directory":
            return None
    except CorpusError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    root = path.rstrip("/") + "/"
    return [file.removeprefix(root) for file in sorted(tried(name, lambda: system.find(path)))]


def size_of(name: Name) -> int | None:
    """Bytes of a file; None where a server does not tell.

    Raises
    ------
    EmbedkitError
        When a remote file cannot be reached.
    """
    if not is_url(name):
        return os.path.getsize(name)
    system, path = file_system(str(name))
    size: int | None = tried(str(name), lambda: system.size(path))
    return size


def beginnings(names: Sequence[str], size: int) -> list[bytes | None]:
    """The first bytes of files that are all here, or all in one store; None for a pipe and for what cannot be read."""
    if not names or not is_url(names[0]):
        return [_beginning(name, size) for name in names]
    system, _ = file_system(names[0])
    paths = [system._strip_protocol(_segments(name)[1]) for name in names]
    found = tried(names[0], lambda: system.cat_ranges(paths, [0] * len(paths), [size] * len(paths), on_error="return"))
    return [head if isinstance(head, bytes) else None for head in found]


def _beginning(name: str, size: int) -> bytes | None:
    if not os.path.isfile(name):  # a pipe waits for somebody to write
        return None
    try:
        with open(name, "rb", buffering=0) as stream:
            return stream.read(size)
    except OSError:  # which is told when the file is read
        return None


def is_there(name: Name) -> bool:
    """Whether there is a file.

    Raises
    ------
    EmbedkitError
        When a store does not tell.
    """
    if not is_url(name):
        return os.path.exists(name)
    system, path = file_system(str(name))
    return bool(tried(str(name), lambda: system.isfile(path)))


def is_file(name: Name) -> bool:
    """Whether a name is that of one file, here or at a URL; of a store that does not tell it is none."""
    if not is_url(name):
        return os.path.isfile(name)
    with contextlib.suppress(EmbedkitError):  # which is told when the file is read
        return is_there(name)
    return False


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
        system, path = file_system(str(name))
        tried(str(name), lambda: system.rm_file(path), "removed")


def called(name: Name) -> str:
    """What messages call a file, a URL or ``-``."""
    return "standard input" if os.fspath(name) == STDIN else shown(name)


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


def upload(path: Path, name: str) -> None:
    """Copy a file to a URL; a store shows it when all of it has arrived.

    Raises
    ------
    EmbedkitError
        When it cannot be written.
    """
    system, target = file_system(name)
    tried(name, lambda: system.put_file(os.fspath(path), target), "written")


@contextlib.contextmanager
def kept_unless_sent(path: Path, name: str) -> Iterator[None]:
    """Where a temporary file or folder cannot be sent to a URL, leave it here under another name, and tell that."""
    try:
        yield
    except EmbedkitError as error:
        last = shown(name).rstrip("/").rpartition("/")[2]
        kept = path.with_name(f"embedkit-{os.urandom(4).hex()}-{last}")
        os.replace(path, kept)
        raise EmbedkitError(f"{error}; what was to go there is kept in {kept}") from error


def reach(name: str) -> None:
    """See before the work that its result can go to a URL: that fsspec has what it needs, and a store its bucket.

    Raises
    ------
    EmbedkitError
        Also for a web server, which takes no files.
    """
    system, path = file_system(name)
    protocol, (bucket, _, key) = name.partition("://")[0].lower(), path.partition("/")
    if protocol in ("http", "https"):
        raise EmbedkitError(f"cannot write {shown(name)}: a web server takes no files; name one here or in a store")
    if protocol not in WITH_BUCKETS:
        return
    if not key:
        raise EmbedkitError(f"cannot write {shown(name)}: name a file in the bucket, such as {shown(name)}/model")
    try:
        tried(name, lambda: system.info(bucket), "written")
    except EmbedkitError as error:  # who may write need not be allowed to look
        if not isinstance(error.__cause__, PermissionError):
            raise


def beneath(name: str) -> str:
    """What is read in the end where URLs are chained: the archive of ``zip://a.txt::/data/x.zip``; else the name."""
    if not is_url(name):
        return name
    last = plain(name.rpartition("::")[2])
    return last if is_url(last) else file_system(last)[1]  # which knows the user's folder, ~


def overwrites(output: str, source: str) -> bool:
    """Whether writing a URL destroys what is read: the file itself, one of a folder or pattern, or an archive."""
    source = beneath(source)
    if not is_url(source):
        return False
    (system, path), (other, read) = file_system(output), file_system(source)
    if type(system) is not type(other) or _server(system, output) != _server(other, source):
        return False
    below = path.startswith(read.rstrip("/") + "/")
    return path == read or (has_glob(source) and fnmatch(path, read)) or (below and is_there(output))


def _server(system: Any, name: str) -> tuple[str, int | None]:
    """Host and port where paths do not say them."""
    options = system.storage_options
    port = options.get("port") or PORTS.get(name.partition("://")[0].lower())
    return str(options.get("host") or "").lower(), None if port is None else int(port)


class _Remote(io.RawIOBase):
    """A remote file that is opened again where it broke off.

    Parameters
    ----------
    name : str
        The URL.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._system, self._path = file_system(name)
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

        data = tried(self._name, read)
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _open(self) -> None:
        self._stream = tried(self._name, lambda: self._system.open(self._path, "rb"))
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
