# SPDX-License-Identifier: MIT
"""Does the kernel say what plain sums say? Random boxes, and the bar of the comparison.

The kernel works in float32. Positions are rounded to `PLACE`, which a steep pair feels most: a
Lennard-Jones force of r⁻¹³ changes by 13 δ/r of itself. What else is rounded is `ROUNDING` of each
term that an atom's force is made of. A pair at the cutoff may be in or out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from merrow.nonbonded import plain
from merrow.nonbonded.kernel import NonbondedKernel
from merrow.nonbonded.parameters import NonbondedParameters
from merrow.units import COULOMB_OPENMM

Array = NDArray[np.float64]

ROUNDING = 1e-6
PLACE = 3e-7
"""Rounding of a distance in a box of some nm [nm]."""
MESH = 2e-6
"""Error of a mesh of 64 points at α = 3.3/nm and 2.2 nm, of the energy in reciprocal space."""
OH, HALF_ANGLE = 0.09572, np.deg2rad(104.52 / 2)
WATER_CHARGES = (-0.834, 0.417)
WATER_SIGMA, WATER_EPSILON = 0.315075, 0.635968
"""TIP3P's [e, nm, kJ/mol]."""

BOXES: Final[dict[str, dict[str, float]]] = {
    "usual": {},
    "wide": {"length": 1.9, "waters": 60},
    "dilute": {"waters": 3, "solute": 2},
    "crowded": {"crowded": True, "waters": 40},
    "on top of a water": {"overlap": True},
    "salt": {"ions": 5},
    "ions alone": {"solute": 0, "ions": 3},
    "one of each": {"solute": 1, "ions": 1, "waters": 1},
}
"""Options of `random_box`; atoms lie across all faces and edges in every one."""


def random_box(
    random: np.random.Generator,
    *,
    waters: int = 24,
    solute: int = 6,
    ions: int = 0,
    length: float = 1.4,
    cutoff: float = 0.6,
    alpha: float = 4.3,
    grid: int = 32,
    crowded: bool = False,
    overlap: bool = False,
) -> tuple[NonbondedParameters, Array, Array]:
    """A system, positions [nm] and edges [nm].

    Atoms lie anywhere, across all faces; no two oxygens or ions are nearer than 0.22 nm, or than
    0.1 nm in a crowded box. `overlap` puts the solute on top of a water.
    """
    box = length * random.uniform(1.0, 1.15, 3)
    apart = 0.1 if crowded else 0.22
    centres: list[Array] = []
    while len(centres) < waters + 1 + ions:
        trial = random.uniform(-1.0, 2.0, 3) * box  # any image
        d = np.array(centres).reshape(-1, 3) - trial
        d -= box * np.round(d / box)
        if not centres or np.linalg.norm(d, axis=1).min() > apart:
            centres.append(trial)
    molecule = water_sites()
    positions = [centre + molecule @ random_rotation(random).T for centre in centres[:waters]]
    at = centres[waters] if not overlap else centres[0] + 0.01
    chain = at + np.cumsum(0.11 * _directions(random, solute), axis=0)
    order = random.permutation(2)  # solute first, or last
    parts = [np.concatenate(positions), chain] if order[0] else [chain, np.concatenate(positions)]
    first = 0 if order[0] else solute
    x = np.concatenate([*parts, np.array(centres[waters + 1 :]).reshape(-1, 3)])
    atoms = 3 * waters + np.arange(solute) if order[0] else np.arange(solute)
    single = np.concatenate([atoms, 3 * waters + solute + np.arange(ions)])
    return _parameters(random, first, waters, single, solute, cutoff, alpha, grid), x, box


