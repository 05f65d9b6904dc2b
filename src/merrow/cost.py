# SPDX-License-Identifier: MIT
"""Measured costs of a job: the JSON form they share, and the memory of this process."""

from __future__ import annotations

import json
import resource
from dataclasses import asdict, dataclass

KIB_PER_MIB = 1024


@dataclass(frozen=True)
class MeasuredCost:
    """Estimated cost of a job on this machine."""

    def to_json(self) -> str:
        """Return all numbers as JSON."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"


def peak_memory_mib(*, programs: bool = False) -> float:
    """Return the peak memory of this process [MiB].

    Args:
        programs: Whether the peak memory of the largest program that it ran is added.
    """
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)[: 1 + programs]
    return sum(resource.getrusage(one).ru_maxrss for one in who) / KIB_PER_MIB
