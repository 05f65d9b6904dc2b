# SPDX-License-Identifier: MIT
"""MACE models as potentials of one molecule."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from merrow.potentials.device import placed
from merrow.potentials.interface import Capabilities, Molecule
from merrow.potentials.mace.files import MaceParameters, read_mace
from merrow.potentials.mace.network import MaceEngine
from merrow.potentials.mace.weights import MACE_WEIGHTS, PREFIX, file_of
from merrow.potentials.registry import check_molecule
from merrow.potentials.validation import CheckedPotential


def load_mace(
    name: str, molecule: Molecule, weights: Path | None, precision: str
) -> CheckedPotential:
    """Return a MACE model as a potential of one molecule.

    Args:
        name: One of `MACE_WEIGHTS`, or "mace:FILE".
        molecule: The molecule.
        weights: Weights file of a named model, or None to search for it.
        precision: "float32" or "float64".

    Raises:
        InputError: The file is wrong.
        UnsupportedPhysicsError: The model does not support an element of the molecule.
        MissingComponentError: mace-torch or the file is not installed.
    """
    if name.startswith(PREFIX):
        parameters = read_mace(file_of(name, weights))
    else:
        parameters = MACE_WEIGHTS[name].load(weights)
    known = replace(file_capabilities(name, parameters), dtype=precision)
    check_molecule(known, molecule)
    make = partial(MaceEngine, parameters, molecule.numbers, precision)
    identity = f"{known.name}:{parameters.digest}"
    return CheckedPotential(known, identity, molecule.numbers, *placed(make, precision))


def file_capabilities(name: str, parameters: MaceParameters) -> Capabilities:
    """Return the capabilities of the model in a file.

    Args:
        name: The name as given by the user; the folder in "mace:FILE" is dropped.
        parameters: Content of the file.
    """
    if name.startswith(PREFIX):
        name = PREFIX + Path(name.removeprefix(PREFIX)).name
    return Capabilities(name=name, elements=frozenset(parameters.elements), dtype="float32")