def disagreement(
    kernel: NonbondedKernel,
    positions: Array,
    box: Array,
    *,
    electrostatics: float,
    sterics: float,
    mesh: float = MESH,
) -> dict[str, float]:
    """Return how far the kernel is from plain sums, as parts of what rounding explains.

    Args:
        kernel: The kernel of one system.
        positions: Positions [nm], shape (N, 3).
        box: Edges of the box [nm], shape (3,).
        electrostatics: λ_elec.
        sterics: λ_sterics.
        mesh: Error of the mesh, as a part of the energy in reciprocal space.

    Returns:
        Ratios of difference and bar of "direct", "reciprocal" and "self" energy and of the worst
        "force"; below 1 all is well.
    """
    p, coupling = kernel.parameters, {"electrostatics": electrostatics, "sterics": sterics}
    forces = kernel.evaluate(positions, box, **coupling)[1]
    wider = replace(p, cutoff=p.cutoff + 2 * PLACE)
    pairs = plain.direct_space(wider, positions, box, **coupling)
    edge = (np.abs(pairs.r - p.cutoff) <= 2 * PLACE) & ~pairs.within
    bars = ROUNDING + 13 * PLACE / pairs.r
    energy_bars = np.where(edge, 2.0, bars) * np.abs(pairs.energies)
    energy_bars += ROUNDING * np.abs(pairs.qq) * p.alpha
    size = np.linalg.norm(pairs.pulls, axis=1)
    force_bars = np.where(edge, 2.0, bars) * size
    force_bars += ROUNDING * np.abs(pairs.qq) * p.alpha**3 * pairs.r
    wave_energy, wave_forces = plain.reciprocal_space(
        p, positions, box, electrostatics=electrostatics
    )
    both = np.concatenate([pairs.i, pairs.j])
    bar = np.bincount(both, np.concatenate([force_bars, force_bars]), minlength=p.n_atoms)
    charges = np.abs(plain.scaled_charges(p, electrostatics))
    own_force = COULOMB_OPENMM * p.alpha**2 * charges * charges.max()  # of a charge and its mesh
    bar += 10 * mesh * (np.sqrt(np.mean(wave_forces**2)) + own_force)
    error = np.linalg.norm(forces - pairs.forces(p.n_atoms) - wave_forces, axis=1)
    direct = sum(kernel.parts[name] for name in ("direct", "lennard_jones", "soft_core"))
    own = plain.self_energy(p, box, electrostatics=electrostatics)
    wave_bar = mesh * (wave_energy + 0.01 * abs(own))
    return {
        "direct": abs(direct - pairs.energies.sum()) / energy_bars.sum(),
        "reciprocal": abs(kernel.parts["reciprocal"] - wave_energy) / wave_bar,
        "self": abs(kernel.parts["self"] - own) / (1e-7 * abs(own)),
        "force": float(np.max(error / bar)),
    }


def water_sites() -> Array:
    """O, H, H of a rigid water [nm], shape (3, 3)."""
    x, y = OH * np.sin(HALF_ANGLE), OH * np.cos(HALF_ANGLE)
    return np.array([[0.0, 0.0, 0.0], [x, y, 0.0], [-x, y, 0.0]])


def random_rotation(random: np.random.Generator) -> Array:
    """Return an orthogonal matrix, uniformly drawn."""
    q, r = np.linalg.qr(random.normal(size=(3, 3)))
    return np.asarray(q * np.sign(np.diag(r)))


def _directions(random: np.random.Generator, n: int) -> Array:
    v = random.normal(size=(n, 3))
    return np.asarray(v / np.linalg.norm(v, axis=1)[:, None])


def _parameters(
    random: np.random.Generator,
    first: int,
    waters: int,
    single: Array,
    solute: int,
    cutoff: float,
    alpha: float,
    grid: int,
) -> NonbondedParameters:
    n, ions = len(single), len(single) - solute
    charges = random.uniform(-0.6, 0.6, n)
    charges[:solute] -= charges[:solute].mean() if solute else 0.0
    charges[solute:] = np.where(np.arange(ions) % 2, 1.0, -1.0)
    sigma, epsilon = random.uniform(0.2, 0.34, n), random.uniform(0.1, 0.8, n)
    epsilon[:solute:3] = 0.0  # such as a hydroxyl hydrogen
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n) if b >= solute]
    terms = [
        (charges[a] * charges[b], (sigma[a] + sigma[b]) / 2, np.sqrt(epsilon[a] * epsilon[b]))
        for a, b in pairs
    ]
    s6, eps = WATER_SIGMA**6, WATER_EPSILON
    return NonbondedParameters(
        n_atoms=3 * waters + n,
        waters=(first + 3 * np.arange(waters)).astype(np.int32),
        single=single.astype(np.int32),
        n_solute=solute,
        charges=charges,
        sigma=sigma,
        epsilon=epsilon,
        water_charges=WATER_CHARGES,
        water_lj=(4 * eps * s6**2, 4 * eps * s6),
        pairs=np.array(pairs, dtype=np.int32).reshape(-1, 2),
        pair_terms=np.array(terms, dtype=np.float64).reshape(-1, 3),
        cutoff=cutoff,
        alpha=alpha,
        grid=(grid, grid, grid),
        tail=-3.0,
    )
