# SPDX-License-Identifier: MIT
"""Alchemical coupling of the region to its environment.

Charges of the region are parameter offsets λ_elec·q of one PME force, so the energy is exactly
quadratic in λ_elec. Lennard-Jones pairs between region and environment are a 12-6 soft core
(Beutler et al., 10.1016/0009-2614(94)00397-1, α = 0.5) with A and B from the prmtop, plus the
isotropic tail beyond the cutoff. The internal energy of the region does not depend on λ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import openmm as mm

from merrow.amber.topology import AmberTopology, atom_label
from merrow.errors import UnsupportedPhysicsError
from merrow.potentials.interface import Array
from merrow.system.internal import lj_matrices
from merrow.system.pme import Nonbonded

LAMBDA_ELECTROSTATICS = "lambda_electrostatics"
LAMBDA_STERICS = "lambda_sterics"
SIGMA_SCALE = 1.1
"""Factor on all σ for a second evaluation of the tail, which gives its derivative by σ."""
SOFT_CORE_ALPHA = 0.5
SOFT_CORE_NAME = "SoftCore"
"""Name of the force."""

EDGE_POINT = 0.75
"""Point on an axis, as a fraction of the edge, from which the edge length is derived."""

SOFT_CORE = (
    f"4*epsilon*{LAMBDA_STERICS}*(1/(s*s) - 1/s);"
    f"s = {SOFT_CORE_ALPHA}*(1 - {LAMBDA_STERICS}) + (r/sigma)^6;"
    "sigma = sigmas(type1, type2);"
    "epsilon = epsilons(type1, type2)"
)


def couple_charges(
    force: mm.NonbondedForce, charges: Array, atoms: Sequence[int], *, charge_scale: float
) -> None:
    """Turn the region's charges into offsets and remove its other interactions from the force.

    The region then has no Lennard-Jones interaction in this force, and every pair within it is
    excluded, in direct and reciprocal space.

    Args:
        force: NonbondedForce of the whole system; changed in place.
        charges: Charges of all atoms [e], shape (n_atoms,).
        atoms: Indices of the region.
        charge_scale: Factor on the charges.
    """
    region = set(atoms)
    force.addGlobalParameter(LAMBDA_ELECTROSTATICS, 1.0)
    for i in atoms:
        force.setParticleParameters(i, 0.0, 0.1, 0.0)
        force.addParticleParameterOffset(
            LAMBDA_ELECTROSTATICS, i, charges[i] * charge_scale, 0.0, 0.0
        )
    present = set()
    for k in range(force.getNumExceptions()):
        i, j = force.getExceptionParameters(k)[:2]
        if i in region and j in region:
            force.setExceptionParameters(k, i, j, 0.0, 0.1, 0.0)
            present.add((min(i, j), max(i, j)))
    for i, j in combinations(sorted(region), 2):
        if (i, j) not in present:
            force.addException(i, j, 0.0, 0.1, 0.0)


def soft_core_force(
    topology: AmberTopology,
    atoms: Sequence[int],
    exclusions: Sequence[tuple[int, int]],
    *,
    nonbonded: Nonbonded,
    slope: bool = True,
) -> mm.CustomNonbondedForce:
    """Return the Lennard-Jones force between region and environment, scaled by λ_sterics.

    Atoms without Lennard-Jones parameters (TIP3P hydrogens, GAFF hydroxyl hydrogens) are left out,
    which also avoids 0/0.

    Args:
        topology: The whole system.
        atoms: Indices of the region.
        exclusions: Excluded pairs, which all nonbonded forces of a System must share.
        nonbonded: Nonbonded settings with the cutoff.
        slope: Whether OpenMM also computes ∂V/∂λ_sterics, which a GPU does in every step.

    Raises:
        UnsupportedPhysicsError: A region-environment pair has A without B, or B without A, and so
            no σ and ε.
    """
    _refuse_half_pairs(topology, atoms)
    sigma, epsilon = _sigma_epsilon(topology)
    size = len(sigma)
    force = mm.CustomNonbondedForce(SOFT_CORE)
    force.setName(SOFT_CORE_NAME)
    for name, table in (("sigmas", sigma), ("epsilons", epsilon)):
        force.addTabulatedFunction(
            name, mm.Discrete2DFunction(size, size, table.T.ravel().tolist())
        )
    force.addPerParticleParameter("type")
    force.addGlobalParameter(LAMBDA_STERICS, 1.0)
    if slope:
        force.addEnergyParameterDerivative(LAMBDA_STERICS)
    for kind in topology.lj_type:
        force.addParticle([float(kind)])
    for i, j in exclusions:
        force.addExclusion(i, j)
    environment = np.ones(len(topology.numbers), dtype=bool)
    environment[list(atoms)] = False
    env_types = set(topology.lj_type[environment].tolist())
    acting = [i for i in atoms if any(epsilon[topology.lj_type[i], t] > 0 for t in env_types)]
    region_types = {int(topology.lj_type[i]) for i in acting}
    feels = np.array([any(epsilon[t, r] > 0 for r in region_types) for t in range(size)])
    partners = np.flatnonzero(environment & feels[topology.lj_type])
    force.addInteractionGroup(acting, partners.tolist())
    if nonbonded.cutoff is None:
        force.setNonbondedMethod(mm.CustomNonbondedForce.NoCutoff)
    else:
        force.setNonbondedMethod(mm.CustomNonbondedForce.CutoffPeriodic)
        force.setCutoffDistance(nonbonded.cutoff)
    force.setUseLongRangeCorrection(False)
    return force


def tail_coefficient(
    topology: AmberTopology,
    atoms: Sequence[int],
    cutoff: float,
    *,
    size: float = 1.0,
    switch: float | None = None,
) -> float:
    """Return K of the region-environment tail energy K/V at λ_sterics = 1 [kJ nm³/mol].

    K = Σ_pairs ∫_rc^∞ 4π r² (A/r¹² − B/r⁶) dr = Σ_pairs 4π (A/(9 r_c⁹) − B/(3 r_c³)), over all
    pairs of a region atom and an environment atom; with a switching function, also what it removes
    below the cutoff.

    Args:
        topology: The whole system.
        atoms: Indices of the region.
        cutoff: Direct-space cutoff [nm].
        size: Factor on σ of all pairs: A scales with its 12th power, B with its 6th.
        switch: Start of OpenMM's switching function [nm]; None without one.
    """
    lj_a, lj_b = lj_matrices(topology)
    repulsion, attraction = size**12 * lj_a, size**6 * lj_b
    per_pair = (
        4
        * math.pi
        * (repulsion * _beyond(12, cutoff, switch) - attraction * _beyond(6, cutoff, switch))
    )
    n_types = len(lj_a)
    inside = np.bincount(topology.lj_type[list(atoms)], minlength=n_types)
    outside = np.bincount(topology.lj_type, minlength=n_types) - inside
    return float(inside @ per_pair @ outside)


def _beyond(power: int, cutoff: float, switch: float | None) -> float:
    """Return ∫ r² r⁻ᵖ (1 − S(r)) dr [nm^(3−p)], with S = 0 beyond the cutoff."""
    beyond = 1.0 / ((power - 3) * cutoff ** (power - 3))
    if switch is None:
        return beyond
    nodes, weights = np.polynomial.legendre.leggauss(48)
    x = (nodes + 1.0) / 2.0
    r = switch + x * (cutoff - switch)
    taken = x**3 * (10.0 - 15.0 * x + 6.0 * x**2)  # 1 − S of OpenMM
    return beyond + float(np.sum(weights * taken * r ** (2 - power))) * (cutoff - switch) / 2.0


def tail_force(coefficient: float) -> mm.CustomVolumeForce:
    """Return the tail energy λ_sterics·K/V; its derivative K/V must be added by the caller."""
    force = mm.CustomVolumeForce(f"{LAMBDA_STERICS}*{coefficient!r}/v")
    force.addGlobalParameter(LAMBDA_STERICS, 1.0)
    return force


def tail_force_by_edges(coefficient: float, edges: Sequence[float]) -> mm.CustomExternalForce:
    """Return λ_sterics·K/V of a rectangular box as a force evaluated entirely on a GPU.

    In OpenMM 8.6 a CustomVolumeForce transfers all positions from the GPU to the CPU, and forces
    back, in every step, although it has none. An external force stays on the GPU, but has no
    access to the volume. It does have the distance to the nearest image: between the origin and a
    point X = ¾ L₀ on an axis it is L − X while 0.75 L₀ < L < 1.5 L₀, so the edge is X + distance.

    Args:
        coefficient: K [kJ nm³/mol].
        edges: Initial edges L₀ of the box [nm].
    """
    points = [EDGE_POINT * edge for edge in edges]
    text = f"{LAMBDA_STERICS}*{coefficient!r}/(lx*ly*lz)"
    for axis, at in enumerate(points):
        target = ", ".join(repr(at) if k == axis else "0" for k in range(3))
        text += f"; l{'xyz'[axis]} = {at!r} + periodicdistance(0, 0, 0, {target})"
    force = mm.CustomExternalForce(text)
    force.addGlobalParameter(LAMBDA_STERICS, 1.0)
    force.addParticle(0, [])
    force.setName("TailByEdges")
    return force


def whole_molecule_force(atoms: Sequence[int]) -> mm.CustomBondForce:
    """Return zero-energy bonds that make the region one molecule for barostat and wrapping."""
    force = mm.CustomBondForce("0*r")
    for i in atoms[1:]:
        force.addBond(atoms[0], i, [])
    force.setName("OneMolecule")
    return force


def _refuse_half_pairs(topology: AmberTopology, atoms: Sequence[int]) -> None:
    half = (topology.lj_a > 0) != (topology.lj_b > 0)
    others = np.setdiff1d(np.arange(len(topology)), atoms)
    for i in atoms:
        found = others[half[topology.lj_type[i], topology.lj_type[others]]]
        if found.size:
            pair = f"{atom_label(topology, i)} and {atom_label(topology, int(found[0]))}"
            raise UnsupportedPhysicsError(
                f"{topology.path.name} gives {pair} a Lennard-Jones A or B coefficient without the "
                "other, which the soft core cannot scale; use 12-6 terms with both or neither."
            )


def _sigma_epsilon(topology: AmberTopology) -> tuple[Array, Array]:
    """Return σ [nm] and ε [kJ/mol] of all type pairs; ε = 0 and σ = 1 if B is zero."""
    lj_a, lj_b = lj_matrices(topology)
    acts = (lj_a > 0) & (lj_b > 0)
    safe_a, safe_b = np.where(acts, lj_a, 1.0), np.where(acts, lj_b, 1.0)
    return (
        np.where(acts, (safe_a / safe_b) ** (1 / 6), 1.0),
        np.where(acts, safe_b**2 / (4 * safe_a), 0.0),
    )
