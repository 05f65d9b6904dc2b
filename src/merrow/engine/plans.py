# SPDX-License-Identifier: MIT
"""How a leg in solution is sampled: states, ensemble, steps and seed."""

from __future__ import annotations

from dataclasses import dataclass

from merrow.native import Engine
from merrow.samples import LambdaState


@dataclass(frozen=True)
class Ensemble:
    """The thermodynamic state and the integrator, in OpenMM's units.

    Attributes:
        temperature: Temperature [K].
        pressure: Pressure [bar]; None for constant volume.
        timestep: Time step [ps].
        friction: Langevin friction [1/ps].
        barostat_interval: Steps between two attempts to change the volume.
        anisotropic: Whether each edge of the box changes by itself.
    """

    temperature: float
    pressure: float | None
    timestep: float
    friction: float
    barostat_interval: int = 25
    anisotropic: bool = False


@dataclass(frozen=True)
class LegPlan:
    """How one repeat of one leg is sampled.

    Attributes:
        states: Alchemical states, coupled end first.
        ensemble: Temperature, pressure, integrator.
        equilibration: Steps in the first state before anything else.
        equilibration_per_state: Further steps in each state, one after the other.
        steps_per_record: Steps between two records of a replica.
        records_per_sweep: Records of a replica between two exchanges.
        sweeps_per_segment: Sweeps between two checkpoints.
        platform: OpenMM platform.
        seed: Seed of this repeat of this leg.
        repeat: Number of the repeat.
        engine: What moves the configurations: "openmm", or "native", our own loop.
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

    @property
    def segment_time(self) -> float:
        """Production time that one segment adds to each state [ps]."""
        records = self.records_per_sweep * self.sweeps_per_segment
        return records * self.steps_per_record * self.ensemble.timestep
