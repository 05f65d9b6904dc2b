# SPDX-License-Identifier: MIT
"""Is the spread of the force on each atom that of the members, one by one, and only on demand?"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from merrow.errors import MerrowError, MissingComponentError
from merrow.potentials import Capabilities, Evaluation, Molecule, load_potential
from merrow.potentials.ani.native_engine import NativeAni
from merrow.potentials.ensemble import force_spread, member_forces, spread_of
from merrow.system.link_atoms import LinkedPotential
from merrow.testing import METHANOL, METHANOL_GEOMETRY, ContractError, check_potential
from merrow.units import HARTREE_KCAL


def conformers(number: int) -> np.ndarray:
    rng = np.random.default_rng(4)
    return METHANOL_GEOMETRY + 0.08 * rng.standard_normal((number, 6, 3))


@pytest.fixture
def ani(models_folder):
    def load(precision="float64", name="ani2x"):
        return load_potential(name, METHANOL, weights=models_folder, precision=precision)

    return load


def test_the_spread_is_that_of_torchanis_own_members(random_ani2x, random_weights, monkeypatch):
    torchani = pytest.importorskip("torchani")
    monkeypatch.setenv("TORCHANI_DATA_DIR", str(random_weights.parent))
    potential = random_ani2x(METHANOL)
    model, x = torchani.models.ANI2x().double(), conformers(2)
    species, theirs = torch.tensor([METHANOL.numbers] * 2), []
    for index in range(8):
        leaf = torch.tensor(x, requires_grad=True)
        energy = model[index]((species, leaf)).energies.sum()
        theirs.append(-torch.autograd.grad(energy, leaf)[0].numpy() * HARTREE_KCAL)
    ours = member_forces(potential, x)
    # Round-off of float64 only, in kcal/mol/Å.
    np.testing.assert_allclose(ours, np.stack(theirs, axis=1), rtol=0, atol=1e-7)
    # The definition, written out: root of Σ |f_m − mean|² / (M − 1) for each atom.
    away = np.array(theirs) - np.mean(theirs, axis=0)
    expected = np.sqrt((away**2).sum(axis=(0, 3)) / 7)
    np.testing.assert_allclose(force_spread(potential, x), expected, rtol=0, atol=1e-7)
    assert expected.min() > 0.01


@pytest.mark.parametrize("name", ["ani1x", "ani1ccx", "ani2x"])
def test_single_precision_tells_the_same_spread(ani, name):
    x = conformers(2)
    double, single = (force_spread(ani(p, name), x) for p in ("float64", "float32"))
    np.testing.assert_allclose(single, double, rtol=0, atol=5e-3)  # as its forces


def test_the_members_are_made_when_they_are_first_asked_for_and_not_pickled(ani):
    potential, x = ani("float32"), conformers(1)
    if not isinstance(potential.engine.networks, NativeAni):
        pytest.skip("the native kernel was not built")
    potential.evaluate(x)
    assert "_alone" not in potential.engine.__dict__
    before = len(pickle.dumps(potential))
    spread = force_spread(potential, x)
    assert len(pickle.dumps(potential)) == before
    np.testing.assert_array_equal(force_spread(pickle.loads(pickle.dumps(potential)), x), spread)


def test_aimnet2_tells_its_members_as_it_tells_their_mean():
    try:
        potential = load_potential("aimnet2", METHANOL)
    except MissingComponentError as error:
        pytest.skip(str(error))
    x = conformers(1)
    answer, forces = potential.evaluate(x), member_forces(potential, x)
    assert forces.shape == (1, 4, 6, 3)
    # In float32 the mean of slopes is not the slope of the mean in the last digits.
    np.testing.assert_allclose(forces.mean(axis=1), answer.forces, rtol=0, atol=1e-3)
    np.testing.assert_allclose(spread_of(forces), force_spread(potential, x), rtol=1e-12)


def test_positions_of_another_molecule_are_refused(ani):
    with pytest.raises(MerrowError, match="needs positions of shape"):
        member_forces(ani(), np.zeros((1, 5, 3)))


class Springs:
    """Two members: springs of other stiffness from each atom to the first one."""

    identity = "springs:1"
    capabilities = Capabilities(name="springs", elements=None, ensemble_size=2)

    def __init__(self, stiffness=(1.0, 3.0), shift=0.0):
        self.stiffness, self.shift = np.array(stiffness), shift

    def member_forces(self, positions):
        arm = positions - positions[:, :1]
        pull = -arm
        pull[:, 0] = arm.sum(axis=1)
        return self.stiffness[:, None, None] * pull[:, None] + self.shift

    def evaluate(self, positions):
        energy = 0.5 * ((positions - positions[:, :1]) ** 2).sum(axis=(1, 2))
        each = self.stiffness * energy[:, None]
        forces = self.member_forces(positions).mean(axis=1) - self.shift
        return Evaluation(each.mean(axis=1), forces, each.std(axis=1, ddof=1))


def test_a_link_atom_hands_on_the_force_of_each_member():
    rng = np.random.default_rng(3)
    x = 2.0 * rng.standard_normal((2, 5, 3))  # three atoms, two MM partners
    inside = [2, 2]
    ours = LinkedPotential(Springs(), 3, inside).member_forces(x)
    for index, stiffness in enumerate((1.0, 3.0)):
        alone = LinkedPotential(Springs((stiffness, stiffness)), 3, inside).evaluate(x)
        np.testing.assert_allclose(ours[:, index], alone.forces, atol=1e-12)


def test_a_potential_without_members_has_no_spread():
    class Alone(Springs):
        capabilities = Capabilities(name="springs", elements=None)

    x = conformers(2)
    assert force_spread(Alone(), x) is None
    assert member_forces(LinkedPotential(Alone(), 4, [3, 3]), x) is None


def test_the_contract_looks_at_the_members():
    def make(molecule: Molecule, weights: object, precision: str) -> Springs:
        return Springs(shift=make.shift)

    make.capabilities, make.shift = Springs.capabilities, 0.0
    centre = {"molecule": Molecule((8, 6, 6)), "geometry": 1.5 * np.eye(3)}
    promises = [finding.promise for finding in check_potential(make, **centre)]
    assert "the members' forces have the force as their mean [tolerances]" in promises
    make.shift = 0.1
    with pytest.raises(ContractError, match="the members' forces have the force as their mean"):
        check_potential(make, **centre)
