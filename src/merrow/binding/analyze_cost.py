# SPDX-License-Identifier: MIT
"""Cost of an analysis, from an analysis of its first frames in a temporary folder."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from merrow.binding.analyze import (
    AnalyzeFiles,
    AnalyzeRequest,
    read_files,
    write_analysis,
)
from merrow.binding.ensembles import trajectories
from merrow.cost import MeasuredCost, peak_memory_mib
from merrow.trajectories import FEWEST, DryFrames

PROBES: Final = FEWEST, 50
"""Frames of two short analyses, whose difference gives the time per frame."""
COPIES: Final = 3
"""Copies of the frames held during superposition, besides the original."""
BYTES_PER_MIB, S_PER_MIN = 1024**2, 60.0


@dataclass(frozen=True)
class AnalyzeCost(MeasuredCost):
    """Estimated cost of an analysis on this machine.

    Attributes:
        frames: Number of frames of each trajectory.
        minutes: Wall time [min].
        reading_s: Part of it for reading the trajectories [s].
        memory_mib: Memory [MiB].
        disk_mib: Report and tables [MiB].
    """

    frames: dict[str, int]
    minutes: float
    reading_s: float
    memory_mib: float
    disk_mib: float


def analyze_cost(request: AnalyzeRequest) -> AnalyzeCost:
    """Check a request as `analyze` does, and time the analysis of its first frames.

    Raises:
        InputError: The files do not fit together, or there are too few frames.
        MissingComponentError: The trajectory is not NetCDF, and MDAnalysis is not installed.
    """
    files = read_files(request)
    counts: dict[str, int] = {}
    seconds = reading = disk = most = 0.0
    for name, path in trajectories(request.trajectory, request.mm_reference).items():
        began = time.monotonic()
        frames = request.read(path, files.topology)
        reading += time.monotonic() - began
        counts[name] = n = len(frames.positions)
        few, more = (min(count, n) for count in PROBES)
        (first_s, first_mib), (last_s, last_mib) = (
            _probe(request, files, name, frames, count) for count in (few, more)
        )
        further = (n - more) / max(more - few, 1)
        seconds += last_s + further * max(last_s - first_s, 0.0)
        disk += last_mib + further * (last_mib - first_mib)
        most = max(most, frames.positions.nbytes / BYTES_PER_MIB)
    memory = peak_memory_mib() + COPIES * most
    return AnalyzeCost(counts, (reading + seconds) / S_PER_MIN, reading, memory, disk)


def _probe(
    request: AnalyzeRequest, files: AnalyzeFiles, name: str, frames: DryFrames, count: int
) -> tuple[float, float]:
    """Return time [s] and disk [MiB] of an analysis of the first frames."""
    first = frames.first(count)
    with tempfile.TemporaryDirectory() as scratch:
        out, began = Path(scratch), time.monotonic()
        write_analysis(replace(request, out=out), files, [(name, first)])
        passed = time.monotonic() - began
        size = sum(path.stat().st_size for path in out.iterdir())
    return passed, size / BYTES_PER_MIB
