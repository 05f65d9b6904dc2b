# SPDX-License-Identifier: MIT
"""What do the samples of a run say? From the run folder to the estimates."""

from __future__ import annotations

from pathlib import Path

from mlmm.config.hydration import HydrationConfig
from mlmm.errors import IncompleteError
from mlmm.free_energy.cycle import closure, hydration_r1, hydration_r2
from mlmm.free_energy.decorrelate import correlation
from mlmm.free_energy.endstate import EndStateEstimate, endstate_correction
from mlmm.free_energy.estimate import Estimate, PathEstimate
from mlmm.free_energy.estimators import mbar, thermodynamic_integration
from mlmm.free_energy.reorganization import reorganization_energy
from mlmm.workflows.findings import Findings
from mlmm.workflows.gather import Gas, Water, read_gas_phase, read_water
from mlmm.workflows.inputs import Prepared
from mlmm.workflows.judge import judged
from mlmm.workflows.tasks import Hamiltonian


def estimate_run(
    run: Path, config: HydrationConfig, prepared: Prepared, *, final: bool
) -> Findings:
    """Estimate everything that the samples allow.

    Args:
        run: The run folder.
        config: Its configuration.
        prepared: Its system.
        final: Whether all that is judged is wanted too; between rounds only the error is.

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
    water, mm_ends, second, cycle = path_data, None, None, None
    reorganization: Estimate | None
    published = protocol.headline == "as_published"
    if protocol.route == "R2" and gas is not None:
        water = read_water(run, config, "end", "ml")
        mm_ends = (path_data, read_gas_phase(run, "mm"))
        ends = _ends(mm_ends, (water, gas), protocol.temperature)
        reorganization = _reorganization(water, gas)
        total = hydration_r2(path, ends["water"], ends["gas"], reorganization, published=published)
    else:
        reorganization = None if gas is None else _reorganization(water, gas)
        control, control_data = _control(run, config, path)
        if config.both_routes and gas is not None and control and control_data:
            end = read_water(run, config, "end", "ml")
            mm = (control_data, read_gas_phase(run, "mm"))
            ends = _ends(mm, (end, gas), protocol.temperature)
            second = hydration_r2(control, ends["water"], ends["gas"], None).headline
            cycle = closure(path, second)
        total = hydration_r1(
            path, ti, reorganization, mm_control=control, endstate_r2=second, published=published
        )
    findings = Findings(total, path, ti, samples, rows, water, gas, ends, mm_ends, cycle)
    return judged(findings, prepared, config) if final else findings


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
    mm: tuple[Water, Gas], ml: tuple[Water, Gas], temperature: float
) -> dict[str, EndStateEstimate]:
    """Return MM → ML in water and in gas."""
    return {"water": _end(mm[0], ml[0], temperature), "gas": _end(mm[1], ml[1], temperature)}


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
