# SPDX-License-Identifier: MIT
"""Settings of a simulation from prepared files to production: `simulate.yaml`."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from merrow.errors import InputError
from merrow.settings import Settings

RIGID_FROM = 0.0015
"""Time step [ps] from which bonds to hydrogen in the ML region are also constrained."""
HEATING, RESTRAINED = 0.15, 0.25
"""Fractions of the equilibration at constant volume, and then with restraints."""
LEAST_STEPS = 20
"""Steps of the shortest equilibration: one of each of the three stages of the heating."""
UNEVEN = 1e-6
"""Relative difference to which a time is a whole number of steps."""


class SimulationConfig(Settings):
    """Settings of minimisation, heating, equilibration and production, for ML/MM and MM alike."""

    task: Literal["simulation"] = "simulation"
    """Kind of calculation of this file."""
    prmtop: str
    """Topology of the solvated system."""
    inpcrd: str
    """Coordinates of the solvated system."""
    ml_mask: str
    """AMBER mask of the ML region."""
    potential: str = "ani2x"
    """Name of the potential."""
    weights: str | None = None
    """Path of its weights; null: found by name."""
    mm_reference: bool = False
    """Whether to run the same with MM alone, for comparison."""
    length_ps: float = Field(1000.0, gt=0)
    """Length of the production [ps]."""
    chunk_ps: float = Field(50.0, gt=0)
    """Length of one production file, the most that an interruption can lose [ps]."""
    equilibration_ps: float = Field(200.0, gt=0)
    """Length of heating and constant-pressure equilibration [ps]."""
    frame_interval_ps: float = Field(1.0, gt=0)
    """Interval between frames of the trajectory [ps]."""
    timestep_ps: float = Field(0.002, ge=1e-6, le=0.004)
    """Time step [ps]."""
    temperature_k: float = Field(300.0, ge=100)
    """Temperature [K], not in degrees Celsius."""
    pressure_bar: float = Field(1.0, ge=-1000, le=100_000)
    """Pressure [bar]."""
    friction_per_ps: float = Field(2.0, gt=0)
    """Friction of the Langevin thermostat [1/ps]."""
    cutoff_angstrom: float = Field(9.0, ge=4)
    """Cutoff of the direct sum and of Lennard-Jones [Å]."""
    minimisation: int = Field(1000, ge=1)
    """Maximum number of steps of each of the two minimisations."""
    restraint_kcal_per_angstrom2: float = Field(5.0, ge=0)
    """Force constant k in k·d² on the solute's heavy atoms during heating [kcal/mol/Å²]."""
    seed: int = Field(2025, ge=0, lt=2**31)
    """Random seed."""
    platform: Literal["auto", "CPU", "Reference", "CUDA", "OpenCL", "HIP"] = "auto"
    """OpenMM platform; auto: the fastest that agrees with Reference."""
    mm_kernel: Literal["auto", "openmm", "native"] = "auto"
    """Nonbonded forces, as in `merrow hydration`; the file records the choice of auto."""

    @model_validator(mode="after")
    def _whole_pieces(self) -> SimulationConfig:
        if self.steps(self.frame_interval_ps) > self.steps(self.chunk_ps):
            raise ValueError("chunk must hold at least one frame: make it longer")
        if self.steps(self.chunk_ps) % self.steps(self.frame_interval_ps):
            raise ValueError("chunk must be a multiple of frame_interval")
        return self

    def check_times(self) -> None:
        """Check that no time would be rounded to another one; older simulations may have such.

        Raises:
            InputError: A time is not a whole number of steps, or the equilibration is too short.
        """
        for key in ("frame_interval_ps", "chunk_ps"):
            time = getattr(self, key)
            steps = time / self.timestep_ps
            if not math.isclose(steps, self.steps(time), rel_tol=UNEVEN):
                raise InputError(
                    f"{key} {time:g} is not a whole number of time steps of {self.timestep_ps:g} "
                    f"ps; the closest one is {self.steps(time) * self.timestep_ps:g}."
                )
        shortest = LEAST_STEPS * self.timestep_ps
        if self.equilibration_ps < shortest * (1.0 - UNEVEN):
            raise InputError(
                f"equilibration_ps {self.equilibration_ps:g} is too short for its stages: at a "
                f"time step of {self.timestep_ps:g} ps it needs {shortest:g}."
            )

    def steps(self, time: float) -> int:
        """Return the number of steps, at least one, of a time [ps]."""
        return max(1, round(time / self.timestep_ps))

    @property
    def n_chunks(self) -> int:
        """Number of production files, all of equal length."""
        return -(-self.steps(self.length_ps) // self.steps(self.chunk_ps))
