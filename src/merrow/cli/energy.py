# SPDX-License-Identifier: MIT
"""`merrow energy`: the ML/MM energy of one configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merrow.errors import InputError
from merrow.settings import one_of

if TYPE_CHECKING:
    from merrow.single_point import EnergyResult

CoulombOption = Annotated[
    bool,
    typer.Option(
        "--amber-coulomb/--openmm-coulomb",
        help="Coulomb's constant: AMBER's, 332.0522, as in `merrow md`, or OpenMM's, 332.0637.",
    ),
]


def energy(
    prmtop: Annotated[Path, typer.Option("--prmtop", "-p", help="Topology.")],
    inpcrd: Annotated[Path, typer.Option("--inpcrd", "-c", help="Coordinates.")],
    *,
    ml_mask: Annotated[str | None, typer.Option(help="AMBER mask of the ML region.")] = None,
    potential: Annotated[
        str, typer.Option(help='Name from `merrow models list`, or "mm" for MM alone.')
    ] = "ani2x",
    weights: Annotated[Path | None, typer.Option(help="Weights file of the potential.")] = None,
    cutoff: Annotated[
        float | None, typer.Option(help="Direct-space cutoff in a box [Å]; default: 9.", min=3.0)
    ] = None,
    no_lj_tail: Annotated[
        bool, typer.Option("--no-lj-tail", help="Leave out the Lennard-Jones tail correction.")
    ] = False,
    precision: Annotated[
        str, typer.Option(help="double (Reference platform) or single (CPU platform).")
    ] = "double",
    ewald_tol: Annotated[
        float | None,
        typer.Option(help="OpenMM's Ewald error tolerance; default: a converged sum."),
    ] = None,
    ewald_coeff: Annotated[float | None, typer.Option(help="Ewald coefficient [1/Å].")] = None,
    pme_grid: Annotated[str | None, typer.Option(help="PME grid, such as 64,64,64.")] = None,
    amber_coulomb: CoulombOption = True,
    forces: Annotated[
        Path | None, typer.Option(help="Write forces [kcal/mol/Å] to this .npy file, (N, 3).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute the ML/MM energy of one configuration, term by term."""
    # imported here to keep --help fast
    import numpy as np  # noqa: PLC0415

    from merrow.single_point import SinglePoint, single_point  # noqa: PLC0415

    if (ewald_coeff is None) != (pme_grid is None):
        raise InputError("--ewald-coeff and --pme-grid belong together; give both.")
    if forces is not None:
        _check_place(forces)
    request = SinglePoint(
        prmtop=prmtop,
        inpcrd=inpcrd,
        ml_mask=ml_mask,
        potential=potential,
        weights=weights,
        cutoff=cutoff,
        lj_tail=not no_lj_tail,
        double=one_of("--precision", precision, ("double", "single")) == "double",
        ewald_tolerance=ewald_tol,
        ewald_coefficient=ewald_coeff,
        pme_grid=None if pme_grid is None else _grid(pme_grid),
        amber_coulomb=amber_coulomb,
    )
    answer = single_point(request)
    if forces is not None:
        with forces.open("wb") as stream:  # np.save would add .npy to the name
            np.save(stream, answer.forces)
    _show(answer, as_json=as_json)


def _check_place(forces: Path) -> None:
    if not forces.resolve().parent.is_dir():
        raise InputError(f"--forces {forces}: its folder does not exist; make it first.")
    if forces.is_dir():
        raise InputError(f"--forces {forces} is a folder; name a file, such as f.npy.")


def _show(answer: EnergyResult, *, as_json: bool) -> None:
    if as_json:
        typer.echo(answer.to_json(), nl=False)
        return
    for name, value in (*answer.terms.items(), ("total", answer.total)):
        typer.echo(f"{name:<12} {value:16.4f} kcal/mol")
    for note in answer.notes:
        typer.echo(f"Note: {note}")


def _grid(text: str) -> tuple[int, int, int]:
    try:
        a, b, c = (int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--pme-grid {text!r} is not of the form 64,64,64.") from error
    return a, b, c
