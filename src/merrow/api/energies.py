# SPDX-License-Identifier: MIT
"""`merrow.energy`: the ML/MM energy of one configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from merrow.errors import InputError
from merrow.single_point import EnergyResult, SinglePoint, single_point


def energy(
    prmtop: str | Path,
    inpcrd: str | Path,
    *,
    ml_mask: str | None = None,
    potential: str = "ani2x",
    weights: str | Path | None = None,
    cutoff: float | None = None,
    lj_tail: bool = True,
    precision: Literal["double", "single"] = "double",
    ewald_tol: float | None = None,
    ewald_coeff: float | None = None,
    pme_grid: tuple[int, int, int] | None = None,
    amber_coulomb: bool = True,
) -> EnergyResult:
    """Compute the energy terms and forces of one configuration.

        e = merrow.energy("lig.prmtop", "lig.rst7", ml_mask=":LIG", potential="ani2x")
        e.total, e.terms, e.forces, e.to_frame()

    Args:
        prmtop, inpcrd: Topology and coordinates.
        ml_mask: AMBER mask of the ML region; None only with potential "mm".
        potential, weights: Name from `merrow models list`, or "mm"; weights file.
        cutoff, lj_tail: Direct-space cutoff in a periodic box [Å], None for 9; whether the
            Lennard-Jones long-range correction is added there.
        precision: "double" or "single".
        ewald_tol: OpenMM's Ewald error tolerance (relative force error); None for a converged sum.
        ewald_coeff, pme_grid: Ewald coefficient [1/Å] and PME grid points along each edge.
        amber_coulomb: Whether AMBER's Coulomb constant is used instead of OpenMM's.

    Returns:
        Total energy and terms [kcal/mol]; forces [kcal/mol/Å], shape (N, 3).

    Raises:
        InputError: The files or the arguments do not fit together.
        UnsupportedPhysicsError: The method cannot treat the region.
        MissingComponentError: The weights are not installed.
    """
    if (ewald_coeff is None) != (pme_grid is None):
        raise InputError("ewald_coeff and pme_grid belong together; give both.")
    if precision not in ("double", "single"):
        raise InputError(f"precision {precision!r} is unknown; use double or single.")
    return single_point(
        SinglePoint(
            prmtop=Path(prmtop),
            inpcrd=Path(inpcrd),
            ml_mask=ml_mask,
            potential=potential,
            weights=None if weights is None else Path(weights),
            cutoff=cutoff,
            lj_tail=lj_tail,
            double=precision == "double",
            ewald_tolerance=ewald_tol,
            ewald_coefficient=ewald_coeff,
            pme_grid=pme_grid,
            amber_coulomb=amber_coulomb,
        )
    )
