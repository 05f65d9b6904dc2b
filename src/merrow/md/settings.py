# SPDX-License-Identifier: MIT
"""Settings of a minimisation or a dynamics run, in AMBER's units.

`from_mdin` reads them from a sander input; defaults are those of its keys.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from merrow.mdin.mlp import MlSettings
from merrow.settings import Settings

THERMOSTATS: Final = {0: "none", 2: "andersen", 3: "langevin", 11: "bussi"}
"""Thermostats by sander's ntt."""
LONGEST_FREE_PS: Final = 0.001
"""Longest time step [ps] for free bonds to hydrogen of its natural mass."""


class Coupling(Settings):
    """The state of a coupling path; 1 coupled, 0 decoupled."""

    charges_mask: str
    """Atoms whose charges are decoupled; empty with two-file inputs of sander."""
    lj_mask: str
    """Atoms whose Lennard-Jones interactions are decoupled, or empty."""
    clambda: float
    """AMBER's λ, 0 coupled."""


class MdSettings(Settings):
    """A minimisation or a dynamics run."""

    ml: MlSettings
    """The ML region and its potential."""
    source: Path = Path("mdin")
    """The file that these were read from; messages and mdout name it."""
    text: str = ""
    """Its content; mdout repeats it."""
    title: str = ""
    """Title of mdout, trajectory and restart."""
    minimise: bool = False
    """Minimisation instead of dynamics."""
    steps: int = 1
    """Steps of dynamics, or most steps of the minimiser."""
    gradient_kcal_per_angstrom: float = 1e-4
    """RMS gradient at which minimisation ends [kcal/mol/Å]."""
    timestep_ps: float = 0.001
    """Time step [ps]."""
    start_time_ps: float = 0.0
    """Time at the start [ps] where the run does not go on."""
    goes_on: bool = False
    """Whether velocities and time of the restart file are used."""
    initial_temperature_k: float = 0.0
    """Temperature of the first velocities [K]; 0 starts at rest."""
    com_removal_interval: int = 1000
    """Steps between removals of the motion of the whole; 0 never."""
    thermostat: Literal["none", "andersen", "langevin", "bussi"] = "none"
    """What keeps the temperature."""
    temperature_k: float = 300.0
    """Temperature [K]."""
    friction_per_ps: float = 0.0
    """Langevin friction [1/ps]."""
    coupling_time_ps: float = 1.0
    """Coupling time of the Bussi thermostat [ps]."""
    collision_interval: int = 1000
    """Steps between two draws of all velocities by Andersen's thermostat."""
    seed: int = 71277
    """Seed of all random numbers; -1 takes one from the clock."""
    periodic: bool | None = None
    """Whether there is a box; None leaves it to the prmtop."""
    pressure_bar: float | None = None
    """Pressure [bar]; None for constant volume."""
    barostat_interval: int = 100
    """Steps between two attempts to change the volume."""
    anisotropic: bool = False
    """Whether each edge of the box changes by itself."""
    cutoff_angstrom: float | None = None
    """Direct-space cutoff [Å] where there is a box; None takes 8."""
    lj_tail: bool = True
    """Whether the Lennard-Jones tail beyond the cutoff is added."""
    needs_box: bool = False
    """Whether settings of the Ewald sum were given, which mean nothing without a box."""
    ewald_per_angstrom: float | None = None
    """Ewald coefficient [1/Å]; None derives it from the tolerance."""
    direct_tolerance: float = 1e-5
    """Error of the direct sum at the cutoff."""
    pme_grid: tuple[int, int, int] | None = None
    """Points of the PME grid; None derives them from the box."""
    constraints: bool = False
    """Whether water and bonds to hydrogen outside the ML region are rigid."""
    constraint_tolerance: float = 1e-5
    """Relative tolerance of constraints."""
    restraint_mask: str | None = None
    """Atoms restrained to reference positions."""
    restraint_kcal_per_angstrom2: float = 0.0
    """k of k·d² [kcal/mol/Å²]."""
    restraint_file: str | None = None
    """Path of a file of &rst restraints."""
    print_interval: int = 50
    """Steps between blocks of mdout."""
    frame_interval: int = 0
    """Steps between frames; 0 writes none."""
    frame_velocities: bool = False
    """Whether frames hold velocities."""
    velocity_interval: int = 0
    """Steps between frames of a file of velocities alone; 0 writes none."""
    restart_interval: int = 5000
    """Steps between restart files."""
    wrap: bool = False
    """Whether written coordinates are wrapped into the box."""
    text_restart: bool = False
    """Whether the restart is text instead of NetCDF."""
    coupling: Coupling | None = None
    """The state of a coupling path."""
    notes: tuple[str, ...] = ()
    """What mdout says about these settings, such as keys that do nothing here."""


def long_step_notes(settings: MdSettings) -> tuple[str, ...]:
    """Return the note on a time step that is long for the free bonds of the ML region, if it is."""
    if settings.ml.constraints or not settings.constraints:
        return ()
    if settings.timestep_ps <= LONGEST_FREE_PS:
        return ()
    return (
        f"dt={settings.timestep_ps:g} with mlp_shake=0: bonds to hydrogen in the ML region are "
        "free, which needs hydrogens of a larger mass, or mlp_shake=1",
    )
