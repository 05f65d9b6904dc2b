# SPDX-License-Identifier: MIT
"""A sweep: the dynamics of a replica between two exchanges, in any state of a leg."""

from __future__ import annotations

import numpy as np

from merrow.engine.plans import LegPlan
from merrow.engine.record import Record
from merrow.engine.scaled_states import ScaledStates
from merrow.engine.simulation import Snapshot
from merrow.engine.walkers import Walker, open_walker
from merrow.system.build import HybridSystem

Array = np.ndarray


class Sweeper:
    """Walkers of a segment: one for the alchemical states, and one for each factor on the torsions.

    Each is opened at its first use, and compared with OpenMM there.

    Args:
        hybrid: The Hamiltonian.
        plan: Steps and seeds.
        scaled: States with scaled torsions.
        labels: Labels that make the seeds unique.
    """

    def __init__(
        self,
        hybrid: HybridSystem,
        plan: LegPlan,
        scaled: ScaledStates,
        labels: tuple[str | int, ...],
    ) -> None:
        self.plan, self.scaled, self.labels = plan, scaled, labels
        self.systems = {1.0: hybrid, **scaled.systems}
        self.opened: dict[float, Walker] = {}

    def swept(self, snapshot: Snapshot, here: int) -> tuple[list[Record], Snapshot, Array]:
        """Return the records of a sweep, none with scaled torsions, final snapshot and u [kT]."""
        plan, records = self.plan, []
        walker = self._at(snapshot, here)
        if here >= len(plan.states):
            walker.advance(plan.records_per_sweep * plan.steps_per_record)
            return [], walker.snapshot(), walker.couplings()
        for _ in range(plan.records_per_sweep):
            walker.advance(plan.steps_per_record)
            records.append(walker.record())
        return records, walker.snapshot(), records[-1].u

    def placed(self, snapshot: Snapshot, here: int) -> Array:
        """Return u of a snapshot in all alchemical states [kT], shape (K,)."""
        return self._at(snapshot, here).couplings()

    def everywhere(self, u: Array, snapshot: Snapshot) -> Array:
        """Return u in all states, those with scaled torsions last [kT]."""
        solute = snapshot.positions[list(self.systems[1.0].region.atoms)]
        return self.scaled.extended(u, solute, self.plan.ensemble.temperature)

    def _at(self, snapshot: Snapshot, here: int) -> Walker:
        """Return the walker of a state at a snapshot."""
        scale, state = self.scaled.place(self.plan.states, here)
        if scale in self.opened:
            self.opened[scale].place(snapshot, state)
            return self.opened[scale]
        labels = self.labels if scale == 1.0 else (*self.labels, "scaled", f"{scale:g}")
        self.opened[scale] = walker = open_walker(self.systems[scale], self.plan, *labels)
        walker.place(snapshot, state)
        if self.systems[scale].native is not None:
            walker.require_agreement()
            walker.place(snapshot, state)
        return walker
