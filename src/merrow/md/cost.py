# SPDX-License-Identifier: MIT
"""Cost of a simulation, from timings of some steps of each leg; nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merrow.cost import MeasuredCost, peak_memory_mib
from merrow.engine.plans import Ensemble
from merrow.engine.simulation import Snapshot, open_context, set_snapshot
from merrow.engine.timing import ns_per_day, time_in_turn
from merrow.md.begun_with import check_potential
from merrow.md.setup import MdSetup
from merrow.md.simulate import first_setups, plan_simulation, with_choices
from merrow.md.simulate_config import SimulationConfig
from merrow.units import PS_PER_FS

STEPS, ROUNDS, SECONDS = 20, 5, 10.0
"""Steps per timing, number of timings, and maximum time [s]."""
SLOW = 1e-6
"""Time step of the timed steps [ps]: tiny, so that a rough start stays stable."""
FRAME, RESTART = 12, 48
"""Bytes per atom in a trajectory frame, and in a restart file."""
BYTES_PER_MIB, MS_PER_MIN = 1024**2, 60_000.0


@dataclass(frozen=True)
class SimulationCost(MeasuredCost):
    """Estimated cost of the remaining stages on this machine.

    Attributes:
        stages: Number of remaining stages, of both legs.
        minutes: Wall time [min].
        milliseconds: Time of a step, by leg [ms].
        ns_per_day: Speed of each leg [ns/day].
        memory_mib: Memory of this process, an estimate for the run [MiB].
        disk_mib: Trajectories and restart files [MiB].
    """

    stages: int
    minutes: float
    milliseconds: dict[str, float]
    ns_per_day: dict[str, float]
    memory_mib: float
    disk_mib: float


def simulation_cost(config: SimulationConfig, folder: Path) -> SimulationCost:
    """Check a simulation as `simulate` does, and measure its speed.

    Args:
        config: Configuration.
        folder: Its folder; finished stages there cost nothing.

    Raises:
        InputError: The files are wrong, or the folder contains another simulation.
    """
    config, topology, jobs = plan_simulation(config, folder)
    config, found = with_choices(config, topology, jobs, folder)
    setups = found or first_setups(config, topology, jobs, folder)
    check_potential(setups["ml_mm"].potential.identity, folder)
    calls = {leg: _steps(setup) for leg, setup in setups.items()}
    timed = time_in_turn(calls, rounds=ROUNDS, units=STEPS, seconds=SECONDS)
    pace = {leg: timing.wall for leg, timing in timed.items()}
    missing = [job for job in jobs if not job.restart(folder).exists()]
    frames = sum(job.stage.production_ps for job in missing) / config.frame_interval_ps
    size = len(topology) * (frames * FRAME + len(missing) * RESTART)
    fs = config.timestep_ps / PS_PER_FS
    return SimulationCost(
        stages=len(missing),
        minutes=sum(pace[job.leg] * job.stage.settings.steps for job in missing) / MS_PER_MIN,
        milliseconds=pace,
        ns_per_day={leg: ns_per_day(ms, fs) for leg, ms in pace.items()},
        memory_mib=peak_memory_mib(),
        disk_mib=size / BYTES_PER_MIB,
    )


def _steps(setup: MdSetup) -> Callable[[], None]:
    """Return a function that makes some steps."""
    ensemble = Ensemble(setup.plan.temperature, None, SLOW, 1.0)
    context = open_context(setup.hybrid, ensemble, platform=setup.plan.platform, seed=1)
    at_rest = np.zeros_like(setup.snapshot.positions)
    start = Snapshot(setup.snapshot.positions, at_rest, setup.snapshot.box)

    def steps() -> None:
        set_snapshot(context, start)
        context.getIntegrator().step(STEPS)

    return steps
