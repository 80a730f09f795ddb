import io
import sys

import pytest

from embedkit.cli import main


@pytest.fixture
def ask(capsys, monkeypatch):
    """``ask(*arguments, stdin="")`` runs a command: its status, lines of output and standard error."""

    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode("utf-8"))))
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run
