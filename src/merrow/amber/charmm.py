# SPDX-License-Identifier: MIT
"""Validation of the sections that a CHARMM prmtop has more than one of AMBER's force fields.

Programs differ in how they recognise such a file: sander by FORCE_FIELD_TYPE, ParmEd and OpenMM by
CTITLE instead of TITLE (`merrow.amber.sections.readable`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from merrow.amber.indices import check_maps, require, within
from merrow.amber.sections import Sections, checked_numbers
from merrow.errors import InputError

NEEDED: Final = (
    "LENNARD_JONES_14_ACOEF",
    "LENNARD_JONES_14_BCOEF",
    "SCEE_SCALE_FACTOR",
    "SCNB_SCALE_FACTOR",
    "CHARMM_UREY_BRADLEY_COUNT",
    "CHARMM_NUM_IMPROPERS",
)
"""Sections that every CHARMM prmtop has."""
UREY_BRADLEY, IMPROPER = "CHARMM_UREY_BRADLEY", "CHARMM_IMPROPER"


def check_charmm(sections: Sections, path: Path) -> None:
    """Check that a file is wholly CHARMM's or not at all, and that its terms are complete.

    Args:
        sections: The sections of a prmtop.
        path: The prmtop.

    Raises:
        InputError: Only some programs would read CHARMM's terms of the file, or an index or a
            parameter is wrong; the message names it.
    """
    told = " ".join(map(str, sections.get("FORCE_FIELD_TYPE", ())))
    theirs = [flag for flag in sections if re.match("CHARMM_|LENNARD_JONES_14_|CTITLE", flag)]
    if "CHARMM" not in told:
        if theirs:
            raise InputError(
                f"{path.name} has a section {theirs[0]}, but no FORCE_FIELD_TYPE that names "
                "CHARMM: sander leaves CHARMM's terms out, other programs do not; make the prmtop "
                "again."
            )
        return
    if absent := [flag for flag in NEEDED if flag not in sections]:
        raise InputError(
            f"{path.name} has the terms of CHARMM (FORCE_FIELD_TYPE), but no section {absent[0]}, "
            "without which programs differ; make the prmtop again."
        )
    n_types = sections["POINTERS"][1]
    for flag in NEEDED[:2]:
        table = np.array(sections[flag])
        sound = len(table) == n_types * (n_types + 1) // 2 and np.isfinite(table).all()
        require(sound, path, flag, "a pair of types")
    terms, types = checked_numbers(sections, f"{UREY_BRADLEY}_COUNT", path, least=2)[:2]
    _check_terms(sections, path, UREY_BRADLEY, ("FORCE_CONSTANT", "EQUIL_VALUE"), 2, terms, types)
    terms = checked_numbers(sections, "CHARMM_NUM_IMPROPERS", path, least=1)[0]
    types = checked_numbers(sections, "CHARMM_NUM_IMPR_TYPES", path, least=1)[0] if terms else 0
    _check_terms(sections, path, IMPROPER, ("FORCE_CONSTANT", "PHASE"), 4, terms, types)
    check_maps(sections, path, prefix="CHARMM_")


def _check_terms(
    sections: Sections,
    path: Path,
    name: str,
    parameters: tuple[str, str],
    size: int,
    n_terms: int,
    n_types: int,
) -> None:
    """Check the number and the indices of terms, counted from 1, and the number of parameters."""
    flag = name if name in sections else f"{name}S"
    indices = checked_numbers(sections, flag, path) if flag in sections else []
    flat = np.array(indices, dtype=np.int64)
    require(len(flat) == (size + 1) * n_terms, path, flag, "an atom or a parameter")
    atoms, kinds = np.split(flat.reshape(-1, size + 1), [size], axis=1)
    require(within(atoms, 1, sections["POINTERS"][0]), path, flag, "an atom")
    require(within(kinds, 1, n_types), path, flag, "a parameter")
    for parameter in parameters:
        found = len(sections.get(f"{name}_{parameter}", ()))
        require(found == n_types, path, flag, f"a value of {name}_{parameter}")
