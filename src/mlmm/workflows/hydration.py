# SPDX-License-Identifier: MIT
"""From a molecule to its hydration free energy: the whole way, resumable at every step."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from mlmm.config.hydration import HydrationConfig
from mlmm.engine import leg
from mlmm.engine.storage import save_json
from mlmm.errors import InputError, NumericsError
from mlmm.executor import core_count, open_executor
from mlmm.report.result import HydrationResult
from mlmm.workflows.conformers import make_conformers
from mlmm.workflows.estimate import Findings, estimate_run, has_gas
from mlmm.workflows.inputs import adopt_inputs, check_source, prepare_system, read_prepared
from mlmm.workflows.potentials import MM, check_potential, open_potential
from mlmm.workflows.present import build_result, write_outputs
from mlmm.workflows.run_folder import check_folder, locked, write_run_file
from mlmm.workflows.sampling import deadline, path_tasks, run_pieces
from mlmm.workflows.tasks import Hamiltonian, Task, gas_plan, leg_plan, open_bench

logger = logging.getLogger(__name__)

TIMING = "timing.json"


@dataclass(frozen=True)
class Report:
    """What the workflow tells about its progress.

    Attributes:
        stage: What is done now.
        fraction: Part of the present goals that is reached, 0 to 1.
        stderr_kcal: Standard error of the headline so far [kcal/mol], None before the first one.
        target_kcal: Error at which sampling stops [kcal/mol], None without a target.
        remaining_s: Estimate of the time left [s], None where there is no ground for one.
    """

    stage: str
    fraction: float
    stderr_kcal: float | None = None
    target_kcal: float | None = None
    remaining_s: float | None = None


Listener = Callable[[Report], None]


def check_hydration(config: HydrationConfig, base: Path) -> None:
    """Refuse what cannot be computed, before anything is written or computed.

    Raises:
        MlmmError: The input, the potential or its weights do not allow the calculation.
    """
    molecule = check_source(config, base)
    check_potential(config.potential, molecule)


def run_hydration(
    config: HydrationConfig, folder: Path, *, base: Path, listen: Listener = lambda _: None
) -> HydrationResult:
    """Compute, or go on computing, one hydration free energy in a folder.

    Args:
        config: What is asked; paths relative to `base`.
        folder: The run folder; made if it is absent.
        base: What relative paths refer to.
        listen: Told about progress.

    Returns:
        The result, also written to the folder with the tables and the report.

    Raises:
        MlmmError: Any failure, in one sentence; finished pieces are kept.
    """
    check_hydration(config, base)
    adopted = adopt_inputs(config, base, None)
    check_folder(folder, adopted)
    run = folder.resolve()
    began = time.monotonic()
    with locked(run):
        adopt_inputs(config, base, run)
        write_run_file(run, adopted)
        earlier = _earlier_wall(run)
        listen(Report("preparing the system", 0.0))
        prepare_system(run, adopted)
        prepared = read_prepared(run, adopted)
        classical = open_potential(MM, prepared.topology, prepared.region)
        make_conformers(run, adopted, prepared, classical)
        open_bench.cache_clear()
        potential = open_bench(run).potential
        _check_identity(run, potential.identity)
        processes = adopted.processes or core_count()
        with open_executor(processes) as executor:
            sampler = _Sampler(
                run, adopted, executor, processes, listen=listen, began=began - earlier
            )
            sampler.work()
        listen(Report("estimating", 1.0))
        findings = estimate_run(run, adopted, prepared, final=True)
        wall = earlier + time.monotonic() - began
        result = build_result(adopted, prepared, findings, potential, wall=wall)
        write_outputs(run, prepared, findings, result, potential.capabilities.citation)
        save_json(run / TIMING, {"wall_s": wall})
    return result


class _Sampler:
    """Fixed goals first, then rounds of path sampling until the error is small enough."""

    def __init__(
        self,
        run: Path,
        config: HydrationConfig,
        executor: Executor,
        processes: int,
        *,
        listen: Listener,
        began: float,
    ) -> None:
        self.run, self.config = run, config
        self.executor, self.processes = executor, processes
        self.listen, self.began = listen, began
        self.error: float | None = None
        self.paths = path_tasks(config)
        self.segment_time = leg_plan(config, self.paths[0]).segment_time * config.repeats
        self.round_began = time.monotonic()

    def work(self) -> None:
        """Sample until the protocol says stop."""
        protocol = self.config.protocol
        stop = deadline(protocol.maximum_minutes, self.began)
        least = max(1, math.ceil(protocol.minimum_sampling / self.segment_time))
        most = max(least, math.ceil(protocol.maximum_sampling / self.segment_time))
        wanted = least
        self._reach(self._fixed_goals() | dict.fromkeys(self.paths, wanted), "sampling")
        while wanted < most and not stop():
            self.error = self._estimate()
            self._save_wall()
            target = protocol.target_stderr
            if target is not None and self.error is not None and self.error <= target:
                return
            wanted = min(most, self._next(wanted))
            self._reach(dict.fromkeys(self.paths, wanted), "sampling", stop)

    def _estimate(self) -> float | None:
        """Return the error of the headline so far [kcal/mol]; None where there is no estimate."""
        prepared = read_prepared(self.run, self.config)
        try:
            findings = estimate_run(self.run, self.config, prepared, final=False)
        except NumericsError as error:
            logger.info("no estimate yet: %s", error)
            return None
        return findings.hydration.headline.stderr_kcal

    def _next(self, wanted: int) -> int:
        """Return the next number of segments: about a sixth more."""
        return wanted + max(1, wanted // 6)

    def _fixed_goals(self) -> dict[Task, int]:
        """Return the goals that do not depend on the error, what others wait for first."""
        protocol, repeats = self.config.protocol, self.config.repeats
        goals = dict.fromkeys(self.paths, 0)
        if protocol.route == "R2":
            end = Task("end", "ml", 0)
            plan = leg_plan(self.config, end)
            count = max(1, math.ceil(protocol.water_end / repeats / plan.segment_time - 1e-9))
            goals = dict.fromkeys(self.paths, 1)
            goals |= {Task("end", "ml", repeat): count for repeat in range(repeats)}
        if has_gas(self.config):
            kinds: tuple[Hamiltonian, ...] = ("mm", "ml")
            if protocol.route == "R1":
                kinds = ("mm",) if self.config.potential == MM else ("ml",)
            bench = open_bench(self.run)
            for kind in kinds:
                task = Task("gas", kind)
                goals[task] = max(1, math.ceil(protocol.gas / gas_plan(bench, task).segment_time))
        return goals

    def _reach(
        self,
        goals: Mapping[Task, int],
        stage: str,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        start = {task: leg.count_segments(task.folder(self.run)) for task in goals}
        self.round_began = time.monotonic()

        def progress(done: Mapping[Task, int], wanted: Mapping[Task, int]) -> None:
            part = sum(min(done[t], wanted[t]) for t in wanted) / max(sum(wanted.values()), 1)
            new = sum(done[t] - start[t] for t in wanted)
            left = sum(max(wanted[t] - done[t], 0) for t in wanted)
            passed = time.monotonic() - self.round_began
            self.listen(
                Report(
                    stage,
                    part,
                    self.error,
                    self.config.protocol.target_stderr,
                    self._remaining(passed / new * left if new else None, passed, new),
                )
            )

        run_pieces(self.executor, self.processes, self.run, goals, progress=progress, stop=stop)

    def _remaining(self, this_round: float | None, passed: float, new: int) -> float | None:
        """Return the time left [s]: this round, then what the error law T ∝ 1/stderr² asks for."""
        target = self.config.protocol.target_stderr
        if this_round is None or self.error is None or target is None:
            return this_round
        have = sum(leg.count_segments(task.folder(self.run)) for task in self.paths)
        more = have * max((self.error / target) ** 2 - 1, 0.0)
        return max(this_round, more * passed / new)

    def _save_wall(self) -> None:
        save_json(self.run / TIMING, {"wall_s": time.monotonic() - self.began})


def _earlier_wall(run: Path) -> float:
    path = run / TIMING
    return float(json.loads(path.read_text())["wall_s"]) if path.exists() else 0.0


def _check_identity(run: Path, identity: str) -> None:
    """Refuse to go on with other weights than those the samples were made with."""
    path = run / "system" / "potential.json"
    if not path.exists():
        save_json(path, {"identity": identity})
        return
    there = json.loads(path.read_text())["identity"]
    if there != identity:
        raise InputError(
            f"{run} was sampled with {there} but the weights found now are {identity}; "
            "give the original weights or another --out."
        )


def estimate_only(run: Path, config: HydrationConfig) -> Findings:
    """Estimate a run as it stands, without sampling."""
    return estimate_run(run, config, read_prepared(run, config), final=True)
