# SPDX-License-Identifier: MIT
"""Estimates from the samples of a run folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from merrow.engine.segments import GasFrames
from merrow.errors import IncompleteError
from merrow.free_energy.cycle import (
    Closure,
    Hydration,
    closure,
    hydration_direct,
    hydration_endpoint,
)
from merrow.free_energy.decorrelate import Correlation, correlation
from merrow.free_energy.endstate import (
    EndStateEstimate,
    IntermediateEnsemble,
    endstate_free_energy,
    missing_intermediates,
)
from merrow.free_energy.estimate import PathEstimate
from merrow.free_energy.estimators import mbar, thermodynamic_integration
from merrow.free_energy.reorganization import reorganization_energy
from merrow.free_energy.stored import Estimate
from merrow.hydration.analysis.gather import SolvatedFrames, read_gas_phase, read_water
from merrow.hydration.sampling.tasks import (
    ML_SOLUTE,
    MM_SOLUTE,
    PHASES,
    Hamiltonian,
    Phase,
    has_gas,
    own_hamiltonian,
)
from merrow.hydration.state import Intermediates
from merrow.samples import WindowSamples

if TYPE_CHECKING:
    from merrow.hydration.sampling.context import RunContext


Ensembles = dict[Hamiltonian, SolvatedFrames | GasFrames]
"""Ensembles of a phase in the order of s."""

BY_MM = "water by MM"
"""Name of the coupled state of an MM path."""


@dataclass(frozen=True)
class HydrationAnalysis:
    """All estimates of a run, with the samples.

    Attributes:
        hydration: The headline and the other free energies.
        path: MBAR on the sampled path.
        ti: TI on the sampled path.
        samples: Samples of the path.
        rows: Which of them are statistically independent.
        water: Coupled state in water with the headline's Hamiltonian.
        gas: Gas phase with the headline's Hamiltonian; None if not sampled.
        ends: End-state corrections by phase (endpoint).
        mm_ends: MM frames in water and in gas behind `ends`, if the endpoint route is the
            headline.
        closure: direct − endpoint, if both were sampled.
        further: Other ensembles behind the headline or its cross-check, by name.
        reference: The MM path that was sampled beside the direct route, if it was.
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
    further: dict[str, SolvatedFrames | GasFrames] = field(default_factory=dict)
    reference: SolvatedFrames | None = None


def estimate_run(run: RunContext) -> HydrationAnalysis:
    """Estimate everything that the samples allow.

    Raises:
        IncompleteError: A part of the cycle has no samples yet.
        NumericsError: The samples do not allow an estimate.
    """
    config, protocol = run.config, run.config.protocol
    path_data = read_water(run, "path", own_hamiltonian(config))
    samples = path_data.samples
    rows = correlation(samples)
    path = mbar(samples, rows=rows)
    ti = thermodynamic_integration(samples, protocol.schedule.rule, rows=rows)
    kind = MM_SOLUTE if config.potential == "mm" else ML_SOLUTE
    gas = read_gas_phase(run, kind) if has_gas(protocol) else None
    ends: dict[str, EndStateEstimate] = {}
    further: dict[str, SolvatedFrames | GasFrames] = {}
    water, mm_ends, mm_data, second, cycle = path_data, None, None, None, None
    reorganization: Estimate | None
    published = protocol.headline == "as_published"
    if protocol.route == "endpoint" and gas is not None:
        water = read_water(run, "end", ML_SOLUTE)
        mm_ends = (path_data, read_gas_phase(run, MM_SOLUTE))
        between = _intermediates(run)
        further = {BY_MM: mm_ends[0], "gas by MM": mm_ends[1], **_named(between)}
        ends = _ends(run, mm_ends, between, (water, gas))
        reorganization = _reorganization(water, gas)
        total = hydration_endpoint(
            path, ends["water"], ends["gas"], reorganization, published=published
        )
    else:
        reorganization = None if gas is None else _reorganization(water, gas)
        reference, mm_data = _mm_reference(run, path)
        if config.both_routes and gas is not None and reference and mm_data:
            end = read_water(run, "end", ML_SOLUTE)
            mm_gas = read_gas_phase(run, MM_SOLUTE)
            between = _intermediates(run)
            further = {BY_MM: mm_data, "gas by MM": mm_gas, "the end state in water": end}
            further |= _named(between)
            ends = _ends(run, (mm_data, mm_gas), between, (end, gas))
            second = hydration_endpoint(reference, ends["water"], ends["gas"], None).headline
            cycle = closure(path, second)
        total = hydration_direct(
            path,
            ti,
            reorganization,
            mm_reference=reference,
            endpoint_bar=second,
            published=published,
        )
    return HydrationAnalysis(
        total, path, ti, samples, rows, water, gas, ends, mm_ends, cycle, further, mm_data
    )


