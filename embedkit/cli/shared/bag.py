"""What the commands of ``classify`` share about bags of features and several labels a text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from embedkit.classification.options import BagOptions, LinearOptions
from embedkit.cli.shared.neural import line_batches, load_vectors
from embedkit.cli.shared.options import chain, given, option_of, refuse
from embedkit.cli.shared.output import Results, note, print_json, print_line, warn
from embedkit.cli.shared.progress import progress_bar
from embedkit.nn.models.classifier import Classifier
from embedkit.options import check_given, defaults, described

if TYPE_CHECKING:
    from embedkit.classification.linear import LinearFit
    from embedkit.classification.model import BagClassifier, Predictions
    from embedkit.text.labelled import LabelledSets

BAG, LINEAR = "fasttext", "linear"
BATCH = 1 << 16  # lines of a file that are predicted at once
# Options that the other models of classify do not have.
BAG_ONLY = (
    *("word_ngrams", "min_n", "max_n", "bucket", "min_count", "min_count_label", "loss", "negative", "workers"),
    "cost",
)
_FILES = {"data", "out", "model", "quiet", "text_column", "label_column"}
_OPTIONS: dict[str, type[BagOptions] | type[LinearOptions]] = {BAG: BagOptions, LINEAR: LinearOptions}
_PARAMETERS = {
    BAG: {*described(BagOptions), *_FILES},
    LINEAR: {*described(LinearOptions), *_FILES, "valid_fraction"},
}


def _bag_option(name: str) -> Any:
    """An option of one of the two models or of both, with the defaults of each."""
    shown = {
        model: described(options)[name].default_help or defaults(options)[name]
        for model, options in _OPTIONS.items()
        if name in described(options)
    }
    same = len({*map(str, shown.values())}) == 1
    each = f"{next(iter(shown.values()))}" if same else "; ".join(f"{model}: {value}" for model, value in shown.items())
    owner = _OPTIONS[next(iter(shown))]
    text = f"{', '.join(shown)}: {described(owner)[name].help}  [default: {each}]"
    return option_of(owner, name, help=text, default=None, show_default=False)


bag_options = chain(*map(_bag_option, BAG_ONLY))

column_options = chain(
    *(
        click.option(f"--{name}-column", metavar="NAME", help=f"Of tables (.csv, else tabs): where the {name}s are.")
        for name in ("text", "label")
    )
)

several_options = chain(
    click.option("-k", "--topn", "k", default=1, show_default=True, type=click.IntRange(1), help="Labels a text."),
    click.option(
        "--threshold", default=0.0, show_default=True, type=click.FloatRange(0, 1), help="The least probability."
    ),
)


def read_texts(
    files: tuple[str, ...], quiet: bool, text_column: str | None = None, label_column: str | None = None
) -> LabelledSets:
    """Labelled texts; says what was left out."""
    from embedkit.text.labelled import read_label_sets

    data = read_label_sets(list(files), text_column, label_column)
    if data.empty:
        note(f"left out {len(data.empty)} empty lines, the first at {data.empty[0]}", quiet)
    for place in data.headers:
        note(f"left out {place}, which names the columns", quiet)
    return data


def load_classifier(path: str, vectors: str | None) -> Classifier | BagClassifier:
    """A classifier of either kind."""
    from embedkit.classification.storing import is_bag, load_bag

    if not is_bag(path):
        return Classifier.load(path, load_vectors(vectors))
    refuse(["vectors"], f"with a model of kind {BAG}, which has its own")
    return load_bag(path)


def train_and_save(data: LabelledSets, out: str, options: dict[str, Any], quiet: bool) -> None:
    """Train a bag of features; whatever was given to the running command must be an option of it."""
    from embedkit.classification.linear import train_linear
    from embedkit.classification.storing import save_bag
    from embedkit.classification.training import train_bag

    name = options["model"]
    refuse([p for p in click.get_current_context().params if p not in _PARAMETERS[name]], f"with `model` {name}")
    chosen = {option: options[option] for option in given(described(_OPTIONS[name]))}
    if name == LINEAR:
        with progress_bar(quiet) as progress:
            held_out = options["valid_fraction"]
            found = train_linear(data.texts, data.labels, LinearOptions(**chosen), held_out=held_out, progress=progress)
            save_bag(found.model, out)
        _report(found, out, quiet)
        return
    bag = BagOptions(**chosen)
    check_given(bag, chosen)
    with progress_bar(quiet) as progress:
        model = train_bag(data.texts, data.labels, bag, progress=progress)
        save_bag(model, out)
    note(f"{len(data):,} texts, {len(model.words):,} words, {len(model.labels):,} labels; written to {out}", quiet)


def chooses_bag(vectors: str | None) -> bool:
    """Whether training without a `model` makes a bag: nothing was given that only a network has."""
    params = click.get_current_context().params
    known = _PARAMETERS[BAG] | _PARAMETERS[LINEAR]
    return vectors is None and not given([name for name in params if name not in known])


def train_suited_and_save(data: LabelledSets, out: str, options: dict[str, Any], quiet: bool) -> None:
    """Train a bag whose n-grams suit the texts, and say what was chosen."""
    from embedkit.classification.storing import save_bag
    from embedkit.classification.suited import train_suited

    chosen = {name: options[name] for name in given({**described(BagOptions), **described(LinearOptions)})}
    with progress_bar(quiet) as progress:
        found = train_suited(data.texts, data.labels, held_out=options["valid_fraction"], progress=progress, **chosen)
        save_bag(found.model, out)
    lengths = f"characters, {found.options.min_n} to {found.options.max_n}" if found.options.max_n else "words alone"
    model = LINEAR if isinstance(found.options, LinearOptions) else BAG
    note(f"note: without --vectors and --model: words and n-grams of {lengths} (--model {model})", quiet)
    _report(found, out, quiet)


def _report(found: LinearFit, out: str, quiet: bool) -> None:
    measured = f"accuracy {found.accuracy:.4f} on {found.n_held_out:,} texts held out; " if found.n_held_out else ""
    note(f"{measured}saved to {out}", quiet)


def predict_sets(classifier: Classifier | BagClassifier, texts: list[str], k: int, threshold: float) -> Predictions:
    """The k likeliest labels of each text."""
    if not isinstance(classifier, Classifier):
        return classifier.predict(texts, k, threshold)
    from embedkit.classification.model import best_labels

    full = [i for i, text in enumerate(texts) if classifier.tokens(text)]
    return best_labels(classifier.probabilities([texts[i] for i in full]), full, len(texts), k, threshold)


def report_sets(
    classifier: Classifier | BagClassifier, data: LabelledSets, k: int, threshold: float, as_json: bool, per_label: bool
) -> None:
    """Precision and recall of the labels given."""
    from embedkit.classification.scores import score_sets

    scores = score_sets(predict_sets(classifier, data.texts, k, threshold), classifier.labels, data.labels)
    if per_label:
        with Results(["label", "precision", "recall", "f1", "count"], as_json, header=True) as results:
            for row in scores.labels:
                results.row(row.label, row.precision, row.recall, row.f1, row.count)
        return
    with Results(["precision", "recall", "f1", "texts"], as_json, header=True) as results:
        results.row(scores.precision, scores.recall, scores.f1, scores.count)


def print_predictions(
    classifier: Classifier | BagClassifier, files: tuple[str, ...], k: int, threshold: float, as_json: bool
) -> None:
    """A line for each line: up to k pairs of label and probability; with JSON a list of them where k is above 1."""
    number = 0
    for lines in line_batches(files, BATCH):
        found = predict_sets(classifier, lines, k, threshold)
        answers = zip(lines, found.labels.tolist(), found.probabilities.tolist(), found.found.tolist(), strict=True)
        for line, labels, probabilities, n in answers:
            number += 1
            pairs = [(classifier.labels[labels[i]], probabilities[i]) for i in range(n)]
            if not pairs and not line.strip():
                warn(f"line {number} is empty: nothing to classify")
            if as_json:
                records = [{"label": label, "probability": probability} for label, probability in pairs]
                none = {"label": None, "probability": None}
                print_json({"labels": records} if k > 1 else records[0] if records else none)
            else:
                print_line(*([text for label, p in pairs for text in (label, f"{p:.4f}")] or ["–", "–"]))
        sys.stdout.flush()


def explain_lines(classifier: BagClassifier, files: tuple[str, ...], as_json: bool) -> None:
    """label<TAB>probability<TAB>weights of each line."""
    from embedkit.nn.models.explaining import word_weights

    number = 0
    with Results(["label", "probability", "weights"], as_json) as results:
        for lines in line_batches(files):
            for line in lines:
                number += 1
                if not line.strip():
                    warn(f"line {number} is empty: nothing to classify")
                    results.row(None, None, None)
                    continue
                words = line.split()
                weights, row = word_weights(lambda texts: classifier.probabilities(list(map(" ".join, texts))), words)
                best = int(row.argmax())
                results.row(
                    classifier.labels[best], float(row[best]), pairs_of_weights(words, weights.tolist(), as_json)
                )
            results.flush()


def pairs_of_weights(words: list[str], weights: list[float], as_json: bool) -> Any:
    """Words with their weights, as text or for JSON."""
    pairs = zip(words, weights, strict=True)
    if as_json:
        return [{"word": word, "weight": weight} for word, weight in pairs]
    return " ".join(f"{word}:{weight:.3f}" for word, weight in pairs)
