# SPDX-License-Identifier: MIT
"""A leg in solution: equilibration, then segments with replica exchange.

The replicas of a repeat take turns in one Context, or in our loop. A segment starts from given
snapshots with seeds derived from its number, so it can be repeated after an interruption with the
same result. A leg may have a single state: the coupled end state of the endpoint route.

On a GPU, which one process does not saturate, the replicas of a segment are distributed over a
company of processes, each with its own Context. After each sweep they share the reduced potentials
of their replicas, and all draw the same exchange.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from merrow.engine.exchange import exchange_states
from merrow.engine.intact import require_whole
from merrow.engine.plans import LegPlan
from merrow.engine.record import Record
from merrow.engine.relax import relax
from merrow.engine.reservoir import Reservoir
from merrow.engine.scaled_states import NONE_SCALED, ScaledStates
from merrow.engine.seeds import derive_seed, generator
from merrow.engine.segments import Segment
from merrow.engine.simulation import Snapshot
from merrow.engine.sweeper import Sweeper
from merrow.engine.walkers import ContextWalker, Walker, open_walker
from merrow.errors import MerrowError
from merrow.meeting import Meeting
from merrow.potentials.device import device_of
from merrow.samples import DECOUPLED, WindowSamples
from merrow.system.build import HybridSystem

Array = np.ndarray
MEASURED = ("u", "dvdl", "internal", "spread", "volume", "size_slope")
"""Fields of a record that enter the rows of samples."""
TRIAL_STEPS = 20
"""Steps between checks of the clock in a speed test."""
StartSelector = Callable[[Snapshot, np.random.Generator], Snapshot]
"""Selects the next start of the first replica, given its current snapshot."""


@dataclass(frozen=True)
class Company:
    """The processes that share a segment.

    Attributes:
        meeting: Their meeting; replica r is propagated by process r mod size.
    """

    meeting: Meeting

    def own(self, count: int) -> range:
        """Return the replicas that this process propagates."""
        return range(self.meeting.place, count, self.meeting.size)

    def exchanged(self, point: int, latest: Array) -> Array:
        """Return the reduced potentials of all replicas in all states [kT], shape (K, K).

        Args:
            point: Number of the sweep.
            latest: The same, with only the rows of this process's replicas filled in.
        """
        own = latest[self.meeting.place :: self.meeting.size]
        whole = latest.copy()
        for place, rows in enumerate(self.meeting.meet(point, own)):
            whole[place :: self.meeting.size] = rows
        return whole


@dataclass(frozen=True)
class Share:
    """The part of a segment computed by one process.

    Attributes:
        records: Sweep, replica, state and record, in order of time.
        snapshots: Final snapshots of its replicas.
        state_of: Final states of all replicas, shape (K,).
        made_on: Platform, and device of the networks.
    """

    records: list[tuple[int, int, int, Record]]
    snapshots: dict[int, Snapshot]
    state_of: Array
    made_on: str


@dataclass(frozen=True)
class Replicas:
    """The replicas of a leg between two segments.

    Attributes:
        snapshots: Snapshot of each replica.
        state_of: State of each replica, shape (K,).
    """

    snapshots: tuple[Snapshot, ...]
    state_of: Array

    @property
    def coupled(self) -> Snapshot:
        """Snapshot of the replica in the first state."""
        return self.snapshots[int(np.argmin(self.state_of))]


def equilibrate_coupled(hybrid: HybridSystem, plan: LegPlan, start: Snapshot) -> Snapshot:
    """Minimise a snapshot, draw velocities and equilibrate the first state.

    Raises:
        NumericsError: A number is not finite, or a bond broke.
    """
    labels, first = ("equilibrate", "coupled"), plan.states[0]
    opened = ContextWalker(hybrid, plan, derive_seed(plan.seed, *labels))
    opened.place(start, first)
    relax(opened.context, hybrid)
    opened.require_agreement()
    before = opened.snapshot().positions
    require_whole(hybrid, start.positions, before, when="during the minimisation")
    seed = derive_seed(plan.seed, "velocities")
    opened.context.setVelocitiesToTemperature(plan.ensemble.temperature, seed)
    walker: Walker = opened
    if plan.engine != "openmm":  # OpenMM minimises and draws velocities for every engine
        walker = open_walker(hybrid, plan, *labels)
        walker.place(opened.snapshot(), first)
        walker.require_agreement()
    walker.advance(plan.equilibration)
    snapshot = walker.snapshot()
    require_whole(hybrid, before, snapshot.positions, when="while it was equilibrated")
    return snapshot


def equilibrate_state(
    hybrid: HybridSystem,
    plan: LegPlan,
    neighbour: Snapshot,
    state: int,
    scaled: ScaledStates = NONE_SCALED,
) -> Snapshot:
    """Equilibrate a state from the snapshot of the preceding state.

    Args:
        hybrid: The Hamiltonian.
        plan: Steps and seeds.
        neighbour: The snapshot.
        state: Number of the state; from K on it is one with scaled torsions.
        scaled: These states.

    Raises:
        NumericsError: A number is not finite.
    """
    scale, here = scaled.place(plan.states, state)
    walker = open_walker(scaled.systems.get(scale, hybrid), plan, "equilibrate", state)
    walker.place(neighbour, here)
    walker.require_agreement()
    walker.advance(plan.equilibration_per_state)
    return walker.snapshot()


def run_segment(
    hybrid: HybridSystem,
    plan: LegPlan,
    replicas: Replicas,
    index: int,
    *,
    reservoir: Reservoir | None = None,
    select: StartSelector | None = None,
    scaled: ScaledStates = NONE_SCALED,
) -> tuple[Segment, Replicas]:
    """Run a segment; return its records and the final replicas.

    Args:
        hybrid: The Hamiltonian.
        plan: Steps and seeds.
        replicas: Replicas at the start.
        index: Number of the segment.
        reservoir: Gas-phase conformers for the decoupled replica at the end of a sweep.
        select: Selects the start of the replica in the first state; None for its current snapshot.
        scaled: States with scaled torsions.

    Raises:
        NumericsError: A number is not finite, or a bond broke.
    """
    whole = run_share(
        hybrid, plan, replicas, index, reservoir=reservoir, select=select, scaled=scaled
    )
    return joined(plan, [whole], index)


def run_share(
    hybrid: HybridSystem,
    plan: LegPlan,
    replicas: Replicas,
    index: int,
    *,
    reservoir: Reservoir | None = None,
    select: StartSelector | None = None,
    scaled: ScaledStates = NONE_SCALED,
    company: Company | None = None,
) -> Share:
    """Propagate this process's replicas of a segment; without a company, all.

    The other arguments are those of `run_segment`.

    Raises:
        NumericsError: A number is not finite, or a bond broke.
        LeftError: Another process of the company has left.
    """
    snapshots, state_of = list(replicas.snapshots), replicas.state_of
    own = range(len(snapshots)) if company is None else company.own(len(snapshots))
    place = () if company is None else ("share", company.meeting.place)
    sweeper = Sweeper(hybrid, plan, scaled, ("segment", index, *place))
    before = snapshots[0].positions
    if select is not None:
        first = int(np.argmin(state_of))
        snapshots[first] = select(snapshots[first], generator(plan.seed, "start", index))
    chooser = generator(plan.seed, "exchange", index)
    drawer = generator(plan.seed, "reservoir", index, *place)
    records: list[tuple[int, int, int, Record]] = []
    for sweep in range(plan.sweeps_per_segment):
        latest = np.zeros((len(snapshots), len(snapshots)))
        for replica in own:
            here = int(state_of[replica])
            found, snapshots[replica], u = sweeper.swept(snapshots[replica], here)
            records += [(sweep, replica, here, record) for record in found]
            if reservoir is not None and here < len(plan.states) and plan.states[here] == DECOUPLED:
                # the exchange uses the new solute, not the recorded one
                snapshots[replica] = reservoir.insert(snapshots[replica], drawer)
                u = sweeper.placed(snapshots[replica], here)
            latest[replica] = sweeper.everywhere(u, snapshots[replica])
        if company is not None:
            latest = company.exchanged(sweep, latest)
        state_of = exchange_states(latest, state_of, chooser)
    for replica in own:
        positions = snapshots[replica].positions
        require_whole(hybrid, before, positions, when=f"in segment {index}")
    there = {replica: snapshots[replica] for replica in own}
    return Share(records, there, state_of, _made_on(hybrid, plan))


def _made_on(hybrid: HybridSystem, plan: LegPlan) -> str:
    """Return platform and device of a leg as text."""
    if hybrid.bridge is None:
        return plan.platform
    return f"{plan.platform}, network on {device_of(hybrid.bridge.potential)}"


def joined(plan: LegPlan, shares: Sequence[Share], index: int) -> tuple[Segment, Replicas]:
    """Assemble a segment and its final replicas from the shares of all processes.

    Raises:
        MerrowError: The shares have different exchanges.
    """
    state_of = shares[0].state_of
    if any(not np.array_equal(share.state_of, state_of) for share in shares):
        raise MerrowError("processes that share a segment exchanged other states; run it again.")
    records = [record for share in shares for record in share.records]
    records.sort(key=lambda record: record[:2])  # stable: records of a sweep keep their order
    snapshots: dict[int, Snapshot] = {}
    for share in shares:
        snapshots |= share.snapshots
    ordered = tuple(snapshots[replica] for replica in range(len(state_of)))
    segment = _segment(plan, [record[1:] for record in records], index)
    return replace(segment, made_on=shares[0].made_on), Replicas(ordered, state_of)


def stepper(
    hybrid: HybridSystem, plan: LegPlan, start: Snapshot, place: int
) -> Callable[[float], float]:
    """Return a function that runs the first state for a time [s] and returns steps per second.

    Args:
        hybrid: The Hamiltonian.
        plan: Settings of the leg.
        start: Initial configuration; relaxed first.
        place: Number of the process, for its random seed.
    """
    walker = ContextWalker(hybrid, plan, derive_seed(plan.seed, "trial", place))
    walker.place(start, plan.states[0])
    relax(walker.context, hybrid)
    seed = derive_seed(plan.seed, "trial")
    walker.context.setVelocitiesToTemperature(plan.ensemble.temperature, seed)
    walker.advance(TRIAL_STEPS)

    def step(seconds: float) -> float:
        began, steps = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < seconds or not steps:
            walker.advance(TRIAL_STEPS)
            walker.context.getState(getEnergy=True)  # waits for the device
            steps += TRIAL_STEPS
        return steps / max(passed, 1e-9)

    return step


def _segment(plan: LegPlan, records: list[tuple[int, int, Record]], index: int) -> Segment:
    n = len(records)
    per_state = plan.records_per_sweep * plan.sweeps_per_segment
    seen = np.zeros(len(plan.states), dtype=np.int64)
    time = np.empty(n)
    for row, (_, here, _) in enumerate(records):
        seen[here] += 1
        passed = (index * per_state + seen[here]) * plan.steps_per_record
        time[row] = passed * plan.ensemble.timestep
    state = np.array([here for _, here, _ in records], dtype=np.int64)
    samples = WindowSamples(
        plan.states,
        plan.ensemble.temperature,
        repeat=np.full(n, plan.repeat, dtype=np.int64),
        replica=np.array([replica for replica, _, _ in records], dtype=np.int64),
        state=state,
        time=time,
        **{name: np.array([getattr(r, name) for _, _, r in records]) for name in MEASURED},
    )
    ends = np.flatnonzero((state == 0) | (state == len(plan.states) - 1))
    return Segment(samples, np.array([records[row][2].positions for row in ends]), ends)
