# SPDX-License-Identifier: MIT
"""What do the samples of a run say? From the run folder to estimates and verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlmm.config.hydration import HydrationConfig
from mlmm.errors import IncompleteError
from mlmm.free_energy.convergence import (
    Convergence,
    convergence,
    judge_errors,
    judge_halves,
    judge_overlap,
)
from mlmm.free_energy.cycle import Closure, Hydration, closure, hydration_r1, hydration_r2
from mlmm.free_energy.decorrelate import Correlation, correlation
from mlmm.free_energy.endstate import EndStateEstimate, endstate_correction
from mlmm.free_energy.estimate import Estimate, PathEstimate
from mlmm.free_energy.estimators import mbar, thermodynamic_integration
from mlmm.free_energy.populations import judge_populations
from mlmm.free_energy.reorganization import reorganization_energy
from mlmm.free_energy.verdict import Verdict
from mlmm.samples import WindowSamples
from mlmm.system.torsions import rotatable_torsions, torsion_angles
from mlmm.workflows.gather import Gas, Water, read_gas_phase, read_water
from mlmm.workflows.inputs import Prepared
from mlmm.workflows.tasks import Hamiltonian


@dataclass(frozen=True)
class Findings:
    """Everything that was estimated.

    Attributes:
        hydration: The headline and the numbers beside it.
        path: MBAR on the sampled path.
        ti: TI on the sampled path.
        samples: The records of the path.
        rows: Which of them are independent.
        water: Coupled end in water of the headline's Hamiltonian.
        gas: Gas phase of the headline's Hamiltonian; None where it was not sampled.
        ends: End-state corrections by phase (R2).
        closure: R1 − R2, where both were sampled.
        convergence: Forward and reverse estimates; None until the end.
        verdicts: Judgements.
    """

    hydration: Hydration
    path: PathEstimate
    ti: PathEstimate
    samples: WindowSamples
    rows: Correlation
    water: Water
    gas: Gas | None
    ends: dict[str, EndStateEstimate] = field(default_factory=dict)
    closure: Closure | None = None
    convergence: Convergence | None = None
    verdicts: tuple[Verdict, ...] = ()


def estimate_run(
    run: Path, config: HydrationConfig, prepared: Prepared, *, final: bool
) -> Findings:
    """Estimate everything that the samples allow.

    Args:
        run: The run folder.
        config: Its configuration.
        prepared: Its system.
        final: Whether convergence and verdicts are wanted; between rounds only the error is.

    Raises:
        IncompleteError: A part of the cycle has no samples yet.
        NumericsError: The samples do not allow an estimate.
    """
    protocol = config.protocol
    own: Hamiltonian = "ml" if protocol.route == "R1" and config.potential != "mm" else "mm"
    path_data = read_water(run, config, "path", own)
    samples = path_data.samples
    rows = correlation(samples)
    path = mbar(samples, rows=rows)
    ti = thermodynamic_integration(samples, protocol.schedule.rule, rows=rows)
    kind: Hamiltonian = "mm" if config.potential == "mm" else "ml"
    gas = read_gas_phase(run, kind) if has_gas(config) else None
    ends: dict[str, EndStateEstimate] = {}
    water, second, cycle = path_data, None, None
    reorganization: Estimate | None
    published = protocol.headline == "as_published"
    if protocol.route == "R2" and gas is not None:
        water = read_water(run, config, "end", "ml")
        ends = _ends(run, path_data, water, gas, protocol.temperature)
        reorganization = _reorganization(water, gas)
        total = hydration_r2(path, ends["water"], ends["gas"], reorganization, published=published)
    else:
        reorganization = None if gas is None else _reorganization(water, gas)
        control, control_data = _control(run, config, path)
        if config.both_routes and gas is not None and control and control_data:
            end = read_water(run, config, "end", "ml")
            ends = _ends(run, control_data, end, gas, protocol.temperature)
            second = hydration_r2(control, ends["water"], ends["gas"], None).headline
            cycle = closure(path, second)
        total = hydration_r1(
            path, ti, reorganization, mm_control=control, endstate_r2=second, published=published
        )
    findings = Findings(total, path, ti, samples, rows, water, gas, ends, cycle)
    return _judged(findings, prepared) if final else findings


def has_gas(config: HydrationConfig) -> bool:
    """Tell whether the gas phase is sampled; our walkers know no constraints."""
    return config.protocol.solute_constraints == "none"


def _control(
    run: Path, config: HydrationConfig, path: PathEstimate
) -> tuple[PathEstimate | None, Water | None]:
    """Return the MM value of the path and, where it is another run than the path, its records."""
    if config.potential == "mm":
        return path, None
    if not (config.control or config.both_routes):
        return None, None
    data = read_water(run, config, "path", "mm")
    return mbar(data.samples), data


def _reorganization(water: Water, gas: Gas) -> Estimate:
    return reorganization_energy(
        water.internal, gas.internal, groups_water=water.group, groups_gas=gas.group
    )


def _ends(
    run: Path, mm_water: Water, ml_water: Water, ml_gas: Gas, temperature: float
) -> dict[str, EndStateEstimate]:
    """Return MM → ML in water and in gas."""
    return {
        "water": _end(mm_water, ml_water, temperature),
        "gas": _end(read_gas_phase(run, "mm"), ml_gas, temperature),
    }


def _end(mm: Water | Gas, ml: Water | Gas, temperature: float) -> EndStateEstimate:
    """Return MM → ML in one phase; D = E_ML − E_MM on the frames of both."""
    if mm.other is None or ml.other is None:
        raise IncompleteError("the frames of an end state lack the other potential's energies.")
    return endstate_correction(
        mm.other - mm.internal,
        ml.internal - ml.other,
        temperature=temperature,
        groups_mm=mm.group,
        groups_ml=ml.group,
    )


def _judged(findings: Findings, prepared: Prepared) -> Findings:
    halves = convergence(findings.samples, rows=findings.rows)
    torsions = rotatable_torsions(prepared.topology, prepared.region.atoms)
    names = tuple(
        "-".join(prepared.region.labels[i].split("@")[-1] for i in torsion) for torsion in torsions
    )

    def verdicts() -> Iterator[Verdict]:
        yield judge_overlap(findings.path)
        yield judge_halves(halves, findings.path)
        yield judge_errors(findings.path)
        if findings.closure is not None:
            yield findings.closure.verdict
        for phase, end in findings.ends.items():
            yield Verdict(f"{end.verdict.name}, {phase}", end.verdict.ok, end.verdict.sentence)
        water = findings.water
        angles = torsion_angles(water.frames, torsions)
        yield judge_populations(angles, water.group, phase="water", names=names)
        if findings.gas is not None:
            angles = torsion_angles(findings.gas.positions, torsions)
            yield judge_populations(angles, findings.gas.group, phase="gas", names=names)

    return replace(findings, convergence=halves, verdicts=tuple(verdicts()))
