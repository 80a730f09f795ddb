"""embedkit beside gensim, fastText and compiled tools on the same text: seconds, speed, memory, quality.

    python -m tests.benchmarks.word2vec --data DIR [--fraction 6] [--seeds 1] [--case skipgram ...] [--workers 2]
                                        [--tool embedkit ...] [--binary word2vec=PATH ...]

Each tool runs as a whole command in a fresh process, one after the other in turn, with the same options. gensim reads
the file itself (``corpus_file``), counts the words and trains; fastText is the Python package, or with ``--binary
fasttext=PATH`` the program. `tests.benchmarks.compiled` lists the compiled tools. Quality is judged by the same code
for all.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.compiled import MODELS, Step, binary, steps, timed
from tests.benchmarks.data import part_of, processor, unpacked

CASES = {
    "skipgram": {"model": "skipgram", "learning_rate": 0.025, "vector_size": 100},
    "cbow": {"model": "cbow", "learning_rate": 0.05, "vector_size": 100},
    "skipgram-300": {"model": "skipgram", "learning_rate": 0.025, "vector_size": 300},
    "fasttext": {"model": "fasttext", "learning_rate": 0.05, "vector_size": 100},
    "glove": {"model": "glove", "learning_rate": 0.05, "vector_size": 100, "epochs": 15},
}
PACKAGES = {"gensim": ("skipgram", "cbow", "fasttext"), "fasttext": ("skipgram", "cbow", "fasttext")}
TOOLS = {"embedkit": ("skipgram", "cbow", "fasttext", "glove"), **PACKAGES, **MODELS}
COLUMNS = [
    *("case", "tool", "seconds", "processor s", "words/s", "peak MB", "WS353 ρ", "analogies"),
    *("times faster", "in processor time"),
]
SUFFIXES = {"embedkit": ".safetensors", "glove": ".txt"}

GENSIM = """
import sys, json
from gensim.models import Word2Vec, FastText
corpus, out, options, seed = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
common = dict(vector_size=options["vector_size"], alpha=options["learning_rate"], window=5, min_count=5, negative=5,
              epochs=options["epochs"], workers=options["workers"], seed=seed)
if options["model"] == "fasttext":
    model = FastText(sg=1, ns_exponent=0.5, sample=1e-4, bucket=2000000, **common)
else:
    model = Word2Vec(sg=int(options["model"] == "skipgram"), sample=1e-3, **common)
model.build_vocab(corpus_file=corpus)
model.train(corpus_file=corpus, total_words=model.corpus_total_words, total_examples=model.corpus_count,
            epochs=options["epochs"])
model.wv.save_word2vec_format(out, binary=True)
"""

FASTTEXT = """
import sys, json, fasttext
corpus, out, options, seed = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
subwords = dict(minn=3, maxn=6, t=1e-4) if options["model"] == "fasttext" else dict(minn=0, maxn=0, bucket=1, t=1e-3)
model = fasttext.train_unsupervised(corpus, model="cbow" if options["model"] == "cbow" else "skipgram",
    dim=options["vector_size"], lr=options["learning_rate"], ws=5, epoch=options["epochs"], neg=5, minCount=5,
    thread=options["workers"], verbose=0, **subwords)
model.save_model(out)
"""


def command(tool: str, corpus: Path, out: Path, options: dict, seed: int) -> list[str]:
    """The process of embedkit or a Python package that trains and writes `out`."""
    if tool != "embedkit":
        code = GENSIM if tool == "gensim" else FASTTEXT
        return [sys.executable, "-c", code, str(corpus), str(out), json.dumps(options), str(seed)]
    given = {"seed": seed, **options}
    if options["model"] != "glove":
        given |= {"sample": 1e-4 if options["model"] == "fasttext" else 1e-3, "window": 5, "negative": 5}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    return [sys.executable, "-m", "embedkit", "train", str(corpus), "-o", str(out), "--quiet", *flags]


def measured(tool: str, path: Path | None, corpus: Path, out: Path, options: dict, seed: int) -> tuple[float, ...]:
    """Train once: seconds, processor seconds and peak memory (MB). fastText's occasional NaN is tried again."""
    processes = steps(tool, path, corpus, out, options) if path else [Step(command(tool, corpus, out, options, seed))]
    for _ in range(2):
        with contextlib.suppress(RuntimeError):
            return timed(processes, out.parent)
    return timed(processes, out.parent)


