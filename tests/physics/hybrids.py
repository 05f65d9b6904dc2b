# SPDX-License-Identifier: MIT
"""What do the tests of the Hamiltonian share? Small solvated boxes, Contexts and plain numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm as mm

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import AmberTopology, read_topology
from merrow.ambertools.solvent import solvate
from merrow.engine.record import set_state
from merrow.potentials.interface import Capabilities, Evaluation, Potential
from merrow.samples import LambdaState
from merrow.system.box import box_vectors
from merrow.system.build import HybridSystem, hybrid_system
from merrow.system.internal import lj_matrices
from merrow.system.pme import Nonbonded, PmeParameters, pme_parameters
from merrow.system.potentials import open_potential
from merrow.system.region import MLRegion, select_region

CUTOFF = 0.6
"""nm; shorter than any protocol's, so that the exact platform is fast. No identity minds."""
WATERS = 110
STEP = 2e-6
"""nm; of a central difference, so short that no pair of the box crosses the cutoff."""


@dataclass(frozen=True)
class Box:
    """A solute (first residue) in water; positions and box vectors in nm."""

    gas: Path
    prmtop: Path
    inpcrd: Path
    topology: AmberTopology
    region: MLRegion
    positions: np.ndarray
    vectors: np.ndarray

    @property
    def atoms(self) -> list[int]:
        return list(self.region.atoms)

    @property
    def classical(self) -> Potential:
        """The solute's own MM terms."""
        return open_potential("mm", self.topology, self.region)

    def nonbonded(self, **changes) -> Nonbonded:
        """Our settings with a fixed Ewald grid; without the tail unless asked for."""
        settings = {"cutoff": CUTOFF, "lj_tail": False, "pme": self.pme, **changes}
        return Nonbonded(**settings)

    @property
    def pme(self) -> PmeParameters:
        return pme_parameters(tuple(np.diag(self.vectors)), CUTOFF, 5e-4)

    def hybrid(self, potential: Potential | None = None, **changes) -> HybridSystem:
        """The hybrid system; flexible water, so that forces need no projection."""
        options = {"nonbonded": self.nonbonded(), "rigid": False, **changes}
        return hybrid_system(self.topology, self.region, potential or self.classical, **options)


class Python:
    """Hides what a potential is, so that it becomes a PythonForce and not native forces."""

    def __init__(self, inner: Potential) -> None:
        self.inner, self.calls = inner, 0

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    @property
    def identity(self) -> str:
        return self.inner.identity

    def evaluate(self, positions: np.ndarray) -> Evaluation:
        self.calls += 1
        return self.inner.evaluate(positions)


def read_box(gas: Path, prmtop: Path, inpcrd: Path, mask: str = ":1") -> Box:
    topology = read_topology(prmtop)
    coordinates = read_coordinates(inpcrd, len(topology))
    region = select_region(topology, mask)
    vectors = box_vectors(coordinates) / 10
    return Box(gas, prmtop, inpcrd, topology, region, coordinates.positions / 10, vectors)


def make_box(gas: Path, folder: Path, n_waters: int) -> Box:
    """Solvate a gas prmtop in a given number of waters."""
    files = solvate(gas, gas.with_suffix(".inpcrd"), folder=folder, n_waters=n_waters)
    return read_box(gas, *files)


def context_of(
    system: mm.System,
    positions: np.ndarray,
    vectors: np.ndarray | None = None,
    *,
    platform: str = "Reference",
) -> mm.Context:
    """A Context at the given positions [nm]."""
    chosen = mm.Platform.getPlatformByName(platform)
    properties = {"Threads": "1", "DeterministicForces": "true"} if platform == "CPU" else {}
    context = mm.Context(system, mm.VerletIntegrator(0.001), chosen, properties)
    if vectors is not None:
        context.setPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in vectors))
    context.setPositions(positions)
    return context


def energy(context: mm.Context, *groups: int) -> float:
    """Potential energy of all or of some force groups [kJ/mol]."""
    options = {"groups": set(groups)} if groups else {}
    return float(context.getState(getEnergy=True, **options).getPotentialEnergy()._value)


def forces(context: mm.Context) -> np.ndarray:
    return np.array(context.getState(getForces=True).getForces(asNumpy=True)._value)


def slope(context: mm.Context, positions: np.ndarray, atom: int, way: np.ndarray) -> float:
    """Central difference of the energy along a direction of one atom [kJ/mol/nm]."""
    values = []
    for sign in (1, -1):
        moved = positions.copy()
        moved[atom] += sign * STEP * way
        context.setPositions(moved)
        values.append(energy(context))
    return (values[0] - values[1]) / (2 * STEP)


def energy_at(context: mm.Context, elec: float, lj: float) -> float:
    set_state(context, LambdaState(elec, lj))
    return energy(context)


def force_of(system: mm.System, kind: type) -> mm.Force:
    """The only force of a class."""
    (found,) = [f for f in system.getForces() if isinstance(f, kind)]
    return found


def solute_pairs(box: Box, *, within: bool) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield (atom i of the solute, its partners, distances [nm]) inside the cutoff.

    Partners are the environment, and with `within` also solute atoms j > i without exclusion.
    """
    excluded = _close_in_bonds(box.topology)
    edge = np.diag(box.vectors)
    inside = set(box.atoms)
    for i in box.atoms:
        partners = np.array(
            [
                j
                for j in range(len(box.topology))
                if j not in inside or (within and j > i and (i, j) not in excluded)
            ]
        )
        difference = box.positions[partners] - box.positions[i]
        difference -= edge * np.round(difference / edge)
        distance = np.linalg.norm(difference, axis=1)
        near = distance < CUTOFF
        yield i, partners[near], distance[near]


def _close_in_bonds(topology: AmberTopology) -> set[tuple[int, int]]:
    """Pairs of the first molecule up to three bonds apart."""
    around: dict[int, set[int]] = {}
    for a, b in topology.bonds:
        around.setdefault(a, set()).add(b)
        around.setdefault(b, set()).add(a)
    found = set()
    for start in topology.molecules[0]:
        reached = {start}
        for _ in range(3):
            reached |= {c for b in reached for c in around[b]}
        found |= {(start, other) for other in reached}
    return found


def table_minus_rule(box: Box, *, within: bool) -> float:
    """Energy of the solute's pairs with the prmtop's A and B less that with OpenMM's rule [kJ/mol].

    OpenMM's reader takes σ and ε of the diagonal and combines them (Lorentz-Berthelot); we take
    A and B of each pair. A prmtop prints nine digits, so the two differ in the ninth.
    """
    lj_a, lj_b = lj_matrices(box.topology)
    diagonal_a, diagonal_b = np.diag(lj_a), np.diag(lj_b)
    acts = diagonal_b > 0
    sigma = np.where(acts, (diagonal_a / np.where(acts, diagonal_b, 1)) ** (1 / 6), 0.0)
    epsilon = np.where(acts, diagonal_b**2 / (4 * np.where(acts, diagonal_a, 1)), 0.0)
    kind, total = box.topology.lj_type, 0.0
    for i, partners, r in solute_pairs(box, within=within):
        ti, tj = kind[i], kind[partners]
        s6 = ((sigma[ti] + sigma[tj]) / 2) ** 6
        e = np.sqrt(epsilon[ti] * epsilon[tj])
        a, b = lj_a[ti, tj] - 4 * e * s6**2, lj_b[ti, tj] - 4 * e * s6
        total += float(np.sum(a / r**12 - b / r**6))
    return total
