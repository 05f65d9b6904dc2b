# SPDX-License-Identifier: MIT
"""Settings of nonbonded interactions: cutoff, Ewald parameters, Lennard-Jones tail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import erfc

from merrow.errors import InputError
from merrow.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

FINENESS = 0.35
"""Maximum product of Ewald coefficient and grid spacing, which sander's default has at a cutoff of
8 Å. Beyond it splines without sander's optimised influence function err by kcal/mol, and the
pressure by hundreds of bar."""
COARSEST = 0.5
"""Product beyond which an explicit grid is refused: the energy of 300 waters errs by 1 to 10
kcal/mol there, and soon by hundreds."""
MOST_POINTS = 512
"""Most grid points along an edge, as in sander; a few thousand exceed the memory."""
SUM_ENDS = (1e-12, 1e-2)
"""Direct-space term at the cutoff [1/Å] between which an Ewald coefficient must lie."""
SANDER_LARGEST = 0.7
"""Largest Ewald coefficient of sander [1/Å], allowed at any cutoff."""


@dataclass(frozen=True)
class PmeParameters:
    """Splitting parameter and grid of particle mesh Ewald (order 5 in OpenMM).

    Attributes:
        alpha: Ewald coefficient [1/nm].
        grid: Number of grid points along each box vector.
    """

    alpha: float
    grid: tuple[int, int, int]


@dataclass(frozen=True)
class Nonbonded:
    """Settings of nonbonded interactions, the same in every state of a cycle.

    Attributes:
        cutoff: Direct-space cutoff [nm]; None for no cutoff and no box.
        lj_tail: Whether the isotropic Lennard-Jones tail correction is added.
        pme: Explicit Ewald parameters; None to derive them from `ewald_tolerance`.
        ewald_tolerance: OpenMM's Ewald error tolerance.
        charge_scale: Factor on all charges (for AMBER's Coulomb constant).
    """

    cutoff: float | None
    lj_tail: bool = True
    pme: PmeParameters | None = None
    ewald_tolerance: float = 5e-4
    charge_scale: float = 1.0

    @property
    def grid(self) -> tuple[int, int, int] | None:
        """Number of grid points along each box vector, if given."""
        return None if self.pme is None else self.pme.grid


def pme_parameters(
    lengths: tuple[float, ...], cutoff: float, tolerance: float, *, direct: float | None = None
) -> PmeParameters:
    """Return the Ewald parameters that OpenMM would choose, to fix them for a run.

    With a fixed grid every Context of a run (each state, segment and phase) has the same
    Hamiltonian, whatever the barostat has done to the box.

    Args:
        lengths: Lengths of the three box vectors [nm].
        cutoff: Direct-space cutoff [nm].
        tolerance: Error tolerance δ: α = √(−ln 2δ)/r_c, n = 2αL/(3 δ^(1/5)) (OpenMM manual, 20.6).
        direct: Tolerance for α alone, with n unchanged; None for the same. OpenMM's rule makes the
            grid several times more accurate than the direct-space sum.
    """
    alpha = _alpha(tolerance, cutoff)
    sizes = [_fft_size(2 * alpha * edge / (3 * tolerance**0.2)) for edge in lengths]
    return PmeParameters(_alpha(direct or tolerance, cutoff), (sizes[0], sizes[1], sizes[2]))


def _alpha(tolerance: float, cutoff: float) -> float:
    return math.sqrt(-math.log(2 * tolerance)) / cutoff


def sander_pme(
    lengths: Sequence[float],
    cutoff: float,
    *,
    tolerance: float,
    spacing: float = 1.0,
    coefficient: float | None = None,
) -> PmeParameters:
    """Return the Ewald parameters that sander derives from `dsum_tol` and its grid spacing.

    The grid is finer than sander's where the cutoff is short (`FINENESS`).

    Args:
        lengths: Lengths of the three box vectors [Å].
        cutoff: Direct-space cutoff [Å].
        tolerance: Direct-space term at the cutoff [1/Å], sander's `dsum_tol`.
        spacing: Maximum grid spacing [Å].
        coefficient: Ewald coefficient [1/Å] in place of that of the tolerance.
    """
    alpha = coefficient or ewald_coefficient(cutoff, tolerance)
    finest = min(spacing, FINENESS / alpha)
    sizes = [grid_points(float(length), finest) for length in lengths]
    return PmeParameters(alpha * ANGSTROM_PER_NM, (sizes[0], sizes[1], sizes[2]))


def check_mesh(
    pme: PmeParameters,
    lengths: Sequence[float],
    cutoff: float,
    *,
    coefficient: str,
    grid: str,
) -> None:
    """Refuse Ewald parameters by which energies are grossly wrong, or which fit no memory.

    Args:
        pme: The parameters.
        lengths: Lengths of the three box vectors [Å].
        cutoff: Direct-space cutoff [Å].
        coefficient, grid: What the two are called in messages.

    Raises:
        InputError: The coefficient does not belong to the cutoff, or the grid to the coefficient.
    """
    beta = pme.alpha * NM_PER_ANGSTROM
    high, low = (ewald_coefficient(cutoff, end) for end in SUM_ENDS)
    high = max(high, SANDER_LARGEST)
    if not low <= beta <= high:
        raise InputError(
            f"{coefficient} {beta:g} 1/Å does not fit a cutoff of {cutoff:g} Å; give one from "
            f"{math.ceil(100 * low) / 100:g} to {math.floor(100 * high) / 100:g}."
        )
    if max(pme.grid) > MOST_POINTS:
        raise InputError(
            f"{grid} {max(pme.grid)} points of an edge are too many; give {MOST_POINTS} or fewer."
        )
    needed = [grid_points(float(edge), COARSEST / beta) for edge in lengths]
    if any(points * COARSEST < beta * edge for points, edge in zip(pme.grid, lengths, strict=True)):
        raise InputError(
            f"{grid} {','.join(map(str, pme.grid))} is too coarse for an Ewald coefficient of "
            f"{beta:g} 1/Å; give {','.join(map(str, needed))} or more."
        )


def ewald_coefficient(cutoff: float, tolerance: float) -> float:
    """Return sander's Ewald coefficient β [1/Å] with erfc(β r)/r = tolerance at the cutoff [Å]."""
    low, high = 0.0, 1.0
    while erfc(high * cutoff) / cutoff > tolerance:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if erfc(middle * cutoff) / cutoff > tolerance else (low, middle)
    return 0.5 * (low + high)


def grid_points(length: float, spacing: float = 1.0) -> int:
    """Return sander's number of grid points along an edge: even, with factors 2, 3 and 5.

    Args:
        length: Length of the edge [Å].
        spacing: Maximum grid spacing [Å]; sander's default is 1.
    """
    size = 2 * math.ceil(length / (2 * spacing))
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 2


def _fft_size(at_least: float) -> int:
    """Return the next integer with no prime factors but 2, 3, 5 and 7."""
    size = max(6, math.ceil(at_least))
    while True:
        rest = size
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1


def check_box(vectors: np.ndarray, cutoff: float, extent: float, *, source: str) -> None:
    """Refuse a box in which the solute is too close to its image, or too small for the cutoff.

    Args:
        vectors: Box vectors in reduced form [nm], shape (3, 3).
        cutoff: Direct-space cutoff [nm].
        extent: Largest distance between two heavy atoms of the solute [nm].
        source: File or setting named in the message.

    Raises:
        InputError: The smallest width is below max(2·cutoff + 3.5 Å, extent + 20 Å).
    """
    width = float(np.min(np.diag(vectors)))
    needed = max(2 * cutoff + 0.35, extent + 2.0)
    if width < needed:
        raise InputError(
            f"the box of {source} is {width * ANGSTROM_PER_NM:.1f} Å wide but a cutoff of "
            f"{cutoff * ANGSTROM_PER_NM:.1f} Å and a solute {extent * ANGSTROM_PER_NM:.1f} Å long "
            f"need {needed * ANGSTROM_PER_NM:.1f} Å; solvate in a larger box or shorten the cutoff."
        )
