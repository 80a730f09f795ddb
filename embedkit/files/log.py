"""The log of a run: text that is written as it comes, and whose loss must not end the run."""

from __future__ import annotations

import contextlib
import os
import warnings
from types import TracebackType

from embedkit.errors import EmbedkitError


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
        self.path = path
        self._broken = False
        try:
            self._stream = open(path, "a" if append else "w", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise EmbedkitError(f"cannot write the log {os.fspath(path)}: {error.strerror}") from error

    def write(self, text: str) -> int:
        """Write text and hand it to the system, so that somebody can follow the run."""
        if not self._broken:
            try:
                self._stream.write(text)
                self._stream.flush()
            except OSError as error:
                self._broken = True
                warnings.warn(
                    f"the log {os.fspath(self.path)} cannot be written any more ({error.strerror}); the run goes on "
                    "without it",
                    stacklevel=2,
                )
        return len(text)

    def flush(self) -> None:
        """`write` has done it."""

    def close(self) -> None:
        """Close the file; what could not be written is lost."""
        with contextlib.suppress(OSError):
            self._stream.close()

    def __enter__(self) -> LogFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
