"""How long it takes to open a large GloVe text file and its native twin, beside gensim.

``python -m tests.benchmarks.loading`` writes a synthetic file of 400,000 words in 300 dimensions (1 GB; five digits a
value, as Stanford's files have), once, into ``--folder``, and times each reading in a process of its own. The file is
in the page cache then, for everybody alike.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

OURS = """
import time, embedkit; from embedkit.formats import native
start = time.perf_counter(); model = embedkit.load({path!r}); print(time.perf_counter() - start)
"""
CONVERT = """
import time; from embedkit.query import storing
start = time.perf_counter(); storing.convert({path!r}, {native!r}); print(time.perf_counter() - start)
"""
GENSIM = """
import time; from gensim.models import KeyedVectors
start = time.perf_counter()
model = KeyedVectors.load_word2vec_format({path!r}, no_header=True)
print(time.perf_counter() - start)
"""


def write_glove(path: Path, n_words: int, size: int) -> None:
    """Words and normal values with five digits behind the point."""
    from embedkit.formats.text_rows import format_rows

    rng = np.random.default_rng(1)
    with open(path, "wb") as stream:
        for low in range(0, n_words, 4000):
            n = min(4000, n_words - low)
            rows = np.round(rng.standard_normal((n, size)) * 0.35, 5).astype(np.float32)
            stream.writelines(b"w%x%s\n" % (low + i, text) for i, text in enumerate(format_rows(rows, True)))


def seconds(code: str, **names: str) -> tuple[float, float]:
    """What a piece of Python says it took, and its process's peak memory in GB (0 where the system does not tell)."""
    code = code.format(**names) + (
        "\ntry:\n    import resource\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)\n"
        "except ImportError:\n    print(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    took, peak = map(float, done.stdout.split()[-2:])
    return took, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=400_000)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--folder", type=Path, help="where the files are kept; a temporary folder by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        path, native = folder / f"glove-{options.words}-{options.size}.txt", folder / "native.safetensors"
        if not path.exists():
            write_glove(path, options.words, options.size)
        print(f"{path}: {path.stat().st_size / 1e9:.2f} GB")
        seconds(OURS, path=str(path))  # compiles the kernel and fills the page cache
        rows = [
            ("embedkit.load", *seconds(OURS, path=str(path))),
            ("embedkit convert to native", *seconds(CONVERT, path=str(path), native=str(native))),
            ("embedkit.load of the native file", *seconds(OURS, path=str(native))),
        ]
        try:
            rows.append(("gensim load_word2vec_format(no_header=True)", *seconds(GENSIM, path=str(path))))
        except subprocess.CalledProcessError:
            print("gensim is not installed: pip install gensim")
    for name, took, peak in rows:
        print(f"{name:45} {took:9.3f} s {peak:6.2f} GB peak")
    if len(rows) == 4:
        print(f"embedkit reads the text {rows[3][1] / rows[0][1]:.1f} times as fast as gensim")


if __name__ == "__main__":
    main()
