"""The order of the rooms: imports run downward only, and heavy packages stay where they belong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import embedkit

PACKAGE = Path(embedkit.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# Rooms from the bottom up; a module imports from its own room and those below. What is not named here stands
# between `keyed_vectors` and `training`.
LEVELS = [
    {"errors", "progress", "atomic"},
    {"kernels"},
    {"text", "words", "spelling"},
    {"vocabulary"},
    {"corpus", "subwords", "composing"},
]
TOP = {"cli": 100, "__main__": 101}


def imports_of(path):
    """(module, at top level of the file) of every embedkit or foreign import in a file, type checking left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {id(node) for branch in ast.walk(tree)
               if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.dump(branch.test) for node in ast.walk(branch)}
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, id(node) in top


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_stay_in_their_rooms(path):
    for module, _ in imports_of(path):
        package = module.split(".")[0]
        if package in ("numba", "llvmlite"):
            assert room_of(path) == "kernels"
        if package in ("click", "rich"):
            assert room_of(path) == "cli"
        if package == "matplotlib":
            assert room_of(path) == "plotting"
        assert package not in ("scipy", "torch", "gensim", "fasttext", "sklearn", "pandas", "safetensors", "pickle")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downward(path):
    room = room_of(path)
    if room in ("__init__", "cli", "__main__"):
        return
    own = next((i for i, level in enumerate(LEVELS) if room in level), len(LEVELS))
    for module, _ in imports_of(path):
        parts = module.split(".")
        if parts[0] != "embedkit" or len(parts) == 1:
            continue
        assert parts[1] not in TOP, f"{path} imports {module}"
        level = next((i for i, rooms in enumerate(LEVELS) if parts[1] in rooms), len(LEVELS))
        assert level <= own, f"{path} imports {module} from above"
    if room == "kernels":
        assert all(m.startswith("embedkit.kernels") for m, _ in imports_of(path) if m.startswith("embedkit."))


def loaded_by(code):
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True,
                          text=True, check=True)
    return set(done.stdout.split())


def test_importing_embedkit_loads_nothing_heavy():
    loaded = loaded_by("import embedkit")
    assert not loaded & {"numba", "rich", "click", "matplotlib", "scipy"}


def test_one_question_needs_no_numba(tmp_path):
    import numpy as np

    path = tmp_path / "m.safetensors"
    embedkit.KeyedVectors(["king", "queen", "왕"], np.eye(3, dtype=np.float32)).save(path)
    for question in (f"similar {path} king", f"analogy {path} king queen 왕", f"info {path}", f"vectors {path} 왕",
                     f"similarity {path} king queen", f"odd-one-out {path} king queen 왕"):
        loaded = loaded_by(f"from embedkit.cli import main\nassert main({question.split()!r}) == 0")
        assert not loaded & {"numba", "rich", "matplotlib", "scipy", "pandas"}, question
