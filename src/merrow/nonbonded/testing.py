# SPDX-License-Identifier: MIT
"""Test of the kernel against plain sums: random boxes, and the tolerance of the comparison.

The kernel uses float32. Positions are rounded to `PLACE`, which affects steep pairs most: a
Lennard-Jones force of r⁻¹³ changes by a relative 13 δ/r. Other rounding is `ROUNDING` of each
contribution to an atom's force. A pair at the cutoff may or may not be included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

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
ABSURD = 1e20
"""Energy of a pair [kJ/mol] above which it is not compared: below about 0.003 nm the kernel caps
it."""
MESH = 2e-6
"""Relative error of the reciprocal-space energy with 64 mesh points at α = 3.3/nm and 2.2 nm."""
OH, HALF_ANGLE = 0.09572, np.deg2rad(104.52 / 2)
WATER_CHARGES = {3: (-0.834, 0.417), 4: (-1.04844, 0.52422)}
"""Charges of TIP3P and TIP4P-Ew [e]."""
WATER_SIGMA, WATER_EPSILON = 0.315075, 0.635968
"""Lennard-Jones parameters of TIP3P [nm, kJ/mol]."""
EXTRA_POINT = 0.0125
"""Distance of the charge of TIP4P-Ew from O [nm]."""
OCTAHEDRON = np.array([[1.0, 0.0, 0.0], [1 / 3, 8**0.5 / 3, 0.0], [-1 / 3, 2**0.5 / 3, 6**0.5 / 3]])
"""Reduced box vectors of a truncated octahedron with edge 1."""

BOXES: Final[dict[str, dict[str, Any]]] = {
    "usual": {},
    "wide": {"length": 1.9, "waters": 60},
    "dilute": {"waters": 3, "solute": 2},
    "crowded": {"crowded": True, "waters": 40},
    "on top of a water": {"overlap": True},
    "salt": {"ions": 5},
    "ions alone": {"solute": 0, "ions": 3},
    "one of each": {"solute": 1, "ions": 1, "waters": 1},
    "octahedron": {"shape": "octahedron", "length": 1.55},
    "wide octahedron": {"shape": "octahedron", "length": 2.2, "waters": 60, "ions": 2},
    "tilted": {"shape": "tilted"},
    "wide tilted": {"shape": "tilted", "length": 1.9, "waters": 50, "ions": 1},
    "tilted, crowded": {"shape": "tilted", "crowded": True, "waters": 40},
    "tilted, on top of a water": {"shape": "tilted", "overlap": True, "ions": 3},
    "four sites": {"sites": 4, "ions": 1},
    "four sites, wide": {"sites": 4, "length": 1.9, "waters": 60},
    "four sites, crowded": {"sites": 4, "crowded": True, "waters": 40},
    "four sites, on top of a water": {"sites": 4, "overlap": True},
    "four sites, octahedron": {"sites": 4, "shape": "octahedron", "length": 1.55, "ions": 2},
    "four sites, wide tilted": {"sites": 4, "shape": "tilted", "length": 1.9, "waters": 50},
}
"""Options of `random_box`; in every one, atoms lie across all faces and edges."""
RECTANGULAR = 8
"""Number of initial entries that are rectangular boxes of 3-site water."""


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
    shape: Literal["rectangular", "tilted", "octahedron"] = "rectangular",
    sites: int = 3,
) -> tuple[NonbondedParameters, Array, Array]:
    """Return a random system, positions [nm] and box vectors [nm].

    Atoms lie anywhere, across all faces; oxygens and ions are at least 0.22 nm apart, or 0.1 nm in
    a crowded box. `overlap` places the solute on top of a water.
    """
    box = np.diag(length * random.uniform(1.0, 1.15, 3))
    if shape == "octahedron":
        box = box[0, 0] * OCTAHEDRON
    elif shape == "tilted":
        box[1, 0], box[2, 0] = random.uniform(-0.5, 0.5, 2) * box[0, 0]
        box[2, 1] = random.uniform(-0.5, 0.5) * box[1, 1]
    apart = 0.1 if crowded else 0.22
    centres = np.empty((waters + 1 + ions, 3))
    found = 0
    while found < len(centres):
        trial = random.uniform(-1.0, 2.0, 3) @ box  # any image
        d = centres[:found] - trial
        for k in (2, 1, 0):
            d -= np.round(d[:, k, None] / box[k, k]) * box[k]
        if np.all(np.sum(d**2, axis=1) > apart**2):
            centres[found] = trial
            found += 1
    molecule = water_sites(sites)
    turned = molecule @ random_rotations(random, waters).transpose(0, 2, 1)
    positions = (centres[:waters, None] + turned).reshape(-1, 3)
    at = centres[waters] if not overlap else centres[0] + 0.01
    chain = at + np.cumsum(0.11 * _directions(random, solute), axis=0)
    order = random.permutation(2)  # solute first, or last
    parts = [positions, chain] if order[0] else [chain, positions]
    first = 0 if order[0] else solute
    water = sites * waters
    x = np.concatenate([*parts, centres[waters + 1 :]])
    atoms = water + np.arange(solute) if order[0] else np.arange(solute)
    single = np.concatenate([atoms, water + solute + np.arange(ions)])
    firsts = first + sites * np.arange(waters)
    return _parameters(random, firsts, sites, single, solute, cutoff, alpha, grid), x, box


@dataclass(frozen=True)
class Expected:
    """Reference results of a configuration, with tolerances for rounding.

    Attributes:
        positions: Positions [nm], shape (N, 3).
        box: Box vectors [nm], shape (3, 3).
        electrostatics: λ_elec.
        sterics: λ_sterics.
        energies: "direct", "reciprocal" and "self" energies [kJ/mol], each with its tolerance.
        forces: Forces [kJ/mol/nm], shape (N, 3).
        bars: Tolerances of the forces [kJ/mol/nm], shape (N,).
    """

    positions: Array
    box: Array
    electrostatics: float
    sterics: float
    energies: dict[str, tuple[float, float]]
    forces: Array
    bars: Array


def disagreement(kernel: NonbondedKernel, expected: Expected) -> dict[str, float]:
    """Return the deviation of the kernel from plain sums, relative to the tolerances.

    Returns:
        Ratios of difference to tolerance of "direct", "reciprocal" and "self" energy and of the
        worst "force"; below 1 they agree.
    """
    forces = kernel.evaluate(
        expected.positions,
        expected.box,
        electrostatics=expected.electrostatics,
        sterics=expected.sterics,
    )[1]
    parts = kernel.parts
    parts["direct"] += parts["lennard_jones"] + parts["soft_core"]
    error = np.linalg.norm(forces - expected.forces, axis=1)
    return {
        **{name: abs(parts[name] - v) / bar for name, (v, bar) in expected.energies.items()},
        "force": float(np.max(error / expected.bars)),
    }


def expected(
    p: NonbondedParameters,
    positions: Array,
    box: Array,
    *,
    electrostatics: float,
    sterics: float,
    mesh: float = MESH,
) -> Expected:
    """Return the reference results.

    Args:
        p: The system.
        positions: Positions [nm], shape (N, 3).
        box: Box vectors [nm], shape (3, 3).
        electrostatics: λ_elec.
        sterics: λ_sterics.
        mesh: Error of the mesh relative to the reciprocal-space energy.
    """
    coupling = {"electrostatics": electrostatics, "sterics": sterics}
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
    absurd = np.abs(pairs.energies) > ABSURD
    energy_bars[absurd] = force_bars[absurd] = np.inf
    bar = np.zeros(p.n_atoms)
    np.add.at(bar, both, np.concatenate([force_bars, force_bars]))
    charges = np.abs(plain.scaled_charges(p, electrostatics))
    own_force = COULOMB_OPENMM * p.alpha**2 * charges * charges.max()  # a charge with its mesh
    bar += 10 * mesh * (np.sqrt(np.mean(wave_forces**2)) + own_force)
    own = plain.self_energy(p, box, electrostatics=electrostatics)
    energies = {
        "direct": (float(pairs.energies.sum()), float(energy_bars.sum())),
        "reciprocal": (wave_energy, mesh * (wave_energy + 0.01 * abs(own))),
        "self": (own, 1e-7 * abs(own)),
    }
    forces = pairs.forces(p.n_atoms) + wave_forces
    return Expected(positions, box, electrostatics, sterics, energies, forces, bar)


def water_sites(sites: int = 3) -> Array:
    """Return O, H, H, and the extra point of 4-site water [nm], shape (sites, 3)."""
    x, y = OH * np.sin(HALF_ANGLE), OH * np.cos(HALF_ANGLE)
    found = [[0.0, 0.0, 0.0], [x, y, 0.0], [-x, y, 0.0], [0.0, EXTRA_POINT, 0.0]]
    return np.array(found[:sites])


def random_rotations(random: np.random.Generator, n: int) -> Array:
    """Return uniformly random orthogonal matrices, shape (n, 3, 3)."""
    q, r = np.linalg.qr(random.normal(size=(n, 3, 3)))
    return np.asarray(q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :])


def _directions(random: np.random.Generator, n: int) -> Array:
    v = random.normal(size=(n, 3))
    return np.asarray(v / np.linalg.norm(v, axis=1)[:, None])


def _parameters(
    random: np.random.Generator,
    waters: NDArray[np.int64],
    sites: int,
    single: NDArray[np.int64],
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
        n_atoms=sites * len(waters) + n,
        waters=waters.astype(np.int32),
        single=single.astype(np.int32),
        n_solute=solute,
        charges=charges,
        sigma=sigma,
        epsilon=epsilon,
        water_charges=WATER_CHARGES[sites],
        water_lj=(4 * eps * s6**2, 4 * eps * s6),
        pairs=np.array(pairs, dtype=np.int32).reshape(-1, 2),
        pair_terms=np.array(terms, dtype=np.float64).reshape(-1, 3),
        cutoff=cutoff,
        alpha=alpha,
        grid=(grid, grid, grid),
        tail=-3.0,
        water_sites=sites,
    )
