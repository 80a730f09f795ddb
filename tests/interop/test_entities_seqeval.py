"""Entity scores as seqeval's, on random tags, legal and not."""

import numpy as np
import pytest

from embedkit.nn.learning.entities import score_entities, spans

metrics = pytest.importorskip("seqeval.metrics")
from seqeval.metrics.sequence_labeling import get_entities  # noqa: E402

TAGS = ["O", *(f"{letter}-{kind}" for letter in "BIES" for kind in ("PER", "LOC", "ORG-X"))]


@pytest.mark.parametrize("seed", range(20))
def test_spans_and_scores(seed):
    rng = np.random.default_rng(seed)
    wanted = [rng.choice(TAGS, rng.integers(1, 12)).tolist() for _ in range(30)]
    given = [[tag if rng.random() < 0.7 else str(rng.choice(TAGS)) for tag in tags] for tags in wanted]
    for tags in wanted + given:
        ours = [(span.label, span.start, span.end - 1) for span in spans(tags)]
        assert ours == get_entities(tags)
    found = score_entities(wanted, given)
    assert found.precision == pytest.approx(metrics.precision_score(wanted, given))
    assert found.recall == pytest.approx(metrics.recall_score(wanted, given))
    assert found.f1 == pytest.approx(metrics.f1_score(wanted, given))
    report = metrics.classification_report(wanted, given, output_dict=True)
    for row in found.labels:
        assert row.f1 == pytest.approx(report[row.label]["f1-score"]) and row.count == report[row.label]["support"]
