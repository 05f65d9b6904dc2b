# SPDX-License-Identifier: MIT
"""Check that runs from different starting conformers have the same torsion populations.

If not, a barrier was not crossed, which the error of the free energy does not show.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from merrow.free_energy.stored import Verdict, verdict
from merrow.samples import Array, IntArray
from merrow.uncertainty import inefficiency

SECTOR = 120
"""Width of a torsion state [degree]."""
BIN = 5
"""Resolution of the edges of a torsion state [degree]."""
CHANCE = 0.0455
"""False-alarm probability over all torsions and pairs of a phase: two standard errors for one."""
LEAST_ROWS = 8
GO_ON = "go on in the same folder with a longer --max-time or --set maximum_sampling_ps=..."
"""What helps where a run ended before its repeats agreed."""


def judge_populations(
    angles: Array, groups: IntArray, *, phase: str, names: tuple[str, ...]
) -> Verdict:
    """Compare the populations of torsion states between groups.

    The states of a torsion are three sectors of 120° (see `sectors`); the most populated one is
    compared, with the error of a fraction of n/g independent frames. Fractions are kept one frame
    away from 0 and 1, so that frozen torsions also have an error.

    Args:
        angles: Torsion angles in order of time [degree], shape (n, t).
        groups: Group of each frame, shape (n,).
        phase: "water" or "gas", for the message.
        names: Names of the torsions, length t.
    """
    name = f"starting conformers, {phase}"
    labels = np.unique(groups)
    if angles.shape[1] == 0:
        return verdict(name, True, "The molecule has no torsion that distinguishes conformers.")
    if len(labels) < 2:
        return verdict(
            name,
            False,
            f"There is only one run in {phase}, so it is not known whether another starting "
            "conformer would give another answer; ask for --repeats 2.",
        )
    if min(np.sum(groups == g) for g in labels) < LEAST_ROWS:
        return verdict(
            name,
            False,
            f"There are too few frames in {phase} to compare runs from different conformers.",
            GO_ON,
            serious=True,
        )
    sector = sectors(angles)
    pairs = angles.shape[1] * len(labels) * (len(labels) - 1) // 2
    limit = float(norm.isf(CHANCE / 2 / pairs))
    worst, where = 0.0, 0
    for t in range(angles.shape[1]):
        common = int(np.bincount(sector[:, t], minlength=3).argmax())
        inside = [(sector[groups == g, t] == common).astype(float) for g in labels]
        z = _largest_z(inside)
        if z > worst:
            worst, where = z, t
    if worst <= limit:
        return verdict(
            name,
            True,
            f"Runs from different conformers agree in {phase}: torsion populations differ by at "
            f"most {worst:.1f} standard errors (limit {limit:.1f}).",
        )
    return verdict(
        name,
        False,
        f"NOT CONVERGED: the populations of torsion {names[where]} differ by {worst:.1f} standard "
        f"errors (limit {limit:.1f}) between runs from different conformers in {phase}.",
        GO_ON,
        serious=True,
    )


def sectors(angles: Array) -> IntArray:
    """Return the state of each torsion in each frame, 0 to 2, shape (n, t).

    A state is a sector of 120°. The three edges are placed where there are fewest frames, so that
    none cuts through a well, whether at 180° ± 60° (sp3) or at 0° and 180° (sp2).

    Args:
        angles: Torsion angles of all frames to be compared [degree], shape (n, t).
    """
    n_bins = SECTOR // BIN
    found = np.zeros(angles.shape, dtype=np.int64)
    for t in range(angles.shape[1]):
        turned = np.mod(angles[:, t], 360.0)
        counts = np.bincount((turned // BIN).astype(int) % (3 * n_bins), minlength=3 * n_bins)
        at_edge = counts + np.roll(counts, 1)  # on both sides of the lower end of each bin
        wide = at_edge + 0.5 * (np.roll(counts, -1) + np.roll(counts, 2))
        edge = int(wide.reshape(3, n_bins).sum(axis=0).argmin()) * BIN
        found[:, t] = np.mod(turned - edge, 360.0) // SECTOR
    return found


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
