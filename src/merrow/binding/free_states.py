# SPDX-License-Identifier: MIT
"""Trajectories of the free ligand and receptor, and E_ML of their frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from merrow.amber.topology import (
    AmberTopology,
    Array,
    IntArray,
    atom_label,
    atom_names,
    read_topology,
)
from merrow.analysis import pose
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.potentials.interface import Potential
from merrow.potentials.placement import Placed, on_fastest
from merrow.settings import Placement
from merrow.system.potentials import MM, open_potential
from merrow.system.region import region_of
from merrow.system.torsions import heavy_torsions
from merrow.trajectories import DryFrames, dry_atoms

CHARGE_TOLERANCE = 1e-4
"""Tolerance for equal charges [e]; files have six digits."""
BATCH = 100
"""Frames per evaluation of a potential."""


@dataclass(frozen=True)
class FreeRequest:
    """Trajectories of the free species, solvated or not.

    Attributes:
        ligand_prmtop, ligand: Topology and trajectory of the free ligand.
        receptor_prmtop, receptor: Those of the free receptor; both or neither.
        potential: Potential that sampled the ligand, bound and free: "mm", or an ML potential,
            whose energy then replaces the ligand's internal MM terms.
        weights: Weights file, or None to search for it.
    """

    ligand_prmtop: Path
    ligand: Path
    receptor_prmtop: Path | None = None
    receptor: Path | None = None
    potential: str = MM
    weights: Path | None = None


def free_request(
    ligand: tuple[Path | None, Path | None],
    receptor: tuple[Path | None, Path | None],
    potential: str | None,
    weights: Path | None,
) -> FreeRequest | None:
    """Return the requested free species, or None.

    Args:
        ligand: Topology and trajectory of the free ligand.
        receptor: Those of the free receptor.
        potential: Potential that sampled the ligand; None if not given.
        weights: Weights file of the potential.

    Raises:
        InputError: An option of a pair is missing, or the weights belong to no potential.
    """
    for name, pair in (("ligand", ligand), ("receptor", receptor)):
        if (pair[0] is None) != (pair[1] is None):
            raise InputError(f"--free-{name} and --free-{name}-prmtop belong together; give both.")
    if ligand[0] is None or ligand[1] is None:
        if receptor[0] is not None:
            raise InputError("--free-receptor needs --free-ligand too: three trajectories.")
        if potential is not None or weights is not None:
            raise InputError(
                "--potential and --weights need --free-ligand: E_ML cancels in one trajectory."
            )
        return None
    if weights is not None and potential in (None, MM):
        raise InputError(
            "--weights belong to an ML potential; name it with --potential, or leave --weights out."
        )
    return FreeRequest(ligand[0], ligand[1], *receptor, potential or MM, weights)


@dataclass(frozen=True, eq=False)
class FreeStates:
    """Frames and energies of the free species.

    Attributes:
        potential: Name of the potential that sampled the ligand.
        ligand: Frames of the free ligand.
        receptor: Frames of the free receptor, or None.
        energies: E_ML of the ligand in the frames of the complex and of the free ligand
            [kcal/mol], relative to the reference; None for "mm".
        reference: Mean E_ML of the free ligand [kcal/mol].
        moving: Unconverged torsions of the free ligand, and the difference of their populations
            between the halves of its trajectory.
        where: Device of the network, with its timings; None for "mm".
    """

    potential: str
    ligand: DryFrames
    receptor: DryFrames | None
    energies: tuple[Array, Array] | None
    reference: float
    moving: dict[str, float]
    where: Placement | None = None


def read_free(
    request: FreeRequest,
    topology: AmberTopology,
    ligand: Sequence[int],
    bound: Array,
    *,
    read: Callable[[Path, AmberTopology], DryFrames],
) -> FreeStates:
    """Read the trajectories and evaluate E_ML on the frames of the ligand.

    Args:
        request: The files.
        topology: The complex.
        ligand: Atoms of the ligand in the complex.
        bound: Positions of the ligand in the complex [Å], shape (F, n, 3).
        read: Function that reads a trajectory.

    Raises:
        InputError: A file is of another molecule, is damaged or too short.
        UnsupportedPhysicsError: The potential does not support the ligand.
    """
    placed = _placed(request, topology, ligand, bound[:BATCH])
    other = read_topology(request.ligand_prmtop)
    check_same(topology, np.array(ligand), other, "ligand")
    frames = read(request.ligand, other)
    receptor = None
    if request.receptor is not None and request.receptor_prmtop is not None:
        apart = read_topology(request.receptor_prmtop)
        if apart.has_cmap:
            raise UnsupportedPhysicsError(
                f"{apart.path.name} has maps of two torsions (CMAP, as in ff19SB), which MMPBSA "
                "leaves out of a receptor by itself: leave out --free-receptor, or prepare the "
                "complex with --protein-ff ff14SB."
            )
        check_same(topology, np.setdiff1d(dry_atoms(topology), ligand), apart, "receptor")
        receptor = read(request.receptor, apart)
    energies, reference, where = None, 0.0, None
    if placed is not None:
        potential, where = placed.potential, placed.where
        free = _evaluate(potential, frames.positions)
        reference = float(free.mean())
        energies = (_evaluate(potential, bound) - reference, free - reference)
    moving = _moving(other, frames)
    return FreeStates(request.potential, frames, receptor, energies, reference, moving, where)


def check_same(
    topology: AmberTopology, atoms: IntArray, other: AmberTopology, species: str
) -> None:
    """Check that the dry atoms of a topology are those of a species in the complex, in order.

    Raises:
        InputError: Elements, charges, Lennard-Jones parameters or bonds differ.
    """
    dry = dry_atoms(other)
    name = f"the {species} of {topology.path.name}"
    if len(dry) != len(atoms):
        raise InputError(
            f"{other.path.name} has {len(dry)} atoms that are neither water nor ions, but {name} "
            f"has {len(atoms)}: give the topology of the same {species}."
        )
    for i, k in zip(atoms.tolist(), dry.tolist(), strict=True):
        one, two = topology.lj_type[i], other.lj_type[k]
        pairs = (
            (topology.numbers[i], other.numbers[k], 0.0),
            (topology.charges[i], other.charges[k], CHARGE_TOLERANCE),
            (topology.lj_a[one, one], other.lj_a[two, two], 1e-6 * topology.lj_a[one, one]),
            (topology.lj_b[one, one], other.lj_b[two, two], 1e-6 * topology.lj_b[one, one]),
        )
        if any(abs(a - b) > tolerance for a, b, tolerance in pairs):
            raise InputError(
                f"atom {atom_label(other, k)} of {other.path.name} is not the "
                f"{atom_label(topology, i)} of {name}: element, charge or Lennard-Jones parameters "
                "differ; the order of the atoms must be the same too."
            )
    if set(topology.bonds_among(atoms)) != set(other.bonds_among(dry)):
        raise InputError(f"{other.path.name} has other bonds than {name}.")


def _placed(
    request: FreeRequest, topology: AmberTopology, ligand: Sequence[int], batch: Array
) -> Placed | None:
    """Return the potential where such a batch is the fastest; None for "mm"."""
    if request.potential == MM:
        return None
    region = region_of(topology, ligand, name="--ligand-mask")
    weights = None if request.weights is None else str(request.weights)
    load = partial(open_potential, request.potential, topology, region, weights=weights)
    return on_fastest(load(), load, lambda potential: potential.evaluate(batch))


def _evaluate(potential: Potential, positions: Array) -> Array:
    starts = range(0, len(positions), BATCH)
    found = [potential.evaluate(positions[i : i + BATCH]).energies for i in starts]
    return np.concatenate(found)


def _moving(topology: AmberTopology, frames: DryFrames) -> dict[str, float]:
    """Return the unconverged torsions of heavy atoms, by the names of their atoms."""
    quadruples = heavy_torsions(topology, frames.atoms.tolist())
    angles = pose.torsions(frames.positions, quadruples)
    names = atom_names(topology, frames.atoms)
    return {
        "–".join(names[int(frames.atoms[i])] for i in quadruples[k]): apart
        for k, apart in pose.unsettled(angles).items()
    }
