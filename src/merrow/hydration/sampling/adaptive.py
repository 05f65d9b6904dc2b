# SPDX-License-Identifier: MIT
"""Adaptive sampling until the error is small enough, following the decisions of `rounds.py`."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from merrow.errors import IncompleteError, InputError, NumericsError
from merrow.hydration.analysis.estimate import (
    BY_MM,
    HydrationAnalysis,
    estimate_run,
    missing_ensembles,
)
from merrow.hydration.analysis.gather import read_gas_phase
from merrow.hydration.analysis.torsions import solute_torsions
from merrow.hydration.run_folder import Stopwatch
from merrow.hydration.sampling.dispatch import Workers, run_pieces
from merrow.hydration.sampling.rounds import (
    RoundErrors,
    SamplingState,
    first_state,
    gas_first,
    is_enough,
    is_users_limit,
    longer_gas,
    plan_round,
    settled_gas,
    settles_gas,
)
from merrow.hydration.sampling.tasks import Task, has_end_states, path_tasks
from merrow.hydration.sampling.work import Meter, phase_words
from merrow.hydration.state import Intermediates, Rounds, Timing
from merrow.progress import Listener, Progress, TimeLimit, say
from merrow.report.text import duration

logger = logging.getLogger(__name__)

MARGIN = 1.2
"""Safety factor on step times measured beforehand, since the machine is shared."""
SOON = 10.0
"""Time after which an unknown step time is measured, to estimate the time left [s]."""
S_PER_MIN = 60.0


class Sampler:
    """Samples a run with a set of workers."""

    def __init__(self, workers: Workers, *, listen: Listener, watch: Stopwatch) -> None:
        self.workers, self.run = workers, workers.run
        self.config, self.folder = self.run.config, self.run.folder
        self.listen, self.watch = listen, watch
        self.paths = path_tasks(self.config)
        minutes = self.config.protocol.maximum_minutes
        self.left_s = math.inf if minutes is None else S_PER_MIN * minutes - watch.total
        self.late = TimeLimit.after(None if minutes is None else self.left_s).passed
        self.half = TimeLimit.after(None if minutes is None else self.left_s / 2).passed
        self.meter = Meter(self.run, workers.processes)
        self.error: float | None = None
        self.judged: dict[Task, int] = {}  # segments of each path that this error is of
        self.most = 0
        self.waits_for = ""
        self.without_estimate = ""
        self.greeted = False

    def work(self) -> HydrationAnalysis | None:
        """Sample until the stopping criteria of the protocol are met.

        Returns:
            The estimate that met its target; None if sampling ended otherwise.

        Raises:
            IncompleteError: The time limit was reached before every part had samples.
            MerrowError: A segment failed; finished segments are kept.
        """
        sampled = self._sampled().values()
        state = first_state(
            self.config,
            self.folder.read(Rounds) or Rounds(),
            self.folder.read(Intermediates) or Intermediates(),
            flexible=self.run.flexible,
            held=self.run.held,
            sampled=sampled,
        )
        self.most = state.most
        # some samples of every part first, so that a time limit leaves an estimate
        strict = self.late if is_users_limit(self.config.protocol) else (lambda: False)
        first = state.first_goals()
        if is_users_limit(self.config.protocol):
            self._check_time(first)
        if settles_gas(state, sampled):
            self.waits_for = "gas"
            self._reach(gas_first(first), strict, whole=state.goals())
            self._check_parts(first)
            state = self._settle_gas(state)
            first = state.first_goals()
        self._reach(state.goals(), strict, first=gas_first(first))
        self._check_parts(first)
        state = self._place_intermediates(state, strict)
        while state.path < state.most and not self.late():
            found, errors = self._estimate()
            self.folder.save(Timing(wall_s=self.watch.total))
            if is_enough(self.config, errors):
                return found
            following = plan_round(state, errors)
            if following.goals() == state.goals():
                return None
            state = following
            self.folder.save(state.rounds)
            self._reach(state.goals(), self.late)
        return None

    def _settle_gas(self, state: SamplingState) -> SamplingState:
        """Sample the gas phase until its ladders agree in their conformers.

        For half of a time limit: the path needs the rest, even if it takes them unsettled.
        """
        gas = [task for task in state.first_goals() if task.kind == "gas"]
        while not self.late():
            frames = {task.name: read_gas_phase(self.run, task.hamiltonian) for task in gas}
            agree = not solute_torsions(frames, self.run.prepared).unsettled("gas")
            state = settled_gas(state) if agree or self.half() else longer_gas(state)
            self.folder.save(state.rounds)
            if state.rounds.reservoir:
                break
            goals = state.first_goals()
            self._reach({task: goals[task] for task in gas}, self.late, whole=state.goals())
        self.waits_for = ""
        return state

    def _place_intermediates(self, state: SamplingState, stop: Callable[[], bool]) -> SamplingState:
        """Sample intermediate ensembles if MM and ML solute are too far apart for BAR."""
        if not has_end_states(self.config):
            return state
        while not state.intermediates.settled and not stop():
            try:
                missing = missing_ensembles(self.run)
            except NumericsError as error:  # the estimate will report it if it persists
                logger.info("the end states could not be assessed: %s", error)
                missing = {}
            state = replace(state, intermediates=state.intermediates.joined(missing))
            self.folder.save(state.intermediates)
            self._reach(gas_first(state.first_goals()), stop)
        return state

    def _check_time(self, goals: Mapping[Task, int]) -> None:
        """Refuse a time limit that is too short for samples of every part.

        Raises:
            InputError: The time limit is too short.
        """
        if not any(self.folder.task(task).count_segments() < goals[task] for task in goals):
            return
        self.listen(Progress("measuring the pace", known=False))
        self.meter.measure(goals)
        needed = MARGIN * (self.meter.seconds_left(goals) or 0.0)
        if needed <= self.left_s:
            return
        least = math.ceil((self.watch.total + needed) / S_PER_MIN)
        raise InputError(
            f"--max-time {self.config.protocol.maximum_minutes:g}m is too short for a number: the "
            f"run has taken {duration(self.watch.total)}, and the least sampling of every part "
            f"takes about {duration(needed)} on this machine; give at least --max-time {least}m."
        )

    def _check_parts(self, goals: Mapping[Task, int]) -> None:
        """Check that every part has samples for an estimate."""
        minutes = self.config.protocol.maximum_minutes
        missing = [t.name for t in goals if not self.folder.task(t).count_segments()]
        if minutes is not None and missing:
            raise IncompleteError(
                f"the {minutes:g} min ended with {len(missing)} of {len(goals)} parts without "
                "samples, so there is no result yet; run the same command with more time to resume."
            )

    def _estimate(self) -> tuple[HydrationAnalysis | None, RoundErrors | None]:
        """Estimate and record the error; None without an estimate yet."""
        try:
            found = estimate_run(self.run)
        except NumericsError as error:
            logger.info("no estimate yet: %s", error)
            self.error, self.without_estimate = None, f"no estimate yet: {error}"
            return None, None
        check = found.hydration.estimates.endpoint_bar
        endpoint = None if check is None else check.stderr_kcal
        self.error = max(found.hydration.headline.stderr_kcal, endpoint or 0.0)
        self.judged = self._sampled()
        ends = {phase: end.stderr_kcal for phase, end in found.ends.items()}
        frames = {"water": found.water, **found.further}
        unsettled = solute_torsions(frames, self.run.prepared).unsettled("water")
        self.waits_for = "water" if unsettled else ""
        of_path = {BY_MM} if self.config.protocol.route == "endpoint" else {BY_MM, "water"}
        where = {"unsettled_path": unsettled & of_path, "unsettled_ends": unsettled - of_path}
        flags = {name: bool(those) for name, those in where.items()}
        return found, RoundErrors(self.error, endpoint, ends, **flags)

    def _sampled(self) -> dict[Task, int]:
        """Return the number of segments of each path."""
        return {task: self.folder.task(task).count_segments() for task in self.paths}

    def _reach(
        self,
        goals: Mapping[Task, int],
        stop: Callable[[], bool],
        *,
        first: Mapping[Task, int] | None = None,
        whole: Mapping[Task, int] | None = None,
    ) -> None:
        """Sample until goals are met; tell the progress of the whole, if more is known to come."""
        whole = goals if whole is None else whole
        self._greet(whole)
        began = time.monotonic()

        def tell(running: Collection[Task]) -> None:
            if self.workers.processes > 1 and time.monotonic() > began + SOON:
                self.meter.measure(goals)  # this process is idle
            words, expected = phase_words(self.run, running), self._expected(whole)
            # nothing tells when conformers that are not settled will be
            left = None if self.waits_for else self.meter.seconds_left(expected, running)
            self.listen(Progress(words, self.meter.fraction(expected), self._error_told(), left))

        run_pieces(self.workers, goals, first=first, meter=self.meter, tell=tell, stop=stop)

    def _greet(self, goals: Mapping[Task, int]) -> None:
        """Report once what earlier processes have finished."""
        if self.greeted:
            return
        self.greeted = True
        start = {task: self.folder.task(task).count_segments() for task in goals}
        done, of = sum(start.values()), sum(max(start[t], goals[t]) for t in goals)
        if done:
            say(self.listen, f"resuming in {self.folder.path}: {done} of {of} pieces done.")

    def _error_told(self) -> tuple[str, ...]:
        """Return the current error as text, and what else keeps the run from its target."""
        target = self.config.protocol.target_stderr_kcal
        told = []
        if self.error is not None:
            of = "" if target is None else f" of {target:.2f}"
            told.append(f"stderr {self.error:.2f}{of} kcal/mol")
        elif self.without_estimate:
            told.append(self.without_estimate)
        if target is not None and self.waits_for:
            told.append(f"conformers not settled in {self.waits_for}")
        return tuple(told)

    def _expected(self, goals: Mapping[Task, int]) -> dict[Task, int]:
        """Return goals of this round, and those of later ones by the error law T ∝ 1/stderr²."""
        target, expected = self.config.protocol.target_stderr_kcal, dict(goals)
        if self.error is not None and target is not None:
            factor = max((self.error / target) ** 2, 1.0)
            for task, count in self.judged.items():
                wanted = min(math.ceil(count * factor), self.most)
                expected[task] = max(expected.get(task, 0), wanted)
        return expected
