# SPDX-License-Identifier: MIT
"""What the report of a complex shows: numbers of one trajectory, and of its MM reference."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from merrow.report.scene import View
from merrow.uncertainty import Mean

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shape:
    """One frame to be drawn.

    Attributes:
        carbons: Positions of the CA [Å], shape (R, 3).
        joined: Whether a residue and the next are neighbours in a chain, shape (R − 1,).
        ligand: Positions of the ligand's heavy atoms [Å], shape (L, 3).
        bonds: Bonds among these.
    """

    carbons: Array
    joined: NDArray[np.bool_]
    ligand: Array
    bonds: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class TrajectoryNumbers:
    """What one trajectory says.

    Attributes:
        name: File name.
        times: Time of each frame from the first one [ps], shape (F,); counts where it is unknown.
        span: Time that the frames stand for [ps], or None where it is unknown.
        extent: Frames and time in words.
        rmsd: Series by name [Å], each shape (F,).
        means: Their means.
        b_values, b_stderr: B-factor of each residue's CA [Å²], shape (R,).
        shape: The frame nearest to the mean.
        ligand_b: B-factors of the ligand's heavy atoms by name [Å²].
        torsions: Populations by the four atoms' names.
        contacts: Part of the frames by residue.
        hydrogen_bonds: Part of the frames by "donor–H···acceptor".
        correlation: pearson, spearman, kendall and so on; empty where there is none to print.
        note: What the reader must know of the times, or nothing.
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
    correlation: dict[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, eq=False)
class ComplexReport:
    """What the page shows.

    Attributes:
        title: What was analysed.
        residues: Labels of the residues with a CA, length R.
        crystal_b: Crystal B-factors [Å²], shape (R,), NaN where not known; None without a crystal.
        runs: The trajectory, and its MM reference where there is one.
        notes: Sentences that the reader must know.
        structure: Drawing of the ligand; empty for none.
        view: What can be turned and played; None where it was not asked for.
    """

    title: str
    residues: tuple[str, ...]
    crystal_b: Array | None
    runs: tuple[TrajectoryNumbers, ...]
    notes: tuple[str, ...]
    structure: str = ""
    view: View | None = None