def _mm_reference(
    run: RunContext, path: PathEstimate
) -> tuple[PathEstimate | None, SolvatedFrames | None]:
    """Return the MM value of the path and, if MM was sampled separately, its samples."""
    if run.config.potential == "mm":
        return path, None
    if not (run.config.mm_reference or run.config.both_routes):
        return None, None
    data = read_water(run, "path", MM_SOLUTE)
    return mbar(data.samples), data


def _reorganization(water: SolvatedFrames, gas: GasFrames) -> Estimate:
    return reorganization_energy(
        water.internal, gas.internal, groups_water=water.group, groups_gas=gas.group
    )


def missing_ensembles(run: RunContext) -> dict[str, tuple[float, ...]]:
    """Return s of the intermediate ensembles still needed between MM and ML, by phase.

    Raises:
        IncompleteError: An end state has no samples yet.
        NumericsError: An energy is not finite.
    """
    mm = read_water(run, "path", MM_SOLUTE), read_gas_phase(run, MM_SOLUTE)
    ml = read_water(run, "end", ML_SOLUTE), read_gas_phase(run, ML_SOLUTE)
    temperature = run.config.protocol.temperature_k
    return {
        phase: missing_intermediates(found, temperature=temperature)
        for phase, found in _ensembles(mm, _intermediates(run), ml).items()
    }


def _ends(
    run: RunContext,
    mm: tuple[SolvatedFrames, GasFrames],
    between: dict[Phase, Ensembles],
    ml: tuple[SolvatedFrames, GasFrames],
) -> dict[str, EndStateEstimate]:
    """Return MM → ML in water and in gas."""
    temperature = run.config.protocol.temperature_k
    return {
        phase: endstate_free_energy(found, temperature=temperature)
        for phase, found in _ensembles(mm, between, ml).items()
    }


def _intermediates(run: RunContext) -> dict[Phase, Ensembles]:
    """Return the ensembles between MM and ML in both phases, without those not sampled yet."""
    decided = run.folder.read(Intermediates) or Intermediates()
    found: dict[Phase, Ensembles] = {phase: {} for phase in PHASES}
    for phase in PHASES:
        for own in decided.hamiltonians(phase):
            with suppress(IncompleteError):
                in_water = phase == "water"
                data = read_water(run, "end", own) if in_water else read_gas_phase(run, own)
                if data.other is not None:  # a stop may have come before these energies
                    found[phase][own] = data
    return found


def _named(between: dict[Phase, Ensembles]) -> dict[str, SolvatedFrames | GasFrames]:
    return {
        f"{phase} at s = {own.lambda_interpolate:g}": data
        for phase, found in between.items()
        for own, data in found.items()
    }


def _ensembles(
    mm: tuple[SolvatedFrames, GasFrames],
    between: dict[Phase, Ensembles],
    ml: tuple[SolvatedFrames, GasFrames],
) -> dict[str, list[IntermediateEnsemble]]:
    """Return the ensembles from MM to ML in both phases."""
    water: Ensembles = {MM_SOLUTE: mm[0], **between["water"], ML_SOLUTE: ml[0]}
    gas: Ensembles = {MM_SOLUTE: mm[1], **between["gas"], ML_SOLUTE: ml[1]}
    return {
        phase: [_ensemble(data, own) for own, data in found.items()]
        for phase, found in (("water", water), ("gas", gas))
    }


def _ensemble(data: SolvatedFrames | GasFrames, own: Hamiltonian) -> IntermediateEnsemble:
    """Return D = E_ML − E_MM on the frames of an ensemble.

    Its own energy is E_MM + s D. The other stored energy is E_MM for s = 1, otherwise E_ML.
    """
    if data.other is None:
        raise IncompleteError("the frames of an end state lack the other potential's energies.")
    s = own.lambda_interpolate
    if s == 1.0:
        return IntermediateEnsemble(s, data.internal - data.other, data.group)
    return IntermediateEnsemble(s, (data.other - data.internal) / (1.0 - s), data.group)
