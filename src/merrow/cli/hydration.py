# SPDX-License-Identifier: MIT
"""How is a hydration free energy asked for? `merrow hydration`, `merrow run`, `merrow init`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from merrow.amber.sections import is_prmtop
from merrow.errors import InputError
from merrow.executor import core_count
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS, REPEATS, Protocol, usual_repeats
from merrow.settings import hint

if TYPE_CHECKING:
    from merrow.hydration.result import HydrationResult

OPTIONS = {"target_stderr_kcal", "maximum_minutes", "route"}
"""Settings that leave a protocol its name."""
OWN_OPTIONS = {"paper": {"cutoff_angstrom", "n_waters"}}
"""More of them, by protocol: the original's box and cutoff are the user's to choose."""
STRUCTURES = (".sdf", ".mol", ".mol2")
TOPOLOGIES = (".prmtop", ".parm7", ".prm7", ".parm", ".top")
"""Names of a prmtop that is not there; one that is there is known by its content."""
PAPER_ROUTES = {"R1": "direct", "R2": "endpoint"}
"""Other names of the routes that the command line understands."""
MINUTES = {"": 1.0, "s": 1 / 60, "m": 1.0, "min": 1.0, "h": 60.0, "d": 1440.0}
"""Minutes in each unit of time that --max-time knows."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print result.json at the end.")]
SolvateOption = Annotated[
    str | None, typer.Option(help='"tip3p": put a gas-phase prmtop into water.')
]
ChargesOption = Annotated[
    str | None,
    typer.Option(help="abcg2 (GAFF2's default), bcc, or file (a mol2 file's own, its default)."),
]
TargetOption = Annotated[float | None, typer.Option(help="Stop at this standard error [kcal/mol].")]
TimeOption = Annotated[
    str | None, typer.Option(help="Stop after so long: minutes, or such as 45m, 12h, 2d.")
]
RouteOption = Annotated[
    str | None, typer.Option(help="direct or endpoint; the protocol's by default.")
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one setting of the protocol, such as cutoff_angstrom=9."),
]
ReferenceOption = Annotated[
    bool, typer.Option("--mm-reference", help="Direct route: the MM value too.")
]
ExptOption = Annotated[
    str | None,
    typer.Option(
        help="Measured value [kcal/mol], such as -5.1 or -5.1,0.6 with its error, or a table: "
        "FreeSolv's database.txt, or CSV with smiles and expt_kcal."
    ),
]
BothOption = Annotated[
    bool, typer.Option("--both-routes", help="Sample both routes and say whether they agree.")
]


