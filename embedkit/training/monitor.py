"""What a run does while it trains: progress, the log, and the watch for training that goes wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from embedkit.errors import TrainingError
from embedkit.files.log import LogFile
from embedkit.progress import Progress
from embedkit.training.run import Run

PARTS = 10  # of a run, whose losses are compared with that of vectors that know nothing
DIVERGED = 10.0  # times as large: nothing can be learnt any more
# Of the loss of vectors that know nothing: 5,000 words in one epoch end at .995 and above, 100,000 at .75; with
# hierarchical softmax, which knows how frequent words are from the start, 100,000 words in five epochs at .97.
LEARNT = 0.98
ENOUGH_TERMS = 100  # of the latest parts, whose mean is compared


def check_finite(name: str, array: np.ndarray) -> None:
    """Raise TrainingError when `array` holds a NaN or infinity; looks at a block of rows at a time."""
    for start in range(0, len(array), 65536):
        if not np.isfinite(array[start : start + 65536]).all():
            raise TrainingError(
                f"training diverged: {name} holds a NaN or infinity; the output is not written; lower `learning_rate`"
            )


@dataclass
class Monitor:
    """Adds up what the threads report and turns it into progress, log lines and the watch for divergence.

    Attributes
    ----------
    run : Run
    total : int
        Units of work in all epochs.
    unit : str
        ``"words"`` or ``"records"``.
    stage : str
        For the progress bar.
    learning_rate : callable, optional
        Fraction done -> rate, for the display.
    done : int
        Units done before this run (a resumed one).
    loss_name : str
        ``"loss"``, or ``"cost"`` for GloVe.
    untrained : float, optional
        The loss of vectors that know nothing; that of the run's first part where it is not known.
    more : callable, optional
        Further figures to report.
    """

    run: Run
    total: int
    unit: str = "words"
    stage: str = "training"
    learning_rate: Callable[[float], float] | None = None
    done: int = 0
    loss_name: str = "loss"
    untrained: float | None = None
    more: Callable[[], dict[str, float]] | None = None
    by_epoch: dict[int, list[float]] = field(default_factory=dict)
    by_part: dict[int, list[float]] = field(default_factory=dict)
    _since_log: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _latest: int = -1
    _stream: LogFile | None = None

    def __enter__(self) -> Monitor:
        if self.run.log is not None:
            self._stream = LogFile(self.run.log, append=self.run.resume)
        self._start = self._logged = time.monotonic()
        self._before = self.done
        return self

    def __exit__(self, *exception: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def add(self, units: int, loss: float, n: float, epoch: int) -> None:
        """Count `units` of work done in `epoch` (from 0), with the sum of the loss over `n` of its terms."""
        part = PARTS * self.done // max(self.total, 1)
        self.done += int(units)
        for sums in (
            self.by_epoch.setdefault(epoch, [0.0, 0.0]),
            self.by_part.setdefault(part, [0.0, 0.0]),
            self._since_log,
        ):
            sums[0] += float(loss)
            sums[1] += float(n)
        if n:
            self._latest = max(self._latest, epoch)

    def epoch_loss(self, epoch: int) -> float:
        """Mean loss over what was computed of one epoch; NaN before anything was."""
        total, n = self.by_epoch.get(epoch, (0.0, 0.0))
        return total / n if n else float("nan")

    def _before_and_now(self) -> tuple[float, float]:
        """The loss of untrained vectors, and that of the latest part of the run."""
        parts = [total / n for _, (total, n) in sorted(self.by_part.items()) if n]
        return max(1e-9, parts[0] if self.untrained is None else self.untrained), parts[-1]

    def nothing_learnt(self) -> dict[str, float]:
        """What tells that the run learnt next to nothing, for the model's ``config``; empty for any other run.

        Returns
        -------
        dict
            ``loss_untrained``, of vectors that know nothing, and ``loss_reached``, to three digits.
        """
        if self._latest < 0 or self.untrained is None:
            return {}
        total = terms = 0.0
        for _, (loss, n) in sorted(self.by_part.items(), reverse=True):
            if terms < ENOUGH_TERMS:
                total, terms = total + loss, terms + n
        now = total / terms
        if now < LEARNT * self.untrained:
            return {}
        if terms < ENOUGH_TERMS:  # so few lie above by chance
            now = min(now, self.untrained)
        return {"loss_untrained": float(f"{self.untrained:.3g}"), "loss_reached": float(f"{now:.3g}")}

    def tick(self) -> None:
        """Report, log once a second, and stop when the loss is no number any more or far above its start.

        Raises
        ------
        TrainingError
        """
        epoch = self._latest
        if epoch < 0:
            return
        loss = self.epoch_loss(epoch)
        if not np.isfinite(loss):
            self._diverged(f"the {self.loss_name} is {loss}", epoch)
        before, now = self._before_and_now()
        if now > DIVERGED * before:
            self._diverged(f"the {self.loss_name} rose from {before:.3g} to {now:.3g}", epoch)
        rate = (self.done - self._before) / max(time.monotonic() - self._start, 1e-9)
        fields = {"epoch": epoch + 1, self.loss_name: loss}
        if self.learning_rate is not None:
            fields["learning_rate"] = self.learning_rate(min(1.0, self.done / max(self.total, 1)))
        if self.more is not None:
            fields.update(self.more())
            fields[f"{self.unit}/s_each"] = rate / max(1, fields.get("workers", 1))
        if self.run.progress is not None:
            self.run.progress(Progress(self.stage, self.done, self.total, self.unit, {**fields, "rate": rate}))
        if time.monotonic() - self._logged >= 1.0:
            self._log("progress", fields, *self._since_log)
            self._logged = time.monotonic()
            self._since_log[:] = [0.0, 0.0]

    def _diverged(self, what: str, epoch: int) -> None:
        kept = "the output is not written"
        if self.run.checkpoint is not None:
            kept += ", the last checkpoint is kept"
        raise TrainingError(f"training diverged: {what} in epoch {epoch + 1}; {kept}; lower `learning_rate`")

    def end(self) -> None:
        """The last report, and one log line for each epoch of this run.

        Raises
        ------
        TrainingError
            When training diverged.
        """
        self.tick()
        for epoch in sorted(self.by_epoch):
            self._log("epoch", {"epoch": epoch + 1}, *self.by_epoch[epoch])

    def _log(self, event: str, fields: dict[str, Any], total: float, n: float) -> None:
        if self._stream is None:
            return
        seconds = time.monotonic() - self._start
        record = {
            "event": event,
            "seconds": round(seconds, 3),
            self.unit: self.done,
            f"{self.unit}_per_second": round((self.done - self._before) / max(seconds, 1e-9)),
            **fields,
            self.loss_name: total / n if n else None,
        }
        self._stream.write(json.dumps(record) + "\n")
