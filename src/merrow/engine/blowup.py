# SPDX-License-Identifier: MIT
"""Stability monitoring: an unphysical simulation is stopped with a diagnosis."""

from __future__ import annotations

import math

import numpy as np
import openmm as mm

from merrow.engine.simulation import (
    Snapshot,
    forces_in,
    get_snapshot,
    heed_interrupt,
    set_snapshot,
)
from merrow.errors import NumericsError
from merrow.system import build
from merrow.system.build import HybridSystem
from merrow.system.images import reach_of
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ, thermal_energy

TERM_OF_GROUP = {
    build.ENVIRONMENT: "the bonded MM terms",
    build.NONBONDED: "the MM nonbonded terms",
    build.SOFT_CORE: "the Lennard-Jones terms of the ML region with its environment",
    build.INTERNAL: "the internal energy of the ML region",
    build.RESTRAINT: "the restraints",
    build.CONFINE: "the confining potential",
}
WARM = 300.0
"""Temperature to which a cold region may warm up [K]."""


class StabilityMonitor:
    """Advances a Context and stops at unphysical values.

    E_ML may rise between two reports by the thermal energy of n classical atoms plus ten standard
    deviations, kT (3 n + 10 √(3 n)); more counts as a jump.
    """

    def __init__(self, hybrid: HybridSystem, temperature: float, context: mm.Context) -> None:
        modes = 3 * len(hybrid.region.atoms)
        self._largest_rise = thermal_energy(max(temperature, WARM)) * (
            modes + 10 * math.sqrt(modes)
        )
        self._hybrid, self._context = hybrid, context
        self._last: tuple[int, float] | None = None

    def advance(self, steps: int, first: int) -> None:
        """Advance the Context by a number of steps.

        Raises:
            NumericsError: OpenMM or the potential failed, a coordinate is not finite, or the
                molecules of the region are too far apart for a common image.
        """
        before = get_snapshot(self._context)
        begun = self._context.getStepCount()
        try:
            self._context.getIntegrator().step(steps)
            after = get_snapshot(self._context)
        except (mm.OpenMMException, NumericsError) as error:
            heed_interrupt(error)
            done = first + self._context.getStepCount() - begun
            reason = "" if isinstance(error, NumericsError) else f" ({str(error).rstrip('.')})"
            raise NumericsError(
                f"the simulation blew up between step {first} and step {max(done, first) + 1}"
                f"{reason}: {self._culprit(before)}; look at the structure there or shorten "
                "the time step."
            ) from error
        self._stay_together(after, first + steps)

    def report(self, step: int, internal: float) -> None:
        """Check the E_ML [kJ/mol] of a step.

        Raises:
            NumericsError: E_ML jumped.
        """
        if self._last is not None and not internal - self._last[1] < self._largest_rise:
            raise NumericsError(
                f"E_ML jumped by {(internal - self._last[1]) * KCAL_PER_KJ:.1f} kcal/mol between "
                f"step {self._last[0]} and step {step}: "
                f"{self._culprit(get_snapshot(self._context))}; "
                "the run before it can be trusted, look at the structure there."
            )
        self._last = (step, internal)

    def _stay_together(self, snapshot: Snapshot, step: int) -> None:
        if not self._hybrid.periodic or not self._hybrid.region.parts:
            return
        positions, box = snapshot.positions * ANGSTROM_PER_NM, snapshot.box * ANGSTROM_PER_NM
        reach = reach_of(positions, box, self._hybrid.region)
        if reach is not None and reach.too_far:
            raise NumericsError(
                f"the molecules of the ML region came apart before step {step}: {reach}; hold them "
                "together (mlp_confine, or a restraint) or take a larger box."
            )

    def _culprit(self, snapshot: Snapshot) -> str:
        """Describe the largest force at a snapshot by its atom and term."""
        set_snapshot(self._context, snapshot)
        worst, atom, term = -1.0, 0, "an unknown term"
        groups = {f.getForceGroup() for f in self._hybrid.system.getForces()}
        for group in sorted(groups & set(TERM_OF_GROUP)):
            try:
                size = np.linalg.norm(forces_in(self._context, groups={group}), axis=1)
            except mm.OpenMMException:
                continue
            index = int(np.argmax(np.where(np.isfinite(size), size, np.inf)))
            if not size[index] <= worst:
                worst, atom, term = float(size[index]), index, TERM_OF_GROUP[group]
        return f"the largest force acted on atom {atom + 1}{self._label(atom)} by {term}"

    def _label(self, atom: int) -> str:
        region = self._hybrid.region
        return f" ({region.labels[region.atoms.index(atom)]})" if atom in region.atoms else ""
