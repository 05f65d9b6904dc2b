# SPDX-License-Identifier: MIT
"""One line of the examination: what was looked at, what was found, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One line.

    Attributes:
        name: What was looked at.
        status: ok; warn (something will be slower, or a job is not possible); fail (wrong numbers,
            or nothing runs).
        found: What was found.
        advice: What to do; "" where nothing is.
    """

    name: str
    status: Status
    found: str
    advice: str = ""
