"""The order of the rooms: imports run downward only, without circles, and heavy packages stay where they belong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import embedkit

PACKAGE = Path(embedkit.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# Every room from the bottom up, one a line: a file imports from its own room and those above it in this list.
ROOMS = [
    "errors",
    "options",
    "progress",
    "threads",
    "interrupts",
    "_version",
    "manual",
    "kernels",
    "files",
    "text",
    "vocabulary",
    "rows",
    "formats",
    "query",
    "counting",
    "documents",
    "analysis",
    "cluster",
    "training",
    "classification",
    "nn.layers",
    "nn.words",
    "nn.learning",
    "nn.models",
    "nn",
    "sklearn",
    "plotting",
    "cli.shared",
    "cli.commands",
    "cli",
    "__init__",
    "__main__",
]


def imports_of(path, of_types=False):
    """(module, at top level of the file) of every import in a file, those for type checking alone left out or not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.dump(branch.test) and not of_types
        for node in ast.walk(branch)
    }
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:  # `from embedkit.text import hangul` names a file, not the room's __init__
                inner = f"{node.module}.{alias.name}"
                yield (inner if is_module(inner) else node.module), id(node) in top


def is_module(name):
    parts = name.split(".")
    if parts[0] != "embedkit":
        return False
    path = PACKAGE.joinpath(*parts[1:])
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def name_of(path):
    parts = [*path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def room_of(name):
    """The longest room that a file's name, without ``embedkit.``, begins with."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        if ".".join(parts[:n]) in ROOMS:
            return ".".join(parts[:n])
    raise AssertionError(f"{name} stands in no room of the list")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_stay_in_their_rooms(path):
    room = room_of(name_of(path)).split(".")[0]
    for module, _ in imports_of(path):
        package = module.split(".")[0]
        if package in ("numba", "llvmlite"):
            assert room == "kernels"
        if package in ("click", "rich"):
            assert room == "cli"
        if package in ("dask", "distributed"):
            assert room == "cluster"
        if package == "matplotlib":
            assert room == "plotting"
        if package == "sklearn":
            assert room == "sklearn"
        if package == "pandas":
            assert room == "query"
        assert package not in ("scipy", "torch", "gensim", "fasttext", "safetensors", "pickle")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downward(path):
    room = room_of(name_of(path))
    if room in ("__init__", "__main__"):
        return
    for module, _ in imports_of(path, of_types=True):
        if module.split(".")[0] != "embedkit":
            continue
        assert module != "embedkit", f"{path} imports the package's root"
        other = room_of(module.removeprefix("embedkit."))
        assert ROOMS.index(other) <= ROOMS.index(room), f"{path} imports {module} from above"


def test_no_circles():
    names = {name_of(path): path for path in FILES}
    arrows = {}
    for name, path in names.items():
        found = {module.removeprefix("embedkit.") for module, _ in imports_of(path) if module.startswith("embedkit.")}
        arrows[name] = {other for other in found if other in names and other != name}
    seen, stack = {}, []

    def visit(name):
        seen[name] = "open"
        stack.append(name)
        for other in sorted(arrows[name]):
            assert seen.get(other) != "open", f"circle: {stack[stack.index(other) :]} -> {other}"
            if other not in seen:
                visit(other)
        stack.pop()
        seen[name] = "done"

    for name in sorted(names):
        if name not in seen and name != "__init__":
            visit(name)


def loaded_by(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_embedkit_loads_nothing_heavy():
    loaded = loaded_by("import embedkit")
    assert not loaded & {"numba", "rich", "click", "matplotlib", "scipy"}


def test_one_question_needs_no_numba(tmp_path):
    import numpy as np

    path = tmp_path / "m.safetensors"
    embedkit.KeyedVectors(["king", "queen", "왕"], np.eye(3, dtype=np.float32)).save(path)
    for question in (
        f"similar {path} king",
        f"analogy {path} king queen 왕",
        f"info {path}",
        f"vectors {path} 왕",
        f"similarity {path} king queen",
        f"odd-one-out {path} king queen 왕",
    ):
        loaded = loaded_by(f"from embedkit.cli import main\nassert main({question.split()!r}) == 0")
        assert not loaded & {"numba", "rich", "matplotlib", "scipy", "pandas"}, question


def test_no_file_is_over_400_lines():
    assert [path.name for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []
