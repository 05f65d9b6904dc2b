# SPDX-License-Identifier: MIT
"""`merrow mmpbsa`: an end-point estimate of a binding energy."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merrow.cli.choices import FrameInterval, InteractiveOption
from merrow.cli.dry_run import DryRunOption, print_cost, resources
from merrow.errors import InputError

if TYPE_CHECKING:
    from merrow.binding.ensembles import MmpbsaRequest
    from merrow.binding.mmpbsa_cost import MmpbsaCost
    from merrow.binding.mmpbsa_program import Method

FreeLigand = Annotated[
    Path | None, typer.Option(help="Trajectory of the free ligand, for its strain energy.")
]
FreeLigandTop = Annotated[Path | None, typer.Option(help="Topology of --free-ligand.")]
FreeReceptor = Annotated[
    Path | None,
    typer.Option(help="Trajectory of the free receptor: three-trajectory binding energy."),
]
FreeReceptorTop = Annotated[Path | None, typer.Option(help="Topology of --free-receptor.")]
PotentialName = Annotated[
    str | None,
    typer.Option(help="ML potential that sampled the ligand; its energy replaces MM there."),
]

TensionOption = Annotated[
    float | None,
    typer.Option(help="Nonpolar term of GB [kcal/mol/Å²], else 0.0072; 0: none.", min=0.0),
]
DecomposeOption = Annotated[bool, typer.Option("--decompose", help="Split GB energies by residue.")]
TemperatureOption = Annotated[
    float | None,
    typer.Option(
        help="For the interaction entropy [K]; default: that of `merrow simulate`, else 298.15.",
        min=100.0,
    ),
]


def mmpbsa(
    prmtop: Annotated[Path, typer.Option("--prmtop", "-p", help="Topology of the trajectory.")],
    trajectory: Annotated[Path, typer.Option("--trajectory", "-y", help="Trajectory.")],
    ligand_mask: Annotated[str, typer.Option(help="AMBER mask of the ligand, such as :LIG.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the results.")],
    *,
    method: Annotated[str, typer.Option(help="gb, pb, or gb,pb.")] = "gb",
    mm_reference: Annotated[
        Path | None, typer.Option(help="MM-only trajectory of the same prmtop.")
    ] = None,
    free_ligand: FreeLigand = None,
    free_ligand_prmtop: FreeLigandTop = None,
    free_receptor: FreeReceptor = None,
    free_receptor_prmtop: FreeReceptorTop = None,
    potential: PotentialName = None,
    weights: Annotated[Path | None, typer.Option(help="Weights file of the potential.")] = None,
    stride: Annotated[int, typer.Option(help="Read every n-th frame.", min=1)] = 1,
    frame_interval: FrameInterval = None,
    igb: Annotated[int, typer.Option(help="GB model: 1, 2, 5, 7 or 8.")] = 5,
    salt: Annotated[float, typer.Option(help="Ionic strength [mol/l].", min=0.0)] = 0.15,
    surface_tension: TensionOption = None,
    decompose: DecomposeOption = False,
    temperature: TemperatureOption = None,
    interactive: InteractiveOption = False,
    dry_run: DryRunOption = False,
    full: Annotated[bool, typer.Option("--full", help="Print everything.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Estimate a binding energy by AmberTools' MM-PBSA or MM-GBSA, with standard errors."""
    # imported here to keep --help fast
    from merrow.binding.ensembles import MmpbsaRequest, entropy_temperature  # noqa: PLC0415
    from merrow.binding.free_states import free_request  # noqa: PLC0415
    from merrow.binding.mmpbsa import mmpbsa as run  # noqa: PLC0415
    from merrow.binding.mmpbsa_cost import mmpbsa_cost  # noqa: PLC0415
    from merrow.binding.mmpbsa_program import solvent_settings  # noqa: PLC0415
    from merrow.report.progress_line import ProgressLine  # noqa: PLC0415

    ligand, receptor = (free_ligand_prmtop, free_ligand), (free_receptor_prmtop, free_receptor)
    methods = _methods(method)
    request = MmpbsaRequest(
        *(prmtop, trajectory, ligand_mask, out, methods),
        mm_reference=mm_reference,
        free=free_request(ligand, receptor, potential, weights),
        stride=stride,
        interval=frame_interval,
        temperature=entropy_temperature(trajectory, temperature),
        settings=solvent_settings(methods, igb, salt, surface_tension, decompose=decompose),
        interactive=interactive,
    )
    if dry_run:
        print_cost(lambda _: mmpbsa_cost(request), partial(_cost, request), as_json=as_json)
        return
    with ProgressLine(quiet=as_json, terminal_only=True) as line:
        answer = run(request, line.listen)
    if as_json:
        typer.echo(json.dumps(answer, indent=2, allow_nan=False))
        return
    for text in _lines(answer, out, full=full):
        typer.echo(text)


def _cost(request: MmpbsaRequest, cost: MmpbsaCost) -> list[str]:
    from merrow.report.text import duration  # noqa: PLC0415

    frames = ", ".join(f"{count} frames of {name}" for name, count in cost.frames.items())
    each = ", ".join(f"{method} {s:.2g} s a frame" for method, s in cost.seconds_per_frame.items())
    return [
        f"{request.prmtop}, ligand {request.ligand_mask}: {frames}",
        f"  about {duration(60 * cost.minutes)}: {each}",
        resources(cost.memory_mib, cost.disk_mib, request.out),
    ]


def _methods(text: str) -> tuple[Method, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    if not words or set(words) - {"gb", "pb"}:
        raise InputError(f"--method {text!r} is not known; use gb, pb or gb,pb.")
    return tuple("gb" if word == "gb" else "pb" for word in words)


def _lines(answer: dict[str, Any], out: Path, *, full: bool) -> list[str]:
    from merrow.report.text import energy, fitted, minus, stderr, wrapped  # noqa: PLC0415

    def value(found: dict[str, Any]) -> str:
        return f"{minus(energy(found['value']))} ± {stderr(found['stderr'])} kcal/mol"

    head: list[str] = []
    more: list[str] = []
    for run in answer["runs"]:
        first = run["headline_kcal"]
        name = f"{run['trajectory']}, MM-{run['method'].upper()}SA"
        head.append(f"{name}: {value(first)}, {run['frames']} frames")
        if run["free_species"]:
            strain = run["free_species"]["ligand_strain"]["total"]
            head.append(f"  strain of the ligand: {value(strain)}")
        if (check := run["openmm_check"]) is not None:
            (more if check["agree"] else head).extend(wrapped(check["told"], more="  "))
        more += wrapped(f"{name}: {first['kind']}, without entropy. {first['why']}", more="  ")
    for method, found in answer["ml_mm_minus_mm_kcal"].items():
        head.append(f"ML/MM − MM by {method}: {value(found)}")
    more += [line for note in answer["notes"] for line in wrapped(note, more="  ")]
    last = wrapped(f"report {out / 'mmpbsa.html'} · data {out / 'mmpbsa.json'}")
    return fitted(head, more, last, full=full)
