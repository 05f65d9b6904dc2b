# SPDX-License-Identifier: MIT
"""Potentials of a system by name: ML models, and the prmtop's own terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from merrow.amber.topology import AmberTopology, read_topology
from merrow.errors import InputError
from merrow.potentials.interface import Molecule, Potential
from merrow.potentials.registry import (
    MM,
    capabilities,
    check_known,
    check_molecule,
    load_potential,
)
from merrow.system.internal import ClassicalPotential, internal_terms
from merrow.system.region import MLRegion
from merrow.system.rendering import rendered

__all__ = ["MM", "check_name", "check_potential", "open_classical", "open_potential"]


def check_potential(name: str, molecule: Molecule, labels: Sequence[str] | None = None) -> None:
    """Check a potential's name and its support of a molecule before anything is computed.

    Args:
        name: Name of the potential.
        molecule: The solute.
        labels: Labels of its atoms in messages; None numbers them from 1.

    Raises:
        InputError: There is no such potential.
        UnsupportedPhysicsError: The potential does not support the molecule.
    """
    if check_name(name):
        check_molecule(capabilities(name), molecule, labels)


def check_name(name: str) -> bool:
    """Check a name; tell whether it is an ML model and not the prmtop's own terms.

    Raises:
        InputError: There is no such potential.
    """
    if name == MM or name.startswith("mm:"):
        return False
    check_known(name, MM)
    capabilities(name)
    return True


def open_potential(
    name: str,
    topology: AmberTopology,
    region: MLRegion,
    *,
    weights: str | None = None,
    run: Path | None = None,
    precision: str = "float32",
    charge_scale: float = 1.0,
) -> Potential:
    """Return the potential of a region.

    Args:
        name: "mm" for the prmtop's own terms; "mm:FILE" for those of another gas-phase prmtop of
            the same molecule in the same order; otherwise a model's name.
        topology: The system's prmtop.
        region: The region.
        weights: Path of the weights, or None to search for them.
        run: Folder to which FILE is relative.
        precision: Precision of the networks.
        charge_scale: Factor on all charges of "mm" and "mm:FILE".

    Raises:
        InputError: FILE is of another molecule or order, or "mm" is given weights.
        MerrowError: As in `load_potential`.
    """
    if weights is not None and name.partition(":")[0] == MM:
        raise InputError(f"{name} has no weights; take weights out, or name the potential.")
    if name == MM:
        return open_classical(topology, region.atoms, charge_scale=charge_scale)
    if name.startswith("mm:"):
        path = (run or Path()) / name.removeprefix("mm:")
        other = read_topology(path)
        if other.numbers != region.molecule.numbers:
            raise InputError(f"{path} holds other atoms than the solute, so it cannot stand in.")
        if _pairs(other.bonds) != _pairs(topology.bonds_among(region.atoms)):
            raise InputError(
                f"{path} has the solute's elements but other bonds: its atoms are in another "
                "order, or it is another molecule; give a prmtop with the order of "
                f"{topology.path.name}."
            )
        atoms = tuple(range(len(other)))
        return open_classical(other, atoms, name=name, charge_scale=charge_scale)
    check_known(name, MM)
    return load_potential(
        name,
        region.molecule,
        weights=Path(weights) if weights else None,
        precision=precision,
        labels=region.labels,
    )


def _pairs(bonds: Iterable[Sequence[int]]) -> set[frozenset[int]]:
    return {frozenset(bond) for bond in bonds}


def open_classical(
    topology: AmberTopology,
    atoms: tuple[int, ...],
    *,
    name: str = MM,
    charge_scale: float = 1.0,
) -> ClassicalPotential:
    """Return the MM terms of some atoms of a prmtop as a potential.

    Args:
        topology: The prmtop.
        atoms: The atoms.
        name: Name of the potential.
        charge_scale: Factor on all charges.
    """
    system = rendered(topology)
    terms = internal_terms(system, topology, atoms, charge_scale=charge_scale)
    return ClassicalPotential(terms, name=name, identity=f"{name}:{terms.digest()}")
