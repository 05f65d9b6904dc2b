# SPDX-License-Identifier: MIT
"""The checks at the end of a run: can its numbers be trusted?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from merrow.ambertools.file_charges import doubt
from merrow.ambertools.molecule import read_molecule
from merrow.engine.segments import GasFrames
from merrow.free_energy.convergence import (
    Convergence,
    convergence,
    judge_errors,
    judge_halves,
    judge_overlap,
)
from merrow.free_energy.diagnostics import (
    gas_and_decoupled,
    independent_rows,
    judge_box,
    judge_correlation,
    judge_equilibration,
    judge_gas_and_decoupled,
    judge_spread,
    judge_target,
)
from merrow.free_energy.endstate import gibbs_bogoliubov
from merrow.free_energy.estimate import PathEstimate
from merrow.free_energy.mixing import (
    Insertions,
    Mixing,
    insertions,
    judge_ladders,
    judge_mixing,
    mixing,
)
from merrow.free_energy.spacing import judge_spacing
from merrow.free_energy.stored import Estimate, Verdict, verdict
from merrow.hydration.analysis.estimate import BY_MM, HydrationAnalysis
from merrow.hydration.analysis.reorganization import reorganization_from_all
from merrow.hydration.analysis.torsions import solute_torsions
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import RECORD_INTERVAL
from merrow.hydration.result import Diagnostics
from merrow.hydration.sampling.tasks import FIRST_FROM_GAS, leg_plan, path_tasks, takes_from_gas
from merrow.samples import WindowSamples
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ, NM_PER_ANGSTROM

if TYPE_CHECKING:
    from merrow.hydration.prepare import Prepared
    from merrow.hydration.sampling.context import RunContext

Exchange = tuple[Mixing | None, Insertions | None]

UNFINISHED = "This run is not finished: the estimate is that of its samples so far."
TRANSITION = 0.8
"""Time of a transition between states for the check `exchange` [ps]."""


@dataclass(frozen=True)
class RunChecks:
    """Diagnostics of the samples at the end of a run.

    Attributes:
        diagnostics: Verdicts and numbers for `result.json`.
        convergence: Estimates from parts of the data.
        de_reorg_mbar: ΔE_reorg from all samples; None if not available.
    """

    diagnostics: Diagnostics
    convergence: Convergence
    de_reorg_mbar: Estimate | None


def run_checks(
    run: RunContext,
    found: HydrationAnalysis,
    further: Mapping[str, float | None],
    *,
    ended: bool = True,
) -> RunChecks:
    """Check the estimates of a run.

    Args:
        run: The run.
        found: The estimates.
        further: Additional numbers for the diagnostics, by name.
        ended: Whether its sampling has ended.
    """
    config = run.config
    halves = convergence(found.samples, rows=found.rows)
    exchange = _exchange(found.samples, config, flexible=run.flexible)
    verdicts = (
        *(() if ended else (verdict("sampling", False, UNFINISHED),)),
        *_of_the_path(found, halves, exchange, config),
        *_of_the_ends(found),
        *_of_the_solute(found, run.prepared),
        *_of_the_reference(found, run.prepared),
        *_of_the_charges(config.source, run.folder.path),
        _of_the_box(found, run),
    )
    diagnostics = Diagnostics(
        min_overlap=found.path.min_overlap,
        verdicts=verdicts,
        gibbs_bogoliubov=gibbs_bogoliubov(**found.ends) if found.ends else None,
        **_numbers(found, exchange),
        **further,
    )
    return RunChecks(diagnostics, halves, reorganization_from_all(found))


def _of_the_path(
    found: HydrationAnalysis, halves: Convergence, exchange: Exchange, config: HydrationConfig
) -> Iterator[Verdict]:
    samples, rows = found.samples, found.rows
    yield _of_the_target(found, config.protocol.target_stderr_kcal)
    yield judge_overlap(found.path)
    yield judge_halves(halves, found.path)
    yield judge_errors(found.path)
    yield judge_equilibration(samples, rows)
    yield judge_correlation(samples, rows)
    if config.protocol.schedule.rule == "trapezoid":
        yield judge_spacing(samples, rows=rows)
    mixed, conformers = exchange
    if mixed is not None:
        yield judge_mixing(mixed, conformers)
    if conformers is not None:
        shared = judge_ladders(config.repeats, config.protocol.n_gas_ladders)
        yield from () if shared is None else (shared,)


def _of_the_target(found: HydrationAnalysis, target: float | None) -> Verdict:
    """Compare the error with its target; of two routes the larger one, as the sampling does."""
    error, check = found.hydration.headline.stderr_kcal, found.hydration.estimates.endpoint_bar
    if found.closure is not None and check is not None and check.stderr_kcal > error:
        return judge_target(check.stderr_kcal, target, route="endpoint")
    return judge_target(error, target)


def _of_the_ends(found: HydrationAnalysis) -> Iterator[Verdict]:
    if found.closure is not None:
        yield found.closure.verdict
    for phase, end in found.ends.items():
        yield replace(end.verdict, name=f"{end.verdict.name}, {phase}")
    gas = found.gas if found.mm_ends is None else found.mm_ends[1]
    if gas is not None:
        yield judge_gas_and_decoupled(*_gas_and_decoupled(found, gas))


def _of_the_solute(found: HydrationAnalysis, prepared: Prepared) -> Iterator[Verdict]:
    frames = {"water": found.water, "gas": found.gas, **found.further}
    yield from solute_torsions(frames, prepared).verdicts()
    water = found.water
    spread = water.samples.spread[water.samples.state == 0]
    if np.isfinite(spread).any():
        yield judge_spread(spread * KCAL_PER_KJ, len(prepared.region.atoms))


def _of_the_reference(found: HydrationAnalysis, prepared: Prepared) -> Iterator[Verdict]:
    """Check the MM value beside the direct route, with warnings: the headline does not need it."""
    path = found.hydration.estimates.mm_reference
    if found.reference is None or not isinstance(path, PathEstimate):
        return
    told = [judge_overlap(path), judge_errors(path)]
    if BY_MM not in found.further:
        told += solute_torsions({"water": found.reference}, prepared).verdicts()
    for one in told:
        yield replace(one, name=f"MM reference, {one.name}", status="pass" if one.ok else "warn")


def _of_the_charges(source: Source, base: Path) -> Iterator[Verdict]:
    """Say what speaks against the charges of a mol2 file that are kept."""
    if source.kind != "structure" or source.charges != "file":
        return
    molecule = read_molecule(base / str(source.structure))
    doubts = doubt(molecule)
    told = doubts or f"the file of {molecule.name} calls them {molecule.charge_type or 'nothing'}"
    yield verdict(
        "charges", not doubts, f"{told}.", "compare with --charges abcg2 or bcc" if doubts else ""
    )


def _of_the_box(found: HydrationAnalysis, run: RunContext) -> Verdict:
    samples = found.samples
    coupled = samples.state == 0
    volume = samples.volume[coupled]
    box = run.prepared.box * NM_PER_ANGSTROM
    first = float(abs(np.linalg.det(box)))
    faces = [np.linalg.norm(np.cross(box[i - 2], box[i - 1])) for i in range(3)]
    return judge_box(
        volume,
        samples.repeat[coupled],
        width=first / float(max(faces)) * float(volume.mean() / first) ** (1.0 / 3.0),
        cutoff=run.config.protocol.cutoff_angstrom * NM_PER_ANGSTROM,
        tail=run.lj_tail / float(volume.mean()) * KCAL_PER_KJ,
    )


def _gas_and_decoupled(found: HydrationAnalysis, gas: GasFrames) -> tuple[float, float]:
    return gas_and_decoupled(found.samples, found.rows, gas.internal, gas.group)


def _exchange(samples: WindowSamples, config: HydrationConfig, *, flexible: bool) -> Exchange:
    """Return statistics of the replica exchange, and of conformers from the gas phase if any."""
    sweep = config.protocol.records_per_sweep
    interval = config.protocol.record_interval_ps or RECORD_INTERVAL
    lag = max(1, round(TRANSITION / (sweep * interval)))
    mixed = mixing(samples, records_per_sweep=sweep, lag=lag)
    if not takes_from_gas(config.protocol, flexible=flexible):
        return mixed, None
    since = leg_plan(config, path_tasks(config)[0]).segment_time * FIRST_FROM_GAS
    return mixed, insertions(samples, records_per_sweep=sweep, since=since)


def _numbers(found: HydrationAnalysis, exchange: Exchange) -> dict[str, Any]:
    """Return additional numbers for `result.json`, by name."""
    samples, errors = found.samples, found.path.errors
    mixed, conformers = exchange
    coupled, end = samples.state == 0, found.water.samples
    spread = end.spread[end.state == 0]
    members = bool(np.isfinite(spread).any())
    return {
        "n_samples": float(len(samples)),
        "n_independent": float(found.path.n_independent),
        "ps_per_state": float(np.sum(coupled) * samples.time.min()),
        "mean_volume_angstrom3": float(samples.volume[coupled].mean()) * ANGSTROM_PER_NM**3,
        "ensemble_spread_kcal": float(np.nanmean(spread)) * KCAL_PER_KJ if members else None,
        "largest_ensemble_spread_kcal": float(np.nanmax(spread)) * KCAL_PER_KJ if members else None,
        "stderr_analytic_kcal": errors.analytic,
        "stderr_blocks_kcal": errors.blocks,
        "stderr_repeats_kcal": errors.repeats,
        "least_independent_rows": float(independent_rows(samples, found.rows).min()),
        "largest_inefficiency": float(np.nanmax(found.rows.g)),
        "exchange_second_eigenvalue": None if mixed is None else mixed.second_eigenvalue,
        "exchange_round_trips": None if mixed is None else float(mixed.round_trips),
        "gas_conformers_inserted": None if conformers is None else float(conformers.inserted),
        "gas_conformers_carried": None if conformers is None else float(conformers.carried),
    }
