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
from mlmm.workflows.potentials import (
    MM,
    check_platform,
    check_potential,
    open_potential,
    weights_identity,
)
from mlmm.workflows.present import build_result, write_outputs
from mlmm.workflows.refine import refine_schedule
from mlmm.workflows.run_folder import (
    check_folder,
    locked,
    read_finished,
    refined,
    write_run_file,
)
from mlmm.workflows.sampling import deadline, path_tasks, run_pieces
from mlmm.workflows.tasks import Hamiltonian, Task, gas_plan, leg_plan, open_bench

logger = logging.getLogger(__name__)

TIMING = "timing.json"
IDENTITY = "system/potential.json"


@dataclass(frozen=True)
class Report:
    """What the workflow tells about its progress.

    Attributes:
        stage: What is done now.
        fraction: Part of the present goals that is reached, 0 to 1.
        stderr_kcal: Standard error of the headline so far [kcal/mol], None before the first one.
        target_kcal: Error at which sampling stops [kcal/mol], None without a target.
        remaining_s: Estimate of the time left [s], None where there is no ground for one.
        lasting: Whether it is worth keeping in sight after the next report.
    """

    stage: str
    fraction: float
    stderr_kcal: float | None = None
    target_kcal: float | None = None
    remaining_s: float | None = None
    lasting: bool = False


Listener = Callable[[Report], None]


def check_hydration(config: HydrationConfig, base: Path) -> str | None:
    """Refuse what cannot be computed, before anything is written or computed.

    Weights that are not here are fetched into the user's cache.

    Returns:
        Identity of the weights, or None for MM terms, which need the prepared system.

    Raises:
        InputError: The input, the potential, its weights or the platform do not allow it.
    """
    molecule, labels = check_source(config, base)
    check_potential(config.potential, molecule, labels)
    check_platform(config.platform)
    return weights_identity(config, base, molecule)


def run_hydration(
    config: HydrationConfig, folder: Path, *, base: Path, listen: Listener = lambda _: None
) -> HydrationResult:
    """Compute, or go on computing, one hydration free energy in a folder.

    Where the folder holds the finished result of the same configuration, that is returned.

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
    adopted = adopt_inputs(config, base, None)
    if check_folder(folder, adopted) and (finished := read_finished(folder, adopted)) is not None:
        return finished
    identity = check_hydration(config, base)
    run = folder.resolve()
    if identity is not None:
        _check_identity(run, identity)
    began = time.monotonic()
    with locked(run):
        write_run_file(run, adopted)
        adopt_inputs(config, base, run)
        earlier = _earlier_wall(run)
        listen(Report("preparing the system", 0.0))
        prepare_system(run, adopted)
        prepared = read_prepared(run, adopted)
        classical = open_potential(MM, prepared.topology, prepared.region)
        make_conformers(run, adopted, prepared, classical)
        open_bench.cache_clear()
        potential = open_bench(run).potential
        _check_identity(run, potential.identity)
        _keep_identity(run, potential.identity)
        processes = adopted.processes or core_count()
        if adopted.protocol.split_states:
            _pilot(run, adopted, processes, listen)
            adopted = refined(run, adopted)
            open_bench.cache_clear()
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


def _pilot(run: Path, config: HydrationConfig, processes: int, listen: Listener) -> None:
    """Judge the schedule, in processes of their own: workers keep the schedule they have read."""

    def progress(done: Mapping[Task, int], wanted: Mapping[Task, int]) -> None:
        listen(Report("pilot run", sum(done.values()) / max(sum(wanted.values()), 1)))

    with open_executor(processes) as executor:
        refine_schedule(executor, processes, run, config, progress=progress)


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
        self.greeted = False
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
            if self._went_on_after(wanted):
                wanted = min(most, self._next(wanted))
                self._reach(dict.fromkeys(self.paths, wanted), "sampling", stop)
                continue
            self.error = self._estimate()
            self._save_wall()
            target = protocol.target_stderr
            if target is not None and self.error is not None and self.error <= target:
                return
            wanted = min(most, self._next(wanted))
            self._reach(dict.fromkeys(self.paths, wanted), "sampling", stop)

    def _went_on_after(self, wanted: int) -> bool:
        """Tell whether an earlier process judged this round; its judgement must not be remade.

        It saw fewer segments than there are now: another judgement could stop a resumed run where
        the undisturbed one goes on.
        """
        return any(leg.count_segments(task.folder(self.run)) > wanted for task in self.paths)

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
        self._greet(start, goals)
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

    def _greet(self, start: Mapping[Task, int], goals: Mapping[Task, int]) -> None:
        """Say once what an earlier process left done."""
        if self.greeted:
            return
        self.greeted = True
        done, of = sum(min(start[t], goals[t]) for t in goals), sum(goals.values())
        if any(start.values()):
            words = f"resuming in {self.run}: {done} of {of} pieces done"
            self.listen(Report(words, done / of, lasting=True))

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
    path = run / IDENTITY
    if not path.exists():
        return
    there = json.loads(path.read_text())["identity"]
    if there != identity:
        raise InputError(
            f"{run} was sampled with {there} but the weights found now are {identity}; "
            "give the original weights or another --out."
        )


def _keep_identity(run: Path, identity: str) -> None:
    if not (run / IDENTITY).exists():
        save_json(run / IDENTITY, {"identity": identity})


def estimate_only(run: Path, config: HydrationConfig) -> Findings:
    """Estimate a run as it stands, without sampling."""
    return estimate_run(run, config, read_prepared(run, config), final=True)
