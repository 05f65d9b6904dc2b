# SPDX-License-Identifier: MIT
"""`merrow md`: a minimisation or MD run, with sander's options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from merrow.cli.choices import KernelOption, PlatformOption
from merrow.native import MM_KERNELS
from merrow.report.text import wrapped
from merrow.settings import one_of


def md(
    mdin: Annotated[Path, typer.Option("-i", help="sander input file.")] = Path("mdin"),
    prmtop: Annotated[Path, typer.Option("-p", help="Topology.")] = Path("prmtop"),
    inpcrd: Annotated[Path, typer.Option("-c", help="Coordinates or restart file.")] = Path(
        "inpcrd"
    ),
    *,
    mdout: Annotated[Path, typer.Option("-o", help="Energies and settings.")] = Path("mdout"),
    restrt: Annotated[Path, typer.Option("-r", help="Restart file, NetCDF.")] = Path("restrt"),
    mdcrd: Annotated[Path, typer.Option("-x", help="Trajectory, NetCDF.")] = Path("mdcrd"),
    mdinfo: Annotated[Path, typer.Option("-inf", help="Latest energies, speed, time left.")] = Path(
        "mdinfo"
    ),
    mdvel: Annotated[Path, typer.Option("-v", help="Velocities, if ntwv > 0, NetCDF.")] = Path(
        "mdvel"
    ),
    mdspread: Annotated[
        Path, typer.Option("-xs", help="Frames saved by on_spread='save' in &mlp, NetCDF.")
    ] = Path("mdspread"),
    refc: Annotated[
        Path | None, typer.Option("-ref", help="Reference coordinates for ntr=1.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("-O", help="Overwrite existing outputs.")] = False,
    platform: PlatformOption = "auto",
    mm_kernel: KernelOption = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Minimise or run MD of an ML/MM system, from a sander input with ifmlp=1 and &mlp."""
    # imported here to keep --help fast
    from merrow.md.from_mdin import read_md_settings  # noqa: PLC0415
    from merrow.md.run import MdOutputs, run_md  # noqa: PLC0415
    from merrow.report.progress_line import ProgressLine  # noqa: PLC0415

    with ProgressLine(quiet=quiet, terminal_only=True) as line:
        result = run_md(
            read_md_settings(mdin),
            prmtop,
            inpcrd,
            outputs=MdOutputs(mdout, restrt, mdcrd, mdinfo, mdvel, mdspread),
            reference=refc,
            overwrite=overwrite,
            platform=platform,
            mm_kernel=one_of("--mm-kernel", mm_kernel, MM_KERNELS),
            listen=line.listen,
        )
    last = result.energies[-1]
    speed = f", {result.ns_per_day:.3g} ns/day" if result.ns_per_day else ""
    told = f"{mdout}: {last.step} steps, EPtot {last.values['EPtot']:.4f} kcal/mol{speed}; "
    typer.echo("\n".join(wrapped(f"{told}continue from {restrt}", more="  ")))
