# SPDX-License-Identifier: MIT
"""Does a potential that works beside the MM forces give the numbers of one that waits its turn?"""

from __future__ import annotations

import dataclasses
import threading
import time

import numpy as np
import openmm as mm
import pytest
from hybrids import Box, Python

from mlmm.engine.record import set_state, take_record
from mlmm.engine.simulation import Ensemble, Phase, get_phase, open_context, set_phase
from mlmm.errors import NumericsError
from mlmm.potentials.interface import Evaluation
from mlmm.samples import LambdaState
from mlmm.system.build import HybridSystem

STATES = (LambdaState(1.0, 1.0), LambdaState(0.5, 1.0), LambdaState(0.0, 0.4))
BAROSTAT = Ensemble(298.15, 1.0, 0.001, 1.0, barostat_interval=3)


class Watched(Python):
    """GAFF through Python that notes by which thread, and when, it was asked."""

    def __init__(self, inner, pause: float = 0.0) -> None:
        super().__init__(inner)
        self.pause, self.threads = pause, set()

    def evaluate(self, positions: np.ndarray) -> Evaluation:
        self.threads.add(threading.current_thread().name)
        time.sleep(self.pause)
        return super().evaluate(positions)


def started(box: Box, hybrid: HybridSystem, platform: str) -> mm.Context:
    context = open_context(hybrid, BAROSTAT, platform=platform, seed=11)
    set_phase(context, Phase(box.positions, np.zeros_like(box.positions), box.vectors))
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
        ends.append(get_phase(context))
        beside = {name for name in potential.threads if name.startswith("potential")}
        assert bool(beside) is overlap
    for field in dataclasses.fields(Phase):
        np.testing.assert_array_equal(*(getattr(end, field.name) for end in ends))
    for field in dataclasses.fields(records[0]):
        np.testing.assert_array_equal(*(getattr(record, field.name) for record in records))
    assert np.any(ends[0].box != acetone.vectors)  # the barostat has asked, too


def test_the_potential_waits_for_nobody(acetone):
    """MM alone, ML alone: together they take the longer, not the sum, since ML here only sleeps."""
    pause, steps = 0.05, 6
    times = {}
    for overlap in (False, True):
        potential = Watched(acetone.classical, pause)
        hybrid = acetone.hybrid(potential, rigid=True, overlap=overlap)
        context = started(acetone, hybrid, "Reference")
        context.getIntegrator().step(1)
        begin, asked = time.perf_counter(), potential.calls
        context.getIntegrator().step(steps)
        times[overlap] = time.perf_counter() - begin
        asked = potential.calls - asked
    # On the Reference platform the MM forces of this box take longer than the pause.
    assert times[True] < times[False] - 0.5 * asked * pause


def test_an_error_in_the_background_reaches_the_caller(acetone):
    class Broken(Python):
        def evaluate(self, positions: np.ndarray) -> Evaluation:
            raise NumericsError("the model is broken.")

    hybrid = acetone.hybrid(Broken(acetone.classical), overlap=True)
    context = open_context(hybrid, BAROSTAT, platform="Reference", seed=1)
    set_phase(context, Phase(acetone.positions, np.zeros_like(acetone.positions), acetone.vectors))
    with pytest.raises(Exception, match="the model is broken"):
        context.getIntegrator().step(1)
