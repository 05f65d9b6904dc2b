# SPDX-License-Identifier: MIT
"""The built-in families of potentials.

A family is a module with a value `FAMILY`, and a line in `FAMILIES`. The module is imported when a
name is looked up, so it imports torch and other heavy libraries inside its functions.
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
"""Modules with the `FAMILY` of each prefix, in the order of lists."""

Loader = Callable[[str, Molecule, Path | None, str], Potential]
"""(name, molecule, weights, precision) → potential; the name as given by the user."""


@dataclass(frozen=True)
class Model:
    """Description of a potential, available without loading it.

    Attributes:
        capabilities: Its capabilities.
        level_of_theory: Level of theory that it reproduces.
        license: Licence of the weights or the program.
        source: Source of weights or program, as text.
    """

    capabilities: Capabilities
    level_of_theory: str
    license: str
    source: str = ""


@dataclass(frozen=True)
class Family:
    """The potentials of one module.

    Attributes:
        models: Its named potentials.
        load: Makes a potential for a molecule within its capabilities.
        generic: Form of potentials without a name of their own, such as "mace:FILE", starting with
            the family's prefix and a colon; "" if there are none.
        describe: Describes such a potential; raises InputError if FILE is wrong.
        takes_file: Whether a path follows the colon of a generic name.
        weights: Weights of its named potentials.
        verdict: Further verification of a published file besides its hash, or None; it returns a
            description or raises InputError.
        kernel: Returns the instruction set of its compiled kernel and "", or "" and why it cannot
            be used; None without a kernel.
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
        """Verify a file of published weights and describe the result.

        Raises:
            InputError: The file is not the published one.
        """
        if self.verdict is not None:
            return self.verdict(name, path)
        self.weights[name].read(path)
        return "hash right"


def families() -> dict[str, Family]:
    """Return all built-in families by prefix."""
    return {prefix: cast(Family, import_module(path).FAMILY) for prefix, path in FAMILIES.items()}


def family_of(name: str) -> Family | None:
    """Return the family of a name, named or generic, or None."""
    for prefix, family in families().items():
        if name in family.models or (family.generic and name.startswith(f"{prefix}:")):
            return family
    return None
