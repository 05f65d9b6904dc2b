# SPDX-License-Identifier: MIT
"""The built-in families of potentials, and what each has to offer.

A family is one module with a value `FAMILY`, and one line in `FAMILIES`. The module is imported
when a name is looked up, so it imports torch and other heavy libraries inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from merrow.potentials.interface import Capabilities, Molecule, Potential
from merrow.potentials.weights import Weights

FAMILIES: Final = {
    "ani": "merrow.potentials.ani.family",
    "mace": "merrow.potentials.mace.family",
    "aimnet2": "merrow.potentials.aimnet2.potential",
    "torchscript": "merrow.potentials.torchscript",
    "xtb": "merrow.potentials.xtb",
    "ase": "merrow.potentials.ase",
    "openmmml": "merrow.potentials.openmmml",
    "qm": "merrow.potentials.qm",
}
"""Families by prefix, each with the module that holds its `FAMILY`; the order is that of lists."""

Loader = Callable[[str, Molecule, Path | None, str], Potential]
"""(name, molecule, weights, precision) → potential; the name as the user wrote it."""


@dataclass(frozen=True)
class Model:
    """What is known about a potential without loading it.

    Attributes:
        capabilities: What it can be asked.
        level_of_theory: What its numbers stand for.
        license: Licence of the weights or the program.
        source: Where weights or program come from, in words.
    """

    capabilities: Capabilities
    level_of_theory: str
    license: str
    source: str = ""


@dataclass(frozen=True)
class Family:
    """Potentials that one module knows.

    Attributes:
        models: Its named potentials.
        load: Makes a potential of one molecule, which fits its capabilities.
        generic: How the user writes a potential that has no name of its own, such as "mace:FILE";
            empty where there is none. It begins with the family's prefix and a colon.
        describe: Describes such a potential; it raises InputError where FILE is not what it should
            be.
        takes_file: Whether a path stands behind the colon of a generic name.
        weights: Those of its named potentials.
        verdict: Says more than its hash of a published file, or raises InputError; None: no more.
        kernel: Returns the instruction set of its compiled kernel and "", or "" and why it cannot
            be used; None: it has none.
    """

    models: Mapping[str, Model]
    load: Loader
    generic: str = ""
    describe: Callable[[str], Model] | None = None
    takes_file: bool = False
    weights: Mapping[str, Weights[Any]] = field(default_factory=dict)
    verdict: Callable[[str, Path], str] | None = None
    kernel: Callable[[], tuple[str, str]] | None = None

    def check(self, name: str, path: Path) -> str:
        """Return in a few words how right a file of published weights is.

        Raises:
            InputError: It is not the published file.
        """
        if self.verdict is not None:
            return self.verdict(name, path)
        self.weights[name].read(path)
        return "hash right"


def families() -> dict[str, Family]:
    """Return all built-in families by prefix."""
    return {prefix: cast(Family, import_module(path).FAMILY) for prefix, path in FAMILIES.items()}


def family_of(name: str) -> Family | None:
    """Return the family that knows a name, named or generic, or None."""
    for prefix, family in families().items():
        if name in family.models or (family.generic and name.startswith(f"{prefix}:")):
            return family
    return None
