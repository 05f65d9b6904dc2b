# SPDX-License-Identifier: MIT
"""Butane with one torsion: the bonds and angles of GAFF, and nothing else within it.

What hangs on its two middle atoms does not know of the torsion: its density in gas is that of
exp(−βV(φ)) alone, known by quadrature, and turning one half of any gas frame to an angle from that
density gives another frame of the gas phase.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import small_box

from merrow.engine.advance import advance_leg
from merrow.engine.storage import TaskFolder
from merrow.geometry import torsion_angles
from merrow.system.internal import ClassicalPotential
from merrow.units import thermal_energy

BARRIER, LEAN = 12.0, 2.0
"""kJ/mol; V = 12 (1 + cos 3φ) + 2 (1 + cos φ): 10 kT to cross, about one crossing in 10 ns."""


def potential(phi):
    """V(φ) [kJ/mol] of angles [degree]."""
    phi = np.radians(phi)
    return BARRIER * (1 + np.cos(3 * phi)) + LEAN * (1 + np.cos(phi))


def trans(phi):
    """Whether angles [degree] are in the sector of 180°."""
    return np.abs(phi) > 120.0


GRID = np.linspace(-179.975, 179.975, 7200)
DENSITY = np.exp(-potential(GRID) / thermal_energy(small_box.TEMPERATURE))
EXACT = float(DENSITY[trans(GRID)].sum() / DENSITY.sum())
"""Population of trans in gas, by quadrature."""


def solvated(systems, folder) -> small_box.Solvated:
    """Butane with one torsion in 70 waters, and a trans and a gauche conformer."""
    made = small_box.prepare("butane", systems, folder, seed=1)
    bonded = dict(made.classical.terms.bonded)
    rows = tuple((*map(float, made.torsions[0]), n, 0.0, k) for n, k in ((3, BARRIER), (1, LEAN)))
    terms = replace(
        made.classical.terms, bonded=tuple((bonded | {"PeriodicTorsionForce": rows}).items()),
        pairs=(),
    )  # fmt: skip
    own = ClassicalPotential(terms, name="one torsion", identity="one torsion")
    first = made.conformers[:1]
    both = np.concatenate([turned(made, first, [180.0]), turned(made, first, [60.0])])
    return replace(made, classical=own, conformers=both)


def turned(butane, frames, angles):
    """Frames with the given torsion angles [degree]; one half of the molecule turns."""
    torsion = butane.torsions[0]
    (b, c), bonds = torsion[1:3], butane.topology.bonds
    half, grew = {c}, True
    while grew:
        more = {y for x in half for pair in bonds for y in pair if x in pair} - half - {b}
        half, grew = half | more, bool(more)
    moves = sorted(half)
    now, out = torsion_angles(frames, [torsion])[:, 0], frames.copy()
    for k, angle in enumerate(angles):
        axis = frames[k, c] - frames[k, b]
        turn = Rotation.from_rotvec(np.radians(angle - now[k]) * axis / np.linalg.norm(axis))
        out[k, moves] = turn.apply(frames[k, moves] - frames[k, c]) + frames[k, c]
    return out


def angles_of(butane, folder, plan, state):
    """Torsion angle of every record of an end state [degree], and all records."""
    samples, frames, rows = small_box.read_leg(folder, plan)
    mine = samples.state[rows] == state
    return torsion_angles(frames[mine], butane.torsions)[:, 0], samples


def sample(butane, plan, folder, start, **more):
    """Equilibrate a leg from a conformer and run one segment; `more` as in `advance_leg`."""
    hybrid = small_box.hybrid_of(butane, butane.classical)
    beginning = small_box.start_snapshot(butane, start)
    for _ in range(2):
        advance_leg(TaskFolder(folder), hybrid, plan, lambda: beginning, **more)
