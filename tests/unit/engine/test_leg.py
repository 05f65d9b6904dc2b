# SPDX-License-Identifier: MIT
"""Is a leg that was stopped anywhere, and resumed, the undisturbed one to the last bit?"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_leg

from merrow.engine.advance import advance_leg, read_snapshots
from merrow.engine.plans import LegPlan
from merrow.engine.segments import Segment
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import TaskFolder, load_arrays
from merrow.errors import MerrowError

SEGMENTS = 3


@pytest.fixture(scope="module")
def undisturbed(methane_files, tmp_path_factory) -> Path:
    """Three segments in one go; segment 0 of a second folder is kept as it was then."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for count in range(1, SEGMENTS + 1):
        tiny_leg.run(*methane_files, folder, count)
        shutil.copytree(folder, folder / f"after-{count}", ignore=lambda *_: ignored)
    return folder


ignored = [f"after-{k}" for k in range(1, SEGMENTS + 1)]


def resume(undisturbed: Path, after: int, folder: Path) -> Path:
    """A copy of the leg as it was after some segments."""
    return Path(shutil.copytree(undisturbed / f"after-{after}", folder / "leg"))


def read(folder: Path) -> list[Segment]:
    """What the segments of a leg recorded."""
    plan = tiny_leg.PLAN
    return TaskFolder(folder).read_segments(plan.states, plan.ensemble.temperature)


def advance(folder: Path, methane_files, **more) -> None:
    """Do the next piece of a leg in a system of its own."""
    hybrid, start = tiny_leg.build(*methane_files)
    advance_leg(TaskFolder(folder), hybrid, tiny_leg.PLAN, lambda: start, **more)


def assert_same(folder: Path, expected: Path) -> None:
    names = [f"segment-{k:04d}.npz" for k in range(SEGMENTS)]
    for name in [*names, f"snapshots-{SEGMENTS:04d}.npz"]:
        ours, theirs = load_arrays(folder / name), load_arrays(expected / name)
        assert set(ours) == set(theirs)
        for key, value in ours.items():
            np.testing.assert_array_equal(value, theirs[key], err_msg=f"{name} {key}")


def test_the_leg_moved_recorded_and_exchanged(undisturbed):
    parts = read(undisturbed)
    samples = parts[0].samples
    assert len(samples) == 3 * 2 * 2  # replicas, sweeps, records
    assert np.bincount(samples.state).tolist() == [4, 4, 4]
    assert np.all(samples.repeat == 1)
    # Time goes on within a state, whatever replica stands there, and from segment to segment.
    time_of = [np.sort(p.samples.time[p.samples.state == 1]) for p in parts]
    step = tiny_leg.PLAN.steps_per_record * 0.002
    np.testing.assert_allclose(np.concatenate(time_of), step * np.arange(1, 13), rtol=1e-12)
    assert np.unique(samples.volume).size > 1
    ends = parts[0].frame_rows
    assert set(samples.state[ends]) == {0, 2}
    assert parts[0].frames.shape == (len(ends), 5, 3)
    replicas = np.concatenate([p.samples.replica[p.samples.state == 2] for p in parts])
    assert np.unique(replicas).size > 1


def test_internal_energies_belong_to_the_frames(undisturbed, methane_files):
    part = read(undisturbed)[1]
    topology = tiny_leg.read_topology(methane_files[0])
    region = tiny_leg.select_region(topology, ":1")
    classical = tiny_leg.open_potential("mm", topology, region)
    energies = classical.evaluate(part.frames * 10).energies * 4.184
    # The CPU platform has single precision.
    np.testing.assert_allclose(part.samples.internal[part.frame_rows], energies, rtol=1e-4)


@pytest.mark.parametrize("after", [1, 2])
def test_a_leg_resumed_in_a_new_system_is_the_undisturbed_one(
    undisturbed, methane_files, tmp_path, after
):
    folder = resume(undisturbed, after, tmp_path)
    old = {p.name: p.stat().st_mtime_ns for p in folder.glob("segment-*.npz")}
    tiny_leg.run(*methane_files, folder, SEGMENTS)
    assert_same(folder, undisturbed)
    for name, modified in old.items():  # finished work is never done again
        assert (folder / name).stat().st_mtime_ns == modified


