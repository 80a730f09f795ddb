"""Search by words, by vectors and by both, on two retrieval sets made of the project's test data.

    python -m tests.benchmarks.retrieval --data DIR

- Paraphrases: English sentences that share a translation into French or Korean answer each other; the documents are all
  English sentences of both files.
- Passages: fifteen words taken out of a paragraph of Wikipedia ask for the rest of that paragraph (after the inverse
  cloze task of Lee, Chang and Toutanova 2019), among 20,000 paragraphs.

Vectors are trained on the first lines of the wiki (skip-gram, 100 dimensions, lower-cased words). Prints MRR@10,
recall@10 and nDCG@10 with a bootstrap interval of the last.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

import embedkit
from embedkit.documents.document_index import DocumentIndex
from embedkit.documents.search import Searcher
from embedkit.documents.sentence_model import METHODS, SentenceOptions
from embedkit.query.keyed_vectors import KeyedVectors
from tests.benchmarks.data import unpacked

TOPN = 10
TAKEN = 15  # words
Questions = list[tuple[str, set[int]]]


def paraphrases(data: Path, work: Path) -> tuple[list[str], Questions]:
    """All English sentences, and those that have others with the same translation."""
    numbers: dict[str, int] = {}
    together = defaultdict(set)
    for name in ("eng-fra.tsv", "eng-kor.tsv"):
        for line in unpacked(name, data, work).read_text(encoding="utf-8").splitlines():
            english, other = line.split("\t")[:2]
            together[name, other].add(numbers.setdefault(english, len(numbers)))
    answers = defaultdict(set)
    for group in together.values():
        for number in group:
            answers[number] |= group - {number}
    sentences = list(numbers)
    return sentences, [(sentences[number], found) for number, found in answers.items() if found]


def passages(data: Path, work: Path, n: int, n_questions: int) -> tuple[list[str], Questions]:
    """Paragraphs without `TAKEN` of their words, and these words."""
    random = np.random.default_rng(1)
    documents: list[str] = []
    questions: Questions = []
    with open(unpacked("en_wiki.txt", data, work), encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if len(words) < 4 * TAKEN:
                continue
            if len(questions) < n_questions:
                low = int(random.integers(len(words) - TAKEN))
                questions.append((" ".join(words[low : low + TAKEN]), {len(documents)}))
                del words[low : low + TAKEN]
            documents.append(" ".join(words))
            if len(documents) == n:
                break
    return documents, questions


def scores(ranking: Sequence[int], wanted: set[int]) -> tuple[float, float, float]:
    """Reciprocal rank, recall and nDCG of the first ten."""
    hits = np.array([number in wanted for number in ranking[:TOPN]], float)
    gains = 1 / np.log2(np.arange(2, TOPN + 2))
    ideal = gains[: len(wanted)].sum()
    first = 1 / (1 + int(hits.argmax())) if hits.any() else 0.0
    return first, hits.sum() / min(len(wanted), TOPN), float(hits @ gains[: len(hits)]) / ideal


def measure(searcher: Searcher, questions: Questions, way: str) -> str:
    """One row of the table."""
    found = []
    for query, wanted in questions:
        hits = [hit.number for hit in searcher.search(query, TOPN + 1, way)]
        same = [n for n in hits if searcher.index.documents.text(n) == query]  # the question itself is no answer
        found.append(scores([n for n in hits if n not in same], wanted))
    table = np.array(found)
    random = np.random.default_rng(0)
    means = table[random.integers(len(table), size=(1000, len(table))), 2].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    mrr, recall, ndcg = table.mean(axis=0)
    return f"{mrr:.3f} | {recall:.3f} | {ndcg:.3f} ({low:.3f}–{high:.3f})"


def report(name: str, documents: list[str], questions: Questions, model: KeyedVectors, work: Path) -> None:
    """Print the table of one set."""
    print(f"{name}: {len(documents):,} documents, {len(questions):,} questions")
    (work / "documents.txt").write_text("\n".join(documents) + "\n", encoding="utf-8")
    index = DocumentIndex.build(work / "documents.txt")
    assert len(index.documents) == len(documents)
    print(f"| BM25 | {measure(Searcher(index), questions, 'words')} |", flush=True)
    for method in METHODS:
        index.add_vectors(model, SentenceOptions.create(method=method), "")
        searcher = Searcher(index, model)
        for way in ("vectors", "both"):
            print(f"| {method}{', fused' if way == 'both' else ''} | {measure(searcher, questions, way)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=40_000, help="of the wiki to train on")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--set", choices=("paraphrases", "passages"), help="one of them; both by default")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with open(unpacked("en_wiki.txt", given.data, work), encoding="utf-8") as lines:
            (work / "train.txt").write_text("".join(islice(lines, given.lines)), encoding="utf-8")
        model = embedkit.train(work / "train.txt", tokenizer="words", workers=given.workers)
        sets = {
            "paraphrases": lambda: paraphrases(given.data, work),
            "passages": lambda: passages(given.data, work, given.documents, given.questions),
        }
        for name in [given.set] if given.set else sets:
            documents, questions = sets[name]()
            random = np.random.default_rng(2)
            chosen = random.permutation(len(questions))[: given.questions]
            report(name, documents, [questions[i] for i in chosen.tolist()], model, work)


if __name__ == "__main__":
    main()
