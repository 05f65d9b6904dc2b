# SPDX-License-Identifier: MIT
"""Parameters of a system for the kernel, in OpenMM's units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class NonbondedParameters:
    """A solute and ions in a box of rigid 3-site or 4-site water.

    The solute's charges are scaled by λ_elec; its Lennard-Jones pairs with all others have a soft
    core at λ_sterics. Interactions within the solute are not included. Only the oxygen of water has
    Lennard-Jones parameters.

    Attributes:
        n_atoms: Number of atoms.
        waters: First atom of each water, shape (W,), in the order O, H, H (and extra point).
        single: All other atoms, shape (S,): the solute first, then ions.
        n_solute: Number of solute atoms among them.
        charges: Their charges [e], shape (S,).
        sigma: σ with the oxygen of water [nm], shape (S,).
        epsilon: ε with the oxygen of water [kJ/mol], shape (S,); 0 without Lennard-Jones.
        water_charges: Charges of O (or the extra point) and of H [e].
        water_lj: A [kJ/mol nm¹²] and B [kJ/mol nm⁶] of two oxygens.
        pairs: Ion–ion and ion–solute pairs, as indices into `single`, shape (P, 2).
        pair_terms: Their products of charges [e²], σ [nm] and ε [kJ/mol], shape (P, 3).
        cutoff: Direct-space cutoff [nm].
        alpha: Ewald coefficient [1/nm].
        grid: Number of grid points along each edge.
        tail: K of the tail energy K/V of all pairs without a solute atom [kJ nm³/mol].
        water_sites: Number of sites of a water, 3 or 4.
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
