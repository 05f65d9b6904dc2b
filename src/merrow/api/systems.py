# SPDX-License-Identifier: MIT
"""ML regions in your own OpenMM Systems: `MLPotential` and `alchemical_system`."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import openmm as mm
from openmm import app

from merrow.amber.mask import select_atoms
from merrow.amber.topology import AmberTopology
from merrow.errors import InputError
from merrow.potentials.interface import Potential
from merrow.potentials.registry import capabilities, check_known, load_potential
from merrow.system.internal import ClassicalPotential, internal_terms
from merrow.system.mixed import coupled_system, mixed_system
from merrow.system.potentials import MM
from merrow.system.region import MLRegion, region_of
from merrow.system.user_system import described, nonbonded_force

Atoms = str | Iterable[int]
"""An AMBER mask, or the indices of atoms, counted from 0."""


@dataclass(frozen=True)
class MLPotential:
    """A potential, by name, for use in OpenMM Systems.

        potential = merrow.MLPotential("ani2x")
        system = potential.create_mixed_system(topology, mm_system, atoms=":LIG")

    Attributes:
        name: Name from `merrow models list`, such as "ani2x" or "mace:mine.model"; "mm" for the
            System's own MM terms, the reference.
        weights: Weights file; None to search for it.
        precision: Precision of the network, "float32" or "float64".
    """

    name: str
    weights: str | Path | None = None
    precision: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        if self.name != MM:
            check_known(self.name, MM)
            capabilities(self.name)  # a wrong file in the name is refused here

    def create_mixed_system(
        self,
        topology: app.Topology,
        mm_system: mm.System,
        atoms: Atoms,
        *,
        link_atoms: bool = False,
        remove_constraints: bool = True,
        force_group: int = 0,
    ) -> mm.System:
        """Return a System in which the potential gives the internal energy of some atoms.

        They interact with all other atoms through the charges and Lennard-Jones parameters of the
        given System (mechanical embedding). The energy is absolute. The System runs on every
        platform; `XmlSerializer` writes it, and reading it needs merrow.

        Args:
            topology: OpenMM topology of all atoms.
            mm_system: Its System with a force field for all atoms; not modified.
            atoms: AMBER mask or indices of the ML region; a whole molecule, without water.
            link_atoms: Whether C-C single bonds may be cut and capped with hydrogen.
            remove_constraints: Whether constraints within the region are removed.
            force_group: Group of the potential's force.

        Returns:
            A new System, in OpenMM's units.

        Raises:
            InputError: The arguments do not fit together, or the weights are wrong.
            UnsupportedPhysicsError: The region, or a force of the System, is not supported.
            MissingComponentError: The weights are not installed.
        """
        view = described(topology, mm_system)
        region = region_at(view, atoms, link_atoms=link_atoms)
        return mixed_system(
            mm_system,
            view,
            region,
            self._of(mm_system, view, region),
            remove_constraints=remove_constraints,
            force_group=force_group,
        )

    def _of(self, system: mm.System, view: AmberTopology, region: MLRegion) -> Potential:
        """Return the potential of a region."""
        if self.name != MM:
            weights = None if self.weights is None else Path(self.weights)
            return load_potential(
                self.name,
                region.molecule,
                weights=weights,
                precision=self.precision,
                labels=region.labels,
            )
        if self.weights is not None:
            raise InputError("mm has no weights; take weights out, or name the potential.")
        if nonbonded_force(system) is None:
            raise InputError("mm_system has no NonbondedForce, so the MM terms are not complete.")
        terms = internal_terms(system, view, region.atoms)
        return ClassicalPotential(terms, name=MM, identity=f"{MM}:{terms.digest()}")


def alchemical_system(
    topology: app.Topology,
    mm_system: mm.System,
    atoms: Atoms,
    *,
    potential: str | MLPotential = MM,
    remove_constraints: bool = True,
    force_group: int = 0,
) -> mm.System:
    """Return a System in which λ couples a molecule to its surroundings.

    Its global parameters are `lambda_electrostatics` (charges) and `lambda_sterics` (soft-core
    Lennard-Jones); 1, the initial value, is coupled and 0 decoupled. The internal energy of the
    molecule, E_ML or MM, does not depend on them: it is decoupled, not annihilated.

    Args:
        topology: OpenMM topology of all atoms.
        mm_system: Its System with a force field for all atoms; not modified.
        atoms: AMBER mask or indices of the molecule.
        potential: Potential for the internal energy of the molecule: a name, or an
            `MLPotential` with weights and precision; "mm" for the System's own terms.
        remove_constraints: Whether constraints within the molecule are removed.
        force_group: Group of the potential's force.

    Returns:
        A new System, in OpenMM's units.

    Raises:
        InputError: The arguments do not fit together, or the weights are wrong.
        UnsupportedPhysicsError: The molecule, or a force of the System, is not supported.
        MissingComponentError: The weights are not installed.
    """
    ml = potential if isinstance(potential, MLPotential) else MLPotential(potential)
    view = described(topology, mm_system)
    region = region_at(view, atoms, link_atoms=False)
    return coupled_system(
        mm_system,
        view,
        region,
        ml._of(mm_system, view, region),
        remove_constraints=remove_constraints,
        force_group=force_group,
    )


def region_at(view: AmberTopology, atoms: Atoms, *, link_atoms: bool) -> MLRegion:
    """Return the ML region that a mask or indices select.

    Args:
        view: Description of the System from `described`.
        atoms: AMBER mask, or indices from 0.
        link_atoms: Whether C-C single bonds may be cut.

    Raises:
        InputError: They select no atoms.
        UnsupportedPhysicsError: The atoms cannot be a region.
    """
    if isinstance(atoms, str):
        if "%" in atoms:
            raise InputError(
                f"mask {atoms!r} selects by atom type, which an OpenMM topology does not have; "
                "select by names and residues, or give indices."
            )
        chosen = select_atoms(view, atoms)
        name = f"the mask {atoms!r}"
    else:
        chosen, name = _indices(atoms, len(view)), "atoms"
    return region_of(view, chosen, name=name, link_atoms=link_atoms, several=True)


def _indices(atoms: Iterable[int], n_atoms: int) -> tuple[int, ...]:
    if not isinstance(atoms, Iterable):
        raise InputError(f"atoms is {atoms!r}; give indices, or an AMBER mask.")
    found = []
    for atom in atoms:
        if isinstance(atom, bool) or type(atom).__name__ == "bool":
            raise InputError("atoms holds booleans; give indices, or an AMBER mask.")
        try:
            index = operator.index(atom)
        except TypeError as error:
            raise InputError(
                f"atoms holds {atom!r}; give indices (atom.index) from 0 on, or an AMBER mask."
            ) from error
        if not 0 <= index < n_atoms:
            raise InputError(f"atoms holds {index}, but the topology has atoms 0 to {n_atoms - 1}.")
        found.append(index)
    if not found:
        raise InputError("atoms is empty; give the indices of the ML region, or an AMBER mask.")
    if len(set(found)) < len(found):
        raise InputError("atoms names an atom twice; give each index once.")
    return tuple(sorted(found))
