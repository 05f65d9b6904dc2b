# SPDX-License-Identifier: MIT
"""How much of each task is sampled: fixed goals first, then rounds until the error is small enough.

All of it is arithmetic on values: what is asked, how far the rounds are, and the errors that the
samples gave. `adaptive.py` does what is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS, Protocol
from merrow.hydration.sampling.tasks import (
    ML_SOLUTE,
    MM_SOLUTE,
    PATH_PER_END,
    PHASES,
    Phase,
    Task,
    end_segment_time,
    first_end_segments,
    gas_segment_time,
    has_end_states,
    has_gas,
    leg_plan,
    path_tasks,
    segments_for,
    takes_from_gas,
)
from merrow.hydration.state import Intermediates, Rounds

LIMITING = 1 / 3
"""Part of the variance from which on an end state of the endpoint route limits the error."""


@dataclass(frozen=True)
class RoundErrors:
    """Standard errors of an estimate between rounds [kcal/mol].

    Attributes:
        headline: What is held against the target: the headline's, or the larger of both routes'.
        endpoint: Of the whole endpoint route; None where it is not sampled.
        ends: Of its end states, by phase.
    """

    headline: float
    endpoint: float | None = None
    ends: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SamplingState:
    """How far the sampling of a run is.

    Attributes:
        config: What is asked.
        flexible: Whether the solute has rotatable torsions.
        path: Segments of each path in this round.
        rounds: What earlier rounds decided.
        intermediates: The ensembles between MM and ML.
    """

    config: HydrationConfig
    flexible: bool
    path: int
    rounds: Rounds
    intermediates: Intermediates

    @property
    def most(self) -> int:
        """Segments of each path that are the last."""
        most = math.ceil(self.config.protocol.maximum_sampling_ps / _path_segment_time(self.config))
        return max(least_path(self.config), most)

    def first_goals(self) -> dict[Task, int]:
        """Return the goals that do not depend on the error, what others wait for first."""
        config = self.config
        paths = path_tasks(config)
        goals = dict.fromkeys(paths, 1)
        if has_end_states(config):
            for kind in (ML_SOLUTE, *self.intermediates.hamiltonians("water")):
                tasks = (Task("end", kind, repeat) for repeat in range(config.repeats))
                goals |= dict.fromkeys(tasks, self.segments_of_end("water"))
        if has_gas(config.protocol):
            kinds = [MM_SOLUTE if config.potential == "mm" else ML_SOLUTE]
            if has_end_states(config):
                kinds = [MM_SOLUTE, ML_SOLUTE, *self.intermediates.hamiltonians("gas")]
            if takes_from_gas(config.protocol, flexible=self.flexible):
                kinds += [path.hamiltonian for path in paths]
            goals |= dict.fromkeys((Task("gas", k) for k in kinds), self.segments_of_end("gas"))
        return goals

    def goals(self) -> dict[Task, int]:
        """Return all goals of the round; end states that go on from the path grow with it."""
        goals = self.first_goals() | dict.fromkeys(path_tasks(self.config), self.path)
        if takes_from_gas(self.config.protocol, flexible=self.flexible):
            behind_path = first_end_segments(self.config) + self.path // PATH_PER_END
            for task in goals:
                goals[task] = max(goals[task], behind_path if task.kind == "end" else 0)
        return goals

    def segments_of_end(self, phase: Phase) -> int:
        """Return the segments of the end states in a phase: the protocol's, or as lengthened."""
        protocol, water = self.config.protocol, phase == "water"
        time = end_segment_time(self.config) if water else gas_segment_time(protocol)
        least = segments_for(protocol.endstate_water_ps if water else protocol.gas_ps, time)
        most = max(least, math.ceil(protocol.maximum_sampling_ps / time))
        return min(most, max(least, self.rounds.segments(phase)))

    def was_judged(self, sampled: Collection[int]) -> bool:
        """Tell whether an earlier process judged this round; that must not be done again.

        It saw fewer segments than there are now: another judgement could stop a resumed run where
        the undisturbed one goes on.

        Args:
            sampled: Segments that there are of each path.
        """
        return self.rounds.judged >= self.path or any(count > self.path for count in sampled)

    def longer(self) -> SamplingState:
        """Return the state of the next round: a sixth more of the path."""
        return replace(self, path=min(self.most, self.path + max(1, self.path // 6)))


def first_state(
    config: HydrationConfig, rounds: Rounds, intermediates: Intermediates, *, flexible: bool
) -> SamplingState:
    """Return the state of the first round, with what an earlier process decided."""
    return SamplingState(config, flexible, least_path(config), rounds, intermediates)


def gas_first(goals: Mapping[Task, int]) -> dict[Task, int]:
    """Return goals in the order of preference: the gas phase, then the others as they are.

    The gas phase is one chain of many short pieces, which nobody could share at the end, and others
    wait for it.
    """
    return dict(sorted(goals.items(), key=lambda item: item[0].kind != "gas"))


def plan_round(state: SamplingState, errors: RoundErrors | None) -> SamplingState:
    """Return the state of the round that follows one that was not enough.

    An end state with more than a third of the variance gets a third more segments.

    Args:
        state: The round that was judged.
        errors: What its estimate gave; None where there was none.
    """
    lengthened = {}
    for phase in PHASES:
        lengthened[phase] = state.rounds.segments(phase)
        stderr = errors.ends.get(phase) if errors is not None else None
        if errors is None or stderr is None or errors.endpoint is None:
            continue
        if (stderr / errors.endpoint) ** 2 > LIMITING:
            now = state.segments_of_end(phase)
            lengthened[phase] = now + max(1, now // 3)
    return replace(state, rounds=Rounds(judged=state.path, **lengthened)).longer()


def is_enough(config: HydrationConfig, errors: RoundErrors | None) -> bool:
    """Tell whether the error has met its target."""
    target = config.protocol.target_stderr_kcal
    return errors is not None and target is not None and errors.headline <= target


def is_users_limit(protocol: Protocol) -> bool:
    """Tell whether the time limit was asked for; a protocol's own waits for its minimum."""
    own = PROTOCOLS.get(protocol.name)
    known = PROTOCOLS.values() if own is None else (own,)  # a changed one keeps its limit
    return protocol.maximum_minutes not in {known.maximum_minutes for known in known}


def least_path(config: HydrationConfig) -> int:
    """Return the segments of each path before an error is believed."""
    return max(1, math.ceil(config.protocol.minimum_sampling_ps / _path_segment_time(config)))


def _path_segment_time(config: HydrationConfig) -> float:
    """Return the sampling that one segment of all repeats adds to each state of a path [ps]."""
    return leg_plan(config, path_tasks(config)[0]).segment_time * config.repeats
