# SPDX-License-Identifier: MIT
"""All potentials by name; unsupported molecules are refused.

The families of `families` are built in. A plug-in is an entry point of the group
`merrow.potentials`: its name is the potential's name, and it is a function
`(molecule, weights, precision) -> Potential` with an attribute `capabilities`, and optionally
`level_of_theory` and `license`, which `merrow models list` shows.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, Protocol, cast

from merrow.errors import (
    InputError,
    MissingComponentError,
    UnsupportedPhysicsError,
    first_line,
)
from merrow.potentials.elements import symbol, symbols
from merrow.potentials.families import Model, families, family_of
from merrow.potentials.interface import Capabilities, Molecule, Potential

ENTRY_POINTS: Final = "merrow.potentials"
PRECISIONS: Final = ("float32", "float64")
MM: Final = "mm"
"""Name of the prmtop's own terms, which are no potential of this registry."""


class Factory(Protocol):
    """Interface of a plug-in."""

    capabilities: Capabilities

    def __call__(self, molecule: Molecule, weights: Path | None, precision: str) -> Potential:
        """Return the potential of one molecule."""


def potential_names() -> tuple[str, ...]:
    """Return the names of all built-in and plug-in potentials."""
    built_in = (name for family in families().values() for name in family.models)
    return (*built_in, *sorted(_plugins()))


def generic_names() -> tuple[str, ...]:
    """Return the forms of potentials without a name of their own, such as "mace:FILE"."""
    return tuple(family.generic for family in families().values() if family.generic)


def describe(name: str) -> Model:
    """Describe a potential without loading its weights.

    Raises:
        InputError: There is no such potential, or the file in a generic name is wrong.
    """
    family = family_of(name)
    if family is None:
        factory = _plugin(name)
        return Model(
            factory.capabilities,
            level_of_theory=str(getattr(factory, "level_of_theory", "see its plug-in")),
            license=str(getattr(factory, "license", "see its plug-in")),
            source="a plug-in, which brings its own",
        )
    if name in family.models or family.describe is None:
        return family.models[name]
    return family.describe(name)


def check_known(name: str, *others: str) -> None:
    """Check that there is a potential of a name, or in a generic form.

    Args:
        name: The name.
        others: Names that the caller also takes, to be suggested where they are closest.

    Raises:
        InputError: There is none.
    """
    if family_of(name) is None and name not in _plugins():
        raise InputError(_unknown(name, others))


def capabilities(name: str) -> Capabilities:
    """Return the capabilities of a potential without loading weights.

    Raises:
        InputError: As in `describe`.
    """
    return describe(name).capabilities


def load_potential(
    name: str,
    molecule: Molecule,
    *,
    weights: str | Path | None = None,
    precision: str = "float32",
    labels: Sequence[str] | None = None,
) -> Potential:
    """Return a potential for one molecule, after checking that it supports the molecule.

    Args:
        name: One of `potential_names()`, or in a form of `generic_names()`.
        molecule: Elements, charge and multiplicity.
        weights: Weights file, or None to search for it.
        precision: Precision of the networks, "float32" or "float64".
        labels: Labels of the atoms in messages, as in `check_molecule`.

    Raises:
        UnsupportedPhysicsError: The potential does not support the molecule.
        InputError: The name, the precision or the weights are wrong.
        MissingComponentError: The weights are missing and cannot be downloaded.
    """
    check_molecule(capabilities(name), molecule, labels)
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r} is unknown; use {' or '.join(PRECISIONS)}.")
    family, given = family_of(name), None if weights is None else Path(weights)
    if family is not None:
        return family.load(name, molecule, given, precision)
    return _plugin(name)(molecule, given, precision)


def is_file_of_model(name: str) -> bool:
    """Tell whether a name such as "mace:mine.model" says where the model's file is."""
    family = family_of(name)
    rest = name.partition(":")[2]
    return bool(rest) and family is not None and name not in family.models and family.takes_file


def located(name: str, base: Path) -> str:
    """Return a name with an absolute path, if it contains a path.

    Args:
        name: Name such as "ani2x" or "mace:mine.model".
        base: Folder that a relative path refers to.
    """
    prefix, colon, rest = name.partition(":")
    if not is_file_of_model(name):
        return name
    path = base / rest
    return f"{prefix}{colon}{path.resolve()}" if path.exists() else name


def check_molecule(
    known: Capabilities, molecule: Molecule, labels: Sequence[str] | None = None
) -> None:
    """Check that a potential supports a molecule.

    Args:
        known: Capabilities of the potential.
        molecule: Elements, charge and multiplicity.
        labels: Labels of the atoms in messages, length N; None numbers them from 1.

    Raises:
        UnsupportedPhysicsError: An element, the charge or the spin is not supported.
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
    """Suggest suitable potentials: one of each family, and plug-ins."""
    groups = (
        *(family.models for family in families().values()),
        *([n] for n in sorted(_plugins())),
    )
    fitting = ((n for n in group if n != known.name and _would_do(n, molecule)) for group in groups)
    names = [name for group in fitting if (name := next(group, None)) is not None]
    if not names:
        return "no potential here does, so choose another molecule or keep it in the MM region"
    return f"use --potential {' or '.join(names)}"


def _would_do(name: str, molecule: Molecule) -> bool:
    try:
        return _fits(capabilities(name), molecule)
    except MissingComponentError:  # a plug-in that does not load is no alternative
        return False


def _fits(known: Capabilities, molecule: Molecule) -> bool:
    return (
        (known.elements is None or known.elements.issuperset(molecule.numbers))
        and (known.charged or molecule.charge == 0)
        and (known.open_shell or molecule.multiplicity == 1)
    )


def _plugin(name: str) -> Factory:
    check_known(name)
    found = _plugins()[name]
    try:
        factory = found.load()
    except Exception as error:  # of any kind, from third-party code
        told = f"{type(error).__name__}: {first_line(error)}"
        raise MissingComponentError(
            f"the plug-in {name} ({found.value}) does not load ({told}): install it again."
        ) from error
    if not isinstance(getattr(factory, "capabilities", None), Capabilities):
        raise MissingComponentError(
            f"the plug-in {name} ({found.value}) has no capabilities, which tell what it supports: "
            "install a version of it that is made for merrow."
        )
    return cast(Factory, factory)


def _unknown(name: str, others: Sequence[str]) -> str:
    if not others and _letters(name.partition(":")[0]) == MM:
        return (
            f"{name!r} stands for the MM terms of a prmtop, which only commands with a prmtop and "
            "`--potential mm` compute, such as `merrow energy`; here, name a model of `merrow "
            "models list`."
        )
    names = (*potential_names(), *others)
    spelt = {_letters(known): known for known in names}
    close = difflib.get_close_matches(_letters(name), spelt, n=1)
    if close:
        return (
            f"there is no potential {name!r}; did you mean {spelt[close[0]]}? `merrow models list` "
            "shows all."
        )
    return f"there is no potential {name!r}; choose one of {', '.join(names)}."


def _letters(name: str) -> str:
    """Return only letters and digits, so that "ANI-2x" matches "ani2x"."""
    return "".join(filter(str.isalnum, name.lower()))


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
