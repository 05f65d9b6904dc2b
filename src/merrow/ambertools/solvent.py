# SPDX-License-Identifier: MIT
"""Solvation of a gas-phase prmtop in TIP3P with its own parameters unchanged.

The sections of the solute are kept and TIP3P sections are appended: two new Lennard-Jones types
come last, so the triangular table of the old pairs (with any NBFIX) is unchanged. The waters are
cut from OpenMM's equilibrated box.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import parmed
from numpy.typing import NDArray
from openmm import app, unit
from parmed.amber import AmberAsciiRestart, AmberFormat
from scipy.spatial import cKDTree

from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.geometry import connected_atoms

Array = NDArray[np.float64]
Sections = dict[str, list[Any]]

VOLUME_PER_WATER: Final = 30.4
"""Volume of one TIP3P water at 298 K and 1 bar [Å³]."""
VOLUME_PER_HEAVY_ATOM: Final = 24.0
"""Volume of a solute per heavy atom with its hydrogens [Å³], as in organic liquids."""

OH_LENGTH: Final = 0.9572
HH_LENGTH: Final = 1.5136
WATER_A: Final = 5.81935564e05
"""TIP3P oxygen–oxygen A, as written by tleap [kcal/mol Å¹²]; doi 10.1063/1.445869."""
WATER_B: Final = 5.94825035e02
"""TIP3P oxygen–oxygen B [kcal/mol Å⁶]."""
NATOM, NTYPES, NBONH, NNB, NRES, NUMBND, IFBOX, NMXRS = 0, 1, 2, 10, 11, 15, 27, 28


def n_waters_for(edge: float, n_heavy: int = 0) -> int:
    """Return the number of waters that fill a cube at 298 K around a solute.

    Args:
        edge: Edge of the cube [Å].
        n_heavy: Number of heavy atoms of the solute.
    """
    return max(0, round((edge**3 - n_heavy * VOLUME_PER_HEAVY_ATOM) / VOLUME_PER_WATER))


def solvate(
    gas_prmtop: Path,
    gas_inpcrd: Path,
    *,
    folder: Path,
    n_waters: int | None = None,
    edge: float | None = None,
) -> tuple[Path, Path]:
    """Solvate a molecule in a cube of TIP3P water, which must be equilibrated before use.

    Args:
        gas_prmtop: Topology without a box; its parameters are kept to the last digit.
        gas_inpcrd: Its coordinates.
        folder: Folder for solvated.prmtop and solvated.inpcrd.
        n_waters: Exact number of waters, or None with `edge`.
        edge: Edge of the cube after equilibration [Å], which determines the number of waters.

    Raises:
        InputError: The files have a box, do not fit together, or the solute is too large.
        UnsupportedPhysicsError: The prmtop is from CHAMBER.
    """
    if (n_waters is None) == (edge is None):
        raise InputError("give either the number of waters or the edge of the box.")
    parm = AmberFormat()
    parm.rdparm_slow(str(gas_prmtop))
    data: Sections = parm.parm_data
    if "CTITLE" in data or "LENNARD_JONES_14_ACOEF" in data:
        raise UnsupportedPhysicsError(
            f"{gas_prmtop.name} is from CHAMBER, to which AMBER's TIP3P cannot be added here: "
            "give a solvated prmtop."
        )
    if data["POINTERS"][IFBOX] > 0:
        raise InputError(f"{gas_prmtop.name} already has a box: leave out the solvation.")
    solute = np.array(parmed.load_file(str(gas_inpcrd)).coordinates).reshape(-1, 3)
    if len(solute) != data["POINTERS"][NATOM]:
        raise InputError(
            f"the prmtop has {data['POINTERS'][NATOM]} atoms, but {gas_inpcrd.name} has "
            f"{len(solute)}: give the coordinates that belong to the prmtop."
        )
    heavy = np.array([mass > 3.5 for mass in data["MASS"]])
    if n_waters is None and edge is not None:
        n_waters = n_waters_for(edge, int(heavy.sum()))
    positions, length = place_waters(solute, heavy, int(n_waters or 0))
    _append_waters(parm, int(n_waters or 0), length)
    folder.mkdir(parents=True, exist_ok=True)
    prmtop, inpcrd = folder / "solvated.prmtop", folder / "solvated.inpcrd"
    parm.write_parm(str(prmtop))
    restart = AmberAsciiRestart(str(inpcrd), "w", natom=len(positions), hasbox=True)
    restart.coordinates = positions
    restart.box = [length, length, length, 90.0, 90.0, 90.0]
    restart.close()
    return prmtop, inpcrd


def place_waters(solute: Array, heavy: NDArray[np.bool_], n_waters: int) -> tuple[Array, float]:
    """Return positions of solute and exactly n_waters waters [Å], and the edge of the cube [Å].

    The cube is enlarged until enough waters fit without overlap with the solute or, across faces,
    with each other; the waters farthest from the solute are then removed.
    """
    if n_waters < 1:
        raise InputError(f"{n_waters} waters cannot fill a box: ask for a larger one.")
    solute = solute - (solute.max(axis=0) + solute.min(axis=0)) / 2
    extent = float((solute.max(axis=0) - solute.min(axis=0)).max())
    volume = n_waters * VOLUME_PER_WATER + heavy.sum() * VOLUME_PER_HEAVY_ATOM
    edge = 0.97 * volume ** (1 / 3)
    limit = 1.2 * edge + 10.0
    waters = _bulk_water(limit)
    waters = waters[_clear_of(waters, solute, heavy)]
    fitting = waters[:0]
    while len(fitting) < n_waters and edge < limit:
        edge += 0.05
        inside = waters[(np.abs(waters[:, 0]) < edge / 2).all(axis=1)]
        fitting = inside[_clear_across_faces(inside[:, 0], edge)]
    if len(fitting) < n_waters or edge < extent + 5.0:
        raise InputError(
            f"{n_waters} waters cannot surround a solute of {extent:.1f} Å: ask for more water."
        )
    distance, _ = cKDTree(solute).query(fitting[:, 0])
    chosen = fitting[np.sort(np.argsort(distance, kind="stable")[:n_waters])]
    return np.concatenate([solute, chosen.reshape(-1, 3)]) + edge / 2, edge


def _bulk_water(edge: float) -> Array:
    """Return rigid TIP3P waters that fill a cube around the origin [Å], shape (n, 3, 3)."""
    source = app.PDBFile(str(Path(app.__file__).parent / "data" / "tip3p.pdb"))
    box = source.topology.getUnitCellDimensions().value_in_unit(unit.angstrom)
    tile = np.array(source.getPositions(asNumpy=True).value_in_unit(unit.angstrom))
    tile = _ideal(tile.reshape(-1, 3, 3))
    reach = range(-int(edge // box[0]) - 1, int(edge // box[0]) + 2)
    shifts = np.array([(i, j, k) for i in reach for j in reach for k in reach]) * np.array(box)
    waters = (tile[None] + shifts[:, None, None, :]).reshape(-1, 3, 3)
    kept: Array = waters[(np.abs(waters[:, 0]) < edge / 2).all(axis=1)]
    return kept


def _ideal(waters: Array) -> Array:
    """Restore the exact TIP3P geometry of rounded waters, keeping oxygen and orientation."""
    oxygen, h1, h2 = waters[:, 0], waters[:, 1], waters[:, 2]
    along = (h1 + h2) / 2 - oxygen
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = h2 - h1
    across -= (across * along).sum(axis=1, keepdims=True) * along
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    foot = oxygen + along * np.sqrt(OH_LENGTH**2 - (HH_LENGTH / 2) ** 2)
    half = across * HH_LENGTH / 2
    return np.stack([oxygen, foot - half, foot + half], axis=1)


def _clear_of(waters: Array, solute: Array, heavy: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which waters are far enough from each atom of the solute."""
    clear = np.ones(len(waters), dtype=bool)
    for atoms, oxygen_limit, hydrogen_limit in ((heavy, 3.0, 2.2), (~heavy, 2.3, 1.7)):
        if atoms.any():
            distance, _ = cKDTree(solute[atoms]).query(waters)
            clear &= (distance > [oxygen_limit, hydrogen_limit, hydrogen_limit]).all(axis=1)
    return clear


