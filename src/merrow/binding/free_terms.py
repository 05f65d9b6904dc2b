# SPDX-License-Identifier: MIT
"""Strain energies from free ligand and receptor, and the choice of the headline."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from merrow.analysis.end_states import (
    LARGEST_ERROR,
    Difference,
    Strain,
    Term,
    strain,
    three_ensembles,
    with_ml,
)
from merrow.binding.free_states import FreeStates
from merrow.binding.mmpbsa_program import Energies, Method, Settings, Topologies, run_alone
from merrow.binding.report.energy import Comparison
from merrow.system.potentials import MM
from merrow.trajectories import write_frames
from merrow.uncertainty import Mean

ONE_TRAJECTORY = "one trajectory"
ENTROPY = (
    "Interaction entropy is refused here: it is a property of one trajectory, and complex, "
    "receptor and ligand come from three."
)

REFERENCE = "E_ML counts from its mean in the free ligand."


@dataclass(frozen=True, eq=False)
class FreeTerms:
    """Energies of the free states by one method.

    Attributes:
        ligand: Strain of the ligand.
        receptor: Strain of the receptor; None without its trajectory.
        three: Every term from three trajectories; empty without the receptor's.
    """

    ligand: Strain
    receptor: Strain | None
    three: dict[str, Term]


@dataclass(frozen=True)
class Headline:
    """The headline of a run, and the reason for its choice.

    Attributes:
        kind: The trajectories that it includes.
        value, stderr: Binding energy and standard error [kcal/mol].
        why: What was left out and why; empty if nothing was.
    """

    kind: str
    value: float
    stderr: float
    why: str = ""


def free_terms(
    method: Method,
    free: FreeStates,
    tables: Energies,
    species: Topologies,
    settings: Settings,
    *,
    folder: Path,
) -> FreeTerms:
    """Run MMPBSA on the free species and take the differences.

    Args:
        method: "gb" or "pb".
        free: Frames of the free species, and E_ML of the ligand.
        tables: Every term of complex, receptor and ligand in the complex's trajectory.
        species: Dry topologies, used for the free species too.
        settings: Settings of the solvent model.
        folder: Parent of a folder for each free species.

    Raises:
        MerrowError: MMPBSA failed.
    """
    path = write_frames(folder / "free_ligand", free.ligand)
    ligand = run_alone(method, species.ligand, path, settings, folder=path.parent)
    delta, bound = tables["delta"]["TOTAL"], tables["ligand"]
    of_ligand = strain(delta, bound, ligand, free.energies)
    if free.receptor is None:
        return FreeTerms(of_ligand, None, {})
    path = write_frames(folder / "free_receptor", free.receptor)
    receptor = run_alone(method, species.receptor, path, settings, folder=path.parent)
    of_receptor = strain(delta, tables["receptor"], receptor, None)
    whole: dict[str, Any] = tables["complex"]
    if free.energies is not None:
        whole, ligand = with_ml(whole, bound, ligand, free.energies)
    return FreeTerms(of_ligand, of_receptor, three_ensembles(whole, receptor, ligand))


def headline(total: Mean, terms: FreeTerms | None, free: FreeStates | None) -> Headline:
    """Choose the headline: strain enters only if its error is at most 0.5 kcal/mol.

    Args:
        total: Binding energy from the complex's trajectory.
        terms, free: Terms and frames of the free states; None without them.
    """
    plain = Headline(ONE_TRAJECTORY, total.value, total.stderr)
    if terms is None or free is None:
        return plain
    doubt = _doubt("ligand", terms.ligand)
    if free.moving:
        worst = max(free.moving, key=lambda name: free.moving[name])
        doubt = doubt or (
            f"the free ligand has not settled: the populations of its torsion {worst} differ by "
            f"{free.moving[worst]:.2f} between the halves of its trajectory, more than their error"
        )
    if doubt:
        why = f"The strain is not in the headline, since {doubt}."
        return Headline(plain.kind, plain.value, plain.stderr, why)
    with_strain = terms.ligand.corrected
    doubt = "" if terms.receptor is None else _doubt("receptor", terms.receptor)
    if terms.receptor is None or doubt:
        why = f"Three trajectories are not the headline, since {doubt}." if doubt else ""
        kind = f"{ONE_TRAJECTORY} and the strain of the ligand"
        return Headline(kind, with_strain.value, with_strain.stderr, why)
    found = terms.three["TOTAL"].difference
    return Headline("three trajectories", found.value, found.stderr)


def _doubt(name: str, found: Strain) -> str:
    if found.total.stderr <= LARGEST_ERROR:
        return ""
    return (
        f"the strain of the {name} has an error of {found.total.stderr:.2f} kcal/mol, more than "
        f"{LARGEST_ERROR}"
    )


def as_json(terms: FreeTerms, free: FreeStates) -> dict[str, Any]:
    """Return the numbers for mmpbsa.json [kcal/mol]."""
    three = {name: asdict(term) for name, term in terms.three.items()}
    return {
        "ligand_sampled_with": free.potential,
        "ml_device": None if free.where is None else free.where.device,
        "ml_device_ms": None if free.where is None else free.where.call_ms,
        "ligand_strain": asdict(terms.ligand),
        "receptor_strain": None if terms.receptor is None else asdict(terms.receptor),
        "ligand_torsions_not_settled": free.moving,
        "e_ml_reference_kcal": free.reference,
        "three_trajectories": three or None,
        "three_trajectories_entropy": ENTROPY if three else None,
    }


def comparisons(terms: FreeTerms, free: FreeStates) -> list[Comparison]:
    """Return the tables of the report."""
    own = "of the force field" if free.potential == MM else f"E_ML, {free.potential}"
    rows = {}
    for name, found, kind in (
        ("ligand", terms.ligand, own),
        ("receptor", terms.receptor, "of the force field"),
    ):
        if found is not None:
            rows[f"{name}: its own energy ({kind})"] = (_pair(found.internal),)
            rows[f"{name}: G solv"] = (_pair(found.solvation),)
            rows[f"strain of the {name}"] = (_pair(found.total),)
    tables = [Comparison("Strain, bound − free", ("strain",), rows, bold="strain of the ligand")]
    if terms.three:
        columns = ("complex", "receptor", "ligand", "difference")
        each = {
            name: (*(_pair(m) for m in (t.complex, t.receptor, t.ligand)), _pair(t.difference))
            for name, t in terms.three.items()
        }
        told = ENTROPY if free.energies is None else f"{REFERENCE} {ENTROPY}"
        tables.append(Comparison("Three trajectories", columns, each, bold="TOTAL", told=told))
    return tables


def _pair(found: Mean | Difference) -> tuple[float, float]:
    return found.value, found.stderr
