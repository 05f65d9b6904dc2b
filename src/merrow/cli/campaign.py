# SPDX-License-Identifier: MIT
"""`merrow campaign run` and `merrow campaign report`: a set of molecules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merrow.campaign.asked import campaign_config, place_of
from merrow.cli.choices import EngineOption, KernelOption, PlatformOption
from merrow.cli.dry_run import DryRunOption, print_cost, resources
from merrow.errors import IncompleteError, InputError, MerrowError
from merrow.hydration.asked import minutes_of
from merrow.hydration.protocol import PROTOCOLS
from merrow.report.text import wrapped

MOST_PROBLEMS = 5
"""Rows that cannot be computed which a dry run names."""

if TYPE_CHECKING:
    from merrow.campaign.config import CampaignConfig
    from merrow.campaign.driver import ComputeBackend
    from merrow.campaign.table import CampaignResult


TableFile = Annotated[
    Path, typer.Argument(help="CSV: name and smiles, path, or prmtop and inpcrd; expt_kcal, ...")
]
OutFolder = Annotated[
    Path, typer.Option("--out", "-o", help="Campaign folder; resumed if it exists.")
]
PotentialName = Annotated[str, typer.Option(help='Name from `merrow models list`, or "mm".')]
WeightsFile = Annotated[Path | None, typer.Option(help="Weights file of the potential.")]
ProtocolName = Annotated[str, typer.Option(help=f"One of {', '.join(PROTOCOLS)}.")]
ProtocolChanges = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one setting of the protocol, such as cutoff_angstrom=9."),
]
ColumnNames = Annotated[
    str | None,
    typer.Option(help="Columns with other names: name=id,expt_kcal=expt,ref_gaff_kcal=calc."),
]
ChargeModels = Annotated[
    str | None, typer.Option(help="bcc, abcg2, file, or several: bcc,abcg2 runs both.")
]
TargetStderr = Annotated[
    float | None, typer.Option(help="Standard error at which each run stops [kcal/mol].")
]
MmReference = Annotated[
    bool, typer.Option("--mm-reference/--no-mm-reference", help="Direct route: sample MM too.")
]
BothRoutes = Annotated[
    bool, typer.Option("--both-routes", help="Sample both routes in each run and compare them.")
]
FullOption = Annotated[bool, typer.Option("--full", help="Print every run and comparison.")]
EXECUTORS = "serial, processes (the default), or dask."
ClusterFile = Annotated[
    Path | None, typer.Option(help="Dask in a batch system: file from `merrow cluster init`.")
]
RepeatsOfRun = Annotated[
    int | None, typer.Option(help="Independent repeats of each run (2, or 3).", min=1)
]
MaxTime = Annotated[str | None, typer.Option(help="Time limit: minutes, or for example 45m, 12h.")]

app = typer.Typer(help="Hydration free energies of a set of molecules.", no_args_is_help=True)


@app.command("run")
def run(
    table: TableFile,
    *,
    out: OutFolder,
    potential: PotentialName = "ani2x",
    weights: WeightsFile = None,
    protocol: ProtocolName = "quick",
    settings: ProtocolChanges = None,
    columns: ColumnNames = None,
    charges: ChargeModels = None,
    gaff: Annotated[int, typer.Option(help="GAFF version, 1 or 2.", min=1, max=2)] = 2,
    target_stderr: TargetStderr = None,
    mm_reference: MmReference = True,
    both_routes: BothRoutes = False,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 2025,
    repeats: RepeatsOfRun = None,
    platform: PlatformOption = "auto",
    mm_kernel: KernelOption = "auto",
    engine: EngineOption = "auto",
    executor: Annotated[str | None, typer.Option(help=EXECUTORS)] = None,
    workers: Annotated[int | None, typer.Option(help="Runs at a time.", min=1)] = None,
    cluster: ClusterFile = None,
    max_time: MaxTime = None,
    dry_run: DryRunOption = False,
    full: FullOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json at the end.")] = False,
) -> None:
    """Compute the hydration free energy of every molecule in a table; compare with experiment."""
    config = campaign_config(
        table,
        potential=potential,
        weights=weights,
        protocol=protocol,
        settings=settings,
        columns=_columns(columns),
        charges=None if charges is None else charges.split(","),
        gaff=gaff,
        target_stderr=target_stderr,
        mm_reference=mm_reference,
        both_routes=both_routes,
        seed=seed,
        repeats=repeats,
        platform=platform,
        mm_kernel=mm_kernel,
        engine=engine,
    )
    name, file = place_of(executor, cluster)
    minutes = minutes_of(max_time)
    # imported here to keep --help fast
    from merrow.campaign.driver import ComputeBackend, run_campaign  # noqa: PLC0415
    from merrow.report.progress_line import ProgressLine  # noqa: PLC0415

    backend = ComputeBackend(name, workers, file, minutes)
    if dry_run:
        _print_cost(config, out, base=table.parent, backend=backend, as_json=as_json)
        return
    with ProgressLine() as line:
        result = run_campaign(config, out, base=table.parent, backend=backend, listen=line.listen)
    show_campaign(result, out, as_json=as_json, full=full)
    _end(result)


@app.command("report")
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of `merrow campaign run`.")],
    *,
    full: FullOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json.")] = False,
) -> None:
    """Rebuild table, statistics and report from the results so far."""
    from merrow.campaign.table import write_results  # noqa: PLC0415

    show_campaign(write_results(folder), folder, as_json=as_json, full=full)


def _print_cost(
    config: CampaignConfig, out: Path, *, base: Path, backend: ComputeBackend, as_json: bool
) -> None:
    from merrow.campaign.cost import CampaignCost, campaign_cost  # noqa: PLC0415
    from merrow.report.text import duration  # noqa: PLC0415

    def lines(cost: CampaignCost) -> Iterator[str]:
        refused = f", {cost.refused} cannot be computed" if cost.refused else ""
        yield (
            f"{config.table}: {cost.runs} runs to do, {cost.at_a_time} at a time{refused}; "
            f"{config.potential}, {config.protocol.name}"
        )
        shown = cost.problems[:MOST_PROBLEMS]
        yield from (f"  {problem}" for problem in shown)
        if more := len(cost.problems) - len(shown):
            yield f"  and {more} more: --json lists all"
        if cost.runs:
            yield (
                f"  {duration(60 * cost.least_minutes)} of sampling at least, "
                f"{duration(60 * cost.most_minutes)} at most; measured: {', '.join(cost.probes)}"
            )
            yield resources(cost.memory_mib, cost.disk_mib, out)

    print_cost(
        lambda listen: campaign_cost(config, out, base=base, backend=backend, listen=listen),
        lambda cost: [*lines(cost)],
        as_json=as_json,
    )


def _columns(text: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in (text or "").split(",") if text else ():
        key, equals, column = (word.strip() for word in part.partition("="))
        if not equals or not key or not column or key in found:
            raise InputError(f"--columns {part!r}: expected key=column, each key once.")
        found[key] = column
    return found


def show_campaign(result: CampaignResult, folder: Path, *, as_json: bool, full: bool) -> None:
    """Print the result of a campaign.

    Args:
        result: Result of the campaign.
        folder: Campaign folder, as the user gave it.
        as_json: Whether results.json is printed instead.
        full: Whether all runs and comparisons are printed.
    """
    from rich.console import Console  # noqa: PLC0415

    from merrow.campaign.report.files import campaign_json  # noqa: PLC0415
    from merrow.campaign.report.terminal import render_campaign_table  # noqa: PLC0415

    if as_json:
        typer.echo(campaign_json(result.data), nl=False)
        return
    console = Console()
    console.print(render_campaign_table(result.data, full=full))
    paths = f"report {folder / 'report.html'} · table {folder / 'results.csv'}"
    typer.echo("\n".join(wrapped(paths)))


def _end(result: CampaignResult) -> None:
    """Raise the error, and so set the exit code, for missing or failed runs."""
    counts = result.data.counts
    if not result.complete:
        left = counts["running"] + counts["stopped"] + counts["pending"]
        raise IncompleteError(
            f"time is up with {left} of {len(result.data.rows)} runs to go; run the same command "
            "again to resume."
        )
    if counts["failed"]:
        raise MerrowError(
            f"{counts['failed']} of {len(result.data.rows)} runs failed; the column status of "
            f"{result.folder / 'results.csv'} says why."
        )
