# SPDX-License-Identifier: MIT
"""Progress reports, their listeners, and time limits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Progress:
    """A progress report.

    Attributes:
        text: The current activity, or a sentence to keep.
        fraction: Fraction of the current goals that is reached, 0 to 1.
        details: Further information, such as "stderr 0.31 of 0.20 kcal/mol".
        remaining_s: Estimated time left [s], None if unknown.
        known: Whether the fraction is known; a phase without one shows its elapsed time.
        lasting: Whether the text is a sentence that stays visible after the next report.
    """

    text: str
    fraction: float = 0.0
    details: tuple[str, ...] = ()
    remaining_s: float | None = None
    known: bool = True
    lasting: bool = False


Listener = Callable[[Progress], None]


def silent(_progress: Progress) -> None:
    """Ignore a report."""


def say(listen: Listener, sentence: str) -> None:
    """Report a sentence that stays visible."""
    listen(Progress(sentence, lasting=True))


@dataclass(frozen=True, order=True)
class TimeLimit:
    """A time after which no further work starts, the same for all processes of a run.

    Attributes:
        at: The time, as `time.time()` counts [s]; infinite without a limit.
    """

    at: float = math.inf

    @classmethod
    def after(cls, seconds: float | None) -> Self:
        """Return a limit a number of seconds [s] from now; None means no limit."""
        return cls() if seconds is None else cls(time.time() + seconds)

    def passed(self, *, ahead_s: float = 0.0) -> bool:
        """Tell whether the limit is reached, or will be in `ahead_s` seconds."""
        return time.time() + ahead_s >= self.at
