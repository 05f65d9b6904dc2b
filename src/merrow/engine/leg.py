# SPDX-License-Identifier: MIT
"""Which configurations does a leg in solution visit? Equilibration, then segments of exchange.

All replicas of one repeat take turns in one Context. A segment starts from stored snapshots with
seeds derived from its number, so it can be computed again, or first after a kill, with the same
result. One state is a leg too: the coupled end state of the endpoint route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm as mm

from merrow.engine.exchange import exchange_states
from merrow.engine.intact import require_whole
from merrow.engine.record import Record, couplings, set_state, take_record
from merrow.engine.reservoir import Reservoir
from merrow.engine.seeds import derive_seed, generator
from merrow.engine.simulation import Ensemble, Snapshot, get_snapshot, open_context, set_snapshot
from merrow.engine.storage import Arrays, load_arrays, save_arrays
from merrow.errors import NumericsError
from merrow.samples import ROW_FIELDS, LambdaState, WindowSamples
from merrow.system.build import HybridSystem

Array = np.ndarray
Start = Callable[[Snapshot, np.random.Generator], Snapshot]

DECOUPLED = LambdaState(0.0, 0.0)
COUPLED = "coupled.npz"
"""Snapshot of the first state after its equilibration; where an ML/MM end state begins."""


@dataclass(frozen=True)
class LegPlan:
    """How one repeat of one leg is sampled.

    Attributes:
        states: Alchemical states, coupled end first.
        ensemble: Temperature, pressure, integrator.
        equilibration: Steps in the first state before anything else.
        equilibration_per_state: Further steps in each state, one after the other.
        steps_per_record: Steps between two records of a replica.
        records_per_sweep: Records of a replica between two exchanges.
        sweeps_per_segment: Sweeps between two checkpoints.
        platform: OpenMM platform.
        seed: Seed of this repeat of this leg.
        repeat: Number of the repeat.
    """

    states: tuple[LambdaState, ...]
    ensemble: Ensemble
    equilibration: int
    equilibration_per_state: int
    steps_per_record: int
    records_per_sweep: int
    sweeps_per_segment: int
    platform: str
    seed: int
    repeat: int

    @property
    def segment_time(self) -> float:
        """Production time that one segment adds to each state [ps]."""
        records = self.records_per_sweep * self.sweeps_per_segment
        return records * self.steps_per_record * self.ensemble.timestep


@dataclass(frozen=True)
class Segment:
    """What one segment recorded.

    Attributes:
        samples: One row for each record.
        frames: Positions of the region in the end states [nm], shape (f, n, 3).
        frame_rows: Row of `samples` of each frame, shape (f,).
    """

    samples: WindowSamples
    frames: Array
    frame_rows: Array


def equilibrate(hybrid: HybridSystem, plan: LegPlan, start: Snapshot, folder: Path) -> None:
    """Minimise, equilibrate the first state, then each state from its neighbour; resumable.

    Args:
        hybrid: The Hamiltonian.
        plan: Steps and seeds.
        start: Where to begin; velocities are drawn anew.
        folder: Gets `equilibrated-KK.npz` for every state and at last `phases-0000.npz`.
    """
    if phases_path(folder, 0).exists():
        return
    coupled = folder / COUPLED
    if not coupled.exists():
        save_arrays(coupled, _pack([_first_equilibration(hybrid, plan, start)]))
    snapshot = _unpack(load_arrays(coupled))[0]
    snapshots = []
    for k, state in enumerate(plan.states):
        path = folder / f"equilibrated-{k:02d}.npz"
        if not path.exists():
            context = _context(hybrid, plan, "equilibrate", k)
            set_snapshot(context, snapshot)
            set_state(context, state)
            _advance(context, plan.equilibration_per_state)
            save_arrays(path, _pack([get_snapshot(context)]))
        snapshot = _unpack(load_arrays(path))[0]
        snapshots.append(snapshot)
    order = np.arange(len(snapshots))
    save_arrays(phases_path(folder, 0), {**_pack(snapshots), "state_of": order})
    for path in folder.glob("equilibrated-*.npz"):
        path.unlink()


def run_segment(
    hybrid: HybridSystem,
    plan: LegPlan,
    folder: Path,
    index: int,
    reservoir: Reservoir | None = None,
    *,
    start: Start | None = None,
    keep: bool = False,
) -> None:
    """Compute one segment from `phases-index` and write `segment-index` and the next snapshots.

    Args:
        hybrid: The Hamiltonian.
        plan: Steps and seeds.
        folder: The task's.
        index: Number of the segment.
        reservoir: Conformers in gas, for the replica that is decoupled at the end of a sweep.
        start: Chooses where the first replica goes on, given where it stands.
        keep: Whether the last snapshot of the first state is kept in `coupled-index`.

    Raises:
        NumericsError: The simulation left the realm of finite numbers.
        MerrowError: The disk is full.
    """
    stored = load_arrays(phases_path(folder, index))
    snapshots, state_of = _unpack(stored), np.array(stored["state_of"], dtype=np.int64)
    context = _context(hybrid, plan, "segment", index)
    before = snapshots[0].positions
    if start is not None:
        snapshots[0] = start(snapshots[0], generator(plan.seed, "start", index))
    chooser = generator(plan.seed, "exchange", index)
    drawer = generator(plan.seed, "reservoir", index)
    records: list[tuple[int, int, Record]] = []
    for _ in range(plan.sweeps_per_segment):
        latest = np.zeros((len(snapshots), len(plan.states)))
        for replica, snapshot in enumerate(snapshots):
            here = int(state_of[replica])
            found, snapshots[replica] = _swept(context, hybrid, plan, snapshot, plan.states[here])
            records += [(replica, here, record) for record in found]
            latest[replica] = found[-1].u
            if reservoir is not None and plan.states[here] == DECOUPLED:
                snapshots[replica], latest[replica] = _inserted(
                    context, hybrid, plan, reservoir.insert(snapshots[replica], drawer)
                )
        state_of = exchange_states(latest, state_of, chooser)
    for snapshot in snapshots:
        require_whole(hybrid, before, snapshot.positions, when=f"in segment {index}")
    if keep:
        save_arrays(coupled_path(folder, index), _pack([snapshots[int(np.argmin(state_of))]]))
    save_arrays(phases_path(folder, index + 1), {**_pack(snapshots), "state_of": state_of})
    save_arrays(segment_path(folder, index), _rows(plan, records, index))
    if index > 0:
        phases_path(folder, index - 1).unlink(missing_ok=True)


def count_segments(folder: Path) -> int:
    """Return how many segments, from the first on, are complete."""
    count = 0
    while segment_path(folder, count).exists():
        count += 1
    return count


def read_segment(folder: Path, index: int, plan: LegPlan) -> Segment:
    """Read one segment back."""
    data = load_arrays(segment_path(folder, index))
    data.setdefault("size_slope", np.full(len(data["state"]), np.nan))
    samples = WindowSamples(
        plan.states,
        plan.ensemble.temperature,
        *(data[name] for name in ROW_FIELDS),  # type: ignore[arg-type]
    )
    return Segment(samples, data["frames"], data["frame_rows"])


def segment_path(folder: Path, index: int) -> Path:
    """Return where a segment is kept."""
    return folder / f"segment-{index:04d}.npz"


def phases_path(folder: Path, index: int) -> Path:
    """Return where the snapshots at the start of a segment are kept."""
    return folder / f"phases-{index:04d}.npz"


def coupled_path(folder: Path, index: int) -> Path:
    """Return where the last snapshot of the first state in a segment is kept."""
    return folder / f"coupled-{index:04d}.npz"


def read_coupled(folder: Path, count: int) -> tuple[Snapshot, ...]:
    """Return the snapshots of the first state that the first segments kept.

    Raises:
        MerrowError: One of them is missing or damaged.
    """
    return tuple(_unpack(load_arrays(coupled_path(folder, k)))[0] for k in range(count))


def _first_equilibration(hybrid: HybridSystem, plan: LegPlan, start: Snapshot) -> Snapshot:
    context = _context(hybrid, plan, "equilibrate", "coupled")
    set_snapshot(context, start)
    set_state(context, plan.states[0])
    _minimise(context, hybrid)
    before = get_snapshot(context).positions
    require_whole(hybrid, start.positions, before, when="during the minimisation")
    seed = derive_seed(plan.seed, "velocities")
    context.setVelocitiesToTemperature(plan.ensemble.temperature, seed)
    _advance(context, plan.equilibration)
    snapshot = get_snapshot(context)
    require_whole(hybrid, before, snapshot.positions, when="while it was equilibrated")
    return snapshot


def _minimise(context: mm.Context, hybrid: HybridSystem) -> None:
    """Relax clashes in a Context; atoms of a network's region stay where they are.

    The first line searches of L-BFGS take long steps. A force field's walls reject them; a network
    may lead on to a torn molecule (`engine/intact.py`). The minimiser moves no particle without
    mass; the Context has copied the masses before.
    """
    held = hybrid.region.atoms if hybrid.bridge is not None else ()
    masses = [hybrid.system.getParticleMass(i) for i in held]
    try:
        for i in held:
            hybrid.system.setParticleMass(i, 0.0)
        mm.LocalEnergyMinimizer.minimize(context, 10.0, 200)
    finally:
        for i, mass in zip(held, masses, strict=True):
            hybrid.system.setParticleMass(i, mass)


def _context(hybrid: HybridSystem, plan: LegPlan, *labels: str | int) -> mm.Context:
    seed = derive_seed(plan.seed, *labels)
    return open_context(hybrid, plan.ensemble, platform=plan.platform, seed=seed)


def _advance(context: mm.Context, steps: int) -> None:
    try:
        context.getIntegrator().step(steps)
    except mm.OpenMMException as error:
        raise NumericsError(
            f"OpenMM stopped: {error}; look at the starting structure, the box or the time step."
        ) from error


def _swept(
    context: mm.Context, hybrid: HybridSystem, plan: LegPlan, snapshot: Snapshot, here: LambdaState
) -> tuple[list[Record], Snapshot]:
    """Return the records of one sweep of a replica in a state, and where it then stands."""
    set_snapshot(context, snapshot)
    set_state(context, here)
    records, kelvin = [], plan.ensemble.temperature
    for _ in range(plan.records_per_sweep):
        _advance(context, plan.steps_per_record)
        records.append(take_record(context, hybrid, plan.states, here=here, temperature=kelvin))
    return records, get_snapshot(context)


def _inserted(
    context: mm.Context, hybrid: HybridSystem, plan: LegPlan, snapshot: Snapshot
) -> tuple[Snapshot, Array]:
    """Return a new snapshot of the decoupled state and its reduced potentials [kT], shape (K,).

    The exchange that follows must judge the solute that goes on, not the one that was recorded.
    """
    set_snapshot(context, snapshot)
    kelvin = plan.ensemble.temperature
    u, _ = couplings(context, hybrid, plan.states, here=DECOUPLED, temperature=kelvin)
    return snapshot, u


def _rows(plan: LegPlan, records: list[tuple[int, int, Record]], index: int) -> Arrays:
    n = len(records)
    per_state = plan.records_per_sweep * plan.sweeps_per_segment
    seen = np.zeros(len(plan.states), dtype=np.int64)
    time = np.empty(n)
    for row, (_, here, _) in enumerate(records):
        seen[here] += 1
        passed = (index * per_state + seen[here]) * plan.steps_per_record
        time[row] = passed * plan.ensemble.timestep
    state = np.array([here for _, here, _ in records], dtype=np.int64)
    ends = np.flatnonzero((state == 0) | (state == len(plan.states) - 1))
    return {
        "repeat": np.full(n, plan.repeat, dtype=np.int64),
        "replica": np.array([replica for replica, _, _ in records], dtype=np.int64),
        "state": state,
        "time": time,
        "u": np.array([r.u for _, _, r in records]),
        "dvdl": np.array([r.dvdl for _, _, r in records]),
        "internal": np.array([r.internal for _, _, r in records]),
        "spread": np.array([r.spread for _, _, r in records]),
        "volume": np.array([r.volume for _, _, r in records]),
        "size_slope": np.array([r.size_slope for _, _, r in records]),
        "frames": np.array([records[row][2].positions for row in ends]),
        "frame_rows": ends,
    }


def _pack(snapshots: list[Snapshot]) -> Arrays:
    return {
        "positions": np.array([p.positions for p in snapshots]),
        "velocities": np.array([p.velocities for p in snapshots]),
        "box": np.array([p.box for p in snapshots]),
    }


def _unpack(arrays: Arrays) -> list[Snapshot]:
    rows = zip(arrays["positions"], arrays["velocities"], arrays["box"], strict=True)
    return [Snapshot(np.array(x), np.array(v), np.array(b)) for x, v, b in rows]
