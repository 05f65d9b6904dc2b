# SPDX-License-Identifier: MIT
"""How far are potentials apart on the frames of a trajectory?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlmm.amber.coordinates import Coordinates
from mlmm.amber.topology import read_topology
from mlmm.amber.trajectory import Trajectory, read_trajectory
from mlmm.errors import InputError
from mlmm.potentials.interface import Array
from mlmm.system.region import select_region
from mlmm.workflows.agreement import Agreement
from mlmm.workflows.inputs import box_vectors
from mlmm.workflows.model_bench import Geometries, compare_models


def compare_on_trajectory(
    prmtop: Path,
    trajectory: Path,
    *,
    ml_mask: str,
    reference: str,
    names: Sequence[str] = (),
    frames: int = 50,
) -> tuple[Agreement, ...]:
    """Compare potentials with a reference on the ML region of a trajectory.

    Args:
        prmtop: Topology of the trajectory.
        trajectory: NetCDF trajectory.
        ml_mask: Mask of the ML region, which must be a whole molecule.
        reference: Name of the potential that the others are compared with.
        names: Names of the others; empty for all that are here and are no quantum chemistry.
        frames: Largest number of frames, spread evenly over the trajectory.

    Raises:
        InputError: The files do not fit together, or there are fewer than two frames.
    """
    topology = read_topology(prmtop)
    region = select_region(topology, ml_mask)
    read = read_trajectory(trajectory)
    if read.positions.shape[1] != len(topology):
        raise InputError(
            f"{trajectory} has {read.positions.shape[1]} atoms, but {prmtop} has {len(topology)}; "
            "give the files that belong together."
        )
    if len(read.positions) < 2 or frames < 2:
        raise InputError(
            f"{trajectory} has {len(read.positions)} frame(s), of which {frames} are asked for; "
            "differences of energies need two."
        )
    last = len(read.positions) - 1
    chosen = np.unique(np.linspace(0, last, min(frames, last + 1)).round().astype(int))
    positions = np.array([whole_region(read, int(k), region.atoms) for k in chosen])
    geometries = Geometries(region.molecule, positions)
    return compare_models(geometries, reference=reference, names=names)


def whole_region(trajectory: Trajectory, frame: int, atoms: Sequence[int]) -> Array:
    """Return a molecule [Å], shape (n, 3), its atoms in the images nearest to the first one."""
    x = trajectory.positions[frame, list(atoms)]
    if trajectory.lengths is None or trajectory.angles is None:
        return np.asarray(x)
    lengths, angles = trajectory.lengths[frame], trajectory.angles[frame]
    box = box_vectors(Coordinates(x, lengths=lengths, angles=angles))
    arm = x - x[0]
    for axis in (2, 1, 0):  # reduced vectors: the last changes all three components
        arm = arm - np.round(arm[:, axis : axis + 1] / box[axis, axis]) * box[axis]
    return np.asarray(x[0] + arm)
