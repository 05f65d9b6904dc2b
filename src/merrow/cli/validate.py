# SPDX-License-Identifier: MIT
"""`merrow validate nve`: an energy-conservation test with your own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from merrow.errors import InputError, NumericsError
from merrow.settings import one_of

PlatformOption = Annotated[
    str, typer.Option(help="OpenMM platform; Reference computes in double precision.")
]
PrecisionOption = Annotated[
    str, typer.Option(help="Precision of the potential, float32 or float64.")
]
CutoffOption = Annotated[
    float | None, typer.Option(help="Direct-space cutoff in a box [Å]; default: 9.", min=3.0)
]

app = typer.Typer(help="Validate the engine with your own files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `nve` a subcommand although it is the only one."""


@app.command("nve")
def nve(
    prmtop: Annotated[Path, typer.Option("--prmtop", "-p", help="Topology.")],
    inpcrd: Annotated[
        Path, typer.Option("--inpcrd", "-c", help="Coordinates, with or without velocities.")
    ],
    ml_mask: Annotated[str, typer.Option(help="AMBER mask of the ML region.")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the report, nve.html.")
    ] = None,
    potential: Annotated[
        str, typer.Option(help="Name from `merrow models list`, or mm.")
    ] = "ani2x",
    weights: Annotated[Path | None, typer.Option(help="Weights file of the potential.")] = None,
    time: Annotated[float, typer.Option(help="Length of each trajectory [ps].")] = 5.0,
    dt: Annotated[str, typer.Option(help="Time steps [fs].")] = "0.25,0.5,1.0",
    water: Annotated[str, typer.Option(help="Water: rigid or flexible.")] = "rigid",
    precision: PrecisionOption = "float32",
    platform: PlatformOption = "Reference",
    temperature: Annotated[
        float, typer.Option(help="Temperature [K] of velocities, if the file has none.")
    ] = 300.0,
    cutoff: CutoffOption = None,
    seed: Annotated[int, typer.Option(help="Seed of velocities.")] = 1,
    full: Annotated[bool, typer.Option("--full", help="Print every check.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Test NVE dynamics: energy fluctuation and its order, drift, momenta, forces."""
    # imported here to keep --help fast
    from merrow.md.nve.runs import NveRequest  # noqa: PLC0415
    from merrow.md.nve.validate import validate_nve  # noqa: PLC0415
    from merrow.report.progress_line import ProgressLine  # noqa: PLC0415

    request = NveRequest(
        prmtop=prmtop,
        inpcrd=inpcrd,
        ml_mask=ml_mask,
        potential=potential,
        weights=weights,
        time_ps=time,
        timesteps_fs=_timesteps(dt),
        rigid_water=one_of("--water", water, ("rigid", "flexible")) == "rigid",
        precision=one_of("--precision", precision, ("float32", "float64")),
        platform=platform,
        temperature_k=temperature,
        cutoff_angstrom=cutoff,
        seed=seed,
    )
    with ProgressLine() as line:
        answer = validate_nve(request, line.listen, out=out)
    if as_json:
        typer.echo(json.dumps(answer, indent=2, allow_nan=False))
    else:
        for text in _lines(answer, out, full=full):
            typer.echo(text)
    if not answer["passed"]:
        failed = ", ".join(check["name"] for check in answer["checks"] if not check["passed"])
        report = "add --out for a report" if out is None else f"see {out / 'nve.html'}"
        raise NumericsError(f"the energy-conservation test failed: {failed}; {report}.")


def _timesteps(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--dt {text!r} is not of the form 0.25,0.5,1.0.") from error


def _lines(answer: dict[str, Any], out: Path | None, *, full: bool) -> list[str]:
    from merrow.report.text import fitted, wrapped  # noqa: PLC0415

    checks = sorted(answer["checks"], key=lambda check: bool(check["passed"]))
    rows = [
        f"{'passed' if check['passed'] else 'FAILED'}  {check['name']:<28}"
        f"{check['value']:>11.4g}  {check['bar']}"
        for check in checks
    ]
    failed = sum(not check["passed"] for check in checks)
    words = f"passed: all {len(checks)} checks"
    if failed:
        words = f"not passed: {failed} of {len(checks)} checks failed"
    last = wrapped(
        f"energy {answer['energy_mean_kcal']:.2f} ± {answer['energy_sd_kcal']:.4f} kcal/mol, "
        f"{answer['temperature_k']:.1f} K (SD in the paper: "
        f"{answer['paper_for_context']['energy_sd_kcal']} kcal/mol)"
    )
    if not answer["drift_resolved"]:
        last += wrapped("this run is too short to resolve the drift; give a longer --time")
    if out is not None:
        last.append(f"report {out / 'nve.html'}")
    return fitted([words], rows, last, full=full)
