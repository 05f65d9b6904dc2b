# SPDX-License-Identifier: MIT
"""`merrow prepare complex`: AMBER files of a complex."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from merrow.settings import one_of

app = typer.Typer(
    help="Make AMBER files from structures.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """Keep `complex` a verb of its own even while it is the only one."""


@app.command("complex")
def complex_(
    protein: Annotated[Path, typer.Option(help="PDB file of the protein, as deposited or not.")],
    ligand: Annotated[
        Path, typer.Option(help="SDF, MOL or MOL2 file of the pose, with all hydrogens.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for all files.")],
    *,
    ph: Annotated[float, typer.Option(help="The pH.")] = 7.4,
    buffer: Annotated[float, typer.Option(help="Water around the complex [Å].")] = 10.0,
    ions: Annotated[float, typer.Option(help="Salt beside the counter-ions [mol/l].")] = 0.15,
    implicit: Annotated[
        bool, typer.Option("--implicit", help="No box of water: the dry files alone.")
    ] = False,
    remove: Annotated[str, typer.Option(help="Residues to leave out: GOL,SO4 or GLY:A:201.")] = "",
    waters: Annotated[str, typer.Option(help="Crystal waters: keep or none.")] = "keep",
    charges: Annotated[str, typer.Option(help="Charges of the ligand: bcc, abcg2, file.")] = "bcc",
    protein_ff: Annotated[str, typer.Option(help="Protein: ff14SB or ff19SB.")] = "ff14SB",
    relax_clashes: Annotated[
        bool,
        typer.Option("--relax-clashes", help="Minimise a pose that clashes, instead of refusing."),
    ] = False,
    ligand_as_given: Annotated[
        bool,
        typer.Option("--ligand-as-given", help="Accept an unusual protonation of the ligand."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Prepare a protein and its ligand: hydrogens, parameters, water, ions, and a report."""
    # parmed and RDKit load here, which --help must not wait for
    from merrow.binding.prepare.complex import ComplexRequest, prepare_complex  # noqa: PLC0415

    request = ComplexRequest(
        protein=protein,
        ligand=ligand,
        out=out,
        ph=ph,
        buffer=buffer,
        ions=ions,
        implicit=implicit,
        remove=tuple(name.strip() for name in remove.split(",") if name.strip()),
        waters=one_of("--waters", waters, ("keep", "none")),
        relax_clashes=relax_clashes,
        ligand_as_given=ligand_as_given,
        charges=one_of("--charges", charges, ("bcc", "abcg2", "file")),
        force_field=one_of("--protein-ff", protein_ff, ("ff14SB", "ff19SB")),
    )
    report = prepare_complex(request)
    if as_json:
        typer.echo(json.dumps(report, indent=2, allow_nan=False))
    else:
        _show(report, out)


def _show(report: dict[str, Any], out: Path) -> None:
    """Print what was made and every change, one line each."""
    system, changes = report["system"], report["changes"]
    ligand, made_of = report["ligand"], report["protein"]["force_field"]
    typer.echo(f"protein     {'; '.join(report['protein']['chains'])}, {made_of}")
    typer.echo(f"ligand      {ligand['smiles']}, {ligand['charge_e']:+d} e, GAFF2")
    box = "no box" if system["water_model"] is None else f"{system['waters']} TIP3P waters"
    salt = f"{system['sodium']} Na+, {system['chloride']} Cl-"
    typer.echo(f"box         {box}, {salt}; {system['crystal_waters_kept']} crystal waters kept")
    for name, items in changes.items():
        shown = ", ".join(str(item) for item in items[:6]) or "none"
        more = f" and {len(items) - 6} more" if len(items) > 6 else ""
        typer.echo(f"{name.replace('_', ' ')}: {shown}{more}")
    if report["pose"]["relaxation"]:
        moved = report["pose"]["relaxation"]["ligand_rmsd_a"]
        n_clashes = len(report["pose"]["clashes"])
        typer.echo(f"pose: {n_clashes} clashes relaxed, the ligand moved by {moved:.2f} Å")
    worst = max(abs(row["difference"]) for row in report["energies_kcal"].values())
    typer.echo(f"energies by term: sander and OpenMM agree within {worst:.4f} kcal/mol")
    typer.echo(f"everything is in {out}; every change is in {out / 'preparation.json'}")
