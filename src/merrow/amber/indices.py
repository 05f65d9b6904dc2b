# SPDX-License-Identifier: MIT
"""Validation of the indices and exclusions of a prmtop.

Programs differ in their treatment of invalid ones: sander rebuilds exclusions from the bonds,
OpenMM uses the list, and an index that is not a multiple of three may or may not be rounded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from merrow.amber.sections import Sections, checked_numbers
from merrow.errors import InputError

IntArray = NDArray[np.int64]

TERMS = {"BONDS": (2, "BOND"), "ANGLES": (3, "ANGLE"), "DIHEDRALS": (4, "DIHEDRAL")}
"""Sections of terms → atoms per term, and prefix of the sections of their parameters."""


def check_indices(sections: Sections, path: Path) -> None:
    """Check that indices point to existing atoms, residues, types and parameters, and exclusions.

    Args:
        sections: The sections of a prmtop, with their declared lengths.
        path: The prmtop.

    Raises:
        InputError: An index or exclusion is wrong; the message names it.
    """
    n_atoms, n_types, n_residues = (sections["POINTERS"][k] for k in (0, 1, 11))
    for name, (size, parameter) in TERMS.items():
        n_parameters = len(sections[f"{parameter}_FORCE_CONSTANT"])
        for half in ("INC_HYDROGEN", "WITHOUT_HYDROGEN"):
            flag = f"{name}_{half}"
            rows = np.array(sections[flag], dtype=np.int64).reshape(-1, size + 1)
            atoms = np.abs(rows[:, :-1]) if name == "DIHEDRALS" else rows[:, :-1]
            require(
                np.all(atoms % 3 == 0) and within(atoms, 0, 3 * n_atoms - 3), path, flag, "an atom"
            )
            require(within(rows[:, -1], 1, n_parameters), path, flag, "a parameter")
            distinct = np.sort(atoms, axis=1)
            require(
                not np.any(distinct[:, 1:] == distinct[:, :-1]), path, flag, "an atom of its own"
            )
    types = np.array(sections["ATOM_TYPE_INDEX"])
    require(within(types, 1, n_types), path, "ATOM_TYPE_INDEX", "a Lennard-Jones type")
    starts = np.array(sections["RESIDUE_POINTER"])
    rising = starts[0] == 1 and np.all(np.diff(starts) > 0) and starts[-1] <= n_atoms
    require(rising and n_residues > 0, path, "RESIDUE_POINTER", "the first atom of a residue")
    check_maps(sections, path)
    _check_exclusions(sections, path)


def check_maps(sections: Sections, path: Path, *, prefix: str = "") -> None:
    """Check the maps of two torsions and the indices of their terms.

    Args:
        sections: The sections of a prmtop.
        path: The prmtop.
        prefix: How their flags begin: "CHARMM_" in older CHARMM files.

    Raises:
        InputError: An index points nowhere, a map is incomplete, or a section is missing.
    """
    flag = f"{prefix}CMAP_INDEX"
    if f"{prefix}CMAP_COUNT" not in sections and flag not in sections:
        return
    indices = checked_numbers(sections, flag, path) if flag in sections else []
    flat = np.array(indices, dtype=np.int64)
    n_terms, n_maps = checked_numbers(sections, f"{prefix}CMAP_COUNT", path, least=2)[:2]
    require(len(flat) == 6 * n_terms, path, flag, "an atom or a map")
    atoms, maps = np.split(flat.reshape(-1, 6), [5], axis=1)
    sound = within(atoms, 1, sections["POINTERS"][0]) and within(maps, 1, n_maps)
    require(sound, path, flag, "an atom or a map")
    if n_maps == 0:
        return
    flag = f"{prefix}CMAP_RESOLUTION"
    for k, size in enumerate(checked_numbers(sections, flag, path, least=n_maps), start=1):
        length = len(sections.get(f"{prefix}CMAP_PARAMETER_{k:02d}", ()))
        require(length == size**2, path, flag, "all values of a map")


def within(values: IntArray, low: int, high: int) -> bool:
    """Tell whether all values are in a range, ends included."""
    return bool(np.all((values >= low) & (values <= high)))


def require(sound: bool | np.bool_, path: Path, flag: str, what: str) -> None:
    """Refuse a prmtop unless an index is sound.

    Raises:
        InputError: The index of a section does not point to what it should.
    """
    if not sound:
        raise InputError(
            f"{path} is damaged: an index of section {flag} does not point to {what}; make the "
            "prmtop again."
        )


def _check_exclusions(sections: Sections, path: Path) -> None:
    """Check that the excluded pairs are those within three bonds."""
    counts = np.array(sections["NUMBER_EXCLUDED_ATOMS"], dtype=np.int64)
    listed = np.array(sections["EXCLUDED_ATOMS_LIST"], dtype=np.int64)
    n_atoms = len(counts)
    if counts.min() < 0 or counts.sum() != len(listed) or not within(listed, 0, n_atoms):
        raise InputError(
            f"{path} is damaged: NUMBER_EXCLUDED_ATOMS and EXCLUDED_ATOMS_LIST do not fit "
            "together; make the prmtop again."
        )
    first = np.repeat(np.arange(n_atoms), counts)
    real = listed > 0  # zero for an atom without exclusions
    found = np.sort(first[real] * n_atoms + listed[real] - 1)
    bonded = _within_three_bonds(sections, n_atoms)
    if not np.array_equal(found, bonded):
        wrong = np.setxor1d(found, bonded)
        i, j = divmod(int(wrong[0] if wrong.size else found[0]), n_atoms)
        named = "excludes" if wrong.size and wrong[0] in found else "does not exclude"
        raise InputError(
            f"{path} {named} the pair of atoms {i + 1} and {j + 1}, in EXCLUDED_ATOMS_LIST, but "
            "what sander excludes are the pairs within three bonds; make the prmtop again."
        )
    _check_terms(sections, bonded, n_atoms, path)


def _check_terms(sections: Sections, near: IntArray, n_atoms: int, path: Path) -> None:
    """Check that the ends of terms are the pairs within three bonds, extra points aside.

    sander excludes the ends of each term from nonbonded interactions, whatever the list says.
    """
    ends = []
    for name, (size, _) in TERMS.items():
        for half in ("INC_HYDROGEN", "WITHOUT_HYDROGEN"):
            flat = np.abs(np.array(sections[f"{name}_{half}"], dtype=np.int64))
            pairs = np.sort(flat.reshape(-1, size + 1)[:, [0, size - 1]] // 3, axis=1)
            ends.append(pairs[:, 0] * n_atoms + pairs[:, 1])
    found = np.unique(np.concatenate(ends))
    strange, absent = np.setdiff1d(found, near), np.setdiff1d(near, found)
    real = np.array(sections["MASS"]) > 0.0
    absent = absent[real[absent // n_atoms] & real[absent % n_atoms]]
    if "CTITLE" in sections:  # CHARMM has chains without torsions
        absent = absent[:0]
    if strange.size or absent.size:
        i, j = divmod(int((strange if strange.size else absent)[0]), n_atoms)
        told = "a term between" if strange.size else "no bond, angle or torsion between"
        which = "are not" if strange.size else "are"
        raise InputError(
            f"{path} has {told} atoms {i + 1} and {j + 1}, which {which} within three bonds: "
            "programs differ in what they exclude there; make the prmtop again."
        )


def _within_three_bonds(sections: Sections, n_atoms: int) -> IntArray:
    """Return the pairs i < j within three bonds as i N + j, sorted."""
    flat = [*sections["BONDS_INC_HYDROGEN"], *sections["BONDS_WITHOUT_HYDROGEN"]]
    pairs = np.array(flat, dtype=np.int64).reshape(-1, 3)[:, :2] // 3
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
    one = coo_matrix((np.ones(len(i), dtype=np.int64), (i, j)), shape=(n_atoms, n_atoms)).tocsr()
    near = coo_matrix(one + one @ one + one @ one @ one)
    upper = near.row < near.col
    return np.sort(near.row[upper].astype(np.int64) * n_atoms + near.col[upper])
