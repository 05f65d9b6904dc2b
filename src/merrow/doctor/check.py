# SPDX-License-Identifier: MIT
"""One line of the check: subject, status, finding and advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One line of the check.

    Attributes:
        name: Subject of the check.
        status: ok; warn (something is slower, or a job is not possible); fail (wrong numbers, or
            nothing runs).
        found: Finding.
        advice: What to do, or "".
    """

    name: str
    status: Status
    found: str
    advice: str = ""
