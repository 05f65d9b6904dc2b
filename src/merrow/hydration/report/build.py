# SPDX-License-Identifier: MIT
"""Result, tables and report from the estimates and checks of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from merrow.files import atomic_write
from merrow.free_energy.frames import LAMBDA_NAMES, dhdl, storable, u_nk
from merrow.free_energy.stored import UncertaintyPart
from merrow.hydration.analysis.checks import RunChecks
from merrow.hydration.analysis.estimate import HydrationAnalysis
from merrow.hydration.measured import YOURS, Measured, is_room, known_value
from merrow.hydration.report.page import conformer_view, render_page
from merrow.hydration.result import HydrationResult, Legs, write_csv, write_json
from merrow.hydration.state import Crew, Intermediates
from merrow.report.structure import Structure
from merrow.settings import Placement
from merrow.units import ANGSTROM_PER_NM
from merrow.versions import versions

if TYPE_CHECKING:
    from merrow.hydration.sampling.context import RunContext


def build_result(
    run: RunContext,
    found: HydrationAnalysis,
    checks: RunChecks,
    budget: tuple[UncertaintyPart, ...],
    *,
    wall: float,
    ended: bool = True,
) -> HydrationResult:
    """Return the result of a run, whose sampling has `ended` or not, from estimates and checks."""
    config, total = run.config, found.hydration
    source = config.source
    return HydrationResult(
        molecule=run.prepared.info.molecule,
        potential=config.potential,
        charges=source.charges,
        protocol=config.protocol.name,
        route=config.protocol.route,
        temperature_k=config.protocol.temperature_k,
        headline=total.headline,
        estimates=total.estimates,
        legs=Legs(**found.path.legs),
        de_reorg=total.de_reorg,
        de_reorg_mbar=checks.de_reorg_mbar,
        closure=None if found.closure is None else found.closure.difference,
        budget=budget,
        measured=_measured(run),
        diagnostics=checks.diagnostics,
        settings=_settings(run, found) | {"sampling_ended": ended},
        versions=versions(),
        seeds={"run": config.seed},
        wall_s=wall,
    )


def write_outputs(
    run: RunContext,
    found: HydrationAnalysis,
    checks: RunChecks,
    result: HydrationResult,
    *,
    interactive: bool = False,
) -> None:
    """Write the alchemlyb tables, report.html, result.csv and, last, result.json.

    Args:
        run: The run.
        found: Its estimates.
        checks: Checks of their quality.
        result: The result.
        interactive: Whether the report has an interactive 3-D view of the solute.
    """
    folder, prepared = run.folder, run.prepared
    folder.tables.mkdir(exist_ok=True)
    for name, table in (("u_nk", u_nk(found.samples)), ("dHdl", dhdl(found.samples))):
        storable(table).to_parquet(folder.tables / f"{name}.parquet")
    atomic_write(folder.tables / "inefficiency.csv", _inefficiencies(found))
    region = prepared.region
    structure = Structure(
        region.molecule.numbers,
        prepared.solute,
        prepared.bonds.pairs,
    )
    view = conformer_view(run.conformers, structure) if interactive else None
    page = render_page(result, found, checks.convergence, structure=structure, view=view)
    atomic_write(folder.report, page)
    write_csv(result, folder.result_table)
    write_json(result, folder.result)


def _measured(run: RunContext) -> Measured | None:
    """Return the user's experimental value, or a known one for this molecule and temperature."""
    config = run.config
    known = known_value(run.prepared.info.molecule.smiles)
    if config.expt_kcal is None:
        return known if is_room(config.protocol.temperature_k) else None
    return Measured(
        value_kcal=config.expt_kcal,
        stderr_kcal=config.expt_stderr_kcal,
        source=YOURS,
        name="" if known is None else known.name,
    )


def _inefficiencies(found: HydrationAnalysis) -> str:
    """Return the statistical inefficiency of the rows of `samples/`, by repeat and state.

    λ has all its digits, as in the index of the other tables, so that the tables can be joined.
    """
    lines = [",".join(("repeat", *LAMBDA_NAMES, "rows_per_independent_row"))]
    for repeat, of_repeat in zip(np.unique(found.samples.repeat), found.rows.g, strict=True):
        for (elec, lj), g in zip(found.samples.states, of_repeat, strict=True):
            lines.append(f"{repeat},{float(elec)!r},{float(lj)!r},{g:.3f}")
    return "\n".join(lines) + "\n"


def _settings(run: RunContext, found: HydrationAnalysis) -> dict[str, Any]:
    config, info, pme = run.config, run.prepared.info, run.nonbonded.pme
    placed, crew = run.folder.read(Placement), run.folder.read(Crew)
    between = run.folder.read(Intermediates) or Intermediates()
    return {
        "protocol": config.protocol.model_dump(mode="json"),
        "potential_identity": run.potential.identity,
        "potential_doi": run.potential.capabilities.citation,
        "source": config.source.model_dump(mode="json"),
        "charge_shift_e": info.charge_shift_e,
        "n_waters": info.n_waters,
        "intermediates": between.model_dump(mode="json", exclude={"settled"}),
        "repeats": config.repeats,
        "platform": config.platform,
        "mm_kernel": config.mm_kernel,
        "mm_instruction_set": config.mm_instruction_set,
        "engine": config.engine,
        "name": config.name,
        "expt_kcal": config.expt_kcal,
        "expt_stderr_kcal": config.expt_stderr_kcal,
        "segments_made_on": run.folder.made_on(),
        "ml_device": run.device,
        "ml_device_ms": {} if placed is None else placed.call_ms,
        "gpu_steps_per_s": {} if crew is None else crew.steps_per_s,
        "pme_alpha_per_angstrom": None if pme is None else pme.alpha / ANGSTROM_PER_NM,
        "pme_grid": None if pme is None else list(pme.grid),
        "ti": found.ti.method,
        "published": found.hydration.published_note,
    }
