# SPDX-License-Identifier: MIT
"""`merrow.simulate` and `merrow.validate_nve`: dynamics of AMBER files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from merrow.api.showing import JobResult, Told, listener
from merrow.hydration.asked import minutes_of
from merrow.md.nve.runs import NveRequest
from merrow.md.nve.validate import validate_nve as run_nve
from merrow.md.simulate import SimulationResult
from merrow.md.simulate import simulate as run_simulation
from merrow.md.simulate_config import SimulationConfig
from merrow.settings import one_of


def simulate(
    prmtop: str | Path,
    inpcrd: str | Path,
    *,
    ml_mask: str,
    out: str | Path,
    potential: str = "ani2x",
    weights: str | Path | None = None,
    mm_reference: bool = False,
    length_ps: float = 1000.0,
    chunk_ps: float = 50.0,
    equilibration_ps: float = 200.0,
    frame_interval_ps: float = 1.0,
    timestep_ps: float = 0.002,
    temperature_k: float = 300.0,
    pressure_bar: float = 1.0,
    friction_per_ps: float = 2.0,
    cutoff_angstrom: float = 9.0,
    minimisation: int = 1000,
    restraint_kcal_per_angstrom2: float = 5.0,
    seed: int = 2025,
    platform: str = "auto",
    mm_kernel: str = "auto",
    max_time: str | float | None = None,
    progress: Told = False,
) -> SimulationResult:
    """Minimise, heat, equilibrate and run production, as `merrow simulate` does; resumable.

    Args:
        prmtop, inpcrd: Topology and coordinates of the solvated system.
        ml_mask, potential, weights: AMBER mask of the ML region, its potential, weights file.
        out: Run folder; resumed if it exists.
        mm_reference: Whether the same simulation is also run with MM alone.
        length_ps, chunk_ps, equilibration_ps, frame_interval_ps, timestep_ps: Production, one
            production file, equilibration, interval between frames, and time step [ps].
        temperature_k, pressure_bar, friction_per_ps: Temperature [K], pressure [bar], friction
            [1/ps].
        cutoff_angstrom, minimisation: Cutoff [Å]; maximum number of minimisation steps.
        restraint_kcal_per_angstrom2: Force constant k in k·d² during heating [kcal/mol/Å²].
        seed, platform: Random seed; OpenMM platform.
        mm_kernel: Nonbonded forces: "auto", "openmm" or "native".
        max_time: Start no stage that would end later: minutes, or such as "45m", "12h".
        progress: True shows progress; a function receives every `merrow.Progress`.

    Returns:
        Production trajectories by leg.

    Raises:
        InputError: Files or settings are wrong, or the folder contains another simulation.
        IncompleteError: Time limit reached, or interrupted; the same call resumes the run.
        NumericsError: A stage blew up.
    """
    asked = {key: value for key, value in locals().items() if key in SimulationConfig.model_fields}
    files = {"prmtop": prmtop, "inpcrd": inpcrd, "weights": weights}
    paths = {key: str(Path(path).resolve()) for key, path in files.items() if path is not None}
    config = SimulationConfig.checked({**asked, **paths}, source="merrow.simulate")
    with listener(progress) as listen:
        return run_simulation(config, Path(out), minutes=minutes_of(max_time), listen=listen)


def validate_nve(
    prmtop: str | Path,
    inpcrd: str | Path,
    *,
    ml_mask: str,
    out: str | Path | None = None,
    potential: str = "ani2x",
    weights: str | Path | None = None,
    time: float = 5.0,
    dt: Sequence[float] = (0.25, 0.5, 1.0),
    water: Literal["rigid", "flexible"] = "rigid",
    precision: Literal["float32", "float64"] = "float32",
    platform: str = "Reference",
    temperature: float = 300.0,
    cutoff: float | None = None,
    seed: int = 1,
    progress: Told = False,
) -> JobResult:
    """Test energy conservation in NVE dynamics, as `merrow validate nve` does.

    Args:
        prmtop, inpcrd: Topology; coordinates, with or without velocities.
        ml_mask, potential, weights: AMBER mask of the ML region, its potential, weights file.
        out: Folder for the report, nve.html and nve.json; None writes no files.
        time, dt: Length of each trajectory [ps]; time steps [fs].
        water: "rigid" or "flexible"; with flexible water nothing is constrained.
        precision, platform: Precision of the network; OpenMM platform (Reference is double).
        temperature, seed: Temperature [K] and seed of velocities, if the file has none.
        cutoff: Direct-space cutoff in a box [Å]; None for 9.
        progress: True prints progress; a function receives every `merrow.Progress`.

    Returns:
        The report; `["passed"]` tells whether all checks passed, and the table lists them.

    Raises:
        InputError: The files or the arguments do not fit together.
        NumericsError: A trajectory blew up.
    """
    request = NveRequest(
        prmtop=Path(prmtop),
        inpcrd=Path(inpcrd),
        ml_mask=ml_mask,
        potential=potential,
        weights=None if weights is None else Path(weights),
        time_ps=time,
        timesteps_fs=tuple(dt),
        rigid_water=one_of("water", water, ("rigid", "flexible")) == "rigid",
        precision=one_of("precision", precision, ("float32", "float64")),
        platform=platform,
        temperature_k=temperature,
        cutoff_angstrom=cutoff,
        seed=seed,
    )
    with listener(progress) as listen:
        found = run_nve(request, listen, out=None if out is None else Path(out))
    checks: Any = found["checks"]
    verdict = "passed" if found["passed"] else "not passed"
    return JobResult(f"Constant energy with {potential}: {verdict}", found, tuple(checks))
