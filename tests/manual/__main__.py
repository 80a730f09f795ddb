"""Run the console blocks of pages and write into them what the commands print: ``python -m tests.manual [PAGE…]``.

Figures in the manual come from commands: write the command, run this, read what it printed. Files that a block
needs and a clone does not have are looked for in ``--data DIR``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.manual.pages import PAGES, name_of, rewritten, sessions
from tests.manual.sessions import make_place, missing, printed, run, run_python, shortened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="*", help="tutorial.md, course/lstm.md …; all of them by default")
    parser.add_argument("--data", type=Path, help="a folder with the real corpora, linked into the place")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = make_place(Path(folder))
        for path in arguments.data.iterdir() if arguments.data else ():
            (place / path.name).symlink_to(path.resolve())
        for path in PAGES:
            if not arguments.page or name_of(path) in arguments.page:
                update(place, path)


def update(place: Path, path: Path) -> None:
    outputs: dict[int, list[list[str]]] = {}
    for block in sessions(path):
        if missing(block.needs, place):
            continue
        if block.language == "python":
            run_python(place, block.text).check_returncode()
            continue
        outputs[block.line] = []
        for step in block.steps:
            done = run(place, step.command)
            if done.returncode:
                print(f"{name_of(path)}: {step.command}: exit status {done.returncode}: {done.stderr}", file=sys.stderr)
            outputs[block.line].append(shortened(printed(done), step.shown))
    text = path.read_text(encoding="utf-8")
    new = rewritten(text, outputs)
    if new != text:
        path.write_text(new, encoding="utf-8")
        print(f"{name_of(path)}: rewritten")


if __name__ == "__main__":
    main()
