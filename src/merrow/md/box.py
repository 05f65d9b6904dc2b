# SPDX-License-Identifier: MIT
"""Box and Ewald settings of a run, derived as in sander."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from merrow.amber.coordinates import Coordinates
from merrow.amber.topology import AmberTopology
from merrow.errors import InputError
from merrow.md.settings import MdSettings
from merrow.potentials.interface import Array
from merrow.system.box import box_vectors, check_width, refuse_lone_box
from merrow.system.pme import FINENESS, Nonbonded, check_mesh, sander_pme
from merrow.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM, amber_coulomb_charge_scale

DEFAULT_CUTOFF = 8.0
NO_CUTOFF = 99.0
"""Without a box, a cut of at least this [Å] means no cutoff."""
KEPT_FINENESS = 1.2 * FINENESS
"""Finer grids are kept, although the box may have grown since they were chosen."""
RIGHT = 90.0
"""degree."""
NO_BOX = np.diag([10.0, 10.0, 10.0])
"""Dummy box vectors [nm] for a Context without a box."""


@dataclass(frozen=True)
class Cell:
    """The box in AMBER's description by lengths [Å] and angles [degree].

    The edges of a rectangular box may change independently; any other box is scaled isotropically,
    so its lengths follow from the volume.

    Attributes:
        vectors: Box vectors in reduced form [nm], shape (3, 3).
    """

    lengths: Array
    angles: Array
    vectors: Array

    @property
    def edges(self) -> Array:
        """Diagonal of the vectors [nm]."""
        return np.diag(self.vectors)

    @property
    def volume(self) -> float:
        """Volume [nm³]."""
        return float(np.prod(self.edges))

    def lengths_at(self, box: Array) -> Array:
        """Return the lengths [Å] for given box vectors [nm]."""
        if np.all(self.angles == RIGHT):
            return np.asarray(self.lengths * (np.diag(box) / self.edges))
        return np.asarray(self.lengths * np.cbrt(abs(np.linalg.det(box)) / self.volume))


def cell_of(coordinates: Coordinates) -> Cell | None:
    """Return the box of coordinates, or None."""
    if coordinates.lengths is None or coordinates.angles is None:
        return None
    vectors = box_vectors(coordinates) * NM_PER_ANGSTROM
    return Cell(coordinates.lengths, coordinates.angles, vectors)


def box_of(
    settings: MdSettings, topology: AmberTopology, inpcrd: Path, coordinates: Coordinates
) -> Cell | None:
    """Return the box of a run, or None.

    Raises:
        InputError: Settings, prmtop and coordinates are inconsistent, or the box is too small.
    """
    mdin = settings.source.name
    periodic = topology.has_box if settings.periodic is None else settings.periodic
    if not periodic:
        if settings.periodic is None and coordinates.lengths is not None:
            refuse_lone_box(topology, inpcrd, otherwise="say ntb=0 for a run without a box, ")
        _check_without_box(settings)
        return None
    ntb = 1 if settings.pressure_bar is None else 2
    if not topology.has_box:
        raise InputError(
            f"ntb={ntb} in {mdin} needs a box, but {topology.path} has none; "
            "use ntb=0, or solvate it."
        )
    cell = cell_of(coordinates)
    if cell is None:
        raise InputError(
            f"ntb={ntb} in {mdin} needs a box, but {inpcrd} has none; "
            "use ntb=0, or coordinates with a box."
        )
    if settings.anisotropic and not np.all(cell.angles == RIGHT):
        raise InputError(
            f"ntp=2 in {mdin} scales each edge of a rectangular box independently, but {inpcrd} "
            "has another shape; use ntp=1."
        )
    cutoff = settings.cutoff_angstrom or DEFAULT_CUTOFF
    said = f"cut={cutoff:g} in {mdin}"
    check_width(cell.vectors * ANGSTROM_PER_NM, cutoff, said, source=inpcrd)
    return cell


def _check_without_box(settings: MdSettings) -> None:
    """Refuse keys that have no meaning without a box."""
    cutoff, mdin = settings.cutoff_angstrom, settings.source.name
    if cutoff is not None and cutoff < NO_CUTOFF:
        raise InputError(
            f"cut={cutoff:g} in {mdin}: without a box there is no cutoff here; leave cut out or "
            "give 999.0."
        )
    asked = settings.ewald_per_angstrom is not None or settings.pme_grid is not None
    if settings.needs_box or asked:
        raise InputError(f"&ewald in {mdin} needs a box, and there is none; take it out.")


def nonbonded_of(
    settings: MdSettings, box: Array | None, kept: tuple[int, ...] | None
) -> Nonbonded:
    """Return cutoff and Ewald settings as sander derives them, with AMBER's Coulomb constant.

    Args:
        settings: Settings of the run.
        box: Box vectors [nm], or None.
        kept: PME grid of the previous run, kept unless another one is requested or a shorter
            cutoff needs a finer one.

    Raises:
        InputError: The Ewald coefficient or the PME grid makes energies grossly wrong.
    """
    scale = amber_coulomb_charge_scale()
    if box is None:
        return Nonbonded(cutoff=None, charge_scale=scale)
    cutoff = settings.cutoff_angstrom or DEFAULT_CUTOFF
    lengths = np.linalg.norm(box, axis=1) * ANGSTROM_PER_NM
    pme = sander_pme(
        lengths.tolist(),
        cutoff,
        tolerance=settings.direct_tolerance,
        coefficient=settings.ewald_per_angstrom,
    )
    if kept and np.max(lengths / kept) * pme.alpha / ANGSTROM_PER_NM > KEPT_FINENESS:
        kept = None
    if grid := settings.pme_grid or kept:
        pme = replace(pme, grid=(grid[0], grid[1], grid[2]))
    at = f"in {settings.source.name}:"
    names = {"coefficient": f"ew_coeff {at}", "grid": f"nfft1, nfft2, nfft3 {at}"}
    check_mesh(pme, lengths.tolist(), cutoff, **names)
    return Nonbonded(
        cutoff=cutoff * NM_PER_ANGSTROM,
        lj_tail=settings.lj_tail,
        pme=pme,
        charge_scale=scale,
    )
