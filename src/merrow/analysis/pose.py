# SPDX-License-Identifier: MIT
"""Torsions, contacts and hydrogen bonds of a ligand, by frame."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from merrow.analysis.rmsd import Array, IntArray
from merrow.geometry import Quadruple, torsion_angles
from merrow.uncertainty import mean

CONTACT = 4.5
"""Contact distance of heavy atoms [Å]."""
FALSE_ALARM = 0.05
"""False-alarm probability for changing populations, over all torsions."""
HBOND_LENGTH, HBOND_ANGLE = 3.5, 120.0
"""Longest distance donor–acceptor [Å] and smallest angle at the hydrogen [degree]."""
WELLS = {"gauche+": (0.0, 120.0), "trans": (120.0, 240.0), "gauche-": (240.0, 360.0)}


def torsions(frames: Array, quadruples: Sequence[Quadruple]) -> Array:
    """Return torsion angles between 0 and 360 [degree], shape (F, number of quadruples)."""
    return np.asarray(torsion_angles(frames, quadruples) % 360.0)


def populations(angles: Array) -> dict[str, float]:
    """Return the fraction of frames of a torsion in each well.

    Args:
        angles: Angles between 0 and 360 [degree], shape (F,).
    """
    return {
        name: float(((angles >= low) & (angles < high)).mean())
        for name, (low, high) in WELLS.items()
    }


def unsettled(angles: Array) -> dict[int, float]:
    """Return torsions whose populations differ between the halves of a run, with the difference.

    A difference counts if it is significant against its error, from blocks and autocorrelation, at
    one false-alarm probability for all torsions. Wells that were never visited are not detected.

    Args:
        angles: Angles between 0 and 360 [degree], shape (F, torsions) with F ≥ 10.
    """
    wells = list(WELLS.values())
    limit = float(norm.isf(FALSE_ALARM / 2.0 / max(1, angles.shape[1] * (len(wells) - 1))))
    found: dict[int, float] = {}
    for k in range(angles.shape[1]):
        for low, high in wells:
            inside = ((angles[:, k] >= low) & (angles[:, k] < high)).astype(np.float64)
            one, two = (mean(half) for half in np.array_split(inside, 2))
            apart = abs(one.value - two.value)
            if apart > limit * math.hypot(one.stderr, two.stderr):
                found[k] = max(apart, found.get(k, 0.0))
    return found


def contacts(frames: Array, ligand: IntArray, groups: Sequence[IntArray]) -> Array:
    """Return the fraction of frames with each group in contact with the ligand, shape (groups,).

    Args:
        frames: Positions [Å], shape (F, N, 3).
        ligand: Heavy atoms of the ligand.
        groups: Heavy atoms of each group, such as a residue.
    """
    found = np.zeros(len(groups))
    low = frames[:, ligand].min(axis=1) - CONTACT
    high = frames[:, ligand].max(axis=1) + CONTACT
    for k, atoms in enumerate(groups):
        other = frames[:, atoms]
        inside = (other.max(axis=1) > low).all(axis=1) & (other.min(axis=1) < high).all(axis=1)
        for i in np.flatnonzero(inside):
            apart = frames[i, ligand][:, None] - other[i][None]
            found[k] += (apart**2).sum(axis=-1).min() < CONTACT**2
    return found / len(frames)


def hydrogen_bonds(
    frames: Array, donors: Sequence[tuple[int, int]], acceptors: IntArray
) -> dict[tuple[int, int, int], float]:
    """Return the occupancy of every hydrogen bond that occurs.

    Args:
        frames: Positions [Å], shape (F, N, 3).
        donors: Pairs (donor, hydrogen).
        acceptors: Acceptor atoms.

    Returns:
        Fraction of frames by (donor, hydrogen, acceptor).
    """
    found: dict[tuple[int, int, int], float] = {}
    for donor, hydrogen in donors:
        others = acceptors[acceptors != donor]
        away = frames[:, others] - frames[:, [donor]]
        near = np.linalg.norm(away, axis=2) < HBOND_LENGTH
        for k in np.flatnonzero(near.any(axis=0)):
            to_donor = frames[:, donor] - frames[:, hydrogen]
            to_other = frames[:, others[k]] - frames[:, hydrogen]
            lengths = np.linalg.norm(to_donor, axis=1) * np.linalg.norm(to_other, axis=1)
            cosine = (to_donor * to_other).sum(axis=1) / lengths
            bent = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) > HBOND_ANGLE
            part = float((near[:, k] & bent).mean())
            if part > 0.0:
                found[donor, hydrogen, int(others[k])] = part
    return found
