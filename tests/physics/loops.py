# SPDX-License-Identifier: MIT
"""What do the tests of our own loop share? Ethanol in rigid water, plans, walkers."""

from __future__ import annotations

from dataclasses import replace

import openmm as mm

from merrow.engine.plans import Ensemble, LegPlan
from merrow.engine.seeds import derive_seed
from merrow.engine.simulation import Snapshot
from merrow.engine.walkers import LoopWalker
from merrow.samples import LambdaState
from merrow.system.native_forces import with_native_forces

STATES = tuple(LambdaState(*s) for s in ((1.0, 1.0), (0.5, 1.0), (0.0, 0.5), (0.0, 0.0)))
TEMPERATURE = 298.15
PLAN = LegPlan(
    states=STATES,
    ensemble=Ensemble(TEMPERATURE, None, 0.002, 1.0),
    equilibration=0,
    equilibration_per_state=0,
    steps_per_record=10,
    records_per_sweep=1,
    sweeps_per_segment=1,
    platform="CPU",
    seed=5,
    repeat=0,
    engine="native",
)


def plan_of(engine: str = "native", **ensemble) -> LegPlan:
    return replace(PLAN, engine=engine, ensemble=replace(PLAN.ensemble, **ensemble))


def build(box, potential=None, *, native: bool = True, isa: str | None = None, **changes):
    """The hybrid system with rigid water and tails."""
    settings = {"rigid": True, "nonbonded": box.nonbonded(lj_tail=True), **changes}
    hybrid = box.hybrid(potential, solute_masses="repartitioned", **settings)
    return with_native_forces(hybrid, isa) if native else hybrid


def on_reference(box, *, timestep: float = 0.002, friction: float = 0.0) -> mm.Context:
    integrator = mm.LangevinMiddleIntegrator(TEMPERATURE, friction, timestep)
    integrator.setConstraintTolerance(1e-10)
    hybrid, platform = build(box, native=False), mm.Platform.getPlatformByName("Reference")
    return mm.Context(hybrid.system, integrator, platform)


def placed(hybrid, plan: LegPlan, start: Snapshot, here: LambdaState = STATES[0]) -> LoopWalker:
    walker = LoopWalker(hybrid, plan, derive_seed(plan.seed, "test"))
    walker.place(start, here)
    return walker
