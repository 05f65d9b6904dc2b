# SPDX-License-Identifier: MIT
"""Does a potential that works beside the MM forces give the numbers of one that waits its turn?"""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import openmm as mm
import pytest
from hybrids import Box, Python

from merrow.engine.plans import Ensemble
from merrow.engine.record import set_state, take_record
from merrow.engine.simulation import Snapshot, get_snapshot, open_context, set_snapshot
from merrow.errors import NumericsError
from merrow.potentials.interface import Evaluation
from merrow.samples import LambdaState
from merrow.system.build import INTERNAL, HybridSystem
from merrow.system.force import potential_force

STATES = (LambdaState(1.0, 1.0), LambdaState(0.5, 1.0), LambdaState(0.0, 0.4))
BAROSTAT = Ensemble(298.15, 1.0, 0.001, 1.0, barostat_interval=3)


class Watched(Python):
    """GAFF through Python that notes by which thread it was asked."""

    def __init__(self, inner) -> None:
        super().__init__(inner)
        self.threads = set()

    def evaluate(self, positions: np.ndarray) -> Evaluation:
        self.threads.add(threading.current_thread().name)
        return super().evaluate(positions)


def started(box: Box, hybrid: HybridSystem, platform: str) -> mm.Context:
    context = open_context(hybrid, BAROSTAT, platform=platform, seed=11)
    set_snapshot(context, Snapshot(box.positions, np.zeros_like(box.positions), box.vectors))
    context.setVelocitiesToTemperature(298.15, 5)
    set_state(context, STATES[1])
    return context


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_a_trajectory_with_overlap_is_the_serial_one_to_the_last_bit(acetone, platform):
    """Steps, volume moves and records, with the potential called from OpenMM."""
    ends, records = [], []
    for overlap in (False, True):
        potential = Watched(acetone.classical)
        hybrid = acetone.hybrid(potential, rigid=True, overlap=overlap)
        context = started(acetone, hybrid, platform)
        context.getIntegrator().step(12)
        where = {"here": STATES[1], "temperature": 298.15}
        records.append(take_record(context, hybrid, STATES, **where))
        ends.append(get_snapshot(context))
        beside = {name for name in potential.threads if name.startswith("potential")}
        assert bool(beside) is overlap
    for field in dataclasses.fields(Snapshot):
        np.testing.assert_array_equal(*(getattr(end, field.name) for end in ends))
    for field in dataclasses.fields(records[0]):
        np.testing.assert_array_equal(*(getattr(record, field.name) for record in records))
    assert np.any(ends[0].box != acetone.vectors)  # the barostat has asked, too


class Meanwhile(Python):
    """GAFF that ends its answer only after OpenMM has gone on to another force."""

    def __init__(self, inner) -> None:
        super().__init__(inner)
        self.other_force, self.saw = threading.Event(), []

    def evaluate(self, positions: np.ndarray) -> Evaluation:
        early = self.other_force.is_set()
        self.saw.append((early, self.other_force.wait(timeout=20.0)))
        return super().evaluate(positions)


def test_openmm_goes_on_while_the_potential_works(acetone):
    potential = Meanwhile(acetone.classical)
    hybrid = acetone.hybrid(potential, overlap=True)
    forces = hybrid.system.getForces()
    (last,) = (k for k, f in enumerate(forces) if f.getName() == "PotentialBridge")
    hybrid.system.removeForce(last)

    def other(state: mm.State) -> tuple[float, np.ndarray]:
        potential.other_force.set()
        return 0.0, np.zeros_like(acetone.positions)

    hybrid.system.addForce(mm.PythonForce(other, {}))
    hybrid.system.addForce(
        potential_force(hybrid.bridge, hybrid.region.model_atoms, group=INTERNAL)
    )
    context = open_context(hybrid, BAROSTAT, platform="Reference", seed=1)
    set_snapshot(
        context, Snapshot(acetone.positions, np.zeros_like(acetone.positions), acetone.vectors)
    )
    context.getState(getForces=True)
    assert potential.saw == [(False, True)]


def test_an_error_in_the_background_reaches_the_caller(acetone):
    class Broken(Python):
        def evaluate(self, positions: np.ndarray) -> Evaluation:
            raise NumericsError("the model is broken.")

    hybrid = acetone.hybrid(Broken(acetone.classical), overlap=True)
    context = open_context(hybrid, BAROSTAT, platform="Reference", seed=1)
    set_snapshot(
        context, Snapshot(acetone.positions, np.zeros_like(acetone.positions), acetone.vectors)
    )
    with pytest.raises(Exception, match="the model is broken"):
        context.getIntegrator().step(1)
