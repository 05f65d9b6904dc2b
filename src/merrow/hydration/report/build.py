# SPDX-License-Identifier: MIT
"""How do the findings of a run become its result, its tables and its report?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from merrow.free_energy.endstate import gibbs_bogoliubov
from merrow.free_energy.frames import dhdl, storable, u_nk
from merrow.free_energy.schedule import COMPONENT, legs
from merrow.hydration import result as model
from merrow.hydration.analysis.checks import local_bonds
from merrow.hydration.analysis.findings import HydrationAnalysis
from merrow.hydration.config import HydrationConfig
from merrow.hydration.prepare import Prepared
from merrow.hydration.report import data as page
from merrow.hydration.report.page import write_report
from merrow.hydration.result import HydrationResult, write_csv, write_json
from merrow.hydration.sampling.tasks import GAS_RECORD_INTERVAL, nonbonded_settings
from merrow.potentials.device import device_of
from merrow.potentials.interface import Potential
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ
from merrow.versions import versions


def build_result(
    config: HydrationConfig,
    prepared: Prepared,
    findings: HydrationAnalysis,
    potential: Potential,
    *,
    wall: float,
) -> HydrationResult:
    """Return the result of a run; no number is changed on the way but for its unit."""
    total = findings.hydration
    source = config.source
    info = {key: prepared.info[key] for key in ("smiles", "formula", "charge", "n_atoms")}
    return HydrationResult(
        molecule=model.MoleculeInfo(**info),
        potential=config.potential,
        charges=source.charges if source.kind in ("smiles", "structure") else "prmtop",
        protocol=config.protocol.name,
        route=config.protocol.route,
        temperature_kelvin=config.protocol.temperature_kelvin,
        headline=total.headline,
        estimates=total.estimates,
        legs=model.Legs(**findings.path.legs),
        de_reorg=total.de_reorg,
        de_reorg_mbar=findings.de_reorg_mbar,
        closure=None if findings.closure is None else findings.closure.difference,
        budget=findings.budget,
        diagnostics=_diagnostics(findings),
        settings=_settings(config, prepared, findings, potential),
        versions=versions(),
        seeds={"run": config.seed},
        wall_s=wall,
    )


def write_outputs(
    run: Path, prepared: Prepared, findings: HydrationAnalysis, result: HydrationResult, doi: str
) -> None:
    """Write result.json, result.csv, report.html and the alchemlyb tables."""
    tables = run / "samples"
    tables.mkdir(exist_ok=True)
    for name, table in (("u_nk", u_nk(findings.samples)), ("dHdl", dhdl(findings.samples))):
        storable(table).to_parquet(tables / f"{name}.parquet")
    write_report(_report_data(prepared, findings, result, doi), run / "report.html")
    write_csv(result, run / "result.csv")
    write_json(result, run / "result.json")


def _diagnostics(findings: HydrationAnalysis) -> model.Diagnostics:
    samples = findings.samples
    coupled = samples.state == 0
    end = findings.water.samples
    spread = end.spread[end.state == 0]
    members = bool(np.isfinite(spread).any())
    numbers: dict[str, Any] = {
        "n_samples": float(len(samples)),
        "n_independent": float(findings.path.n_independent),
        "ps_per_state": float(np.sum(coupled) * samples.time.min()),
        "mean_volume_a3": float(samples.volume[coupled].mean()) * ANGSTROM_PER_NM**3,
        "ensemble_spread_kcal": float(np.nanmean(spread)) * KCAL_PER_KJ if members else None,
        "largest_ensemble_spread_kcal": float(np.nanmax(spread)) * KCAL_PER_KJ if members else None,
        **findings.numbers,
    }
    ends = findings.ends
    return model.Diagnostics(
        min_overlap=findings.path.min_overlap,
        verdicts=findings.verdicts,
        gibbs_bogoliubov=gibbs_bogoliubov(**ends) if ends else None,
        **numbers,
    )


def _settings(
    config: HydrationConfig, prepared: Prepared, findings: HydrationAnalysis, potential: Potential
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
        "ti": findings.ti.method,
        "published": findings.hydration.published_note,
    }


def _report_data(
    prepared: Prepared, findings: HydrationAnalysis, result: HydrationResult, doi: str
) -> page.ReportData:
    path = findings.path
    labels = tuple(f"{s.lambda_electrostatics:.3g} | {s.lambda_sterics:.3g}" for s in path.states)
    halves = findings.convergence
    return page.ReportData(
        result=result,
        dvdl=tuple(_curves(findings)),
        profile=None
        if path.profile_stderr_kcal is None
        else page.StateProfile(labels, path.profile_kcal, path.profile_stderr_kcal),
        overlap=None if path.overlap is None else page.Overlap(labels, path.overlap),
        convergence=None if halves is None else _convergence(findings),
        internal=_internal(findings),
        structure=page.Structure(
            prepared.region.molecule.numbers,
            prepared.positions[list(prepared.region.atoms)],
            local_bonds(prepared),
        ),
        potential_doi=doi,
    )


def _curves(findings: HydrationAnalysis) -> list[page.DvdlCurve]:
    samples, g = findings.samples, findings.rows
    curves = []
    names = {"charging": "charging", "lj": "Lennard-Jones"}
    for leg, own in legs(samples.states).items():
        column = COMPONENT[leg]
        lambdas, means, errors = [], [], []
        for k in own:
            here = samples.state == k
            values = samples.dvdl[here & g.equilibrated, column] * KCAL_PER_KJ
            count = max(int(np.sum(here & g.independent)), 2)
            lambdas.append(samples.states[k][column])
            means.append(values.mean())
            errors.append(values.std(ddof=1) / np.sqrt(count))
        curves.append(page.DvdlCurve(names[leg], lambdas, means, errors))
    return curves


def _convergence(findings: HydrationAnalysis) -> page.Convergence | None:
    halves = findings.convergence
    if halves is None:
        return None
    rows = [
        (f, a, b)
        for f, a, b in zip(halves.fractions, halves.forward, halves.reverse, strict=True)
        if a is not None and b is not None
    ]
    if not rows:
        return None
    return page.Convergence(
        fraction=[f for f, _, _ in rows],
        forward_kcal=[a.value_kcal for _, a, _ in rows],
        forward_stderr_kcal=[a.stderr_kcal for _, a, _ in rows],
        reverse_kcal=[b.value_kcal for _, _, b in rows],
        reverse_stderr_kcal=[b.stderr_kcal for _, _, b in rows],
        what="ΔG of the sampled path",
    )


def _internal(findings: HydrationAnalysis) -> page.InternalEnergies | None:
    if findings.gas is None:
        return None
    water, gas = findings.water.internal * KCAL_PER_KJ, findings.gas.internal * KCAL_PER_KJ
    time = findings.water.samples.time[findings.water.rows]
    time = time + time.max() * findings.water.group  # repeats are drawn one after the other
    return page.InternalEnergies(
        water=page.EnergySeries(time, water),
        gas=page.EnergySeries(GAS_RECORD_INTERVAL * (1 + np.arange(len(gas))), gas),
        reference_kcal=float(gas.min()),
        reference_name="the lowest energy seen in gas",
    )
