"""What ``embedkit train`` does once its options are parsed."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from embedkit.cli.shared.cluster import cluster_engine
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.errors import ConfigError, counted

if TYPE_CHECKING:
    from embedkit.training.inputs import Inputs


def train_and_save(
    corpus: list[str] | None, output: str, format: str | None, options: dict[str, Any], quiet: bool
) -> None:
    """Train and write the result, after checking that it can be written."""
    from embedkit.query.storing import save
    from embedkit.rows.subwords import SYLLABLE_LENGTHS
    from embedkit.training.fitting import fit
    from embedkit.training.suiting import chooses_lengths

    inputs = _inputs(corpus, output, format, options)
    config = inputs.config
    start = time.perf_counter()
    with contextlib.ExitStack() as opened:
        if inputs.cluster is not None:
            inputs = replace(inputs, cluster=opened.enter_context(cluster_engine(inputs.cluster, quiet)))
        vectors = fit(
            inputs,
            progress=opened.enter_context(progress_bar(quiet)),
            note=lambda text: note(f"note: {text}", quiet),
            checkpoint_every=options["checkpoint_every"],
        )
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
    from embedkit.training.plan import epochs_done, plan
    from embedkit.training.reading import read_corpus
    from embedkit.training.starting import start_from

    inputs = _inputs(corpus, output, format, options)
    if options["continue_from"] or options["compass"]:
        raise ConfigError("--dry-run plans a run of its own; leave out --continue and --compass")
    if options["cooccurrences"]:
        raise ConfigError("--dry-run works from a corpus, not from --cooccurrences")
    if inputs.cluster is not None:
        _show_cluster_plan(inputs, as_json, quiet)
        return
    with progress_bar(quiet) as progress:
        encoded = read_corpus(inputs, progress)
        if inputs.init is not None:
            start_from(inputs.init, encoded.vocabulary.index_to_key, inputs.config.vector_size)
        found = plan(encoded, inputs.config)
    done = epochs_done(inputs, found.config, encoded, lambda text: note(f"note: {text}", quiet))
    with Results(["what", "value"], as_json, digits=1) as results:
        results.row("words in the vocabulary", found.n_words)
        results.row("tokens", found.n_tokens)
        results.row("sentences", found.n_sentences)
        results.row("memory, MB", found.memory_bytes / 1e6)
        results.row("disk, MB", found.disk_bytes / 1e6)
        if found.temporary_bytes:
            results.row("temporary files, MB", found.temporary_bytes / 1e6)
        left = 1.0
        if done is not None:
            results.row("going on from epoch", done)
            left -= done / found.config.epochs
        results.row("training, s (estimated)", found.seconds * left)
        if found.chosen:
            results.row("chosen", found.chosen)


def _inputs(corpus: list[str] | None, output: str | None, format: str | None, options: dict[str, Any]) -> Inputs:
    """What a run and its plan work on, and what both refuse before any text is read."""
    from embedkit.formats import check_target
    from embedkit.training.inputs import check_inputs
    from embedkit.training.options import OPTIONS

    given = {name: value for name, value in options.items() if name in OPTIONS}
    around = {name: value for name, value in options.items() if name not in OPTIONS and name != "checkpoint_every"}
    inputs = check_inputs(corpus, given, **around)
    if output is not None:
        check_target(output, format, subwords=inputs.config.subwords, vocabulary=options["vocabulary"])
    return inputs


def _show_cluster_plan(inputs: Inputs, as_json: bool, quiet: bool) -> None:
    """Print what a run on a cluster would take; its words are counted there."""
    from embedkit.counting import Window
    from embedkit.training.plan import epochs_done
    from embedkit.training.reading import corpus_on_cluster, counts_on_cluster
    from embedkit.training.remote_plan import plan_on_cluster, plan_parts

    config = inputs.config
    if config.model in ("glove", "svd") and getattr(config, "replicas", None) is None:
        raise ConfigError(
            f"--dry-run with --cluster plans replicas; model {config.model} trains here on counts of the cluster: "
            "leave out --cluster to see what that takes"
        )
    with cluster_engine(inputs.cluster, quiet) as engine, progress_bar(quiet) as progress:
        if config.model == "glove":
            counts_there = counts_on_cluster(replace(inputs, cluster=engine))
            with counts_there.spread(Window(config.window), progress) as counts:
                found = plan_parts(counts, config)
            sizes = {"words in the vocabulary": len(counts.vocabulary), "tokens": counts.vocabulary.total}
        else:
            encoded = corpus_on_cluster(engine, inputs, progress)
            found = plan_on_cluster(encoded, config)
            sizes = {"words in the vocabulary": len(encoded.vocabulary), "tokens": encoded.n_tokens}
            sizes["sentences"] = encoded.n_sentences
    done = epochs_done(inputs, found.config, None, lambda text: note(f"note: {text}", quiet))
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
        if done is not None:
            results.row("going on from epoch", done)
        if found.chosen:
            results.row("chosen", found.chosen)
