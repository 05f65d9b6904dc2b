# SPDX-License-Identifier: MIT
"""Do runs that began in different conformers end with the same populations?

If they do not, a barrier was not crossed, and no error bar of the free energy knows of it.
"""

from __future__ import annotations

import numpy as np

from mlmm.free_energy.decorrelate import inefficiency
from mlmm.free_energy.verdict import Verdict
from mlmm.samples import Array, IntArray

AGREEMENT = 2.0
"""Populations agree within this many standard errors of their difference."""
LEAST_ROWS = 8


def judge_populations(
    angles: Array, groups: IntArray, *, phase: str, names: tuple[str, ...]
) -> Verdict:
    """Compare the populations of torsion states between groups.

    The states of a torsion are its three sectors of 120° (trans, gauche+, gauche−); the sector
    populated most overall is compared, with the error of a fraction of n/g independent frames.
    Fractions are kept one frame away from 0 and 1, so that frozen torsions have an error too.

    Args:
        angles: Torsion angles in order of time [degree], shape (n, t).
        groups: Group of each frame, shape (n,).
        phase: "water" or "gas", for the sentence.
        names: Names of the torsions, length t.
    """
    name = f"starting conformers, {phase}"
    labels = np.unique(groups)
    if angles.shape[1] == 0:
        return Verdict(name, True, "The molecule has no torsion between heavy atoms to compare.")
    if len(labels) < 2 or min(np.sum(groups == g) for g in labels) < LEAST_ROWS:
        return Verdict(
            name,
            False,
            f"There are too few frames in {phase} to compare runs from different conformers; "
            "sample longer.",
            serious=True,
        )
    sector = np.floor(np.mod(angles + 60.0, 360.0) / 120.0).astype(int)
    worst, where = 0.0, 0
    for t in range(angles.shape[1]):
        common = int(np.bincount(sector[:, t], minlength=3).argmax())
        inside = [(sector[groups == g, t] == common).astype(float) for g in labels]
        z = _largest_z(inside)
        if z > worst:
            worst, where = z, t
    if worst <= AGREEMENT:
        return Verdict(
            name,
            True,
            f"Runs from different conformers agree in {phase}: torsion populations differ by at "
            f"most {worst:.1f} standard errors.",
        )
    return Verdict(
        name,
        False,
        f"NOT CONVERGED: the populations of torsion {names[where]} differ by {worst:.1f} standard "
        f"errors between runs from different conformers in {phase}; sample longer.",
        serious=True,
    )


def _largest_z(inside: list[Array]) -> float:
    fractions, errors = [], []
    for series in inside:
        independent = max(len(series) / inefficiency([series]), 1.0)
        fraction = float(np.clip(series.mean(), 1 / (independent + 2), 1 - 1 / (independent + 2)))
        fractions.append(series.mean())
        errors.append(fraction * (1 - fraction) / independent)
    pairs = [(i, j) for i in range(len(inside)) for j in range(i)]
    return max(
        float(abs(fractions[i] - fractions[j]) / np.sqrt(errors[i] + errors[j])) for i, j in pairs
    )
