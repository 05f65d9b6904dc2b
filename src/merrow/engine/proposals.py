# SPDX-License-Identifier: MIT
"""Monte Carlo proposals for an ML/MM end state from snapshots of its neighbour towards MM.

The pool holds snapshots x of the neighbour, π₀(x) ∝ exp(−u₀(x)). The end state has the density
π₁(x) ∝ exp(−u₀(x) − w(x)), where w = βΔs(E_ML − E_MM) depends on the solute alone: water, volume
and, with equal masses, velocities have the same factors in both. A snapshot is proposed at random
from the pool, independent of the current one: q(x) = π₀(x). The Metropolis ratio
π₁(new) π₀(old) / π₁(old) π₀(new) is exp(w(old) − w(new)) (a Metropolised independence sampler).

Proposals must be independent. Successive snapshots of a path with a long-lived conformer are not:
the end state would inherit the MM populations. Hence they are drawn from the whole pool of a
repeat; populations that it has not sampled yet show up as scatter between repeats. Each is proposed
once at most: one that is tried until it is taken counts more than its weight, and a small pool of
MM snapshots would pull the end state towards MM.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from merrow.engine.simulation import Snapshot

Array = np.ndarray

ATTEMPTS = 100
"""Most proposals before a segment."""


@dataclass(frozen=True)
class Proposals:
    """Snapshots of the neighbour towards MM as proposals for an end state.

    Attributes:
        snapshots: The pool, m snapshots.
        work: Function that returns w [kT], shape (k,), of k snapshots.
    """

    snapshots: tuple[Snapshot, ...]
    work: Callable[[tuple[Snapshot, ...]], Array]

    def choose(self, snapshot: Snapshot, random: np.random.Generator) -> Snapshot:
        """Return the snapshot to continue from, after some proposals to replace the current one."""
        tried = random.permutation(len(self.snapshots))[:ATTEMPTS].tolist()
        here, *pool = self.work((snapshot, *(self.snapshots[k] for k in tried))).tolist()
        for k, there in zip(tried, pool, strict=True):
            if math.log(random.random()) < here - there:
                snapshot, here = self.snapshots[k], there
        return snapshot
