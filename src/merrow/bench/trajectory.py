# SPDX-License-Identifier: MIT
"""Comparison of potentials on the frames of a trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from merrow.amber.coordinates import Coordinates
from merrow.amber.topology import AmberTopology, read_topology
from merrow.amber.trajectory import Trajectory, read_trajectory
from merrow.bench.errors import PotentialErrors
from merrow.bench.models import Geometries, compare_models
from merrow.errors import InputError
from merrow.potentials.interface import Array
from merrow.system.box import box_vectors
from merrow.system.region import select_region
from merrow.trajectories import whole_frames


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
    positions = whole_region(read, chosen.tolist(), topology, region.atoms)
    geometries = Geometries(region.molecule, positions)
    return compare_models(geometries, reference=reference, names=names)


def whole_region(
    trajectory: Trajectory, frames: Sequence[int], topology: AmberTopology, atoms: Sequence[int]
) -> Array:
    """Return some molecules in some frames [Å], shape (F, n, 3), whole and in one image.

    Args:
        trajectory: Where they move.
        frames: Places of the frames wanted.
        topology: The prmtop.
        atoms: Atoms of the molecules, all of each.
    """
    x: Array = trajectory.positions[np.array(frames)[:, None], np.array(atoms)]
    cells = None
    if trajectory.lengths is not None and trajectory.angles is not None:
        boxes = zip(trajectory.lengths[frames], trajectory.angles[frames], strict=True)
        cells = np.array([box_vectors(Coordinates(x[0], None, *box)) for box in boxes])
    return whole_frames(x, tuple(atoms), topology, cells)
