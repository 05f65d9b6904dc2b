# SPDX-License-Identifier: MIT
"""From what was estimated and judged to result, tables and report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from merrow.files import atomic_write
from merrow.free_energy.frames import dhdl, storable, u_nk
from merrow.free_energy.stored import UncertaintyPart
from merrow.hydration.analysis.checks import RunChecks
from merrow.hydration.analysis.estimate import HydrationAnalysis
from merrow.hydration.config import HydrationConfig
from merrow.hydration.prepare import Prepared
from merrow.hydration.report.page import render_page
from merrow.hydration.report.structure import Structure
from merrow.hydration.result import HydrationResult, Legs, MoleculeInfo, write_csv, write_json
from merrow.hydration.sampling.tasks import nonbonded_settings
from merrow.potentials.device import device_of
from merrow.potentials.interface import Potential
from merrow.system.region import bonds_within
from merrow.units import ANGSTROM_PER_NM
from merrow.versions import versions


def build_result(
    config: HydrationConfig,
    prepared: Prepared,
    found: HydrationAnalysis,
    checks: RunChecks,
    budget: tuple[UncertaintyPart, ...],
    potential: Potential,
    *,
    wall: float,
) -> HydrationResult:
    """Return the result of a run, put together from what was estimated and judged."""
    total = found.hydration
    source = config.source
    info = {key: prepared.info[key] for key in ("smiles", "formula", "charge", "n_atoms")}
    return HydrationResult(
        molecule=MoleculeInfo(**info),
        potential=config.potential,
        charges=source.charges if source.kind in ("smiles", "structure") else "prmtop",
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
        diagnostics=checks.diagnostics,
        settings=_settings(config, prepared, found, potential),
        versions=versions(),
        seeds={"run": config.seed},
        wall_s=wall,
    )


def write_outputs(
    run: Path,
    prepared: Prepared,
    found: HydrationAnalysis,
    checks: RunChecks,
    result: HydrationResult,
    doi: str,
) -> None:
    """Write result.json, result.csv, report.html and the alchemlyb tables."""
    tables = run / "samples"
    tables.mkdir(exist_ok=True)
    for name, table in (("u_nk", u_nk(found.samples)), ("dHdl", dhdl(found.samples))):
        storable(table).to_parquet(tables / f"{name}.parquet")
    region = prepared.region
    structure = Structure(
        region.molecule.numbers,
        prepared.positions[list(region.atoms)],
        bonds_within(prepared.topology, region).pairs,
    )
    page = render_page(result, found, checks.convergence, structure=structure, potential_doi=doi)
    atomic_write(run / "report.html", page)
    write_csv(result, run / "result.csv")
    write_json(result, run / "result.json")


def _settings(
    config: HydrationConfig, prepared: Prepared, found: HydrationAnalysis, potential: Potential
) -> dict[str, Any]:
    pme = nonbonded_settings(config.protocol, prepared).pme
    return {
        "protocol": config.protocol.model_dump(mode="json"),
        "potential_identity": potential.identity,
        "source": config.source.model_dump(mode="json"),
        "charge_shift_e": prepared.info["charge_shift_e"],
        "n_waters": prepared.info["n_waters"],
        "repeats": config.repeats,
        "platform": config.platform,
        "ml_device": device_of(potential),
        "pme_alpha_per_angstrom": None if pme is None else pme.alpha / ANGSTROM_PER_NM,
        "pme_grid": None if pme is None else list(pme.grid),
        "ti": found.ti.method,
        "published": found.hydration.published_note,
    }
