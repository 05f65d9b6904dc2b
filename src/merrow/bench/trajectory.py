# SPDX-License-Identifier: MIT
"""Comparison of potentials on the frames of a trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from merrow.amber.topology import read_topology
from merrow.amber.trajectory import read_trajectory
from merrow.bench.errors import PotentialErrors
from merrow.bench.models import Geometries, compare_models
from merrow.errors import InputError
from merrow.system.region import select_region
from merrow.trajectories import cells_of, check_bonds, whole_frames


def compare_on_trajectory(
    prmtop: Path,
    trajectory: Path,
    *,
    ml_mask: str,
    reference: str,
    names: Sequence[str] = (),
    frames: int = 50,
) -> tuple[PotentialErrors, ...]:
    """Compare potentials with a reference on the ML region of a trajectory.

    Args:
        prmtop: Topology of the trajectory.
        trajectory: NetCDF trajectory.
        ml_mask: Mask of the ML region, which must be a whole molecule.
        reference: Name of the reference potential.
        names: Names of the others; empty for all available ones except quantum chemistry.
        frames: Maximum number of frames, evenly spaced in the trajectory.

    Raises:
        InputError: The files do not fit together, molecules are cut, or there are fewer than two
            frames.
    """
    topology = read_topology(prmtop)
    region = select_region(topology, ml_mask)
    read = read_trajectory(trajectory, topology, region.atoms)
    if len(read.positions) < 2 or frames < 2:
        raise InputError(
            f"{trajectory} has {len(read.positions)} frame(s), of which {frames} are asked for; "
            "differences of energies need two."
        )
    last = len(read.positions) - 1
    chosen = np.unique(np.linspace(0, last, min(frames, last + 1)).round().astype(int))
    cells = cells_of(read)
    positions = whole_frames(
        read.positions[chosen], region.atoms, topology, None if cells is None else cells[chosen]
    )
    check_bonds(positions, region.atoms, topology, trajectory, boxed=cells is not None)
    return compare_models(Geometries(region.molecule, positions), reference=reference, names=names)
