# SPDX-License-Identifier: MIT
"""What a run tells about its progress, and who listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """What the workflow tells about its progress.

    Attributes:
        stage: What is done now.
        fraction: Part of the present goals that is reached, 0 to 1.
        stderr_kcal: Standard error of the headline so far [kcal/mol], None before the first one.
        target_kcal: Error at which sampling stops [kcal/mol], None without a target.
        remaining_s: Estimate of the time left [s], None where there is no ground for one.
        lasting: Whether it is worth keeping in sight after the next report.
    """

    stage: str
    fraction: float
    stderr_kcal: float | None = None
    target_kcal: float | None = None
    remaining_s: float | None = None
    lasting: bool = False


Listener = Callable[[Report], None]
