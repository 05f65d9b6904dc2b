# SPDX-License-Identifier: MIT
"""Restraints and confining walls of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openmm as mm

from merrow.amber.mask import select_atoms
from merrow.amber.topology import AmberTopology
from merrow.errors import InputError
from merrow.md.box import Cell
from merrow.md.settings import MdSettings
from merrow.mdin.disang import Restraint, parse_disang
from merrow.mdin.mlp import Confinement
from merrow.potentials.interface import Array
from merrow.system.configuration import read_configuration
from merrow.system.confine import confining_force
from merrow.system.restraints import FlatBottom, flat_bottom_forces, positional_force
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL, NM_PER_ANGSTROM

PER_AREA = KJ_PER_KCAL / NM_PER_ANGSTROM**2
"""Factor from kcal/mol/Å² to kJ/mol/nm²."""


def restraint_forces(
    settings: MdSettings, topology: AmberTopology, *, refc: Path | None, cell: Cell | None
) -> list[mm.Force]:
    """Return the restraint forces of ntr=1 and nmropt=1.

    Args:
        settings: Settings of the run.
        topology: The prmtop.
        refc: Reference coordinates.
        cell: The box, or None.

    Raises:
        InputError: A file is missing or does not match, a mask selects nothing, or two molecules
            would be farther apart than their images in the box.
    """
    forces: list[mm.Force] = []
    if settings.restraint_mask is not None:
        if refc is None:
            raise InputError("ntr=1 needs reference coordinates; give them with -ref.")
        reference = read_configuration(refc, topology).positions
        atoms = select_atoms(topology, settings.restraint_mask, positions=reference)
        places = reference[list(atoms)] * NM_PER_ANGSTROM
        weight = settings.restraint_kcal_per_angstrom2 * PER_AREA
        forces.append(positional_force(atoms, places, weight, periodic=cell is not None))
    if settings.restraint_file is not None:
        path = Path(settings.restraint_file)
        if not path.is_file():
            raise InputError(f"there is no file {path}, which DISANG names; correct the path.")
        wells = parse_disang(path.read_text(encoding="latin-1"), source=path.name)
        last = max(max(well.atoms) for well in wells)
        if last > len(topology):
            raise InputError(
                f"{path} restrains atom {last}, but {topology.path} has {len(topology)} atoms."
            )
        forces += _well_forces(wells, topology, cell, path)
    return forces


def _well_forces(
    wells: Sequence[Restraint], topology: AmberTopology, cell: Cell | None, path: Path
) -> list[mm.Force]:
    """Return the forces of nmropt=1.

    A molecule is whole, so within one there are no images, however long it is; between molecules
    the nearest images count.
    """
    molecule = topology.molecule_index
    parts: dict[bool, list[FlatBottom]] = {False: [], True: []}
    for well in wells:
        several = len({int(molecule[atom - 1]) for atom in well.atoms}) > 1
        if several and cell is not None:
            _refuse_beyond_images(well, cell, path)
        parts[several].append(_in_nm(well))
    within = flat_bottom_forces(parts[False], periodic=False)
    return within + flat_bottom_forces(parts[True], periodic=cell is not None)


def _refuse_beyond_images(well: Restraint, cell: Cell, path: Path) -> None:
    """Refuse a least distance of two molecules beyond which another image is the nearest."""
    half, least = float(cell.edges.min()) * ANGSTROM_PER_NM / 2, well.bounds[1]
    if len(well.atoms) == 2 and well.rk2 > 0.0 and least > half:
        first, second = well.atoms
        raise InputError(
            f"{path} keeps atoms {first} and {second} of two molecules at least r2={least:g} Å "
            f"apart, but half the box is {half:.1f} Å, beyond which another image is the nearest; "
            "lower r2, or take a larger box."
        )


def wall_force(
    wall: Confinement, atoms: tuple[int, ...], centre: Array | None, *, periodic: bool
) -> mm.Force:
    """Return the confining potential of the ML region.

    Args:
        wall: Settings of the wall.
        atoms: Atoms of the region.
        centre: Fixed centre [Å], shape (3,); None if it follows the region.
        periodic: Whether there is a box.
    """
    return confining_force(
        atoms,
        inner=wall.inner_angstrom * NM_PER_ANGSTROM,
        outer=wall.outer_angstrom * NM_PER_ANGSTROM,
        stiffness=wall.stiffness * PER_AREA,
        centre=None if centre is None else np.asarray(centre) * NM_PER_ANGSTROM,
        periodic=periodic,
    )


def _in_nm(well: Restraint) -> FlatBottom:
    distance = len(well.atoms) == 2
    length = NM_PER_ANGSTROM if distance else math.pi / 180.0
    stiffness = PER_AREA if distance else KJ_PER_KCAL
    r1, r2, r3, r4 = (bound * length for bound in well.bounds)
    atoms = tuple(atom - 1 for atom in well.atoms)
    return FlatBottom(atoms, (r1, r2, r3, r4), well.rk2 * stiffness, well.rk3 * stiffness)
