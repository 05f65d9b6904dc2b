# SPDX-License-Identifier: MIT
"""What `merrow bench` found, and what the times say about the best use of the machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from merrow.potentials.device import CPU


@dataclass(frozen=True)
class BenchRow:
    """One system with one potential, times in ms of wall clock (median).

    Attributes:
        system: Name of the system.
        n_atoms, n_ml_atoms: Size of the system and of the ML region.
        potential: Name of the potential.
        mm_ms: One MM step: no ML region, no λ terms.
        ml_mm_ms: One ML/MM step with λ terms, in one process: on one core, or on a GPU.
        overlap_ms: The same, the potential in a thread beside MM, on two cores.
        ml_ms: The potential alone, per conformer, by size of the batch.
        ns_day: ML/MM in one process.
        ratio_vs_mm: ml_mm over mm.
        ml_device: Where the network computed, as the fastest.
        ml_device_ms: Time of a call on each device that was tried [ms], None where it failed; empty
            where there was no choice.
    """

    system: str
    n_atoms: int
    n_ml_atoms: int
    potential: str
    mm_ms: float
    ml_mm_ms: float
    overlap_ms: float
    ml_ms: dict[int, float]
    ns_day: float
    ratio_vs_mm: float
    ml_device: str = CPU
    ml_device_ms: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchResult:
    """What `merrow bench` found.

    Attributes:
        rows: Systems and potentials.
        threads_ms: One MM step of the first system by OpenMM threads [ms]; empty on a GPU.
        processes_ns_day: All processes together, first system and potential [ns/day].
        timestep_fs: Time step behind ns/day.
        advice: What to do on this machine, in sentences.
        platform: OpenMM platform of all steps.
    """

    rows: tuple[BenchRow, ...]
    threads_ms: dict[int, float]
    processes_ns_day: dict[int, float]
    timestep_fs: float
    advice: tuple[str, ...]
    platform: str = "CPU"

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def advise(found: BenchResult) -> tuple[str, ...]:
    """Return what the times say about the best use of the machine."""
    best = max(found.processes_ns_day, key=lambda k: found.processes_ns_day[k])
    alone = found.processes_ns_day[1]
    gain = found.processes_ns_day[best] / alone
    advice = [
        f"Hydration and campaigns: --processes {best} gives {gain:.2f} times the sampling of one."
    ]
    if found.threads_ms:
        quickest = min(found.threads_ms, key=lambda k: found.threads_ms[k])
        speedup = found.threads_ms[1] / found.threads_ms[quickest]
        advice.append(
            f"One MM step is {speedup:.2f} times as fast on {quickest} thread(s) as on one: "
            f"processes use the cores {'better' if gain > speedup else 'no better'}."
        )
    row = found.rows[0]
    if row.overlap_ms < 0.95 * row.ml_mm_ms:
        advice.append(
            f"A single run gains {row.ml_mm_ms / row.overlap_ms:.2f} times from a second core that "
            f"computes {row.potential} beside MM."
        )
    floor = min(row.ml_ms.values())
    batch = next(k for k, value in sorted(row.ml_ms.items()) if value <= 1.1 * floor)
    advice.append(
        f"{row.potential} needs {row.ml_ms[1]:.2f} ms alone and {row.ml_ms[batch]:.2f} ms each in "
        f"batches of {batch}."
    )
    return tuple(advice)