def hydration(
    source: Annotated[
        str, typer.Argument(help="SMILES, an SDF or mol2 file, or a prmtop (with its coordinates).")
    ],
    inpcrd: Annotated[
        Path | None, typer.Argument(help="Coordinates that belong to the prmtop.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; resumed if it is there.")],
    potential: Annotated[
        str, typer.Option(help='A name that `merrow models list` shows, or "mm" for the control.')
    ] = "ani2x",
    weights: Annotated[Path | None, typer.Option(help="File of the potential's weights.")] = None,
    protocol: Annotated[str, typer.Option(help=f"One of {', '.join(PROTOCOLS)}.")] = "quick",
    settings: SettingsOption = None,
    route: RouteOption = None,
    ml_mask: Annotated[str | None, typer.Option(help="AMBER mask of the solute.")] = None,
    solvate: SolvateOption = None,
    charges: ChargesOption = None,
    gaff: Annotated[int, typer.Option(help="1 or 2.", min=1, max=2)] = 2,
    target_stderr: TargetOption = None,
    max_time: TimeOption = None,
    mm_reference: ReferenceOption = False,
    both_routes: BothOption = False,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 2025,
    repeats: Annotated[
        int | None, typer.Option(help="Independent repeats; the protocol's by default.", min=1)
    ] = None,
    processes: Annotated[int | None, typer.Option(help="Processes at a time.", min=1)] = None,
    platform: Annotated[str, typer.Option(help="OpenMM platform.")] = "CPU",
    expt: ExptOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the hydration free energy of a molecule with an ML/MM Hamiltonian."""
    if both_routes and route is None:
        route = "direct"  # the headline of both
    minutes = minutes_of(max_time)
    value, error = _measured(expt, source)
    overrides = overrides_of(
        settings, route=route, target_stderr_kcal=target_stderr, maximum_minutes=minutes
    )
    config = HydrationConfig.checked(
        {
            "source": _source(source, inpcrd, ml_mask, solvate, charges, gaff),
            "potential": potential,
            "weights": None if weights is None else str(weights.resolve()),
            "protocol": protocol_of(protocol, overrides, potential),
            "mm_reference": mm_reference,
            "both_routes": both_routes,
            "seed": seed,
            "repeats": repeats or _repeats(protocol, out),
            "processes": processes,
            "platform": platform,
            "expt_kcal": value,
            "expt_stderr_kcal": error,
        },
        source="the command line",
    )
    _run(config, out, base=Path(), as_json=as_json)


def run(
    run_file: Annotated[Path, typer.Argument(help="run.yaml of a run folder, or your own.")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder; the file's own by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run, or go on with, what a run.yaml asks for."""
    from merrow.hydration.run_folder import RUN_FILE, read_run_file  # noqa: PLC0415

    config = read_run_file(run_file)
    if out is None and run_file.name != RUN_FILE:
        raise InputError(
            f"{run_file} is not named {RUN_FILE}, so its folder is no run folder; say with --out "
            "where to run."
        )
    base = run_file.resolve().parent
    _run(config, out or base, base=base, as_json=as_json)


def init(
    task: Annotated[str, typer.Argument(help='What to configure: "hydration".')],
) -> None:
    """Print the table of protocols and a complete run.yaml with the defaults."""
    if task != "hydration":
        raise InputError(
            f"there is nothing to configure for {task!r}; try `merrow init hydration`."
        )
    typer.echo("# The protocols; `protocol:` below may hold any change of them.")
    for name in Protocol.model_fields:
        values = [getattr(p, name) for p in PROTOCOLS.values()]
        shown = [f"{len(v.states)} states" if name == "schedule" else str(v) for v in values]
        typer.echo("# " + f"{name:<28}" + "".join(f"{value:<16}" for value in shown))
    asked = "".join(f"{REPEATS[name] or 'one per core':<16}" for name in PROTOCOLS)
    typer.echo(f"# {'repeats':<28}{asked}")
    config = HydrationConfig(source=Source(kind="smiles", smiles="CO"))
    typer.echo(config.to_yaml(), nl=False)


def _run(config: HydrationConfig, out: Path, *, base: Path, as_json: bool) -> None:
    # the workflow loads torch and OpenMM, which --help must not wait for
    from merrow.cli.progress import ProgressLine  # noqa: PLC0415
    from merrow.hydration.run import run_hydration  # noqa: PLC0415

    with ProgressLine(quiet=as_json) as line:
        result = run_hydration(config, out, base=base, listen=line.listen)
    _show(result, out, as_json=as_json)


def _repeats(protocol: str, out: Path) -> int:
    """Return the repeats that a run has, or a new one of this protocol gets."""
    from merrow.hydration.run_folder import RunFolder  # noqa: PLC0415

    folder = RunFolder(out)
    if folder.run_file.is_file():
        return folder.config().repeats
    return usual_repeats(protocol, core_count())


def _show(result: HydrationResult, out: Path, *, as_json: bool) -> None:
    from rich.console import Console  # noqa: PLC0415

    from merrow.hydration.report.table import render_table  # noqa: PLC0415
    from merrow.hydration.result import to_json  # noqa: PLC0415
    from merrow.hydration.run_folder import RunFolder  # noqa: PLC0415

    if as_json:
        typer.echo(to_json(result), nl=False)
        return
    console = Console()
    console.print(render_table(result))
    paths = f"Report: {RunFolder(out).report}   Data: {RunFolder(out).result}"
    console.print(paths, highlight=False, soft_wrap=True)


def _source(
    source: str,
    inpcrd: Path | None,
    ml_mask: str | None,
    solvate: str | None,
    charges: str | None,
    gaff: int,
) -> dict[str, Any]:
    suffix = Path(source).suffix.lower()
    if suffix in TOPOLOGIES or is_prmtop(Path(source)):
        if inpcrd is None:
            raise InputError(
                f"{source} needs its coordinates: merrow hydration {source} lig.inpcrd."
            )
        if charges is not None:
            raise InputError("--charges has no meaning for a prmtop, which brings its own.")
        if solvate not in (None, "tip3p"):
            raise InputError(f"--solvate {solvate!r} is not available; use tip3p.")
        return {
            "kind": "solvated" if solvate is None else "gas",
            "prmtop": source,
            "inpcrd": str(inpcrd),
            "ml_mask": ml_mask,
            "charges": "prmtop",
        }
    for name, value in (("inpcrd", inpcrd), ("--ml-mask", ml_mask), ("--solvate", solvate)):
        if value is not None:
            raise InputError(f"{name} belongs to a prmtop, but {source!r} is none.")
    if suffix in STRUCTURES:
        return {"kind": "structure", "structure": source, "charges": charges, "gaff": gaff}
    return {"kind": "smiles", "smiles": source, "charges": charges, "gaff": gaff}


def _measured(expt: str | None, source: str) -> tuple[float | None, float | None]:
    """Return the measured value and its error [kcal/mol] that `--expt` means."""
    if expt is None:
        return None, None
    from merrow.ambertools.molecule import read_molecule  # noqa: PLC0415
    from merrow.hydration.measured import read_value, value_in_table  # noqa: PLC0415

    if not Path(expt).is_file():
        return read_value(expt)
    bare = is_prmtop(Path(source))  # atoms and bonds, but no SMILES
    found = value_in_table(Path(expt), None if bare else read_molecule(source).smiles)
    return found.value_kcal, found.stderr_kcal


def minutes_of(text: str | None) -> float | None:
    """Return a time such as "90", "45m" or "12h" in minutes."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]*\.?[0-9]+) *([a-z]*)", text.strip().lower())
    if found is None or found[2] not in MINUTES or float(found[1]) <= 0.0:
        raise InputError(
            f"--max-time {text!r} is no time; give minutes above zero, or such as 45m, 12h or 2d."
        )
    return float(found[1]) * MINUTES[found[2]]


def overrides_of(settings: list[str] | None, **named: object) -> dict[str, Any]:
    """Return the protocol's changed settings from `--set key=value` and named options."""
    changes: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    for text in settings or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set {text!r} is not of the form key=value.")
        if key not in Protocol.model_fields or key == "name":
            known = ", ".join(k for k in Protocol.model_fields if k != "name")
            near = hint(key, Protocol.model_fields)
            raise InputError(f"--set {key}: there is no such setting: {near}known are {known}.")
        try:
            changes[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"--set {text!r}: {value!r} is not a value in YAML.") from error
    if isinstance(route := changes.get("route"), str):
        changes["route"] = PAPER_ROUTES.get(route, route)
    return changes


def protocol_of(name: str, changes: dict[str, Any], potential: str) -> dict[str, Any]:
    """Return a protocol of the table with changed settings, as data for its checked model."""
    if name not in PROTOCOLS:
        raise InputError(f"there is no protocol {name!r}; choose one of {', '.join(PROTOCOLS)}.")
    protocol = PROTOCOLS[name]
    if potential == "mm" and "route" not in changes:
        changes = {"route": "direct", **changes}  # the prmtop's own terms have one route
    data = protocol.model_dump(mode="json") | changes
    if set(changes) - OPTIONS - OWN_OPTIONS.get(name, set()):
        data["name"] = "custom"
        if "headline" not in changes:
            data["headline"] = "exact"  # the published sum comes first under paper alone
    return data
