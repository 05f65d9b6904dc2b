# SPDX-License-Identifier: MIT
"""Torsions of the solute in water and in gas: do repeats from different conformers agree?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from merrow.free_energy.diagnostics import judge_missing_states
from merrow.free_energy.populations import judge_populations
from merrow.free_energy.stored import Verdict
from merrow.geometry import torsion_angles
from merrow.hydration.sampling.tasks import PHASES, Phase
from merrow.samples import Array, IntArray
from merrow.system.torsions import conformer_torsions

if TYPE_CHECKING:
    from merrow.hydration.analysis.estimate import HydrationAnalysis
    from merrow.hydration.prepare import Prepared


@dataclass(frozen=True)
class SoluteTorsions:
    """Torsions that tell conformers apart, with the headline's Hamiltonian.

    Attributes:
        names: Names of the torsions, length t.
        angles: Angles in order of time by phase [degree], shape (n, t).
        groups: Repeat or ladder of each frame by phase, shape (n,).
    """

    names: tuple[str, ...]
    angles: dict[Phase, Array]
    groups: dict[Phase, IntArray]

    def verdicts(self) -> Iterator[Verdict]:
        """Compare the conformers of different repeats, and those of both phases."""
        for phase in self.angles:
            yield self._starting_conformers(phase)
        if self.names and len(self.angles) == len(PHASES):
            yield judge_missing_states(self.angles["water"], self.angles["gas"], self.names)

    def unsettled(self) -> frozenset[Phase]:
        """Return the phases whose repeats still differ in their conformers."""
        several = (phase for phase in self.angles if len(np.unique(self.groups[phase])) > 1)
        return frozenset(phase for phase in several if not self._starting_conformers(phase).ok)

    def _starting_conformers(self, phase: Phase) -> Verdict:
        angles, groups = self.angles[phase], self.groups[phase]
        return judge_populations(angles, groups, phase=phase, names=self.names)


def solute_torsions(found: HydrationAnalysis, prepared: Prepared) -> SoluteTorsions:
    """Return the torsions of the solute in all frames of an estimate."""
    torsions = conformer_torsions(prepared.topology, prepared.region.atoms)
    atoms = [label.split("@")[-1] for label in prepared.region.labels]
    names = tuple("-".join(atoms[i] for i in torsion) for torsion in torsions)
    angles: dict[Phase, Array] = {"water": torsion_angles(found.water.frames, torsions)}
    groups: dict[Phase, IntArray] = {"water": found.water.group}
    if found.gas is not None:
        angles["gas"] = torsion_angles(found.gas.positions, torsions)
        groups["gas"] = found.gas.group
    return SoluteTorsions(names, angles, groups)
