"""The command line's pages from its own help: Markdown for the site, man pages for the wheel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from embedkit._version import __version__
from embedkit.cli import COMMANDS, cli


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and command of a group with its names, the root first."""
    yield ("embedkit",), cli
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield ("embedkit", name), command
        if isinstance(command, click.Group):
            for part in command.commands.values():
                yield ("embedkit", name, str(part.name)), part


def context_of(names: tuple[str, ...], command: click.Command) -> click.Context:
    """A context in which the command calls itself by its whole name."""
    parent = click.Context(cli, info_name=" ".join(names[:-1])) if len(names) > 1 else None
    return click.Context(command, info_name=names[-1], parent=parent)


def sections(names: tuple[str, ...], command: click.Command) -> dict[str, Any]:
    """A command taken apart: usage, summary, text, options (names, help), example."""
    context = context_of(names, command)
    with context:
        text = (command.help or command.short_help or "").replace("\b", "").strip()
        records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
        example = (command.epilog or "").replace("\b", "").strip().removeprefix("Example: ")
        return {
            "usage": command.get_usage(context).removeprefix("Usage: "),
            "summary": re.split(r"(?<=[.?])\s", " ".join(text.split()), maxsplit=1)[0],
            "text": text,
            "options": [record for record in records if record],
            "example": example,
        }


def markdown() -> str:
    """One page with a section for every command."""
    lines = ["# Commands", "", "What `embedkit COMMAND --help` says.", ""]
    for names, command in commands():
        parts = sections(names, command)
        lines += [f"## {' '.join(names)}", "", "```text", " ".join(parts["usage"].split()), "```", ""]
        lines += ["```text", parts["text"], "```", ""]
        if parts["options"]:
            lines += ["| option | |", "|---|---|"]
            lines += [f"| `{cell(names_of)}` | {cell(help_of)} |" for names_of, help_of in parts["options"]]
            lines.append("")
        if parts["example"]:
            lines += ["```sh", parts["example"], "```", ""]
    return "\n".join(lines)


def cell(text: str) -> str:
    """Text that can stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;") if text else ""


def roff(text: str) -> str:
    """Text for troff: backslashes and hyphens escaped, no line begins a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())


def man(names: tuple[str, ...], command: click.Command) -> str:
    """A man page."""
    parts = sections(names, command)
    name = "-".join(names)
    lines = [
        f'.TH "{name.upper()}" "1" "" "embedkit {__version__}" "embedkit"',
        ".SH NAME",
        f"{roff(name)} \\- {roff(parts['summary'])}",
        ".SH SYNOPSIS",
        roff(" ".join(parts["usage"].split())),
        ".SH DESCRIPTION",
        roff("\n".join(line.strip() or ".PP" for line in parts["text"].splitlines())).replace("\\&.PP", ".PP"),
    ]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        inner = COMMANDS if command is cli else command.commands
        lines.append(roff(", ".join(inner)) + f" (see {roff(name)}\\-COMMAND(1))")
    if parts["options"]:
        lines.append(".SH OPTIONS")
        for names_of, help_of in parts["options"]:
            lines += [".TP", f"\\fB{roff(names_of)}\\fR", roff(" ".join(help_of.split())) or "\\&"]
    if parts["example"]:
        lines += [".SH EXAMPLE", ".nf", roff(parts["example"]), ".fi"]
    return "\n".join(lines) + "\n"


def write_man_pages(folder: Path) -> list[Path]:
    """Write a man page for every command; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for names, command in commands():
        path = folder / f"{'-'.join(names)}.1"
        path.write_text(man(names, command), encoding="utf-8")
        written.append(path)
    return written
