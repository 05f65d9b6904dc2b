# SPDX-License-Identifier: MIT
"""When has a run sampled enough? Fixed goals, then rounds of the path that end in an estimate."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path

from merrow.engine import leg
from merrow.engine.storage import save_json
from merrow.errors import IncompleteError, NumericsError
from merrow.hydration.analysis.estimate import (
    HydrationAnalysis,
    estimate_run,
    has_gas,
    missing_rungs,
)
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.sampling.dispatch import Tally, deadline, path_tasks, run_pieces
from merrow.hydration.sampling.intermediates import ML, read_rungs, save_rungs
from merrow.hydration.sampling.tasks import (
    Task,
    first_end_segments,
    gas_plan,
    gas_source,
    leg_plan,
    open_bench,
    path_behind,
    segments_for,
)
from merrow.hydration.stopwatch import Stopwatch
from merrow.progress import Listener, Report
from merrow.system.potentials import MM

logger = logging.getLogger(__name__)

ROUNDS = "system/rounds.json"
"""What the rounds decided; a resumed run follows it."""
ENDS = {"water": "end", "gas": "gas"}
"""End state → phase of its tasks."""
LIMITING = 1 / 3
"""Share of the variance from which on an end state of the endpoint route limits the error."""


class Sampler:
    """Fixed goals first, then rounds of path sampling until the error is small enough."""

    def __init__(
        self,
        run: Path,
        config: HydrationConfig,
        executor: Executor,
        processes: int,
        *,
        listen: Listener,
        watch: Stopwatch,
    ) -> None:
        self.run, self.config = run, config
        self.executor, self.processes = executor, processes
        self.listen, self.watch = listen, watch
        self.error: float | None = None
        self.greeted = False
        self.paths = path_tasks(config)
        self.segment_time = leg_plan(config, self.paths[0]).segment_time * config.repeats

    def work(self) -> None:
        """Sample until the protocol says stop."""
        protocol = self.config.protocol
        stop = deadline(protocol.maximum_minutes, self.watch.began)
        least = max(1, math.ceil(protocol.minimum_sampling_ps / self.segment_time))
        most = max(least, math.ceil(protocol.maximum_sampling_ps / self.segment_time))
        wanted, fixed = least, self._fixed_goals()
        # something of everything first: a stop by time is to leave an estimate
        strict = stop if self._is_users_limit() else (lambda: False)
        self._reach(fixed, "sampling, first part", strict)
        self._check_parts(fixed)
        self._reach(self._goals(wanted), "sampling", strict)
        self._place_rungs(strict)
        while wanted < most and not stop():
            if not self._went_on_after(wanted):
                findings = self._estimate()
                self.watch.save()
                target = protocol.target_stderr_kcal
                if target is not None and self.error is not None and self.error <= target:
                    return
                self._go_on_from(wanted, findings)
            wanted = min(most, self._next(wanted))
            self._reach(self._goals(wanted), "sampling", stop)

    def _place_rungs(self, stop: Callable[[], bool]) -> None:
        """Sample ensembles between MM and ML solute where the two are too far apart for BAR."""
        if not self._switches or self.config.potential == MM:
            return
        while not (rungs := read_rungs(self.run)).settled and not stop():
            try:
                missing = missing_rungs(self.run, self.config)
            except NumericsError as error:  # the estimate will say so, if it lasts
                logger.info("no judgement of the end states: %s", error)
                missing = {}
            save_rungs(self.run, rungs.joined(missing))
            self._reach(self._fixed_goals(), "sampling between MM and ML", stop)

    @property
    def _switches(self) -> bool:
        """Whether MM → ML is sampled in both phases."""
        return self.config.protocol.route == "endpoint" or self.config.both_routes

    def _is_users_limit(self) -> bool:
        """Tell whether the time limit was asked for; a protocol's own waits for its minimum."""
        limit, own = self.config.protocol.maximum_minutes, PROTOCOLS.get(self.config.protocol.name)
        known = PROTOCOLS.values() if own is None else (own,)  # a changed one keeps its limit
        return limit not in {protocol.maximum_minutes for protocol in known}

    def _check_parts(self, goals: Mapping[Task, int]) -> None:
        """Refuse to go on to an estimate without samples of every part.

        Raises:
            IncompleteError: The time ended too early.
        """
        if self.config.protocol.maximum_minutes is None:
            return
        missing = [task.name for task in goals if not leg.count_segments(task.folder(self.run))]
        if missing:
            raise IncompleteError(
                f"the {self.config.protocol.maximum_minutes:g} min ended before {missing[0]} had "
                "samples; run the same command again to go on."
            )

    def _went_on_after(self, wanted: int) -> bool:
        """Tell whether an earlier process judged this round; its judgement must not be remade.

        It saw fewer segments than there are now: another judgement could stop a resumed run where
        the undisturbed one goes on.
        """
        if int(self._recorded().get("judged", 0)) >= wanted:
            return True
        return any(leg.count_segments(task.folder(self.run)) > wanted for task in self.paths)

    def _go_on_from(self, wanted: int, findings: HydrationAnalysis | None) -> None:
        """Record that this round was not enough, and lengthen the end states that limit the error.

        An end state with more than a third of the variance gets a third more segments.
        """
        ends = {name: int(n) for name, n in self._recorded().items() if name in ENDS}
        if findings is not None and findings.ends:
            total = findings.hydration.estimates.endpoint_bar
            goals = self._fixed_goals()
            for phase, end in findings.ends.items():
                task = next(t for t in goals if t.phase == ENDS[phase])
                share = 0.0 if total is None else (end.stderr_kcal / total.stderr_kcal) ** 2
                if share > LIMITING:
                    ends[phase] = goals[task] + max(1, goals[task] // 3)
        save_json(self.run / ROUNDS, {"judged": wanted, **ends})

    def _recorded(self) -> dict[str, int]:
        """Return what earlier rounds decided."""
        path = self.run / ROUNDS
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def _lengthened(self, phase: str, base: float, segment_time: float) -> int:
        """Return the segments of an end state: the protocol's, or what a round asked for.

        Args:
            phase: "water" or "gas".
            base: Sampling that the protocol asks for [ps].
            segment_time: Time of one segment [ps].
        """
        least = segments_for(base, segment_time)
        most = max(least, math.ceil(self.config.protocol.maximum_sampling_ps / segment_time))
        return min(most, max(least, int(self._recorded().get(phase, 0))))

    def _estimate(self) -> HydrationAnalysis | None:
        """Estimate and note the error: the headline's, or the larger of both routes'.

        Returns:
            What was found; None where there is no estimate yet.
        """
        try:
            findings = estimate_run(self.run, self.config)
        except NumericsError as error:
            logger.info("no estimate yet: %s", error)
            self.error = None
            return None
        check = findings.hydration.estimates.endpoint_bar
        others = [] if check is None else [check.stderr_kcal]
        self.error = max([findings.hydration.headline.stderr_kcal, *others])
        return findings

    def _next(self, wanted: int) -> int:
        """Return the next number of segments: about a sixth more."""
        return wanted + max(1, wanted // 6)

    def _goals(self, wanted: int) -> dict[Task, int]:
        """Return all goals of a round; ends that take phases of the path grow with it."""
        goals = self._fixed_goals() | dict.fromkeys(self.paths, wanted)
        if self._switches:
            bench, index = open_bench(self.run), first_end_segments(self.config)
            while 0 < path_behind(bench, index) <= wanted:
                index += 1
            for task in goals:
                goals[task] = max(goals[task], index if task.phase == "end" else 0)
        return goals

    def _fixed_goals(self) -> dict[Task, int]:
        """Return the goals that do not depend on the error, what others wait for first."""
        protocol, repeats = self.config.protocol, self.config.repeats
        rungs = read_rungs(self.run)
        goals = dict.fromkeys(self.paths, 1)
        if self._switches:
            time_of_all = leg_plan(self.config, Task("end", ML)).segment_time * repeats
            count = self._lengthened("water", protocol.endstate_water_ps, time_of_all)
            for name in (ML, *rungs.hamiltonians("water")):
                goals |= {Task("end", name, repeat): count for repeat in range(repeats)}
        if has_gas(self.config):
            kinds: tuple[str, ...] = (MM if self.config.potential == MM else ML,)
            if self._switches:
                kinds = (MM, ML, *rungs.hamiltonians("gas"))
            bench = open_bench(self.run)
            sources = filter(None, (gas_source(bench, path) for path in self.paths))
            for task in dict.fromkeys([*(Task("gas", kind) for kind in kinds), *sources]):
                segment_time = gas_plan(bench, task).segment_time
                goals[task] = self._lengthened("gas", protocol.gas_ps, segment_time)
        return goals

    def _reach(
        self,
        goals: Mapping[Task, int],
        stage: str,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        start = {task: leg.count_segments(task.folder(self.run)) for task in goals}
        self._greet(start, goals)

        def progress(tally: Tally) -> None:
            self.listen(
                Report(
                    stage,
                    tally.fraction,
                    self.error,
                    self.config.protocol.target_stderr_kcal,
                    self._remaining(tally),
                )
            )

        run_pieces(self.executor, self.processes, self.run, goals, progress=progress, stop=stop)

    def _greet(self, start: Mapping[Task, int], goals: Mapping[Task, int]) -> None:
        """Say once what an earlier process left done."""
        if self.greeted:
            return
        self.greeted = True
        done, of = sum(start.values()), sum(max(start[t], goals[t]) for t in goals)
        if done:
            words = f"resuming in {self.run}: {done} of {of} pieces done"
            self.listen(Report(words, done / of, lasting=True))

    def _remaining(self, tally: Tally) -> float | None:
        """Return the time left [s]: this round, then what the error law T ∝ 1/stderr² asks for."""
        this_round, target = (
            tally.seconds_left(self.processes),
            self.config.protocol.target_stderr_kcal,
        )
        if this_round is None or self.error is None or target is None:
            return this_round
        have = {task: leg.count_segments(task.folder(self.run)) for task in self.paths}
        factor = max((self.error / target) ** 2, 1.0)
        wanted = {task: math.ceil(count * factor) for task, count in have.items()}
        whole = Tally(have, wanted, tally.pace).seconds_left(self.processes)
        return this_round if whole is None else max(this_round, whole)
