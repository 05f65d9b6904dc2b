# SPDX-License-Identifier: MIT
"""Which potential does a name mean for this system? Models by name, and the prmtop's own terms."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlmm.amber.topology import AmberTopology, read_topology
from mlmm.errors import InputError
from mlmm.potentials.interface import Molecule, Potential
from mlmm.potentials.registry import capabilities, check_molecule, load_potential, potential_names
from mlmm.system.internal import ClassicalPotential, internal_terms, vacuum_system
from mlmm.system.region import MLRegion

MM = "mm"


def check_potential(name: str, molecule: Molecule) -> None:
    """Refuse an unknown name, or a molecule outside the model, before anything is computed.

    Raises:
        InputError: There is no such potential.
        UnsupportedPhysicsError: The potential is not made for the molecule.
    """
    if name == MM or name.startswith("mm:"):
        return
    if name not in potential_names():
        raise InputError(
            f"there is no potential {name!r}; choose one of {', '.join((*potential_names(), MM))}."
        )
    check_molecule(capabilities(name), molecule)


def open_potential(
    name: str,
    topology: AmberTopology,
    region: MLRegion,
    *,
    weights: str | None = None,
    run: Path | None = None,
    precision: str = "float32",
) -> Potential:
    """Return the potential of a region.

    Args:
        name: "mm" for the prmtop's own terms; "mm:FILE" for those of another gas-phase prmtop of
            the same molecule in the same order; otherwise a model's name.
        topology: The system's prmtop.
        region: The region.
        weights: Path of the weights, or None to search for them.
        run: Folder that FILE is relative to.
        precision: Arithmetic of the networks.

    Raises:
        InputError: FILE is another molecule.
        MlmmError: As `load_potential`.
    """
    if name == MM:
        return _classical(MM, topology, region.atoms)
    if name.startswith("mm:"):
        path = (run or Path()) / name.removeprefix("mm:")
        other = read_topology(path)
        if other.numbers != region.molecule.numbers:
            raise InputError(f"{path} holds other atoms than the solute, so it cannot stand in.")
        return _classical(name, other, tuple(range(len(other))))
    check_molecule(capabilities(name), region.molecule, region.labels)
    return load_potential(
        name, region.molecule, weights=Path(weights) if weights else None, precision=precision
    )


def _classical(name: str, topology: AmberTopology, atoms: tuple[int, ...]) -> ClassicalPotential:
    terms = internal_terms(vacuum_system(topology.path), topology, atoms)
    identity = hashlib.sha256(repr(terms).encode()).hexdigest()[:16]
    return ClassicalPotential(terms, name=name, identity=f"{name}:{identity}")
