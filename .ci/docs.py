"""Build the site from the manual: ``make docs`` writes build/docs/html. A warning of Sphinx is an error.

The sources are the pages of embedkit/manual as they are, the command line's pages from its help, and a reference of
the library from its docstrings.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / ".ci")]

import command_pages  # noqa: E402
from sphinx.cmd.build import main as sphinx  # noqa: E402

from embedkit.manual import PAGES  # noqa: E402

SOURCE, OUT = ROOT / "build" / "docs" / "source", ROOT / "build" / "docs" / "html"

# What the reference documents: the modules that a program imports.
MODULES = {
    "Word vectors": ["embedkit", "embedkit.query.keyed_vectors", "embedkit.training.run", "embedkit.errors"],
    "Analysis": [
        "embedkit.analysis.evaluation",
        "embedkit.analysis.comparison",
        "embedkit.analysis.alignment",
        "embedkit.analysis.compression",
        "embedkit.analysis.operations",
    ],
    "Text and counts": [
        "embedkit.text.tokenizers",
        "embedkit.text.hangul",
        "embedkit.vocabulary.corpus",
        "embedkit.counting.cooccurrences",
        "embedkit.counting.tfidf",
    ],
    "Neural modules": ["embedkit.nn"],
}
CONFIGURATION = """
project = "embedkit"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {"description": "word embeddings from the command line or Python", "page_width": "1040px"}
exclude_patterns = []
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
"""


def toctree(caption: str, names: list[str]) -> str:
    """A part of the table of contents."""
    return "\n".join(["", "```{toctree}", f":caption: {caption}", ":hidden:", "", *names, "```", ""])


def reference() -> str:
    """The page of the library."""
    lines = ["# Library", "", "What Python programs import.", ""]
    for title, modules in MODULES.items():
        lines += [f"## {title}", ""]
        for module in modules:
            lines += [f"### {module}", "", "```{eval-rst}", f".. automodule:: {module}", "   :members:"]
            lines += [
                "   :show-inheritance:",
                "   :no-index:" if module in ("embedkit", "embedkit.nn") else "",
                "```",
                "",
            ]
    return "\n".join(lines)


def main() -> int:
    """Put the sources together and build."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(ROOT / "embedkit" / "manual", SOURCE, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    (SOURCE / "conf.py").write_text(CONFIGURATION, encoding="utf-8")
    (SOURCE / "commands.md").write_text(command_pages.markdown(), encoding="utf-8")
    (SOURCE / "library.md").write_text(reference(), encoding="utf-8")
    parts: dict[str, list[str]] = {}
    for page in PAGES:
        if page.name != "index":
            files = dict.fromkeys((page.path(), page.path(korean=True)))
            folder = page.name.rpartition("/")[0]
            parts.setdefault(page.part, []).extend(f"{folder}/{path.stem}" if folder else path.stem for path in files)
    parts["Reference"] = ["commands", "library"]
    with (SOURCE / "index.md").open("a", encoding="utf-8") as index:
        index.writelines(toctree(caption, names) for caption, names in parts.items())
    return sphinx(["-W", "--keep-going", "-q", "-b", "html", str(SOURCE), str(OUT)])


if __name__ == "__main__":
    sys.exit(main())
