# SPDX-License-Identifier: MIT
"""Settings of the sampling of a leg in solution: states, ensemble, steps and seed."""

from __future__ import annotations

from dataclasses import dataclass

from merrow.native import Engine
from merrow.samples import LambdaState


@dataclass(frozen=True)
class Ensemble:
    """Thermodynamic state and integrator, in OpenMM's units.

    Attributes:
        temperature: Temperature [K].
        pressure: Pressure [bar]; None for constant volume.
        timestep: Time step [ps].
        friction: Langevin friction [1/ps].
        barostat_interval: Steps between attempted volume changes.
        anisotropic: Whether the box edges change independently.
    """

    temperature: float
    pressure: float | None
    timestep: float
    friction: float
    barostat_interval: int = 25
    anisotropic: bool = False


@dataclass(frozen=True)
class LegPlan:
    """Settings of the sampling of one repeat of a leg.

    Attributes:
        states: Alchemical states, coupled end first.
        ensemble: Temperature, pressure, integrator.
        equilibration: Equilibration steps in the first state.
        equilibration_per_state: Additional steps in each state, one after the other.
        steps_per_record: Steps between records of a replica.
        records_per_sweep: Records of a replica between exchanges.
        sweeps_per_segment: Sweeps between checkpoints.
        platform: OpenMM platform.
        seed: Seed of this repeat of this leg.
        repeat: Number of the repeat.
        engine: Integrator: "openmm", or "native", our own loop.
        n_scaled: Number of further states with scaled torsions, which exchange with these
            (`engine/scaled_states.py`).
    """

    states: tuple[LambdaState, ...]
    ensemble: Ensemble
    equilibration: int
    equilibration_per_state: int
    steps_per_record: int
    records_per_sweep: int
    sweeps_per_segment: int
    platform: str
    seed: int
    repeat: int
    engine: Engine = "openmm"
    n_scaled: int = 0

    @property
    def n_replicas(self) -> int:
        """Number of replicas, one for each state."""
        return len(self.states) + self.n_scaled

    @property
    def segment_time(self) -> float:
        """Production time per state and segment [ps]."""
        records = self.records_per_sweep * self.sweeps_per_segment
        return records * self.steps_per_record * self.ensemble.timestep
