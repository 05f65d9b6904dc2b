# SPDX-License-Identifier: MIT
"""Scales and units of NetCDF files of other programs are heeded in every variable."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import netcdf_file

from merrow.amber.coordinates import read_coordinates
from merrow.amber.trajectory import read_restart_metadata, read_trajectory
from merrow.errors import InputError

PLACES = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.5]])
VARIABLES = {
    "coordinates": ("angstrom", PLACES),
    "velocities": ("angstrom/picosecond", PLACES / 3.0),
    "cell_lengths": ("angstrom", np.array([20.0, 21.0, 22.0])),
    "cell_angles": ("degree", np.array([90.0, 80.0, 70.0])),
    "time": ("picosecond", np.array(5.0)),
}


def written(path, *, frames=0, scale=None, units=None):
    """Write a restart, or a trajectory of frames, with scales and units by variable."""
    with netcdf_file(path, "w", version=2) as file:
        if frames:  # scipy wants it first
            file.createDimension("frame", None)
        for name, size in (("atom", 3), ("spatial", 3), ("cell_spatial", 3)):
            file.createDimension(name, size)
        for name, (unit, values) in VARIABLES.items():
            shape = ("atom", "spatial") if values.ndim == 2 else ("cell_spatial",) * values.ndim
            variable = file.createVariable(name, "d", ("frame",) * bool(frames) + shape)
            variable.units = (units or {}).get(name, unit)
            factor = (scale or {}).get(name)
            if factor is not None:
                variable.scale_factor = np.float64(factor)
            for k in range(frames):
                variable[k] = values / (factor or 1.0)
            if not frames:
                variable.data[...] = values / (factor or 1.0)
    return path


@pytest.mark.parametrize("name", list(VARIABLES))
def test_a_scale_counts_in_every_variable(tmp_path, name):
    path = written(tmp_path / "x.ncrst", scale={name: 0.25})
    found = read_coordinates(path, 3)
    np.testing.assert_allclose(found.positions, PLACES, atol=1e-12)
    np.testing.assert_allclose(found.velocities, PLACES / 3.0, atol=1e-12)
    np.testing.assert_allclose(found.lengths, [20.0, 21.0, 22.0], atol=1e-12)
    np.testing.assert_allclose(found.angles, [90.0, 80.0, 70.0], atol=1e-12)
    assert read_restart_metadata(path).time == pytest.approx(5.0)
    frames = read_trajectory(written(tmp_path / "x.nc", frames=2, scale={name: 0.25}))
    np.testing.assert_allclose(frames.positions, [PLACES, PLACES], atol=1e-12)
    np.testing.assert_allclose(frames.lengths, [[20.0, 21.0, 22.0]] * 2, atol=1e-12)
    np.testing.assert_allclose(frames.times, [5.0, 5.0], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("coordinates", "nanometer"),
        ("velocities", "nanometer/picosecond"),
        ("cell_lengths", "nanometer"),
        ("cell_angles", "radian"),
        ("time", "femtosecond"),
    ],
)
def test_another_unit_is_refused_by_its_name(tmp_path, name, unit):
    units = {name: unit}
    if name != "velocities":
        with pytest.raises(InputError, match=f"{name} in '{unit}'"):
            read_trajectory(written(tmp_path / "x.nc", frames=2, units=units))
    path = written(tmp_path / "x.ncrst", units=units)
    with pytest.raises(InputError, match=f"{name} in '{unit}'"):
        read_restart_metadata(path) if name == "time" else read_coordinates(path, 3)


def test_the_spellings_of_other_programs_are_understood(tmp_path):
    units = {"coordinates": "Angstrom", "cell_angles": "degrees", "time": "ps"}
    np.testing.assert_allclose(
        read_coordinates(written(tmp_path / "x.ncrst", units=units)).positions, PLACES
    )
