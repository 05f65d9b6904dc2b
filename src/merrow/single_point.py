# SPDX-License-Identifier: MIT
"""The ML/MM energy of one configuration: prmtop + coordinates → terms and forces."""

from __future__ import annotations

import json
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openmm as mm

from merrow.amber.coordinates import Coordinates
from merrow.amber.topology import AmberTopology, read_topology
from merrow.engine.decompose import decompose
from merrow.engine.simulation import exact_platform
from merrow.errors import InputError, NumericsError
from merrow.potentials.device import CPU, on_device
from merrow.potentials.interface import Array
from merrow.report.notebook import html_table
from merrow.system.box import USUAL_CUTOFF, box_for_cutoff, refuse_idle, refuse_lone_box
from merrow.system.build import base_system, hybrid_system
from merrow.system.configuration import read_configuration
from merrow.system.images import image_note
from merrow.system.lengths import placed
from merrow.system.pme import (
    MOST_POINTS,
    Nonbonded,
    PmeParameters,
    check_mesh,
    pme_parameters,
    sander_pme,
)
from merrow.system.potentials import MM, open_potential
from merrow.system.region import MLRegion, select_region
from merrow.units import (
    ANGSTROM_PER_NM,
    KCAL_PER_KJ,
    NM_PER_ANGSTROM,
    amber_coulomb_charge_scale,
)

if TYPE_CHECKING:
    import pandas as pd

DIRECT_TOLERANCE, SPACING = 1e-6, 0.5
"""sander's `dsum_tol` and the PME grid spacing [Å] of a single point, where accuracy is cheap."""
LEAST_GRID = 6
"""Fewest PME grid points along an edge for splines of order 5."""


@dataclass(frozen=True)
class SinglePoint:
    """Settings of a single-point energy; lengths in Å, Ewald coefficient in 1/Å.

    Attributes:
        prmtop, inpcrd: The AMBER files.
        ml_mask: Mask of the ML region; None only with potential "mm".
        potential: Name of the potential, or "mm".
        weights: Weights file, or None to search for it.
        cutoff: Direct-space cutoff in a periodic box; None for `USUAL_CUTOFF`, or without a box.
        lj_tail: Whether the Lennard-Jones long-range correction is added in a periodic box.
        double: Double precision (float64 network, the platform of `exact_platform`) or single.
        ewald_tolerance: OpenMM's Ewald error tolerance; None: sander's rule, converged.
        ewald_coefficient, pme_grid: Explicit Ewald parameters, both or neither.
        amber_coulomb: Whether AMBER's Coulomb constant is used, as in `merrow md`, or OpenMM's.
    """

    prmtop: Path
    inpcrd: Path
    ml_mask: str | None
    potential: str
    weights: Path | None = None
    cutoff: float | None = None
    lj_tail: bool = True
    double: bool = True
    ewald_tolerance: float | None = None
    ewald_coefficient: float | None = None
    pme_grid: tuple[int, int, int] | None = None
    amber_coulomb: bool = True


@dataclass(frozen=True)
class EnergyResult:
    """The energy of one configuration.

    Attributes:
        total: Sum of the terms [kcal/mol].
        terms: Energies [kcal/mol] by AMBER's names; "ml" is the internal energy of the region.
        forces: Forces [kcal/mol/Å] in prmtop order, shape (N, 3); zero on extra points.
        n_ml_atoms: Atoms of the ML region.
        notes: What the numbers leave out, in words.
    """

    total: float
    terms: dict[str, float]
    forces: Array
    n_ml_atoms: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return what `merrow energy --json` prints: all but the forces."""
        data = {
            "total_kcal": self.total,
            "terms_kcal": self.terms,
            "n_ml_atoms": self.n_ml_atoms,
            "notes": list(self.notes),
        }
        return json.dumps(data, indent=2, allow_nan=False) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Return the terms and their total, one per row, in the column energy_kcal."""
        import pandas as pd  # noqa: PLC0415

        rows = {**self.terms, "total": self.total}
        return pd.DataFrame({"energy_kcal": rows}, index=pd.Index(rows, name="term"))

    def _repr_html_(self) -> str:
        return html_table("Energy [kcal/mol]", self.to_frame())


def single_point(request: SinglePoint) -> EnergyResult:
    """Compute energy terms and forces of one configuration.

    Raises:
        InputError: The files or the request do not fit together.
        UnsupportedPhysicsError: The method cannot treat the region.
    """
    topology = read_topology(request.prmtop)
    coordinates = read_configuration(request.inpcrd, topology)
    box, cell, cutoff = None, None, USUAL_CUTOFF if request.cutoff is None else request.cutoff
    if topology.has_box:
        cell = box_for_cutoff(topology, coordinates, cutoff, source=request.inpcrd)
        box = cell * NM_PER_ANGSTROM
    elif coordinates.lengths is not None:
        refuse_lone_box(topology, request.inpcrd)
    nonbonded = _nonbonded(request, cell, cutoff)
    platform = exact_platform(box, nonbonded.cutoff) if request.double else "CPU"
    positions = coordinates.positions * NM_PER_ANGSTROM
    notes: tuple[str, ...] = ()
    if request.potential == MM:
        if request.weights is not None:
            raise InputError("--weights belong to a potential, but --potential mm has none.")
        if request.ml_mask is not None:  # it has no effect, but it must select atoms
            select_region(topology, request.ml_mask, several=True)
        system, n_ml = base_system(topology, nonbonded, rigid_water=False), 0
    else:
        if request.ml_mask is None:
            raise InputError("energy needs --ml-mask, such as ':LIG', or --potential mm.")
        system, near, region = _with_region(request, topology, coordinates, cell, nonbonded)
        positions, n_ml = near * NM_PER_ANGSTROM, len(region.atoms)
        notes = () if cell is None else image_note(near, cell, region, cutoff)
    answer = decompose(system, positions, box, platform=platform)
    if not (np.isfinite(answer.total) and np.isfinite(answer.forces).all()):
        raise NumericsError(
            "the energy or a force is not a finite number: look for atoms on top of each other in "
            f"{request.inpcrd}, and at the Ewald settings if some were given."
        )
    return EnergyResult(
        answer.total * KCAL_PER_KJ,
        {name: value * KCAL_PER_KJ for name, value in answer.terms.items()},
        answer.forces * (KCAL_PER_KJ / ANGSTROM_PER_NM),
        n_ml,
        notes,
    )


