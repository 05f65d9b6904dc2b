# SPDX-License-Identifier: MIT
"""Reorganisation energy of the solute from gas to water: ΔE_reorg of the paper.

ΔE_reorg = ⟨E_ML⟩_wat − ⟨E_ML⟩_gas is an energy, not a free energy. Free-energy paths with E_ML in
every state already contain its effect (docs/explanation/two-numbers.md).
"""

from __future__ import annotations

import math

import numpy as np

from merrow.errors import NumericsError
from merrow.free_energy.decorrelate import split
from merrow.free_energy.stored import Estimate
from merrow.samples import Array, IntArray
from merrow.uncertainty import standard_error_of_mean
from merrow.units import KCAL_PER_KJ


def reorganization_energy(
    e_water: Array,
    e_gas: Array,
    *,
    groups_water: IntArray | None = None,
    groups_gas: IntArray | None = None,
) -> Estimate:
    """Return ⟨E⟩_water − ⟨E⟩_gas [kcal/mol] from two series of absolute energies.

    Args:
        e_water: E_ML of the coupled state in water [kJ/mol], shape (n,), in order of time.
        e_gas: E_ML in the gas phase [kJ/mol], shape (m,), in order of time.
        groups_water: Repeat or walker of each row, shape (n,); None for one series.
        groups_gas: The same for the gas, shape (m,).

    Returns:
        The difference; `by_repeat` has each group in water against all of the gas phase.

    Raises:
        NumericsError: Fewer than two rows in a phase, or an energy that is not finite.
    """
    water, gas = np.asarray(e_water, dtype=np.float64), np.asarray(e_gas, dtype=np.float64)
    for phase, energies in (("water", water), ("gas", gas)):
        if len(energies) < 2 or not np.isfinite(energies).all():
            raise NumericsError(
                f"the {len(energies)} solute energies in {phase} are too few or not all finite; "
                "sample that phase again."
            )
    reference = gas[0]  # absolute energies are ~1e5: subtract before averaging
    wet, dry = split(water - reference, groups_water), split(gas - reference, groups_gas)
    low = float(np.concatenate(dry).mean())
    value = float(np.concatenate(wet).mean()) - low
    error = math.hypot(standard_error_of_mean(wet), standard_error_of_mean(dry))
    labels = [] if groups_water is None else [int(label) for label in np.unique(groups_water)]
    alone = {r: (float(s.mean()) - low) * KCAL_PER_KJ for r, s in zip(labels, wet, strict=False)}
    return Estimate(value * KCAL_PER_KJ, error * KCAL_PER_KJ, alone)
