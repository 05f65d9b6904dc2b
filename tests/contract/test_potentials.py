# SPDX-License-Identifier: MIT
"""Does every potential keep the contract of `Potential`? Identities only, no stored numbers."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from mlmm.errors import MissingComponentError, UnsupportedPhysicsError
from mlmm.potentials import Molecule, Potential, capabilities, load_potential, potential_names

Array = NDArray[np.float64]

METHANOL = Molecule((6, 8, 1, 1, 1, 1))
GEOMETRY = np.array(
    [
        [-0.047, 0.664, 0.013],
        [0.021, -0.758, -0.031],
        [-1.093, 0.969, 0.054],
        [0.488, 1.072, 0.873],
        [0.399, 1.045, -0.902],
        [-0.902, -1.068, 0.067],
    ]
)
ENGINES = ("float64", "float32", "float32 torch")
ENERGY = {"float64": 1e-8, "float32": 5e-4}
"""Round-off of an energy [kcal/mol]; totals are 7e4, and the float32 part of them some 1e2."""
FORCE = {"float64": 1e-7, "float32": 5e-3}
"""Round-off of a force [kcal/mol/Å]; forces are some 1e1 to 1e2."""


@pytest.fixture(
    scope="module",
    params=[(name, engine) for name in potential_names() for engine in ENGINES],
    ids=lambda param: f"{param[0]} {param[1]}",
)
def potential(request: pytest.FixtureRequest, shared: Path) -> Iterator[Potential]:
    """Every potential that is here, for methanol: in double, in single, without compiled code."""
    name, engine = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLMM_MODELS", str(shared / "models"))
        if engine.endswith("torch"):
            patch.setenv("MLMM_NATIVE", "0")
        try:
            yield load_potential(name, METHANOL, precision=engine.split()[0])
        except MissingComponentError as error:
            pytest.skip(str(error))


@pytest.fixture
def batch() -> Array:
    """Five distorted conformers [Å]."""
    return GEOMETRY + 0.08 * np.random.default_rng(11).standard_normal((5, 6, 3))


def tolerances(potential: Potential) -> tuple[float, float]:
    dtype = potential.capabilities.dtype
    return ENERGY[dtype], FORCE[dtype]


def test_it_is_a_potential_that_says_who_it_is(potential):
    assert isinstance(potential, Potential)
    assert potential.identity.startswith(f"{potential.capabilities.name}:")


def test_shapes_and_types_are_those_of_the_contract(potential, batch):
    result = potential.evaluate(batch)
    assert (result.energies.shape, result.energies.dtype) == ((5,), np.float64)
    assert (result.forces.shape, result.forces.dtype) == ((5, 6, 3), np.float64)
    if potential.capabilities.ensemble_size > 1:
        assert result.spread is not None
        assert result.spread.shape == (5,)
        assert (result.spread > 0).all()
    else:
        assert result.spread is None


def test_a_batch_gives_what_its_conformers_give_alone(potential, batch):
    energy, force = tolerances(potential)
    whole = potential.evaluate(batch)
    for k, conformer in enumerate(batch):
        alone = potential.evaluate(conformer[None])
        assert alone.energies[0] == pytest.approx(whole.energies[k], rel=0, abs=energy)
        np.testing.assert_allclose(alone.forces[0], whole.forces[k], rtol=0, atol=force)


def test_input_is_left_untouched_and_may_be_read_only(potential, batch):
    before = batch.copy()
    batch.setflags(write=False)
    potential.evaluate(batch)
    np.testing.assert_array_equal(batch, before)


def test_the_same_question_gets_the_same_answer(potential, batch):
    first, second = potential.evaluate(batch), potential.evaluate(batch.copy())
    np.testing.assert_array_equal(first.energies, second.energies)
    np.testing.assert_array_equal(first.forces, second.forces)


def test_forces_are_the_downhill_slope_of_the_energy(potential, batch):
    # Five-point difference along random directions. The second derivative of CELU jumps at zero, so
    # the energy of ANI has kinks in its slope and a difference errs by up to some 4 kcal/mol/Å² · h
    # whatever its order (measured: 3e-4 at 1e-4 Å, 1e-4 at 5e-5 Å). In double precision h is small
    # enough to miss them, and the noise is 2e-11 / h = 2e-6; in single precision both are 0.05.
    double = potential.capabilities.dtype == "float64"
    h = 1e-5 if double else 5e-3
    tolerance = 1e-5 if double else 0.1  # kcal/mol/Å
    forces = potential.evaluate(batch).forces
    rng = np.random.default_rng(5)
    for _ in range(4):
        step = rng.standard_normal(batch.shape)
        step /= np.linalg.norm(step, axis=(1, 2), keepdims=True)
        e = {k: potential.evaluate(batch + k * h * step).energies for k in (-2, -1, 1, 2)}
        slope = (e[-2] - 8 * e[-1] + 8 * e[1] - e[2]) / (12 * h)
        downhill = (forces * step).sum((1, 2))
        assert np.abs(downhill).max() > 1.0  # there is something to compare
        np.testing.assert_allclose(-slope, downhill, rtol=0, atol=tolerance)


def test_moving_and_turning_a_molecule_changes_nothing_but_the_frame(potential, batch):
    energy, force = tolerances(potential)
    turn = Rotation.from_rotvec([0.3, -1.2, 0.7]).as_matrix()
    here = potential.evaluate(batch)
    there = potential.evaluate(batch @ turn.T + np.array([30.0, -50.0, 10.0]))
    np.testing.assert_allclose(there.energies, here.energies, rtol=0, atol=energy)
    np.testing.assert_allclose(there.forces, here.forces @ turn.T, rtol=0, atol=force)


def test_there_is_no_net_force_or_torque(potential, batch):
    _, force = tolerances(potential)
    forces = potential.evaluate(batch).forces
    np.testing.assert_allclose(forces.sum(1), 0, atol=6 * force)
    np.testing.assert_allclose(np.cross(batch, forces).sum(1), 0, atol=12 * force)


def test_like_atoms_may_change_places(potential, batch):
    energy, force = tolerances(potential)
    order = [0, 1, 4, 2, 5, 3]  # hydrogens only
    result, swapped = potential.evaluate(batch), potential.evaluate(batch[:, order])
    np.testing.assert_allclose(swapped.energies, result.energies, rtol=0, atol=energy)
    np.testing.assert_allclose(swapped.forces, result.forces[:, order], rtol=0, atol=force)


def test_a_pickled_copy_gives_the_same_answer(potential, batch):
    copy = pickle.loads(pickle.dumps(potential))
    assert copy.identity == potential.identity
    result, again = potential.evaluate(batch), copy.evaluate(batch)
    np.testing.assert_array_equal(again.energies, result.energies)
    np.testing.assert_array_equal(again.forces, result.forces)


@pytest.mark.parametrize("name", potential_names())
def test_an_unknown_element_is_refused_before_any_weights_are_read(name, monkeypatch):
    monkeypatch.setenv("MLMM_MODELS", "/nowhere")
    known = capabilities(name).elements
    if known is None:
        pytest.skip(f"{name} takes every element")
    stranger = next(number for number in range(2, 119, 2) if number not in known)
    with pytest.raises(UnsupportedPhysicsError, match="atom 1 is"):
        load_potential(name, Molecule((stranger,)))
