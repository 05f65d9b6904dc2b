# SPDX-License-Identifier: MIT
"""Gas-phase sampling by batched walkers with temperature replica exchange.

Exchange in λ does not cross torsional barriers, exchange in temperature does. Every ladder has one
walker per temperature; all walkers of all ladders form one batch for the potential. Integrator
(LangevinMiddle, Zhang et al., 10.1021/acs.jpca.9b02771) and masses are those in solution, and so is
the time step of the lowest temperature, which alone is recorded. Hotter walkers have shorter steps,
in which they move as far: with the same step, an O-H bond at 900 K reaches the steep wall of its
potential, where the integrator is unstable. What velocities a stiff bond has depends on the step,
so walkers that have exchanged their temperatures forget theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from merrow.engine.intact import require_bonds
from merrow.engine.seeds import generator
from merrow.engine.segments import GasSegment
from merrow.errors import NumericsError
from merrow.potentials.interface import Potential
from merrow.system.region import NO_BONDS, Bonds
from merrow.units import ANGSTROM_PER_NM, GAS_CONSTANT, KJ_PER_KCAL

Array = np.ndarray

HOTTEST = 900.0
"""Highest temperature of a ladder [K]."""
FORGETTING = 3
"""Steps after an exchange in which the velocities of its walkers are drawn anew. What a bond brings
too much from another time step, up to kT/4 where ωΔt = 1, is then 1/64 of it."""


@dataclass(frozen=True)
class GasPlan:
    """Settings of the gas-phase sampling.

    Attributes:
        temperatures: Ladder [K], lowest first; only the lowest is recorded.
        ladders: Number of independent ladders.
        masses: Masses of the atoms [dalton], shape (n,).
        timestep: Time step at the lowest temperature T₀ [ps]; at T it is shorter by √(T₀/T).
        friction: Langevin friction [1/ps].
        equilibration: Equilibration steps.
        steps_per_record: Steps between records, each followed by temperature exchange.
        records_per_segment: Records between checkpoints.
        seed: Seed of this phase.
        bonds: Bonds to check for breaking; empty for no check.
    """

    temperatures: tuple[float, ...]
    ladders: int
    masses: tuple[float, ...]
    timestep: float
    friction: float
    equilibration: int
    steps_per_record: int
    records_per_segment: int
    seed: int
    bonds: Bonds = NO_BONDS


@dataclass(frozen=True)
class Walkers:
    """Configurations of all walkers, ladder by ladder, coldest first.

    Attributes:
        positions: Positions [nm], shape (walkers, n, 3).
        velocities: Velocities [nm/ps], shape (walkers, n, 3).
    """

    positions: Array
    velocities: Array


def temperature_ladder(lowest: float, n_atoms: int) -> tuple[float, ...]:
    """Return a geometric temperature ladder up to 900 K, spaced by the degrees of freedom.

    Neighbouring temperatures differ by a factor 1 + 1.6/√f, f = 3n − 6: for f harmonic degrees of
    freedom about a third of the exchanges is then accepted.
    """
    freedom = max(1, 3 * n_atoms - 6)
    steps = math.ceil(math.log(HOTTEST / lowest) / math.log(1 + 1.6 / math.sqrt(freedom)))
    return tuple(
        lowest * (HOTTEST / lowest) ** (k / max(steps, 1)) for k in range(max(steps, 1) + 1)
    )


def start_gas(potential: Potential, plan: GasPlan, starts: Array) -> Walkers:
    """Equilibrate all walkers.

    Args:
        potential: Potential of the walkers.
        plan: Ladder, integrator, seeds.
        starts: One conformer per ladder [nm], shape (ladders, n, 3).

    Raises:
        NumericsError: An energy is not finite, or a bond tore.
    """
    random = generator(plan.seed, "equilibrate")
    positions = np.repeat(starts, len(plan.temperatures), axis=0)
    thermal = _thermal(plan)
    velocities = random.normal(size=positions.shape) * np.sqrt(thermal / _mass(plan))
    motion = _Motion(potential, plan, Walkers(positions, velocities), random)
    done = 0
    while done < plan.equilibration:
        motion.advance(min(plan.steps_per_record, plan.equilibration - done))
        motion.exchange()
        done += plan.steps_per_record
    return motion.walkers


def run_gas_segment(
    potential: Potential, plan: GasPlan, walkers: Walkers, index: int
) -> tuple[GasSegment, Walkers]:
    """Run a segment; return its records and the final walkers.

    Raises:
        NumericsError: An energy is not finite, or a bond tore.
    """
    motion = _Motion(potential, plan, walkers, generator(plan.seed, "segment", index))
    frames, velocities, energies = [], [], []
    cold = np.arange(plan.ladders) * len(plan.temperatures)
    for _ in range(plan.records_per_segment):
        motion.advance(plan.steps_per_record)
        frames.append(motion.positions[cold])
        velocities.append(motion.velocities[cold])
        energies.append(motion.energies[cold])
        motion.exchange()
    segment = GasSegment(np.array(frames), np.array(energies), velocities=np.array(velocities))
    return segment, motion.walkers


class _Motion:
    """The walkers during propagation and temperature exchange."""

    def __init__(
        self, potential: Potential, plan: GasPlan, start: Walkers, random: np.random.Generator
    ) -> None:
        self.potential, self.plan, self.random = potential, plan, random
        self.positions, self.velocities = start.positions.copy(), start.velocities.copy()
        self.steps, self.first = _steps(plan), self.positions.copy()
        tempered = len(plan.temperatures) > 1
        self.exchanged = np.full((len(self.positions), 1, 1), tempered)  # or not known any more
        self.energies, self.forces = self._evaluate()

    @property
    def walkers(self) -> Walkers:
        """The current configurations."""
        return Walkers(self.positions, self.velocities)

    def advance(self, steps: int) -> None:
        """Propagate by the LangevinMiddle scheme: kick, half drift, friction, half drift."""
        step, mass, thermal = self.steps, _mass(self.plan), _thermal(self.plan)
        usual = np.exp(-self.plan.friction * step)
        forgetful = np.where(self.exchanged, 0.0, usual)
        first, later = ((k, np.sqrt((1 - k**2) * thermal / mass)) for k in (forgetful, usual))
        for done in range(steps):
            keep, noise = first if done < FORGETTING else later
            self.velocities = self.velocities + step * self.forces / mass
            self.positions = self.positions + 0.5 * step * self.velocities
            kick = noise * self.random.normal(size=self.velocities.shape)
            self.velocities = keep * self.velocities + kick
            self.positions = self.positions + 0.5 * step * self.velocities
            self.energies, self.forces = self._evaluate()
        self.exchanged = np.zeros_like(self.exchanged)
        if not np.all(np.isfinite(self.energies)):
            walker = int(np.argwhere(~np.isfinite(self.energies))[0][0])
            raise NumericsError(f"gas-phase walker {walker} has an energy that is not finite.")
        hottest = self.plan.temperatures[-1]
        when = f"in gas, among walkers of up to {hottest:.0f} K"
        require_bonds(self.plan.bonds, self.first, self.positions, when=when)

    def exchange(self) -> None:
        """Attempt swaps of neighbouring temperatures in each ladder, in even or odd pairs."""
        count = len(self.plan.temperatures)
        beta = 1 / (GAS_CONSTANT * np.array(self.plan.temperatures))
        for ladder in range(self.plan.ladders):
            first = ladder * count
            for k in range(int(self.random.integers(2)), count - 1, 2):
                a, b = first + k, first + k + 1
                gain = (beta[k] - beta[k + 1]) * (self.energies[a] - self.energies[b])
                if math.log(self.random.random()) <= gain:
                    self._swap(a, b, math.sqrt(beta[k + 1] / beta[k]))

    def _swap(self, cold: int, hot: int, factor: float) -> None:
        """Exchange two conformers with velocities scaled by √(T_cold/T_hot) and its inverse.

        Scaled are those of the time of the positions; the stored ones are of half a step before,
        the step of the walker's temperature.
        """
        for array in (self.positions, self.velocities, self.energies, self.forces):
            array[[cold, hot]] = array[[hot, cold]]
        self.exchanged[[cold, hot]] = True
        for walker, before, scale in ((cold, hot, factor), (hot, cold, 1 / factor)):
            half = 0.5 * self.forces[walker] / _mass(self.plan)[0]
            now = self.velocities[walker] + self.steps[before] * half
            self.velocities[walker] = scale * now - self.steps[walker] * half

    def _evaluate(self) -> tuple[Array, Array]:
        centred = self.positions - self.positions[:, :1]
        result = self.potential.evaluate(centred * ANGSTROM_PER_NM)
        return result.energies * KJ_PER_KCAL, result.forces * (KJ_PER_KCAL * ANGSTROM_PER_NM)


def _mass(plan: GasPlan) -> Array:
    return np.array(plan.masses)[None, :, None]


def _steps(plan: GasPlan) -> Array:
    """Return the time step of every walker [ps], shape (ladders·temperatures, 1, 1)."""
    ladder = np.array(plan.temperatures)
    steps = plan.timestep * np.sqrt(ladder[0] / ladder)
    return np.tile(steps, plan.ladders)[:, None, None]


def _thermal(plan: GasPlan) -> Array:
    """Return kT of every walker [kJ/mol], shape (ladders·temperatures, 1, 1)."""
    ladder = GAS_CONSTANT * np.array(plan.temperatures)
    return np.tile(ladder, plan.ladders)[:, None, None]