def _clear_across_faces(oxygens: Array, edge: float) -> NDArray[np.bool_]:
    """Return which waters to keep so that none is within 2.5 Å of an image of another."""
    tree = cKDTree(oxygens + edge / 2, boxsize=edge)
    keep = np.ones(len(oxygens), dtype=bool)
    for i, j in sorted(tree.query_pairs(2.5)):
        if keep[i] and keep[j] and np.linalg.norm(oxygens[i] - oxygens[j]) > 2.5:
            keep[j] = False
    return keep


def _append_waters(parm: Any, n: int, edge: float) -> None:
    """Append n TIP3P waters and a cubic box to the sections of a prmtop."""
    data: Sections = parm.parm_data
    pointers = data["POINTERS"]
    n_atoms, n_types, n_residues = pointers[NATOM], pointers[NTYPES], pointers[NRES]
    molecules = _molecule_sizes(data, n_atoms)
    first = n_atoms + 3 * np.arange(n)
    _append_types(data, n_types)
    per_atom: Sections = {
        "ATOM_NAME": ["O", "H1", "H2"],
        "CHARGE": [-0.834, 0.417, 0.417],
        "ATOMIC_NUMBER": [8, 1, 1],
        "MASS": [16.0, 1.008, 1.008],
        "ATOM_TYPE_INDEX": [n_types + 1, n_types + 2, n_types + 2],
        "NUMBER_EXCLUDED_ATOMS": [2, 1, 1],
        "AMBER_ATOM_TYPE": ["OW", "HW", "HW"],
        "TREE_CHAIN_CLASSIFICATION": ["BLA"] * 3,
        "JOIN_ARRAY": [0] * 3,
        "IROTAT": [0] * 3,
        "RADII": [1.5, 0.8, 0.8],
        "SCREEN": [0.85] * 3,
    }
    for flag, values in per_atom.items():
        if flag in data:
            data[flag] += values * n
    data["RESIDUE_LABEL"] += ["WAT"] * n
    data["RESIDUE_POINTER"] += (first + 1).tolist()
    data["BOND_FORCE_CONSTANT"] += [553.0, 553.0]
    data["BOND_EQUIL_VALUE"] += [OH_LENGTH, HH_LENGTH]
    oh, hh = pointers[NUMBND] + 1, pointers[NUMBND] + 2
    for i in (3 * first).tolist():
        data["BONDS_INC_HYDROGEN"] += [i, i + 3, oh, i, i + 6, oh, i + 3, i + 6, hh]
    for i in first.tolist():
        data["EXCLUDED_ATOMS_LIST"] += [i + 2, i + 3, i + 3, 0]
    changes = {NATOM: 3 * n, NTYPES: 2, NBONH: 3 * n, NNB: 4 * n, NRES: n, NUMBND: 2, IFBOX: 1}
    for index, change in changes.items():
        pointers[index] += change
    pointers[NMXRS] = max(pointers[NMXRS], 3)
    parm.add_flag(
        "SOLVENT_POINTERS", "3I8", data=[n_residues, len(molecules) + n, len(molecules) + 1]
    )
    parm.add_flag("ATOMS_PER_MOLECULE", "10I8", data=[*molecules, *[3] * n])
    parm.add_flag("BOX_DIMENSIONS", "5E16.8", data=[90.0, edge, edge, edge])


