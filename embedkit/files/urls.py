"""URLs: what fsspec makes of them, again where it failed, and in messages without what is secret."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from time import sleep
from typing import Any, TypeVar

from embedkit.errors import CorpusError, EmbedkitError

Name = str | os.PathLike[str]
T = TypeVar("T")

ATTEMPTS = 4
WAIT = 0.5  # seconds before the second attempt; doubled each time
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:::[A-Za-z][A-Za-z0-9+.-]+)*://")
_CACHES = r"(?:simplecache|filecache|blockcache|cached)::"  # which keep a copy of what follows
_HERE = re.compile(rf"(?:{_CACHES})*(?:file|local)://(?:/(?=[A-Za-z]:[\\/]))?")
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


def is_url(name: Name) -> bool:
    """Whether a name is a URL rather than a path."""
    return isinstance(name, str) and _URL.match(name) is not None


def shown(name: Name) -> str:
    """A name for messages and logs: of a URL no user, no password and no query."""
    return scrubbed(name) if isinstance(name, str) and is_url(name) else os.fspath(name)


def plain(name: str) -> str:
    """The path that a URL of this machine stands for (``file:///data/x.txt``); any other name as it is."""
    found = _HERE.match(name)
    return name if found is None else name[found.end() :]


def file_system(name: str) -> tuple[Any, str]:
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
        raise failure(name, error, "read") from error
    except Exception as error:  # file systems raise what their libraries do
        raise failure(name, error, "read") from error


def same_for_all_spellings(name: str) -> object:
    """What all spellings of a URL have in common (``memory://x``, ``memory:///x``); nobody is asked over the network.

    A URL of chained ones, or of a protocol that fsspec does not know, is only the same as itself.
    """
    protocol = name.partition("://")[0]
    if "::" in name:
        return name
    try:
        import fsspec

        system = fsspec.get_filesystem_class(protocol)
        place = system._get_kwargs_from_urls(name)  # host, user and the like
        return system, frozenset((key, str(value)) for key, value in place.items()), system._strip_protocol(name)
    except (ImportError, ValueError):  # which is told when the file is read
        return name


def tried(name: str, work: Callable[[], T], what: str = "read") -> T:
    """Do something with a remote file, up to `ATTEMPTS` times where it might still succeed."""
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except EmbedkitError:
            raise
        except Exception as error:
            if attempt == ATTEMPTS - 1 or _is_final(error):
                raise failure(name, error, what) from error
            sleep(WAIT * 2**attempt)
    raise AssertionError("not reached")


def _is_final(error: Exception) -> bool:
    """Whether trying again would change nothing: the file is not there, or nobody lets us in."""
    status = _status(error)
    if status is not None:
        return 400 <= status < 500 and status not in (408, 429)
    if _broken(error) is not None:
        return False
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


def _broken(error: BaseException | None) -> BaseException | None:
    """The connection that failed behind an error: fsspec says that too as of a file that is not there."""
    while error is not None:
        if isinstance(error, ConnectionError | TimeoutError) or type(error).__module__.startswith("aiohttp."):
            return error
        error = error.__cause__
    return None


def failure(name: str, error: Exception, what: str) -> CorpusError:
    """What went wrong in one line: `what` is ``"read"``, ``"written"`` or the like."""
    status, broken = _status(error), _broken(error)
    if status is None and isinstance(broken, Exception):
        error = broken
    if status == 404 or (isinstance(error, FileNotFoundError) and status is None):
        missing = "no such file" if what == "read" else f"cannot be {what}: there is no such bucket or folder"
        return CorpusError(f"{shown(name)}: {missing}; check the URL")
    if isinstance(error, PermissionError) or status in (401, 403) or "Credential" in type(error).__name__:
        return CorpusError(
            f"{shown(name)}: access denied: this needs credentials, which fsspec takes from the environment or its "
            "configuration files, never from embedkit"
        )
    told = " ".join(scrubbed(str(error)).split())[:300] or type(error).__name__
    return CorpusError(f"{shown(name)}: cannot be {what}: {told}")


def scrubbed(text: str) -> str:
    user, query = _SECRETS
    return query.sub(r"\1", user.sub(r"\1", text))
