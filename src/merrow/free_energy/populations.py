# SPDX-License-Identifier: MIT
"""Check that runs from different starting conformers have the same torsion populations.

If not, a barrier was not crossed, which the error of the free energy does not show.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

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
LEAST_ROWS = 40
"""Frames of a group from which its correlation can be estimated."""
LEAST_INDEPENDENT = 10
"""Independent frames of a torsion without which agreement says nothing: repeats that begin in
different conformers and hardly leave them agree within their large errors."""
GO_ON = "go on in the same folder with a longer --max-time or --set maximum_sampling_ps=..."
"""What helps where a run ended before its repeats agreed."""
ANEW = "start a new run with a longer gas phase, --set gas_ps=... and another --out"
"""What helps in gas, whose conformers the path has taken."""


@dataclass(frozen=True)
class Torsions:
    """Torsions that tell the conformers of a molecule apart; equivalent ones are one kind.

    Attributes:
        singles: Columns of the angles of each kind of torsion, by name.
        pairs: Pairs of columns of each kind of pair, by name.
        mirrored: Whether a conformer and its mirror image have the same energy: the molecule has no
            stereocentre. Then +60° and −60° are one state.
    """

    singles: Mapping[str, tuple[int, ...]]
    pairs: Mapping[str, tuple[tuple[int, int], ...]]
    mirrored: bool

    def single(self, angles: Array) -> dict[str, IntArray]:
        """Return the states of each kind of torsion, shape (n, m) for m equivalent ones.

        States are three sectors of 120° (see `sectors`), or two ranges of |φ| where mirror images
        are equal.

        Args:
            angles: Torsion angles of all frames to be compared [degree], shape (n, t).
        """
        found = {}
        for name, columns in self.singles.items():
            flat = angles[:, list(columns)].reshape(-1, 1)
            states = _ranges(flat) if self.mirrored else sectors(flat)
            found[name] = states.reshape(-1, len(columns))
        return found

    def together(self, angles: Array) -> dict[str, IntArray]:
        """Return the states of `single`, and where mirror images are equal also those of pairs.

        Two torsions far from 0° and 180° have the same sign or opposite ones, as g+g+ and g+g−.
        """
        found = self.single(angles)
        if not self.mirrored:
            return found
        sine = np.sin(np.radians(angles))
        side = np.where(np.abs(sine) < ASIDE, 0, np.sign(sine)).astype(np.int64)
        for name, members in self.pairs.items():
            found[name] = np.stack([side[:, i] * side[:, j] % 3 for i, j in members], axis=1)
        return found


@dataclass(frozen=True)
class Comparison:
    """Of all populations, the one that differs most between two groups, and the slowest.

    Attributes:
        where: Name of the torsion, or of the pair, that differs most.
        z: Difference in standard errors.
        p: Its probability by chance, times the number of comparisons.
        slowest: Name of the one with the fewest independent frames in a group.
        frames: Their number.
    """

    where: str = ""
    z: float = 0.0
    p: float = 1.0
    slowest: str = ""
    frames: float = math.inf


def judge_populations(
    angles: Array,
    groups: IntArray,
    *,
    phase: str,
    torsions: Torsions,
    replicas: IntArray | None = None,
) -> Verdict:
    """Compare the populations of torsion states between groups.

    A population has the error of a fraction of n/g independent frames. It is kept one frame away
    from 0 and 1, so that frozen torsions also have an error.

    Args:
        angles: Torsion angles in order of time [degree], shape (n, t).
        groups: Group of each frame, shape (n,).
        phase: Such as "water" or "gas by MM", for the message.
        torsions: The torsions.
        replicas: Replica of its group that each frame is of, shape (n,); None for one in each.
    """
    name, labels = f"starting conformers, {phase}", np.unique(groups)

    def fails(message: str) -> Verdict:
        return verdict(name, False, message, ANEW if "gas" in phase else GO_ON, serious=True)

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
        return fails(
            f"There are too few frames in {phase} to compare runs from different conformers."
        )
    replicas = np.zeros_like(groups) if replicas is None else replicas
    found = _compared(torsions.together(angles), groups, replicas)
    if found.frames < LEAST_INDEPENDENT:
        return fails(
            f"NOT CONVERGED: torsion {found.slowest} changes so slowly in {phase} that a run has "
            f"only about {found.frames:.0f} independent frames of it (wanted: at least "
            f"{LEAST_INDEPENDENT})."
        )
    if found.p < CHANCE:
        return fails(
            f"NOT CONVERGED: the populations of torsion {found.where} differ by {found.z:.1f} "
            f"standard errors between runs from different conformers in {phase} "
            f"(p = {found.p:.0e})."
        )
    return verdict(
        name,
        True,
        f"Runs from different conformers agree in {phase}: torsion populations differ by at most "
        f"{found.z:.1f} standard errors.",
    )


@dataclass(frozen=True)
class _Population:
    """The fraction of a state in a run.

    Attributes:
        value: The fraction.
        variance: Its variance.
        frames: Independent frames.
        spread: Variance of the state from frame to frame.
    """

    value: float
    variance: float
    frames: float
    spread: float

    @classmethod
    def of(cls, inside: NDArray[np.bool_], replica: IntArray | None = None) -> _Population:
        """Return it from whether each torsion is in the state in each frame, shape (n, m).

        The independent frames are the fewer of two estimates: n/g, and those that have the variance
        of the mean over cycles (`_variance`). For few changes g is underestimated, and where
        replicas take turns in a state, as fast as they are exchanged, a conformer goes and comes
        back with each, so that the series forgets itself much faster than the replicas change.

        Args:
            inside: Whether each torsion is in the state in each frame.
            replica: Replica that each frame is of, shape (n,); None for one alone.
        """
        series = inside.mean(axis=1)
        n, value = len(series), float(series.mean())
        replica = np.zeros(n, dtype=np.int64) if replica is None else replica
        frames = n / inefficiency([series])
        each = inside.mean(axis=0)
        if (whole := float(np.sum(each * (1 - each)))) > 0.0:
            frames = min(frames, whole / sum(_variance(own, replica) for own in inside.T))
        frames = max(frames, 1.0)
        spread, least = float(series.var()), 1 / (frames + 2)  # one frame away from 0 and 1
        return cls(value, max(spread, least * (1 - least)) / frames, frames, spread)

    def difference(self, other: _Population) -> tuple[float, float]:
        """Return the difference in standard errors, and its probability by chance.

        Few independent frames make a wide distribution: Student's, with Welch's degrees of freedom.
        """
        variance = self.variance + other.variance
        parts = (own.variance**2 / max(own.frames - 1, 1.0) for own in (self, other))
        z = abs(self.value - other.value) / math.sqrt(variance)
        return z, float(2 * student.sf(z, variance**2 / sum(parts)))


def _variance(inside: NDArray[np.bool_], replica: IntArray) -> float:
    """Return the variance of the fraction of frames in a state, from independent cycles.

    A cycle is what a replica stays in one state and then in the other; the stays of all replicas
    that still have the conformer with which they all began are one. With x of its w frames in the
    state, a cycle adds (x − fw)², where f is the fraction in all n frames (regenerative simulation,
    Crane & Iglehart, J. ACM 1974, 21, 103).

    Args:
        inside: Whether each frame is in the state, in order of time, shape (n,).
        replica: Its replica, shape (n,).
    """
    apart, total, begun = inside - inside.mean(), 0.0, 0.0
    for one in np.unique(replica):
        own = replica == one
        changes = np.flatnonzero(np.diff(inside[own])) + 1
        stays = [float(part.sum()) for part in np.split(apart[own], changes)]
        if inside[own][0] == inside[0]:
            begun += stays.pop(0)
        total += sum(sum(stays[k : k + 2]) ** 2 for k in range(0, len(stays), 2))
    return float(total + begun**2) / len(inside) ** 2


def _compared(states: Mapping[str, IntArray], groups: IntArray, replicas: IntArray) -> Comparison:
    """Compare every population of every pair of groups."""
    labels = np.unique(groups)
    found, comparisons = Comparison(), 0
    for name, state in states.items():
        present = np.unique(state)
        if len(present) < 2:
            continue
        shown = present if len(present) > 2 else present[:1]
        table = [
            [_Population.of(state[own] == one, replicas[own]) for one in shown]
            for own in (groups == g for g in labels)
        ]
        if (fewest := min(map(_frames, table))) < found.frames:
            found = replace(found, slowest=name, frames=fewest)
        for own, other in itertools.combinations(table, 2):
            for mine, its in zip(own, other, strict=True):
                comparisons += 1
                z, p = mine.difference(its)
                if p < found.p:
                    found = replace(found, where=name, z=z, p=p)
    return replace(found, p=min(1.0, found.p * max(comparisons, 1)))


def _frames(populations: Sequence[_Population]) -> float:
    """Return the independent frames of a torsion: summed variances of its states over errors².

    A state that is hardly ever there has few, but says little on the others.
    """
    errors = sum(own.spread / own.frames for own in populations)
    if errors == 0.0:
        return min(own.frames for own in populations)
    return sum(own.spread for own in populations) / errors


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
