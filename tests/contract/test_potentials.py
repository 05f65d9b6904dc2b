# SPDX-License-Identifier: MIT
"""Does every potential keep the contract of `Potential`, and would the contract notice if not?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merrow.errors import MissingComponentError, UnsupportedPhysicsError
from merrow.potentials import (
    Capabilities,
    Evaluation,
    Molecule,
    capabilities,
    load_potential,
    potential_names,
)
from merrow.testing import METHANOL, ContractError, Tolerances, check_potential

NETWORKS = [name for name in potential_names() if name.startswith(("ani", "aimnet2", "mace"))]
ANI = [name for name in NETWORKS if name.startswith("ani")]
DEAR = {("aimnet2", "float32"), ("aimnet2-b973c", "float32"), ("aimnet2-b973c", "float64")}
"""The same code with other numbers, at some 0.1 s for an evaluation: for the slow tests."""
CASES = [
    pytest.param(*case, id=" ".join(case), marks=[pytest.mark.slow] if case in DEAR else [])
    for case in ((name, precision) for name in NETWORKS for precision in ("float64", "float32"))
]


WATER = Molecule((8, 1, 1))
WATER_GEOMETRY = np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])
CONVERGED = Tolerances(energy=1e-6, force=1e-3, step=1e-3, slope=1e-3)
"""Forces err by the residual of the SCF, 1e-6 Hartree; the energy by its square."""
ON_A_GRID = Tolerances(energy=5e-3, force=5e-2, step=1e-3, slope=1e-3)
"""PySCF's default grid (level 3) keeps to the axes when a molecule turns: forces on this water then
differ by 0.034 kcal/mol/Å, and by 0.004 on the grid of level 5, energies by 3e-3 kcal/mol."""


@pytest.fixture(autouse=True)
def _weights(ani_weights: Path) -> None:
    """Stand-ins of ANI's weights; those of other families are in the cache or not here."""


def kept(name: str, **options: object) -> list[str]:
    """Return the promises that a potential keeps; skip where its weights are not here."""
    try:
        return [finding.promise for finding in check_potential(name, **options)]
    except MissingComponentError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_a_network_keeps_the_contract(name, precision):
    promises = kept(name, precision=precision, conformers=2 if name.startswith("aim") else 4)
    assert "forces are −∂E/∂x [kcal/mol/Å]" in promises
    assert any(promise.startswith("element 2") for promise in promises)


@pytest.mark.parametrize("name", ["xtb:gfn2", "xtb:gfn1"])
def test_tight_binding_keeps_the_contract(name):
    assert "forces are −∂E/∂x [kcal/mol/Å]" in kept(name)


def test_a_calculator_of_ase_keeps_the_contract():
    assert "there is no torque [kcal/mol]" in kept("ase:ase.calculators.lj.LennardJones")


@pytest.mark.parametrize(
    ("name", "tolerances"),
    [
        ("qm:hf/sto-3g", CONVERGED),
        pytest.param("qm:wb97x/6-31g*", ON_A_GRID, marks=pytest.mark.slow),
        pytest.param("qm:wb97x/6-31g*/df", ON_A_GRID, marks=pytest.mark.slow),
    ],
)
def test_quantum_chemistry_keeps_the_contract(name, tolerances):
    assert kept(name, molecule=WATER, geometry=WATER_GEOMETRY, tolerances=tolerances, conformers=1)


@pytest.mark.parametrize("name", ANI)
def test_ani_without_compiled_code_keeps_the_contract(name, monkeypatch):
    monkeypatch.setenv("MERROW_NATIVE", "0")
    assert kept(name, precision="float32")


@pytest.mark.parametrize("name", potential_names())
def test_an_unknown_element_is_refused_before_any_weights_are_read(name, monkeypatch):
    monkeypatch.setenv("MERROW_MODELS", "/nowhere")
    known = capabilities(name).elements
    if known is None:
        pytest.skip(f"{name} takes every element")
    stranger = next(number for number in range(2, 119, 2) if number not in known)
    with pytest.raises(UnsupportedPhysicsError, match="atom 1 is"):
        load_potential(name, Molecule((stranger,)))


