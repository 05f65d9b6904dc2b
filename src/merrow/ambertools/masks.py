# SPDX-License-Identifier: MIT
"""Lists of atom or residue numbers in AMBER masks."""

from __future__ import annotations

from collections.abc import Iterable


def number_list(numbers: Iterable[int]) -> str:
    """Return ascending numbers in AMBER's form: "1-15,20"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)
