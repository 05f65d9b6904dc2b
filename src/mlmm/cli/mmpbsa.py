# SPDX-License-Identifier: MIT
"""How is an end-point binding energy asked for? `mlmm mmpbsa`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mlmm.errors import InputError


def mmpbsa(
    prmtop: Annotated[Path, typer.Option("--prmtop", "-p", help="Topology of the trajectory.")],
    trajectory: Annotated[Path, typer.Option("--trajectory", "-y", help="Trajectory.")],
    ligand_mask: Annotated[str, typer.Option(help="AMBER mask of the ligand, such as :LIG.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for everything.")],
    *,
    method: Annotated[str, typer.Option(help="gb, pb, or gb,pb.")] = "gb",
    control: Annotated[
        Path | None, typer.Option(help="Trajectory of the same prmtop with MM alone.")
    ] = None,
    stride: Annotated[int, typer.Option(help="Take every n-th frame.", min=1)] = 1,
    igb: Annotated[int, typer.Option(help="GB model: 1, 2, 5, 7 or 8.")] = 5,
    salt: Annotated[float, typer.Option(help="Ionic strength [mol/l].", min=0.0)] = 0.15,
    surface_tension: Annotated[
        float, typer.Option(help="Nonpolar term of GB [kcal/mol/Å²]; 0 leaves it out.", min=0.0)
    ] = 0.0072,
    decompose: Annotated[
        bool, typer.Option("--decompose", help="Split GB energies by residue.")
    ] = False,
    temperature: Annotated[
        float, typer.Option(help="For the interaction entropy [K].", min=1.0)
    ] = 298.15,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Estimate a binding energy by AmberTools' MM-PBSA or MM-GBSA, one trajectory, with errors."""
    # parmed and matplotlib load here, which --help must not wait for
    from mlmm.external.mmpbsa import Settings  # noqa: PLC0415
    from mlmm.workflows.mmpbsa import MmpbsaRequest  # noqa: PLC0415
    from mlmm.workflows.mmpbsa import mmpbsa as run  # noqa: PLC0415

    methods = tuple(dict.fromkeys(word.strip() for word in method.split(",")))
    if not methods or set(methods) - {"gb", "pb"}:
        raise InputError(f"--method {method!r} is not known; use gb, pb or gb,pb.")
    request = MmpbsaRequest(
        prmtop=prmtop,
        trajectory=trajectory,
        ligand_mask=ligand_mask,
        out=out,
        methods=tuple("gb" if word == "gb" else "pb" for word in methods),
        control=control,
        stride=stride,
        temperature=temperature,
        settings=Settings(igb, salt, surface_tension, decompose),
    )
    answer = run(request)
    if as_json:
        typer.echo(json.dumps(answer, indent=2, allow_nan=False))
        return
    for found in answer["runs"]:
        total = found["delta_kcal"]["TOTAL"]
        typer.echo(
            f"{found['trajectory']}, MM-{found['method'].upper()}SA: {total['value']:.2f} ± "
            f"{total['stderr']:.2f} kcal/mol over {found['frames']} frames, without entropy"
        )
        if found["openmm_check"]:
            typer.echo(found["openmm_check"]["told"])
    for note in answer["notes"]:
        typer.echo(note)
    typer.echo(f"everything is in {out}, one page in {out / 'mmpbsa.html'}")
