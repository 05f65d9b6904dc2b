# SPDX-License-Identifier: MIT
"""Reading of a prmtop: atoms, parameters and molecules.

ParmEd parses the file; here its sections are checked against their declared lengths, unsupported
physics is refused, and the rest becomes one immutable value.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from parmed.amber import AmberFormat
from parmed.constants import AMBER_ELECTROSTATIC, CHARMM_ELECTROSTATIC
from parmed.periodic_table import Element, Mass, element_by_mass

from merrow.amber.charmm import check_charmm
from merrow.amber.indices import check_indices
from merrow.amber.sections import Sections, checked_numbers, is_prmtop, readable, refuse_foreign
from merrow.errors import InputError
from merrow.files import is_file
from merrow.geometry import connected_atoms

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

logger = logging.getLogger(__name__)

HEAVY_HYDROGEN = 1.5
"""Mass above which a hydrogen is repartitioned [dalton]."""
SAME_MASS = 0.1
"""Tolerance for masses of the same element [dalton]."""

NATOM, NTYPES, NBONH, NBONA, NTHETH, NTHETA, NPHIH, NPHIA = 0, 1, 2, 12, 4, 13, 6, 14
NNB, NRES, NUMBND, NUMANG, NPTRA, IFBOX = 10, 11, 15, 16, 17, 27


@dataclass(frozen=True, eq=False)
class AmberTopology:
    """A prmtop of N atoms with T Lennard-Jones types.

    Attributes:
        path: The file that was read.
        numbers: Atomic numbers; 0 for an extra point.
        names: Atom names.
        types: AMBER atom types, such as "c3".
        residue_names: Name of each residue.
        residue_index: Residue of each atom, counted from 0, shape (N,).
        charges: Partial charges [e], shape (N,).
        masses: Masses [dalton], shape (N,).
        lj_type: Lennard-Jones type of each atom, counted from 0, shape (N,).
        lj_a: Coefficient A of A/r¹² − B/r⁶ [kcal/mol Å¹²], shape (T, T).
        lj_b: Coefficient B [kcal/mol Å⁶], shape (T, T).
        bonds: Pairs of bonded atoms i < j, sorted.
        molecules: Atoms of each bonded component, in order of their first atoms.
        is_water: Whether an atom belongs to a water molecule, shape (N,).
        has_box: Whether the file declares a periodic box.
        box_angle: Box angle in the prmtop [degree]; 90 without a box.
        has_cmap: Whether it has AMBER's CMAP terms (ff19SB), not CHARMM's.
    """

    path: Path
    numbers: tuple[int, ...]
    names: tuple[str, ...]
    types: tuple[str, ...]
    residue_names: tuple[str, ...]
    residue_index: IntArray
    charges: Array
    masses: Array
    lj_type: IntArray
    lj_a: Array
    lj_b: Array
    bonds: tuple[tuple[int, int], ...]
    molecules: tuple[tuple[int, ...], ...]
    is_water: NDArray[np.bool_]
    has_box: bool
    box_angle: float
    has_cmap: bool

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def molecule_index(self) -> IntArray:
        """Molecule of each atom, counted from 0, shape (N,)."""
        index = np.zeros(len(self), dtype=np.int64)
        for k, atoms in enumerate(self.molecules):
            index[list(atoms)] = k
        return index

    def bonds_among(self, atoms: Iterable[int]) -> tuple[tuple[int, int], ...]:
        """Return the bonds among some atoms, by indices in the given order."""
        place = {int(atom): k for k, atom in enumerate(atoms)}
        return tuple((place[i], place[j]) for i, j in self.bonds if i in place and j in place)


def read_topology(path: str | Path) -> AmberTopology:
    """Read a prmtop (parm7) file, including CHAMBER files.

    Raises:
        InputError: The file is missing, is not a prmtop, or is truncated.
        UnsupportedPhysicsError: It has unsupported terms, see `refuse_foreign`.
    """
    path = Path(path)
    sections = _read_sections(path)
    refuse_foreign(sections, path)
    _check_lengths(sections, path)
    check_indices(sections, path)
    check_charmm(sections, path)
    pointers = sections["POINTERS"]
    box = sections.get("BOX_DIMENSIONS", [])
    if box:
        checked_numbers(sections, "BOX_DIMENSIONS", path, whole=False)
    if pointers[IFBOX] > 0 and min(box or [0.0]) <= 0.0:
        raise InputError(
            f"{path} asks for a box, but its BOX_DIMENSIONS hold a zero or are not there; write "
            "the edges of the coordinates' box into them."
        )
    n_atoms, n_types = pointers[NATOM], pointers[NTYPES]
    names = tuple(sections["ATOM_NAME"])
    starts = np.array(sections["RESIDUE_POINTER"]) - 1
    numbers = _atomic_numbers(sections, names, path)
    bonds = _bonds(sections)
    molecules = connected_atoms(n_atoms, bonds)
    lj_a, lj_b = _lennard_jones(sections, n_types, path)
    return AmberTopology(
        path=path,
        numbers=numbers,
        names=names,
        types=tuple(sections["AMBER_ATOM_TYPE"]),
        residue_names=tuple(sections["RESIDUE_LABEL"]),
        residue_index=np.searchsorted(starts, np.arange(n_atoms), side="right") - 1,
        charges=np.array(sections["CHARGE"]) * _charge_scale(sections),
        masses=np.array(sections["MASS"]),
        lj_type=np.array(sections["ATOM_TYPE_INDEX"]) - 1,
        lj_a=lj_a,
        lj_b=lj_b,
        bonds=bonds,
        molecules=molecules,
        is_water=find_water(numbers, bonds, molecules),
        has_box=pointers[IFBOX] > 0,
        box_angle=float(box[0]) if box else 90.0,
        has_cmap="CMAP_COUNT" in sections,
    )


def atom_label(topology: AmberTopology, i: int) -> str:
    """Return the AMBER mask that names atom i, such as ":1@C1", for messages."""
    return f":{topology.residue_index[i] + 1}@{topology.names[i]}"


def atom_names(topology: AmberTopology, atoms: Iterable[int]) -> dict[int, str]:
    """Return names of atoms that tell them apart: bare ones in one residue, masks in several."""
    own = [int(i) for i in atoms]
    if len({int(topology.residue_index[i]) for i in own}) > 1:
        return {i: atom_label(topology, i) for i in own}
    return {i: topology.names[i] for i in own}


def _read_sections(path: Path) -> Sections:
    """Return the sections of a prmtop by their flags, charges in e."""
    if not is_file(path):
        raise InputError(f"there is no prmtop file {path}.")
    if not is_prmtop(path):
        raise InputError(f"{path} is not a prmtop file: it does not begin with %VERSION.")
    file = AmberFormat()
    try:
        with readable(path) as plain:
            file.rdparm_slow(str(plain))  # the compiled reader crashes on some truncated files
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"the prmtop file {path} is damaged or truncated ({reason}): make it again."
        ) from error
    sections: Sections = file.parm_data
    return sections


def _charge_scale(sections: Sections) -> float:
    """Return the factor from ParmEd's charges to AMBER's [e].

    ParmEd takes CHARMM's Coulomb constant for the charges of a file with CTITLE, while sander and
    OpenMM take AMBER's for those of any prmtop.
    """
    return CHARMM_ELECTROSTATIC / AMBER_ELECTROSTATIC if "CTITLE" in sections else 1.0


def _check_lengths(sections: Sections, path: Path) -> None:
    """Check that each section read by merrow or OpenMM has its declared length."""
    pointers = sections.get("POINTERS", [])
    if len(pointers) < 30 or pointers[NATOM] < 1:
        raise InputError(f"{path} is truncated: its section POINTERS is missing or incomplete.")
    n_atoms, n_types = pointers[NATOM], pointers[NTYPES]
    expected = {
        **dict.fromkeys(("ATOM_NAME", "CHARGE", "MASS", "ATOM_TYPE_INDEX"), n_atoms),
        **dict.fromkeys(("NUMBER_EXCLUDED_ATOMS", "AMBER_ATOM_TYPE", "IROTAT"), n_atoms),
        **dict.fromkeys(("RESIDUE_LABEL", "RESIDUE_POINTER"), pointers[NRES]),
        **dict.fromkeys(("BOND_FORCE_CONSTANT", "BOND_EQUIL_VALUE"), pointers[NUMBND]),
        **dict.fromkeys(("ANGLE_FORCE_CONSTANT", "ANGLE_EQUIL_VALUE"), pointers[NUMANG]),
        **dict.fromkeys(("DIHEDRAL_FORCE_CONSTANT", "DIHEDRAL_PERIODICITY"), pointers[NPTRA]),
        "DIHEDRAL_PHASE": pointers[NPTRA],
        "NONBONDED_PARM_INDEX": n_types**2,
        "LENNARD_JONES_ACOEF": n_types * (n_types + 1) // 2,
        "LENNARD_JONES_BCOEF": n_types * (n_types + 1) // 2,
        "BONDS_INC_HYDROGEN": 3 * pointers[NBONH],
        "BONDS_WITHOUT_HYDROGEN": 3 * pointers[NBONA],
        "ANGLES_INC_HYDROGEN": 4 * pointers[NTHETH],
        "ANGLES_WITHOUT_HYDROGEN": 4 * pointers[NTHETA],
        "DIHEDRALS_INC_HYDROGEN": 5 * pointers[NPHIH],
        "DIHEDRALS_WITHOUT_HYDROGEN": 5 * pointers[NPHIA],
        "EXCLUDED_ATOMS_LIST": pointers[NNB],
    }
    for flag, length in expected.items():
        if flag not in sections:  # sander and OpenMM want those without values too
            raise InputError(f"{path} is truncated or damaged: it has no section {flag}.")
        found = len(sections[flag])
        if found != length:
            raise InputError(
                f"{path} is truncated or damaged: section {flag} has {found} of {length} values."
            )
    for flag in ("CHARGE", "MASS", "LENNARD_JONES_ACOEF", "LENNARD_JONES_BCOEF"):
        if not np.isfinite(sections[flag]).all():
            raise InputError(f"{path} is damaged: section {flag} has a value that is not finite.")


def _atomic_numbers(sections: Sections, names: Sequence[str], path: Path) -> tuple[int, ...]:
    """Return the atomic numbers, deduced from mass and name if the file lacks them."""
    given = sections.get("ATOMIC_NUMBER") or [-1] * len(names)
    if len(given) != len(names):
        raise InputError(
            f"{path} is truncated or damaged: section ATOMIC_NUMBER has {len(given)} "
            f"of {len(names)} values."
        )
    masses = sections["MASS"]
    numbers = list(given)
    for i in (i for i, number in enumerate(given) if number < 0):
        symbol = element_by_mass(masses[i]) if masses[i] > 0.0 else "EP"
        if masses[i] > 0.0 and not names[i].lstrip("0123456789").upper().startswith(symbol.upper()):
            raise InputError(
                f"{path.name} has no ATOMIC_NUMBER for atom {i + 1} ({names[i]}), and its mass "
                f"{masses[i]:g} does not fit its name; make the prmtop with a newer tleap."
            )
        numbers[i] = Element.index(symbol) if masses[i] > 0.0 else 0
    _refuse_other_elements(numbers, masses, names, path)
    if numbers != list(given):
        logger.warning("%s has no atomic numbers: elements deduced from masses.", path.name)
    return tuple(int(number) for number in numbers)


def _refuse_other_elements(
    numbers: Sequence[int], masses: Sequence[float], names: Sequence[str], path: Path
) -> None:
    """Refuse an atom whose mass is that of another element, since a potential uses the number.

    Repartitioned masses do not identify an element.
    """
    if any(n == 1 and mass > HEAVY_HYDROGEN for n, mass in zip(numbers, masses, strict=True)):
        return
    for i, (number, mass) in enumerate(zip(numbers, masses, strict=True)):
        if not 1 <= number < len(Element) or abs(Mass[Element[number]] - mass) < SAME_MASS:
            continue
        other = element_by_mass(mass)
        if other != Element[number] and abs(Mass[other] - mass) < SAME_MASS:
            raise InputError(
                f"{path.name} contradicts itself on atom {i + 1} ({names[i]}): its ATOMIC_NUMBER "
                f"is that of {Element[number]}, its mass {mass:g} that of {other}; correct one."
            )


def _bonds(sections: Sections) -> tuple[tuple[int, int], ...]:
    """Return the bonded pairs i < j; a prmtop stores indices times three."""
    flat = sections["BONDS_INC_HYDROGEN"] + sections["BONDS_WITHOUT_HYDROGEN"]
    pairs = zip(flat[::3], flat[1::3], strict=True)
    return tuple(sorted((min(i, j) // 3, max(i, j) // 3) for i, j in pairs))


def find_water(
    numbers: Sequence[int],
    bonds: Sequence[tuple[int, int]],
    molecules: Sequence[Sequence[int]],
) -> NDArray[np.bool_]:
    """Return the atoms of water, H–O–H with or without extra points, whatever its name."""
    bonded = set(bonds)
    water = np.zeros(len(numbers), dtype=bool)
    for atoms in molecules:
        real = [i for i in atoms if numbers[i] > 0]
        if sorted(numbers[i] for i in real) != [1, 1, 8]:
            continue
        oxygen = next(i for i in real if numbers[i] == 8)
        if all((min(i, oxygen), max(i, oxygen)) in bonded for i in real if i != oxygen):
            water[list(atoms)] = True
    return water


def _lennard_jones(sections: Sections, n_types: int, path: Path) -> tuple[Array, Array]:
    """Return the tabulated A and B of every pair of types, shape (T, T).

    A negative index points to a 10-12 term; these are zero, so the pair has no interaction.
    """
    index = np.array(sections["NONBONDED_PARM_INDEX"]).reshape(n_types, n_types)
    if not np.array_equal(index, index.T) or index.max() > n_types * (n_types + 1) // 2:
        raise InputError(f"{path} is damaged: NONBONDED_PARM_INDEX is not a table of type pairs.")
    tables = [np.array(sections[f"LENNARD_JONES_{x}COEF"]) for x in "AB"]
    a, b = (np.where(index > 0, table[index - 1], 0.0) for table in tables)
    high, low = np.maximum(*np.indices(index.shape)), np.minimum(*np.indices(index.shape))
    usual = high * (high + 1) // 2 + low
    if any(
        np.any((table[usual] != x) & (index > 0)) for table, x in zip(tables, (a, b), strict=True)
    ):
        raise InputError(
            f"{path}: NONBONDED_PARM_INDEX is not in the usual order of type pairs, by which "
            "sander takes the Lennard-Jones terms of 1-4 pairs whatever the table says, so that "
            "programs give it different energies; make the prmtop again."
        )
    return a, b
