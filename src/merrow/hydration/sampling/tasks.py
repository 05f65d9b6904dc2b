# SPDX-License-Identifier: MIT
"""The tasks of a run: resumable streams of segments, with their parameters from the protocol.

Tasks are plain values; no file or System is opened here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from merrow.engine.plans import Ensemble, LegPlan
from merrow.engine.seeds import derive_seed
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import FROM_RECORDS, OFTEN, RECORD_INTERVAL, Protocol
from merrow.samples import COUPLED, LambdaState
from merrow.units import PS_PER_FS

END_RECORD_INTERVAL = 0.1
"""Time between records of an ML/MM end state [ps]; the correlation of E_ML − E_MM decays faster."""
END_RECORDS_PER_SWEEP = 10
"""Records in a sweep of an ML/MM end state."""
END_EQUILIBRATION = 3.0
"""Equilibration of an ML/MM end state that starts from its MM neighbour [ps]."""
PILOT_SAMPLING = 8.0
"""Sampling of every state in the pilot run [ps]."""
PILOT_EQUILIBRATION = (12.0, 4.0)
"""Equilibration of the pilot: coupled state, and every state [ps]."""
GAS_RECORD_INTERVAL = 0.05
"""Time between records of the gas phase [ps]."""
GAS_RECORDS_PER_SEGMENT = 20
FIRST_FROM_GAS = 1
"""First segment of a path that uses gas-phase conformers: the one before needs no gas phase, so
that a time limit leaves samples of every part."""
PATH_PER_END = 4
"""Path segments per additional segment of an ML/MM end state that continues from the path."""

Phase = Literal["water", "gas"]
PHASES: tuple[Literal["water"], Literal["gas"]] = ("water", "gas")


@dataclass(frozen=True, order=True)
class Hamiltonian:
    """The solute's energy E_MM + s (E_ML − E_MM).

    Attributes:
        lambda_interpolate: s, 0 for MM to 1 for ML.
    """

    lambda_interpolate: float

    @property
    def name(self) -> str:
        """Name in folders and seeds: "mm", "ml", or "s500" for s = 0.5."""
        s = self.lambda_interpolate
        return {0.0: "mm", 1.0: "ml"}.get(s, f"s{round(1000 * s):03d}")


MM_SOLUTE, ML_SOLUTE = Hamiltonian(0.0), Hamiltonian(1.0)


@dataclass(frozen=True)
class Task:
    """One resumable stream of segments.

    Attributes:
        kind: "path" (all states in water), "pilot" (the same, short, to refine the schedule),
            "end" (coupled state in water) or "gas".
        hamiltonian: Hamiltonian of the solute.
        repeat: Independent repeat; gas has one, with several ladders.
    """

    kind: Literal["path", "pilot", "end", "gas"]
    hamiltonian: Hamiltonian
    repeat: int = 0

    @property
    def name(self) -> str:
        """Name of the folder under `tasks/`."""
        suffix = "" if self.kind == "gas" else f"-{self.repeat}"
        return f"{self.kind}-{self.hamiltonian.name}{suffix}"


def path_tasks(config: HydrationConfig) -> tuple[Task, ...]:
    """Return the tasks that sample all states in water, the headline's first."""
    own = own_hamiltonian(config)
    kinds = [own]
    if (config.mm_reference or config.both_routes) and own == ML_SOLUTE:
        kinds.append(MM_SOLUTE)
    return tuple(Task("path", kind, repeat) for kind in kinds for repeat in range(config.repeats))


def own_hamiltonian(config: HydrationConfig) -> Hamiltonian:
    """Return the Hamiltonian of the headline's path."""
    mm = config.protocol.route == "endpoint" or config.potential == "mm"
    return MM_SOLUTE if mm else ML_SOLUTE


def has_gas(protocol: Protocol) -> bool:
    """Tell whether the gas phase is sampled; its walkers support no constraints."""
    return protocol.solute_constraints == "none"


def has_end_states(config: HydrationConfig) -> bool:
    """Tell whether MM → ML is sampled in both phases."""
    return config.protocol.route == "endpoint" or config.both_routes


def takes_from_gas(protocol: Protocol, *, flexible: bool) -> bool:
    """Tell whether paths use gas-phase conformers, and end states snapshots of the path.

    Args:
        protocol: The sampling.
        flexible: Whether the solute has rotatable torsions; for end states, such that keep their
            terms.
    """
    return flexible and protocol.gas_reservoir and has_gas(protocol)


