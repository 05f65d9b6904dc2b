# SPDX-License-Identifier: MIT
"""Which potentials are there, and are their weights here and right?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mlmm.errors import InputError, MissingComponentError
from mlmm.potentials.ani_models import ANI_MODELS
from mlmm.potentials.elements import symbols
from mlmm.potentials.registry import capabilities, potential_names

app = typer.Typer(help="List potentials, fetch their weights, check them.", no_args_is_help=True)

TOLERANCE_HARTREE = 1e-6
"""Largest deviation of the methane energy; float32 was seen to reach 1.5e-7."""


@app.command("list")
def list_models(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False
) -> None:
    """List all potentials: elements, level of theory, licence, citation, weights."""
    rows = [_describe(name) for name in potential_names()]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        typer.echo(f"{row['name']:<9} {row['elements'] or 'any element'}; {row['level_of_theory']}")
        typer.echo(f"{'':<9} licence {row['license']}, doi:{row['citation']}")
        typer.echo(
            f"{'':<9} weights {row['weights'] or 'not here: mlmm models get ' + row['name']}"
        )


@app.command("get")
def get_model(name: Annotated[str, typer.Argument(help="A name that `list` shows.")]) -> None:
    """Fetch the weights of one model into the cache, verified."""
    # torch is heavy, so it is imported by the commands that read weights
    from mlmm.potentials.weights import fetch_weights  # noqa: PLC0415

    capabilities(name)
    if name not in ANI_MODELS:
        raise InputError(
            f"{name} is a plug-in and brings its own weights: there is nothing to get."
        )
    typer.echo(str(fetch_weights(ANI_MODELS[name])))


@app.command("check")
def check_models() -> None:
    """Verify all weights that are here: their hash, and the energy of a methane."""
    found = {name: path for name in ANI_MODELS if (path := _weights(name)) is not None}
    if not found:
        raise MissingComponentError(
            "no weights are here: run `mlmm models get NAME`, or set MLMM_MODELS to their folder."
        )
    failures = [name for name, path in found.items() if not _check(name, path)]
    for name in (name for name in ANI_MODELS if name not in found):
        typer.echo(f"{name:<9} not here")
    if failures:
        raise InputError(f"these weights are not right, see above: {', '.join(failures)}.")


def _check(name: str, path: Path) -> bool:
    """Print the verdict on one file and return it."""
    from mlmm.potentials.ani_potential import methane_deviation  # noqa: PLC0415

    try:
        deviations = {p: methane_deviation(name, path, p) for p in ("float64", "float32")}
    except InputError as error:
        typer.echo(f"{name:<9} WRONG: {error}")
        return False
    good = all(abs(deviation) <= TOLERANCE_HARTREE for deviation in deviations.values())
    told = ", ".join(f"{value:+.1e} in {p}" for p, value in deviations.items())
    typer.echo(f"{name:<9} {'ok' if good else 'WRONG'}: {path}, hash right")
    typer.echo(f"{'':<9} energy of methane off by {told} [Hartree]")
    return good


def _describe(name: str) -> dict[str, Any]:
    known = capabilities(name)
    model = ANI_MODELS.get(name)
    path = _weights(name)
    return {
        "name": name,
        "elements": None if known.elements is None else symbols(known.elements),
        "level_of_theory": model.level_of_theory if model else "see its plug-in",
        "license": model.license if model else "see its plug-in",
        "citation": known.citation,
        "weights": None if path is None else str(path),
    }


def _weights(name: str) -> Path | None:
    from mlmm.potentials.weights import find_weights  # noqa: PLC0415

    return find_weights(ANI_MODELS[name]) if name in ANI_MODELS else None
