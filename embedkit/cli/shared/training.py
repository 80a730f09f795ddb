"""What ``embedkit train`` does once its options are parsed."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from embedkit.cli.shared.cluster import cluster_engine
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.errors import ConfigError, counted

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors
    from embedkit.training import TrainingConfig
    from embedkit.vocabulary import Vocabulary

# Options of `embedkit.train` that are no fields of TrainingConfig.
_SURROUNDINGS = (
    "vocabulary",
    "cooccurrences",
    "init",
    "continue_from",
    "lock",
    "compass",
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
    from embedkit.training import train
    from embedkit.training.suiting import chooses_lengths

    config = _config(options)
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
    by_script = config.subwords == "chars" and config.min_n is config.max_n is None and not chooses_lengths(config)
    if by_script and vectors.subwords is not None:
        lengths = vectors.subwords.min_n, vectors.subwords.max_n
        why = " (most of the vocabulary's characters are Hangul)" if lengths == SYLLABLE_LENGTHS else ""
        note(f"note: n-grams of {lengths[0]} to {lengths[1]} characters{why}; --min-n and --max-n choose others", quiet)
    note(
        f"{counted(len(vectors), 'word')}, {counted(vectors.vector_size, 'dimension')}, {seconds:.1f} s: {output}",
        quiet,
    )


def show_plan(
    corpus: list[str], output: str | None, format: str | None, options: dict[str, Any], as_json: bool, quiet: bool
) -> None:
    """Print what a run would take; what the run would refuse is refused."""
    from embedkit.training import read_corpus
    from embedkit.training.plan import plan
    from embedkit.training.starting import start_from

    config = _config(options)
    if options["continue_from"] or options["compass"]:
        raise ConfigError("--dry-run plans a run of its own; leave out --continue and --compass")
    if options["cooccurrences"]:
        raise ConfigError("--dry-run works from a corpus, not from --cooccurrences")
    vocabulary, init = _checked(corpus, output, format, config, options)
    if options["cluster"]:
        _show_cluster_plan(corpus, config, vocabulary, options, as_json, quiet)
        return
    with progress_bar(quiet) as progress:
        encoded = read_corpus(corpus, config, vocabulary, progress, options.get("mmap_above"))
        if init is not None:
            start_from(init, encoded.vocabulary.index_to_key, config.vector_size)
        found = plan(encoded, config)
    with Results(["what", "value"], as_json, digits=1) as results:
        results.row("words in the vocabulary", found.n_words)
        results.row("tokens", found.n_tokens)
        results.row("sentences", found.n_sentences)
        results.row("memory, MB", found.memory_bytes / 1e6)
        results.row("disk, MB", found.disk_bytes / 1e6)
        if found.temporary_bytes:
            results.row("temporary files, MB", found.temporary_bytes / 1e6)
        results.row("training, s (estimated)", found.seconds)
        if found.chosen:
            results.row("chosen", found.chosen)


def _checked(
    corpus: list[str], output: str | None, format: str | None, config: TrainingConfig, options: dict[str, Any]
) -> tuple[Vocabulary | None, KeyedVectors | None]:
    """The vocabulary and the vectors that a run would start from, with what it would refuse before it reads a text."""
    from embedkit.files.resuming import check_asked
    from embedkit.formats import check_target
    from embedkit.query.storing import load
    from embedkit.training.growing import check_still
    from embedkit.training.inputs import check_cluster, refuse_idle, refuse_passes
    from embedkit.training.starting import check_size
    from embedkit.vocabulary import Vocabulary

    if output is not None:
        check_target(output, format, subwords=config.subwords, vocabulary=options["vocabulary"])
    init = load(options["init"]) if options["init"] is not None else None
    check_still(options["lock"], None, config, known=init, cluster=options["cluster"])
    refuse_passes(config, options["checkpoint"], options["log"], init)
    check_asked(options["checkpoint"], resume=options["resume"])
    if init is not None:
        check_size(init, config.vector_size)
    vocabulary = Vocabulary.load(options["vocabulary"]) if options["vocabulary"] else None
    given = {name: value for name, value in options.items() if name not in _SURROUNDINGS and value is not None}
    refuse_idle(corpus, config, given, vocabulary, None, options.get("mmap_above"))
    check_cluster(options["cluster"], config, given)
    return vocabulary, init


def _config(options: dict[str, Any]) -> TrainingConfig:
    """The configuration of a run; where it goes on from a model that is opened first, and its options are taken."""
    from embedkit.query.storing import load
    from embedkit.training import TrainingConfig
    from embedkit.training.growing import config_of
    from embedkit.training.options import settle

    given = {name: value for name, value in options.items() if name not in (*_SURROUNDINGS, "model")}
    for name in ("continue_from", "compass"):
        if options[name] is not None:
            options[name] = base = load(options[name])
            return settle(options["model"], config_of(base, options["model"], given), given)
    return TrainingConfig.create(options["model"], **given)


def _show_cluster_plan(
    corpus: list[str],
    config: TrainingConfig,
    vocabulary: Vocabulary | None,
    options: dict[str, Any],
    as_json: bool,
    quiet: bool,
) -> None:
    """Print what a run on a cluster would take; its words are counted there."""
    from embedkit.counting import Window
    from embedkit.training.inputs import corpus_on_cluster, counts_on_cluster
    from embedkit.training.remote_plan import plan_on_cluster, plan_parts

    if config.model in ("glove", "svd") and getattr(config, "replicas", None) is None:
        raise ConfigError(
            f"--dry-run with --cluster plans replicas; model {config.model} trains here on counts of the cluster: "
            "leave out --cluster to see what that takes"
        )
    with cluster_engine(options["cluster"], quiet) as engine, progress_bar(quiet) as progress:
        if config.model == "glove":
            counted = counts_on_cluster(engine, corpus, config, vocabulary, options.get("mmap_above"))
            with counted.spread(Window(config.window), progress) as counts:
                found = plan_parts(counts, config)
            sizes = {"words in the vocabulary": len(counts.vocabulary), "tokens": counts.vocabulary.total}
        else:
            encoded = corpus_on_cluster(engine, corpus, config, vocabulary, progress, options.get("mmap_above"))
            found = plan_on_cluster(encoded, config)
            sizes = {"words in the vocabulary": len(encoded.vocabulary), "tokens": encoded.n_tokens}
            sizes["sentences"] = encoded.n_sentences
    with Results(["what", "value"], as_json, digits=1) as results:
        for what, size in sizes.items():
            results.row(what, size)
        results.row("shards", found.shards)
        results.row("workers", found.workers)
        results.row("replicas", found.replicas)
        results.row("rounds in an epoch", found.rounds)
        results.row("stages in an epoch", found.stages)
        results.row("memory of a worker, MB", found.memory_bytes / 1e6)
        results.row("disk of a worker, MB", found.disk_bytes / 1e6)
        results.row("moved by a worker in a round, MB", found.round_bytes / 1e6)
        if found.chosen:
            results.row("chosen", found.chosen)
