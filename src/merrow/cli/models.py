# SPDX-License-Identifier: MIT
"""`merrow models`: list, describe and compare potentials; fetch and verify their weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merrow.errors import InputError, MissingComponentError
from merrow.potentials.elements import symbols
from merrow.potentials.families import Family, families, family_of
from merrow.potentials.registry import (
    capabilities,
    check_known,
    describe,
    generic_names,
    potential_names,
)
from merrow.report.text import fitted, wrapped

if TYPE_CHECKING:
    from merrow.bench.errors import PotentialErrors
    from merrow.potentials.weights import Weights

MANY = 20
"""Number of elements above which only the first and the last are shown."""
FEW = 7
"""The same in the short list."""
MORE = "--full: licences, citations, other names; merrow models get NAME: its weights"
WIDTHS = (8, 14, 9, 14, 8, 8)
"""Widths of the columns of a comparison."""

app = typer.Typer(help="List potentials, fetch their weights, check them.", no_args_is_help=True)


@app.command("list")
def list_models(
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Show charges, licence, citation, location of weights.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List all potentials with their elements, level of theory, licence and weights."""
    rows = [_row_or_problem(name) for name in potential_names()]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    elif full:
        for row in rows:
            _show(row)
        typer.echo(f"Other forms: {', '.join((*generic_names(), 'mm', 'mm:FILE'))}.")
    else:
        first, *names = _short_list(rows)
        for line in fitted([first], names, [MORE]):
            typer.echo(line)


