"""Commands run in the process of the tests, for a process of its own takes half a second to start.

That commands work as processes is tested in tests/cli.
"""

import io
import subprocess

import pytest

from embedkit.cli import main


def run_here(*arguments, stdin=""):
    """Run a command; what it wrote comes as of `subprocess.run` with ``text=True``."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    asked = stdin.encode("utf-8") if isinstance(stdin, str) else stdin
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(asked), encoding="utf-8"))
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        status = main(list(map(str, arguments)))
    texts = [stream.buffer.getvalue().decode("utf-8") for stream in (out, err)]
    return subprocess.CompletedProcess(arguments, status, *texts)
