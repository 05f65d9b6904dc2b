# SPDX-License-Identifier: MIT
"""Reading of variables in AMBER's NetCDF convention, with scale factors and units.

Any variable may have a scale factor, not only velocities, and a reader that ignores it gets wrong
numbers silently. Units other than those of the convention are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from merrow.errors import InputError

Array = NDArray[np.float64]

AMBER_VELOCITY: Final = 20.455
"""AMBER's unit of velocity in Å/ps: Å per (1/20.455 ps)."""
_UNITS: Final = {
    "coordinates": r"angstroms?",
    "velocities": r"angstroms? ?/ ?(picoseconds?|ps)",
    "cell_lengths": r"angstroms?",
    "cell_angles": r"degrees?",
    "time": r"picoseconds?|ps",
}
"""Units of the convention by variable; a variable without a unit has that of the convention."""


def numbers(file: Any, name: str, path: Path, *, part: Any = Ellipsis) -> Array | None:
    """Return the values of a variable [Å, Å/ps, degree or ps], or None if it is missing.

    Args:
        file: The open NetCDF file.
        name: Name of the variable.
        path: The file, for messages.
        part: Index of the values to read.

    Raises:
        InputError: The unit is not that of the convention.
    """
    variable = file.variables.get(name)
    if variable is None:
        return None
    unit = getattr(variable, "units", b"")
    told = (unit.decode("latin-1") if isinstance(unit, bytes) else str(unit)).strip("\0 ")
    if told and re.fullmatch(_UNITS[name], told, re.IGNORECASE) is None:
        raise InputError(
            f"{path.name} has its {name} in {told!r}, which is not the unit of AMBER's NetCDF "
            "files; convert the numbers to it (cpptraj copies them as they are)."
        )
    scale = float(getattr(variable, "scale_factor", 1.0))
    if name == "velocities" and abs(scale - AMBER_VELOCITY) < 1e-4:
        scale = AMBER_VELOCITY  # stored in single precision, but meant to be exact
    return np.array(variable[...][part], dtype=np.float64) * scale
