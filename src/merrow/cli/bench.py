# SPDX-License-Identifier: MIT
"""`merrow bench`: benchmark of this machine."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from merrow.cli.choices import PlatformOption
from merrow.errors import InputError

ProcessesOption = Annotated[
    int | None, typer.Option(help="Most processes and threads tried; default: all.", min=1)
]


def bench(
    *,
    potential: Annotated[
        list[str] | None, typer.Option(help="Potential; may be repeated. Default: ani2x.")
    ] = None,
    smiles: Annotated[
        list[str] | None,
        typer.Option(help="Molecule in water; may be repeated. Default: methanol and toluene."),
    ] = None,
    prmtop: Annotated[
        Path | None, typer.Option("--prmtop", "-p", help="Your own solvated topology instead.")
    ] = None,
    inpcrd: Annotated[
        Path | None, typer.Option("--inpcrd", "-c", help="Its coordinates, with a box.")
    ] = None,
    ml_mask: Annotated[str | None, typer.Option(help="AMBER mask of the ML region.")] = None,
    cutoff: Annotated[float, typer.Option(help="Direct-space cutoff [Å].", min=6.0)] = 9.0,
    timestep: Annotated[float, typer.Option(help="Time step [fs].", min=0.1, max=4.0)] = 1.0,
    minutes: Annotated[float, typer.Option(help="Wall time to use [min].", min=0.2)] = 3.0,
    processes: ProcessesOption = None,
    platform: PlatformOption = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Folder for bench.html, bench.json, speed.svg, the systems.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Print every row and all advice.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time MM, ML and ML/MM steps on this machine and advise on its best use."""
    if smiles and (prmtop, inpcrd, ml_mask) != (None, None, None):
        raise InputError("--smiles and -p, -c, --ml-mask are two systems; give one of them.")
    # imported here to keep --help fast
    from merrow.bench.page import write_bench  # noqa: PLC0415
    from merrow.bench.speed import BenchRequest, run_bench  # noqa: PLC0415
    from merrow.bench.speed_table import speed_lines  # noqa: PLC0415
    from merrow.report.progress_line import ProgressLine  # noqa: PLC0415

    defaults = BenchRequest()
    request = BenchRequest(
        potentials=tuple(potential or defaults.potentials),
        molecules=tuple(smiles or defaults.molecules),
        prmtop=prmtop,
        inpcrd=inpcrd,
        ml_mask=ml_mask,
        cutoff_angstrom=cutoff,
        timestep_fs=timestep,
        minutes=minutes,
        processes=processes,
        platform=platform,
    )
    with tempfile.TemporaryDirectory() as scratch, ProgressLine() as line:
        found = run_bench(request, out or Path(scratch), line.listen).as_dict()
    if out is not None:
        write_bench(found, out)
    if as_json:
        typer.echo(json.dumps(found, indent=2, allow_nan=False))
        return
    last = [] if out is None else [f"report {out / 'bench.html'}"]
    for text in speed_lines(found, last, full=full):
        typer.echo(text)
