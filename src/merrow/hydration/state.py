# SPDX-License-Identifier: MIT
"""Saved states of a run besides its samples, one file each (`run_folder.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from merrow.hydration.protocol import Schedule
from merrow.hydration.result import MoleculeInfo
from merrow.hydration.sampling.tasks import PHASES, Hamiltonian, Phase
from merrow.settings import Placement, Settings


class PreparedInfo(Settings):
    """Summary of the prepared system."""

    molecule: MoleculeInfo
    """The solute."""
    n_waters: int
    """Number of water molecules."""
    charge_shift_e: float = 0.0
    """Shift added to each charge of the solute to make their sum an integer [e]."""
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of topology and coordinates, by name; empty in older folders."""


class PotentialIdentity(Settings):
    """Identity of the weights behind the samples."""

    identity: str
    """Name and hash."""


class Intermediates(Settings):
    """Intermediate ensembles between the MM and the ML solute, by s, ascending; usually none."""

    water: tuple[float, ...] = ()
    """Values of s in water."""
    gas: tuple[float, ...] = ()
    """Values of s in gas."""
    settled: bool = False
    """Whether no more are needed."""

    def hamiltonians(self, phase: Phase) -> tuple[Hamiltonian, ...]:
        """Return the Hamiltonians of the ensembles of a phase, without the ends."""
        return tuple(Hamiltonian(s) for s in (self.water if phase == "water" else self.gas))

    def joined(self, more: Mapping[str, Iterable[float]]) -> Intermediates:
        """Return these with additional ones; settled if there are none."""
        water, gas = (set(more.get(phase, ())) for phase in PHASES)
        return Intermediates(
            water=tuple(sorted(water.union(self.water))),
            gas=tuple(sorted(gas.union(self.gas))),
            settled=not (water or gas),
        )


class Rounds(Settings):
    """Decisions of the sampling rounds."""

    path: int = 0
    """Segments of each path in the next round; 0: as many as the protocol asks for."""
    judged: int = 0
    """Segments of the path when it was last found too short, in older folders without `path`."""
    water: int = 0
    """Segments to which each end state in water is extended; 0: as in the protocol."""
    gas: int = 0
    """The same for the gas phase."""
    reservoir: int = 0
    """Segments of the gas phase whose conformers paths take; 0: as many as in the protocol."""

    def segments(self, phase: Phase) -> int:
        """Return the number of segments decided for the end states of a phase."""
        return self.water if phase == "water" else self.gas


class Timing(Settings):
    """Wall time of the run."""

    wall_s: float = 0.0
    """Total over all successive processes [s]."""


class Crew(Settings):
    """Number of processes that share the GPUs of the run."""

    processes: int = Field(ge=1)
    """The chosen number."""
    steps_per_s: dict[str, float]
    """Total steps per second by number of processes; empty if they take turns on a GPU, where one
    process is best."""


class Underway(Settings):
    """Progress of a run while a process is working on it; absent afterwards."""

    text: str
    """Current activity."""
    fraction: float | None = None
    """Fraction of the current goals that is reached; null if unknown."""
    details: tuple[str, ...] = ()
    """Further information."""
    remaining_s: float | None = None
    """Estimated time left [s]."""


class Failure(Settings):
    """Reason for the failure of a run of a campaign, until it is retried."""

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
"""File of each kind of state; a `Schedule` is the one refined by the pilot run."""

BEHIND_SAMPLES = (PreparedInfo, PotentialIdentity, Schedule, Intermediates, Rounds)
"""States that the samples of a run rest on: without them it would go on with others."""
