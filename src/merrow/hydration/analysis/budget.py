# SPDX-License-Identifier: MIT
"""Uncertainties beyond sampling: ensemble of the potential, charges, Lennard-Jones parameters."""

from __future__ import annotations

import numpy as np

from merrow.free_energy.budget import (
    charge_sensitivity,
    member_part,
    sampling_parts,
    size_sensitivity,
    well_depth_sensitivity,
)
from merrow.free_energy.stored import UncertaintyPart
from merrow.hydration.analysis.estimate import HydrationAnalysis
from merrow.potentials.ensemble import force_spread, member_energies
from merrow.potentials.interface import Array, Potential
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL

MOST_FRAMES = 400
"""Number of frames of each phase that the ensemble members evaluate."""
FORCE_FRAMES = 50
"""Number of frames in water for which each ensemble member evaluates forces."""
BATCH = 64


def uncertainty_budget(
    found: HydrationAnalysis, potential: Potential
) -> tuple[tuple[UncertaintyPart, ...], dict[str, float | None]]:
    """Return the contributions to the uncertainty, and the sensitivities by name.

    Args:
        found: The estimates.
        potential: The potential of the solute; ensembles give the energies of their members.
    """
    total = found.hydration
    parts: list[UncertaintyPart] = []
    if total.headline.method != "as_published":
        ends = found.ends if total.headline.method == "endpoint_bar" else {}
        parts += sampling_parts(total.headline, found.path, ends)
    if found.gas is not None:
        water = _deviations(potential, found.water.frames)
        gas = _deviations(potential, found.gas.positions)
        if water is not None and gas is not None and water.shape[1] > 1:
            parts.append(member_part(water, gas, temperature=found.samples.temperature))
    charges = charge_sensitivity(found.water.samples)
    depths = well_depth_sensitivity(found.samples)
    sizes = size_sensitivity(found.water.samples)
    numbers = {
        "dg_for_1_percent_charge_kcal": charges.value_kcal,
        "dg_for_1_percent_well_depth_kcal": None if depths is None else depths.value_kcal,
        "dg_for_1_percent_size_kcal": None if sizes is None else sizes.value_kcal,
    }
    numbers |= force_numbers(potential, found.water.frames)
    return tuple(parts), numbers


def force_numbers(potential: Potential, frames: Array) -> dict[str, float | None]:
    """Return the disagreement of the ensemble on the forces, by name; empty without an ensemble.

    Args:
        potential: The potential of the solute.
        frames: Positions of the solute in water [nm], shape (f, N, 3).

    Returns:
        Root mean square over frames [kcal/mol/Å] for all atoms together and for the atom where it
        is largest, and that atom, counted from 1.
    """
    if not len(frames):
        return {}
    spread = force_spread(potential, _some(frames, FORCE_FRAMES))
    if spread is None:
        return {}
    square = (spread**2).mean(axis=0)
    return {
        "force_spread_kcal_per_angstrom": float(np.sqrt(square.mean())),
        "worst_atom_force_spread_kcal_per_angstrom": float(np.sqrt(square.max())),
        "worst_atom": float(square.argmax() + 1),
    }


def _some(frames: Array, most: int) -> Array:
    """Return at most `most` frames [Å], evenly spaced in time and moved near the origin."""
    chosen = frames[:: max(1, -(-len(frames) // most))]
    return np.asarray((chosen - chosen[:, :1]) * ANGSTROM_PER_NM)


def _deviations(potential: Potential, frames: Array) -> Array | None:
    """Return E_m − E of evenly spaced frames [kJ/mol], shape (n, M).

    Args:
        potential: The potential of the solute.
        frames: Positions [nm], shape (f, N, 3).

    Returns:
        None without frames, or if the potential gives no energies of ensemble members.
    """
    x = _some(frames, MOST_FRAMES)
    parts = [member_energies(potential, x[k : k + BATCH]) for k in range(0, len(x), BATCH)]
    told = [part for part in parts if part is not None]
    if not told:
        return None
    members = np.concatenate(told) * KJ_PER_KCAL
    return np.asarray(members - members.mean(axis=1, keepdims=True))
