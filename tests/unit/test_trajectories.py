# SPDX-License-Identifier: MIT
"""Are times and images of a trajectory told as they are, whoever wrote the file?"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import TrajectoryWriter
from merrow.ambertools.programs import find_program, run_program
from merrow.errors import InputError, MissingComponentError
from merrow.system.box import box_vectors
from merrow.system.configuration import OCTAHEDRON
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
    assert "do not increase" in found.note
    assert "0.5 ps apart" in found.note


def test_pieces_follow_each_other_by_number(pentane, tmp_path):
    topology, start = pentane
    for k, number in enumerate(("0999", "9999", "10000")):
        with TrajectoryWriter(
            tmp_path / f"prod-{number}.nc", Coordinates(start), velocities=False
        ) as writer:
            for n in range(4):
                writer.append(Coordinates(start + 4 * k + n), 1.0 * (4 * k + n))
    found = read_frames(tmp_path, topology)
    assert found.note == ""
    np.testing.assert_allclose(found.times, np.arange(12.0))
    np.testing.assert_allclose(found.positions[:, 0, 0] - start[0, 0], np.arange(12.0), atol=1e-4)


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
    assert "contains no times, so that frames are counted" in found.note
    assert found.extent == "12 frames of unknown times"


def test_an_ascii_trajectory_has_the_box_angles_of_its_prmtop(systems, tmp_path):
    """A guest in another image of a truncated octahedron is where NetCDF, with angles, has it."""
    pytest.importorskip("MDAnalysis")
    base = systems / "complex"
    topology = replace(
        read_topology(base.with_suffix(".prmtop")), has_box=True, box_angle=OCTAHEDRON
    )
    x = read_coordinates(base.with_suffix(".inpcrd")).positions
    box = {"lengths": np.full(3, 35.0), "angles": np.full(3, OCTAHEDRON)}
    host, guest = map(list, topology.molecules[:2])
    away = np.array(x)
    away[guest] += box_vectors(Coordinates(x, **box))[2]
    frames = [x, away] * 6
    with TrajectoryWriter(tmp_path / "md.nc", Coordinates(x, **box), velocities=False) as writer:
        for time, frame in enumerate(frames):
            writer.append(Coordinates(frame, **box), float(time))
    write_ascii(tmp_path / "md.mdcrd", frames, box["lengths"])

    def apart(name, of=topology):
        found = read_frames(tmp_path / name, of, interval=1.0)
        centres = [found.positions[:, atoms].mean(axis=1) for atoms in (host, guest)]
        return np.linalg.norm(centres[1] - centres[0], axis=1), found.note

    distances, note = apart("md.mdcrd")
    np.testing.assert_allclose(distances, apart("md.nc")[0], atol=1e-3)  # three decimals
    np.testing.assert_allclose(distances, distances[0], atol=1e-3)
    assert note == ""
    assert apart("md.mdcrd", replace(topology, has_box=False, box_angle=90.0))[1] == (
        "md.mdcrd has the edges of a box but no angles, and complex.prmtop has no box: they are "
        "taken as 90°."
    )


def write_ascii(path, frames, edges):
    """Write AMBER's ASCII trajectory: a title, ten numbers of eight columns, edges of the box."""
    rows = [f"{value:8.3f}" for value in edges]
    lines = ["title"]
    for frame in frames:
        values = [f"{value:8.3f}" for value in np.ravel(frame)]
        lines += ["".join(values[i : i + 10]) for i in range(0, len(values), 10)]
        lines.append("".join(rows))
    path.write_text("\n".join(lines) + "\n")


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
    write_restart(tmp_path / "torn.rst7", Coordinates(x + images))
    with pytest.raises(InputError, match="molecules are cut and there is no box"):
        read_reference(tmp_path / "torn.rst7", alone)


@pytest.fixture
def dcd(pentane, tmp_path):
    """Return a function that writes a DCD file of pentane whose header has a time step [ps]."""
    _, x = pentane
    mda = pytest.importorskip("MDAnalysis")
    from MDAnalysis.lib.formats.libdcd import DCDFile  # noqa: PLC0415

    def write(step, every, *, edge=EDGE):
        path = tmp_path / "md.dcd"
        delta = mda.units.convert(step, "ps", "AKMA")
        with DCDFile(str(path), "w") as file:
            file.write_header(
                remarks="", natoms=len(x), istart=0, nsavc=every, delta=delta, is_periodic=1
            )
            for _ in range(12):
                file.write(x, [edge, 90.0, edge, 90.0, 90.0, edge])
        return path

    return write


def test_times_of_a_dcd_header_are_believed_where_its_step_is_one_of_atoms(pentane, dcd):
    found = read_frames(dcd(0.002, 500), pentane[0])
    assert found.timed
    assert found.span == pytest.approx(12.0, rel=1e-5)
    assert found.note == (
        "The header of md.dcd tells a time step of 2 fs, and a frame every 500 steps."
    )