@app.command("describe")
def describe_model(
    name: Annotated[str, typer.Argument(help="Name from `list`, or for example ase:FILE.py.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Describe one potential: elements, level of theory, licence, and its speed on this machine."""
    if name == "mm":
        about = "the prmtop's own terms: every element and charge; no weights to fetch"
        typer.echo(json.dumps({"name": name, "about": about}) if as_json else f"mm  {about}")
        return
    check_known(name, "mm")
    # imported here to keep --help fast
    from merrow.bench.timing import measure_speed  # noqa: PLC0415

    row = _row(name)
    speed = measure_speed(name, offline=row["weights"] is None and row["fetchable"])
    if as_json:
        typer.echo(json.dumps(row | {"speed": vars(speed)}, indent=1))
        return
    _show(row)
    typer.echo("\n".join(wrapped(f"speed {speed}", "    ")))


@app.command("get")
def get_model(name: Annotated[str, typer.Argument(help="Name from `list`.")]) -> None:
    """Download the weights of a model into the cache, unless they are present, and verify them."""
    if name == "mm":
        raise InputError("mm, the prmtop's own terms, has no weights to fetch.")
    capabilities(name)
    weights = _weights(name)
    if weights is None:
        raise InputError(
            f"{name} has no weights to fetch: `merrow models list` says what it needs."
        )
    from merrow.potentials.weights import cache_folder  # noqa: PLC0415

    given = weights.find()
    if given is None or given.parent == cache_folder():  # bad files there are downloaded again
        given = weights.fetch()
    weights.read(given)
    typer.echo(str(given))


@app.command("check")
def check_models() -> None:
    """Verify all installed weights: their hash, and the energy of a test molecule."""
    known = [(family, name) for family in families().values() for name in family.weights]
    found = {name: path for f, name in known if (path := f.weights[name].find()) is not None}
    if not found:
        raise MissingComponentError(
            "no weights are here: run `merrow models get NAME`, or set MERROW_MODELS to a folder."
        )
    failures = [name for f, name in known if name in found and not _check(f, name, found[name])]
    for name in (name for _, name in known if name not in found):
        typer.echo(f"{name:<9} not here")
    if failures:
        raise InputError(f"these weights are not right, see above: {', '.join(failures)}.")


Reference = Annotated[str, typer.Option(help="Reference potential, such as qm:wb97x/6-31g*/df.")]
Others = Annotated[
    list[str] | None, typer.Option(help="Potential; may be repeated. Default: all available.")
]
Plot = Annotated[
    Path | None, typer.Option(help="Plot errors, spreads and times to this .svg file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("bench")
def bench(
    source: Annotated[str, typer.Argument(help="SMILES, or an .sdf, .mol or .mol2 file.")],
    *,
    reference: Reference = "xtb:gfn2",
    potential: Others = None,
    frequencies: Annotated[
        bool, typer.Option(help="Add harmonic frequencies: a minimisation and 6 N evaluations.")
    ] = True,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Compare potentials on a molecule: energies, torsions, forces, frequencies, timings."""
    # imported here to keep --help fast
    from merrow.ambertools.molecule import read_molecule  # noqa: PLC0415
    from merrow.bench.models import bench_models  # noqa: PLC0415

    names = _known(reference, potential, plot)
    rows = bench_models(
        read_molecule(source), reference=reference, names=names, frequencies=frequencies
    )
    _show_errors(rows, reference, plot=plot, as_json=as_json)


@app.command("compare")
def compare(
    prmtop: Annotated[Path, typer.Option("--prmtop", "-p", help="Topology.")],
    trajectory: Annotated[Path, typer.Option("--trajectory", "-y", help="NetCDF trajectory.")],
    ml_mask: Annotated[str, typer.Option(help="AMBER mask of the ML region, a whole molecule.")],
    *,
    reference: Reference = "xtb:gfn2",
    potential: Others = None,
    frames: Annotated[int, typer.Option(help="Maximum number of frames.", min=2)] = 50,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Compare potentials on the frames of a trajectory: energies, forces, timings."""
    from merrow.bench.trajectory import compare_on_trajectory  # noqa: PLC0415

    names = _known(reference, potential, plot)
    rows = compare_on_trajectory(
        prmtop, trajectory, ml_mask=ml_mask, reference=reference, names=names, frames=frames
    )
    _show_errors(rows, reference, plot=plot, as_json=as_json)


def _known(reference: str, names: list[str] | None, plot: Path | None) -> list[str]:
    """Check the names and the path of the figure; return the names."""
    from merrow.bench.figure import check_plot  # noqa: PLC0415

    if plot is not None:
        check_plot(plot)
    for name in (reference, *(names or ())):
        capabilities(name)
    return names or []


def _show_errors(
    rows: Sequence[PotentialErrors], reference: str, *, plot: Path | None, as_json: bool
) -> None:
    from merrow.bench.errors import recommendation  # noqa: PLC0415
    from merrow.bench.figure import plot_errors  # noqa: PLC0415

    if plot is not None:
        plot_errors(rows, reference, plot)
    sentence = recommendation(rows, reference)
    if as_json:
        told = {"reference": reference, "rows": [row.as_dict() for row in rows]}
        told |= {"recommendation": sentence}
        typer.echo(json.dumps(told, indent=1, allow_nan=False))
        return
    typer.echo(f"against {reference}")
    titles = ("ms each", "energies", "torsions", "forces", "spread", "cm-1")
    typer.echo(f"{'':<18}" + "".join(f"{t:>{w}}" for t, w in zip(titles, WIDTHS, strict=True)))
    for row in rows:
        typer.echo(f"{row.name:<18}" + (f"  {row.problem}" if row.problem else _numbers(row)))
    typer.echo("RMSE (± standard error) and spread in kcal/mol, forces in kcal/mol/Å;")
    typer.echo("cm-1: harmonic frequencies.")
    for row in rows:
        if row.frequency_problem:
            typer.echo(f"No frequencies of {row.name}: {row.frequency_problem}.")
    typer.echo(sentence)
    if plot is not None:
        typer.echo(f"picture: {plot}")


def _numbers(row: PotentialErrors) -> str:
    """Return the columns of one potential."""
    cells = (
        (row.ms, None, 1),
        (row.energy_rmse, row.energy_stderr, 2),
        (row.torsion_rmse, None, 2),
        (row.force_rmse, row.force_stderr, 2),
        (row.spread, None, 2),
        (row.frequency_rmse, None, 1),
    )
    said = []
    for value, error, digits in cells:
        more = "" if error is None else f" ± {error:.{digits}f}"
        said.append("-" if value is None else f"{value:.{digits}f}{more}")
    return "".join(f"{text:>{width}}" for text, width in zip(said, WIDTHS, strict=True))


def _check(family: Family, name: str, path: Path) -> bool:
    """Verify one file; print and return the outcome."""
    try:
        told = family.check(name, path)
    except InputError as error:
        typer.echo(f"{name:<9} WRONG: {error}")
        return False
    typer.echo(f"{name:<9} ok: {path}")
    typer.echo(f"{'':<9} {told}")
    return True


def _short_list(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the heading and a line for each potential; sizes of one model share a line."""
    lines: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        stem, _, size = row["name"].rpartition("-")
        cells = (row["problem"],) if "problem" in row else _short_cells(row)
        lines.setdefault((stem, *cells) if stem else (size, *cells), []).append(size)
    yield _columns("potential", "elements", "level of theory", "weights")
    for (stem, *rest), sizes in lines.items():
        name = stem if sizes == [stem] else f"{stem}-{'|'.join(sizes)}"
        yield f"{name}: does not load: {rest[0]}" if len(rest) == 1 else _columns(name, *rest)


def _short_cells(row: dict[str, Any]) -> tuple[str, ...]:
    elements = (row["elements"] or "any").split(", ")
    many = len(elements) > FEW
    return (
        f"{elements[0]} to {elements[-1]} ({len(elements)})" if many else " ".join(elements),
        row["level_of_theory"].partition(",")[0].replace(" with density fitting", " (df)"),
        "here" if row["weights"] else "to get" if row["fetchable"] else "none",
    )


def _columns(name: str, elements: str, level: str, weights: str) -> str:
    return f"{name:<29}  {elements:<14}  {level:<24}  {weights}"


def _show(row: dict[str, Any]) -> None:
    if "problem" in row:
        typer.echo(f"{row['name']}: does not load: {row['problem']}")
        return
    typer.echo("\n".join(wrapped(f"{row['name']}: {row['level_of_theory']}", more="    ")))
    lines = [f"elements {_elements(row)}; {_charges(row)}"]
    if row["ensemble_size"] > 1:
        lines.append(f"{row['ensemble_size']} members, whose spread shows the uncertainty")
    lines.append(f"licence {row['license']}, {_citation(row)}")
    lines.append(f"weights {row['weights'] or _absent(row)}")
    for line in lines:
        typer.echo("\n".join(wrapped(line, "    ")))


def _row_or_problem(name: str) -> dict[str, Any]:
    try:
        return _row(name)
    except MissingComponentError as error:
        return {"name": name, "problem": str(error)}


def _row(name: str) -> dict[str, Any]:
    model = describe(name)
    known = model.capabilities
    weights = _weights(name)
    path = None if weights is None else weights.find()
    return {
        "name": name,
        "elements": None if known.elements is None else symbols(known.elements),
        "charged": known.charged,
        "open_shell": known.open_shell,
        "ensemble_size": known.ensemble_size,
        "level_of_theory": model.level_of_theory,
        "license": model.license,
        "citation": known.citation,
        "source": model.source,
        "weights": None if path is None else str(path),
        "fetchable": weights is not None,
    }


def _elements(row: dict[str, Any]) -> str:
    """Return the elements, or the first, the last and their number where there are many."""
    found = (row["elements"] or "any").split(", ")
    if len(found) <= MANY:
        return ", ".join(found)
    return f"{found[0]} to {found[-1]} ({len(found)} elements)"


def _charges(row: dict[str, Any]) -> str:
    charges = "any net charge" if row["charged"] else "neutral molecules only"
    return f"{charges}, {'open shells too' if row['open_shell'] else 'closed shells only'}"


def _citation(row: dict[str, Any]) -> str:
    return f"doi:{row['citation']}" if row["citation"] else "no citation"


def _absent(row: dict[str, Any]) -> str:
    if row["fetchable"]:
        return f"not here: merrow models get {row['name']} ({row['source']})"
    return f"none to fetch: {row['source'] or 'its own'}"


def _weights(name: str) -> Weights[Any] | None:
    family = family_of(name)
    return None if family is None else family.weights.get(name)
