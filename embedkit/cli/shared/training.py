"""What ``embedkit train`` does once its options are parsed."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from embedkit.cli.shared.cluster import cluster_engine
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.errors import ConfigError

# Options of `embedkit.train` that are no fields of TrainingConfig.
_SURROUNDINGS = (
    "vocabulary",
    "cooccurrences",
    "init",
    "log",
    "checkpoint",
    "resume",
    "checkpoint_every",
    "mmap_above",
    "cluster",
)


def train_and_save(
    corpus: list[str] | None, output: str, format: str | None, options: dict[str, Any], quiet: bool
) -> None:
    """Train and write the result, after checking that it can be written."""
    from embedkit.formats import check_target
    from embedkit.query.storing import save
    from embedkit.rows.subwords import SYLLABLE_LENGTHS
    from embedkit.training import TrainingConfig, train

    config = TrainingConfig.create(**_config_options(options))
    check_target(output, format, subwords=config.subwords, vocabulary=options["vocabulary"])
    start = time.perf_counter()
    with contextlib.ExitStack() as opened:
        if options["cluster"] is not None:
            options["cluster"] = opened.enter_context(cluster_engine(options["cluster"], quiet))
        progress = opened.enter_context(progress_bar(quiet))
        vectors = train(corpus, progress=progress, note=lambda text: note(f"note: {text}", quiet), **options)
    seconds = time.perf_counter() - start
    save(vectors, output, format)
    if options.get("checkpoint"):
        from embedkit.files.checkpoint import clear_checkpoint

        clear_checkpoint(options["checkpoint"])
    if vectors.subwords is not None and vectors.subwords.kind == "chars" and config.min_n is config.max_n is None:
        lengths = vectors.subwords.min_n, vectors.subwords.max_n
        why = " (most of the vocabulary's characters are Hangul)" if lengths == SYLLABLE_LENGTHS else ""
        note(f"note: n-grams of {lengths[0]} to {lengths[1]} characters{why}; --min-n and --max-n choose others", quiet)
    note(f"{len(vectors):,} words, {vectors.vector_size} dimensions, {seconds:.1f} s: {output}", quiet)


def show_plan(corpus: list[str], options: dict[str, Any], as_json: bool, quiet: bool) -> None:
    """Print what a run would take."""
    from embedkit.training import TrainingConfig, read_corpus
    from embedkit.training.plan import plan
    from embedkit.vocabulary import Vocabulary

    config = TrainingConfig.create(**_config_options(options))
    if options["cooccurrences"]:
        raise ConfigError("--dry-run works from a corpus, not from --cooccurrences")
    if options["cluster"]:
        raise ConfigError("--dry-run plans for this machine; leave out --cluster")
    vocabulary = Vocabulary.load(options["vocabulary"]) if options["vocabulary"] else None
    with progress_bar(quiet) as progress:
        encoded = read_corpus(corpus, config, vocabulary, progress, options.get("mmap_above"))
        found = plan(encoded, config)
    with Results(["what", "value"], as_json, digits=1) as results:
        results.row("words in the vocabulary", found.n_words)
        results.row("tokens", found.n_tokens)
        results.row("sentences", found.n_sentences)
        results.row("memory, MB", found.memory_bytes / 1e6)
        results.row("disk, MB", found.disk_bytes / 1e6)
        results.row("training, s (estimated)", found.seconds)
        if found.chosen:
            results.row("chosen", found.chosen)


def _config_options(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in _SURROUNDINGS}
