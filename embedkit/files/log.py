"""The log of a run: text that is written as it comes, and whose loss must not end the run.

At a URL, where nothing can be added to a file, all of it is sent again: every `SEND_EVERY` seconds, and in the end.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from types import TracebackType

from embedkit.errors import EmbedkitError, warn_caller
from embedkit.files.locations import CHUNK, is_there, open_location, upload
from embedkit.files.outputs import is_standard_output
from embedkit.files.temporary import temporary_path
from embedkit.files.urls import is_url, plain, shown

SEND_EVERY = 60.0


class LogFile:
    """A text file that takes lines until it takes no more: then one warning, and the run goes on without it.

    Parameters
    ----------
    path : path
    append : bool
        Go on behind what is in the file already.

    Raises
    ------
    EmbedkitError
        When the file cannot be opened, which is before the run.
    """

    def __init__(self, path: str | os.PathLike[str], append: bool = False) -> None:
        self.path = path = plain(os.fspath(path))
        self._broken = False
        self._ending = contextlib.ExitStack()
        self._sent = time.monotonic()
        self._here = Path(self._ending.enter_context(temporary_path(stem="log")) if is_url(path) else path)
        try:
            if is_url(path) and append and is_there(path):
                with open_location(path) as before, open(self._here, "wb") as copy:
                    while chunk := before.read(CHUNK):
                        copy.write(chunk)
            target = os.dup(1) if is_standard_output(path) else self._here
            self._stream = open(target, "a" if append else "w", encoding="utf-8")  # noqa: SIM115
            if is_url(path):
                upload(self._here, path)
        except OSError as error:
            raise EmbedkitError(f"cannot write the log {shown(path)}: {error.strerror}") from error

    def write(self, text: str) -> int:
        """Write text and hand it to the system, so that somebody can follow the run."""
        if not self._broken:
            try:
                self._stream.write(text)
                self._stream.flush()
                if time.monotonic() - self._sent > SEND_EVERY:
                    self._send()
            except OSError as error:
                self._give_up(str(error.strerror))
        return len(text)

    def _send(self) -> None:
        if is_url(self.path) and not self._broken:
            try:
                upload(self._here, self.path)
            except EmbedkitError as error:
                self._give_up(str(error))
        self._sent = time.monotonic()

    def _give_up(self, why: str) -> None:
        self._broken = True
        warn_caller(f"the log {shown(self.path)} cannot be written any more ({why}); the run goes on without it")

    def flush(self) -> None:
        """`write` has done it."""

    def close(self) -> None:
        """Close the file; what could not be written is lost."""
        with contextlib.suppress(OSError):
            self._stream.close()
        self._send()
        self._ending.close()

    def __enter__(self) -> LogFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
