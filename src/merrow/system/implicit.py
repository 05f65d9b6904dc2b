# SPDX-License-Identifier: MIT
"""The generalised Born energy of a molecule by OpenMM with sander's conventions.

sander screens salt with 0.73 κ, κ² = 0.10806 I/Å², cuts the integral of the Born radii at rgbmax =
25 Å, and uses AMBER's Coulomb constant; MMPBSA sets a solvent dielectric constant of 80. With these
OpenMM reproduces sander's energies, so that each program checks the other.
"""

from __future__ import annotations

import copy
import math
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import openmm as mm
from openmm import app, unit

from merrow.errors import MerrowError
from merrow.potentials.interface import Array
from merrow.units import (
    ANGSTROM_PER_NM,
    COULOMB_AMBER,
    COULOMB_OPENMM,
    KCAL_PER_KJ,
    NM_PER_ANGSTROM,
)

MODELS: Final = {1: app.HCT, 2: app.OBC1, 5: app.OBC2, 7: app.GBn, 8: app.GBn2}
"""OpenMM's names of sander's models."""
SOLVENT_DIELECTRIC: Final = 80.0
KAPPA_SQUARED, SCREENING = 0.10806, 0.73
"""κ²/I [l/mol/Å²] and the scale of κ; Srinivasan et al., doi:10.1007/s002140050460."""
RADII_CUTOFF: Final = 2.5
"""sander's rgbmax [nm]."""
MISPRINT, BETA = "1.907992938", "1.90792938"
"""β of igb 7 in OpenMM and as published; Mongan et al., doi:10.1021/ct600085e."""
NO_SALT: Final = 1e-9
"""Small κ [1/nm] used for zero, for which OpenMM would use another force class."""


def gb_energies(prmtop: Path, frames: Array, *, igb: int, salt: float) -> Array:
    """Return the polar solvation energy EGB of each frame [kcal/mol], shape (F,).

    Args:
        prmtop: Topology with GB radii, without box.
        frames: Positions [Å], shape (F, N, 3).
        igb: Generalised Born model, a key of `MODELS`.
        salt: Ionic strength [mol/l].
    """
    kappa = SCREENING * math.sqrt(KAPPA_SQUARED * salt) * ANGSTROM_PER_NM
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # OpenMM's advice on radii
        whole = app.AmberPrmtopFile(str(prmtop)).createSystem(
            nonbondedMethod=app.NoCutoff,
            implicitSolvent=MODELS[igb],
            implicitSolventKappa=max(kappa, NO_SALT) / unit.nanometer,
            soluteDielectric=1.0,
            solventDielectric=SOLVENT_DIELECTRIC,
            sasaMethod=None,
        )
    system = mm.System()
    for _ in range(whole.getNumParticles()):
        system.addParticle(1.0)
    force = next(f for f in whole.getForces() if isinstance(f, mm.CustomGBForce))
    system.addForce(_as_sander(force))
    context = mm.Context(
        system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("Reference")
    )
    found = np.empty(len(frames))
    for k, frame in enumerate(frames):
        context.setPositions(frame * NM_PER_ANGSTROM)
        found[k] = context.getState(energy=True).getPotentialEnergy()._value
    return found * (KCAL_PER_KJ * COULOMB_AMBER / COULOMB_OPENMM)


def _as_sander(force: mm.CustomGBForce) -> mm.CustomGBForce:
    """Return a copy with sander's Born radii: the integral ends at rgbmax, β of igb 7."""
    kept = copy.deepcopy(force)
    _edit(kept, 0, "step(r+sr2-or1),", f"step(r+sr2-or1)*step({RADII_CUTOFF}+sr2-r),")
    _edit(kept, 0, "U=r+sr2;", f"U=min(r+sr2, {RADII_CUTOFF});")
    if MISPRINT in kept.getComputedValueParameters(1)[1]:
        _edit(kept, 1, MISPRINT, BETA)
    return kept


def _edit(force: mm.CustomGBForce, index: int, old: str, new: str) -> None:
    name, expression, kind = force.getComputedValueParameters(index)
    if expression.count(old) != 1:
        raise MerrowError(
            f"OpenMM {mm.__version__} writes its Born radii in a way that is not known here "
            f"({expression[:60]}…): use OpenMM 8.6."
        )
    force.setComputedValueParameters(index, name, expression.replace(old, new), kind)
