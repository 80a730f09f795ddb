"""The pages of the manual and the README taken apart: blocks of code, and the steps of a console session."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MANUAL = ROOT / "embedkit" / "manual"
PAGES = [ROOT / "README.md", *sorted(MANUAL.rglob("*.md"))]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NEEDS = re.compile(r"<!-- needs (.+?) -->\s*$")


def name_of(path: Path) -> str:
    """``README.md`` or ``course/lstm.md``."""
    return path.name if path.parent == ROOT else path.relative_to(MANUAL).as_posix()


@dataclass
class Step:
    """A command of a session and the lines that are shown below it."""

    command: str
    shown: list[str]


@dataclass
class Block:
    """A fenced block of code.

    `needs` names what a clone may not have (a command, a package, a real corpus), from a comment above the fence.
    """

    language: str
    text: str
    line: int
    needs: str | None = None
    steps: list[Step] = field(default_factory=list)


def blocks(text: str) -> list[Block]:
    """Every fenced block of a page."""
    found = []
    for match in FENCE.finditer(text):
        needs = NEEDS.search(text[: match.start()])
        line = text.count("\n", 0, match.start()) + 1
        block = Block(match[1], match[2], line, needs[1] if needs else None)
        if block.language == "console":
            block.steps = steps(block.text)
        found.append(block)
    return found


def steps(text: str) -> list[Step]:
    """The commands of a console block; a line that ends with a backslash goes on in the next."""
    found: list[Step] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)
            found.append(Step(command, []))
        elif found:
            found[-1].shown.append(line)
        elif line.strip():
            raise ValueError(f"output before any command: {line!r}")
    while found and found[-1].shown and not found[-1].shown[-1].strip():
        found[-1].shown.pop()
    return found


def sessions(path: Path) -> list[Block]:
    """The blocks of a page that run, in their order: console sessions and Python."""
    found = blocks(path.read_text(encoding="utf-8"))
    return [block for block in found if block.language in ("console", "python")]


def rewritten(text: str, outputs: dict[int, list[list[str]]]) -> str:
    """The page with the outputs of console blocks replaced: line of the block -> lines for each of its steps."""

    def replace(match: re.Match[str]) -> str:
        line = text.count("\n", 0, match.start()) + 1
        if match[1] != "console" or line not in outputs:
            return match[0]
        parts = []
        for step, lines in zip(steps(match[2]), outputs[line], strict=True):
            parts += [f"$ {step.command}", *lines]
        return "```console\n" + "\n".join(parts) + "\n```"

    return FENCE.sub(replace, text)
