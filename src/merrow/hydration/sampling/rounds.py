# SPDX-License-Identifier: MIT
"""Sampling goals of each task: fixed ones first, then rounds until the error is small enough.

These are pure functions of the configuration, the state of the rounds and the estimated errors;
`adaptive.py` carries out the decisions.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS, Protocol
from merrow.hydration.sampling.tasks import (
    FIRST_FROM_GAS,
    ML_SOLUTE,
    MM_SOLUTE,
    PATH_PER_END,
    PHASES,
    Phase,
    Task,
    end_segment_time,
    first_end_segments,
    first_gas_segments,
    gas_segment_time,
    has_end_states,
    has_gas,
    leg_plan,
    path_tasks,
    segments_for,
    takes_from_gas,
)
from merrow.hydration.state import Intermediates, Rounds

TIMES_GAS = 8
"""How much longer the gas phase may become, while its ladders differ in their conformers."""
LIMITING = 1 / 3
"""Fraction of the variance above which an end state of the endpoint route limits the error."""


@dataclass(frozen=True)
class RoundErrors:
    """Standard errors of the estimate after a round [kcal/mol], and whether they can be trusted.

    Attributes:
        headline: The one compared with the target: the headline's, or the larger of both routes'.
        endpoint: Error of the whole endpoint route; None if not sampled.
        ends: Errors of its end states, by phase.
        unsettled_path: Whether repeats of a path still differ in their conformers, which no error
            shows.
        unsettled_ends: The same of an end state in water.
    """

    headline: float
    endpoint: float | None = None
    ends: Mapping[str, float] = field(default_factory=dict)
    unsettled_path: bool = False
    unsettled_ends: bool = False

    @property
    def unsettled(self) -> bool:
        """Whether repeats still differ in their conformers in water."""
        return self.unsettled_path or self.unsettled_ends


@dataclass(frozen=True)
class SamplingState:
    """State of the sampling of a run.

    Attributes:
        config: Configuration.
        flexible: Whether the solute has rotatable torsions.
        held: Whether some of them keep their terms everywhere, so that end states continue from
            snapshots of the path.
        path: Segments of each path in this round.
        rounds: Decisions of earlier rounds.
        intermediates: Intermediate ensembles between MM and ML.
    """

    config: HydrationConfig
    flexible: bool
    held: bool
    path: int
    rounds: Rounds
    intermediates: Intermediates

    @property
    def most(self) -> int:
        """Maximum number of segments of each path."""
        most = math.ceil(self.config.protocol.maximum_sampling_ps / _path_segment_time(self.config))
        return max(least_path(self.config), most)

    def first_goals(self) -> dict[Task, int]:
        """Return the goals that do not depend on the error, prerequisites of others first."""
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
        """Return all goals of the round; end states that continue from the path grow with it."""
        goals = self.first_goals() | dict.fromkeys(path_tasks(self.config), self.path)
        if takes_from_gas(self.config.protocol, flexible=self.held):
            behind_path = first_end_segments(self.config) + self.path // PATH_PER_END
            for task in goals:
                known = task.hamiltonian == ML_SOLUTE or self.intermediates.settled
                if task.kind == "end" and known:
                    goals[task] = max(goals[task], behind_path)
        return goals

    def segments_of_end(self, phase: Phase) -> int:
        """Return the segments of the end states in a phase: the protocol's, or as extended."""
        protocol, water = self.config.protocol, phase == "water"
        time = end_segment_time(self.config) if water else gas_segment_time(protocol)
        least = segments_for(protocol.endstate_water_ps if water else protocol.gas_ps, time)
        most = max(least, math.ceil(protocol.maximum_sampling_ps / time))
        return min(most, max(least, self.rounds.segments(phase)))

    def longer(self) -> SamplingState:
        """Return the state with the path extended by a sixth."""
        return replace(self, path=min(self.most, self.path + max(1, self.path // 6)))


def first_state(
    config: HydrationConfig,
    rounds: Rounds,
    intermediates: Intermediates,
    *,
    flexible: bool,
    held: bool,
    sampled: Collection[int] = (),
) -> SamplingState:
    """Return the state of the first round, or of the one that earlier processes decided.

    Repeats that were added are sampled to the length of the others, which may be above the least of
    so many repeats.

    Args:
        config: Configuration.
        rounds, intermediates: What earlier processes decided.
        flexible, held: As in `SamplingState`.
        sampled: Number of segments of each path so far.
    """
    path = max(least_path(config), rounds.path)
    state = SamplingState(config, flexible, held, path, rounds, intermediates)
    while not rounds.path and state.path <= rounds.judged and state.path < state.most:
        state = state.longer()
    return replace(state, path=max((state.path, *sampled)))


def gas_first(goals: Mapping[Task, int]) -> dict[Task, int]:
    """Return goals in order of priority: the gas phase, then the others in their order.

    The gas phase is one chain of many short segments that cannot be shared, and others wait for it.
    """
    return dict(sorted(goals.items(), key=lambda item: item[0].kind != "gas"))


def plan_round(state: SamplingState, errors: RoundErrors | None) -> SamplingState:
    """Return the state of the next round after one that did not meet the target.

    An end state with more than a third of the variance is extended by a third, and so are those in
    water whose repeats differ in their conformers. Where they take snapshots of the path, they grow
    with it instead. The path is extended by a sixth, unless an end state is extended and the path
    has less than a third of the variance. If only conformers are missing, only what lacks them is
    extended, and nothing if that is at its maximum.

    Args:
        state: The finished round.
        errors: Its errors; None without an estimate.
    """
    behind_path = takes_from_gas(state.config.protocol, flexible=state.held)
    lengthened: dict[str, int] = {}
    for phase in PHASES:
        lengthened[phase] = state.rounds.segments(phase)
        if errors is None or (phase == "water" and behind_path):
            continue
        limits = _share(errors, phase) > LIMITING and not _is_met(state, errors)
        if limits or (phase == "water" and errors.unsettled_ends):
            now = state.segments_of_end(phase)
            lengthened[phase] = now + max(1, now // 3)
    following = replace(state, rounds=state.rounds.model_copy(update=lengthened))
    grown = following.first_goals() != state.first_goals()
    waits = errors is not None and _path_is_enough(state, errors)
    if errors is None or not waits or not (grown or _is_met(state, errors)):
        following = following.longer()
    rounds = following.rounds.model_copy(update={"path": following.path})
    return replace(following, rounds=rounds)


def _is_met(state: SamplingState, errors: RoundErrors) -> bool:
    target = state.config.protocol.target_stderr_kcal
    return target is not None and errors.headline <= target


def _path_is_enough(state: SamplingState, errors: RoundErrors) -> bool:
    """Tell whether the end states are nearly all that is missing, in the route that counts."""
    if errors.endpoint is None or errors.unsettled_path:
        return False
    if errors.unsettled and takes_from_gas(state.config.protocol, flexible=state.held):
        return False
    others = 1.0 - sum(_share(errors, phase) for phase in PHASES)
    limited = errors.headline <= errors.endpoint and others < LIMITING
    return _is_met(state, errors) or limited


def _share(errors: RoundErrors, phase: Phase) -> float:
    """Return the fraction of the variance of the endpoint route that is an end state's."""
    stderr = errors.ends.get(phase)
    return 0.0 if stderr is None or errors.endpoint is None else (stderr / errors.endpoint) ** 2


def settles_gas(state: SamplingState, sampled: Collection[int]) -> bool:
    """Tell whether the ladders in gas must agree in their conformers before the path goes on.

    The path then takes its conformers from them. Not in runs of fixed length, and not where the
    path of an earlier process has taken conformers already.

    Args:
        state: The first round.
        sampled: Number of segments of each path.
    """
    protocol = state.config.protocol
    begun = any(count > FIRST_FROM_GAS for count in sampled)
    takes = takes_from_gas(protocol, flexible=state.flexible)
    fixed = protocol.target_stderr_kcal is None
    return takes and not fixed and not state.rounds.reservoir and not begun


def longer_gas(state: SamplingState) -> SamplingState:
    """Return the state with a gas phase that is a third longer, or that ends at its maximum."""
    now, most = state.segments_of_end("gas"), most_gas(state.config.protocol)
    rounds = state.rounds.model_copy(update={"gas": min(most, now + max(1, now // 3))})
    longer = replace(state, rounds=rounds)
    return longer if longer.segments_of_end("gas") > now else settled_gas(state)


def most_gas(protocol: Protocol) -> int:
    """Return the segments after which gas-phase ladders that disagree are not waited for."""
    return TIMES_GAS * first_gas_segments(protocol)


def settled_gas(state: SamplingState) -> SamplingState:
    """Return the state in which paths take conformers from all of the gas phase so far."""
    now = state.segments_of_end("gas")
    return replace(state, rounds=state.rounds.model_copy(update={"gas": now, "reservoir": now}))


def is_enough(config: HydrationConfig, errors: RoundErrors | None) -> bool:
    """Tell whether the error has met its target and repeats agree in their conformers."""
    target = config.protocol.target_stderr_kcal
    if errors is None or target is None or errors.unsettled:
        return False
    return errors.headline <= target


def is_users_limit(protocol: Protocol) -> bool:
    """Tell whether the user set the time limit; a protocol's own waits for the minimum sampling."""
    if protocol.firm_limit is not None:
        return protocol.firm_limit
    own = PROTOCOLS.get(protocol.name)
    known = PROTOCOLS.values() if own is None else (own,)  # a changed protocol keeps its limit
    return protocol.maximum_minutes not in {known.maximum_minutes for known in known}


def least_path(config: HydrationConfig) -> int:
    """Return the segments of each path needed before an error is trusted."""
    least = config.protocol.least_sampling_ps(config.repeats)
    return segments_for(least, _path_segment_time(config))


def _path_segment_time(config: HydrationConfig) -> float:
    """Return the sampling that one segment of all repeats adds to each state of a path [ps]."""
    return leg_plan(config, path_tasks(config)[0]).segment_time * config.repeats
