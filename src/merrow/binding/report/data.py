# SPDX-License-Identifier: MIT
"""Data of the report of a complex: numbers of the trajectory and of its MM reference."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from merrow.report.scene import View
from merrow.uncertainty import Mean

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shape:
    """A frame to be drawn.

    Attributes:
        carbons: Positions of the CA [Å], shape (R, 3).
        joined: Whether a residue is bonded to the next in a chain, shape (R − 1,).
        ligand: Positions of the ligand's heavy atoms [Å], shape (L, 3).
        bonds: Bonds between these.
    """

    carbons: Array
    joined: NDArray[np.bool_]
    ligand: Array
    bonds: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class TrajectoryNumbers:
    """Numbers of one trajectory.

    Attributes:
        name: File name.
        times: Time of each frame from the first one [ps], shape (F,); frame counts if unknown.
        span: Time that the frames represent [ps], or None if unknown.
        extent: Frames and time as text.
        rmsd: Time series by name [Å], each of shape (F,).
        means: Their means.
        b_values, b_stderr: B-factor of each residue's CA [Å²], shape (R,).
        shape: The frame nearest to the mean.
        ligand_b: B-factors of the ligand's heavy atoms by name [Å²].
        torsions: Populations by the names of the four atoms.
        contacts: Fraction of the frames by residue.
        hydrogen_bonds: Fraction of the frames by "donor–H···acceptor".
        correlation: pearson, spearman and so on; None for an interval that is not known; empty if
            there is no correlation.
        note: Remark on the times, or "".
    """

    name: str
    times: Array
    span: float | None
    extent: str
    rmsd: dict[str, Array]
    means: dict[str, Mean]
    b_values: Array
    b_stderr: Array
    shape: Shape
    ligand_b: dict[str, float] = field(default_factory=dict)
    torsions: dict[str, dict[str, float]] = field(default_factory=dict)
    contacts: dict[str, float] = field(default_factory=dict)
    hydrogen_bonds: dict[str, float] = field(default_factory=dict)
    correlation: dict[str, float | None] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, eq=False)
class ComplexReport:
    """Data of the report.

    Attributes:
        title: Title of the report.
        residues: Labels of the residues with a CA, length R.
        crystal_b: Crystal B-factors [Å²], shape (R,), NaN if unknown; None without a crystal.
        runs: The trajectory, and its MM reference if there is one.
        notes: Notes for the reader.
        structure: Drawing of the ligand; empty without one.
        view: Interactive view; None if not requested.
    """

    title: str
    residues: tuple[str, ...]
    crystal_b: Array | None
    runs: tuple[TrajectoryNumbers, ...]
    notes: tuple[str, ...]
    structure: str = ""
    view: View | None = None
