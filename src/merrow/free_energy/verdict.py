# SPDX-License-Identifier: MIT
"""What is a judgement of a run? What was looked at, whether it is good, and what to do if not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Verdict:
    """One judgement.

    Attributes:
        name: What was looked at.
        ok: Whether it is good.
        sentence: What was found.
        advice: What to do; empty where nothing is, or where the sentence says it.
        serious: Whether a number with this finding must not be trusted.
    """

    name: str
    ok: bool
    sentence: str
    advice: str = ""
    serious: bool = False

    @property
    def status(self) -> Literal["pass", "warn", "fail"]:
        """How grave it is."""
        if self.ok:
            return "pass"
        return "fail" if self.serious else "warn"
