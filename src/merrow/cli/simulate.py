# SPDX-License-Identifier: MIT
"""`merrow simulate`: minimisation, equilibration and production from prepared files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merrow.cli.choices import KernelOption, PlatformOption
from merrow.cli.dry_run import DryRunOption, print_cost, resources
from merrow.errors import InputError
from merrow.report.text import command_lines

if TYPE_CHECKING:
    from merrow.md.simulate_config import SimulationConfig

ReferenceOption = Annotated[
    bool, typer.Option("--mm-reference", help="Also run the same with MM alone, for comparison.")
]
BeforeOption = Annotated[float, typer.Option("--equilibration", help="Equilibration [ps].")]
LengthOption = Annotated[float, typer.Option("--length", help="Production [ps]; may grow later.")]

FrictionOption = Annotated[
    float, typer.Option("--friction", help="Friction of the thermostat [1/ps].")
]
RestraintOption = Annotated[
    float, typer.Option("--restraint", help="k of k·d² in heating [kcal/mol/Å²].")
]


def simulate(
    prmtop: Annotated[Path, typer.Option("--prmtop", "-p", help="Topology, solvated.")],
    inpcrd: Annotated[Path, typer.Option("--inpcrd", "-c", help="Coordinates.")],
    ml_mask: Annotated[str, typer.Option(help="AMBER mask of the ML region, such as :LIG.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; resumed if it exists.")],
    *,
    potential: Annotated[str, typer.Option(help="Name from `merrow models list`.")] = "ani2x",
    weights: Annotated[Path | None, typer.Option(help="Weights file of the potential.")] = None,
    mm_reference: ReferenceOption = False,
    length_ps: LengthOption = 1000.0,
    chunk_ps: Annotated[float, typer.Option("--chunk", help="Production per file [ps].")] = 50.0,
    equilibration_ps: BeforeOption = 200.0,
    frame_interval_ps: Annotated[
        float, typer.Option("--frame-interval", help="Interval between frames [ps].")
    ] = 1.0,
    timestep_ps: Annotated[float, typer.Option("--timestep", help="Time step [ps].")] = 0.002,
    temperature_k: Annotated[float, typer.Option("--temperature", help="Temperature [K].")] = 300.0,
    pressure_bar: Annotated[float, typer.Option("--pressure", help="Pressure [bar].")] = 1.0,
    friction_per_ps: FrictionOption = 2.0,
    cutoff_angstrom: Annotated[float, typer.Option("--cutoff", help="Cutoff [Å].")] = 9.0,
    minimisation: Annotated[int, typer.Option(help="Maximum steps of each minimisation.")] = 1000,
    restraint_kcal_per_angstrom2: RestraintOption = 5.0,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 2025,
    platform: PlatformOption = "auto",
    mm_kernel: KernelOption = "auto",
    minutes: Annotated[
        float | None, typer.Option("--max-minutes", help="Start no stage that would end later.")
    ] = None,
    dry_run: DryRunOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Minimise, heat, equilibrate and run production with ML/MM, and optionally MM; resumable."""
    given = dict(locals())  # options are named like the keys
    # imported here to keep --help fast
    from merrow.md.simulate import simulate as run  # noqa: PLC0415
    from merrow.md.simulate_config import SimulationConfig  # noqa: PLC0415
    from merrow.report.progress_line import ProgressLine  # noqa: PLC0415

    asked = {key: value for key, value in given.items() if key in SimulationConfig.model_fields}
    files = {"prmtop": prmtop, "inpcrd": inpcrd, "weights": weights}
    asked |= {key: str(path.resolve()) for key, path in files.items() if path is not None}
    config = SimulationConfig.checked(asked, source="merrow simulate")
    if dry_run:
        _print_cost(config, out, as_json=as_json)
        return
    with ProgressLine(quiet=quiet or as_json) as line:
        found = run(config, out, minutes=minutes, listen=line.listen)
    if as_json:
        typer.echo(found.to_json(), nl=False)
        return
    for leg, paths in found.trajectories.items():
        typer.echo(f"{leg}: {found.length:g} ps in {len(paths)} files, {out / leg}/prod-*.nc")
    for text in _next(given, out):
        typer.echo(text)


def _print_cost(config: SimulationConfig, out: Path, *, as_json: bool) -> None:
    from merrow.md.cost import SimulationCost, simulation_cost  # noqa: PLC0415
    from merrow.report.text import duration  # noqa: PLC0415

    def lines(cost: SimulationCost) -> Iterator[str]:
        legs = "ML/MM and MM" if config.mm_reference else "ML/MM"
        yield (
            f"{config.prmtop}: {legs}, {config.length_ps:g} ps of production after "
            f"{config.equilibration_ps:g} ps, {cost.stages} stages to do"
        )
        speeds = (
            f"{leg} {ms:.3g} ms a step, {cost.ns_per_day[leg]:.3g} ns/day"
            for leg, ms in cost.milliseconds.items()
        )
        yield f"  about {duration(60 * cost.minutes)}: {'; '.join(speeds)}"
        yield resources(cost.memory_mib, cost.disk_mib, out)

    print_cost(lambda _: simulation_cost(config, out), lambda cost: [*lines(cost)], as_json=as_json)


def _next(given: Mapping[str, Any], out: Path) -> list[str]:
    """Return the analysis command for the trajectories, in continued shell lines."""
    from merrow.amber.topology import read_topology  # noqa: PLC0415
    from merrow.binding.crystal import alpha_carbons  # noqa: PLC0415

    legs = out / "ml_mm"
    try:
        alpha_carbons(read_topology(given["prmtop"]))
    except InputError:  # `analyze` needs a protein
        return [f"next: look at {legs} with cpptraj or MDAnalysis (AMBER NetCDF)"]
    words = ["next: merrow analyze", f"-p {given['prmtop']}", f"-y {legs}"]
    words += [f"--mm-reference {out / 'mm'}"] if given["mm_reference"] else []
    words += [f"-c {given['inpcrd']}", f"--ligand-mask '{given['ml_mask']}'"]
    return command_lines([*words, f"--out {out / 'analysis'}"])
