# SPDX-License-Identifier: MIT
"""Does memory stay flat? The resident memory of one process that runs segment after segment.

Methanol with ANI-2x in 70 TIP3P waters (the box of `small_box.py`), 15 states with exchange, 4 fs:
equilibrate, then segments, each with a new loop of ours, as in a hydration run. Beside it one long
dynamics in a single Context on our kernel, as `merrow md` runs it. After every piece the resident
memory is read; its slope over the second half, with the standard error of the fit, is extrapolated
to a million steps.

    python benchmarks/memory.py --minutes 6
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm
import psutil
import small_box as box
from common import Panel, ani_weights, figure, parser, save

from merrow.engine.simulation import open_context, set_snapshot
from merrow.system.build import hybrid_system
from merrow.system.native_forces import with_native_forces
from merrow.system.potentials import open_potential

STATES = (*box.CHARGING, *box.LJ[1:])
PIECE = 2000
"""Steps of a piece of the long dynamics."""
LEAST = 12
"""Pieces at least: a slope needs a few."""


def follow(piece: Callable[[], int], minutes: float) -> dict[str, Any]:
    """Run pieces for so long; return steps, memory [MB] and its slope.

    Args:
        piece: Does some steps and returns how many.
        minutes: Wall time.
    """
    own, end = psutil.Process(), time.monotonic() + 60 * minutes
    steps, memory = [0], [own.memory_info().rss / 2**20]
    while time.monotonic() < end or len(steps) < LEAST:
        steps.append(steps[-1] + piece())
        memory.append(own.memory_info().rss / 2**20)
    half = len(steps) // 2
    (slope, _), covariance = np.polyfit(steps[half:], memory[half:], 1, cov=True)
    return {
        "pieces": len(steps) - 1,
        "steps": steps[-1],
        "first_mb": memory[1],
        "last_mb": memory[-1],
        "mb_per_million_steps": 1e6 * float(slope),
        "stderr": 1e6 * float(np.sqrt(covariance[0, 0])),
        "at_steps": steps,
        "memory_mb": memory,
    }


def table(found: dict[str, Any]) -> str:
    """Return what a terminal shows."""
    lines = ["           pieces    steps  first [MB]  last [MB]  MB in 10⁶ steps"]
    lines += [
        f"{name:9} {part['pieces']:7} {part['steps']:8} {part['first_mb']:10.1f} "
        f"{part['last_mb']:10.1f} {part['mb_per_million_steps']:9.1f} ± {part['stderr']:.1f}"
        for name, part in found.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Run both, print, write `results/memory.json`."""
    asked = parser(__doc__, "data", minutes=6.0, seed=2025).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        solvated = box.prepare("methanol", asked.data, folder, seed=asked.seed)
        model, _ = ani_weights(None, "ani2x", "ani1ccx")
        potential = open_potential(model, solvated.topology, solvated.region)
        start = box.start_snapshot(solvated, 0)
        plain = hybrid_system(
            solvated.topology,
            solvated.region,
            potential,
            nonbonded=box.nonbonded(solvated),
            solute_masses=box.MASSES,
        )
        hybrid = with_native_forces(plain, box=start.box)
        plan = replace(box.leg_plan(STATES, seed=asked.seed), engine="native")
        box.advance_leg(hybrid, plan, start, folder / "leg")
        per_segment = round(plan.segment_time / plan.ensemble.timestep) * len(STATES)

        def segment() -> int:
            box.advance_leg(hybrid, plan, start, folder / "leg")
            return per_segment

        segments = follow(segment, asked.minutes)
        context = open_context(hybrid, plan.ensemble, platform="CPU", seed=asked.seed)
        set_snapshot(context, start)
        mm.LocalEnergyMinimizer.minimize(context, 10.0, 200)
        context.setVelocitiesToTemperature(box.TEMPERATURE, asked.seed)

        def dynamics() -> int:
            context.getIntegrator().step(PIECE)
            context.getState(getPositions=True, getEnergy=True)
            return PIECE

        found = {"segments": segments, "dynamics": follow(dynamics, asked.minutes)}
    print(table(found))
    save("memory", found | {"seed": asked.seed})
    lines = {name: (part.pop("at_steps"), part.pop("memory_mb")) for name, part in found.items()}
    figure("memory", [Panel("resident memory", "steps", "MB", lines, "linear")])


if __name__ == "__main__":
    main()
