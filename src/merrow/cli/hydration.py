# SPDX-License-Identifier: MIT
"""`merrow hydration` and `merrow run`: the hydration free energy of a molecule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merrow.cli.choices import ContinueOption, EngineOption, KernelOption, PlatformOption
from merrow.cli.dry_run import DryRunOption, print_cost, resources
from merrow.errors import InputError
from merrow.hydration.asked import hydration_config
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS

if TYPE_CHECKING:
    from merrow.hydration.result import HydrationResult

JsonOption = Annotated[bool, typer.Option("--json", help="Print result.json at the end.")]
FullOption = Annotated[bool, typer.Option("--full", help="Print everything at the end.")]
SolvateOption = Annotated[str | None, typer.Option(help='"tip3p": solvate a gas-phase prmtop.')]
ChargesOption = Annotated[
    str | None,
    typer.Option(help="abcg2 (GAFF2's default), bcc, or file (a mol2 file's own, its default)."),
]
TargetOption = Annotated[float | None, typer.Option(help="Standard error to stop at [kcal/mol].")]
TimeOption = Annotated[
    str | None, typer.Option(help="Time limit: minutes, or for example 45m, 12h, 2d.")
]
RouteOption = Annotated[
    str | None, typer.Option(help="direct or endpoint; the protocol's by default.")
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one setting of the protocol, such as cutoff_angstrom=9."),
]
ReferenceOption = Annotated[
    bool, typer.Option("--mm-reference", help="Direct route: sample MM too.")
]
SourceArgument = Annotated[
    str, typer.Argument(help="SMILES, an SDF or mol2 file, or a prmtop (with its coordinates).")
]
CoordinatesArgument = Annotated[Path | None, typer.Argument(help="Coordinates for the prmtop.")]
PotentialOption = Annotated[
    str,
    typer.Option(help='Name from `merrow models list`, or "mm" for MM alone.'),
]
RepeatsOption = Annotated[
    int | None, typer.Option(help="Independent repeats; the protocol's by default.", min=1)
]
ExptOption = Annotated[
    str | None,
    typer.Option(
        help="Experimental value [kcal/mol], such as -5.1 or -5.1,0.6 with its error, or a table: "
        "FreeSolv's database.txt, or CSV with smiles and expt_kcal."
    ),
]
NameOption = Annotated[str | None, typer.Option(help="Name of the molecule in the report.")]
NOT_ASKED = {"dry_run", "full", "as_json"}
"""Options of the command that are not settings of a run."""
BothOption = Annotated[
    bool, typer.Option("--both-routes", help="Sample both routes and say whether they agree.")
]


def hydration(
    source: SourceArgument,
    inpcrd: CoordinatesArgument = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; resumed if it exists.")],
    potential: PotentialOption = "ani2x",
    weights: Annotated[Path | None, typer.Option(help="Weights file of the potential.")] = None,
    protocol: Annotated[str, typer.Option(help=f"One of {', '.join(PROTOCOLS)}.")] = "quick",
    settings: SettingsOption = None,
    route: RouteOption = None,
    ml_mask: Annotated[str | None, typer.Option(help="AMBER mask of the solute.")] = None,
    solvate: SolvateOption = None,
    charges: ChargesOption = None,
    gaff: Annotated[
        int | None,
        typer.Option(help="GAFF version, 1 or 2 (the default).", min=1, max=2),
    ] = None,
    target_stderr: TargetOption = None,
    max_time: TimeOption = None,
    mm_reference: ReferenceOption = False,
    both_routes: BothOption = False,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 2025,
    repeats: RepeatsOption = None,
    processes: Annotated[int | None, typer.Option(help="Parallel processes.", min=1)] = None,
    platform: PlatformOption = "auto",
    continue_on: ContinueOption = None,
    mm_kernel: KernelOption = "auto",
    engine: EngineOption = "auto",
    expt: ExptOption = None,
    name: NameOption = None,
    dry_run: DryRunOption = False,
    full: FullOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compute the hydration free energy of a molecule with an ML/MM Hamiltonian."""
    asked = dict(locals())  # options are named like the arguments
    config = hydration_config(**{key: asked[key] for key in asked if key not in NOT_ASKED})
    if dry_run:
        _print_cost(config, out, as_json=as_json)
        return
    _run(config, out, base=Path(), full=full, as_json=as_json)


def run(
    run_file: Annotated[
        Path, typer.Argument(help="A run folder, its run.yaml, or your own run file.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder; the file's own by default.")
    ] = None,
    full: FullOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start or resume the run that a run.yaml describes."""
    from merrow.hydration.run_folder import RUN_FILE, begun_by_merrow, read_run_file  # noqa: PLC0415

    if run_file.is_dir():
        run_file /= RUN_FILE
    config = read_run_file(run_file)
    if out is None and run_file.name != RUN_FILE:
        raise InputError(
            f"{run_file} is not named {RUN_FILE}, so its folder is no run folder; say with --out "
            "where to run."
        )
    if out is None and not begun_by_merrow(run_file):
        raise InputError(
            f"{run_file} is a run file of your own, beside which nothing is written; say with "
            "--out where to run."
        )
    here = run_file.parent  # as the user gave it
    _run(config, out or here, base=here.resolve(), full=full, as_json=as_json)


def _print_cost(config: HydrationConfig, out: Path, *, as_json: bool) -> None:
    from merrow.hydration.cost import Cost  # noqa: PLC0415
    from merrow.hydration.cost import dry_run as measure  # noqa: PLC0415
    from merrow.report.text import duration  # noqa: PLC0415

    def lines(cost: Cost) -> Iterator[str]:
        source, protocol = config.source, config.protocol
        what = source.smiles or source.structure or source.prmtop
        yield f"{what}: {config.potential}, {protocol.name}, {protocol.route} route"
        yield (
            f"  {duration(60 * cost.least_minutes)} of sampling at least, "
            f"{duration(60 * cost.most_minutes)} at most, {cost.processes} processes at a time"
        )
        steps = ", ".join(f"{name} {ms:.3g}" for name, ms in cost.milliseconds.items())
        yield f"  ms a step: {steps}"
        yield resources(cost.memory_mib, cost.disk_mib, out)

    print_cost(lambda _: measure(config, out, base=Path()), lambda c: [*lines(c)], as_json=as_json)


def _run(config: HydrationConfig, out: Path, *, base: Path, full: bool, as_json: bool) -> None:
    from merrow.hydration.run_folder import RunFolder  # noqa: PLC0415
    from merrow.hydration.workers import start_workers  # noqa: PLC0415

    finished = RunFolder(out).result.exists()  # most likely nothing is left to do
    with nullcontext() if finished else start_workers(config) as executor:
        # loads torch and OpenMM, as the processes do meanwhile
        from merrow.hydration.run import run_hydration  # noqa: PLC0415
        from merrow.report.progress_line import ProgressLine  # noqa: PLC0415

        with ProgressLine(quiet=as_json) as line:
            result = run_hydration(config, out, base=base, listen=line.listen, executor=executor)
    show_result(result, out, as_json=as_json, full=full)


def show_result(result: HydrationResult, out: Path, *, as_json: bool, full: bool) -> None:
    """Print the result of a run."""
    from merrow.hydration.report.answer import render_answer  # noqa: PLC0415

    if as_json:
        typer.echo(result.to_json(), nl=False)
        return
    typer.echo(render_answer(result, out, str(result) if full else ""))
