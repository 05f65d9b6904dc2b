# SPDX-License-Identifier: MIT
"""The runs of a campaign: molecules × charge models, each an ordinary hydration run.

All run folders are written before the first run starts; each can be inspected, moved, and run
separately with `merrow run`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from merrow.amber.topology import read_topology
from merrow.campaign.config import CampaignConfig
from merrow.campaign.rows import Row, folder_name
from merrow.engine.platforms import chosen_platform
from merrow.engine.simulation import check_platform
from merrow.errors import InputError, MerrowError, MissingComponentError
from merrow.files import atomic_write, is_file
from merrow.hydration.config import HydrationConfig, usual_charges
from merrow.hydration.prepare import begin_run, resolve_config
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.run import check_hydration, check_same_model
from merrow.hydration.run_folder import RunFolder
from merrow.system.potentials import MM

JOBS = "jobs.json"
RUNS = "runs"
OF_ALL_RUNS = (
    *("potential", "weights", "protocol", "seed", "repeats", "platform"),
    *("mm_kernel", "engine"),
)
"""Settings of a campaign that its runs share."""


@dataclass(frozen=True)
class Job:
    """One run of a campaign.

    Attributes:
        row: The molecule.
        charges: Charge model: bcc, abcg2, file, or prmtop.
        problem: Reason why it cannot be computed, or None.
    """

    row: Row
    charges: str
    problem: str | None = None

    @property
    def name(self) -> str:
        """Name of the run, unique in the campaign."""
        return f"{folder_name(self.row.name)}-{self.charges}"

    def run(self, campaign: Path) -> RunFolder:
        """Return the run folder."""
        return RunFolder(campaign / RUNS / self.name)


JOB_LIST = TypeAdapter(list[Job])
"""Serialisation of `jobs.json`."""


def plan_jobs(
    config: CampaignConfig, rows: Sequence[Row], folder: Path, base: Path, *, here: bool = True
) -> list[tuple[Job, HydrationConfig | None]]:
    """Return every run, checked without writing anything, with its configuration if valid.

    Args:
        config: The campaign.
        rows: Its molecules.
        folder: Campaign folder; existing runs are not checked again.
        base: Folder that the paths of the table refer to.
        here: Whether the runs use this machine, which must then have the platform; the jobs of a
            cluster may have a GPU that this machine lacks.

    Raises:
        InputError: The potential, its weights or the platform cannot be used, a folder holds
            another run, or no row can be computed.
        MissingComponentError: A program that all molecules need is not installed.
    """
    if here:
        check_platform(chosen_platform(config.platform))
    _check_used(config, rows)
    plan: list[tuple[Job, HydrationConfig | None]] = []
    begun: list[tuple[HydrationConfig, RunFolder]] = []
    weights_seen = False
    for row in rows:
        for charges in _charges(config, row):
            job = Job(row, charges, row.problem)
            if row.problem is not None:
                plan.append((job, None))
                continue
            try:
                run = _configuration(config, row, charges, base)
                resolved = resolve_config(run, base, job.run(folder))
            except InputError as error:
                plan.append((_bad(job, error), None))
                continue
            if job.run(folder).holds(resolved):
                begun.append((run, job.run(folder)))
            else:
                try:
                    check_hydration(run, base, with_weights=not weights_seen)
                    weights_seen = True
                except MissingComponentError:
                    raise
                except InputError as error:
                    plan.append((_bad(job, error), None))
                    continue
            plan.append((job, run))
    if begun:
        check_same_model(begun[0][0], [there for _, there in begun], base)
    problems = [job.problem for job, run in plan if run is None]
    if len(problems) == len(plan):
        raise InputError(f"no molecule of {config.table} can be computed; the first: {problems[0]}")
    if not begun:
        _check_waters(config, [run for _, run in plan if run is not None])
    return plan


def _check_used(config: CampaignConfig, rows: Sequence[Row]) -> None:
    """Refuse charges and parameters for molecules that all bring their own.

    Raises:
        InputError: Every row has a prmtop.
    """
    if not all("prmtop" in row.source for row in rows):
        return
    for given, option in ((config.charges is not None, "charges"), (config.gaff != 2, "gaff")):
        if given:
            raise InputError(
                f"--{option} has no meaning where every molecule of {config.table} has a prmtop, "
                "which brings its own; leave it out."
            )


def _check_waters(config: CampaignConfig, runs: Sequence[HydrationConfig]) -> None:
    """Refuse a number of waters for molecules that all bring their own.

    Raises:
        InputError: Every row has a prmtop with a box, and the number is that of no protocol.
    """
    own = all(run.source.kind == "solvated" for run in runs)
    if own and config.protocol.n_waters not in {one.n_waters for one in PROTOCOLS.values()}:
        raise InputError(
            f"--set n_waters has no meaning where every molecule of {config.table} has a solvated "
            "prmtop, which brings its waters; leave it out."
        )


def write_jobs(
    folder: Path, plan: Sequence[tuple[Job, HydrationConfig | None]], base: Path
) -> None:
    """Write the run folders with their inputs, and the list of all runs."""
    for job, run in plan:
        if run is not None:
            target = job.run(folder)
            begin_run(target, resolve_config(run, base, target), run.source, base)
    atomic_write(folder / JOBS, JOB_LIST.dump_json([job for job, _ in plan], indent=2))


def read_jobs(folder: Path) -> list[Job]:
    """Read the list of runs.

    Raises:
        InputError: The folder contains no campaign.
    """
    try:
        return JOB_LIST.validate_json((folder / JOBS).read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} contains no campaign; give the folder of `merrow campaign run`."
        ) from error


def _charges(config: CampaignConfig, row: Row) -> tuple[str, ...]:
    """Return the charge models of a row; a prmtop, and by default a mol2 file, has its own."""
    if "prmtop" in row.source:
        return ("prmtop",)
    if row.charges or config.charges is not None:
        return row.charges or config.charges or ()
    source = {"structure": row.source.get("path"), "gaff": config.gaff}
    return (usual_charges(source, config.protocol.name),)


def _configuration(config: CampaignConfig, row: Row, charges: str, base: Path) -> HydrationConfig:
    """Return the hydration run of a row, with paths relative to `base`."""
    source: dict[str, object] = {"charges": charges}
    if "prmtop" in row.source:
        topology = base / row.source["prmtop"]
        if not is_file(topology):
            raise InputError(f"there is no file {topology} (prmtop); correct the path.")
        kind = "solvated" if read_topology(topology).has_box else "gas"
        source |= row.source | {"kind": kind}
    elif "path" in row.source:
        source |= {"kind": "structure", "structure": row.source["path"], "gaff": config.gaff}
    else:
        source |= {"kind": "smiles", "smiles": row.source["smiles"], "gaff": config.gaff}
    data = {name: getattr(config, name) for name in OF_ALL_RUNS}
    control = config.mm_reference and config.potential != MM and config.protocol.route == "direct"
    data |= {"source": source, "mm_reference": control, "both_routes": config.both_routes}
    data["name"] = row.name[:80]
    if row.experiment is not None:
        data["expt_kcal"] = row.experiment.value_kcal
        data["expt_stderr_kcal"] = row.experiment.stderr_kcal
    return HydrationConfig.checked(data, source=f"line {row.line} ({row.name})")


def _bad(job: Job, error: MerrowError) -> Job:
    source = f"line {job.row.line}"
    text = str(error)
    return Job(job.row, job.charges, text if text.startswith(source) else f"{source}: {text}")
