# SPDX-License-Identifier: MIT
"""Mixing of replica exchange: transition matrix, second eigenvalue, round trips."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from merrow.free_energy.stored import Verdict, verdict
from merrow.samples import Array, IntArray, LambdaState, WindowSamples

LEAST_RELAXATIONS = 5.0
"""Recommended minimum length of a repeat in relaxation times of the exchange."""


@dataclass(frozen=True)
class Mixing:
    """Statistics of the replica exchange.

    Attributes:
        transitions: Probability of going from state i to state j in `lag` sweeps, shape (K, K),
            symmetrised, as detailed balance with equal populations requires.
        second_eigenvalue: Its second largest eigenvalue; 1 means disconnected states.
        sweeps: Mean number of sweeps of a repeat.
        round_trips: Round trips coupled → decoupled → coupled of all replicas and repeats.
        states: The K states.
        lag: Sweeps of a transition.
    """

    transitions: Array
    second_eigenvalue: float
    sweeps: float
    round_trips: int
    states: tuple[LambdaState, ...]
    lag: int = 1

    @property
    def relaxation(self) -> float:
        """Relaxation time (1/e) of the slowest mode of the exchange [sweeps]."""
        if self.second_eigenvalue >= 1.0:
            return math.inf
        return -self.lag / math.log(max(self.second_eigenvalue, 1e-12))


def mixing(samples: WindowSamples, *, records_per_sweep: int, lag: int = 1) -> Mixing | None:
    """Return exchange statistics; None for a single state or fewer than two transitions.

    Args:
        samples: Rows in the order in which each replica was recorded.
        records_per_sweep: Rows of a replica between exchanges.
        lag: Sweeps of a transition. A replica that has just been swapped is soon swapped back, so
            that transitions over very short times make the exchange look faster than it is.
    """
    k_states = len(samples.states)
    counts, trips = np.zeros((k_states, k_states)), 0
    for visited, sweeps in _ways(samples, records_per_sweep):
        trips += _round_trips(visited, k_states - 1)
        seen = (sweeps + 1) % lag == 0
        between = np.diff(sweeps[seen]) == lag  # else it was in a state without records
        before, after = visited[seen][:-1], visited[seen][1:]
        np.add.at(counts, (before[between], after[between]), 1.0)
    if k_states < 2 or not counts.any():
        return None
    counts = counts + counts.T
    rows = counts.sum(axis=1, keepdims=True)
    matrix = np.divide(counts, rows, out=np.eye(k_states), where=rows > 0.0)
    eigenvalues = np.sort(np.linalg.eigvals(matrix).real)[::-1]
    repeats = [samples.repeat == repeat for repeat in np.unique(samples.repeat)]
    length = np.mean([len(np.unique(samples.time[mine])) for mine in repeats]) / records_per_sweep
    second = float(min(eigenvalues[1], 1.0))
    return Mixing(matrix, second, float(length), trips, samples.states, lag)


@dataclass(frozen=True)
class Insertions:
    """Statistics of conformers inserted from the gas phase.

    Attributes:
        inserted: Number of inserted conformers.
        carried: Trips of replicas, of all repeats, from an insertion to the coupled state.
    """

    inserted: int
    carried: int


def insertions(samples: WindowSamples, *, records_per_sweep: int, since: float) -> Insertions:
    """Count inserted conformers and their trips to the coupled state.

    Args:
        samples: Rows in the order in which each replica was recorded.
        records_per_sweep: Rows of a replica between exchanges; after each sweep the replica in the
            last state gets a conformer.
        since: Time in a state after which insertions were made [ps].
    """
    inserted, carried, last = 0, 0, len(samples.states) - 1
    for visited, _ in _ways(samples.select(samples.time > since), records_per_sweep):
        ends = visited[(visited == 0) | (visited == last)]
        inserted += int(np.count_nonzero(ends == last))
        carried += int(np.count_nonzero(np.diff(ends) < 0))
    return Insertions(inserted, carried)


def judge_ladders(repeats: int, ladders: int) -> Verdict | None:
    """Warn if several repeats take conformers from the same ladder; None otherwise.

    Args:
        repeats: Number of repeats of the path.
        ladders: Number of temperature ladders in gas; repeat r uses ladder r modulo this number.
    """
    if repeats <= ladders:
        return None
    return verdict(
        "gas ladders",
        False,
        f"{repeats} repeats take their conformers from {ladders} ladders in gas: the error of a "
        "ladder is that of several repeats, and their scatter does not show it.",
        "begin a new run with as many --repeats from the start; it then has a ladder for each",
    )


def judge_mixing(found: Mixing, gas: Insertions | None = None) -> Verdict:
    """Check that the run is long compared with the slowest mode of the exchange.

    Args:
        found: Exchange statistics.
        gas: Statistics of conformers from the gas phase, if used.
    """
    slow = found.relaxation > found.sweeps
    relaxes = "longer than the run" if slow else f"{found.relaxation:.1f} sweeps"
    over = "" if found.lag == 1 else f" over {found.lag} sweeps"
    said = (
        f"{found.round_trips} round trips in {found.sweeps:.0f} sweeps, relaxation {relaxes} "
        f"(second eigenvalue {found.second_eigenvalue:.3f}{over})"
    )
    if gas is not None:
        said += f", gas conformers inserted: {gas.inserted}"
        said += f", carried to the coupled state: {gas.carried}"
    if found.sweeps >= LEAST_RELAXATIONS * found.relaxation:
        return verdict("exchange", True, f"The replicas mix: {said}.")
    stays = np.diag(found.transitions)
    worst = int(stays.argmax())
    return verdict(
        "exchange",
        False,
        f"The replicas mix slowly: {said}; {found.states[worst].words} keeps its replica"
        f"{over} in {100.0 * stays[worst]:.0f} % of cases.",
        "sample longer (--target-stderr), or add a state there",
    )


def _ways(samples: WindowSamples, records_per_sweep: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the states of each replica of each repeat after sweeps, and the numbers of the sweeps.

    A replica has no records while it is in a state with scaled torsions.
    """
    for repeat in np.unique(samples.repeat):
        mine = samples.repeat == repeat
        times = np.unique(samples.time[mine])  # each state has its record at each time
        for replica in np.unique(samples.replica[mine]):
            own = mine & (samples.replica == replica)
            last = slice(records_per_sweep - 1, None, records_per_sweep)
            order = np.searchsorted(times, samples.time[own][last])
            yield samples.state[own][last], order // records_per_sweep


def _round_trips(visited: IntArray, last: int) -> int:
    """Count round trips: one end, then the other, then the first again."""
    ends = visited[(visited == 0) | (visited == last)]
    return int(np.count_nonzero(np.diff(ends))) // 2
