"""What the commands of ``classify`` share about bags of features and several labels a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from embedkit.cli.shared.neural import BLOCK, line_batches, load_vectors
from embedkit.cli.shared.options import chain, encoding_errors, refuse
from embedkit.cli.shared.output import Results, flush, print_json, print_lines, warn
from embedkit.cli.shared.reading import refuse_reading
from embedkit.cli.shared.telling import GUESSES, Unknown, tell_left_out, tell_unanswered
from embedkit.nn.models.classifier import Classifier

if TYPE_CHECKING:
    from embedkit.classification.model import BagClassifier, Predictions
    from embedkit.text.labelled import LabelledSets

BAG, LINEAR = "fasttext", "linear"
BATCH = 1 << 16  # lines of a file that are predicted at once
column_options = chain(
    *(
        click.option(
            f"--{name}-column", metavar="NAME", help=f"Of tables (commas, semicolons or tabs): where the {name}s are."
        )
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

    data = read_label_sets(list(files), text_column, label_column, encoding_errors())
    tell_left_out(quiet, data.headers, data.empty)
    return data


def lines_to_label(files: tuple[str, ...], labels: Iterable[str], size: int = BLOCK) -> Iterator[list[str]]:
    """The lines of `line_batches`; warns where one ends in a tab and a label, which would count as text."""
    known: set[str] | None = set(labels)
    number = 0
    for lines in line_batches(files, size):
        for i, line in enumerate(lines) if known else ():
            if "\t" in line and (label := line.rpartition("\t")[2].strip()) in (known or ()):
                warn(
                    f"line {number + i + 1} ends in a tab and the label {label!r}, which counts as text: give lines "
                    "without labels, or measure with embedkit classify evaluate",
                    "warning",
                )
                known = None
                break
        number += len(lines)
        yield lines


def load_classifier(path: str, vectors: str | None) -> Classifier | BagClassifier:
    """A classifier of either kind."""
    from embedkit.classification.storing import is_bag, load_bag
    from embedkit.files.copies import on_disk

    with on_disk(path) as here:
        if not is_bag(here):
            return Classifier.load(here, load_vectors(vectors))
        model = load_bag(here)
    why = f"with a model of kind {model.kind}, which has its own"
    refuse(["vectors"], why)
    refuse_reading(why, "vectors")
    return model


def predict_sets(classifier: Classifier | BagClassifier, texts: list[str], k: int, threshold: float) -> Predictions:
    """The k likeliest labels of each text; a blank one has none, but of fastText's classifier, as there."""
    if not isinstance(classifier, Classifier):
        found = classifier.predict(texts, k, threshold)
        if classifier.kind == LINEAR:
            found.found[[i for i, text in enumerate(texts) if not text.strip()]] = 0
        return found
    from embedkit.classification.model import best_labels

    full = [i for i, text in enumerate(texts) if classifier.tokens(text)]
    answers = classifier.predict([texts[i] for i in full])
    probabilities = np.array([answer.probabilities for answer in answers], np.float32)
    known = [answer.known for answer in answers]
    return best_labels(probabilities.reshape(-1, len(classifier.labels)), full, len(texts), k, threshold, known)


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


def report_thresholds(
    classifier: Classifier | BagClassifier, data: LabelledSets, precision: float, as_json: bool
) -> None:
    """For each label the least probability from which on it is right often enough."""
    from embedkit.classification.scores import thresholds_at

    rows = thresholds_at(classifier.compared(data.texts), classifier.labels, data.labels, precision)
    with Results(["label", "threshold", "precision", "recall", "count"], as_json, header=True) as results:
        for row in rows:
            results.row(row.label, row.threshold, row.precision, row.recall, row.count)


def print_predictions(
    classifier: Classifier | BagClassifier, files: tuple[str, ...], k: int, threshold: float, as_json: bool, quiet: bool
) -> int:
    """A line for each line: up to k pairs of label and probability; with JSON a list of them where k is above 1.

    Returns the exit status: 1 where some line has no words.
    """
    number = status = 0
    unknown = Unknown(GUESSES, quiet)
    for lines in lines_to_label(files, classifier.labels, BATCH):
        found = predict_sets(classifier, lines, k, threshold)
        unknown.count(found.known[[i for i, line in enumerate(lines) if line.strip()]])
        for i in np.flatnonzero(found.found == 0).tolist():
            if not classifier.tokens(lines[i]) if isinstance(classifier, Classifier) else not lines[i].strip():
                reason = "has no words: nothing to classify"
                status |= tell_unanswered(number + i + 1, lines[i], reason, quiet)
        number += len(lines)
        if as_json:
            for pairs in _pairs(classifier.labels, found):
                records = [{"label": label, "probability": probability} for label, probability in pairs]
                none = {"label": None, "probability": None}
                print_json({"labels": records} if k > 1 else records[0] if records else none)
        else:
            print_lines(
                [text for label, p in pairs for text in (label, f"{p:.4f}")] or ["–", "–"]
                for pairs in _pairs(classifier.labels, found)
            )
        flush()
    unknown.tell()
    return status


def _pairs(names: list[str], found: Predictions) -> Iterator[list[tuple[str, float]]]:
    """Labels and probabilities of each line."""
    rows = zip(found.labels.tolist(), found.probabilities.tolist(), found.found.tolist(), strict=True)
    for labels, probabilities, n in rows:
        yield [(names[label], p) for label, p in zip(labels[:n], probabilities[:n], strict=True)]


def explain_lines(classifier: BagClassifier, files: tuple[str, ...], as_json: bool, quiet: bool) -> int:
    """label<TAB>probability<TAB>weights of each line; returns the exit status."""
    from embedkit.nn.models.explaining import word_weights
    from embedkit.text.labelled import fasttext_tokens

    number = 0
    unknown = Unknown(GUESSES, quiet)
    with Results(["label", "probability", "weights"], as_json) as results:
        for lines in lines_to_label(files, classifier.labels):
            for line in lines:
                number += 1
                if not line.strip():
                    tell_unanswered(number, line, "", quiet)
                    results.row(None, None, None)
                    continue
                words = fasttext_tokens(line)
                found = classifier.predict([line])
                unknown.count(found.known)
                best, probability = int(found.labels[0, 0]), float(found.probabilities[0, 0])
                weights = word_weights(lambda texts: classifier.log_odds(list(map(" ".join, texts))), words, best)
                results.row(classifier.labels[best], probability, pairs_of_weights(words, weights.tolist(), as_json))
            results.flush()
    unknown.tell()
    return 0


def pairs_of_weights(words: list[str], weights: list[float], as_json: bool) -> Any:
    """Words with their weights, as text or for JSON."""
    pairs = zip(words, weights, strict=True)
    if as_json:
        return [{"word": word, "weight": weight} for word, weight in pairs]
    return " ".join(f"{word}:{weight:.3f}" for word, weight in pairs)
