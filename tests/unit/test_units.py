# SPDX-License-Identifier: MIT
"""Are the conversion factors those of CODATA, OpenMM and AMBER, and inverse to their twins?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants

from merrow import units

# Arithmetic in floats loses a few units in the last place; below SUBNORMAL it loses more.
ROUND_OFF = 1e-14
SUBNORMAL = 1e-300
KILOCALORIE = constants.kilo * constants.calorie
KILOJOULE = constants.kilo

numbers = st.floats(min_value=-1e9, max_value=1e9)


@given(numbers)
def test_energy_survives_the_way_to_kilojoule_and_back(energy: float) -> None:
    there_and_back = energy * units.KJ_PER_KCAL * units.KCAL_PER_KJ
    assert there_and_back == pytest.approx(energy, rel=ROUND_OFF, abs=SUBNORMAL)


@given(numbers)
def test_length_survives_the_way_to_nanometre_and_back(length: float) -> None:
    there_and_back = length * units.NM_PER_ANGSTROM * units.ANGSTROM_PER_NM
    assert there_and_back == pytest.approx(length, rel=ROUND_OFF, abs=SUBNORMAL)


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (units.KJ_PER_KCAL, KILOCALORIE / KILOJOULE),
        (units.NM_PER_ANGSTROM, constants.angstrom / constants.nano),
        (units.PS_PER_FS, constants.femto / constants.pico),
        (units.BAR_PER_ATM, constants.atm / constants.bar),
        (units.GAS_CONSTANT, constants.Boltzmann * constants.Avogadro / KILOJOULE),
        (units.BAR_NM3_KJ, constants.bar * constants.nano**3 * constants.Avogadro / KILOJOULE),
    ],
)
def test_factor_follows_from_the_definitions_of_the_si(factor: float, expected: float) -> None:
    assert factor == pytest.approx(expected, rel=ROUND_OFF)


def test_electronvolt_is_the_exact_si_value() -> None:
    expected = constants.electron_volt * constants.Avogadro / KILOCALORIE
    # 14 digits are written down: half of the last one is 2e-14 of the value.
    assert pytest.approx(expected, rel=3e-14) == units.EV_KCAL


def test_hartree_is_the_codata_value() -> None:
    expected = constants.value("Hartree energy") * constants.Avogadro / KILOCALORIE
    # The revisions of 2018 and 2022 differ by 2.5e-13; older ones by more than 4e-10.
    assert pytest.approx(expected, rel=1e-12) == units.HARTREE_KCAL


def test_coulomb_constant_is_the_one_inside_openmm() -> None:
    openmm = pytest.importorskip("openmm")
    system = openmm.System()
    force = openmm.NonbondedForce()
    for _ in range(2):
        system.addParticle(1.0)
        force.addParticle(1.0, 1.0, 0.0)
    system.addForce(force)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions([(0.0, 0.0, 0.0), (1.0, 0.0, 0.0)])
    energy = context.getState(energy=True).getPotentialEnergy()
    expected = energy.value_in_unit(openmm.unit.kilojoule_per_mole)
    assert pytest.approx(expected, rel=ROUND_OFF) == units.COULOMB_OPENMM


def test_coulomb_constant_of_amber_is_its_charge_factor_squared() -> None:
    in_amber_units = units.COULOMB_AMBER * units.KCAL_PER_KJ * units.ANGSTROM_PER_NM
    assert in_amber_units == pytest.approx(18.2223**2, rel=ROUND_OFF)


def test_scaled_charges_give_the_coulomb_energy_of_amber_in_openmm() -> None:
    scaled = units.COULOMB_OPENMM * units.amber_coulomb_charge_scale() ** 2
    assert scaled == pytest.approx(units.COULOMB_AMBER, rel=ROUND_OFF)


@given(st.floats(min_value=1.0, max_value=2000.0))
def test_thermal_energy_is_proportional_to_temperature(temperature: float) -> None:
    doubled = units.thermal_energy(2.0 * temperature)
    assert doubled == pytest.approx(2.0 * units.thermal_energy(temperature), rel=ROUND_OFF)


def test_thermal_energy_at_room_temperature_is_the_familiar_one() -> None:
    kcal = units.thermal_energy(298.15) * units.KCAL_PER_KJ
    assert kcal == pytest.approx(0.5925, abs=5e-5)  # the four digits of the textbook
