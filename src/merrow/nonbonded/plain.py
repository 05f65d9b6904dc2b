# SPDX-License-Identifier: MIT
"""Reference implementation of the kernel's energy by plain sums in double precision.

Direct space is a sum over all pairs and images, reciprocal space a sum over wave vectors (Essmann
et al., 10.1063/1.470117, eqs. 2.1-2.5) without a mesh. The kernel is tested against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfc

from merrow.nonbonded.parameters import NonbondedParameters
from merrow.units import COULOMB_OPENMM

Array = NDArray[np.float64]

SMALLEST = 1e-12
"""Wave vectors with a Gaussian factor below this are omitted."""


@dataclass(frozen=True)
class Pairs:
    """All pairs of atoms with direct-space terms.

    Attributes:
        i: First atom of each, shape (P,).
        j: Second atom.
        r: Their distances [nm].
        qq: Products of their charges times the Coulomb constant [kJ nm/mol].
        energies: Energies [kJ/mol].
        pulls: Forces on the second atom [kJ/mol/nm], shape (P, 3).
        within: Whether they belong to one molecule.
    """

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    r: Array
    qq: Array
    energies: Array
    pulls: Array
    within: NDArray[np.bool_]

    def forces(self, n_atoms: int) -> Array:
        """Return the forces on all atoms [kJ/mol/nm], shape (N, 3)."""
        forces = np.zeros((n_atoms, 3))
        np.add.at(forces, self.j, self.pulls)
        np.add.at(forces, self.i, -self.pulls)
        return forces


def direct_space(
    p: NonbondedParameters, positions: Array, box: Array, *, electrostatics: float, sterics: float
) -> Pairs:
    """Return all pairs within the cutoff, and intramolecular pairs, which subtract their erf term.

    Args:
        p: The system.
        positions: Positions [nm], shape (N, 3).
        box: Box vectors [nm], shape (3, 3), in OpenMM's reduced form.
        electrostatics: λ_elec.
        sterics: λ_sterics.
    """
    charges, molecule = scaled_charges(p, electrostatics), molecules(p)
    i, j = np.triu_indices(p.n_atoms, 1)
    d = positions[j] - positions[i]
    inside = molecule[i] == molecule[j]
    found = [(i[inside], j[inside], d[inside])]
    i, j, d = i[~inside], j[~inside], d[~inside]
    for image in _images(d, box):
        near = np.sum(image**2, axis=1) < p.cutoff**2
        found.append((i[near], j[near], image[near]))
    i, j, d = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    same, r = molecule[i] == molecule[j], np.linalg.norm(d, axis=1)
    qq = COULOMB_OPENMM * charges[i] * charges[j]
    gauss = 2 * p.alpha / math.sqrt(math.pi) * np.exp(-((p.alpha * r) ** 2))
    energy = qq * np.where(same, -erf(p.alpha * r), erfc(p.alpha * r)) / r
    slope = energy / r + qq * gauss / r  # −dE/dr
    lj, lj_slope = _lennard_jones(p, i, j, r, sterics)
    energy += np.where(same, 0.0, lj)
    slope += np.where(same, 0.0, lj_slope)
    return Pairs(i, j, r, qq, energy, (slope / r)[:, None] * d, same)


def reciprocal_space(
    p: NonbondedParameters, positions: Array, box: Array, *, electrostatics: float
) -> tuple[float, Array]:
    """Return energy [kJ/mol] and forces [kJ/mol/nm] of the sum over wave vectors."""
    charges = scaled_charges(p, electrostatics)
    largest = p.alpha / math.pi * math.sqrt(-math.log(SMALLEST))
    inverse = np.linalg.inv(box)  # its columns are the reciprocal vectors
    most = np.ceil(largest * np.linalg.norm(box, axis=1)).astype(int)
    axes = [np.arange(0 if k == 0 else -n, n + 1) for k, n in enumerate(most)]
    m = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    waves = m @ inverse.T
    square = np.sum(waves**2, axis=1)
    keep = (square < largest**2) & np.any(m != 0, axis=1)
    m, waves, square = m[keep], waves[keep], square[keep]
    twice = np.where(m[:, 0] > 0, 2.0, 1.0)  # m and −m are equivalent
    # exp(2πi m·s) of fractional s is a product of three
    powers = [
        np.exp(2j * math.pi * np.outer(s, axis))
        for s, axis in zip((positions @ inverse).T, axes, strict=True)
    ]
    first = [axis[0] for axis in axes]
    wave = powers[0][:, m[:, 0] - first[0]] * powers[1][:, m[:, 1] - first[1]]
    wave *= powers[2][:, m[:, 2] - first[2]]
    structure = charges @ wave
    factor = COULOMB_OPENMM * twice * np.exp(-((math.pi / p.alpha) ** 2) * square) / square
    factor /= 2 * math.pi * np.linalg.det(box)
    energy = float(factor @ np.abs(structure) ** 2)
    along = np.imag(wave * np.conj(structure)) * factor
    forces = 4 * math.pi * charges[:, None] * (along @ waves)
    return energy, forces


def self_energy(p: NonbondedParameters, box: Array, *, electrostatics: float) -> float:
    """Return the Ewald self energy, including the background of a net charge [kJ/mol]."""
    charges = scaled_charges(p, electrostatics)
    own = -p.alpha / math.sqrt(math.pi) * np.sum(charges**2)
    background = -math.pi * charges.sum() ** 2 / (2 * np.linalg.det(box) * p.alpha**2)
    return COULOMB_OPENMM * float(own + background)


def scaled_charges(p: NonbondedParameters, electrostatics: float) -> Array:
    """Return the charges of all atoms [e], shape (N,)."""
    charges = np.zeros(p.n_atoms)
    charges[p.waters + (3 if p.water_sites == 4 else 0)] = p.water_charges[0]
    charges[p.waters + 1] = charges[p.waters + 2] = p.water_charges[1]
    charges[p.single] = p.charges
    charges[p.single[: p.n_solute]] *= electrostatics
    return charges


def molecules(p: NonbondedParameters) -> NDArray[np.int64]:
    """Return the molecule index of each atom; the solute is one molecule."""
    molecule = np.zeros(p.n_atoms, dtype=np.int64)
    for k in range(p.water_sites):
        molecule[p.waters + k] = np.arange(len(p.waters))
    ions = p.single[p.n_solute :]
    molecule[p.single] = len(p.waters)
    molecule[ions] = len(p.waters) + 1 + np.arange(len(ions))
    return molecule


def _images(d: Array, box: Array) -> Iterator[Array]:
    """Yield the images of differences [nm] that may be shorter than half of every diagonal.

    In fractional coordinates these are within 1.125 of 0, since the box vectors are reduced.
    """
    fractions = d @ np.linalg.inv(box)
    fractions -= np.round(fractions)
    tilted = np.count_nonzero(box) > 3
    for shift in product((-1, 0, 1), repeat=3) if tilted else [(0, 0, 0)]:
        yield (fractions + np.array(shift)) @ box


def _lennard_jones(
    p: NonbondedParameters,
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    r: Array,
    sterics: float,
) -> tuple[Array, Array]:
    """Return energies of all pairs [kJ/mol] and −dE/dr [kJ/mol/nm]."""
    sigma, epsilon = np.ones((p.n_atoms, p.n_atoms)), np.zeros((p.n_atoms, p.n_atoms))
    a, b = p.water_lj
    sigma[np.ix_(p.waters, p.waters)] = (a / b) ** (1 / 6)
    epsilon[np.ix_(p.waters, p.waters)] = b * b / (4 * a)
    for k, atom in enumerate(p.single):
        sigma[atom, p.waters] = sigma[p.waters, atom] = p.sigma[k]
        epsilon[atom, p.waters] = epsilon[p.waters, atom] = p.epsilon[k]
    for pair, (_, pair_sigma, pair_epsilon) in zip(p.pairs, p.pair_terms, strict=True):
        one, two = p.single[pair]
        sigma[one, two] = sigma[two, one] = pair_sigma
        epsilon[one, two] = epsilon[two, one] = pair_epsilon
    coupled = np.zeros(p.n_atoms, dtype=bool)
    coupled[p.single[: p.n_solute]] = True
    scale = np.where(coupled[i] | coupled[j], sterics, 1.0)
    x6 = (r / sigma[i, j]) ** 6
    s = 0.5 * (1 - scale) + x6
    energy = 4 * epsilon[i, j] * scale * (1 / s**2 - 1 / s)
    slope = 4 * epsilon[i, j] * scale * (2 / s**3 - 1 / s**2) * 6 * x6 / r
    return energy, slope
