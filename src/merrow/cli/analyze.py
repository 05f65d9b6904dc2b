# SPDX-License-Identifier: MIT
"""`merrow analyze`: analysis of the trajectory of a complex."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merrow.cli.choices import FrameInterval, InteractiveOption
from merrow.cli.dry_run import DryRunOption, print_cost, resources

if TYPE_CHECKING:
    from merrow.binding.analyze import AnalyzeRequest
    from merrow.binding.analyze_cost import AnalyzeCost


def analyze(
    prmtop: Annotated[Path, typer.Option("--prmtop", "-p", help="Topology of the trajectory.")],
    trajectory: Annotated[Path, typer.Option("--trajectory", "-y", help="Trajectory.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and report.")],
    *,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", "-c", help="Reference coordinates for RMSD; else frame 1."),
    ] = None,
    pdb: Annotated[Path | None, typer.Option(help="Crystal structure with B-factors.")] = None,
    ligand_mask: Annotated[
        str | None, typer.Option(help="AMBER mask of the ligand, such as :LIG.")
    ] = None,
    mm_reference: Annotated[
        Path | None, typer.Option(help="MM-only trajectory of the same prmtop.")
    ] = None,
    stride: Annotated[int, typer.Option(help="Read every n-th frame.", min=1)] = 1,
    frame_interval: FrameInterval = None,
    interactive: InteractiveOption = False,
    dry_run: DryRunOption = False,
    full: Annotated[bool, typer.Option("--full", help="Print everything.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Analyse a complex: RMSD, B-factors, torsions, contacts, hydrogen bonds, with errors."""
    # imported here to keep --help fast
    from merrow.binding.analyze import AnalyzeRequest  # noqa: PLC0415
    from merrow.binding.analyze import analyze as run  # noqa: PLC0415
    from merrow.binding.analyze_cost import analyze_cost  # noqa: PLC0415

    request = AnalyzeRequest(
        *(prmtop, trajectory, out, reference, pdb, ligand_mask, mm_reference, stride, interactive),
        interval=frame_interval,
    )
    if dry_run:
        print_cost(lambda _: analyze_cost(request), partial(_cost, request), as_json=as_json)
        return
    answer = run(request)
    if as_json:
        typer.echo(json.dumps(answer, indent=2, allow_nan=False))
        return
    for line in _lines(answer, out, full=full):
        typer.echo(line)


def _cost(request: AnalyzeRequest, cost: AnalyzeCost) -> list[str]:
    from merrow.report.text import duration  # noqa: PLC0415

    frames = ", ".join(f"{count} frames of {name}" for name, count in cost.frames.items())
    return [
        f"{request.prmtop}: {frames}",
        f"  about {duration(60 * cost.minutes)}, of it {duration(cost.reading_s)} for reading",
        resources(cost.memory_mib, cost.disk_mib, request.out),
    ]


def _lines(answer: dict[str, Any], out: Path, *, full: bool) -> list[str]:
    from merrow.report.text import fitted, wrapped  # noqa: PLC0415

    found = [line for run in answer["runs"] for line in _of_run(run)]
    further = (note for note in answer["notes"] if note.rstrip(".") not in found)
    notes = [line for note in further for line in wrapped(note, more="  ")]
    last = wrapped(f"report {out / 'analysis.html'} · tables residues.csv, series.csv beside it")
    return fitted(found, notes, last, full=full)


def _of_run(found: dict[str, Any]) -> Iterator[str]:
    from merrow.report.text import stderr, wrapped  # noqa: PLC0415

    yield f"{found['trajectory']}: {found['extent']}"
    for name, mean in found["rmsd_a"].items():
        yield f"  RMSD {name}: {mean['value']:.2f} ± {stderr(mean['stderr'])} Å"
    if c := found["b_factor_correlation"]:
        inner = c.get("pearson_without_ends")
        ends = "" if inner is None else f"; without the ends {inner:.2f}"
        low, high = c["pearson_low_95"], c["pearson_high_95"]
        interval = "" if low is None else f"95 %: {low:.2f} to {high:.2f}; "
        yield from wrapped(
            f"B-factors of {c['residues']:.0f} residues against the crystal: Pearson "
            f"{c['pearson']:.2f} ({interval}blocks ± {c['pearson_stderr_blocks']:.2f}){ends}; "
            f"Spearman {c['spearman']:.2f}",
            "  ",
        )
