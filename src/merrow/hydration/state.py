# SPDX-License-Identifier: MIT
"""What a run keeps of itself beside its samples: small states, one file each (`run_folder.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from merrow.hydration.protocol import Schedule
from merrow.hydration.result import MoleculeInfo
from merrow.hydration.sampling.tasks import PHASES, Hamiltonian, Phase
from merrow.settings import Placement, Settings


class PreparedInfo(Settings):
    """What is said of the prepared system."""

    molecule: MoleculeInfo
    """The solute."""
    n_waters: int
    """Water molecules."""
    charge_shift_e: float = 0.0
    """What was added to each charge of the solute to make their sum whole [e]."""
    files: dict[str, str] = Field(default_factory=dict)
    """sha256 of topology and coordinates, by name; empty in folders of before."""


class PotentialIdentity(Settings):
    """The weights that the samples were made with."""

    identity: str
    """Name and hash."""


class Intermediates(Settings):
    """The ensembles between the MM and the ML solute, by s, rising; most molecules need none."""

    water: tuple[float, ...] = ()
    """In water."""
    gas: tuple[float, ...] = ()
    """In gas."""
    settled: bool = False
    """Whether it was judged that no more are needed."""

    def hamiltonians(self, phase: Phase) -> tuple[Hamiltonian, ...]:
        """Return what drives the ensembles of a phase, without the ends."""
        return tuple(Hamiltonian(s) for s in (self.water if phase == "water" else self.gas))

    def joined(self, more: Mapping[str, Iterable[float]]) -> Intermediates:
        """Return these and further ones; settled if there are none."""
        water, gas = (set(more.get(phase, ())) for phase in PHASES)
        return Intermediates(
            water=tuple(sorted(water.union(self.water))),
            gas=tuple(sorted(gas.union(self.gas))),
            settled=not (water or gas),
        )


class Rounds(Settings):
    """What the rounds of sampling decided."""

    judged: int = 0
    """Segments of the path at the last judgement that they are not enough."""
    water: int = 0
    """Segments that each end state in water is lengthened to; 0: as the protocol says."""
    gas: int = 0
    """The same for the gas phase."""

    def segments(self, phase: Phase) -> int:
        """Return what was decided for the end states of a phase."""
        return self.water if phase == "water" else self.gas


class Timing(Settings):
    """How long the run has taken."""

    wall_s: float = 0.0
    """Over all processes that worked on it, one after the other [s]."""


class Crew(Settings):
    """How many processes share the GPUs of the run."""

    processes: int = Field(ge=1)
    """The number that was chosen."""
    steps_per_s: dict[str, float]
    """Steps per second of all together, by how many they are; empty where they take turns on a
    GPU, which one process does best."""


class Underway(Settings):
    """How far a run is while a process works on it; absent afterwards."""

    text: str
    """What is done now."""
    fraction: float | None = None
    """Part of the present goals that is reached; null where it is not known."""
    details: tuple[str, ...] = ()
    """What else is worth seeing."""
    remaining_s: float | None = None
    """Estimate of the time left [s]."""


class Failure(Settings):
    """Why a run of a campaign failed, until it is tried again."""

    why: str
    """One sentence."""


STATE_FILES: dict[type[Settings], str] = {
    PreparedInfo: "system/prepared.json",
    PotentialIdentity: "system/potential.json",
    Schedule: "system/schedule.json",
    Intermediates: "system/intermediates.json",
    Rounds: "system/rounds.json",
    Placement: "system/placement.json",
    Crew: "system/crew.json",
    Timing: "timing.json",
    Underway: "progress.json",
    Failure: "failure.json",
}
"""Where each kind of state is kept; a `Schedule` is the one that the pilot refined."""
