# SPDX-License-Identifier: MIT
"""The next part of a task, computed from and saved to its folder: equilibration or a segment.

Finished parts are never repeated, and an interrupted part is recomputed with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from merrow.engine.gas import GasPlan, Walkers, run_gas_segment, start_gas
from merrow.engine.leg import (
    Company,
    Replicas,
    Share,
    StartSelector,
    equilibrate_coupled,
    equilibrate_state,
    joined,
    run_segment,
    run_share,
)
from merrow.engine.plans import LegPlan
from merrow.engine.reservoir import Reservoir
from merrow.engine.scaled_states import NONE_SCALED, ScaledStates
from merrow.engine.segments import Segment
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import Arrays, TaskFolder, load_arrays, save_arrays
from merrow.potentials.interface import Potential
from merrow.samples import ROW_FIELDS
from merrow.system.build import HybridSystem
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL

Array = np.ndarray

BATCH = 64
"""Batch size for evaluations of a potential."""


def advance_leg(
    folder: TaskFolder,
    hybrid: HybridSystem,
    plan: LegPlan,
    begin: Callable[[], Snapshot],
    *,
    reservoir: Reservoir | None = None,
    select: StartSelector | None = None,
    scaled: ScaledStates = NONE_SCALED,
    keep_coupled: bool = False,
) -> None:
    """Equilibrate a leg or, if that is done, add its next segment.

    Args:
        folder: Folder of the task.
        hybrid: The Hamiltonian.
        plan: Steps and seeds.
        begin: Returns the starting point of the equilibration.
        reservoir: As in `run_segment`.
        select: As in `run_segment`.
        scaled: As in `run_segment`.
        keep_coupled: Whether the last snapshot of the first state is also saved.

    Raises:
        MerrowError: The simulation failed, the disk is full, or a file is damaged.
    """
    index = folder.count_segments()
    if index == 0 and not folder.snapshots(0).exists():
        _equilibrate(folder, hybrid, plan, begin, scaled)
        return
    replicas = _replicas(folder, index)
    segment, after = run_segment(
        hybrid, plan, replicas, index, reservoir=reservoir, select=select, scaled=scaled
    )
    _keep(folder, index, segment, after, keep_coupled=keep_coupled)


def share_leg(
    folder: TaskFolder,
    hybrid: HybridSystem,
    plan: LegPlan,
    company: Company,
    *,
    reservoir: Reservoir | None = None,
    scaled: ScaledStates = NONE_SCALED,
) -> Share:
    """Compute this process's share of the next segment of an equilibrated leg, without saving.

    Args:
        folder: Folder of the task.
        hybrid: The Hamiltonian.
        plan: Steps and seeds.
        company: The processes that share it.
        reservoir: As in `run_segment`.
        scaled: As in `run_segment`.

    Raises:
        MerrowError: The simulation failed, or a file is damaged.
    """
    index = folder.count_segments()
    replicas = _replicas(folder, index)
    return run_share(
        hybrid, plan, replicas, index, reservoir=reservoir, scaled=scaled, company=company
    )


def join_leg(
    folder: TaskFolder, plan: LegPlan, shares: Sequence[Share], *, keep_coupled: bool = False
) -> None:
    """Save the next segment of a leg from all its shares.

    Raises:
        MerrowError: The shares are inconsistent, or the disk is full.
    """
    index = folder.count_segments()
    segment, after = joined(plan, shares, index)
    _keep(folder, index, segment, after, keep_coupled=keep_coupled)


def is_equilibrated(folder: TaskFolder) -> bool:
    """Tell whether the next part of a leg is a segment."""
    return folder.snapshots(folder.count_segments()).exists()


def _replicas(folder: TaskFolder, index: int) -> Replicas:
    stored = load_arrays(folder.snapshots(index))
    return Replicas(_unpack(stored), np.array(stored["state_of"], dtype=np.int64))


def _keep(
    folder: TaskFolder, index: int, segment: Segment, after: Replicas, *, keep_coupled: bool
) -> None:
    if keep_coupled:
        save_arrays(folder.last_coupled(index), _pack([after.coupled]))
    rows: Arrays = {name: getattr(segment.samples, name) for name in ROW_FIELDS}
    frames = {"frames": segment.frames, "frame_rows": segment.frame_rows}
    following = {**_pack(after.snapshots), "state_of": after.state_of}
    label: Arrays = {"made_on": np.array(segment.made_on)}
    folder.save_piece(index, rows | frames | label, following)


def _equilibrate(
    folder: TaskFolder,
    hybrid: HybridSystem,
    plan: LegPlan,
    begin: Callable[[], Snapshot],
    scaled: ScaledStates,
) -> None:
    """Equilibrate the first state, then each state from its neighbour; resumable after each.

    States with scaled torsions start from the first state.
    """
    coupled = _kept(folder.coupled, lambda: equilibrate_coupled(hybrid, plan, begin()))
    snapshots, count = [coupled], plan.n_replicas
    for state in range(count):
        neighbour = snapshots[1 if state >= len(plan.states) else -1]
        make = partial(equilibrate_state, hybrid, plan, neighbour, state, scaled)
        snapshots.append(_kept(folder.equilibrated(state), make))
    save_arrays(folder.snapshots(0), {**_pack(snapshots[1:]), "state_of": np.arange(count)})
    for state in range(count):
        folder.equilibrated(state).unlink(missing_ok=True)


def _kept(path: Path, make: Callable[[], Snapshot]) -> Snapshot:
    """Return the snapshot in a file, which is made if missing."""
    if not path.exists():
        save_arrays(path, _pack([make()]))
    return read_snapshots([path])[0]


def advance_gas(folder: TaskFolder, potential: Potential, plan: GasPlan, starts: Array) -> None:
    """Equilibrate the walkers of the gas phase or, if that is done, add their next segment.

    Args:
        folder: Folder of the task.
        potential: Potential of the walkers.
        plan: Ladder, integrator, seeds.
        starts: One conformer per ladder [nm], shape (ladders, n, 3).

    Raises:
        MerrowError: The simulation failed, the disk is full, or a file is damaged.
    """
    index = folder.count_segments()
    if index == 0 and not folder.snapshots(0).exists():
        save_arrays(folder.snapshots(0), vars(start_gas(potential, plan, starts)))
        return
    walkers = Walkers(**load_arrays(folder.snapshots(index)))
    segment, after = run_gas_segment(potential, plan, walkers, index)
    recorded = {"positions": segment.positions, "energies": segment.energies}
    if segment.velocities is not None:
        recorded["velocities"] = segment.velocities
    folder.save_piece(index, recorded, vars(after))


def complete_frames(folder: TaskFolder, other: Potential | None) -> None:
    """Evaluate another potential, if there is one, on the frames that lack its energies.

    The energy difference between two potentials depends on the region alone, so batched single
    points of stored frames are enough.
    """
    if other is None:
        return
    for index in range(folder.count_segments()):
        if folder.other(index).exists():
            continue
        arrays = load_arrays(folder.segment(index))
        frames = arrays["frames" if "frames" in arrays else "positions"]  # of a leg, of gas
        flat = frames.reshape(-1, *frames.shape[-2:])
        energies = batched_energies(other, flat).reshape(frames.shape[:-2])
        save_arrays(folder.other(index), {"energies": energies})


def batched_energies(potential: Potential, positions: Array) -> Array:
    """Return energies [kJ/mol] of many conformers [nm], shape (m, n, 3) → (m,)."""
    centred = (positions - positions[:, :1]) * ANGSTROM_PER_NM
    parts = [
        potential.evaluate(centred[k : k + BATCH]).energies for k in range(0, len(centred), BATCH)
    ]
    return np.concatenate([np.zeros(0), *parts]) * KJ_PER_KCAL


def _pack(snapshots: Sequence[Snapshot]) -> Arrays:
    return {
        "positions": np.array([p.positions for p in snapshots]),
        "velocities": np.array([p.velocities for p in snapshots]),
        "box": np.array([p.box for p in snapshots]),
    }


def _unpack(arrays: Arrays) -> tuple[Snapshot, ...]:
    rows = zip(arrays["positions"], arrays["velocities"], arrays["box"], strict=True)
    return tuple(Snapshot(np.array(x), np.array(v), np.array(b)) for x, v, b in rows)


def read_snapshots(paths: Sequence[Path]) -> tuple[Snapshot, ...]:
    """Return the first snapshot of each file.

    Raises:
        MerrowError: A file is missing or damaged.
    """
    return tuple(_unpack(load_arrays(path))[0] for path in paths)
