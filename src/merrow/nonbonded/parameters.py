# SPDX-License-Identifier: MIT
"""What the kernel needs to know of a system: numbers, in OpenMM's units and e."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class NonbondedParameters:
    """A solute and ions in rigid water of three or four sites, in a box.

    The solute's charges are scaled by λ_elec; its Lennard-Jones pairs with all others are a soft
    core at λ_sterics. Nothing acts within it here. Water has Lennard-Jones at its oxygen alone.

    Attributes:
        n_atoms: Number of atoms.
        waters: First atom of each water, shape (W,): O, H, H (and extra point) follow each other.
        single: All other atoms, shape (S,): those of the solute first, then ions.
        n_solute: How many of them are the solute.
        charges: Their charges [e], shape (S,).
        sigma: σ with the oxygen of water [nm], shape (S,).
        epsilon: ε with it [kJ/mol], shape (S,); 0 where there is none.
        water_charges: Charges of O, or of the extra point in its place, and of H [e].
        water_lj: A [kJ/mol nm¹²] and B [kJ/mol nm⁶] of two oxygens.
        pairs: Pairs of ions, and of ions and the solute, as indices into `single`, shape (P, 2).
        pair_terms: Their products of charges [e²], σ [nm] and ε [kJ/mol], shape (P, 3).
        cutoff: Direct-space cutoff [nm].
        alpha: Ewald coefficient [1/nm].
        grid: Number of grid points along each edge.
        tail: K of the tail energy K/V of all pairs without the solute [kJ nm³/mol].
        water_sites: Atoms and extra points of a water, 3 or 4.
    """

    n_atoms: int
    waters: IntArray
    single: IntArray
    n_solute: int
    charges: Array
    sigma: Array
    epsilon: Array
    water_charges: tuple[float, float]
    water_lj: tuple[float, float]
    pairs: IntArray
    pair_terms: Array
    cutoff: float
    alpha: float
    grid: tuple[int, int, int]
    tail: float
    water_sites: int = 3
