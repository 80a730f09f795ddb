"""What ``classify train`` does for bags of features: their options, training, tuning, small files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from embedkit.classification.options import TUNING_SECONDS, BagOptions, LinearOptions
from embedkit.cli.shared.bag import BAG, LINEAR
from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import Size, chain, default_and_range, given, option_of, refuse
from embedkit.cli.shared.output import note
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.telling import tell_trained_on, tell_valid
from embedkit.errors import ConfigError, counted
from embedkit.options import check_given, defaults, described, listed

if TYPE_CHECKING:
    from embedkit.classification.holding_out import Labelled
    from embedkit.classification.linear import Finish, LinearFit
    from embedkit.text.labelled import LabelledSets

# Options that the other models of classify do not have.
BAG_ONLY = (
    *("word_ngrams", "min_n", "max_n", "bucket", "min_count", "min_count_label", "loss", "negative", "workers"),
    *("cost", "across_words", "word_strength", "autotune", "seconds", "max_size", "quantize", "cutoff"),
)
BAG_SUFFIXES = (".bin", ".ftz")
LAYERS = ("hidden_size", "num_layers", "heads", "bidirectional", "pooling", "dropout", "encoder", "tune_encoder")
_FILES = {
    *("data", "out", "model", "quiet", "text_column", "label_column", "valid"),
    *("autotune", "seconds", "max_size", "quantize", "cutoff"),
}
_OPTIONS: dict[str, type[BagOptions] | type[LinearOptions]] = {BAG: BagOptions, LINEAR: LinearOptions}
_PARAMETERS = {
    BAG: {*described(BagOptions), *_FILES},
    LINEAR: {*described(LinearOptions), *_FILES, "valid_fraction"},
}


def _bag_option(name: str) -> Any:
    """An option of one of the two models or of both, with the defaults of each."""
    facts = {model: described(owner)[name] for model, owner in _OPTIONS.items() if name in described(owner)}
    shown = {model: each.default_help or defaults(_OPTIONS[model])[name] for model, each in facts.items()}
    same = len({*map(str, shown.values())}) == 1
    each = f"{next(iter(shown.values()))}" if same else "; ".join(f"{model}: {value}" for model, value in shown.items())
    owner = _OPTIONS[next(iter(shown))]
    first = facts[next(iter(shown))]
    models = [f"{m} ({', '.join(f.choices)})" if f.choices != first.choices else m for m, f in facts.items()]
    text = f"{', '.join(models)}: {first.help}  {default_and_range(each, first)}"
    return option_of(owner, name, help=text, default=None, show_default=False)


bag_options = chain(
    *(_bag_option(name) for name in BAG_ONLY if any(name in described(options) for options in _OPTIONS.values())),
    click.option(
        "--autotune",
        metavar="FILE",
        type=INPUT,
        help="fasttext, linear: try options for --seconds, measured on the labelled lines of this file.",
    ),
    click.option(
        "--seconds",
        default=TUNING_SECONDS,
        show_default=True,
        type=click.FloatRange(0, min_open=True),
        help="With --autotune: how long.",
    ),
    click.option(
        "--max-size", type=Size(), metavar="SIZE", help="Of the file, as 2M: the model is quantised and pruned to fit."
    ),
    click.option("--quantize", is_flag=True, help="fasttext, linear: a small file, fastText's .ftz."),
    click.option(
        "--cutoff", type=click.IntRange(1), help="With --quantize: keep so many words and n-grams, the weightiest."
    ),
)


def check_sizes(out: str, quiet: bool) -> None:
    """Refuse what does nothing or contradicts itself among the options of small files and of tuning."""
    if not given(["autotune"]):
        refuse(["seconds"], "without `autotune`")
    if not given(["quantize"]):
        refuse(["cutoff"], "without `quantize`")
    refuse(["cutoff"] if given(["max_size"]) else [], "with `max_size`, which chooses it")
    if click.get_current_context().params["across_words"] and _for_fasttext(out):
        raise ConfigError(f"`across_words`: fastText's files have no such n-grams; write a .safetensors, not {out}")
    refuse(["valid", "valid_fraction"] if given(["autotune"]) else [], "with `autotune`, whose file measures")
    if given(["quantize", "max_size"]) and not out.lower().endswith(".ftz"):
        raise ConfigError(f"a quantised classifier is written as .ftz, not as {out}")
    if out.lower().endswith(".ftz") and not given(["quantize", "max_size"]):
        raise ConfigError(f"a .ftz is a quantised file: `quantize` writes one, without it name a .bin, not {out}")
    if given(["max_size"]) and not given(["quantize", "autotune"]):
        note("note: with --max-size the model is quantised and pruned to fit, as with --quantize", quiet)


def _for_fasttext(out: str) -> bool:
    """Whether the model's file will be one of fastText's."""
    return out.lower().endswith(BAG_SUFFIXES)


def _chosen(owners: Iterable[type[BagOptions] | type[LinearOptions]], out: str) -> dict[str, Any]:
    """The options that were given, and what the file demands of a linear model."""
    params, names = click.get_current_context().params, {name for owner in owners for name in described(owner)}
    demanded = {"across_words": False} if "across_words" in names and _for_fasttext(out) else {}
    return {**demanded, **{name: params[name] for name in given(names)}}


def train_and_save(
    data: LabelledSets, valid: LabelledSets | None, out: str, options: dict[str, Any], quiet: bool
) -> None:
    """Train a bag of features; whatever was given to the running command must be an option of it."""
    from embedkit.classification.storing import save_bag
    from embedkit.classification.suited import fit_options

    name = options["model"]
    refuse([p for p in click.get_current_context().params if p not in _PARAMETERS[name]], f"with `model` {name}")
    chosen = _chosen([_OPTIONS[name]], out)
    apart = _check_valid(data, valid, chosen.get("min_count_label"), quiet)
    chosen_options = _OPTIONS[name](**chosen)
    check_given(chosen_options, chosen)
    _tell_several(data, chosen_options.loss, quiet)
    with progress_bar(quiet) as progress:
        choosing: Any = {"held_out": options["valid_fraction"], "valid": apart, "finish": _finish(options)}
        found = fit_options(data.texts, data.labels, chosen_options, progress=progress, **choosing)
        save_bag(found.model, out)
    model = found.model
    if name == BAG:
        note(
            f"{counted(len(data), 'text')}, {counted(len(model.words), 'word')}, "
            f"{counted(len(model.labels), 'label')}; written to {out}",
            quiet,
        )
    if name == LINEAR or apart is not None:
        _report(found, out, options, apart is None, quiet)


def _check_valid(
    data: LabelledSets, valid: LabelledSets | None, min_count_label: int | None, quiet: bool
) -> Labelled | None:
    """The texts to measure with and their labels; what is odd about them is told."""
    from embedkit.classification.holding_out import kept_labels

    if valid is None:
        return None
    refuse(["valid_fraction"], "with `valid`, which is all that measures")
    tell_trained_on("valid", click.get_current_context().params["valid"])
    tell_valid(kept_labels(data.labels, min_count_label or 0), valid.labels, quiet)
    return valid.texts, valid.labels


def _tell_several(data: LabelledSets, loss: str, quiet: bool) -> None:
    """Say what a loss for one label makes of texts that have several."""
    n = sum(len(set(labels)) > 1 for labels in data.labels)
    if n and loss != "ova":
        those = counted(n, "text has", "texts have")
        note(
            f"note: {those} several labels: with --loss {loss} they share one probability; --loss ova asks for each",
            quiet,
        )


def tune_and_save(data: LabelledSets, valid: LabelledSets, out: str, options: dict[str, Any], quiet: bool) -> None:
    """Try options until the time is over, and say which were best."""
    from embedkit.classification.autotuning import autotune
    from embedkit.classification.storing import save_bag

    tell_trained_on("autotune", [options["autotune"]])
    tell_valid((label for labels in data.labels for label in labels), valid.labels, quiet, name="autotune")
    chosen = {name: value for name, value in _chosen(_OPTIONS.values(), out).items() if name != "seed"}
    _tell_several(data, chosen.get("loss", "ova"), quiet)
    with progress_bar(quiet) as progress:
        tuned = autotune(
            *(data.texts, data.labels, valid.texts, valid.labels),
            seconds=options["seconds"],
            finish=_finish(options),
            model=options["model"],
            seed=options["seed"],
            progress=progress,
            **chosen,
        )
        save_bag(tuned.model, out)
    best = tuned.best.options
    model = LINEAR if isinstance(best, LinearOptions) else BAG
    idle = {"seed", "workers", *(() if model == LINEAR or best.loss == "ns" else ("negative",))}
    values = {n: v for n, v in asdict(best).items() if n not in idle and v is not None}
    flags = [_flag(name.replace("_", "-"), value) for name, value in values.items()]
    trials = counted(tuned.n_trials, "trial")
    note(f"best of {trials}: --model {model} {' '.join(flags)}", quiet)
    note(f"F1 {tuned.best.f1:.4f} on {options['autotune']}; saved to {out}", quiet)


def _flag(name: str, value: Any) -> str:
    """An option as one would write it."""
    return f"--{'' if value else 'no-'}{name}" if isinstance(value, bool) else f"--{name} {value}"


def _finish(options: dict[str, Any]) -> Finish | None:
    """What makes a model small, where that was asked for."""
    from embedkit.classification.quantising import quantiser

    if not options["quantize"] and options["max_size"] is None:
        return None
    return quantiser(options["max_size"], options["cutoff"])


def chooses_bag(vectors: str | None) -> bool:
    """Whether training without a `model` makes a bag: nothing was given that only a network has."""
    return vectors is None and not _of_networks()


def _of_networks() -> list[str]:
    """The options given that only a network has."""
    known = _PARAMETERS[BAG] | _PARAMETERS[LINEAR]
    return given([name for name in click.get_current_context().params if name not in known])


def note_network(model: str, vectors: str | None, quiet: bool) -> None:
    """Say why a network is trained where no model was named, unless an option of its layers speaks for itself."""
    if vectors is None and not given(LAYERS):
        asked = listed(_of_networks())
        note(f"note: with {asked} a network is trained (--model {model}); --model {LINEAR} has no such option", quiet)


def train_suited_and_save(
    data: LabelledSets, valid: LabelledSets | None, out: str, options: dict[str, Any], quiet: bool
) -> None:
    """Train a bag whose n-grams suit the texts, and say what was chosen."""
    from embedkit.classification.storing import save_bag
    from embedkit.classification.suited import train_suited

    chosen = _chosen(_OPTIONS.values(), out)
    _tell_several(data, chosen.get("loss", "ova"), quiet)
    apart = _check_valid(data, valid, chosen.get("min_count_label"), quiet)
    with progress_bar(quiet) as progress:
        choosing: Any = {"held_out": options["valid_fraction"], "valid": apart, "finish": _finish(options)}
        found = train_suited(data.texts, data.labels, progress=progress, **choosing, **chosen)
        save_bag(found.model, out)
    lengths = f"characters, {found.options.min_n} to {found.options.max_n}" if found.options.max_n else "words alone"
    if found.options.max_n and getattr(found.options, "across_words", False):
        lengths += ", across words"
    model = LINEAR if isinstance(found.options, LinearOptions) else BAG
    note(f"note: without --vectors and --model: words and n-grams of {lengths} (--model {model})", quiet)
    _report(found, out, options, apart is None, quiet)


def _report(found: LinearFit, out: str, options: dict[str, Any], held_out: bool, quiet: bool) -> None:
    if isinstance(found.options, LinearOptions) and not found.n_held_out and _finish(options) is not None:
        note("note: no texts are held out: the small model is made as sure of its training texts as the whole", quiet)
    texts = f"{counted(found.n_held_out, 'text')} {'held out' if held_out else 'of --valid'}"
    note(f"{f'accuracy {found.accuracy:.4f} on {texts}; ' if found.n_held_out else ''}saved to {out}", quiet)
