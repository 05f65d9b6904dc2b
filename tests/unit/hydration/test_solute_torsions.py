# SPDX-License-Identifier: MIT
"""Are repeats that keep their conformers told from those that change them?"""

from __future__ import annotations

import numpy as np

from merrow.free_energy.populations import Torsions
from merrow.hydration.analysis.torsions import Conformations, SoluteTorsions

FRAMES = 400


def series(*populations: float) -> tuple[np.ndarray, np.ndarray]:
    """Angles of one torsion in repeats that are at 60° with these probabilities, else at 180°."""
    random = np.random.default_rng(4)
    angles = [np.where(random.random(FRAMES) < p, 60.0, 180.0) for p in populations]
    noise = random.normal(0.0, 10.0, FRAMES * len(angles))
    return (np.concatenate(angles) + noise)[:, None], np.repeat(np.arange(len(angles)), FRAMES)


def torsions(**phases: tuple[float, ...]) -> SoluteTorsions:
    """The same torsion in some ensembles; "by_mm" ends the name of those by MM."""
    found = {}
    for name, populations in phases.items():
        phase = "water" if name.startswith("water") else "gas"
        found[name.replace("_", " ")] = Conformations(phase, *series(*populations))
    return SoluteTorsions(Torsions(("t",), (0,), mirrored=False), found)


def test_phases_whose_repeats_differ_are_unsettled():
    assert torsions(water=(0.7, 0.7), gas=(0.4, 0.4)).unsettled() == frozenset()
    assert torsions(water=(1.0, 0.0), gas=(0.4, 0.4)).unsettled() == {"water"}
    assert torsions(water=(0.7, 0.7), gas=(0.9, 0.2)).unsettled() == {"gas"}
    assert torsions(water=(0.0, 0.0)).unsettled() == frozenset()
    assert torsions(water=(0.7, 0.7), gas_by_mm=(1.0, 0.0)).unsettled() == {"gas"}


def test_a_single_repeat_has_nothing_to_agree_with():
    alone = torsions(water=(0.7,), gas=(0.9, 0.2))
    assert alone.unsettled() == {"gas"}
    told = {verdict.name: verdict.ok for verdict in alone.verdicts()}
    assert told["starting conformers, water"] is False


def test_a_rigid_molecule_is_settled():
    none = Conformations("water", np.zeros((2 * FRAMES, 0)), np.repeat([0, 1], FRAMES))
    rigid = SoluteTorsions(Torsions((), (), mirrored=True), {"water": none})
    assert rigid.unsettled() == frozenset()
    assert [verdict.ok for verdict in rigid.verdicts()] == [True]
