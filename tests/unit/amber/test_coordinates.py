# SPDX-License-Identifier: MIT
"""Do positions, velocities and box survive reading and writing, and is damage noticed?"""

from __future__ import annotations

import numpy as np
import pytest
from openmm import app, unit
from parmed.amber import NetCDFRestart

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.errors import InputError


def some(n: int, *, velocities: bool = True, box: bool = True) -> Coordinates:
    rng = np.random.default_rng(n)
    return Coordinates(
        positions=rng.uniform(-40, 40, (n, 3)),
        velocities=rng.normal(0, 5, (n, 3)) if velocities else None,
        lengths=np.array([30.0, 31.5, 32.25]) if box else None,
        angles=np.array([90.0, 80.0, 109.4712190]) if box else None,
    )


def same(a, b, tolerance):
    if a is None or b is None:
        assert a is b
    else:
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("n", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("velocities", [False, True])
@pytest.mark.parametrize("box", [False, True])
def test_what_is_written_is_read_back(tmp_path, n, velocities, box):
    there = some(n, velocities=velocities, box=box)
    write_restart(tmp_path / "x.rst7", there)
    back = read_coordinates(tmp_path / "x.rst7", n)
    # Seven decimals: half a unit of the last one, for velocities times 20.455.
    same(back.positions, there.positions, 0.6e-7)
    same(back.velocities, there.velocities, 20.455 * 0.6e-7)
    same(back.lengths, there.lengths, 0.6e-7)
    same(back.angles, there.angles, 0.6e-7)


def test_openmm_reads_the_same_numbers(tmp_path):
    there = some(5)
    write_restart(tmp_path / "x.rst7", there)
    other = app.AmberInpcrdFile(str(tmp_path / "x.rst7"))
    same(other.getPositions(asNumpy=True).value_in_unit(unit.angstrom), there.positions, 0.6e-7)
    speed = other.getVelocities(asNumpy=True).value_in_unit(unit.angstrom / unit.picosecond)
    same(speed, there.velocities, 20.455 * 0.6e-7)
    vectors = np.array(other.getBoxVectors().value_in_unit(unit.angstrom))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(there.lengths, abs=1e-5)


@pytest.mark.filterwarnings("ignore:Could not find netCDF4")
@pytest.mark.parametrize("velocities", [False, True])
@pytest.mark.parametrize("box", [False, True])
def test_a_netcdf_restart_says_the_same(tmp_path, velocities, box):
    there = some(6, velocities=velocities, box=box)
    file = NetCDFRestart.open_new(str(tmp_path / "x.ncrst"), 6, box, velocities)
    file.coordinates = there.positions
    if velocities:
        file.velocities = there.velocities
    if box:
        file.box = np.concatenate([there.lengths, there.angles])
    file.time = 1.0
    file.close()
    back = read_coordinates(tmp_path / "x.ncrst", 6)
    for name in ("positions", "velocities", "lengths", "angles"):
        same(getattr(back, name), getattr(there, name), 1e-12)
    cut = (tmp_path / "x.ncrst").read_bytes()
    (tmp_path / "cut.ncrst").write_bytes(cut[: len(cut) // 2])
    with pytest.raises(InputError, match="damaged"):
        read_coordinates(tmp_path / "cut.ncrst")


def test_another_number_of_atoms_is_said_plainly(tmp_path):
    write_restart(tmp_path / "x.rst7", some(5))
    with pytest.raises(InputError, match=r"prmtop has 6 atoms, but x\.rst7 has 5"):
        read_coordinates(tmp_path / "x.rst7", 6)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.98])
def test_a_truncated_file_is_refused(tmp_path, keep):
    path = tmp_path / "x.rst7"
    write_restart(path, some(7))
    path.write_text(path.read_text()[: int(keep * path.stat().st_size)])
    with pytest.raises(InputError, match="truncated or damaged"):
        read_coordinates(path)


@pytest.mark.parametrize("field", ["         NaN", "************"])
def test_numbers_that_are_none_are_refused(tmp_path, field):
    path = tmp_path / "x.rst7"
    write_restart(path, some(4))
    lines = path.read_text().splitlines()
    lines[2] = lines[2][:36] + field + lines[2][48:]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"not finite|damaged"):
        read_coordinates(path)


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no coordinate file"):
        read_coordinates(tmp_path / "absent.rst7")
    (tmp_path / "x.pdb").write_text("HEADER\nATOM      1  C1\n")
    with pytest.raises(InputError, match="not an AMBER coordinate file"):
        read_coordinates(tmp_path / "x.pdb")


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "x.rst7"
    write_restart(path, some(3))
    before = path.read_bytes()
    for value in (1e9, np.nan):
        with pytest.raises(InputError, match=r"x\.rst7"):
            write_restart(path, Coordinates(positions=np.full((3, 3), value)))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.rst7"]


def test_every_solute_fits_its_prmtop(systems):
    files = sorted(systems.glob("*.inpcrd"))
    assert len(files) >= 17
    for file in files:
        lines = [line.rstrip() for line in file.with_suffix(".prmtop").read_text().splitlines()]
        n_atoms = int(lines[lines.index("%FLAG POINTERS") + 2].split()[0])
        assert read_coordinates(file, n_atoms).lengths is None


@pytest.mark.parametrize("velocities", [False, True])
@pytest.mark.parametrize("angle", [90.0, 109.4712190])
def test_a_box_of_three_numbers_takes_its_angle_from_the_prmtop(tmp_path, velocities, angle):
    there = some(7, velocities=velocities)
    path = tmp_path / "old.rst7"
    write_restart(path, there)
    *lines, box = path.read_text().splitlines()
    path.write_text("\n".join([*lines, box[:36]]) + "\n")
    back = read_coordinates(path, 7, angle=angle)
    same(back.lengths, there.lengths, 1e-7)
    same(back.angles, np.full(3, angle), 0.0)
    same(back.positions, there.positions, 0.6e-7)
    assert (back.velocities is None) == (not velocities)
