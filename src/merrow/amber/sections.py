# SPDX-License-Identifier: MIT
"""Sections of a prmtop: supported ones, and those that change the energy and are not supported.

A section in neither table is refused by name, since it might change the energy. The names are from
AMBER's description of the format and ParmEd's additions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.files import is_file

Sections = Mapping[str, list[Any]]

_FORTRAN = re.compile(rb"(\d\.\d+)[Dd](?=[+-]\d)")
_CHARMM = re.compile(rb"^%FLAG FORCE_FIELD_TYPE.*\n(?:%.*\n)*(?:[^%].*\n)*?[^%\n].*CHARMM", re.M)
_TITLE = re.compile(rb"^%FLAG TITLE ?", re.M)

NPARM, IFPERT, IFCAP = 9, 20, 29
"""Positions in POINTERS."""

_UNDERSTOOD = """
TITLE CTITLE POINTERS ATOM_NAME CHARGE ATOMIC_NUMBER MASS ATOM_TYPE_INDEX NUMBER_EXCLUDED_ATOMS
NONBONDED_PARM_INDEX RESIDUE_LABEL RESIDUE_POINTER BOND_FORCE_CONSTANT BOND_EQUIL_VALUE
ANGLE_FORCE_CONSTANT ANGLE_EQUIL_VALUE DIHEDRAL_FORCE_CONSTANT DIHEDRAL_PERIODICITY
DIHEDRAL_PHASE SCEE_SCALE_FACTOR SCNB_SCALE_FACTOR LENNARD_JONES_ACOEF LENNARD_JONES_BCOEF
BONDS_INC_HYDROGEN BONDS_WITHOUT_HYDROGEN ANGLES_INC_HYDROGEN ANGLES_WITHOUT_HYDROGEN
DIHEDRALS_INC_HYDROGEN DIHEDRALS_WITHOUT_HYDROGEN EXCLUDED_ATOMS_LIST AMBER_ATOM_TYPE
BOX_DIMENSIONS RADIUS_SET RADII SCREEN CMAP_COUNT CMAP_RESOLUTION CMAP_PARAMETER CMAP_INDEX
FORCE_FIELD_TYPE CHARMM_UREY_BRADLEY_COUNT CHARMM_UREY_BRADLEY
CHARMM_UREY_BRADLEY_FORCE_CONSTANT CHARMM_UREY_BRADLEY_EQUIL_VALUE CHARMM_NUM_IMPROPERS
CHARMM_IMPROPERS CHARMM_NUM_IMPR_TYPES CHARMM_IMPROPER_FORCE_CONSTANT CHARMM_IMPROPER_PHASE
LENNARD_JONES_14_ACOEF LENNARD_JONES_14_BCOEF CHARMM_CMAP_COUNT CHARMM_CMAP_RESOLUTION
CHARMM_CMAP_PARAMETER CHARMM_CMAP_INDEX
"""
UNDERSTOOD: Final = frozenset(_UNDERSTOOD.split())
"""Sections that enter the energy, or files that are passed on."""

_WITHOUT_ENERGY = """
SOLTY TREE_CHAIN_CLASSIFICATION JOIN_ARRAY IROTAT SOLVENT_POINTERS ATOMS_PER_MOLECULE HBCUT
RESIDUE_NUMBER RESIDUE_CHAINID RESIDUE_ICODE ATOM_NUMBER ATOM_ELEMENT ATOM_OCCUPANCY
ATOM_BFACTOR HBOND_ACOEF HBOND_BCOEF IPOL CAP_INFO CAP_INFO2
"""
WITHOUT_ENERGY: Final = frozenset(_WITHOUT_ENERGY.split())
"""Sections without effect on the energy, or only for values checked by `refuse_foreign`."""

FOREIGN: Final = {
    r"LENNARD_JONES_CCOEF": "12-6-4 Lennard-Jones terms",
    r"LENNARD_JONES_\w+|EXPVDWMODEL\w*": "another form of the Lennard-Jones terms",
    r"POLARIZABILITY|DIPOLE_DAMP_FACTOR": "polarizabilities",
    r"AMOEBA_\w+": "the AMOEBA force field",
    r"LES_\w+": "locally enhanced sampling (LES)",
    r"PERT_\w+|ALMPER|IAPER": "a perturbed topology (PERT)",
}
"""Sections with unsupported physics → description."""


def checked_numbers(
    sections: Sections, flag: str, path: Path, *, least: int = 0, whole: bool = True
) -> list[Any]:
    """Return the numbers of a section.

    Args:
        sections: The sections of a prmtop.
        flag: The section.
        path: The prmtop.
        least: Minimum number of values.
        whole: Whether all are integers.

    Raises:
        InputError: The section is missing, is too short, or has another value.
    """
    found = sections.get(flag)
    if found is None:
        raise InputError(f"{path} is truncated or damaged: it has no section {flag}.")
    if len(found) < least:
        raise InputError(
            f"{path} is truncated or damaged: section {flag} has {len(found)} of {least} values."
        )
    strange = [value for value in found if not isinstance(value, int if whole else int | float)]
    if strange:
        raise InputError(
            f"{path} is damaged: section {flag} has the value {strange[0]!r}, which is no "
            f"{'whole ' * whole}number."
        )
    return found


def is_prmtop(path: Path) -> bool:
    """Tell whether a file is a prmtop from its first words, whatever its name."""
    if not is_file(path):
        return False
    with path.open("rb") as stream:
        return stream.read(80).lstrip().startswith((b"%VERSION", b"%FLAG"))


def refuse_foreign(sections: Sections, path: Path) -> None:
    """Refuse sections and values whose energy cannot be reproduced.

    Args:
        sections: The sections of a prmtop by their flags.
        path: The prmtop.

    Raises:
        UnsupportedPhysicsError: There is such a section; the message names it.
    """
    pointers = [*sections.get("POINTERS", ()), *[0] * 30]
    found = [what for flag in sections if (what := _foreign(flag)) is not None]
    if any(sections.get("IPOL", ())):
        found.append("a polarizable force field (IPOL)")
    if any(value != 0.0 for x in "AB" for value in sections.get(f"HBOND_{x}COEF", ())):
        found.append("10-12 hydrogen-bond terms")
    if pointers[NPARM] != 0:
        found.append("locally enhanced sampling (LES, NPARM)")
    if pointers[IFPERT] != 0:
        found.append("a perturbed topology (IFPERT)")
    if pointers[IFCAP] != 0:
        found.append("a cap of water (IFCAP, of solvateCap)")
    if found:
        raise UnsupportedPhysicsError(
            f"{path.name} contains {found[0]}, which cannot be reproduced here; "
            "make the prmtop with a fixed-charge force field of 12-6 Lennard-Jones terms, solvated "
            "in a box or not at all."
        )
    unknown = [flag for flag in sections if _stem(flag) not in UNDERSTOOD | WITHOUT_ENERGY]
    if unknown:
        raise UnsupportedPhysicsError(
            f"{path.name} has a section {unknown[0]}, which is not known here and may change the "
            "energy; make the prmtop without it."
        )


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Yield a prmtop that every reader understands.

    Fortran's 1.0D+00 is rewritten as 1.0E+00. CHARMM's terms are those of a file whose
    FORCE_FIELD_TYPE names CHARMM, as in sander; ParmEd and OpenMM go by CTITLE instead, which the
    scripts that add maps to AMBER's force fields (RSFF2C, ff14IDPSFF) leave as TITLE. One of them
    writes before %VERSION, too.

    Args:
        path: The prmtop; yielded unchanged if nothing needs rewriting.
    """
    text = path.read_bytes()
    plain = _FORTRAN.sub(rb"\1E", text)
    if _CHARMM.search(text) is not None:
        plain = _TITLE.sub(b"%FLAG CTITLE", plain)
    if plain.lstrip().startswith(b"%FLAG"):
        before, version, rest = plain.partition(b"%VERSION")
        line, end, after = rest.partition(b"\n")
        plain = version + line + end + before.lstrip() + after
    if plain == text:
        yield path
        return
    with TemporaryDirectory(prefix="merrow-prmtop-") as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(plain)
        yield copy


def _stem(flag: str) -> str:
    """Return a flag without its map number: CMAP_PARAMETER_01 → CMAP_PARAMETER."""
    return re.sub(r"(CMAP_PARAMETER)_\d+$", r"\1", flag)


def _foreign(flag: str) -> str | None:
    if flag in UNDERSTOOD:
        return None
    return next((what for like, what in FOREIGN.items() if re.fullmatch(like, flag)), None)
