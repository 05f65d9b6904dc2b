# SPDX-License-Identifier: MIT
"""What was found in the samples of a run? The one table between estimating and presenting."""

from __future__ import annotations

from dataclasses import dataclass, field

from merrow.free_energy.convergence import Convergence
from merrow.free_energy.cycle import Closure, Hydration
from merrow.free_energy.decorrelate import Correlation
from merrow.free_energy.endstate import EndStateEstimate
from merrow.free_energy.estimate import PathEstimate
from merrow.free_energy.stored import Estimate, UncertaintyPart, Verdict
from merrow.hydration.analysis.gather import GasFrames, SolvatedFrames
from merrow.samples import WindowSamples


@dataclass(frozen=True)
class HydrationAnalysis:
    """Everything that was estimated.

    Attributes:
        hydration: The headline and the numbers beside it.
        path: MBAR on the sampled path.
        ti: TI on the sampled path.
        samples: The records of the path.
        rows: Which of them are independent.
        water: Coupled end in water of the headline's Hamiltonian.
        gas: Gas phase of the headline's Hamiltonian; None where it was not sampled.
        ends: End-state corrections by phase (endpoint).
        mm_ends: MM frames in water and in gas behind `ends`, where the endpoint route is the
            headline.
        closure: direct − endpoint, where both were sampled.
        convergence: Forward and reverse estimates; None until the end.
        de_reorg_mbar: ΔE_reorg from all samples; None until the end, or where there is none.
        budget: Of what the uncertainty is made; empty until the end.
        verdicts: Judgements; none until the end.
        numbers: Further numbers for the diagnostics, by name.
    """

    hydration: Hydration
    path: PathEstimate
    ti: PathEstimate
    samples: WindowSamples
    rows: Correlation
    water: SolvatedFrames
    gas: GasFrames | None
    ends: dict[str, EndStateEstimate] = field(default_factory=dict)
    mm_ends: tuple[SolvatedFrames, GasFrames] | None = None
    closure: Closure | None = None
    convergence: Convergence | None = None
    de_reorg_mbar: Estimate | None = None
    budget: tuple[UncertaintyPart, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    numbers: dict[str, float | None] = field(default_factory=dict)
