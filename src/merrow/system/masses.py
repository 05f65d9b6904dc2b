# SPDX-License-Identifier: MIT
"""Masses of the ML region's atoms, which limit the time step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from merrow.amber.topology import AmberTopology
    from merrow.potentials.interface import Array
    from merrow.system.region import MLRegion

Masses = Literal["prmtop", "repartitioned", "heavy"]

REPARTITIONED_HYDROGEN, HEAVY_HYDROGEN, HEAVY_FACTOR = 3.024, 8.0, 2.0
"""Hydrogen masses [dalton] and factor on other masses, see `region_masses`."""


def region_masses(topology: AmberTopology, region: MLRegion, kind: Masses) -> Array:
    """Return the masses of the region's atoms [dalton], shape (n,).

    Args:
        topology: The prmtop.
        region: The ML region.
        kind: "prmtop" for those of the prmtop; "repartitioned" for hydrogens of 3.024 dalton, taken
            from their bonded atoms; "heavy" for hydrogens of 8 dalton and doubled other masses,
            which slows the fastest vibration, O-H, by a factor of 2.6.
    """
    own, masses = list(region.atoms), np.array(topology.masses, dtype=float)
    hydrogen = np.array(topology.numbers) == 1
    if kind == "heavy":
        return np.where(hydrogen[own], HEAVY_HYDROGEN, HEAVY_FACTOR * masses[own])
    inside = set(region.atoms)
    for pair in topology.bonds:
        light = [i for i in pair if hydrogen[i]]
        if kind == "repartitioned" and pair[0] in inside and len(light) == 1:
            other = pair[0] if pair[1] == light[0] else pair[1]
            masses[other] -= REPARTITIONED_HYDROGEN - masses[light[0]]
            masses[light[0]] = REPARTITIONED_HYDROGEN
    return np.array(masses[own])
