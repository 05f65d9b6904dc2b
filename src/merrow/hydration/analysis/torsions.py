# SPDX-License-Identifier: MIT
"""Torsions of the solute in water and in gas: do repeats from different conformers agree?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from merrow.free_energy.diagnostics import judge_missing_states
from merrow.free_energy.populations import Torsions, judge_populations
from merrow.free_energy.stored import Verdict
from merrow.geometry import torsion_angles
from merrow.hydration.analysis.gather import SolvatedFrames
from merrow.hydration.sampling.tasks import PHASES, Phase
from merrow.samples import Array, IntArray
from merrow.system.torsions import (
    conformer_torsions,
    equivalence_classes,
    has_stereocentre,
)

if TYPE_CHECKING:
    from merrow.hydration.analysis.estimate import HydrationAnalysis
    from merrow.hydration.prepare import Prepared


@dataclass(frozen=True)
class Conformations:
    """Conformations of the solute in an ensemble, in order of time.

    Attributes:
        phase: Water or gas.
        angles: Torsion angles [degree], shape (n, t).
        groups: Repeat or ladder of each frame, shape (n,).
    """

    phase: Phase
    angles: Array
    groups: IntArray


@dataclass(frozen=True)
class SoluteTorsions:
    """Conformations in each ensemble of an estimate.

    Attributes:
        torsions: The torsions, t.
        ensembles: By name: "water" and "gas" have the headline's Hamiltonian.
    """

    torsions: Torsions
    ensembles: dict[str, Conformations]

    def verdicts(self) -> Iterator[Verdict]:
        """Compare the conformers of different repeats, and those of both phases."""
        for name in self.ensembles:
            yield self._starting_conformers(name)
        if self.torsions.names and "gas" in self.ensembles:
            water, gas = (self.ensembles[phase].angles for phase in PHASES)
            yield judge_missing_states(water, gas, self.torsions)

    def unsettled(self) -> frozenset[Phase]:
        """Return the phases whose repeats still differ in their conformers."""
        several = (
            (name, found)
            for name, found in self.ensembles.items()
            if len(np.unique(found.groups)) > 1
        )
        return frozenset(
            found.phase for name, found in several if not self._starting_conformers(name).ok
        )

    def _starting_conformers(self, name: str) -> Verdict:
        found = self.ensembles[name]
        return judge_populations(found.angles, found.groups, phase=name, torsions=self.torsions)


def solute_torsions(found: HydrationAnalysis, prepared: Prepared) -> SoluteTorsions:
    """Return the conformations of the solute in all frames of an estimate."""
    topology, atoms = prepared.topology, prepared.region.atoms
    places = conformer_torsions(topology, atoms)
    frames = {"water": found.water, "gas": found.gas}
    if found.mm_ends is not None:
        frames |= {"water by MM": found.mm_ends[0], "gas by MM": found.mm_ends[1]}
    ensembles = {}
    for name, data in frames.items():
        if isinstance(data, SolvatedFrames):
            ensembles[name] = Conformations(
                "water", torsion_angles(data.frames, places), data.group
            )
        elif data is not None:
            angles = torsion_angles(data.positions, places)
            ensembles[name] = Conformations("gas", angles, data.group)
    labels = [label.split("@")[-1] for label in prepared.region.labels]
    classes = equivalence_classes(topology, atoms)
    ways = [tuple(classes[i] for i in torsion) for torsion in places]
    kinds = [min(way, way[::-1]) for way in ways]
    torsions = Torsions(
        tuple("-".join(labels[i] for i in torsion) for torsion in places),
        tuple(kinds.index(kind) for kind in kinds),
        mirrored=not has_stereocentre(topology, atoms),
    )
    return SoluteTorsions(torsions, ensembles)
