# SPDX-License-Identifier: MIT
"""Where does an end state go on? Where it stands, or where a snapshot of its MM neighbour stands.

The pool holds snapshots x of the MM ensemble, π₀(x) ∝ exp(−u₀(x)). The end state has the density
π₁(x) ∝ exp(−u₀(x) − w(x)), where w = βs(E_ML − E_MM) depends on the solute alone: water, volume
and, the masses being equal, velocities have the same factors in both. A snapshot is proposed at
random from the pool, whatever the present one is: q(x) = π₀(x). Metropolis's ratio
π₁(new) π₀(old) / π₁(old) π₀(new) is exp(w(old) − w(new)) (a Metropolised independence sampler).

Proposals must be independent. Snapshots of a path that keeps a conformer for long are not, one
after the other: the end state would take over the populations of MM. Hence they are drawn from all
of the pool, which belongs to one repeat: what it does not know yet makes repeats scatter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from merrow.engine.simulation import Snapshot

Array = np.ndarray

ATTEMPTS = 100
"""Proposals before a segment; they cost nothing but one energy of each snapshot of the pool."""


@dataclass(frozen=True)
class Proposals:
    """Phases of the MM ensemble for an end state.

    Attributes:
        snapshots: The pool, m snapshots.
        work: w of any snapshots [kT], shape (k,) from k snapshots.
    """

    snapshots: tuple[Snapshot, ...]
    work: Callable[[tuple[Snapshot, ...]], Array]

    def choose(self, snapshot: Snapshot, random: np.random.Generator) -> Snapshot:
        """Return where to go on from, after some proposals to a snapshot of the end state."""
        here, *pool = self.work((snapshot, *self.snapshots)).tolist()
        for k in random.integers(len(pool), size=ATTEMPTS).tolist():
            if math.log(random.random()) < here - pool[k]:
                snapshot, here = self.snapshots[k], pool[k]
        return snapshot