def quality(file: str, data: Path) -> tuple[float, float]:
    """WS353 Spearman, and analogy accuracy among the 30,000 most frequent words."""

    def evaluate(*options: str) -> list[dict]:
        done = subprocess.run(
            [sys.executable, "-m", "embedkit", "evaluate", file, *options, "--json"],
            capture_output=True,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    pairs = evaluate("--pairs", str(data / "ws353.tsv"))
    questions = evaluate("--analogies", str(data / "questions-words.txt"), "--restrict-vocab", "30000")
    return (
        next(r["value"] for r in pairs if r["measure"] == "spearman"),
        next(r["value"] for r in questions if r["section"] == "total"),
    )


def warm_up(folder: Path, options: dict) -> None:
    """Compile the kernels and the modules, so that no figure has compilation in it."""
    text = folder / "warm.txt"
    text.write_text("a b c d e\n" * 100)
    timed([Step(command("embedkit", text, folder / "warm.safetensors", options, 1))], folder)
    if find_spec("gensim"):
        timed([Step([sys.executable, "-c", "import gensim"])], folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--fraction", type=int, default=6, help="train on one n-th of the corpus")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--tool", action="append", choices=list(TOOLS))
    parser.add_argument("--binary", action="append", type=binary, default=[], metavar="NAME=PATH")
    arguments = parser.parse_args()
    binaries = dict(arguments.binary)
    wanted = arguments.tool or list(TOOLS)
    tools = [
        tool for tool in wanted if tool == "embedkit" or tool in binaries or (tool in PACKAGES and find_spec(tool))
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = part_of(unpacked("en_wiki.txt", arguments.data, folder), folder / "part.txt", arguments.fraction)
        with open(corpus, encoding="utf-8") as lines:
            n_words = sum(len(line.split()) for line in lines)
        print(
            f"{date.today()}, {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
            f"{n_words:,} words, {arguments.workers} workers, {arguments.seeds} seed(s)"
        )
        print(f"not here: {', '.join(tool for tool in wanted if tool not in tools) or 'nothing'}\n")
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
        for case in arguments.case or list(CASES):
            present = [tool for tool in tools if CASES[case]["model"] in TOOLS[tool]]
            table(case, {tool: binaries.get(tool) for tool in present}, corpus, arguments, n_words)


def table(case: str, tools: dict[str, Path | None], corpus: Path, arguments: argparse.Namespace, n_words: int) -> None:
    """Run one case, interleaved over the seeds, and print its rows."""
    options = {"epochs": 5, "workers": arguments.workers, **CASES[case]}
    warm_up(corpus.parent, options)
    rows: dict[str, list[tuple[float, ...]]] = {tool: [] for tool in tools}
    for seed in range(1, arguments.seeds + 1):
        for tool, path in tools.items():
            out = corpus.parent / f"{tool}{SUFFIXES.get(tool, '.bin')}"
            found = measured(tool, path, corpus, out, options, seed)
            rows[tool].append((*found, *quality(str(out), arguments.data)))
            out.unlink()
    ours = [statistics.median(r[k] for r in rows["embedkit"]) if "embedkit" in rows else float("nan") for k in (0, 1)]
    for tool, results in rows.items():
        seconds = statistics.median(r[0] for r in results)
        processor = statistics.median(r[1] for r in results)
        means = [statistics.mean(r[k] for r in results) for k in (2, 3, 4)]
        speed = n_words * options["epochs"] / seconds / 1e6
        print(
            f"| {case} | {tool} | {seconds:.1f} | {processor:.1f} | {speed:.2f} M | {means[0]:.0f} | {means[1]:.3f} | "
            f"{means[2]:.3f} | {seconds / ours[0]:.1f} | {processor / ours[1]:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
