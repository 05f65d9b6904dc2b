# SPDX-License-Identifier: MIT
"""How are numbers of atoms or residues written in an AMBER mask?"""

from __future__ import annotations

from collections.abc import Iterable


def number_list(numbers: Iterable[int]) -> str:
    """Return ascending numbers as AMBER writes them: "1-15,20"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)
