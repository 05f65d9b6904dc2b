# SPDX-License-Identifier: MIT
"""How do prepared files become a trajectory? Minimise, heat, relax the box, produce; ML/MM and MM.

Every stage is a sander input of its own that stands in the folder and can be run again by
`merrow md`. A stage is computed beside and moved when it is whole, its restart file last: what has
its name is done, and a killed run begins its last stage anew, with the same numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from merrow.amber.topology import AmberTopology, read_topology
from merrow.ambertools.masks import number_list
from merrow.errors import IncompleteError, InputError
from merrow.files import atomic_write
from merrow.folders import first_difference, locked, occupied, text_of
from merrow.md.run import MdOutputs, MdProgress, run_md
from merrow.md.setup import MdInputs, prepare_md
from merrow.md.simulate_config import HEATING, RESTRAINED, RIGID_FROM, SimulationConfig
from merrow.progress import Listener, Report
from merrow.trajectories import dry_atoms, pieces

RUN_FILE: Final = "simulate.yaml"
LEGS: Final = {"ml_mm": "ML/MM", "mm": "MM"}
WARMER: Final = (1 / 3, 2 / 3, 1.0)
"""Temperatures of the heating, as parts of the final one."""
WEAKER: Final = 0.2
"""Part of the restraint that is left at constant pressure: the box moves past its fixed points."""
BLOCKS: Final = 100
"""Blocks of mdout in one stage, at most."""


@dataclass(frozen=True)
class Stage:
    """One sander input.

    Attributes:
        name: Of its files.
        cntrl: What stands in &cntrl, without what all stages share.
        steps: How many it has, at most.
        hold: Part of the restraint that holds the solute's heavy atoms where they were prepared.
        time: What it adds to the trajectory [ps].
    """

    name: str
    cntrl: str
    steps: int
    hold: float = 0.0
    time: float = 0.0


@dataclass(frozen=True)
class SimulationResult:
    """Trajectories of the production by leg, and of how long they are [ps]."""

    trajectories: dict[str, tuple[Path, ...]]
    length: float


def simulate(
    config: SimulationConfig,
    folder: Path,
    *,
    minutes: float | None = None,
    listen: Listener | None = None,
) -> SimulationResult:
    """Run all stages that are missing.

    Args:
        config: What is asked; paths are relative to the working folder.
        folder: Where everything is written, or goes on.
        minutes: Begin no further stage that would not end in this time; None means no limit.
        listen: Told how far it is.

    Raises:
        InputError: The files are wrong, or the folder holds another simulation.
        IncompleteError: The time was up, or it was interrupted; the same command goes on.
        NumericsError: A stage blew up.
    """
    topology = read_topology(config.prmtop)
    if not topology.has_box:
        raise InputError(f"{config.prmtop} has no box: give the solvated system.")
    if not _begun(folder, config):
        _try(config, topology)
    with locked(folder):
        atomic_write(folder / RUN_FILE, config.to_yaml())
        clock = _Clock(minutes)
        jobs = list(_jobs(config))
        missing = [job for job in jobs if not (folder / job[0] / f"{job[1].name}.rst").exists()]
        total, left = (sum(stage.steps for _, stage, _ in some) for some in (jobs, missing))
        meter = _Meter(total, total - left)
        held = held_mask(topology)
        for k, (leg, stage, before) in enumerate(missing):
            clock.check(folder, missing[k:])
            told = partial(meter.tell, listen or _silent, f"{LEGS[leg]} {stage.name}")
            _run(config, held, folder / leg, stage, before, told)
            clock.passed()
            meter.add(stage.steps)
    found = {leg: pieces(folder / leg) for leg in _legs(config)}
    return SimulationResult(found, config.n_chunks * config.steps(config.chunk) * config.timestep)


def stages(config: SimulationConfig) -> Iterator[Stage]:
    """Yield everything before the production."""
    minimise = f"imin=1, maxcyc={config.minimisation}, ntpr={_often(config.minimisation)}, ntb=1"
    yield Stage("01-min-restrained", minimise, config.minimisation, hold=1.0)
    yield Stage("02-min", minimise, config.minimisation)
    warm = config.steps(config.equilibration * HEATING / len(WARMER))
    for k, part in enumerate(WARMER):
        begin = "irest=1, ntx=5" if k else f"irest=0, ntx=1, tempi={config.temperature * part:g}"
        cntrl = f"{begin}, ntb=1, temp0={config.temperature * part:g}, {_steps(warm)}"
        yield Stage(f"{3 + k:02d}-heat", cntrl, warm, hold=1.0)
    press = f"irest=1, ntx=5, ntb=2, ntp=1, pres0={config.pressure:g}, temp0={config.temperature:g}"
    held = config.steps(config.equilibration * RESTRAINED)
    free = config.steps(config.equilibration * (1.0 - HEATING - RESTRAINED))
    yield Stage("06-npt-restrained", f"{press}, {_steps(held)}", held, hold=WEAKER)
    yield Stage("07-npt", f"{press}, {_steps(free)}", free)
    chunk, frames = config.steps(config.chunk), config.steps(config.frame_interval)
    for k in range(config.n_chunks):
        cntrl = f"{press}, {_steps(chunk)}, ntwx={frames}"
        yield Stage(f"prod-{k + 1:04d}", cntrl, chunk, time=chunk * config.timestep)


def mdin(config: SimulationConfig, leg: str, stage: Stage, held: str) -> str:
    """Return the sander input of a stage.

    Args:
        config: What is asked.
        leg: One of `LEGS`.
        stage: The stage.
        held: Mask of the atoms that restraints hold.
    """
    shared = f"cut={config.cutoff:g}, ntc=2, ntf=2, ifmlp=1"
    if "imin=1" not in stage.cntrl:
        shared += f", dt={config.timestep:g}, ntt=3, gamma_ln={config.friction:g}, ig={config.seed}"
    if stage.hold:
        weight = stage.hold * config.restraint
        shared += f",\n  ntr=1, restraint_wt={weight:g}, restraintmask='{held}'"
    own = [f"animask={_quoted(config.ml_mask)}"]
    if leg == "mm":
        own.append("potential='mm'")
    else:
        own.append(f"potential={_quoted(config.potential)}")
        own += [f"weights={_quoted(config.weights)}"] if config.weights else []
    if config.timestep >= RIGID_FROM:
        own.append("mlp_shake=1")
    return (
        f"{LEGS[leg]} {stage.name}\n &cntrl\n  {stage.cntrl},\n  {shared},\n /\n"
        f" &mlp\n  {', '.join(own)},\n /\n"
    )


def held_mask(topology: AmberTopology) -> str:
    """Return the mask of the heavy atoms that are neither water nor ions."""
    residues = np.unique(topology.residue_index[dry_atoms(topology)]) + 1
    return f":{number_list(residues.tolist())}&!@H="


def _legs(config: SimulationConfig) -> tuple[str, ...]:
    return tuple(LEGS) if config.control else ("ml_mm",)


def _jobs(config: SimulationConfig) -> Iterator[tuple[str, Stage, str | None]]:
    """Yield leg, stage and name of the stage before, both legs side by side."""
    before: str | None = None
    for stage in stages(config):
        for leg in _legs(config):
            yield leg, stage, before
        before = stage.name


def _run(
    config: SimulationConfig,
    held: str,
    folder: Path,
    stage: Stage,
    before: str | None,
    listen: Callable[[MdProgress], None],
) -> None:
    """Compute one stage beside, and move its files when it is whole."""
    work = folder / "unfinished"
    work.mkdir(parents=True, exist_ok=True)
    names = {"mdout": ".out", "restrt": ".rst", "mdcrd": ".nc", "mdinfo": ".info"}
    beside = {key: work / f"{stage.name}{end}" for key, end in names.items()}
    rare = {"mdvel": work / "velocities.nc", "mdspread": work / "spread.nc"}
    text = folder / f"{stage.name}.in"
    atomic_write(text, mdin(config, folder.name, stage, held))
    begin = config.inpcrd if before is None else folder / f"{before}.rst"
    run_md(
        text,
        config.prmtop,
        begin,
        outputs=MdOutputs(**beside, **rare),
        reference=config.inpcrd if stage.hold else None,
        overwrite=True,
        platform=config.platform,
        listen=listen,
    )
    for key in ("mdout", "mdinfo", "mdcrd", "restrt"):  # the restart file last: it says "done"
        if beside[key].exists():
            beside[key].replace(folder / beside[key].name)
    for path in work.iterdir():
        path.unlink()
    work.rmdir()


class _Clock:
    """Says when no further stage should begin; a stage takes as long as the longest so far."""

    def __init__(self, minutes: float | None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60.0 * minutes
        self._began = time.monotonic()
        self._longest = 0.0

    def check(self, folder: Path, left: list[tuple[str, Stage, str | None]]) -> None:
        self._began = time.monotonic()
        if self._end is None or not self._longest or self._began + self._longest <= self._end:
            return
        missing = max(sum(s.time for leg, s, _ in left if leg == name) for name in LEGS)
        raise IncompleteError(
            f"the time is up: {len(left)} stages are left in {folder}, with {missing:g} ps of "
            "production; run the same command again to go on."
        )

    def passed(self) -> None:
        self._longest = max(self._longest, time.monotonic() - self._began)


def _try(config: SimulationConfig, topology: AmberTopology) -> None:
    """Build what the first stage of each leg simulates, so that nothing is written if it is wrong.

    Raises:
        InputError: The files or the settings are wrong.
    """
    stage = next(stages(config))
    with TemporaryDirectory(prefix="merrow-simulate-") as scratch:
        for leg in _legs(config):
            path = Path(scratch) / f"{stage.name}.in"
            path.write_text(mdin(config, leg, stage, held_mask(topology)), encoding="utf-8")
            start = Path(config.inpcrd)
            prepare_md(MdInputs(path, Path(config.prmtop), start, start), platform=config.platform)


def _begun(folder: Path, config: SimulationConfig) -> bool:
    """Tell whether a folder holds this simulation; refuse one that holds something else.

    Raises:
        InputError: It does.
    """
    if not occupied(folder, RUN_FILE, "simulation"):
        return False
    path, free = folder / RUN_FILE, {"length", "platform"}
    there = SimulationConfig.from_yaml(text_of(path), source=str(path))
    old, new = (each.model_dump(exclude=free) for each in (there, config))
    if differing := first_difference(old, new):
        raise InputError(f"{folder} holds another simulation: {differing}; choose another --out.")
    return True


class _Meter:
    """Says how far everything is, in steps, and how long the rest takes at the pace so far."""

    def __init__(self, total: int, done: int) -> None:
        self._total, self._first, self._done = total, done, done
        self._began = time.monotonic()

    def add(self, steps: int) -> None:
        self._done += steps

    def tell(self, listen: Listener, stage: str, progress: MdProgress) -> None:
        done = self._done + progress.done
        passed, new = time.monotonic() - self._began, done - self._first
        remaining = passed / new * (self._total - done) if new else None
        listen(Report(stage, done / self._total, remaining_s=remaining))


def _silent(_report: Report) -> None:
    """Tell nobody."""


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


def _steps(steps: int) -> str:
    return f"nstlim={steps}, ntpr={_often(steps)}, ntwr={steps}"


def _often(steps: int) -> int:
    return max(1, steps // BLOCKS)
