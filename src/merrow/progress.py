# SPDX-License-Identifier: MIT
"""What a piece of work reports about its progress, who listens, and how long it may take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is.

    Attributes:
        text: What is done now, or a sentence to keep.
        fraction: Part of the present goals that is reached, 0 to 1.
        details: What else is worth seeing, such as "stderr 0.31 of 0.20 kcal/mol".
        remaining_s: Estimate of the time left [s], None where there is no ground for one.
        known: Whether the fraction is; a phase without one shows the time that it has taken.
        lasting: Whether it is a sentence that stays in sight after the next report.
    """

    text: str
    fraction: float = 0.0
    details: tuple[str, ...] = ()
    remaining_s: float | None = None
    known: bool = True
    lasting: bool = False


Listener = Callable[[Progress], None]


def silent(_progress: Progress) -> None:
    """Tell nobody."""


def say(listen: Listener, sentence: str) -> None:
    """Tell a sentence that stays in sight."""
    listen(Progress(sentence, lasting=True))


@dataclass(frozen=True, order=True)
class TimeLimit:
    """A moment from which on no further work begins, the same for all processes of a run.

    Attributes:
        at: The moment, as `time.time()` counts [s]; infinite where there is no limit.
    """

    at: float = math.inf

    @classmethod
    def after(cls, seconds: float | None) -> Self:
        """Return the limit that so many seconds from now are; None means no limit."""
        return cls() if seconds is None else cls(time.time() + seconds)

    def passed(self, *, ahead_s: float = 0.0) -> bool:
        """Tell whether the moment has come, or will have in so many seconds."""
        return time.time() + ahead_s >= self.at
