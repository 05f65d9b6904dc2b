# SPDX-License-Identifier: MIT
"""Do restarts come back to the last bit, and do AMBER's own programs read what we write?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.trajectory import (
    RestartMetadata,
    TrajectoryWriter,
    as_stored,
    read_restart_metadata,
    read_trajectory,
    write_netcdf_restart,
)
from merrow.ambertools.programs import run_program
from merrow.errors import InputError

LENGTHS, ANGLES = np.array([30.1, 31.2, 32.3]), np.array([90.0, 90.0, 90.0])


def some_atoms(n=7, *, box=True):
    """Return n atoms anywhere, with velocities."""
    random = np.random.default_rng(1)
    positions, velocities = random.normal(size=(n, 3)) * 9, random.normal(size=(n, 3)) * 5
    return Coordinates(positions, velocities, LENGTHS if box else None, ANGLES if box else None)


@pytest.mark.parametrize("box", [True, False])
def test_a_restart_comes_back_to_the_last_bit(tmp_path, box):
    path, atoms = tmp_path / "a.rst", some_atoms(box=box)
    moment = RestartMetadata(
        12.345678901, 98765, -826346.55591234567, (1.0 / 3.0, 2.0, -3.0), (24, 30, 36),
        "ours", "cuda:1",
    )  # fmt: skip
    write_netcdf_restart(path, atoms, moment, title="a title")
    found, expected = read_coordinates(path), as_stored(atoms)
    for name in ("positions", "velocities"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
    assert (found.lengths is not None) == box
    assert read_restart_metadata(path) == moment
    # what is stored is what was given: the division by 20.455 and back costs one rounding
    assert np.array_equal(found.positions, atoms.positions)
    assert found.velocities == pytest.approx(atoms.velocities, rel=1e-15)


def test_storing_twice_is_storing_once():
    once = as_stored(some_atoms(1000))
    assert np.array_equal(as_stored(once).velocities, once.velocities)


def test_a_restart_without_velocities_has_none(tmp_path):
    atoms = some_atoms()
    still = Coordinates(atoms.positions, None, LENGTHS, ANGLES)
    write_netcdf_restart(tmp_path / "a.rst", still, RestartMetadata(0.0))
    assert read_coordinates(tmp_path / "a.rst").velocities is None
    assert read_restart_metadata(tmp_path / "a.rst") == RestartMetadata(0.0)


def test_a_trajectory_grows_and_is_readable_at_every_moment(tmp_path):
    path, atoms = tmp_path / "a.nc", some_atoms()
    with TrajectoryWriter(path, atoms, velocities=True) as writer:
        assert len(read_trajectory(path).times) == 0
        for k in range(3):
            moved = Coordinates(atoms.positions + k, atoms.velocities, LENGTHS + k, ANGLES)
            writer.append(moved, 0.5 * k)
            found = read_trajectory(path)
            assert list(found.times) == [0.5 * j for j in range(k + 1)]
            # frames are single precision: 24 bits of numbers below 32
            assert found.positions[k] == pytest.approx(moved.positions, abs=2e-6)
            assert np.array_equal(found.lengths[k], LENGTHS + k)


def test_a_frame_that_was_cut_off_is_not_counted(tmp_path):
    path, atoms = tmp_path / "a.nc", some_atoms()
    with TrajectoryWriter(path, atoms, velocities=False) as writer:
        writer.append(atoms, 1.0)
    with path.open("ab") as stream:
        stream.write(b"\x00" * 11)  # what a kill in the middle of a frame leaves
    assert list(read_trajectory(path).times) == [1.0]


@pytest.mark.parametrize("kept", [3, 40, 400])
def test_a_truncated_file_is_named(tmp_path, kept):
    path = tmp_path / "a.rst"
    write_netcdf_restart(path, some_atoms(), RestartMetadata(1.0))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"a\.rst"):
        read_coordinates(path)
    with pytest.raises(InputError, match=r"a\.rst"):
        read_restart_metadata(path)
    with pytest.raises(InputError, match=r"a\.rst"):
        read_trajectory(path)


def test_cpptraj_reads_trajectory_and_restart(tmp_path, systems):
    gas = systems / "methane.prmtop"
    atoms = some_atoms(5)
    with TrajectoryWriter(tmp_path / "a.nc", atoms, velocities=True) as writer:
        for k in range(4):
            writer.append(atoms, 0.1 * k)
    write_netcdf_restart(tmp_path / "a.rst", atoms, RestartMetadata(1.0))
    script = f"parm {gas}\ntrajin a.nc\ntrajin a.rst\ndistance d @1 @2 out d.dat\nrun\n"
    (tmp_path / "in").write_text(script)
    run_program("cpptraj", ["-i", "in"], folder=tmp_path, log="log")
    rows = np.loadtxt(tmp_path / "d.dat")
    assert len(rows) == 5
    difference = atoms.positions[0] - atoms.positions[1]
    difference -= LENGTHS * np.round(difference / LENGTHS)  # cpptraj takes the nearest image
    # cpptraj prints four decimals
    assert rows[:, 1] == pytest.approx(np.linalg.norm(difference), abs=1e-4)
