# SPDX-License-Identifier: MIT
"""Settings of a minimisation or MD run, in AMBER's units.

`from_mdin` reads them from a sander input; the defaults are those of its keys.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from merrow.mdin.mlp import MlSettings
from merrow.settings import Settings

THERMOSTATS: Final = {0: "none", 2: "andersen", 3: "langevin", 11: "bussi"}
"""Thermostat by sander's ntt."""
HEAT_THE_WHOLE: Final = ("langevin", "andersen")
"""Thermostats that heat the motion as a whole too."""
LONGEST_FREE_PS: Final = 0.001
"""Longest time step [ps] with flexible bonds to hydrogen of natural mass."""
GridPoints = Annotated[int, Field(ge=6)]


class Coupling(Settings):
    """A state on the alchemical coupling path; 1 is coupled, 0 decoupled."""

    charges_mask: str
    """Atoms whose charges are decoupled; empty with two-file input of sander."""
    lj_mask: str
    """Atoms whose Lennard-Jones interactions are decoupled, or empty."""
    clambda: float = Field(ge=0, le=1)
    """AMBER's λ, 0 coupled."""


class MdSettings(Settings):
    """Settings of a minimisation or MD run."""

    ml: MlSettings
    """The ML region and its potential."""
    source: Path = Path("mdin")
    """The input file, named in messages and mdout."""
    text: str = ""
    """Content of the input file, repeated in mdout."""
    title: str = ""
    """Title of mdout, trajectory and restart."""
    minimise: bool = False
    """Whether to minimise instead of running MD."""
    steps: int = Field(1, ge=1)
    """Number of MD steps, or maximum number of minimisation steps."""
    gradient_kcal_per_angstrom: float = Field(1e-4, ge=1e-8)
    """RMS gradient at which minimisation ends [kcal/mol/Å]."""
    timestep_ps: float = Field(0.001, ge=1e-6, le=0.004)
    """Time step [ps]."""
    start_time_ps: float = 0.0
    """Time at the start [ps] of a run that is not continued."""
    goes_on: bool = False
    """Whether velocities and time of the restart file are used."""
    initial_temperature_k: float = Field(0.0, ge=0)
    """Temperature of the initial velocities [K]; 0 starts at rest."""
    com_removal_interval: int = Field(1000, ge=0)
    """Steps between removals of the centre-of-mass motion; 0 for never."""
    thermostat: Literal["none", "andersen", "langevin", "bussi"] = "none"
    """Thermostat."""
    temperature_k: float = Field(300.0, ge=0)
    """Temperature [K]."""
    friction_per_ps: float = Field(0.0, ge=0)
    """Langevin friction [1/ps]."""
    coupling_time_ps: float = Field(1.0, ge=1e-3)
    """Coupling time of the Bussi thermostat [ps]."""
    collision_interval: int = Field(1000, ge=1)
    """Steps between velocity randomisations by the Andersen thermostat."""
    seed: int = 71277
    """Random seed; -1 takes one from the clock."""
    periodic: bool | None = None
    """Whether there is a box; None if the prmtop decides."""
    pressure_bar: float | None = Field(None, ge=-1000, le=100_000)
    """Pressure [bar]; None for constant volume."""
    barostat_interval: int = Field(100, ge=1)
    """Steps between attempted volume changes."""
    anisotropic: bool = False
    """Whether the edges of the box change independently."""
    cutoff_angstrom: float | None = Field(None, ge=4)
    """Direct-space cutoff [Å] with a box; None for 8."""
    lj_tail: bool = True
    """Whether the Lennard-Jones tail correction is added."""
    needs_box: bool = False
    """Whether Ewald settings were given, which need a box."""
    ewald_per_angstrom: float | None = Field(None, ge=0.01)
    """Ewald coefficient [1/Å]; None to derive it from the tolerance."""
    direct_tolerance: float = Field(1e-5, ge=1e-12, le=0.01)
    """Direct-sum tolerance at the cutoff."""
    pme_grid: tuple[GridPoints, GridPoints, GridPoints] | None = None
    """PME grid points; None to derive them from the box."""
    constraints: bool = False
    """Whether water and bonds to hydrogen outside the ML region are rigid."""
    constraint_tolerance: float = Field(1e-5, ge=1e-12, le=1e-3)
    """Relative tolerance of constraints."""
    restraint_mask: str | None = None
    """Mask of the atoms restrained to reference positions."""
    restraint_kcal_per_angstrom2: float = Field(0.0, ge=0)
    """Force constant k in k·d² [kcal/mol/Å²]."""
    restraint_file: str | None = None
    """Path of a file with &rst restraints."""
    print_interval: int = Field(50, ge=1)
    """Steps between blocks of mdout."""
    frame_interval: int = Field(0, ge=0)
    """Steps between frames; 0 for none."""
    frame_velocities: bool = False
    """Whether frames include velocities."""
    velocity_interval: int = Field(0, ge=0)
    """Steps between frames of a separate velocity file; 0 for none."""
    restart_interval: int = Field(5000, ge=1)
    """Steps between restart files."""
    wrap: bool = False
    """Whether written coordinates are wrapped into the box."""
    text_restart: bool = False
    """Whether the restart file is ASCII instead of NetCDF."""
    coupling: Coupling | None = None
    """The state on the alchemical coupling path."""
    notes: tuple[str, ...] = ()
    """Notes for mdout on these settings, such as keys without effect."""

    @model_validator(mode="after")
    def _fit_together(self) -> MdSettings:
        """Refuse settings that contradict each other, as `from_mdin` does with the keys."""
        for wrong, told in (*_of_minimisation(self), *_of_dynamics(self), *_of_places(self)):
            if wrong:
                raise ValueError(told)
        return self


