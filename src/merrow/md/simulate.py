# SPDX-License-Identifier: MIT
"""A simulation from prepared files to production: minimise, heat, equilibrate, produce.

The sander input of every stage is in the folder, and `merrow md` can run it again. A stage is
computed in a temporary folder and moved when complete, its restart file last, so a stage with a
restart file is done; a killed run repeats its last stage, with the same numbers.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from merrow.amber.topology import AmberTopology, read_topology
from merrow.ambertools.masks import number_list
from merrow.engine.platforms import AUTO, chosen_platform
from merrow.errors import IncompleteError, InputError
from merrow.files import atomic_write, sweep
from merrow.folders import resumes, text_of
from merrow.locks import locked
from merrow.md.begun_with import check_files, check_potential, keep
from merrow.md.run import MdOutputs, run_setup
from merrow.md.settings import MdSettings
from merrow.md.setup import MdInputs, MdSetup, prepare_md
from merrow.md.simulate_config import SimulationConfig
from merrow.md.stages import LEGS, Stage, stages
from merrow.native import MmKernel
from merrow.potentials.placement import Placed
from merrow.potentials.registry import located
from merrow.progress import Listener, Progress, TimeLimit, silent
from merrow.report.notebook import html_table
from merrow.settings import Placement
from merrow.trajectories import dry_atoms, pieces

if TYPE_CHECKING:
    import pandas as pd

RUN_FILE: Final = "simulate.yaml"
PLACEMENT_FILE: Final = "placement.yaml"
"""Where the network computes, if that was a choice; a simulation that is resumed keeps it."""


@dataclass(frozen=True)
class Job:
    """A stage of a leg, and the name of the stage before it."""

    leg: str
    stage: Stage
    before: str | None

    def restart(self, folder: Path) -> Path:
        """Return the restart file, which marks the stage as done."""
        return folder / self.leg / f"{self.stage.name}.rst"


@dataclass(frozen=True)
class SimulationResult:
    """Result of a simulation.

    Attributes:
        trajectories: Production files, by leg ("ml_mm", "mm").
        length: Length of each leg [ps].
        ml_device: Torch device of the network, chosen at the start of the simulation; None without
            a choice (each mdout names the device).
        ml_device_ms: Time of a call on each tested device [ms]; None if it failed.
    """

    trajectories: dict[str, tuple[Path, ...]]
    length: float
    ml_device: str | None = None
    ml_device_ms: dict[str, float | None] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return files, length, and where the network computes as JSON."""
        files = {leg: [str(path) for path in paths] for leg, paths in self.trajectories.items()}
        data = {
            "length_ps": self.length,
            "ml_device": self.ml_device,
            "ml_device_ms": self.ml_device_ms,
            "trajectories": files,
        }
        return json.dumps(data, indent=2) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per production file: leg and file."""
        import pandas as pd  # noqa: PLC0415

        rows = [(leg, str(path)) for leg, paths in self.trajectories.items() for path in paths]
        return pd.DataFrame(rows, columns=["leg", "file"])

    def _repr_html_(self) -> str:
        return html_table(f"{self.length:g} ps of production", self.to_frame())


def simulate(
    config: SimulationConfig,
    folder: Path,
    *,
    minutes: float | None = None,
    listen: Listener = silent,
) -> SimulationResult:
    """Run all remaining stages.

    Args:
        config: Configuration; paths are relative to the working folder.
        folder: Run folder; resumed if it exists.
        minutes: Start no stage that would not end within this time [min]; None for no limit.
        listen: Called with the progress.

    Raises:
        InputError: The files are wrong, or the folder contains another simulation.
        IncompleteError: Time limit reached, or interrupted; the same command resumes it.
        NumericsError: A stage blew up.
    """
    if minutes is not None and not 0.0 < minutes < math.inf:
        raise InputError(f"--max-minutes should be a number above 0, got {minutes:g}.")
    config, topology, jobs = plan_simulation(config, folder)
    config, setups = with_choices(config, topology, jobs, folder)
    setups = setups or _next_setup(config, topology, jobs, folder)
    identity = setups["ml_mm"].potential.identity if setups else None
    with locked(folder):
        sweep(folder)
        atomic_write(folder / RUN_FILE, config.to_yaml())
        keep(config, folder, identity)
        limit, longest = TimeLimit.after(None if minutes is None else 60.0 * minutes), 0.0
        missing = [job for job in jobs if not job.restart(folder).exists()]
        total, left = (sum(job.stage.settings.steps for job in some) for some in (jobs, missing))
        meter = _Meter(total, total - left)
        if setups:
            _keep(folder, setups["ml_mm"].placed.where)
        loaded = {leg: setup.placed for leg, setup in setups.items()}
        del setups
        for k, job in enumerate(missing):
            if longest and limit.passed(ahead_s=longest):  # a stage may take as long as any so far
                raise _time_is_up(folder, missing[k:])
            began, settings = time.monotonic(), job.stage.settings
            told = partial(meter.tell, listen, settings)
            known = loaded.get(job.leg)
            loaded[job.leg] = _run(config, topology, folder / job.leg, job, known, told)
            longest = max(longest, time.monotonic() - began)
            meter.done += settings.steps
    found = {job.leg: pieces(folder / job.leg) for job in jobs}
    length = config.n_chunks * config.steps(config.chunk_ps) * config.timestep_ps
    where = _kept(folder)
    if where is None:
        return SimulationResult(found, length)
    return SimulationResult(found, length, where.device, where.call_ms)


def plan_simulation(
    config: SimulationConfig, folder: Path
) -> tuple[SimulationConfig, AmberTopology, list[Job]]:
    """Return the settings with the platform chosen, the topology, and all stages.

    A simulation continues on its first platform, unless another one is requested. The path of a
    potential becomes absolute.

    Raises:
        InputError: The prmtop cannot be read, or has no box.
    """
    platform = config.platform
    if platform == AUTO and (folder / RUN_FILE).is_file():
        platform = _read(folder).platform
    potential = located(config.potential, Path())
    changes = {"platform": chosen_platform(platform), "potential": potential}
    config = config.model_copy(update=changes)
    topology = read_topology(config.prmtop)
    if not topology.has_box:
        raise InputError(f"{config.prmtop} has no box: give the solvated system.")
    return config, topology, list(_jobs(config, topology))


def held_mask(topology: AmberTopology) -> str:
    """Return the mask of the heavy atoms that are neither water nor ions."""
    residues = np.unique(topology.residue_index[dry_atoms(topology)]) + 1
    return f":{number_list(residues.tolist())}&!@H="


def _jobs(config: SimulationConfig, topology: AmberTopology) -> Iterator[Job]:
    """Yield all stages, both legs side by side."""
    legs = tuple(LEGS) if config.mm_reference else ("ml_mm",)
    held, before = held_mask(topology), None
    for row in zip(*(stages(config, leg, held) for leg in legs), strict=True):
        for leg, stage in zip(legs, row, strict=True):
            yield Job(leg, stage, before)
        before = row[0].name


def _run(
    config: SimulationConfig,
    topology: AmberTopology,
    folder: Path,
    job: Job,
    placed: Placed | None,
    listen: Listener,
) -> Placed:
    """Compute a stage in a temporary folder, move its files when complete; return its potential."""
    name = job.stage.name
    work = folder / "unfinished"
    work.mkdir(parents=True, exist_ok=True)
    endings = {"mdout": ".out", "mdinfo": ".info", "mdcrd": ".nc", "restrt": ".rst"}
    beside = {key: work / f"{name}{end}" for key, end in endings.items()}
    rare = {"mdvel": work / "velocities.nc", "mdspread": work / "spread.nc"}
    atomic_write(folder / f"{name}.in", job.stage.settings.text)
    setup = _setup_of(config, topology, folder, job, placed)
    if job.leg == "ml_mm" and setup.inputs.kept is None:
        _keep(folder.parent, setup.placed.where)
    try:
        run_setup(setup, MdOutputs(**beside, **rare), listen)
    except IncompleteError as error:  # it names a restart of this stage, which is repeated
        raise IncompleteError(
            f"stopped in stage {folder.name}/{name}; finished stages are kept: run the same "
            "command again to resume."
        ) from error
    for path in beside.values():  # the restart file last: it says "done"
        if path.exists():
            path.replace(folder / path.name)
    shutil.rmtree(work)
    return setup.placed


def _setup_of(
    config: SimulationConfig,
    topology: AmberTopology,
    folder: Path,
    job: Job,
    placed: Placed | None = None,
) -> MdSetup:
    """Prepare a stage in the folder of its leg; nothing is written."""
    start = Path(config.inpcrd)
    begin = start if job.before is None else folder / f"{job.before}.rst"
    held = start if job.stage.settings.restraint_mask else None
    inputs = MdInputs(topology, begin, held, placed, _kept(folder.parent, job.leg))
    source = folder / f"{job.stage.name}.in"
    settings = job.stage.settings.model_copy(update={"source": source})
    kernel = config.mm_kernel if config.platform == "CPU" else "openmm"
    return prepare_md(settings, inputs, platform=config.platform, kernel=kernel)


def _next_setup(
    config: SimulationConfig, topology: AmberTopology, jobs: Sequence[Job], folder: Path
) -> dict[str, MdSetup]:
    """Prepare the next stage of the ML/MM leg, if any, and check that its potential is the same.

    Raises:
        InputError: The potential has changed.
    """
    for job in jobs:
        if job.leg == "ml_mm" and not job.restart(folder).exists():
            setup = _setup_of(config, topology, folder / job.leg, job)
            check_potential(setup.potential.identity, folder)
            return {job.leg: setup}
    return {}


def _keep(folder: Path, where: Placement) -> None:
    """Keep where the network computes, if that was a choice."""
    if where.call_ms:
        atomic_write(folder / PLACEMENT_FILE, where.to_yaml())


def _kept(folder: Path, leg: str = "ml_mm") -> Placement | None:
    """Return where the network of a leg computes; None where it has none, or no choice was made."""
    path = folder / PLACEMENT_FILE
    if leg != "ml_mm" or not path.is_file():
        return None
    return Placement.from_yaml(text_of(path), source=str(path))


def _time_is_up(folder: Path, left: list[Job]) -> IncompleteError:
    """Return the error that says which stages are left."""
    missing = max(sum(job.stage.production_ps for job in left if job.leg == leg) for leg in LEGS)
    return IncompleteError(
        f"the time is up: {len(left)} stages are left in {folder}, with {missing:g} ps of "
        "production; run the same command again to resume."
    )


def with_choices(
    config: SimulationConfig, topology: AmberTopology, jobs: Sequence[Job], folder: Path
) -> tuple[SimulationConfig, dict[str, MdSetup]]:
    """Return the settings with the nonbonded kernel chosen, or as recorded in the folder.

    Returns:
        The settings; and the setups of the first stage of each leg, if the folder is new.

    Raises:
        InputError: The files are wrong, or the folder contains another simulation.
    """
    if begun_before(folder, config):
        check_files(config, folder)
        _check_length(config, folder)
        return config.model_copy(update={"mm_kernel": _kernel_of(folder)}), {}
    config.check_times()
    setups = first_setups(config, topology, jobs, folder)
    last = list(setups.values())[-1]
    kernel: MmKernel = "openmm" if last.hybrid.native is None else "native"
    return config.model_copy(update={"mm_kernel": kernel}), setups


def _check_length(config: SimulationConfig, folder: Path) -> None:
    """Refuse a production that is shorter than what there is of it."""
    there = max(len(list((folder / leg).glob("prod-*.rst"))) for leg in LEGS)
    if there > config.n_chunks:
        held = there * config.steps(config.chunk_ps) * config.timestep_ps
        raise InputError(
            f"{folder} holds {held:g} ps of production, but {config.length_ps:g} ps are asked for: "
            f"it can grow, never shrink; give at least --length {held:g}."
        )


def first_setups(
    config: SimulationConfig, topology: AmberTopology, jobs: Sequence[Job], folder: Path
) -> dict[str, MdSetup]:
    """Prepare the first stage of each leg, with one kernel; nothing is written.

    The network is where the folder says, or where it is measured to be the fastest.

    Returns:
        The setups by leg.

    Raises:
        InputError: The files or the settings are wrong.
    """
    kernel, found = config.mm_kernel, {}
    inpcrd = Path(config.inpcrd)
    for job in jobs:
        if job.before is None:
            source = Path(f"{job.stage.name}.in")
            settings = job.stage.settings.model_copy(update={"source": source})
            inputs = MdInputs(topology, inpcrd, inpcrd, kept=_kept(folder, job.leg))
            setup = prepare_md(settings, inputs, platform=config.platform, kernel=kernel)
            kernel = "openmm" if setup.hybrid.native is None else "native"
            found[job.leg] = setup
    return found


def begun_before(folder: Path, config: SimulationConfig) -> bool:
    """Tell whether a folder holds this simulation; refuse one that holds something else.

    Raises:
        InputError: The folder holds something else.
    """
    free = {"length_ps", "platform", *(("mm_kernel",) if config.mm_kernel == "auto" else ())}
    return resumes(
        folder,
        RUN_FILE,
        "simulation",
        asked=config.model_dump(exclude=free),
        read=lambda _: _begun(folder),
    )


def _begun(folder: Path) -> dict[str, object]:
    """Return the settings of an existing simulation, as this version would have written them."""
    begun = _read(folder)
    potential = located(begun.potential, Path())  # an older file may have a relative path
    return {**begun.model_dump(), "mm_kernel": _kernel_of(folder), "potential": potential}


def _kernel_of(folder: Path) -> MmKernel:
    """Return the nonbonded kernel of an existing simulation."""
    begun = _read(folder)  # an older file does not name it
    return begun.mm_kernel if "mm_kernel" in begun.model_fields_set else "openmm"


def _read(folder: Path) -> SimulationConfig:
    path = folder / RUN_FILE
    return SimulationConfig.from_yaml(text_of(path), source=str(path))


class _Meter:
    """Reports the progress in steps and the time left at the current speed."""

    def __init__(self, total: int, done: int) -> None:
        self.total, self.first, self.done = total, done, done
        self.began = time.monotonic()

    def tell(self, listen: Listener, stage: MdSettings, progress: Progress) -> None:
        done = self.done + progress.fraction * stage.steps
        passed, new = time.monotonic() - self.began, done - self.first
        left = passed / new * (self.total - done) if new else None
        part = done / self.total
        listen(replace(progress, text=stage.title, fraction=part, remaining_s=left))
