"""Man pages, made from the command line's own help, go into the wheel's data (share/man/man1)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManPages(BuildHookInterface):
    """Writes the pages into build/man before the wheel is packed; an editable install has none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or self.target_name != "wheel":
            return
        sys.path[:0] = [self.root, str(Path(self.root) / ".ci")]
        try:
            import command_pages

            written = command_pages.write_man_pages(Path(self.root) / "build" / "man")
        finally:
            del sys.path[:2]
        build_data["shared_data"].update({str(path): f"share/man/man1/{path.name}" for path in written})
