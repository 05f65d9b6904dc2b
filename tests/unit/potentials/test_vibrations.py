# SPDX-License-Identifier: MIT
"""Are frequencies those of closed forms, and those of a program that differentiates by itself?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.errors import MissingComponentError, NumericsError
from merrow.potentials import Capabilities, Evaluation, Molecule, load_potential
from merrow.potentials.vibrations import hessian, minimum, normal_modes, vibrations
from merrow.testing import METHANOL, METHANOL_GEOMETRY
from merrow.units import WAVENUMBER

WATER = Molecule((8, 1, 1))
WATER_GEOMETRY = np.array([[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.1, -0.7, -0.5]])
WATER_MASSES = np.array([15.9994, 1.008, 1.008])


class Springs:
    """A chain of atoms on harmonic springs to their next; it counts the batches."""

    identity = "springs:1"
    capabilities = Capabilities(name="springs", elements=None)

    def __init__(self, stiffness, length, power=2):
        self.stiffness, self.length, self.power, self.batches = stiffness, length, power, []

    def evaluate(self, positions):
        self.batches.append(len(positions))
        arm = np.diff(positions, axis=1)
        r = np.linalg.norm(arm, axis=-1)
        stretch = r - self.length
        pull = (self.stiffness * stretch / r)[..., None] * arm
        forces = np.zeros_like(positions)
        forces[:, :-1] += pull
        forces[:, 1:] -= pull
        return Evaluation(0.5 * (self.stiffness * stretch**2).sum(axis=1), forces)


def test_one_dalton_on_a_unit_spring_is_the_conversion_factor():
    # k/m = 1 kcal/mol/Å²/dalton by SI: 4184 J/mol, Å, 1e-3 kg/mol; c in cm/s
    si = np.sqrt(4184.0 / 1e-20 / 1e-3) / (2 * np.pi * 2.99792458e10)
    assert pytest.approx(si, rel=1e-12) == WAVENUMBER


@pytest.mark.parametrize("masses", [(1.0, 1.0), (1.008, 35.45)])
def test_a_diatomic_swings_with_its_reduced_mass(masses):
    k, m = 700.0, np.array(masses)
    start = np.array([[0.3, 0.2, 0.1], [1.4, 0.9, -0.3]])
    found = vibrations(Springs(k, 1.3), start, m)
    assert np.linalg.norm(np.diff(found.positions, axis=0)) == pytest.approx(1.3, abs=1e-5)
    exact = WAVENUMBER * np.sqrt(k / (m.prod() / m.sum()))
    assert found.wavenumbers == pytest.approx([exact], rel=1e-5)


def test_a_linear_chain_has_the_modes_of_coupled_springs():
    # a straight X-Y-X stretches in k/m and k/m (1 + 2 m/M) and bends freely; 3 N − 5 = 4
    k, m, big = 900.0, 16.0, 12.0
    straight = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.16], [0.0, 0.0, 2.32]])
    found = wavenumbers(hessian(Springs(k, 1.16), straight), straight, np.array([m, big, m]))
    exact = WAVENUMBER * np.sqrt(k / m * np.array([0.0, 0.0, 1.0, 1.0 + 2 * m / big]))
    # a bend by h stretches the springs in second order: an error of k h²/2r², some 5 cm⁻¹
    np.testing.assert_allclose(found[2:], exact[2:], rtol=1e-4)
    np.testing.assert_allclose(found[:2], 0.0, atol=12.0)


def test_the_hessian_is_one_batch():
    springs = Springs(700.0, 1.3)
    hessian(springs, METHANOL_GEOMETRY)
    assert springs.batches == [6 * 6]


def test_a_maximum_gives_a_negative_number():
    found = wavenumbers(hessian(Springs(-5.0, 1.3), np.diag([1.3, 0, 0])[:2]), *diatomic())
    assert found == pytest.approx([-WAVENUMBER * np.sqrt(5.0 / 0.5)], rel=1e-4)


def wavenumbers(second, positions, masses):
    return normal_modes(second, positions, masses)[0]


def diatomic():
    return np.diag([1.3, 0.0, 0.0])[:2], np.ones(2)


def test_pyscf_differentiates_water_to_the_same_frequencies():
    pytest.importorskip("pyscf")
    from pyscf import gto, scf  # noqa: PLC0415
    from pyscf.hessian import thermo  # noqa: PLC0415

    potential = load_potential("qm:hf/sto-3g", WATER)
    found = vibrations(potential, WATER_GEOMETRY, WATER_MASSES)
    atoms = list(zip("OHH", found.positions.tolist(), strict=True))
    mean_field = scf.RHF(gto.M(atom=atoms, basis="sto-3g", verbose=0)).run(conv_tol=1e-12)
    second = mean_field.Hessian().kernel()
    molecule = mean_field.mol
    theirs = thermo.harmonic_analysis(molecule, second)["freq_wavenumber"]
    masses = molecule.atom_mass_list(isotope_avg=True)
    ours = wavenumbers(hessian(potential, found.positions), found.positions, masses)
    # Analytic against differences of 0.005 Å: anharmonic terms, 1e-4 of the frequency.
    np.testing.assert_allclose(ours, np.real(theirs), rtol=3e-4)
    assert len(ours) == 3


@pytest.mark.parametrize("name", ["ani2x", "xtb:gfn2"])
def test_every_vibration_of_methanol_is_found_at_the_minimum(name, request, monkeypatch):
    if name == "ani2x":
        models = request.getfixturevalue("shared") / "models"
        monkeypatch.setenv("MERROW_MODELS", str(models))
    try:
        potential = load_potential(name, METHANOL, precision="float64")
    except MissingComponentError as error:
        pytest.skip(str(error))
    masses = np.array([12.011, 15.999, *[1.008] * 4])
    found = vibrations(potential, METHANOL_GEOMETRY, masses)
    assert found.wavenumbers.shape == (12,)
    # gas phase: torsion 200 to 300, C-O stretch near 1033, O-H stretch near 3680 [cm⁻¹]
    assert 200 < found.wavenumbers[0] < 400
    assert 3400 < found.wavenumbers[-1] < 4000
    turned = minimum(potential, METHANOL_GEOMETRY[:, [1, 2, 0]])
    again = wavenumbers(hessian(potential, turned), turned, masses)
    np.testing.assert_allclose(again, found.wavenumbers, atol=1.0)


def test_a_flat_ammonia_leaves_the_saddle(shared):
    numbers, masses = (7, 1, 1, 1), np.array([14.007, *[1.008] * 3])
    angle = np.arange(3) * 2 * np.pi / 3
    flat = np.zeros((4, 3))
    flat[1:, :2] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    weights = shared / "models"
    potential = load_potential("ani2x", Molecule(numbers), weights=weights, precision="float64")
    saddle = minimum(potential, flat)
    assert np.abs(saddle[:, 2]).max() < 1e-6  # symmetry keeps it flat
    assert wavenumbers(hessian(potential, saddle), saddle, masses)[0] < -500
    found = vibrations(potential, flat, masses)
    assert found.wavenumbers[0] > 500
    assert abs(found.positions[0, 2] - found.positions[1, 2]) > 0.2


def test_a_potential_without_a_minimum_is_told():
    class Wrong(Springs):
        def evaluate(self, positions):  # forces that are not the slope of the energy
            forces = np.zeros_like(positions)
            forces[:, 0, 0] = 3.0
            return Evaluation(np.zeros(len(positions)), forces)

    with pytest.raises(NumericsError, match="finds no minimum near the start: a force of 3 "):
        minimum(Wrong(1.0, 1.0), np.eye(3))
