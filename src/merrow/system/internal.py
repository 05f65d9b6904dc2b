# SPDX-License-Identifier: MIT
"""The internal MM energy of the region.

These are the terms that an ML potential replaces: bonded terms, 1-4 terms and nonbonded pairs of
the region in vacuum, without cutoff. They give the MM reference and the MM end states, and as a
`Potential` they can be used wherever an ML model can.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import openmm as mm

from merrow.amber.topology import AmberTopology
from merrow.errors import UnsupportedPhysicsError
from merrow.potentials.interface import Array, Capabilities, Evaluation
from merrow.units import (
    ANGSTROM_PER_NM,
    COULOMB_OPENMM,
    KCAL_PER_KJ,
    KJ_PER_KCAL,
    NM_PER_ANGSTROM,
)

BONDED = (
    mm.HarmonicBondForce,
    mm.HarmonicAngleForce,
    mm.PeriodicTorsionForce,
    mm.RBTorsionForce,  # not from a prmtop, but from a user's System
)
TERM_OF = {
    "HarmonicBondForce": ("Bond", 2),
    "HarmonicAngleForce": ("Angle", 3),
    "PeriodicTorsionForce": ("Torsion", 4),
    "RBTorsionForce": ("Torsion", 4),
}
"""OpenMM's name of a term of each bonded force, and its number of atoms."""
PAIR_ENERGY = f"{COULOMB_OPENMM!r}*qq/r + (a/r6 - b)/r6; r6=r^6"
"""Coulomb and Lennard-Jones energy of a pair in vacuum."""