def _with_region(
    request: SinglePoint,
    topology: AmberTopology,
    coordinates: Coordinates,
    cell: Array | None,
    nonbonded: Nonbonded,
) -> tuple[mm.System, Array, MLRegion]:
    """Return the hybrid System, positions [Å] with the region in one image, and the region."""
    x = coordinates.positions
    region = select_region(topology, str(request.ml_mask), positions=x, several=True)
    near = placed(x, cell, topology, region, source=str(request.inpcrd))
    with on_device(CPU):
        potential = open_potential(
            request.potential,
            topology,
            region,
            weights=None if request.weights is None else str(request.weights),
            precision="float64" if request.double else "float32",
            charge_scale=nonbonded.charge_scale,
        )
    hybrid = hybrid_system(topology, region, potential, nonbonded=nonbonded, rigid=False)
    if hybrid.bridge is not None:
        # Called here first, it raises its own errors; OpenMM would wrap them.
        hybrid.bridge.evaluate(near[list(hybrid.region.model_atoms)] * NM_PER_ANGSTROM)
    return hybrid.system, near, region


def _refuse_without_effect(request: SinglePoint, *, boxed: bool) -> None:
    """Refuse settings of the Ewald sum that would change nothing."""
    given = {
        "--cutoff": request.cutoff,
        "--ewald-tol": request.ewald_tolerance,
        "--ewald-coeff": request.ewald_coefficient,
        "--pme-grid": request.pme_grid,
        "--no-lj-tail": None if request.lj_tail else "given",
    }
    for name, value in given.items():
        if value is not None and not boxed:
            refuse_idle(name, request.prmtop)
    if request.ewald_tolerance is not None and request.ewald_coefficient is not None:
        raise InputError("--ewald-tol has no effect beside --ewald-coeff; keep one.")


def _nonbonded(request: SinglePoint, cell: Array | None, cutoff: float) -> Nonbonded:
    """Return the nonbonded settings.

    Args:
        request: The settings of the single point.
        cell: Box vectors [Å], or None.
        cutoff: Direct-space cutoff in the box [Å].

    Raises:
        InputError: A setting of the Ewald sum is not possible, or would have no effect.
    """
    tolerance = request.ewald_tolerance
    if tolerance is not None and not 0.0 < tolerance < 0.5:
        raise InputError(f"--ewald-tol {tolerance:g} must lie between 0 and 0.5.")
    if request.ewald_coefficient is not None and not request.ewald_coefficient > 0.0:
        raise InputError(f"--ewald-coeff {request.ewald_coefficient:g} must be above 0.")
    if request.pme_grid is not None and not _three_counts(request.pme_grid):
        raise InputError(f"--pme-grid {request.pme_grid} is not of three whole numbers.")
    if request.pme_grid is not None and min(request.pme_grid) < LEAST_GRID:
        grid = ",".join(map(str, request.pme_grid))
        raise InputError(f"--pme-grid {grid} needs {LEAST_GRID} points or more in each direction.")
    _refuse_without_effect(request, boxed=cell is not None)
    charge_scale = amber_coulomb_charge_scale() if request.amber_coulomb else 1.0
    if cell is None:
        return Nonbonded(cutoff=None, lj_tail=request.lj_tail, charge_scale=charge_scale)
    pme, lengths = None, np.linalg.norm(cell, axis=1).tolist()  # None: OpenMM's own choice
    if request.ewald_coefficient is not None and request.pme_grid is not None:
        pme = PmeParameters(request.ewald_coefficient * ANGSTROM_PER_NM, request.pme_grid)
        check_mesh(pme, lengths, cutoff, coefficient="--ewald-coeff", grid="--pme-grid")
    elif tolerance is not None:
        _check_points(tolerance, lengths, cutoff)
    else:
        pme = sander_pme(lengths, cutoff, tolerance=DIRECT_TOLERANCE, spacing=SPACING)
    return Nonbonded(
        cutoff=cutoff * NM_PER_ANGSTROM,
        lj_tail=request.lj_tail,
        pme=pme,
        ewald_tolerance=Nonbonded.ewald_tolerance if tolerance is None else tolerance,
        charge_scale=charge_scale,
    )


def _three_counts(grid: object) -> bool:
    """Tell whether a PME grid is three whole numbers."""
    try:
        return len([operator.index(n) for n in grid]) == 3  # type: ignore[attr-defined]
    except TypeError:
        return False


def _check_points(tolerance: float, lengths: list[float], cutoff: float) -> None:
    """Refuse a tolerance for which OpenMM would make a grid beyond the memory.

    Raises:
        InputError: It has more points along an edge than any grid.
    """
    edges = tuple(NM_PER_ANGSTROM * edge for edge in lengths)
    points = max(pme_parameters(edges, cutoff * NM_PER_ANGSTROM, tolerance).grid)
    if points > MOST_POINTS:
        raise InputError(
            f"--ewald-tol {tolerance:g} needs a PME grid of {points} points along an edge, more "
            f"than {MOST_POINTS}; take a larger one, such as 1e-6, or leave it out for a converged "
            "sum."
        )
