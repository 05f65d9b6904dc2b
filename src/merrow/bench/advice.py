# SPDX-License-Identifier: MIT
"""Results of `merrow bench`, and advice on the best use of the machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from merrow.potentials.device import CPU


@dataclass(frozen=True)
class BenchRow:
    """Timings of one system with one potential (median wall time).

    Attributes:
        system: Name of the system.
        n_atoms, n_ml_atoms: Size of the system and of the ML region.
        potential: Name of the potential.
        mm_ms: MM step without ML region or λ terms [ms].
        ml_mm_ms: ML/MM step with λ terms in one process, on one core or a GPU [ms].
        overlap_ms: The same with the potential in a second thread, on two cores [ms].
        ml_ms: The potential alone per conformer, by batch size [ms].
        ns_day: ML/MM speed in one process [ns/day].
        ratio_vs_mm: Ratio of ML/MM to MM step times.
        ml_device: Device of the network, the fastest one.
        ml_device_ms: Time of a call on each tested device [ms], None if it failed; empty without
            a choice.
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
    """Results of `merrow bench`.

    Attributes:
        rows: Systems and potentials.
        threads_ms: MM step of the first system by number of OpenMM threads [ms]; empty on a GPU.
        processes_ns_day: Total speed by number of processes, first system and potential [ns/day].
        timestep_fs: Time step behind ns/day [fs].
        advice: Recommendations for this machine, as sentences.
        platform: OpenMM platform of all steps.
    """

    rows: tuple[BenchRow, ...]
    threads_ms: dict[int, float]
    processes_ns_day: dict[int, float]
    timestep_fs: float
    advice: tuple[str, ...]
    platform: str = "CPU"

    def as_dict(self) -> dict[str, Any]:
        """Return all results as plain values."""
        return asdict(self)


def advise(found: BenchResult) -> tuple[str, ...]:
    """Return recommendations on the best use of the machine."""
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
            f"computes {row.potential} in parallel with MM."
        )
    floor = min(row.ml_ms.values())
    batch = next(k for k, value in sorted(row.ml_ms.items()) if value <= 1.1 * floor)
    advice.append(
        f"{row.potential} needs {row.ml_ms[1]:.2f} ms alone and {row.ml_ms[batch]:.2f} ms each in "
        f"batches of {batch}."
    )
    return tuple(advice)
