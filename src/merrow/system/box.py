# SPDX-License-Identifier: MIT
"""Box vectors of AMBER coordinates, and checks of the box size."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np
from openmm import unit
from openmm.app.internal.unitcell import computePeriodicBoxVectors

from merrow.amber.coordinates import Coordinates
from merrow.amber.topology import AmberTopology
from merrow.errors import InputError
from merrow.potentials.interface import Array
from merrow.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

LEAST_CUTOFF = 3.0
"""Shortest direct-space cutoff of a single point, a check of dynamics and a benchmark [Å]."""
USUAL_CUTOFF = 9.0
"""Their cutoff in a box unless one is given [Å]."""


def box_vectors(coordinates: Coordinates) -> Array:
    """Return box vectors in OpenMM's reduced form [Å], shape (3, 3).

    Raises:
        InputError: The coordinates have no box, or impossible edges and angles.
    """
    if coordinates.lengths is None or coordinates.angles is None:
        raise InputError("the coordinates have no box.")
    angles = np.radians(coordinates.angles)
    a, b, c = np.cos(angles)
    inside = 1.0 - a * a - b * b - c * c + 2.0 * a * b * c  # (volume / product of the edges)²
    if min(coordinates.lengths) <= 0.0 or np.sin(angles).min() <= 0.0 or not inside > 1e-6:
        edges, corners = (
            ", ".join(f"{value:g}" for value in values)
            for values in (coordinates.lengths, coordinates.angles)
        )
        raise InputError(
            f"no box has edges of {edges} Å and angles of {corners}°; look at the last line of the "
            "coordinate file."
        )
    lengths = coordinates.lengths * NM_PER_ANGSTROM
    vectors = computePeriodicBoxVectors(*lengths.tolist(), *angles.tolist())
    return np.array(vectors.value_in_unit(unit.nanometer)) * ANGSTROM_PER_NM


def box_for_cutoff(
    topology: AmberTopology, coordinates: Coordinates, cutoff: float, *, source: Path
) -> Array:
    """Return box vectors [Å], shape (3, 3), after a check against the cutoff.

    Args:
        topology: The prmtop, which has a box.
        coordinates: The coordinates.
        cutoff: Direct-space cutoff [Å].
        source: The coordinate file.

    Raises:
        InputError: The cutoff is too short, the coordinates have no box, or it is narrower than
            twice the cutoff.
    """
    if not cutoff >= LEAST_CUTOFF:
        raise InputError(f"a cutoff of {cutoff:g} Å is not one of {LEAST_CUTOFF:g} Å or more.")
    if coordinates.lengths is None:
        raise InputError(f"{source} has no box, but {topology.path} asks for one.")
    box = box_vectors(coordinates)
    check_width(box, cutoff, f"the cutoff of {cutoff:g} Å", source=source)
    return box


def refuse_idle(name: str, prmtop: Path) -> NoReturn:
    """Refuse an option that changes nothing, since the prmtop has no box.

    Raises:
        InputError: Always.
    """
    raise InputError(
        f"{name} has no effect without a periodic box, and {prmtop} has none; leave it out."
    )


def refuse_lone_box(topology: AmberTopology, source: Path, *, otherwise: str = "") -> NoReturn:
    """Refuse coordinates with a box for a prmtop without one (IFBOX).

    sander follows the coordinates, OpenMM the prmtop; the energies differ by hundreds of kcal/mol.

    Args:
        topology: The prmtop.
        source: The coordinate file.
        otherwise: Alternative remedy, named first.

    Raises:
        InputError: Always.
    """
    raise InputError(
        f"{source} has a box, but {topology.path} announces none (IFBOX is 0): {otherwise}write "
        "the prmtop with it (cpptraj: parmbox, parmwrite), or the coordinates without (cpptraj: "
        "box nobox)."
    )


def check_width(box: Array, cutoff: float, said: str, *, source: Path) -> None:
    """Refuse a box in which an atom would interact with two images of another.

    Args:
        box: Box vectors in reduced form [Å], shape (3, 3).
        cutoff: Direct-space cutoff [Å].
        said: Name of the cutoff in the message.
        source: The coordinate file.

    Raises:
        InputError: The box is narrower than twice the cutoff.
    """
    width = float(np.diag(box).min())
    if width < 2 * cutoff:
        raise InputError(
            f"the box of {source} is {width:.2f} Å wide, less than twice {said}; "
            "shorten the cutoff or take a larger box."
        )
