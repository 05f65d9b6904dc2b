# SPDX-License-Identifier: MIT
"""`merrow analyze`: what a trajectory of a complex shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def analyze(
    prmtop: Annotated[Path, typer.Option("--prmtop", "-p", help="Topology of the trajectory.")],
    trajectory: Annotated[Path, typer.Option("--trajectory", "-y", help="Trajectory.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and page.")],
    *,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", "-c", help="Coordinates that RMSD refers to; else frame 1."),
    ] = None,
    pdb: Annotated[Path | None, typer.Option(help="Crystal structure with B-factors.")] = None,
    ligand_mask: Annotated[
        str | None, typer.Option(help="AMBER mask of the ligand, such as :LIG.")
    ] = None,
    mm_reference: Annotated[
        Path | None, typer.Option(help="Trajectory of the same prmtop with MM alone.")
    ] = None,
    stride: Annotated[int, typer.Option(help="Read every n-th frame.", min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Analyse a complex: RMSD, B-factors, torsions, contacts, hydrogen bonds, with errors."""
    # MDAnalysis loads here, which --help must not wait for
    from merrow.binding.analyze import AnalyzeRequest  # noqa: PLC0415
    from merrow.binding.analyze import analyze as run  # noqa: PLC0415

    answer = run(
        AnalyzeRequest(prmtop, trajectory, out, reference, pdb, ligand_mask, mm_reference, stride)
    )
    if as_json:
        typer.echo(json.dumps(answer, indent=2, allow_nan=False))
        return
    for note in answer["notes"]:
        typer.echo(note)
    for found in answer["runs"]:
        for name, q in found["rmsd_a"].items():
            typer.echo(f"{found['trajectory']}: RMSD {name} {q['value']:.2f} ± {q['stderr']:.2f} Å")
        if found["b_factor_correlation"]:
            c = found["b_factor_correlation"]
            inner = c.get("pearson_without_ends")
            told = "" if inner is None else f", without ends {inner:.2f}"
            typer.echo(
                f"{found['trajectory']}: B-factors of {c['residues']:.0f} residues against the "
                f"crystal, Pearson {c['pearson']:.2f} (95 % of resamples {c['pearson_low_95']:.2f} "
                f"to {c['pearson_high_95']:.2f}, ± {c['pearson_stderr_blocks']:.2f} by blocks)"
                f"{told}, Spearman {c['spearman']:.2f}"
            )
    typer.echo(f"tables and page are in {out}")
