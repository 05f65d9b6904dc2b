# SPDX-License-Identifier: MIT
"""Is a segment whose replicas are dealt out to processes the same kind of segment?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tiny_leg

from merrow.engine.advance import advance_leg, is_equilibrated, join_leg, share_leg
from merrow.engine.exchange import exchange_states
from merrow.engine.leg import Company
from merrow.engine.reservoir import Reservoir
from merrow.engine.seeds import generator
from merrow.engine.storage import TaskFolder, load_arrays
from merrow.errors import MerrowError
from merrow.meeting import Meeting

PLAN = tiny_leg.PLAN
COUNT = len(PLAN.states)


@pytest.fixture(scope="module")
def equilibrated(methane_files, tmp_path_factory):
    """A task that stands before its first segment."""
    folder = TaskFolder(tmp_path_factory.mktemp("leg"))
    assert not is_equilibrated(folder)
    hybrid, start = tiny_leg.build(*methane_files)
    advance_leg(folder, hybrid, PLAN, lambda: start)
    assert is_equilibrated(folder)
    return folder


def reservoir_of(methane_files):
    hybrid, start = tiny_leg.build(*methane_files)
    atoms = hybrid.region.atoms
    masses = np.array([hybrid.system.getParticleMass(i)._value for i in atoms])
    shapes = start.positions[list(atoms)] * np.array([1.0, 1.01])[:, None, None]
    return Reservoir(shapes, atoms, masses, PLAN.ensemble.temperature)


def shares(methane_files, folder, meeting_place, size, **more):
    """Let so many threads, each with a system of its own, do a segment together."""

    def do(place):
        hybrid, _ = tiny_leg.build(*methane_files)
        company = Company(Meeting(meeting_place, size, place))
        return share_leg(folder, hybrid, PLAN, company, **more)

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(do, range(size)))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_replica_is_recorded_once_and_all_exchange_alike(
    methane_files, equilibrated, tmp_path, size
):
    found = shares(methane_files, equilibrated, tmp_path, size)
    task = TaskFolder(tmp_path / "kept")
    task.path.mkdir()
    task.snapshots(0).write_bytes(equilibrated.snapshots(0).read_bytes())
    join_leg(task, PLAN, found)
    (segment,) = task.read_segments(PLAN.states, PLAN.ensemble.temperature)
    rows = segment.samples
    assert len(rows.state) == COUNT * PLAN.records_per_sweep * PLAN.sweeps_per_segment
    # exchange is one function of what was recorded and of the plan's seed: done again, it gives
    # the states of the next sweep and, at the end, those that are kept
    state_of = np.arange(COUNT)
    chooser = generator(PLAN.seed, "exchange", 0)
    per_sweep = COUNT * PLAN.records_per_sweep
    for sweep in range(PLAN.sweeps_per_segment):
        part = slice(sweep * per_sweep, (sweep + 1) * per_sweep)
        replica, state, u = rows.replica[part], rows.state[part], rows.u[part]
        assert replica.tolist() == np.repeat(np.arange(COUNT), PLAN.records_per_sweep).tolist()
        np.testing.assert_array_equal(state, state_of[replica])
        state_of = exchange_states(u[PLAN.records_per_sweep - 1 :: PLAN.records_per_sweep],
                                   state_of, chooser)  # fmt: skip
    after = load_arrays(task.snapshots(1))
    np.testing.assert_array_equal(after["state_of"], state_of)
    assert np.isfinite(after["positions"]).all()
    assert len({x.tobytes() for x in after["positions"]}) == COUNT
    times = rows.time.reshape(PLAN.sweeps_per_segment, COUNT, PLAN.records_per_sweep)
    assert np.all(times == times[:, :1])
    assert np.all(np.diff(times[:, 0].ravel()) > 0)


def test_processes_draw_other_random_numbers(methane_files, equilibrated, tmp_path):
    """Replicas that begin alike in other states would move alike far from the solute."""
    folder = TaskFolder(tmp_path / "alike")
    folder.path.mkdir()
    same = dict(load_arrays(equilibrated.snapshots(0)))
    for name in ("positions", "velocities", "box"):
        same[name] = np.repeat(same[name][:1], COUNT, axis=0)
    np.savez(folder.snapshots(0), **same)
    found = shares(methane_files, folder, tmp_path, 3)
    ends = [share.snapshots[k].velocities for k, share in enumerate(found)]
    for one, two in ((0, 1), (0, 2), (1, 2)):
        apart = np.median(np.abs(ends[one] - ends[two])) / np.median(np.abs(ends[one]))
        assert apart > 0.05  # √(2γt) of 12 steps of 2 fs is 0.2


def test_the_decoupled_replica_gets_a_conformer_whoever_has_it(
    methane_files, equilibrated, tmp_path
):
    found = shares(methane_files, equilibrated, tmp_path, 2, reservoir=reservoir_of(methane_files))
    assert sorted(replica for share in found for replica in share.snapshots) == [0, 1, 2]
    np.testing.assert_array_equal(found[0].state_of, found[1].state_of)


def test_shares_that_exchanged_otherwise_are_refused(methane_files, equilibrated, tmp_path):
    found = shares(methane_files, equilibrated, tmp_path, 2)
    found[1].state_of[:] = found[1].state_of[::-1].copy()
    with pytest.raises(MerrowError, match="exchanged other states"):
        join_leg(equilibrated, PLAN, found)
    assert equilibrated.count_segments() == 0
