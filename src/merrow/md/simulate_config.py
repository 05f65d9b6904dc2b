# SPDX-License-Identifier: MIT
"""Settings of a simulation from prepared files to production, as `simulate.yaml` holds them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from merrow.settings import Settings

RIGID_FROM = 0.0015
"""Time step [ps] from which the bonds to hydrogen of the ML region are rigid, too."""
HEATING, RESTRAINED = 0.15, 0.25
"""Parts of the equilibration at constant volume, and then with restraints."""


class SimulationConfig(Settings):
    """Minimisation, heating, constant pressure and production, the same for ML/MM and MM alone."""

    task: Literal["simulation"] = "simulation"
    """What this file is for."""
    prmtop: str
    """Topology of the solvated system."""
    inpcrd: str
    """Its coordinates."""
    ml_mask: str
    """AMBER mask of the ML region."""
    potential: str = "ani2x"
    """Name of the potential."""
    weights: str | None = None
    """Path of its weights; null: resolved by name."""
    mm_reference: bool = False
    """Run the same with MM alone, for comparison."""
    length_ps: float = Field(1000.0, gt=0)
    """Production [ps]."""
    chunk_ps: float = Field(50.0, gt=0)
    """Production in one piece, which a kill costs at most [ps]."""
    equilibration_ps: float = Field(200.0, gt=0)
    """Heating and constant pressure before it [ps]."""
    frame_interval_ps: float = Field(1.0, gt=0)
    """Time between two frames of the trajectory [ps]."""
    timestep_ps: float = Field(0.002, gt=0, le=0.004)
    """Time step [ps]."""
    temperature_k: float = Field(300.0, gt=0)
    """Temperature [K]."""
    pressure_bar: float = 1.0
    """Pressure [bar]."""
    friction_per_ps: float = Field(2.0, gt=0)
    """Friction of the Langevin thermostat [1/ps]."""
    cutoff_angstrom: float = Field(9.0, ge=4)
    """Cutoff of the direct sum and of Lennard-Jones [Å]."""
    minimisation: int = Field(1000, ge=1)
    """Most steps of each of the two minimisations."""
    restraint_kcal_per_angstrom2: float = Field(5.0, ge=0)
    """Weight k of k·d² for the solute's heavy atoms while it is heated [kcal/mol/Å²]."""
    seed: int = Field(2025, ge=0, lt=2**31)
    """Random seed."""
    platform: Literal["auto", "CPU", "Reference", "CUDA", "OpenCL", "HIP"] = "auto"
    """OpenMM platform; auto: the fastest that computes what Reference computes."""
    mm_kernel: Literal["auto", "openmm", "native"] = "auto"
    """What computes nonbonded forces, as `merrow hydration` has it; the file then says which."""

    @model_validator(mode="after")
    def _whole_pieces(self) -> SimulationConfig:
        if self.steps(self.frame_interval_ps) > self.steps(self.chunk_ps):
            raise ValueError("chunk must hold at least one frame: make it longer")
        if self.steps(self.chunk_ps) % self.steps(self.frame_interval_ps):
            raise ValueError("chunk must be a multiple of frame_interval")
        return self

    def steps(self, time: float) -> int:
        """Return how many steps a time takes [ps], at least one."""
        return max(1, round(time / self.timestep_ps))

    @property
    def n_chunks(self) -> int:
        """Pieces of the production; the last one is as long as the others."""
        return -(-self.steps(self.length_ps) // self.steps(self.chunk_ps))
