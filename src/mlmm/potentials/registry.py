# SPDX-License-Identifier: MIT
"""Which potentials are there, and may this one be asked about this molecule?

A plug-in is an entry point of the group `mlmm.potentials`: its name is the potential's name, and it
is a function `(molecule, weights, precision) -> Potential` with an attribute `capabilities`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, Protocol, cast

from mlmm.errors import InputError, UnsupportedPhysicsError
from mlmm.potentials.ani_models import ANI_MODELS
from mlmm.potentials.elements import symbol, symbols
from mlmm.potentials.interface import Capabilities, Molecule, Potential

ENTRY_POINTS: Final = "mlmm.potentials"


class Factory(Protocol):
    """What a plug-in offers."""

    capabilities: Capabilities

    def __call__(self, molecule: Molecule, weights: Path | None, precision: str) -> Potential:
        """Return the potential of one molecule."""


def potential_names() -> tuple[str, ...]:
    """Return the names of all potentials, built in and plugged in."""
    return (*ANI_MODELS, *sorted(_plugins()))


def capabilities(name: str) -> Capabilities:
    """Return what a potential can be asked, without loading weights.

    Raises:
        InputError: There is no such potential.
    """
    if name in ANI_MODELS:
        return ANI_MODELS[name].capabilities
    return _plugin(name).capabilities


def load_potential(
    name: str,
    molecule: Molecule,
    *,
    weights: Path | None = None,
    precision: str = "float32",
) -> Potential:
    """Return a potential for one molecule, after asking whether it may be used for it.

    Args:
        name: One of `potential_names()`.
        molecule: Elements, charge and multiplicity.
        weights: A file of weights, or None to search for it.
        precision: "float32" or "float64", the arithmetic of the networks.

    Raises:
        UnsupportedPhysicsError: The potential is not made for such a molecule.
        InputError: The name, the precision or the weights are wrong.
        MissingComponentError: The weights are not here and cannot be fetched.
    """
    check_molecule(capabilities(name), molecule)
    if name in ANI_MODELS:
        # torch is heavy: it is imported when a potential is really wanted
        from mlmm.potentials.ani_potential import load_ani  # noqa: PLC0415

        return load_ani(name, molecule, weights, precision)
    return _plugin(name)(molecule, weights, precision)


def check_molecule(
    known: Capabilities, molecule: Molecule, labels: Sequence[str] | None = None
) -> None:
    """Refuse a molecule that a potential is not made for.

    Args:
        known: What the potential can be asked.
        molecule: Elements, charge and multiplicity.
        labels: What to call the atoms in a message, length N; None counts them from 1.

    Raises:
        UnsupportedPhysicsError: An element, the charge or the spin is outside the potential.
    """
    for index, number in enumerate(molecule.numbers):
        if known.elements is not None and number not in known.elements:
            label = labels[index] if labels is not None else f"atom {index + 1}"
            raise UnsupportedPhysicsError(
                f"{label} is {symbol(number)}, but {known.name} knows only "
                f"{symbols(known.elements)}; {_others(known, molecule)}."
            )
    if molecule.charge and not known.charged:
        raise UnsupportedPhysicsError(
            f"the molecule has a net charge of {molecule.charge:+d}, but {known.name} is made for "
            f"neutral molecules only; {_others(known, molecule)}."
        )
    unpaired = molecule.multiplicity - 1
    electrons = sum(molecule.numbers) - molecule.charge
    if (electrons - unpaired) % 2:
        raise UnsupportedPhysicsError(
            f"{electrons} electrons cannot have multiplicity {molecule.multiplicity}: the molecule "
            f"is a radical or an ion; check its hydrogens, charge and multiplicity."
        )
    if unpaired and not known.open_shell:
        raise UnsupportedPhysicsError(
            f"the molecule has {unpaired} unpaired electron(s), but {known.name} is made for "
            f"closed shells only; {_others(known, molecule)}."
        )


def _others(known: Capabilities, molecule: Molecule) -> str:
    """Return which other potentials would do."""
    names = [n for n in potential_names() if n != known.name and _fits(capabilities(n), molecule)]
    if not names:
        return "no installed potential does, so choose another molecule or keep it in the MM region"
    return f"use --potential {' or '.join(names)}"


def _fits(known: Capabilities, molecule: Molecule) -> bool:
    return (
        (known.elements is None or known.elements.issuperset(molecule.numbers))
        and (known.charged or molecule.charge == 0)
        and (known.open_shell or molecule.multiplicity == 1)
    )


def _plugin(name: str) -> Factory:
    found = _plugins().get(name)
    if found is None:
        names = potential_names()
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(f"there is no potential {name!r}: {hint}there are {', '.join(names)}.")
    return cast(Factory, found.load())


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
