# SPDX-License-Identifier: MIT
"""Are times and images of a trajectory told as they are, whoever wrote the file?"""

from __future__ import annotations

import re

import numpy as np
import pytest

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import TrajectoryWriter
from merrow.ambertools.programs import find_program, run_program
from merrow.errors import InputError, MissingComponentError
from merrow.trajectories import read_frames, read_reference

EDGE = 30.0


@pytest.fixture
def pentane(systems):
    """Prmtop of 1-chloropentane and its positions [Å]."""
    base = systems / "chloropentane"
    return read_topology(base.with_suffix(".prmtop")), read_coordinates(
        base.with_suffix(".inpcrd")
    ).positions


def written(path, x, times):
    like = Coordinates(x, lengths=np.full(3, EDGE), angles=np.full(3, 90.0))
    with TrajectoryWriter(path, like, velocities=False) as writer:
        for time in times:
            writer.append(like, float(time))
    return path


def test_a_trajectory_stands_for_all_of_its_intervals(pentane, tmp_path):
    topology, x = pentane
    found = read_frames(written(tmp_path / "md.nc", x, np.arange(1, 21) * 0.5), topology)
    assert found.span == pytest.approx(10.0)
    assert found.note == ""


def test_runs_put_together_keep_their_interval_and_it_is_said(pentane, tmp_path):
    topology, x = pentane
    once = np.arange(1, 13) * 0.5
    found = read_frames(written(tmp_path / "md.nc", x, [*once, *once]), topology)
    assert found.span == pytest.approx(12.0)
    assert "do not rise" in found.note
    assert "0.5 ps apart" in found.note


def test_frames_without_times_are_refused(pentane, tmp_path):
    topology, x = pentane
    with pytest.raises(InputError, match="has no times of its frames"):
        read_frames(written(tmp_path / "md.nc", x, np.zeros(12)), topology)


def test_the_advice_for_frames_without_times_works(pentane, tmp_path, cpptraj):
    topology, x = pentane
    bare = written(tmp_path / "bare.nc", x, np.zeros(12))
    with pytest.raises(InputError) as caught:
        read_frames(bare, topology)
    advised = re.findall(r"`([^`]+)`", str(caught.value))
    assert len(advised) == 2
    lines = [f"parm {topology.path}", f"trajin {bare}", *advised, "run"]
    cpptraj(lines)
    found = read_frames(tmp_path / "md.nc", topology)
    np.testing.assert_allclose(found.times, np.arange(12.0))
    assert found.note == ""


def test_ascii_trajectories_are_read_and_their_times_are_said_to_be_unknown(
    pentane, tmp_path, cpptraj
):
    topology, x = pentane
    times = written(tmp_path / "md.nc", x, np.arange(12.0))
    cpptraj([f"parm {topology.path}", f"trajin {times}", "trajout out.mdcrd", "run"])
    found = read_frames(tmp_path / "out.mdcrd", topology)
    np.testing.assert_allclose(found.positions[3], x, atol=6e-4)  # three decimals
    assert "contains no times; its frames are taken as 1 ps apart" in found.note


@pytest.fixture
def cpptraj(tmp_path):
    """Return a function that runs lines of cpptraj in the folder of the test."""

    def run(lines):
        try:
            find_program("cpptraj")
        except MissingComponentError as error:
            pytest.skip(str(error))
        (tmp_path / "cpptraj.in").write_text("\n".join(lines) + "\n")
        run_program("cpptraj", ["-i", "cpptraj.in"], folder=tmp_path, log="cpptraj.log")

    return run


def test_a_reference_whose_molecule_lies_across_a_wall_is_made_whole(systems, tmp_path):
    base = systems / "methanol"
    alone = read_topology(base.with_suffix(".prmtop"))
    x = read_coordinates(base.with_suffix(".inpcrd")).positions
    images = np.zeros_like(x)
    images[[2, 4], 1] = EDGE
    box = {"lengths": np.full(3, EDGE), "angles": np.full(3, 90.0)}
    write_restart(tmp_path / "torn.rst7", Coordinates(x + images, **box))
    whole = read_reference(tmp_path / "torn.rst7", alone)
    distances = [np.linalg.norm(y[:, None] - y[None], axis=-1) for y in (whole, x)]
    np.testing.assert_allclose(*distances, atol=1e-6)
