# SPDX-License-Identifier: MIT
"""Are potentials compared on the frames that the trajectory holds, whatever the images of atoms?"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import TrajectoryWriter, read_trajectory
from merrow.bench.trajectory import compare_on_trajectory
from merrow.cli.models import app
from merrow.errors import InputError
from merrow.potentials import Molecule, load_potential
from merrow.system.box import box_vectors
from merrow.trajectories import cells_of, whole_frames

N_FRAMES = 6


@pytest.fixture
def acetone(systems):
    """Prmtop of acetone and its positions [Å]."""
    base = systems / "acetone"
    return base.with_suffix(".prmtop"), read_coordinates(base.with_suffix(".inpcrd")).positions


def frame_of(positions: np.ndarray, angles: tuple[float, float, float]) -> Coordinates:
    return Coordinates(positions, lengths=np.full(3, 30.0), angles=np.array(angles))


@pytest.fixture
def trajectory(acetone, tmp_path):
    """Six distorted frames of acetone in a box, some atoms in other images."""
    _, x = acetone
    rng = np.random.default_rng(2)
    path = tmp_path / "md.nc"
    box = 30.0 * np.eye(3)
    like = frame_of(x, (90.0, 90.0, 90.0))
    with TrajectoryWriter(path, like, velocities=False) as writer:
        for k in range(N_FRAMES):
            y = x + 0.05 * rng.standard_normal(x.shape)
            images = rng.integers(-1, 2, size=x.shape) if k % 2 else np.zeros(x.shape)
            writer.append(replace(like, positions=y + images @ box), float(k))
    return path


def test_errors_are_those_of_the_whole_molecule_in_every_frame(acetone, trajectory, ani_weights):
    prmtop, _ = acetone
    (row,) = compare_on_trajectory(
        prmtop, trajectory, ml_mask=":1", reference="ani1x", names=("ani2x",)
    )
    x = read_trajectory(trajectory).positions
    x = x - 30.0 * np.round((x - x[:, :1]) / 30.0)
    molecule = Molecule(read_topology(prmtop).numbers)
    ours, theirs = (load_potential(n, molecule).evaluate(x).energies for n in ("ani2x", "ani1x"))
    assert row.energy_rmse == pytest.approx(np.std(ours - theirs), rel=1e-4)
    assert row.torsion_rmse is None


def whole_of(path, prmtop):
    read, topology = read_trajectory(path), read_topology(prmtop)
    return whole_frames(read.positions, range(len(topology)), topology, cells_of(read))


@pytest.mark.parametrize("angles", [(90.0, 90.0, 90.0), (109.4712, 109.4712, 109.4712)])
def test_a_molecule_across_a_border_is_made_whole(acetone, tmp_path, angles):
    prmtop, x = acetone
    like = frame_of(x, angles)
    rng = np.random.default_rng(3)
    images = rng.integers(-1, 2, size=x.shape) @ box_vectors(like)
    path = tmp_path / "md.nc"
    with TrajectoryWriter(path, like, velocities=False) as writer:
        writer.append(replace(like, positions=x + images), 0.0)
    whole = whole_of(path, prmtop)[0]
    between = np.linalg.norm(whole[:, None] - whole[None], axis=-1)
    expected = np.linalg.norm(x[:, None] - x[None], axis=-1)
    np.testing.assert_allclose(between, expected, atol=1e-4)  # the file holds float32


def test_a_molecule_longer_than_half_the_box_is_left_as_it_is(systems, tmp_path):
    path = systems / "chloropentane.prmtop"  # 1-chloropentane
    x = read_coordinates(path.with_suffix(".inpcrd")).positions
    reach = np.linalg.norm(x[:, None] - x[None], axis=-1).max()
    like = Coordinates(x, lengths=np.full(3, 1.5 * reach), angles=np.full(3, 90.0))
    with TrajectoryWriter(tmp_path / "md.nc", like, velocities=False) as writer:
        writer.append(like, 0.0)
    read = read_trajectory(tmp_path / "md.nc")
    whole = whole_of(tmp_path / "md.nc", path)
    np.testing.assert_array_equal(whole[0], read.positions[0])


def test_frames_are_spread_over_the_trajectory(acetone, trajectory, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "merrow.bench.trajectory.compare_models",
        lambda geometries, **_: asked.append(geometries.distorted) or (),
    )
    words = {"ml_mask": ":1", "reference": "ani1x", "names": ("ani2x",)}
    compare_on_trajectory(acetone[0], trajectory, frames=2, **words)
    compare_on_trajectory(acetone[0], trajectory, frames=100, **words)
    ends = whole_of(trajectory, acetone[0])[[0, N_FRAMES - 1]]
    np.testing.assert_array_equal(asked[0], ends)
    assert len(asked[1]) == N_FRAMES


def test_the_command_prints_json_and_refuses_files_that_do_not_fit(
    acetone, trajectory, systems, ani_weights
):
    words = ["compare", "-y", str(trajectory), "--ml-mask", ":1", "--reference", "ani1x"]
    words += ["--potential", "ani1ccx", "--json"]
    told = json.loads(CliRunner().invoke(app, [*words, "-p", str(acetone[0])]).stdout)
    assert told["rows"][0]["name"] == "ani1ccx"
    assert told["rows"][0]["force_rmse"] > 0
    other = systems / "methane.prmtop"
    result = CliRunner().invoke(app, [*words, "-p", str(other)])
    assert isinstance(result.exception, InputError)
    assert "has 10 atoms" in str(result.exception)