@dataclass(frozen=True)
class InternalTerms:
    """MM terms among n atoms, by local indices 0..n-1, in OpenMM's units.

    Attributes:
        n_atoms: Number of atoms n.
        bonded: (force class name, list of parameter tuples for OpenMM's `add…`).
        pairs: (i, j, q_i q_j [e²], A [kJ/mol nm¹²], B [kJ/mol nm⁶]) of every interacting pair.
    """

    n_atoms: int
    bonded: tuple[tuple[str, tuple[tuple[float, ...], ...]], ...]
    pairs: tuple[tuple[int, int, float, float, float], ...]

    def digest(self) -> str:
        """Return a hash of the terms, 16 hex digits."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def add_parameters(force: mm.Force, index: int) -> tuple[list[int], list[float]]:
    """Return atoms and plain parameters of one term of a bonded force."""
    kind, size = TERM_OF[type(force).__name__]
    values = getattr(force, f"get{kind}Parameters")(index)
    return list(values[:size]), [getattr(v, "_value", v) for v in values[size:]]


def n_terms(force: mm.Force) -> int:
    """Return the number of terms of a bonded force."""
    kind, _ = TERM_OF[type(force).__name__]
    return int(getattr(force, f"getNum{kind}s")())


def add_term(force: mm.Force, atoms: Sequence[int], parameters: Sequence[float]) -> None:
    """Add a term to a bonded force of the class it was read from."""
    kind, _ = TERM_OF[type(force).__name__]
    getattr(force, f"add{kind}")(*atoms, *parameters)


def lj_matrices(topology: AmberTopology) -> tuple[Array, Array]:
    """Return A [kJ/mol nm¹²] and B [kJ/mol nm⁶] of all type pairs from ACOEF and BCOEF."""
    a = topology.lj_a * (KJ_PER_KCAL * NM_PER_ANGSTROM**12)
    b = topology.lj_b * (KJ_PER_KCAL * NM_PER_ANGSTROM**6)
    return a, b


def internal_terms(
    base: mm.System, topology: AmberTopology, atoms: Sequence[int], *, charge_scale: float = 1.0
) -> InternalTerms:
    """Read the terms among some atoms from OpenMM's System of a prmtop.

    Args:
        base: System of the whole prmtop without constraints, charges unscaled.
        topology: The same prmtop.
        atoms: Atom indices of the region, whole molecules.
        charge_scale: Factor on all charges.

    Raises:
        UnsupportedPhysicsError: A term of another kind (CMAP, CHARMM improper) acts within the
            region.
    """
    local = {atom: i for i, atom in enumerate(atoms)}
    bonded = []
    for force in base.getForces():
        if isinstance(force, BONDED):
            terms = []
            for k in range(n_terms(force)):
                members, parameters = add_parameters(force, k)
                if all(m in local for m in members):
                    terms.append((*(float(local[m]) for m in members), *parameters))
            bonded.append((type(force).__name__, tuple(terms)))
        elif isinstance(force, mm.CMAPTorsionForce | mm.CustomTorsionForce):
            _refuse_inner(force, local, topology)
    nonbonded = next(f for f in base.getForces() if isinstance(f, mm.NonbondedForce))
    pairs = _internal_pairs(nonbonded, topology, local, charge_scale)
    return InternalTerms(len(local), tuple(bonded), pairs)


def _refuse_inner(
    force: mm.CMAPTorsionForce | mm.CustomTorsionForce,
    local: dict[int, int],
    topology: AmberTopology,
) -> None:
    """Refuse CMAP terms and CHARMM impropers within the region."""
    maps = isinstance(force, mm.CMAPTorsionForce)
    for k in range(force.getNumTorsions()):
        values = force.getTorsionParameters(k)
        if all(atom in local for atom in (values[1:] if maps else values[:4])):
            raise UnsupportedPhysicsError(
                f"{topology.path.name} has a {'CMAP term' if maps else 'CHARMM improper'} within "
                "the region, which its MM energy cannot hold; choose a region without it, or an "
                "ML potential."
            )


def _internal_pairs(
    nonbonded: mm.NonbondedForce,
    topology: AmberTopology,
    local: dict[int, int],
    charge_scale: float,
) -> tuple[tuple[int, int, float, float, float], ...]:
    special: dict[tuple[int, int], tuple[float, float, float]] = {}
    for k in range(nonbonded.getNumExceptions()):
        i, j, product, sigma, epsilon = nonbonded.getExceptionParameters(k)
        s6, eps = sigma._value**6, epsilon._value
        special[min(i, j), max(i, j)] = (product._value, 4 * eps * s6 * s6, 4 * eps * s6)
    lj_a, lj_b = lj_matrices(topology)
    pairs = []
    for i, j in combinations(sorted(local), 2):
        if (i, j) in special:
            product, a, b = special[i, j]
        else:
            ti, tj = topology.lj_type[i], topology.lj_type[j]
            product = float(topology.charges[i] * topology.charges[j])
            a, b = float(lj_a[ti, tj]), float(lj_b[ti, tj])
        if product != 0.0 or a != 0.0 or b != 0.0:
            pairs.append((local[i], local[j], product * charge_scale**2, a, b))
    return tuple(pairs)


def internal_forces(terms: InternalTerms, atoms: Sequence[int], *, group: int) -> list[mm.Force]:
    """Return OpenMM forces of the terms on the given atoms (vacuum, no cutoff)."""
    forces: list[mm.Force] = []
    for name, rows in terms.bonded:
        force = getattr(mm, name)()
        _, size = TERM_OF[name]
        for row in rows:
            parameters = list(row[size:])
            if name == "PeriodicTorsionForce":
                parameters[0] = int(parameters[0])
            add_term(force, [atoms[int(i)] for i in row[:size]], parameters)
        forces.append(force)
    pair_force = mm.CustomBondForce(PAIR_ENERGY)
    for parameter in ("qq", "a", "b"):
        pair_force.addPerBondParameter(parameter)
    for i, j, product, a, b in terms.pairs:
        pair_force.addBond(atoms[i], atoms[j], [product, a, b])
    forces.append(pair_force)
    for force in forces:
        force.setForceGroup(group)
    return forces


class ClassicalPotential:
    """The MM energy of a molecule in vacuum as a `Potential`.

    With it the complete ML/MM code can run on an energy that is also available as native OpenMM
    forces, so that each can be tested against the other.
    """

    def __init__(self, terms: InternalTerms, *, name: str, identity: str) -> None:
        self._terms = terms
        self._capabilities = Capabilities(name=name, elements=None, charged=True)
        self._identity = identity
        self._context: mm.Context | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities: any molecule, as the prmtop defines it."""
        return self._capabilities

    @property
    def identity(self) -> str:
        """Name and hash of the prmtop's terms."""
        return self._identity

    @property
    def terms(self) -> InternalTerms:
        """The terms, for use as native OpenMM forces."""
        return self._terms

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3), in double precision."""
        context = self._vacuum_context()
        energies, forces = np.empty(len(positions)), np.empty_like(positions)
        for k, conformer in enumerate(positions):
            context.setPositions(conformer * NM_PER_ANGSTROM)
            state = context.getState(getEnergy=True, getForces=True)
            energies[k] = state.getPotentialEnergy()._value * KCAL_PER_KJ
            forces[k] = state.getForces(asNumpy=True)._value * (KCAL_PER_KJ / ANGSTROM_PER_NM)
        return Evaluation(energies, forces)

    def _vacuum_context(self) -> mm.Context:
        if self._context is None:
            system = mm.System()
            for _ in range(self._terms.n_atoms):
                system.addParticle(1.0)
            for force in internal_forces(self._terms, range(self._terms.n_atoms), group=0):
                system.addForce(force)
            platform = mm.Platform.getPlatformByName("Reference")
            self._context = mm.Context(system, mm.VerletIntegrator(0.001), platform)
        return self._context

    def __getstate__(self) -> dict[str, object]:
        state = copy.copy(self.__dict__)
        state["_context"] = None  # a Context cannot be pickled; it is made again on first use
        return state


def largest_distance(positions: Array, numbers: Sequence[int]) -> float:
    """Return the largest distance between two heavy atoms, in the units of the positions."""
    heavy = positions[[z > 1 for z in numbers]]
    if len(heavy) < 2:
        return 0.0
    difference = heavy[:, None] - heavy[None]
    return math.sqrt(float(np.max(np.sum(difference**2, axis=-1))))
