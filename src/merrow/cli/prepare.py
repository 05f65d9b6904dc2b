# SPDX-License-Identifier: MIT
"""`merrow prepare complex`: AMBER files of a complex."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from merrow.cli.dry_run import DryRunOption, print_cost, resources
from merrow.settings import one_of

if TYPE_CHECKING:
    from merrow.binding.prepare.complex import ComplexRequest
    from merrow.binding.prepare.complex_cost import ComplexCost

MOST_CHANGES: Final = 4
"""Number of changes of a kind that are shown without --full."""

BufferOption = Annotated[
    float | None, typer.Option(help="Water around the complex [Å]; default: 10.")
]
IonsOption = Annotated[
    float | None, typer.Option(help="Salt besides counter-ions [mol/l]; default: 0.15.")
]
WatersOption = Annotated[
    str | None, typer.Option(help="Crystal waters: keep (the default) or none.")
]
RelaxOption = Annotated[
    bool, typer.Option("--relax-clashes", help="Minimise a clashing pose instead of refusing it.")
]

app = typer.Typer(
    help="Make AMBER files from structures.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """Keep `complex` a subcommand although it is the only one."""


@app.command("complex")
def complex_(
    protein: Annotated[Path, typer.Option(help="PDB or mmCIF file of the protein.")],
    ligand: Annotated[
        Path, typer.Option(help="SDF, MOL or MOL2 file of the pose, with all hydrogens.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the files.")],
    *,
    ph: Annotated[float, typer.Option(help="pH.")] = 7.4,
    buffer: BufferOption = None,
    ions: IonsOption = None,
    implicit: Annotated[
        bool, typer.Option("--implicit", help="No water box: dry files only.")
    ] = False,
    remove: Annotated[str, typer.Option(help="Residues to remove: GOL,SO4 or GLY:A:201.")] = "",
    waters: WatersOption = None,
    charges: Annotated[str, typer.Option(help="Ligand charges: bcc, abcg2 or file.")] = "bcc",
    protein_ff: Annotated[str, typer.Option(help="Protein: ff14SB or ff19SB.")] = "ff14SB",
    relax_clashes: RelaxOption = False,
    ligand_as_given: Annotated[
        bool,
        typer.Option("--ligand-as-given", help="Accept an unusual protonation of the ligand."),
    ] = False,
    dry_run: DryRunOption = False,
    full: Annotated[bool, typer.Option("--full", help="Print every change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Prepare a protein and its ligand: hydrogens, parameters, water, ions, and a report."""
    # imported here to keep --help fast
    from merrow.binding.prepare.complex import WATERS, ComplexRequest  # noqa: PLC0415
    from merrow.binding.prepare.complex import prepare_complex as run  # noqa: PLC0415
    from merrow.binding.prepare.complex_cost import complex_cost  # noqa: PLC0415
    from merrow.report.progress_line import ProgressLine  # noqa: PLC0415

    request = ComplexRequest(
        protein=protein,
        ligand=ligand,
        out=out,
        ph=ph,
        buffer=buffer,
        ions=ions,
        implicit=implicit,
        remove=tuple(name.strip() for name in remove.split(",") if name.strip()),
        waters=None if waters is None else one_of("--waters", waters, WATERS),
        relax_clashes=relax_clashes,
        ligand_as_given=ligand_as_given,
        charges=one_of("--charges", charges, ("bcc", "abcg2", "file")),
        force_field=one_of("--protein-ff", protein_ff, ("ff14SB", "ff19SB")),
    )
    if dry_run:
        print_cost(lambda _: complex_cost(request), partial(_cost, request), as_json=as_json)
        return
    with ProgressLine(quiet=as_json, terminal_only=True) as line:
        report = run(request, line.listen)
    if as_json:
        typer.echo(json.dumps(report, indent=2, allow_nan=False))
        return
    for text in _lines(report, out, full=full):
        typer.echo(text)


def _cost(request: ComplexRequest, cost: ComplexCost) -> list[str]:
    from merrow.report.text import duration, fitted  # noqa: PLC0415

    head = [
        f"protein     {'; '.join(cost.chains)}, {request.force_field}",
        f"ligand      {cost.smiles}, {cost.charge:+d} e, GAFF2",
        f"box         {'none' if request.implicit else f'about {cost.waters} TIP3P waters'}",
    ]
    about = f"{duration(60 * cost.least_minutes)} to {duration(60 * cost.most_minutes)}"
    last = [f"  about {about}", resources(cost.memory_mib, cost.disk_mib, request.out), ""]
    return fitted(head, _changes(cost.changes), last)[:-1]  # one more line follows


def _lines(report: dict[str, Any], out: Path, *, full: bool) -> list[str]:
    """Return a summary of the system and of every change."""
    from merrow.report.text import fitted, wrapped  # noqa: PLC0415

    system, pose = report["system"], report["pose"]
    ligand, made_of = report["ligand"], report["protein"]["force_field"]
    box = "no box" if system["water_model"] is None else f"{system['waters']} TIP3P waters"
    salt = f"{system['sodium']} Na+, {system['chloride']} Cl-"
    charges = " ".join(filter(None, (ligand["charges"], ligand["charge_type"])))
    head = [
        f"protein     {'; '.join(report['protein']['chains'])}, {made_of}",
        f"ligand      {ligand['smiles']}, {ligand['charge_e']:+d} e, GAFF2, charges {charges}",
        *wrapped(f"! {ligand['doubts']}" if ligand["doubts"] else "", more="  "),
        f"box         {box}, {salt}; {system['crystal_waters_kept']} crystal waters kept",
    ]
    if pose["relaxation"]:
        moved = pose["relaxation"]["ligand_rmsd_a"]
        head.append(f"pose        {len(pose['clashes'])} clashes relaxed, moved by {moved:.2f} Å")
    worst = max(abs(row["difference"]) for row in report["energies_kcal"].values())
    head.append(f"energies    sander and OpenMM agree within {worst:.4f} kcal/mol, term by term")
    last = wrapped(f"files in {out} · every change in {out / 'preparation.json'}")
    return fitted(head, _changes(report["changes"], full=full), last, full=full)


def _changes(changes: dict[str, list[Any]], *, full: bool = False) -> list[str]:
    """Return the changes, one line for each kind; every change if `full`."""
    from merrow.report.text import wrapped  # noqa: PLC0415

    lines = []
    for name, items in changes.items():
        shown = items if full else items[:MOST_CHANGES]
        words = ", ".join(" and ".join(map(str, i)) if isinstance(i, list) else i for i in shown)
        more = f" and {len(items) - len(shown)} more" if len(items) > len(shown) else ""
        lines += wrapped(f"{name.replace('_', ' ')}: {words or 'none'}{more}", more="  ")
    return lines
