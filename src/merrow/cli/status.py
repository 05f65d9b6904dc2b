# SPDX-License-Identifier: MIT
"""`merrow status`: the kind, state and progress of run folders, and the next command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from merrow.errors import InputError
from merrow.report.text import command_lines, wrapped

MOST_RUNS: Final = 8
"""Runs of a campaign that are listed without --full."""


@dataclass(frozen=True)
class Status:
    """The state of a run folder.

    Attributes:
        folder: The folder, as the user gave it.
        kind: Kind of calculation.
        state: finished, running, stopped, failed or prepared.
        lines: Progress, and results so far.
        next: The next command to type.
    """

    folder: str
    kind: str
    state: str
    lines: tuple[str, ...]
    next: str


def status(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs, of any kind.")],
    *,
    full: Annotated[bool, typer.Option("--full", help="List every run of a campaign.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what each folder holds, its progress, and what to do next."""
    found = [read_status(folder, full=full) for folder in folders]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2, allow_nan=False))
        return
    for one in found:
        typer.echo(f"{one.folder}: {one.kind}, {one.state}")
        for line in one.lines:
            typer.echo("\n".join(wrapped(line, "  ", more="  ")))
        typer.echo("\n".join(command_lines(["  next:", *one.next.split()])))


def read_status(folder: Path, *, full: bool = False) -> Status:
    """Return the state of a folder without changing it.

    Args:
        folder: The folder.
        full: Whether every run of a campaign is listed.

    Raises:
        InputError: It is not a run folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give one that --out named.")
    for name, read in READERS.items():
        if (folder / name).is_file():
            return read(folder, full)
    if folder.with_name(f".{folder.resolve().name}.part").exists():
        return Status(
            str(folder), "files in preparation", "begun", (), "wait, or run the command again"
        )
    raise InputError(
        f"{folder} contains no run: it has none of {', '.join(READERS)}; give a folder that --out "
        "named."
    )


def _hydration(folder: Path, _full: bool) -> Status:
    from merrow.hydration.run_folder import RunFolder  # noqa: PLC0415
    from merrow.hydration.state import Failure, PreparedInfo, Underway  # noqa: PLC0415
    from merrow.locks import is_held  # noqa: PLC0415
    from merrow.report.text import duration, energy, failed_checks, minus, stderr  # noqa: PLC0415

    run = RunFolder(folder)
    config, again = run.config(), f"merrow run {folder}"
    kind = f"hydration free energy, {config.potential}, {config.protocol.name}"
    running = is_held(folder)
    if not running and (result := run.finished()) is not None:
        found = result.headline
        value = f"{minus(energy(found.value_kcal))} ± {stderr(found.stderr_kcal)} kcal/mol"
        told = (value, failed_checks(result.diagnostics.failed), duration(result.wall_s))
        line = f"ΔG(hydration) = {', '.join(filter(None, told))}"
        return Status(str(folder), kind, "finished", (line,), f"open {run.report}")
    lines = _sampled(run, config)
    if running:
        now = run.read(Underway)
        if now is not None:
            part = "" if now.fraction is None else f": {100 * now.fraction:.0f} %"
            left = "" if now.remaining_s is None else f"about {duration(now.remaining_s)} left"
            words = [f"{now.text}{part}", *now.details, left]
            lines = (", ".join(word for word in words if word), *lines)
        return Status(str(folder), kind, "running", lines, f"merrow status {folder}")
    if (failure := run.read(Failure)) is not None:
        return Status(str(folder), kind, "failed", (failure.why, *lines), again)
    begun = run.tasks.exists()
    prepared = "prepared" if run.read(PreparedInfo) is not None else "begun"
    return Status(str(folder), kind, "stopped" if begun else prepared, lines, f"{again} (resumes)")


def _sampled(run: Any, config: Any) -> tuple[str, ...]:
    """Return how much of the path has been sampled, over all repeats."""
    from merrow.hydration.sampling.tasks import leg_plan, path_tasks  # noqa: PLC0415

    tasks = path_tasks(config)
    each = leg_plan(config, tasks[0]).segment_time
    sampled = sum(
        run.task(t).count_segments() for t in tasks if t.hamiltonian == tasks[0].hamiltonian
    )
    if not sampled:
        return ()
    least = config.protocol.least_sampling_ps(config.repeats)
    most = config.protocol.maximum_sampling_ps
    return (
        f"{sampled * each:.3g} ps of every state sampled (at least {least:g}, at most {most:g})",
    )


def _campaign(folder: Path, full: bool) -> Status:
    from merrow.campaign.plan import read_jobs  # noqa: PLC0415
    from merrow.campaign.table import job_row, read_config  # noqa: PLC0415
    from merrow.hydration.state import Underway  # noqa: PLC0415
    from merrow.locks import is_held  # noqa: PLC0415
    from merrow.report.text import energy, failed_checks, minus, stderr  # noqa: PLC0415

    config = read_config(folder)
    jobs = read_jobs(folder)
    rows = [job_row(folder, job) for job in jobs]
    counts = {name: sum(row.status == name for row in rows) for name in _STATES}
    lines = [", ".join(f"{n} {name}" for name, n in counts.items() if n)]
    shown = [
        (row, job) for row, job in zip(rows, jobs, strict=True) if full or row.status != "pending"
    ]
    shown.sort(key=lambda pair: _STATES.index(pair[0].status))
    for row, job in shown if full else shown[:MOST_RUNS]:
        words = row.status
        if row.headline is not None:
            value, error = row.headline.value_kcal, row.headline.stderr_kcal
            words = f"{minus(energy(value))} ± {stderr(error)} kcal/mol"
            words += f", {failed_checks(row.failed_checks)}" if row.failed_checks else ""
        elif row.status == "running" and (now := job.run(folder).read(Underway)) is not None:
            words = now.text if now.fraction is None else f"{now.text} {100 * now.fraction:.0f} %"
        elif row.why:
            words = f"failed: {row.why}"
        lines.append(f"{job.name}: {words}" if full else f"{job.name}: {words}"[:76])
    if len(shown) > MOST_RUNS and not full:
        lines.append(f"... {len(shown) - MOST_RUNS} more: --full")
    running = is_held(folder)
    done = counts["done"] + counts["failed"] == len(rows)
    state = "running" if running else "finished" if done else "stopped"
    again = f"merrow campaign run {config.table} ... --out {folder}"
    if done and not running and counts["failed"]:
        following = f"{again} (tries the failed runs again)"
    elif running or done:
        following = f"merrow campaign report {folder}"
    else:
        following = f"{again} (resumes)"
    return Status(
        str(folder),
        f"campaign, {config.potential}, {config.protocol.name}",
        state,
        tuple(lines),
        following,
    )


_STATES = ("running", "failed", "stopped", "done", "pending")


def _simulation(folder: Path, _full: bool) -> Status:
    from merrow.folders import text_of  # noqa: PLC0415
    from merrow.locks import is_held  # noqa: PLC0415
    from merrow.md.simulate import RUN_FILE, plan_simulation  # noqa: PLC0415
    from merrow.md.simulate_config import SimulationConfig  # noqa: PLC0415

    path = folder / RUN_FILE
    asked = SimulationConfig.from_yaml(text_of(path), source=str(path))
    config, _, jobs = plan_simulation(asked, folder)
    done = [job for job in jobs if job.restart(folder).exists()]
    lines = [f"{len(done)} of {len(jobs)} stages done"]
    for leg in dict.fromkeys(job.leg for job in jobs):
        ps = sum(job.stage.production_ps for job in done if job.leg == leg)
        lines.append(f"{leg}: {ps:g} of {config.length_ps:g} ps of production")
    finished = len(done) == len(jobs)
    state = "running" if is_held(folder) else "finished" if finished else "stopped"
    again = f"merrow simulate ... --out {folder} (the same command resumes it)"
    following = f"merrow analyze -p {config.prmtop} -y {folder / 'ml_mm'} --out ..."
    return Status(
        str(folder),
        f"simulation, {config.potential}",
        state,
        tuple(lines),
        following if finished else again,
    )


def _mmpbsa(folder: Path, _full: bool) -> Status:
    found = json.loads((folder / "mmpbsa.json").read_text(encoding="utf-8"))
    lines = tuple(
        f"{run['trajectory']}, MM-{run['method'].upper()}SA: {run['headline_kcal']['told']}"
        for run in found["runs"]
    )
    page = f"open {folder / 'mmpbsa.html'}"
    return Status(str(folder), f"binding energy of {found['ligand_mask']}", "finished", lines, page)


def _analysis(folder: Path, _full: bool) -> Status:
    found = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    lines = tuple(
        f"{run['trajectory']}: RMSD {name} {q['value']:.2f} ± {q['stderr']:.2f} Å"
        for run in found["runs"]
        for name, q in run["rmsd_a"].items()
    )
    page = f"open {folder / 'analysis.html'}"
    return Status(str(folder), "analysis of a complex", "finished", lines, page)


def _complex(folder: Path, _full: bool) -> Status:
    found = json.loads((folder / "preparation.json").read_text(encoding="utf-8"))
    line = f"ligand {found['ligand']['smiles']}, {found['system']['waters']} waters"
    name = folder / ("solvated" if (folder / "solvated.prmtop").exists() else "complex")
    following = f"merrow simulate -p {name}.prmtop -c {name}.inpcrd --ml-mask :LIG --out ..."
    return Status(str(folder), "prepared complex", "finished", (line,), following)


def _md(folder: Path, _full: bool) -> Status:
    text = (folder / "mdinfo").read_text(encoding="utf-8", errors="replace")
    steps = re.search(r"Total steps : +(\d+) \| Completed : +(\d+)", text)
    speed = re.findall(r"ns/day = +([\d.]+)", text)
    if steps is None:
        return Status(str(folder), "dynamics", "begun", (), f"less {folder / 'mdout'}")
    total, done = int(steps[1]), int(steps[2])
    line = f"step {done} of {total}" + (f", {float(speed[-1]):.3g} ns/day" if speed else "")
    state = "finished" if done >= total else "running or stopped"
    return Status(str(folder), "dynamics", state, (line,), f"less {folder / 'mdout'}")


READERS: Final[dict[str, Callable[[Path, bool], Status]]] = {
    "campaign.yaml": _campaign,
    "run.yaml": _hydration,
    "simulate.yaml": _simulation,
    "mmpbsa.json": _mmpbsa,
    "analysis.json": _analysis,
    "preparation.json": _complex,
    "mdinfo": _md,
}
"""Reader of a folder, by the name of a file in it."""
