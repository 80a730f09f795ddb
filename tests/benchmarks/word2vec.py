"""embedkit beside gensim and fastText on the same text: seconds, speed, memory, quality.

    python -m tests.benchmarks.word2vec --data DIR [--fraction 6] [--seeds 1] [--case skipgram ...]

Each tool runs as a whole command in a fresh process, one after the other in turn. gensim reads the file itself
(``corpus_file``), counts the words and trains; fastText trains and saves. Quality is judged by the same code for all.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from tests.benchmarks.data import unpacked

CASES = {
    "skipgram": {"model": "skipgram", "learning_rate": 0.025, "vector_size": 100},
    "cbow": {"model": "cbow", "learning_rate": 0.05, "vector_size": 100},
    "skipgram-300": {"model": "skipgram", "learning_rate": 0.025, "vector_size": 300},
    "fasttext": {"model": "fasttext", "learning_rate": 0.05, "vector_size": 100},
}

GENSIM = """
import sys, json
from gensim.models import Word2Vec, FastText
corpus, out, options, seed = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
common = dict(vector_size=options["vector_size"], alpha=options["learning_rate"], window=5, min_count=5, negative=5,
              epochs=5, workers=2, seed=seed)
if options["model"] == "fasttext":
    model = FastText(sg=1, sample=1e-4, bucket=2000000, **common)
else:
    model = Word2Vec(sg=int(options["model"] == "skipgram"), sample=1e-3, **common)
model.build_vocab(corpus_file=corpus)
model.train(corpus_file=corpus, total_words=model.corpus_total_words, total_examples=model.corpus_count, epochs=5)
model.wv.save_word2vec_format(out, binary=True)
"""

FASTTEXT = """
import sys, json, fasttext
corpus, out, options, seed = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
subwords = dict(minn=3, maxn=6, t=1e-4) if options["model"] == "fasttext" else dict(minn=0, maxn=0, bucket=1, t=1e-3)
model = fasttext.train_unsupervised(corpus, model="cbow" if options["model"] == "cbow" else "skipgram",
    dim=options["vector_size"], lr=options["learning_rate"], ws=5, epoch=5, neg=5, minCount=5, thread=2, **subwords)
model.save_model(out)
"""


def command(tool: str, corpus: Path, out: Path, options: dict, seed: int) -> list[str]:
    """The process that trains with `tool` and writes `out`."""
    if tool == "embedkit":
        return [
            sys.executable,
            "-m",
            "embedkit",
            "train",
            str(corpus),
            "-o",
            str(out),
            "--model",
            options["model"],
            "--learning-rate",
            str(options["learning_rate"]),
            "--vector-size",
            str(options["vector_size"]),
            "--workers",
            "2",
            "--seed",
            str(seed),
            "--quiet",
        ]
    code = GENSIM if tool == "gensim" else FASTTEXT
    return [sys.executable, "-c", code, str(corpus), str(out), json.dumps(options), str(seed)]


def run(tool: str, corpus: Path, folder: Path, options: dict, seed: int) -> dict[str, float]:
    """Train once; seconds, peak memory (MB) and quality. fastText's occasional NaN is tried again."""
    out = folder / f"{tool}.{'safetensors' if tool == 'embedkit' else 'bin'}"
    for _ in range(3):
        start = time.perf_counter()
        process = subprocess.Popen(command(tool, corpus, out, options, seed), stderr=subprocess.PIPE)
        _, errors = process.communicate()
        seconds = time.perf_counter() - start
        if process.returncode == 0:
            break
    else:
        raise SystemExit(f"{tool} failed: {errors.decode()[-500:]}")
    return {"seconds": seconds, "memory": 0.0, "file": str(out)}


def measured(tool: str, corpus: Path, folder: Path, options: dict, seed: int) -> dict[str, float]:
    """`run` in a child of its own, whose children's peak memory is then known."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        import resource

        try:
            found = run(tool, corpus, folder, options, seed)
            found["memory"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            os.write(writer, json.dumps(found).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    if not text:
        raise SystemExit(f"{tool} could not be run")
    return json.loads(text)


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


def available(tool: str) -> bool:
    from importlib.util import find_spec

    return find_spec(tool) is not None


def warm_up(folder: Path, options: dict) -> None:
    """Compile the kernels, so that no figure has compilation in it."""
    text = folder / "warm.txt"
    text.write_text("a b c d e\n" * 100)
    subprocess.run(command("embedkit", text, folder / "warm.safetensors", options, 1), check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--fraction", type=int, default=6, help="train on one n-th of the corpus")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--tool", action="append", choices=["embedkit", "gensim", "fasttext"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = unpacked("en_wiki.txt", arguments.data, folder)
        corpus = source if arguments.fraction == 1 else part_of(source, folder / "part.txt", arguments.fraction)
        with open(corpus, encoding="utf-8") as lines:
            n_words = sum(len(line.split()) for line in lines)
        tools = [t for t in arguments.tool or ("embedkit", "gensim", "fasttext") if t == "embedkit" or available(t)]
        print(
            f"{date.today()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}; {n_words:,} words, 5 epochs, 2 workers, "
            f"{arguments.seeds} seed(s)\n"
        )
        print("| case | tool | seconds | words/s | peak MB | WS353 ρ | analogies | times faster |")
        print("|---|---|---|---|---|---|---|---|")
        for case in arguments.case or list(CASES):
            table(case, tools, corpus, folder, arguments, n_words)


def part_of(source: Path, target: Path, fraction: int) -> Path:
    """The first n-th of a text, cut at a line end."""
    size = source.stat().st_size // fraction
    with open(source, "rb") as reader, open(target, "wb") as writer:
        writer.write(reader.read(size) + reader.readline())
    return target


def table(case: str, tools: list[str], corpus: Path, folder: Path, arguments: argparse.Namespace, n_words: int) -> None:
    """Run one case, interleaved over the seeds, and print its rows."""
    options = CASES[case]
    warm_up(folder, options)
    rows: dict[str, list[tuple[float, float, float, float]]] = {tool: [] for tool in tools}
    for seed in range(1, arguments.seeds + 1):
        for tool in tools:
            found = measured(tool, corpus, folder, options, seed)
            rows[tool].append((found["seconds"], found["memory"], *quality(found["file"], arguments.data)))
    ours = statistics.median(r[0] for r in rows["embedkit"]) if "embedkit" in rows else float("nan")
    for tool, results in rows.items():
        seconds = statistics.median(r[0] for r in results)
        means = [statistics.mean(r[k] for r in results) for k in (1, 2, 3)]
        print(
            f"| {case} | {tool} | {seconds:.1f} | {n_words * 5 / seconds / 1e6:.2f} M | {means[0]:.0f} | "
            f"{means[1]:.3f} | {means[2]:.3f} | {seconds / ours:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