def scales_of(protocol: Protocol, task: Task) -> tuple[float, ...]:
    """Return the factors on the torsion terms in the states beside the coupled one.

    A path has as many as the protocol says, since the conformers of all its replicas have to be
    renewed through them; an end state, a single replica, each factor once; a pilot none.
    """
    scales = protocol.torsion_scales or ()
    if task.kind == "end":
        return tuple(dict.fromkeys(scales))
    return scales if task.kind == "path" else ()


def gives_to_end(config: HydrationConfig, task: Task, *, held: bool) -> bool:
    """Tell whether an end state continues from snapshots of a task.

    That of ML/MM, or one between MM and ML/MM, from the next towards MM.

    Args:
        config: Configuration.
        task: The task.
        held: Whether a rotatable torsion keeps its terms, so that nothing else changes it there.
    """
    if not takes_from_gas(config.protocol, flexible=held) or not has_end_states(config):
        return False
    if task.kind == "end":
        return task.hamiltonian != ML_SOLUTE
    return task.kind == "path" and task.hamiltonian == MM_SOLUTE and config.potential != "mm"


def path_behind(config: HydrationConfig, index: int, *, held: bool) -> int:
    """Return the number of path segments from which a segment of an end state continues, or 0.

    The first segments, as many as the protocol requires, continue from the one before.
    """
    if not takes_from_gas(config.protocol, flexible=held):
        return 0
    return max(0, PATH_PER_END * (index + 1 - first_end_segments(config)))


def first_end_segments(config: HydrationConfig) -> int:
    """Return the minimum number of segments of each ML/MM end state in the protocol."""
    return segments_for(config.protocol.endstate_water_ps, end_segment_time(config))


def end_segment_time(config: HydrationConfig) -> float:
    """Return the sampling that one segment of all repeats adds to an ML/MM end state [ps]."""
    return leg_plan(config, Task("end", ML_SOLUTE)).segment_time * config.repeats


def first_gas_segments(protocol: Protocol) -> int:
    """Return the minimum number of gas-phase segments in the protocol."""
    return segments_for(protocol.gas_ps, gas_segment_time(protocol))


def gas_segment_time(protocol: Protocol) -> float:
    """Return the sampling that one segment adds to each ladder of the gas phase [ps]."""
    step = protocol.timestep_fs * PS_PER_FS
    return GAS_RECORDS_PER_SEGMENT * gas_steps_per_record(protocol) * step


def gas_steps_per_record(protocol: Protocol) -> int:
    """Return the steps between two records of the gas phase."""
    return max(1, round(GAS_RECORD_INTERVAL / (protocol.timestep_fs * PS_PER_FS)))


def segments_for(time: float, segment_time: float) -> int:
    """Return the number of segments, at least one, that cover a time [ps]."""
    return max(1, math.ceil(time / segment_time - 1e-9))


def leg_plan(config: HydrationConfig, task: Task) -> LegPlan:
    """Return the steps and seeds of one repeat in water for the protocol."""
    protocol = config.protocol
    step = protocol.timestep_fs * PS_PER_FS
    path = task.kind in ("path", "pilot")
    first, each = protocol.equilibration_ps, protocol.equilibration_per_state_ps
    if task.kind == "pilot":
        first, each = PILOT_EQUILIBRATION
    states = tuple(LambdaState(*s) for s in protocol.schedule.states) if path else (COUPLED,)
    interval = (protocol.record_interval_ps or RECORD_INTERVAL) if path else END_RECORD_INTERVAL
    records, sweeps = protocol.records_per_sweep, protocol.sweeps_per_segment
    n_scaled = len(scales_of(protocol, task))
    if not path:
        of_segment = END_RECORDS_PER_SWEEP * (sweeps // (OFTEN if protocol.exchanges_often else 1))
        records = FROM_RECORDS if n_scaled else END_RECORDS_PER_SWEEP
        sweeps = of_segment // records
    per_record = max(1, round(interval / step))
    return LegPlan(
        states=states,
        ensemble=Ensemble(
            protocol.temperature_k,
            protocol.pressure_bar,
            step,
            protocol.friction_per_ps,
            # replicas that take turns share the count: over a sweep, some would never have a turn
            barostat_interval=min(Ensemble.barostat_interval, per_record * records),
        ),
        equilibration=round((first if path else END_EQUILIBRATION) / step),
        equilibration_per_state=round(each / step) if path else 0,
        steps_per_record=per_record,
        records_per_sweep=records,
        sweeps_per_segment=sweeps,
        platform=config.working_platform,
        seed=derive_seed(config.seed, task.kind, task.hamiltonian.name, task.repeat),
        repeat=task.repeat,
        engine="native" if config.engine == "native" else "openmm",
        n_scaled=n_scaled,
    )
