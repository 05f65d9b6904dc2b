# SPDX-License-Identifier: MIT
"""Which ensembles stand between the MM and the ML solute of this run? Names, and what was decided.

Most molecules need none. Where the two end states of the endpoint route are too far apart for one
BAR step, further ones E_MM + s (E_ML − E_MM) are sampled; a resumed run follows the record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from merrow.engine.storage import save_json
from merrow.system.potentials import MM

ML: Final = "ml"
PHASES = ("water", "gas")
RUNGS = "system/rungs.json"


@dataclass(frozen=True)
class Rungs:
    """The shares s of the ensembles between MM and ML, 0 < s < 1.

    Attributes:
        between: Shares by phase, "water" and "gas", rising.
        settled: Whether it was judged that no more are needed.
    """

    between: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    settled: bool = False

    def hamiltonians(self, phase: str) -> tuple[str, ...]:
        """Return the names of the ensembles of a phase, without the ends."""
        return tuple(name_of(share) for share in self.between.get(phase, ()))

    def joined(self, more: Mapping[str, Iterable[float]]) -> Rungs:
        """Return these and further shares; settled if there are none."""
        between = {
            phase: tuple(sorted({*self.between.get(phase, ()), *more.get(phase, ())}))
            for phase in PHASES
        }
        return Rungs(between, settled=not any(tuple(shares) for shares in more.values()))


def name_of(share: float) -> str:
    """Return what tasks and folders call a Hamiltonian: "mm", "ml", or "s500" for s = 0.5."""
    return {0.0: MM, 1.0: ML}.get(share, f"s{round(1000 * share):03d}")


def share_of(hamiltonian: str) -> float:
    """Return s of a Hamiltonian by its name: 0 for "mm", 1 for "ml"."""
    known = {MM: 0.0, ML: 1.0}
    return known[hamiltonian] if hamiltonian in known else int(hamiltonian[1:]) / 1000


def read_rungs(run: Path) -> Rungs:
    """Return what was decided in a run folder; nothing if nothing was."""
    path = run / RUNGS
    if not path.exists():
        return Rungs()
    data = json.loads(path.read_text(encoding="utf-8"))
    return Rungs({p: tuple(data[p]) for p in PHASES}, bool(data["settled"]))


def save_rungs(run: Path, rungs: Rungs) -> None:
    """Write what was decided, whole or not at all."""
    shares = {phase: list(rungs.between.get(phase, ())) for phase in PHASES}
    save_json(run / RUNGS, {**shares, "settled": rungs.settled})