def test_the_dcd_file_that_cpptraj_converts_has_no_times(pentane, tmp_path, cpptraj):
    topology, x = pentane
    times = written(tmp_path / "md.nc", x, 20.0 * np.arange(12))
    cpptraj([f"parm {topology.path}", f"trajin {times}", "trajout out.dcd", "run"])
    found = read_frames(tmp_path / "out.dcd", topology)
    assert found.extent == "12 frames of unknown times"
    assert "as programs that convert files write it" in found.note


@pytest.mark.parametrize(
    ("step", "every"), [(0.04888821, 1), (1.0, 1), (0.001, 1), (0.0, 1), (2e-5, 100)]
)
def test_other_dcd_headers_give_no_time_and_the_option_does(pentane, dcd, step, every):
    path = dcd(step, every)
    found = read_frames(path, pentane[0])
    assert not found.timed
    assert found.extent == "12 frames of unknown times"
    assert "--frame-interval tells the time between them [ps]" in found.note
    told = read_frames(path, pentane[0], interval=2.5, stride=1)
    assert told.timed
    assert told.extent == "12 frames over 30 ps"
    assert told.note == ""


@pytest.mark.parametrize("interval", [0.0, -1.0, np.nan, np.inf])
def test_a_time_between_frames_is_above_zero(pentane, tmp_path, interval):
    topology, x = pentane
    with pytest.raises(InputError, match="is no time between frames"):
        read_frames(written(tmp_path / "md.nc", x, range(12)), topology, interval=interval)


@pytest.mark.parametrize("stride", [0, -1])
def test_a_stride_is_one_or_more(pentane, tmp_path, stride):
    topology, x = pentane
    with pytest.raises(InputError, match=f"--stride {stride} is not a number of frames"):
        read_frames(written(tmp_path / "md.nc", x, range(40)), topology, stride=stride)


def test_every_other_frame_is_twice_as_far_from_the_next(pentane, tmp_path):
    topology, x = pentane
    path = written(tmp_path / "md.nc", x, np.zeros(40))
    np.testing.assert_allclose(
        read_frames(path, topology, stride=4, interval=0.5).times, 2.0 * np.arange(10)
    )


def cut(topology, x):
    """Return positions of which a wall cuts half of the atoms off."""
    moved = np.array(x)
    moved[: len(x) // 2] += [0.0, EDGE, 0.0]
    return moved


@pytest.mark.parametrize("announced", [True, False])
def test_the_box_of_a_trajectory_makes_molecules_whole_whatever_the_prmtop_says(
    pentane, tmp_path, announced
):
    topology, x = pentane
    one = replace(topology, has_box=announced)
    found = read_frames(written(tmp_path / "md.nc", cut(topology, x), range(12)), one)
    distances = [np.linalg.norm(y[:, None] - y[None], axis=-1) for y in (found.positions[3], x)]
    np.testing.assert_allclose(*distances, atol=1e-5)


def test_molecules_that_a_wall_cuts_are_refused_where_there_is_no_box(pentane, tmp_path):
    topology, x = pentane
    path = tmp_path / "md.nc"
    like = Coordinates(cut(topology, x))
    with TrajectoryWriter(path, like, velocities=False) as writer:
        for time in range(12):
            writer.append(like, float(time))
    with pytest.raises(InputError, match=r"bonded, but .* Å apart in frame 1 of md\.nc: .*no box"):
        read_frames(path, topology)


def test_a_broken_frame_has_its_number_in_the_file_whatever_the_stride(pentane, tmp_path):
    topology, x = pentane
    path, torn = tmp_path / "md.nc", np.array(x)
    torn[: len(x) // 2] += 9.0
    with TrajectoryWriter(path, Coordinates(x), velocities=False) as writer:
        for k in range(40):
            writer.append(Coordinates(torn if k == 15 else x), float(k))
    for stride in (1, 3):
        with pytest.raises(InputError, match=r"Å apart in frame 16 of md\.nc"):
            read_frames(path, topology, stride=stride)
    assert read_frames(path, topology, stride=2).extent == "20 frames over 40 ps"


def test_a_trajectory_without_the_box_of_its_prmtop_says_so(pentane, tmp_path):
    topology, x = pentane
    path = tmp_path / "md.nc"
    with TrajectoryWriter(path, Coordinates(x), velocities=False) as writer:
        for time in range(12):
            writer.append(Coordinates(x), float(time))
    assert read_frames(path, topology).note == ""
    told = read_frames(path, replace(topology, has_box=True)).note
    assert "has no box" in told


def test_positions_in_nanometres_are_refused(pentane, tmp_path):
    topology, x = pentane
    with pytest.raises(InputError, match="or not in Å"):
        read_frames(written(tmp_path / "md.nc", 0.1 * x, range(12)), topology)
