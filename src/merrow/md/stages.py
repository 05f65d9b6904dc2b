# SPDX-License-Identifier: MIT
"""Stages of a simulation: minimisation, heating, equilibration, production.

Each has the settings of a run and the equivalent sander input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from merrow.md.settings import MdSettings, long_step_notes
from merrow.md.simulate_config import HEATING, RESTRAINED, RIGID_FROM, SimulationConfig
from merrow.mdin.mlp import MlSettings

LEGS: Final = {"ml_mm": "ML/MM", "mm": "MM"}
WARMER: Final = (1 / 3, 2 / 3, 1.0)
"""Temperatures of the heating, as fractions of the final one."""
WEAKER: Final = 0.2
"""Fraction of the restraint kept at constant pressure, where its fixed points do not scale."""
BLOCKS: Final = 100
"""Maximum number of mdout blocks in a stage."""


@dataclass(frozen=True)
class Stage:
    """One run of a simulation.

    Attributes:
        name: Name of its files.
        settings: Settings of the run.
        production_ps: Length that it adds to the production [ps].
    """

    name: str
    settings: MdSettings
    production_ps: float = 0.0


def stages(config: SimulationConfig, leg: str, held: str) -> Iterator[Stage]:
    """Yield all stages of a leg.

    Args:
        config: Configuration.
        leg: One of `LEGS`.
        held: Mask of the restrained atoms.
    """

    def stage(name: str, *, hold: float = 0.0, time: float = 0.0, **own: Any) -> Stage:
        if hold and config.restraint_kcal_per_angstrom2:
            own |= {
                "restraint_mask": held,
                "restraint_kcal_per_angstrom2": _as_told(
                    hold * config.restraint_kcal_per_angstrom2
                ),
            }
        if not own.get("minimise"):
            own |= {
                "timestep_ps": _as_told(config.timestep_ps),
                "thermostat": "langevin",
                "friction_per_ps": _as_told(config.friction_per_ps),
                "seed": config.seed,
                "restart_interval": own["steps"],
            }
        settings = MdSettings(
            title=f"{LEGS[leg]} {name}",
            ml=_ml_region(config, leg),
            periodic=True,
            cutoff_angstrom=_as_told(config.cutoff_angstrom),
            constraints=True,
            print_interval=max(1, own["steps"] // BLOCKS),
            **own,
        )
        more = {"text": sander_input(settings), "notes": long_step_notes(settings)}
        return Stage(name, settings.model_copy(update=more), time)

    n = config.minimisation
    yield stage("01-min-restrained", hold=1.0, minimise=True, steps=n)
    yield stage("02-min", minimise=True, steps=n)
    n = config.steps(config.equilibration_ps * HEATING / len(WARMER))
    for k, part in enumerate(WARMER):
        warm = _as_told(config.temperature_k * part)
        begin = {"goes_on": True} if k else {"initial_temperature_k": warm}
        yield stage(f"{3 + k:02d}-heat", hold=1.0, steps=n, temperature_k=warm, **begin)
    press = {
        "goes_on": True,
        "pressure_bar": _as_told(config.pressure_bar),
        "temperature_k": _as_told(config.temperature_k),
    }
    n = config.steps(config.equilibration_ps * RESTRAINED)
    yield stage("06-npt-restrained", hold=WEAKER, steps=n, **press)
    n = config.steps(config.equilibration_ps * (1.0 - HEATING - RESTRAINED))
    yield stage("07-npt", steps=n, **press)
    n, every = config.steps(config.chunk_ps), config.steps(config.frame_interval_ps)
    for k in range(config.n_chunks):
        length = n * config.timestep_ps
        yield stage(f"prod-{k + 1:04d}", time=length, steps=n, frame_interval=every, **press)


def sander_input(s: MdSettings) -> str:
    """Return the sander input of a stage, which `merrow md` reads as the same settings."""
    if s.minimise:
        own = [f"imin=1, maxcyc={s.steps}, ntpr={s.print_interval}, ntb=1"]
    else:
        begin = f"irest=0, ntx=1, tempi={s.initial_temperature_k:g}"
        own = ["irest=1, ntx=5" if s.goes_on else begin]
        own += ["ntb=1" if s.pressure_bar is None else f"ntb=2, ntp=1, pres0={s.pressure_bar:g}"]
        own += [f"temp0={s.temperature_k:g}, nstlim={s.steps}"]
        own += [f"ntpr={s.print_interval}, ntwr={s.restart_interval}"]
        own += [f"ntwx={s.frame_interval}"] if s.frame_interval else []
    shared = [f"cut={s.cutoff_angstrom:g}, ntc=2, ntf=2, ifmlp=1"]
    if not s.minimise:
        shared += [f"dt={s.timestep_ps:g}, ntt=3, gamma_ln={s.friction_per_ps:g}, ig={s.seed}"]
    if s.restraint_mask:
        weight = f"restraint_wt={s.restraint_kcal_per_angstrom2:g}"
        shared[-1] += f",\n  ntr=1, {weight}, restraintmask='{s.restraint_mask}'"
    mlp = [f"animask={_quoted(s.ml.mask)}, potential={_quoted(s.ml.potential)}"]
    mlp += [f"weights={_quoted(s.ml.weights)}"] if s.ml.weights else []
    mlp += ["mlp_shake=1"] if s.ml.constraints else []
    lines = [s.title, " &cntrl", f"  {', '.join(own)},", f"  {', '.join(shared)},", " /"]
    return "\n".join([*lines, " &mlp", f"  {', '.join(mlp)},", " /", ""])


def _ml_region(config: SimulationConfig, leg: str) -> MlSettings:
    rigid = config.timestep_ps >= RIGID_FROM
    if leg == "mm":
        return MlSettings(mask=config.ml_mask, potential="mm", constraints=rigid)
    return MlSettings(
        mask=config.ml_mask, potential=config.potential, weights=config.weights, constraints=rigid
    )


def _as_told(value: float) -> float:
    """Return a number rounded to its digits in the sander input."""
    return float(f"{value:g}")


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"
