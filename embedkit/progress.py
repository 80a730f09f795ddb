"""How long work tells the outside how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """One report of a stage of work.

    Attributes
    ----------
    stage : str
        What is being done, in the infinitive's -ing form: ``"reading"``, ``"training"``, ``"saving"``.
    done : float
        How much is done, in `unit`.
    total : float or None
        How much there is in all; None where that is not known (standard input).
    unit : str
        ``"words"``, ``"bytes"``, ``"records"``, ...
    fields : dict
        Further figures by name, e.g. ``loss``, ``learning_rate``, ``epoch``.
    """

    stage: str
    done: float
    total: float | None = None
    unit: str = "words"
    fields: dict[str, float] = field(default_factory=dict)


ProgressCallback = Callable[[Progress], None]