def _append_types(data: Sections, n_types: int) -> None:
    """Append water's oxygen and hydrogen types; pairs with old types by Lorentz–Berthelot."""
    index = np.zeros((n_types + 2, n_types + 2), dtype=int)
    index[:n_types, :n_types] = np.reshape(data["NONBONDED_PARM_INDEX"], (n_types, n_types))
    n_pairs = n_types * (n_types + 1) // 2
    a, b = data["LENNARD_JONES_ACOEF"], data["LENNARD_JONES_BCOEF"]
    pairs = [(a[k - 1], b[k - 1]) if k > 0 else (0.0, 0.0) for k in np.diag(index)[:n_types]]
    new = [_combine(pair, (WATER_A, WATER_B)) for pair in pairs] + [(WATER_A, WATER_B)]
    new += [(0.0, 0.0)] * (n_types + 2)
    data["LENNARD_JONES_ACOEF"] += [pair[0] for pair in new]
    data["LENNARD_JONES_BCOEF"] += [pair[1] for pair in new]
    for row in (n_types, n_types + 1):
        index[row, : row + 1] = n_pairs + 1 + np.arange(row + 1)
        index[: row + 1, row] = index[row, : row + 1]
        n_pairs += row + 1
    data["NONBONDED_PARM_INDEX"] = index.ravel().tolist()


def _combine(one: Sequence[float], two: Sequence[float]) -> tuple[float, float]:
    """Return A and B of two unlike types by the Lorentz–Berthelot rules."""
    if min(*one, *two) <= 0.0:
        return 0.0, 0.0
    (a1, b1), (a2, b2) = one, two
    r = ((2 * a1 / b1) ** (1 / 6) + (2 * a2 / b2) ** (1 / 6)) / 2
    epsilon = (b1 * b1 / (4 * a1) * b2 * b2 / (4 * a2)) ** 0.5
    return float(epsilon * r**12), float(2 * epsilon * r**6)


def _molecule_sizes(data: Sections, n_atoms: int) -> list[int]:
    """Return the number of atoms of each molecule of the solute, in order."""
    flat = np.array(data["BONDS_INC_HYDROGEN"] + data["BONDS_WITHOUT_HYDROGEN"], dtype=int)
    molecules = connected_atoms(n_atoms, zip(flat[::3] // 3, flat[1::3] // 3, strict=True))
    if any(atoms[-1] - atoms[0] >= len(atoms) for atoms in molecules):
        raise InputError("the molecules of the prmtop are interleaved: reorder them with tleap.")
    return [len(atoms) for atoms in molecules]