Rules = tuple[tuple[bool, str], ...]
"""What is wrong, and what to do."""


def _of_minimisation(s: MdSettings) -> Rules:
    return (
        (
            s.minimise and s.goes_on,
            "a minimisation has no velocities to begin with; leave goes_on out",
        ),
        (
            s.minimise and s.pressure_bar is not None,
            "a minimisation is at constant volume; leave pressure_bar out",
        ),
        (s.minimise and s.coupling is not None, "coupling needs dynamics; leave minimise out"),
    )


def _of_dynamics(s: MdSettings) -> Rules:
    every, volume = s.restart_interval, s.barostat_interval
    flexible = not s.minimise and not s.constraints and s.timestep_ps > LONGEST_FREE_PS
    heated, pressed = s.thermostat != "none", s.pressure_bar is not None
    return (
        (
            s.thermostat == "langevin" and not s.friction_per_ps,
            "thermostat='langevin' needs friction_per_ps, such as 2.0",
        ),
        (
            s.thermostat != "langevin" and s.friction_per_ps > 0,
            "friction_per_ps needs thermostat='langevin'; set it or leave friction_per_ps out",
        ),
        (
            heated and not s.minimise and not s.temperature_k,
            "temperature_k=0 leaves the thermostat nothing to do; give minimise=True instead",
        ),
        (
            pressed and not heated,
            "pressure_bar needs a thermostat; give thermostat='langevin' and friction_per_ps=2.0",
        ),
        (pressed and s.periodic is False, "pressure_bar needs a box; leave periodic=False out"),
        (
            pressed and s.steps > every and every % volume != 0,
            f"restart_interval={every} should be a multiple of barostat_interval={volume}: every "
            "restart resets the count of the barostat",
        ),
        (s.anisotropic and not pressed, "anisotropic needs pressure_bar"),
        (
            flexible,
            f"timestep_ps={s.timestep_ps:g} is too long for flexible bonds to hydrogen; give "
            f"constraints=True, or timestep_ps={LONGEST_FREE_PS:g}",
        ),
        (
            s.ml.constraints and not s.constraints,
            "ml.constraints needs constraints=True; set it or leave ml.constraints out",
        ),
    )


def _of_places(s: MdSettings) -> Rules:
    wall = s.ml.confinement
    fixed = wall is not None and not wall.follow
    return (
        (
            s.restraint_mask is not None and not s.restraint_kcal_per_angstrom2,
            "restraint_mask needs restraint_kcal_per_angstrom2 above 0",
        ),
        (
            s.restraint_mask is None and s.restraint_kcal_per_angstrom2 > 0,
            "restraint_kcal_per_angstrom2 needs restraint_mask, the atoms that it holds",
        ),
        (s.frame_velocities and not s.frame_interval, "frame_velocities needs frame_interval"),
        (
            s.wrap and fixed,
            "the fixed centre of ml.confinement would not follow wrapped coordinates; leave wrap "
            "out, or give the confinement follow=True",
        ),
        (
            s.text_restart and fixed,
            "text restarts do not hold the fixed centre of ml.confinement; leave text_restart out, "
            "or give the confinement follow=True",
        ),
    )


def drift_removal(settings: MdSettings) -> int:
    """Return the steps between removals of the motion as a whole; 0 where it is not free."""
    if settings.thermostat in HEAT_THE_WHOLE or held_in_space(settings):
        return 0
    return settings.com_removal_interval


def held_in_space(settings: MdSettings) -> str:
    """Return what refers to places in space; "" if nothing does."""
    if settings.restraint_mask is not None:
        return "ntr=1"
    wall = settings.ml.confinement
    return "" if wall is None or wall.follow else "mlp_confine=1"


def long_step_notes(settings: MdSettings) -> tuple[str, ...]:
    """Return a note if the time step is long for flexible bonds in the ML region."""
    if settings.ml.constraints or not settings.constraints:
        return ()
    if settings.timestep_ps <= LONGEST_FREE_PS:
        return ()
    return (
        f"dt={settings.timestep_ps:g} with mlp_shake=0: bonds to hydrogen in the ML region are "
        "flexible, which needs heavier hydrogens, or mlp_shake=1",
    )
