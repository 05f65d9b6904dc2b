# SPDX-License-Identifier: MIT
"""Check that runs from different starting conformers have the same torsion populations.

If not, a barrier was not crossed, which the error of the free energy does not show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from merrow.free_energy.stored import Verdict, verdict
from merrow.samples import Array, IntArray
from merrow.uncertainty import inefficiency

SECTOR = 120
"""Width of a torsion state [degree]."""
BIN = 5
"""Resolution of the edges of a torsion state [degree]."""
EDGES = (60, 120)
"""Between these lies the edge of two ranges of |φ| [degree]."""
ASIDE = 0.5
"""Least |sin φ| at which the sign of a torsion is no chance."""
CHANCE = 0.0455
"""False-alarm probability over all torsions and pairs of a phase: two standard errors for one."""
LEAST_ROWS = 8
GO_ON = "go on in the same folder with a longer --max-time or --set maximum_sampling_ps=..."
"""What helps where a run ended before its repeats agreed."""


@dataclass(frozen=True)
class Torsions:
    """Torsions that tell the conformers of a molecule apart.

    Attributes:
        names: Names, length t.
        kinds: Kind of each; equivalent torsions, as in diethyl ether, have the same. Length t.
        mirrored: Whether a conformer and its mirror image have the same energy: the molecule has no
            stereocentre.
    """

    names: tuple[str, ...]
    kinds: tuple[int, ...]
    mirrored: bool

    def single(self, angles: Array) -> dict[str, IntArray]:
        """Return the states of each kind of torsion by its name, shape (n, m) for m equivalents.

        States are three sectors of 120° (see `sectors`), or two ranges of |φ| where mirror images
        are equal, so that +60° and −60° are not different conformers.

        Args:
            angles: Torsion angles of all frames to be compared [degree], shape (n, t).
        """
        found = {}
        for kind in dict.fromkeys(self.kinds):
            columns = [t for t, own in enumerate(self.kinds) if own == kind]
            flat = angles[:, columns].reshape(-1, 1)
            states = _ranges(flat) if self.mirrored else sectors(flat)
            found[self._name(columns)] = states.reshape(-1, len(columns))
        return found

    def together(self, angles: Array) -> dict[str, IntArray]:
        """Return the states of `single`, and with mirror images also those of pairs of torsions.

        Two torsions far from 0° and 180° have the same sign or opposite ones, as g+g+ and g+g−.
        """
        found = self.single(angles)
        if not self.mirrored:
            return found
        sine = np.sin(np.radians(angles))
        side = np.where(np.abs(sine) < ASIDE, 0, np.sign(sine)).astype(np.int64)
        pairs: dict[tuple[int, ...], list[tuple[int, int]]] = {}
        for i, j in self._pairs():
            pairs.setdefault(tuple(sorted((self.kinds[i], self.kinds[j]))), []).append((i, j))
        for members in pairs.values():
            name = " with ".join(self.names[t] for t in members[0])
            found[name] = np.stack([side[:, i] * side[:, j] % 3 for i, j in members], axis=1)
        return found

    def _pairs(self) -> Iterator[tuple[int, int]]:
        count = len(self.names)
        yield from ((i, j) for i in range(count) for j in range(i + 1, count))

    def _name(self, columns: list[int]) -> str:
        first, others = self.names[columns[0]], len(columns) - 1
        return f"{first} (and {others} like it)" if others else first


def judge_populations(
    angles: Array, groups: IntArray, *, phase: str, torsions: Torsions
) -> Verdict:
    """Compare the populations of torsion states between groups.

    The most populated state of each torsion is compared, with the error of a fraction of n/g
    independent frames. Fractions are kept one frame away from 0 and 1, so that frozen torsions also
    have an error.

    Args:
        angles: Torsion angles in order of time [degree], shape (n, t).
        groups: Group of each frame, shape (n,).
        phase: Such as "water" or "gas by MM", for the message.
        torsions: The torsions, t.
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
    states = torsions.together(angles)
    comparisons = len(states) * len(labels) * (len(labels) - 1) // 2
    limit = float(norm.isf(CHANCE / 2 / comparisons))
    largest = {}
    for label, state in states.items():
        common = int(np.bincount(state.ravel(), minlength=3).argmax())
        inside = (state == common).mean(axis=1)
        largest[label] = _largest_z([inside[groups == g] for g in labels])
    where = max(largest, key=largest.__getitem__)
    worst = largest[where]
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
        f"NOT CONVERGED: the populations of torsion {where} differ by {worst:.1f} standard "
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


def _ranges(angles: Array) -> IntArray:
    """Return whether |φ| lies below (0) or above (1) an edge near 90°, where frames are fewest.

    Args:
        angles: Torsion angles of all frames to be compared [degree], of any shape.
    """
    size = np.abs(np.mod(angles + 180.0, 360.0) - 180.0)
    counts = np.bincount((size.ravel() // BIN).astype(int), minlength=180 // BIN + 1)
    edges = sorted(range(EDGES[0], EDGES[1] + BIN, BIN), key=lambda edge: abs(edge - 90))
    fewest = min(edges, key=lambda edge: counts[edge // BIN - 2 : edge // BIN + 2].sum())
    return np.asarray(size >= fewest, dtype=np.int64)


def _largest_z(inside: list[Array]) -> float:
    fractions, errors = [], []
    for series in inside:
        independent = max(len(series) / inefficiency([series]), 1.0)
        least = 1 / (independent + 2)
        fractions.append(series.mean())
        errors.append(max(series.var(), least * (1 - least)) / independent)
    pairs = [(i, j) for i in range(len(inside)) for j in range(i)]
    return max(
        float(abs(fractions[i] - fractions[j]) / np.sqrt(errors[i] + errors[j])) for i, j in pairs
    )
