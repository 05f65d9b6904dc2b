# SPDX-License-Identifier: MIT
"""What would change the number beside sampling? Members of the potential, charges, well depths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlmm.free_energy.budget import (
    Part,
    charge_sensitivity,
    member_part,
    sampling_parts,
    well_depth_sensitivity,
)
from mlmm.potentials.ani_potential import AniEnsemble
from mlmm.potentials.interface import Array, Potential
from mlmm.units import ANGSTROM_PER_NM, KJ_PER_KCAL
from mlmm.workflows.findings import Findings

MOST_FRAMES = 400
"""Frames of each phase that the members are asked about."""
BATCH = 64


def with_budget(findings: Findings, potential: Potential) -> Findings:
    """Return the findings with the parts of the uncertainty and the sensitivities.

    Args:
        findings: What was estimated.
        potential: The potential of the solute; an ANI ensemble gives its members' energies.
    """
    total = findings.hydration
    parts: list[Part] = []
    if total.headline is not total.estimates["as_published"]:
        ends = findings.ends if total.route == "R2" else {}
        parts += sampling_parts(total.headline, findings.path, ends)
    ensemble = getattr(potential, "engine", None)
    if findings.gas is not None and isinstance(ensemble, AniEnsemble):
        water = _deviations(ensemble, findings.water.frames)
        gas = _deviations(ensemble, findings.gas.positions)
        if min(len(water), len(gas)) and water.shape[1] > 1:
            parts.append(member_part(water, gas, temperature=findings.samples.temperature))
    charges = charge_sensitivity(findings.water.samples)
    depths = well_depth_sensitivity(findings.samples)
    numbers = {
        "dg_for_1_percent_charge_kcal": charges.dg_kcal,
        "dg_for_1_percent_well_depth_kcal": None if depths is None else depths.dg_kcal,
    }
    return replace(findings, budget=tuple(parts), numbers=findings.numbers | numbers)


def _deviations(ensemble: AniEnsemble, frames: Array) -> Array:
    """Return E_m − E of some frames [kJ/mol], evenly spaced in time, shape (n, M).

    Args:
        ensemble: Its members.
        frames: Positions [nm], shape (f, N, 3).
    """
    chosen = frames[:: max(1, -(-len(frames) // MOST_FRAMES))]
    x = (chosen - chosen[:, :1]) * ANGSTROM_PER_NM
    parts = [ensemble.members(x[k : k + BATCH]) for k in range(0, len(x), BATCH)]
    members = np.concatenate(parts) * KJ_PER_KCAL
    return np.asarray(members - members.mean(axis=1, keepdims=True))
