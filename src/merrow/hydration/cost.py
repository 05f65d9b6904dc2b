# SPDX-License-Identifier: MIT
"""Cost of a run: time, memory and disk, from short measurements on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from merrow.cost import MeasuredCost, peak_memory_mib
from merrow.engine.simulation import check_platform
from merrow.hydration.prepare import begin_run, resolve_config
from merrow.hydration.run import check_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.context import RunContext, open_run
from merrow.hydration.sampling.placing import place_networks
from merrow.hydration.sampling.rounds import first_state, most_gas, settles_gas
from merrow.hydration.sampling.tasks import Task, gives_to_end, leg_plan
from merrow.hydration.sampling.work import Meter
from merrow.hydration.state import Intermediates, Rounds
from merrow.hydration.workers import processes_of
from merrow.locks import locked
from merrow.report.notebook import html_table

if TYPE_CHECKING:
    import pandas as pd

    from merrow.hydration.config import HydrationConfig

BYTES = 8
S_PER_MIN = 60.0
BYTES_PER_MIB = 1024**2


@dataclass(frozen=True)
class Cost(MeasuredCost):
    """Estimated cost of a run on this machine.

    Attributes:
        least_minutes: Time until the first estimate that may be precise enough [min].
        most_minutes: Time until the protocol's maximum sampling or time limit [min].
        processes: Number of parallel processes.
        milliseconds: Time of a step in water, and of all walkers in gas, by name [ms].
        memory_mib: Memory of all processes [MiB].
        disk_mib: Samples and snapshots in the run folder at the maximum sampling [MiB].
    """

    least_minutes: float
    most_minutes: float
    processes: int
    milliseconds: Mapping[str, float]
    memory_mib: float
    disk_mib: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row with all numbers."""
        import pandas as pd  # noqa: PLC0415

        numbers = asdict(self)
        times = {f"{name}_ms": value for name, value in numbers.pop("milliseconds").items()}
        return pd.DataFrame([numbers | times])

    def _repr_html_(self) -> str:
        return html_table("What the run will take", self.to_frame())


def prepare_hydration(config: HydrationConfig, folder: Path, *, base: Path) -> RunContext:
    """Build or read the system of a run without sampling.

    Args:
        config: Configuration; paths relative to `base`.
        folder: Run folder; made if absent.
        base: Folder that relative paths refer to.

    Raises:
        MerrowError: As `run_hydration` refuses it.
    """
    run = RunFolder(folder.resolve())
    resolved = resolve_config(config, base, run)
    run.holds(resolved)
    checked = check_hydration(config, base)
    check_platform(resolved.platform)
    if checked is not None:
        run.check_identity(checked.identity)
    with locked(run.path), run.undone_if_refused():
        begin_run(run, resolved, config.source, base)
        if checked is not None:
            checked = place_networks(run, resolved, checked)
        return open_run(run, resolved, checked)


def dry_run(config: HydrationConfig, folder: Path, *, base: Path) -> Cost:
    """Return the cost of a run without changing its folder.

    The system is built in a temporary folder, that of an existing run from a copy; its parameters
    are kept in the user's cache.

    Args:
        config: Configuration; paths relative to `base`.
        folder: Run folder, which may be absent.
        base: Folder that relative paths refer to.

    Raises:
        MerrowError: As `run_hydration` refuses it.
    """
    run = RunFolder(folder)
    there = run.holds(resolve_config(config, base, run))
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / "run"
        if there:
            run.copy_system(RunFolder(draft))
        return estimate_cost(prepare_hydration(config, draft, base=base))


def estimate_cost(context: RunContext) -> Cost:
    """Time some steps of every kind, and return the cost of the whole run.

    Not counted: rounds that lengthen end states, intermediate ensembles between MM and ML, which
    most molecules do not need, and the start of processes (seconds). The load is assumed to be
    balanced.

    Args:
        context: A prepared run.
    """
    config, protocol = context.config, context.config.protocol
    state = first_state(
        config, Rounds(), Intermediates(), flexible=context.flexible, held=context.held
    )
    longest = replace(state, path=state.most)
    if settles_gas(state, ()):
        longest = replace(longest, rounds=Rounds(gas=most_gas(protocol)))
    least, most = state.goals(), longest.goals()
    processes = min(processes_of(config), len(most))
    meter = Meter(context, processes)
    meter.measure(most)
    minutes = [(meter.seconds_left(goals) or 0.0) / S_PER_MIN for goals in (least, most)]
    limit = protocol.maximum_minutes
    peak = peak_memory_mib()
    return Cost(
        least_minutes=minutes[0],
        most_minutes=minutes[1] if limit is None else max(minutes[0], min(minutes[1], limit)),
        processes=processes,
        milliseconds=dict(
            sorted((f"{phase}_{own.name}", 1e3 * s) for (phase, own), s in meter.measured.items())
        ),
        memory_mib=peak * (processes if processes > 1 else 1),
        disk_mib=sum(_bytes(context, task, n) for task, n in most.items()) / BYTES_PER_MIB,
    )


def _bytes(context: RunContext, task: Task, segments: int) -> int:
    """Estimate the size of a task: energies in all states, frames, and restart snapshots."""
    n_atoms = len(context.prepared.region.atoms)
    if task.kind == "gas":
        gas = context.gas_plan(task.hamiltonian)
        return segments * gas.records_per_segment * gas.ladders * (3 * n_atoms + 2) * BYTES
    plan = leg_plan(context.config, task)
    records = plan.records_per_sweep * plan.sweeps_per_segment
    n_states, snapshot = len(plan.states), 6 * len(context.prepared.topology)
    kept = 2 * plan.n_replicas + 1  # snapshots of two segments, and the first one
    if gives_to_end(context.config, task, held=context.held):
        kept += segments
    rows = n_states * (n_states + 10) + 3 * n_atoms
    return (segments * records * rows + kept * snapshot) * BYTES