class Springs:
    """Pairs of atoms on harmonic springs of 1 kcal/mol/Å² and length 1 Å; it keeps every promise.

    The flaws are those that happen in practice; each breaks one promise.
    """

    capabilities = Capabilities(name="springs", elements=frozenset({1, 6, 8}))
    identity = "springs:1"

    def __init__(self, molecule: Molecule, flaw: str = "") -> None:
        self.stiffness = np.outer(molecule.numbers, molecule.numbers) / 64.0
        self.flaw, self.calls = flaw, 0

    def evaluate(self, positions):
        self.calls += 1
        x = positions
        if self.flaw == "memory":
            x = x * (1 + 1e-9 * self.calls)
        arm = x[:, :, None] - x[:, None]
        r = np.sqrt((arm**2).sum(-1)) + np.eye(x.shape[1])
        energies = 0.25 * (self.stiffness * (r - 1) ** 2).sum((1, 2))
        forces = -((self.stiffness * (1 - 1 / r))[..., None] * arm).sum(2)
        if self.flaw == "sign":
            forces = -forces
        if self.flaw == "field":
            energies, forces = energies - x[:, :, 0].sum(1), forces + np.array([1.0, 0.0, 0.0])
        if self.flaw == "order":
            energies, forces = energies + 0.1 * r[:, 2, 3], forces + order_force(arm, r)
        if self.flaw == "batch":
            energies = energies - energies.mean()
        if self.flaw == "single":
            energies = energies.astype(np.float32)
        if self.flaw == "writes" and x.flags.writeable:
            positions += 1.0
        return Evaluation(energies, forces)

    def __getstate__(self):
        state = dict(self.__dict__)
        if self.flaw == "pickle":
            state["stiffness"] = 2 * self.stiffness
        return state


def order_force(arm, r):
    """Return the force of an energy 0.1 r₃₄: right, but of two particular hydrogens."""
    force = np.zeros((*arm.shape[:2], 3))
    force[:, 2] = -0.1 * arm[:, 2, 3] / r[:, 2, 3, None]
    force[:, 3] = -force[:, 2]
    return force


def springs(flaw: str = "", **changes):
    def make(molecule, weights, precision):
        return Springs(molecule, flaw)

    make.capabilities = replace(Springs.capabilities, **changes)
    return make


def test_a_right_potential_passes():
    assert len(check_potential(springs())) >= 16


@pytest.mark.parametrize(
    ("flaw", "told"),
    [
        ("memory", "the same question gets the same answer"),
        ("sign", "forces are −∂E/∂x"),
        ("field", "forces add up to zero"),
        ("field", "turning a molecule turns its forces"),
        ("field", "moving a molecule changes nothing"),
        ("field", "different images of a box"),
        ("order", "like atoms may change places"),
        ("batch", "a batch gives what its conformers give alone"),
        ("single", "energies are a float64 array"),
        ("pickle", "a pickled copy gives the same answer"),
    ],
)
def test_a_broken_promise_is_named(flaw, told):
    with pytest.raises(ContractError, match="springs breaks its promise") as caught:
        check_potential(springs(flaw))
    assert told in str(caught.value)


def test_a_potential_that_takes_elements_it_does_not_know_is_named():
    def make(molecule, weights, precision):
        return Springs(molecule)

    make.capabilities = replace(Springs.capabilities, elements=None)
    assert not any("refused" in finding.promise for finding in check_potential(make))


def test_tolerances_are_those_that_were_asked_for():
    loose = Tolerances(energy=1.0, force=1.0, step=1e-4, slope=1e3)
    promises = {f.promise: f for f in check_potential(springs(), tolerances=loose)}
    assert promises["forces are −∂E/∂x [kcal/mol/Å]"].allowed == 1e3


def test_methanol_is_what_is_asked_about():
    assert len(METHANOL.numbers) == 6
