# SPDX-License-Identifier: MIT
"""Torsions of the solute in water and in gas: do repeats from different conformers agree?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from merrow.engine.segments import GasFrames
from merrow.free_energy.diagnostics import judge_missing_states
from merrow.free_energy.populations import Torsions, judge_populations
from merrow.free_energy.stored import Verdict
from merrow.geometry import Quadruple, bond_distances, torsion_angles
from merrow.hydration.analysis.gather import SolvatedFrames
from merrow.hydration.sampling.tasks import PHASES, Phase
from merrow.samples import Array, IntArray
from merrow.system.torsions import (
    conformer_torsions,
    equivalence_classes,
    has_stereocentre,
)

if TYPE_CHECKING:
    from merrow.hydration.prepare import Prepared


@dataclass(frozen=True)
class Conformations:
    """Conformations of the solute in an ensemble, in order of time.

    Attributes:
        phase: Water or gas.
        angles: Torsion angles [degree], shape (n, t).
        groups: Repeat or ladder of each frame, shape (n,).
        replicas: Replica of its group that each frame is of, shape (n,); None for one in each.
    """

    phase: Phase
    angles: Array
    groups: IntArray
    replicas: IntArray | None = None


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
        if self.torsions.singles and "gas" in self.ensembles:
            water, gas = (self.ensembles[phase].angles for phase in PHASES)
            yield judge_missing_states(water, gas, self.torsions)

    def unsettled(self, phase: Phase) -> frozenset[str]:
        """Return the ensembles of a phase whose repeats still differ in their conformers."""
        several = (
            name
            for name, found in self.ensembles.items()
            if found.phase == phase and len(np.unique(found.groups)) > 1
        )
        return frozenset(name for name in several if not self._starting_conformers(name).ok)

    def _starting_conformers(self, name: str) -> Verdict:
        found = self.ensembles[name]
        return judge_populations(
            found.angles,
            found.groups,
            phase=name,
            torsions=self.torsions,
            replicas=found.replicas,
        )


def solute_torsions(
    frames: Mapping[str, SolvatedFrames | GasFrames | None], prepared: Prepared
) -> SoluteTorsions:
    """Return the conformations of the solute in ensembles.

    Args:
        frames: The ensembles by name; None for one that was not sampled.
        prepared: The solute.
    """
    bonds = conformer_torsions(prepared.topology, prepared.region.atoms)
    places = list(itertools.chain(*bonds))
    ensembles = {}
    for name, data in frames.items():
        if isinstance(data, SolvatedFrames):
            angles = torsion_angles(data.frames, places)
            ensembles[name] = Conformations("water", angles, data.group, data.replica)
        elif data is not None:
            angles = torsion_angles(data.positions, places)
            ensembles[name] = Conformations("gas", angles, data.group)
    return SoluteTorsions(_kinds(bonds, prepared), ensembles)


def _kinds(bonds: Sequence[Sequence[Quadruple]], prepared: Prepared) -> Torsions:
    """Return which torsions and which pairs are equivalent.

    Bonds with the same classes of atoms are equivalent, and pairs of them as far apart.
    """
    topology, atoms = prepared.topology, prepared.region.atoms
    classes = equivalence_classes(topology, atoms)
    distance = bond_distances(topology.bonds_among(atoms), len(atoms))
    labels = [label.split("@")[-1] for label in prepared.region.labels]
    if len(set(labels)) < len(labels):  # several residues with atoms of the same names
        labels = list(prepared.region.labels)
    columns, last = [], 0
    for bond in bonds:
        columns.append(range(last, last + len(bond)))
        last += len(bond)
    ways = [tuple(classes[i] for i in bond[0]) for bond in bonds]
    ways = [min(way, way[::-1]) for way in ways]
    names = ["-".join(labels[i] for i in bond[0]) for bond in bonds]
    singles: dict[tuple[int, ...], list[int]] = {}
    pairs: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    for i, bond in enumerate(bonds):
        singles.setdefault(ways[i], []).extend(columns[i])
        for j in range(i):
            apart = min(distance[a, b] for a in bond[0][1:3] for b in bonds[j][0][1:3])
            key = (*sorted((ways[i], ways[j])), apart)
            pairs.setdefault(key, []).extend(itertools.product(columns[j], columns[i]))
    name_of = [name for name, bond in zip(names, bonds, strict=True) for _ in bond]
    return Torsions(
        {name_of[found[0]]: tuple(found) for found in singles.values()},
        {f"{name_of[f[0][0]]} with {name_of[f[0][1]]}": tuple(f) for f in pairs.values()},
        mirrored=not has_stereocentre(topology, atoms),
    )
