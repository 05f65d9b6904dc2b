# SPDX-License-Identifier: MIT
"""From the samples of a run folder to the estimates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

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
from merrow.hydration.analysis.gather import GasFrames, SolvatedFrames, read_gas_phase, read_water
from merrow.hydration.config import HydrationConfig
from merrow.hydration.sampling.intermediates import ML, read_rungs, share_of
from merrow.samples import WindowSamples
from merrow.system.potentials import MM


@dataclass(frozen=True)
class HydrationAnalysis:
    """Everything that was estimated from the samples of a run, with the samples.

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


def estimate_run(run: Path, config: HydrationConfig) -> HydrationAnalysis:
    """Estimate everything that the samples allow.

    Args:
        run: The run folder.
        config: Its configuration.

    Raises:
        IncompleteError: A part of the cycle has no samples yet.
        NumericsError: The samples do not allow an estimate.
    """
    protocol = config.protocol
    own = ML if protocol.route == "direct" and config.potential != MM else MM
    path_data = read_water(run, config, "path", own)
    samples = path_data.samples
    rows = correlation(samples)
    path = mbar(samples, rows=rows)
    ti = thermodynamic_integration(samples, protocol.schedule.rule, rows=rows)
    kind = MM if config.potential == MM else ML
    gas = read_gas_phase(run, kind) if has_gas(config) else None
    ends: dict[str, EndStateEstimate] = {}
    water, mm_ends, second, cycle = path_data, None, None, None
    reorganization: Estimate | None
    published = protocol.headline == "as_published"
    if protocol.route == "endpoint" and gas is not None:
        water = read_water(run, config, "end", ML)
        mm_ends = (path_data, read_gas_phase(run, MM))
        ends = _ends(run, config, mm_ends, (water, gas))
        reorganization = _reorganization(water, gas)
        total = hydration_endpoint(
            path, ends["water"], ends["gas"], reorganization, published=published
        )
    else:
        reorganization = None if gas is None else _reorganization(water, gas)
        control, control_data = _control(run, config, path)
        if config.both_routes and gas is not None and control and control_data:
            end = read_water(run, config, "end", ML)
            mm = (control_data, read_gas_phase(run, MM))
            ends = _ends(run, config, mm, (end, gas))
            second = hydration_endpoint(control, ends["water"], ends["gas"], None).headline
            cycle = closure(path, second)
        total = hydration_direct(
            path, ti, reorganization, mm_reference=control, endpoint_bar=second, published=published
        )
    return HydrationAnalysis(total, path, ti, samples, rows, water, gas, ends, mm_ends, cycle)


def has_gas(config: HydrationConfig) -> bool:
    """Tell whether the gas phase is sampled; our walkers know no constraints."""
    return config.protocol.solute_constraints == "none"


def _control(
    run: Path, config: HydrationConfig, path: PathEstimate
) -> tuple[PathEstimate | None, SolvatedFrames | None]:
    """Return the MM value of the path and, where it is another run than the path, its records."""
    if config.potential == MM:
        return path, None
    if not (config.mm_reference or config.both_routes):
        return None, None
    data = read_water(run, config, "path", MM)
    return mbar(data.samples), data


def _reorganization(water: SolvatedFrames, gas: GasFrames) -> Estimate:
    return reorganization_energy(
        water.internal, gas.internal, groups_water=water.group, groups_gas=gas.group
    )


def missing_rungs(run: Path, config: HydrationConfig) -> dict[str, tuple[float, ...]]:
    """Return, by phase, the shares of the ensembles that MM and ML still need between them.

    Raises:
        IncompleteError: An end state has no samples yet.
        NumericsError: An energy is not finite.
    """
    mm = read_water(run, config, "path", MM), read_gas_phase(run, MM)
    ml = read_water(run, config, "end", ML), read_gas_phase(run, ML)
    rungs = _rungs(run, config, mm, ml)
    temperature = config.protocol.temperature_k
    return {phase: missing_intermediates(r, temperature=temperature) for phase, r in rungs.items()}


def _ends(
    run: Path,
    config: HydrationConfig,
    mm: tuple[SolvatedFrames, GasFrames],
    ml: tuple[SolvatedFrames, GasFrames],
) -> dict[str, EndStateEstimate]:
    """Return MM → ML in water and in gas."""
    rungs = _rungs(run, config, mm, ml)
    return {
        phase: endstate_free_energy(r, temperature=config.protocol.temperature_k)
        for phase, r in rungs.items()
    }


def _rungs(
    run: Path,
    config: HydrationConfig,
    mm: tuple[SolvatedFrames, GasFrames],
    ml: tuple[SolvatedFrames, GasFrames],
) -> dict[str, list[IntermediateEnsemble]]:
    """Return the ensembles from MM to ML in both phases; those without samples yet are left out."""
    between = read_rungs(run)
    water = _sampled(
        between.hamiltonians("water"), lambda name: read_water(run, config, "end", name)
    )
    gas = _sampled(between.hamiltonians("gas"), lambda name: read_gas_phase(run, name))
    return {
        "water": [_rung(mm[0], MM), *water, _rung(ml[0], ML)],
        "gas": [_rung(mm[1], MM), *gas, _rung(ml[1], ML)],
    }


def _sampled(
    names: Sequence[str], read: Callable[[str], SolvatedFrames | GasFrames]
) -> list[IntermediateEnsemble]:
    """Return the ensembles of these names that have samples."""
    rungs = []
    for name in names:
        with suppress(IncompleteError):
            rungs.append(_rung(read(name), name))
    return rungs


def _rung(data: SolvatedFrames | GasFrames, hamiltonian: str) -> IntermediateEnsemble:
    """Return D = E_ML − E_MM on the frames of an ensemble.

    Its own energy is E_MM + s D. The other one that is kept is E_MM for s = 1, otherwise E_ML.
    """
    if data.other is None:
        raise IncompleteError("the frames of an end state lack the other potential's energies.")
    share = share_of(hamiltonian)
    if share == 1.0:
        return IntermediateEnsemble(share, data.internal - data.other, data.group)
    return IntermediateEnsemble(share, (data.other - data.internal) / (1.0 - share), data.group)