def test_a_kill_between_the_two_files_of_a_segment_is_made_good(
    undisturbed, methane_files, tmp_path
):
    # The next phases are written before the segment; the kill fell between them.
    folder = resume(undisturbed, 2, tmp_path)
    (folder / "segment-0001.npz").unlink()
    (folder / ".segment-0001.npz.99.part").write_bytes(b"half")
    tiny_leg.run(*methane_files, folder, SEGMENTS)
    assert_same(folder, undisturbed)


def test_a_stopped_equilibration_goes_on_where_it_was(undisturbed, methane_files, tmp_path):
    folder = tmp_path / "leg"
    folder.mkdir()
    coupled = TaskFolder(folder).coupled
    shutil.copy(TaskFolder(undisturbed).coupled, coupled)
    kept = coupled.stat().st_mtime_ns
    advance(folder, methane_files)
    assert coupled.stat().st_mtime_ns == kept
    tiny_leg.run(*methane_files, folder, SEGMENTS)
    assert_same(folder, undisturbed)
    assert not list(folder.glob("equilibrated-*"))


def test_the_coupled_phase_is_kept_on_demand_and_nothing_else_changes(
    undisturbed, methane_files, tmp_path
):
    folder = resume(undisturbed, 1, tmp_path)
    advance(folder, methane_files, keep_coupled=True)
    advance(folder, methane_files)
    assert_same(folder, undisturbed)
    stored = load_arrays(undisturbed / "snapshots-0003.npz")
    assert not TaskFolder(folder).last_coupled(2).exists()
    (kept,) = read_snapshots([TaskFolder(folder).last_coupled(1)])
    assert kept.positions.shape == stored["positions"][0].shape
    before = load_arrays(undisturbed / "after-2" / "snapshots-0002.npz")
    replica = int(np.flatnonzero(before["state_of"] == 0)[0])
    for name in ("positions", "velocities", "box"):
        np.testing.assert_array_equal(getattr(kept, name), before[name][replica])


def test_a_segment_goes_on_from_where_it_is_told_and_again_so(undisturbed, methane_files, tmp_path):
    told = []

    def select(phase, random):
        told.append((phase, float(random.random())))
        return Snapshot(phase.positions, -phase.velocities, phase.box)

    parts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        folder = resume(undisturbed, 1, tmp_path / name)
        advance(folder, methane_files, select=select)
        parts.append(load_arrays(folder / "segment-0001.npz")["internal"])
    np.testing.assert_array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[0], load_arrays(undisturbed / "segment-0001.npz")["internal"])
    stored = load_arrays(undisturbed / "after-1" / "snapshots-0001.npz")
    first = int(np.argmin(stored["state_of"]))  # the replica in the coupled state
    np.testing.assert_array_equal(told[0][0].velocities, stored["velocities"][first])
    assert told[0][1] == told[1][1]


def test_another_seed_is_another_leg(undisturbed, methane_files, tmp_path, monkeypatch):
    folder = resume(undisturbed, 1, tmp_path)
    other = LegPlan(**{**vars(tiny_leg.PLAN), "seed": 78})
    monkeypatch.setattr(tiny_leg, "PLAN", other)
    tiny_leg.run(*methane_files, folder, 2)
    ours, theirs = (load_arrays(f / "segment-0001.npz") for f in (folder, undisturbed))
    assert not np.array_equal(ours["u"], theirs["u"])


@pytest.mark.parametrize("moment", ["snapshots-0000.npz", "segment-0000.npz"])
def test_a_killed_process_costs_at_most_one_segment(undisturbed, methane_files, tmp_path, moment):
    folder = tmp_path / "leg"
    folder.mkdir()
    command = [sys.executable, tiny_leg.__file__, *map(str, methane_files), str(folder), "3"]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 120
    while not (folder / moment).exists() and time.monotonic() < deadline:
        assert process.poll() is None, "the leg ended before it could be killed"
        time.sleep(0.002)
    time.sleep(0.05)  # into the middle of the next segment
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = TaskFolder(folder).count_segments()
    assert done < SEGMENTS
    old = {p.name: p.stat().st_mtime_ns for p in folder.glob("segment-*.npz")}
    tiny_leg.run(*methane_files, folder, SEGMENTS)
    assert_same(folder, undisturbed)
    assert all((folder / name).stat().st_mtime_ns == then for name, then in old.items())


def test_a_damaged_phase_is_named(undisturbed, methane_files, tmp_path):
    folder = resume(undisturbed, 1, tmp_path)
    path = folder / "snapshots-0001.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MerrowError, match=r"snapshots-0001\.npz cannot be read"):
        tiny_leg.run(*methane_files, folder, 2)
