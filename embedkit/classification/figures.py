"""Precision, recall and F1, of labels, tags and entities alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelFigures:
    """Precision, recall and F1 (0 where undefined) of one label, and how many items have it."""

    label: str
    precision: float
    recall: float
    f1: float
    count: int

    @classmethod
    def of(cls, label: str, right: int, given: int, wanted: int) -> LabelFigures:
        """The figures of a label that was given so often, wanted so often, and both at once so often."""
        return cls(label, *precision_recall_f1(right, given, wanted), int(wanted))


def precision_recall_f1(right: int, given: int, wanted: int) -> tuple[float, float, float]:
    """right / given, right / wanted, and 2 · right / (given + wanted), each 0 where it is undefined.

    Examples
    --------
    >>> precision_recall_f1(2, 4, 2)
    (0.5, 1.0, 0.6666666666666666)
    """
    return (
        float(right / given) if given else 0.0,
        float(right / wanted) if wanted else 0.0,
        float(2 * right / (given + wanted)) if given + wanted else 0.0,
    )
