# SPDX-License-Identifier: MIT
"""What does a variable of AMBER's NetCDF convention say? Its numbers, times its scale, in its unit.

Any variable may have a scale, not only velocities, and a reader that overlooks it has other numbers
without a word. A unit that is not the convention's is refused.
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
"""Units of the convention by variable; one that tells no unit has the convention's."""


def numbers(file: Any, name: str, path: Path, *, part: Any = Ellipsis) -> Array | None:
    """Return the numbers of a variable [Å, Å/ps, degree or ps], or None where there is none.

    Args:
        file: The open NetCDF file.
        name: Name of the variable.
        path: The file, for messages.
        part: Which of the numbers, as an index.

    Raises:
        InputError: They are in another unit than the convention's.
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
        scale = AMBER_VELOCITY  # stored in single precision, where the exact one is meant
    return np.array(variable[...][part], dtype=np.float64) * scale
