# SPDX-License-Identifier: MIT
"""Does dynamics conserve, thermalise, repeat itself to the bit, and stop when it blows up?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import openmm as mm
import pytest
import tiny_leg
from scipy import stats

from merrow.engine.dynamics import DynamicsPlan, draw_velocities, freedom_of, run_dynamics
from merrow.engine.motion import kinetic_energy, particle_masses, without_drift
from merrow.engine.simulation import Snapshot
from merrow.errors import InputError, NumericsError
from merrow.potentials.interface import Capabilities, Molecule
from merrow.system.build import HybridSystem
from merrow.system.force import PotentialBridge, potential_force
from merrow.system.region import MLRegion
from merrow.units import thermal_energy

PLAN = DynamicsPlan(
    timestep=0.001,
    thermostat="none",
    temperature=300.0,
    friction=2.0,
    coupling_time=0.02,
    pressure=None,
    barostat_interval=25,
    com_removal_interval=0,
    constraint_tolerance=1e-8,
    platform="Reference",
    seed=5,
)
BOND = 50000.0
"""kJ/mol/nm²; a period of 35 fs with the masses below."""


def chain(n: int = 6, *, rigid: bool = False) -> HybridSystem:
    """A chain of n atoms in vacuum: bonds, or rods where they are rigid."""
    system, bonds = mm.System(), mm.HarmonicBondForce()
    for i in range(n):
        system.addParticle(2.0 + i)
    for i in range(n - 1):
        if rigid and i % 2:
            system.addConstraint(i, i + 1, 0.15)
        else:
            bonds.addBond(i, i + 1, 0.15, BOND)
    system.addForce(bonds)
    region = MLRegion((0, 1), Molecule((1, 1)), (":1@A", ":1@B"))
    return HybridSystem(system, region, 0.0, None, periodic=False)


def stretched(n: int = 6) -> Snapshot:
    """The chain along a zigzag, bonds near their lengths, at rest."""
    positions = np.array([[0.12 * i, 0.09 * (i % 2), 0.01 * i] for i in range(n)])
    return Snapshot(positions, np.zeros_like(positions), np.eye(3))


def moving(hybrid: HybridSystem, seed: int = 3) -> Snapshot:
    return draw_velocities(hybrid, stretched(), temperature=300.0, seed=seed, platform="Reference")


def reports(hybrid, plan, start, **changes):
    options = {"first_step": 0, "steps": 100, "report_interval": 10, **changes}
    return list(run_dynamics(hybrid, plan, start, **options))


@pytest.fixture(scope="module")
def methane(methane_files):
    hybrid, start = tiny_leg.build(*methane_files)
    return hybrid, draw_velocities(hybrid, start, temperature=300.0, seed=1, platform="CPU")


@pytest.mark.parametrize("rigid", [False, True])
def test_the_energy_error_is_of_second_order_in_the_time_step(rigid):
    hybrid = chain(rigid=rigid)
    start = moving(hybrid)
    spread = []
    for halving in (1, 2):
        plan = replace(PLAN, timestep=0.0004 / halving)
        frames = reports(hybrid, plan, start, steps=800 * halving, report_interval=halving)
        spread.append(np.std([r.kinetic + r.potential for r in frames]))
    # Velocity Verlet follows a shadow Hamiltonian that differs from H by O(dt²): a factor of 4,
    # but for the fourth-order rest.
    assert spread[0] / spread[1] == pytest.approx(4.0, rel=0.05)
    assert spread[0] < 0.01 * thermal_energy(300.0) * 18


def test_momentum_and_angular_momentum_stay_without_any_removal():
    hybrid = chain(rigid=True)
    start = moving(hybrid)
    masses = particle_masses(hybrid.system)
    first, *_, last = reports(hybrid, PLAN, start, steps=1000)
    for quantity in (lambda p: masses @ p.velocities, lambda p: angular(p, masses)):
        np.testing.assert_allclose(quantity(last.snapshot), quantity(first.snapshot), atol=1e-10)


def angular(phase: Snapshot, masses: np.ndarray) -> np.ndarray:
    return masses @ np.cross(phase.positions, phase.velocities)


@pytest.mark.parametrize("thermostat", ["bussi", "langevin", "andersen"])
def test_kinetic_energies_are_those_of_the_canonical_ensemble(thermostat):
    hybrid = chain(rigid=True)
    plan = replace(PLAN, thermostat=thermostat, timestep=0.002, friction=20.0)
    plan = replace(plan, collision_interval=25)
    frames = reports(hybrid, plan, moving(hybrid), steps=40000, report_interval=50)
    kinetic = np.array([r.kinetic for r in frames[20:]])
    expected = stats.gamma(freedom_of(hybrid, plan) / 2, scale=thermal_energy(300.0))
    # Samples 0.1 ps apart are nearly independent (relaxation in 0.02 to 0.05 ps).
    assert stats.kstest(kinetic, expected.cdf).pvalue > 1e-3
    mean = abs(kinetic.mean() - expected.mean()) / (expected.std() / np.sqrt(len(kinetic)))
    assert mean < 4


def test_bussi_keeps_the_degrees_of_freedom_that_are_left_after_removal():
    hybrid = chain()
    plan = replace(PLAN, thermostat="bussi", com_removal_interval=20)
    assert freedom_of(hybrid, plan) == 3 * 6 - 6
    frames = reports(hybrid, plan, moving(hybrid), steps=200, report_interval=20)
    masses = particle_masses(hybrid.system)
    # Bussi scales all velocities alike, so a resting whole stays at rest.
    for report in frames[1:]:
        assert np.abs(masses @ report.snapshot.velocities).max() < 1e-10
        assert np.abs(angular(report.snapshot, masses)).max() < 1e-10


def test_removal_takes_exactly_the_motion_of_the_whole():
    masses = np.array([1.0, 2.0, 3.0])
    positions = np.array([[0.0, 0, 0], [0.1, 0, 0], [0, 0.2, 0.1]])
    inner = np.array([[0.2, 0.1, 0], [0.3, -0.1, 0.4], [0.0, 0.1, 0.2]])
    own = without_drift(positions, inner, masses, rotation=True)
    drift = np.array([1.0, -2.0, 0.5]) + np.cross([3.0, 1.0, -2.0], positions)
    again = without_drift(positions, own + drift, masses, rotation=True)
    np.testing.assert_allclose(again, own, atol=1e-12)
    assert kinetic_energy(own, masses) < kinetic_energy(inner, masses)


@pytest.mark.parametrize("thermostat", ["none", "bussi", "langevin", "andersen"])
def test_the_same_segments_are_the_same_to_the_last_bit(methane, thermostat):
    hybrid, start = methane
    plan = replace(
        PLAN,
        thermostat=thermostat,
        platform="CPU",
        pressure=None if thermostat == "none" else 1.0,
        barostat_interval=5,
        collision_interval=10,
    )
    middle = reports(hybrid, plan, start, steps=20)[-1].snapshot
    once, twice = (reports(hybrid, plan, middle, first_step=20, steps=20)[-1] for _ in range(2))
    assert once.step == 40
    for name in ("positions", "velocities", "box"):
        np.testing.assert_array_equal(getattr(once.snapshot, name), getattr(twice.snapshot, name))
    assert once.potential == twice.potential
    if thermostat != "none":
        other = reports(hybrid, replace(plan, seed=6), middle, first_step=20, steps=20)[-1]
        assert np.abs(other.snapshot.positions - once.snapshot.positions).max() > 0


def test_terms_add_up_and_the_box_is_described(methane):
    hybrid, start = methane
    plan = replace(PLAN, thermostat="langevin", pressure=1.0, platform="Reference")
    report = reports(hybrid, plan, start, steps=2)[-1]
    assert sum(report.terms.values()) == pytest.approx(report.potential, abs=1e-6)
    assert report.volume == pytest.approx(np.linalg.det(report.snapshot.box))
    assert 0.8 < report.density < 1.1
    assert np.isfinite(report.pressure)
    assert not {"restraint", "confine", "cmap"} & set(report.terms)


class Spoiled:
    """A potential of two atoms: a spring that breaks at a given call."""

    capabilities = Capabilities(name="toy", elements=None)

    def __init__(self, fails_at: int, jump: float = 0.0) -> None:
        self.calls, self.fails_at, self.jump = 0, fails_at, jump

    def evaluate(self, positions):
        self.calls += 1
        x = positions[0]
        bad = self.calls >= self.fails_at
        if bad and not self.jump:
            raise NumericsError("atom 2 (H) of conformer 1 gets no finite energy or force.")
        energy = float(np.sum((x[0] - x[1]) ** 2)) + (self.jump if bad else 0.0)
        force = -2 * (x[0] - x[1])

        class Answer:
            energies = np.array([energy])
            forces = np.array([[force, -force]])
            spread = None

        return Answer


def with_potential(potential: Spoiled) -> HybridSystem:
    hybrid = chain()
    bridge = PotentialBridge(potential)
    hybrid.system.addForce(potential_force(bridge, hybrid.region.atoms, group=4))
    return replace(hybrid, bridge=bridge)


def test_a_potential_is_asked_once_per_step():
    potential = Spoiled(10**9)
    reports(with_potential(potential), PLAN, stretched(), steps=50)
    assert potential.calls <= 52


def test_a_failing_potential_stops_the_run_and_names_step_atom_and_term():
    hybrid = with_potential(Spoiled(30))
    with pytest.raises(NumericsError, match=r"between step 20 and step \d+ \(atom 2 \(H\).*acted"):
        reports(hybrid, PLAN, stretched())


def test_a_jump_of_the_ml_energy_stops_the_run():
    hybrid = with_potential(Spoiled(30, jump=1e4))
    with pytest.raises(NumericsError, match=r"E_ML jumped by 1000\d.* between step 20 and step 30"):
        reports(hybrid, PLAN, stretched())


def test_an_explosion_is_named():
    hybrid = chain()
    start = stretched()
    start.positions[1] += 5.0
    with pytest.raises(NumericsError, match=r"blew up between step \d+ .*by the bonded MM terms"):
        reports(hybrid, replace(PLAN, timestep=0.1), start, steps=1000)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"timestep": 0.0}, "time step"),
        ({"thermostat": "langevin", "friction": 0.0}, "friction"),
        ({"thermostat": "langevin", "com_removal_interval": 10}, "nscm"),
        ({"thermostat": "andersen", "com_removal_interval": 10}, "nscm"),
        ({"thermostat": "bussi", "coupling_time": 0.0}, "coupling time"),
        ({"thermostat": "bussi", "temperature": 0.0}, "temperature"),
        ({"thermostat": "bussi", "pressure": 1.0}, "periodic box"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        reports(chain(), replace(PLAN, **changes), stretched())


@pytest.mark.parametrize(("n", "freedom"), [(1, 0), (2, 1), (3, 3)])
def test_a_line_has_one_rotation_less_and_a_point_none(n, freedom):
    plan = replace(PLAN, com_removal_interval=10)
    assert freedom_of(chain(n), plan) == freedom
    if not freedom:
        with pytest.raises(InputError, match="nothing moves here but as a whole"):
            reports(chain(n), replace(plan, thermostat="bussi"), stretched(n))


def test_seeds_know_of_the_time_at_which_a_run_began():
    plans = [replace(PLAN, origin=origin) for origin in (0.0, 0.002, 0.004)]
    assert len({plan.seed_of("dynamics", 0) for plan in plans}) == 3
