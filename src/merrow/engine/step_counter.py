# SPDX-License-Identifier: MIT
"""Counter of the steps of a run, with the next step that needs attention."""

from __future__ import annotations

from dataclasses import dataclass

CHECK_INTERVAL = 100
"""Maximum number of steps between stability checks."""


@dataclass
class StepCounter:
    """Counts the steps of a run.

    Attributes:
        step: Steps done since the start of the run.
        last: The last step.
        interval: Steps between reports.
        strides: Other intervals [steps] at which something is done; 0 for never.
    """

    step: int
    last: int
    interval: int
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        self._first = self.step

    def is_report(self) -> bool:
        """Tell whether a report is due: at both ends and at every interval."""
        return self.step in (self._first, self.last) or self.is_multiple(self.interval)

    def is_multiple(self, interval: int) -> bool:
        """Tell whether this step is a multiple of an interval."""
        return interval > 0 and self.step % interval == 0

    def next(self) -> int:
        """Return the next step at which something is done."""
        strides = (CHECK_INTERVAL, self.interval, *self.strides)
        return min(self.last, *(self.step - self.step % n + n for n in strides if n > 0))
