# SPDX-License-Identifier: MIT
"""A paragraph for a methods section: what this run used, with the works to cite."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from merrow.hydration.measured import FREESOLV
from merrow.hydration.report.lines import MM
from merrow.hydration.result import HydrationResult
from merrow.report.citations import Cited, Work

CHARGES: Final = {"bcc": "AM1-BCC", "abcg2": "ABCG2"}
"""Name of a charge model, also in `WORKS`."""
MASSES: Final = {
    "prmtop": "",
    "repartitioned": ", hydrogen masses repartitioned to 3.024 dalton",
    "heavy": ", hydrogens of 8 dalton and all other solute atoms of twice their mass",
}

CONSTRAINTS: Final = {"h-bonds": ", bonds of the solute to hydrogen constrained"}


def methods(
    result: HydrationResult,
    *,
    molecules: int = 1,
    charges: Collection[str] = (),
    gaff: int | None = None,
) -> tuple[str, list[Work]]:
    """Return the paragraph and the works that it cites, in order.

    Args:
        result: The result, with its settings and versions; for a campaign, any of its results.
        molecules: Number of molecules that were computed this way.
        charges: Their charge models, if there are several.
        gaff: Their GAFF version; None for that of the result, which a prmtop lacks.
    """
    cited = Cited()
    sentences = [
        _purpose(result, molecules, cited),
        _parameters(result, molecules, charges or (result.charges,), gaff, cited),
        *_sampling(result, molecules, cited),
        _estimator(result, molecules, cited),
        *_closing(result, molecules, cited),
    ]
    return " ".join(sentences), cited.works


def _purpose(result: HydrationResult, molecules: int, cited: Cited) -> str:
    molecule = result.molecule
    name = "" if result.measured is None else result.measured.name
    what = f"The free energy of hydration of {name or molecule.formula}"
    if molecule.smiles:
        what += f" (SMILES {molecule.smiles})"
    was = "was"
    if molecules > 1:
        what, was = f"Free energies of hydration of {molecules} molecules", "were"
    begin = (
        f"{what} at {result.temperature_k:g} K (1 mol/L in gas to 1 mol/L in water) {was} computed "
        f"with merrow {result.versions.get('merrow', '')}"
    ).rstrip()
    if result.potential == MM:
        return f"{begin} from the MM force field."
    doi = result.settings.get("potential_doi")
    work = Work(f"The potential {result.potential}.", doi if isinstance(doi, str) else "")
    return (
        f"{begin} from a hybrid ML/MM Hamiltonian with mechanical embedding {cited('ML/MM')}: "
        f"the potential {result.potential} {cited(work)} gives the internal energy of the solute, "
        "the MM force field all other interactions."
    )


def _parameters(
    result: HydrationResult,
    molecules: int,
    charges: Collection[str],
    gaff: int | None,
    cited: Cited,
) -> str:
    """Return the sentence on force field, charges and water."""
    source = result.settings.get("source")
    found: Mapping[str, Any] = source if isinstance(source, dict) else {}
    tools = f"AmberTools {result.versions.get('AmberTools', '')}".rstrip()
    waters = result.settings.get("n_waters")
    box = f"a box of {waters} TIP3P waters" if waters else "a box of TIP3P waters"
    if molecules > 1:
        box = "boxes of TIP3P waters"
    if set(charges) == {"prmtop"}:
        if found.get("kind") == "solvated":
            return "Parameters, charges and water were those of the prmtop."
        added = f"{box} {cited('TIP3P')} {'were' if molecules > 1 else 'was'} added"
        return f"Parameters and charges were those of the prmtop; {added}."
    field = "GAFF" if (gaff or found.get("gaff")) == 1 else "GAFF2"
    field = f"{field} {cited('GAFF')}"
    models = [f"{CHARGES[one]} {cited(CHARGES[one])}" for one in charges if one in CHARGES]
    own = [f"{' or '.join(models)} charges"] if models else []
    if "file" in charges:
        own.append("the charges of their files" if molecules > 1 else "the charges of its file")
    others = "; prmtops kept their own" if "prmtop" in charges else ""
    solutes, was = ("Solutes", "were") if molecules > 1 else ("The solute", "was")
    return (
        f"{solutes} had {field} parameters and {' or '.join(own)} from {tools} "
        f"{cited('AmberTools')}{others}, and {was} solvated in {box} {cited('TIP3P')}."
    )


def _sampling(result: HydrationResult, molecules: int, cited: Cited) -> Iterator[str]:
    """Yield the sentences on λ states and dynamics; nothing if they were not recorded."""
    protocol = result.settings.get("protocol")
    if not isinstance(protocol, dict):
        yield f"Dynamics were run with OpenMM {cited('OpenMM')}."
        return
    found: dict[str, Any] = protocol
    schedule = found.get("schedule", {})
    charging = len(schedule.get("lambda_electrostatics", ()))
    sterics = len(schedule.get("lambda_sterics", ()))
    repeats = result.settings.get("repeats")
    own = "MM" if result.potential == MM or result.route == "endpoint" else "ML/MM"
    states = (
        f"{charging + sterics} λ states ({charging} of the charges, {sterics} of soft-core "
        f"Lennard-Jones {cited('softcore')})"
    )
    if molecules > 1 and found.get("refine_schedule"):
        states = (
            f"λ states of the charges and of soft-core Lennard-Jones {cited('softcore')}, placed "
            "for each solute by a pilot run,"
        )
    yield (
        f"The {own} solute was coupled to water over {states} with "
        f"Hamiltonian replica exchange {cited('exchange')}"
        f"{f', in {repeats} independent repeats' if repeats and repeats != 1 else ''}."
    )
    if scales := found.get("torsion_scales"):
        factors = " and ".join(f"{scale:g}".replace("-", "−") for scale in dict.fromkeys(scales))
        whose, which = "The coupled state", f", with f of {factors}"
        if molecules > 1:
            whose, which = "The coupled states of flexible solutes", ""
        yield (
            f"{whose} also exchanged with states that add (f − 1) times the MM torsion terms about "
            f"rotatable bonds to the energy{which} {cited('solute scaling')}; they enter no "
            "estimate."
        )
    yield (
        f"{_program(result, cited)} by Langevin dynamics "
        f"{cited('Langevin')} with a friction of {found['friction_per_ps']:g} ps⁻¹ and a time step "
        f"of {found['timestep_fs']:g} fs{MASSES.get(str(found.get('solute_masses')), '')}"
        f"{CONSTRAINTS.get(str(found.get('solute_constraints')), '')}, at "
        f"{found['pressure_bar']:g} bar {cited('barostat')}, with a cutoff of "
        f"{found['cutoff_angstrom']:g} Å, particle mesh Ewald {cited('PME')} and the long-range "
        "Lennard-Jones correction."
    )
    yield from _in_gas(result, molecules, found)


def _program(result: HydrationResult, cited: Cited) -> str:
    """Return what moved the system in water."""
    openmm = f"OpenMM {result.versions.get('openmm', '')} {cited('OpenMM')}"
    if result.settings.get("engine") == "native":
        return (
            "The solvated system was propagated by merrow's own loop and nonbonded kernel, whose "
            f"energies and forces were compared with those of {openmm},"
        )
    if result.settings.get("mm_kernel") == "native":
        return f"Simulations were run with {openmm}, nonbonded forces by merrow's kernel,"
    return f"Simulations were run with {openmm}"


def _in_gas(result: HydrationResult, molecules: int, protocol: Mapping[str, Any]) -> Iterator[str]:
    """Yield the sentence on the gas phase, if it was sampled."""
    inserted = result.diagnostics.numbers.get("gas_conformers_inserted")
    if result.potential == MM and not inserted:
        return
    if protocol.get("solute_constraints") != "none" or "gas_friction_per_ps" not in protocol:
        return
    slow = "" if protocol.get("gas_temperatures") == "ladder" else ", if it has slow torsions,"
    whose = " of flexible solutes" if molecules > 1 else ""
    taken = f"; the decoupled state{whose} took conformers from there" if inserted else ""
    yield (
        f"The solute in gas was sampled with a friction of {protocol['gas_friction_per_ps']:g} "
        f"ps⁻¹ and{slow} by replica exchange of temperatures up to 900 K{taken}."
    )


def _estimator(result: HydrationResult, molecules: int, cited: Cited) -> str:
    """Return the sentence on estimators and errors."""
    pymbar = f"pymbar {result.versions.get('pymbar', '')}".rstrip()
    method = result.headline.method
    if method == "as_published":
        how = f"thermodynamic integration {cited('TI')} and ΔE_reorg, as published"
    else:
        how = f"MBAR {cited('MBAR')} ({pymbar})"
    if method == "endpoint_bar":
        how += f", and of MM → ML/MM {_between(result, molecules, cited)}"
    return (
        f"Free energies were estimated by {how}; ± is one standard error, from blocks of "
        "correlated data and, if there are any, from independent repeats."
    )


def _between(result: HydrationResult, molecules: int, cited: Cited) -> str:
    """Return the estimator of MM → ML/MM in each phase: MBAR where ensembles were inserted."""
    ladder = "MBAR with ensembles between the two"
    if molecules > 1:
        return f"in water and in gas by BAR {cited('BAR')}, or by {ladder} where they are far apart"
    found = result.settings.get("intermediates")
    inserted = found if isinstance(found, dict) else {}
    phases = [phase for phase in ("water", "gas") if inserted.get(phase)]
    if len(phases) == 1:
        other = "gas" if phases == ["water"] else "water"
        return f"in {phases[0]} by {ladder}, in {other} by BAR {cited('BAR')}"
    by = ladder if phases else f"BAR {cited('BAR')}"
    return f"in water and in gas by {by}"


def _closing(result: HydrationResult, molecules: int, cited: Cited) -> Iterator[str]:
    """Yield the sentences on measured values, which a campaign's table brings, and on the seed."""
    if molecules == 1 and result.measured is not None and result.measured.source == FREESOLV:
        yield f"Experimental values are from FreeSolv {cited('FreeSolv')}."
    if (seed := result.seeds.get("run")) is not None:
        yield f"The random seed was {seed}."
