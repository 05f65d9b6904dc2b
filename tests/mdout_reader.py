# SPDX-License-Identifier: MIT
"""Blocks of steps of an mdout, ours or sander's, for tests of what is written there."""

from __future__ import annotations

import re
from pathlib import Path

from merrow.amber.mdout import Energies

NAME = r"[A-Z0-9][\w/()-]*(?: (?:NB|EEL|VDW)|\(PS\)|\(K\))?"


def read_mdout(path: Path) -> list[Energies]:
    """Return the blocks of steps of an mdout, without averages."""
    text = path.read_text(errors="replace").partition("A V E R A G E S")[0]
    found = []
    for part in re.split(r"(?=^ NSTEP = )", text, flags=re.MULTILINE)[1:]:
        body = part.partition("\n " + "-" * 20)[0]
        numbers = {
            name.strip(): float(value)
            for name, value in re.findall(rf"({NAME})\s*=\s*(-?[\d.]+)", body)
        }
        step, time = int(numbers.pop("NSTEP")), numbers.pop("TIME(PS)")
        numbers["TEMP"] = numbers.pop("TEMP(K)")
        found.append(Energies(step, time, numbers))
    assert found, f"{path} contains no step of dynamics"
    return found
