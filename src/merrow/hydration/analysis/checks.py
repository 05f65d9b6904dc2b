# SPDX-License-Identifier: MIT
"""May the numbers of a run be believed, and what else do its samples tell? Asked at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

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
    judge_missing_states,
    judge_spread,
    judge_target,
)
from merrow.free_energy.mixing import (
    Insertions,
    Mixing,
    insertions,
    judge_ladders,
    judge_mixing,
    mixing,
)
from merrow.free_energy.populations import judge_populations
from merrow.free_energy.spacing import judge_spacing
from merrow.free_energy.stored import Verdict
from merrow.geometry import torsion_angles
from merrow.hydration.analysis.findings import HydrationAnalysis
from merrow.hydration.analysis.gather import GasFrames
from merrow.hydration.analysis.reorganization import reorganization_from_all
from merrow.hydration.config import HydrationConfig
from merrow.hydration.prepare import Prepared
from merrow.hydration.sampling.dispatch import path_tasks
from merrow.hydration.sampling.tasks import FIRST_FROM_GAS, leg_plan, takes_from_gas
from merrow.samples import WindowSamples
from merrow.system.alchemy import tail_coefficient
from merrow.system.torsions import rotatable_torsions
from merrow.units import KCAL_PER_KJ, NM_PER_ANGSTROM

Torsions = Sequence[tuple[int, int, int, int]]
Exchange = tuple[Mixing | None, Insertions | None]


def run_checks(
    findings: HydrationAnalysis, prepared: Prepared, config: HydrationConfig
) -> HydrationAnalysis:
    """Return the findings with convergence, reorganisation and verdicts.

    Args:
        findings: The estimates.
        prepared: The system.
        config: What was asked.
    """
    halves = convergence(findings.samples, rows=findings.rows)
    torsions = rotatable_torsions(prepared.topology, prepared.region.atoms)
    exchange = _exchange(findings.samples, config, flexible=bool(torsions))
    verdicts = [
        *_of_the_path(findings, halves, exchange, config),
        *_of_the_ends(findings),
        *_of_the_solute(findings, prepared, torsions),
        _of_the_box(findings, prepared, config),
    ]
    return replace(
        findings,
        convergence=halves,
        de_reorg_mbar=reorganization_from_all(findings),
        verdicts=tuple(verdicts),
        numbers=_numbers(findings, exchange),
    )


def local_bonds(prepared: Prepared) -> tuple[tuple[int, int], ...]:
    """Return the bonds of the solute by the places of their atoms in it."""
    local = {atom: i for i, atom in enumerate(prepared.region.atoms)}
    return tuple(
        (local[i], local[j]) for i, j in prepared.topology.bonds if i in local and j in local
    )


def _of_the_path(
    findings: HydrationAnalysis, halves: Convergence, exchange: Exchange, config: HydrationConfig
) -> Iterator[Verdict]:
    samples, rows = findings.samples, findings.rows
    headline = findings.hydration.headline.stderr_kcal
    yield judge_target(headline, config.protocol.target_stderr_kcal)
    yield judge_overlap(findings.path)
    yield judge_halves(halves, findings.path)
    yield judge_errors(findings.path)
    yield judge_equilibration(samples, rows)
    yield judge_correlation(samples, rows)
    if config.protocol.schedule.rule == "trapezoid":
        yield judge_spacing(samples, rows=rows)
    found, conformers = exchange
    if found is not None:
        yield judge_mixing(found, conformers)
    if conformers is not None:
        shared = judge_ladders(config.repeats, config.protocol.n_gas_ladders)
        yield from () if shared is None else (shared,)


def _of_the_ends(findings: HydrationAnalysis) -> Iterator[Verdict]:
    if findings.closure is not None:
        yield findings.closure.verdict
    for phase, end in findings.ends.items():
        yield replace(end.verdict, name=f"{end.verdict.name}, {phase}")
    if findings.gas is not None and findings.mm_ends is None:
        yield judge_gas_and_decoupled(*_gas_and_decoupled(findings, findings.gas))


def _of_the_solute(
    findings: HydrationAnalysis, prepared: Prepared, torsions: Torsions
) -> Iterator[Verdict]:
    names = tuple(
        "-".join(prepared.region.labels[i].split("@")[-1] for i in torsion) for torsion in torsions
    )
    water, gas = findings.water, findings.gas
    wet = torsion_angles(water.frames, torsions)
    yield judge_populations(wet, water.group, phase="water", names=names)
    if gas is not None:
        dry = torsion_angles(gas.positions, torsions)
        yield judge_populations(dry, gas.group, phase="gas", names=names)
        if torsions:
            yield judge_missing_states(wet, dry, names)
    spread = water.samples.spread[water.samples.state == 0]
    if np.isfinite(spread).any():
        yield judge_spread(spread * KCAL_PER_KJ, len(prepared.region.atoms))


def _of_the_box(
    findings: HydrationAnalysis, prepared: Prepared, config: HydrationConfig
) -> Verdict:
    samples = findings.samples
    coupled = samples.state == 0
    volume = samples.volume[coupled]
    box = prepared.box * NM_PER_ANGSTROM
    first = float(abs(np.linalg.det(box)))
    faces = [np.linalg.norm(np.cross(box[i - 2], box[i - 1])) for i in range(3)]
    cutoff = config.protocol.cutoff_angstrom * NM_PER_ANGSTROM
    k = tail_coefficient(prepared.topology, prepared.region.atoms, cutoff)
    return judge_box(
        volume,
        samples.repeat[coupled],
        width=first / float(max(faces)) * float(volume.mean() / first) ** (1.0 / 3.0),
        cutoff=cutoff,
        tail=k / float(volume.mean()) * KCAL_PER_KJ,
    )


def _gas_and_decoupled(findings: HydrationAnalysis, gas: GasFrames) -> tuple[float, float]:
    return gas_and_decoupled(findings.samples, findings.rows, gas.internal, gas.group)


def _exchange(samples: WindowSamples, config: HydrationConfig, *, flexible: bool) -> Exchange:
    """Return how the replicas moved, and what became of conformers from gas if there were any."""
    sweep = config.protocol.records_per_sweep
    found = mixing(samples, records_per_sweep=sweep)
    if not (flexible and takes_from_gas(config.protocol)):
        return found, None
    since = leg_plan(config, path_tasks(config)[0]).segment_time * FIRST_FROM_GAS
    return found, insertions(samples, records_per_sweep=sweep, since=since)


def _numbers(findings: HydrationAnalysis, exchange: Exchange) -> dict[str, float | None]:
    """Return further numbers for `result.json`, by name."""
    samples, errors = findings.samples, findings.path.errors
    found, conformers = exchange
    return {
        "stderr_analytic_kcal": errors.analytic,
        "stderr_blocks_kcal": errors.blocks,
        "stderr_repeats_kcal": errors.repeats,
        "least_independent_rows": float(independent_rows(samples, findings.rows).min()),
        "largest_inefficiency": float(np.nanmax(findings.rows.g)),
        "exchange_second_eigenvalue": None if found is None else found.second_eigenvalue,
        "exchange_round_trips": None if found is None else float(found.round_trips),
        "gas_conformers_inserted": None if conformers is None else float(conformers.inserted),
        "gas_conformers_carried": None if conformers is None else float(conformers.carried),
    }
