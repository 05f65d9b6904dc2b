# SPDX-License-Identifier: MIT
"""Cost of a binding-energy estimate, from timings of MMPBSA on a few frames."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from merrow.binding.ensembles import (
    Ensemble,
    MmpbsaRequest,
    RequestFiles,
    make_topologies,
    read_request,
    run_tables,
)
from merrow.binding.mmpbsa_program import Method, Topologies
from merrow.cost import MeasuredCost, peak_memory_mib
from merrow.trajectories import dry_atoms

PROBES: Final = (2, 5)
"""Frames of two short runs, whose difference gives the time per frame."""
ROW: Final = 1500
"""Approximate bytes per frame in tables and outputs."""
BYTES_PER_MIB, S_PER_MIN = 1024**2, 60.0


@dataclass(frozen=True)
class MmpbsaCost(MeasuredCost):
    """Estimated cost of a binding-energy estimate on this machine.

    Attributes:
        frames: Number of frames of each trajectory.
        minutes: Wall time [min].
        seconds_per_frame: Time per frame of each method [s].
        memory_mib: Memory of this process, an estimate for the run [MiB].
        disk_mib: Dry frames and tables [MiB].
    """

    frames: dict[str, int]
    minutes: float
    seconds_per_frame: dict[str, float]
    memory_mib: float
    disk_mib: float


def mmpbsa_cost(request: MmpbsaRequest) -> MmpbsaCost:
    """Check a request as `mmpbsa` does, and time MMPBSA on its first frames.

    Raises:
        InputError: The files do not fit together, or there are too few frames.
        MissingComponentError: AmberTools is not installed.
        MerrowError: MMPBSA failed.
    """
    read = read_request(request)
    counts = {name: len(frames.positions) for name, frames in read.ensembles}
    pace: dict[str, float] = {}
    begin = 0.0
    few, more = PROBES
    with tempfile.TemporaryDirectory() as scratch:
        species = make_topologies(request, read, Path(scratch))
        for method in request.methods:
            first, second = (
                _probe(method, count, request, read, species, Path(scratch)) for count in PROBES
            )
            pace[method] = max((second - first) / (more - few), 0.1 * second / more)
            begin += first
    n_frames, n_atoms = sum(counts.values()), len(dry_atoms(read.topology))
    alone = free_frames(read)  # of one species, where a frame of the complex is taken as three
    alike = sum(n * atoms for n, atoms in alone.values()) / (2 * n_atoms)
    written = sum(n * (12 * atoms + ROW) for n, atoms in alone.values())
    written += n_frames * (12 * n_atoms + ROW)
    starts = len(counts) + len(alone) / 2
    return MmpbsaCost(
        frames=counts | {name: n for name, (n, _) in alone.items()},
        minutes=(begin * starts + sum(pace.values()) * (n_frames + alike)) / S_PER_MIN,
        seconds_per_frame=pace,
        memory_mib=peak_memory_mib(),
        disk_mib=written * len(request.methods) / BYTES_PER_MIB,
    )


def free_frames(read: RequestFiles) -> dict[str, tuple[int, int]]:
    """Return the frames and the atoms of each free species that has a trajectory of its own."""
    if read.free is None:
        return {}
    found = {"free ligand": read.free.ligand, "free receptor": read.free.receptor}
    return {name: x.positions.shape[:2] for name, x in found.items() if x is not None}


def _probe(
    method: Method,
    count: int,
    request: MmpbsaRequest,
    read: RequestFiles,
    species: Topologies,
    scratch: Path,
) -> float:
    """Return the time of MMPBSA on the first frames of a trajectory [s]."""
    frames = read.ensembles[0][1]
    first = frames.first(count)
    one, began = Ensemble(method, "probe", "", first, read.ligand, None), time.monotonic()
    run_tables(one, request.settings, species, scratch / f"{method}{count}")
    return time.monotonic() - began
