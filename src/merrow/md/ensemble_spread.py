# SPDX-License-Identifier: MIT
"""Monitoring of the disagreement between ensemble members of the potential during a run.

Checked at every block of mdout: the spread of E_ML is known from the step, that of the forces costs
one evaluation per member. Beyond a threshold the run stops, saves the frame, or only warns.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merrow.amber.coordinates import Coordinates
from merrow.amber.topology import AmberTopology, atom_label
from merrow.amber.trajectory import TrajectoryWriter
from merrow.engine.dynamics import StepReport
from merrow.errors import InputError, NumericsError
from merrow.mdin.mlp import MlSettings
from merrow.potentials.ensemble import check_ensemble, force_spread
from merrow.potentials.interface import Array, Potential
from merrow.system.build import HybridSystem
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ


@dataclass(frozen=True)
class Disagreement:
    """Disagreement of the ensemble members for one configuration.

    Attributes:
        energy: Spread of E_ML [kcal/mol].
        force: Largest spread of the force on an atom [kcal/mol/Å], or None if not available.
        atom: That atom, such as "atom 5 (:1@C1)".
    """

    energy: float
    force: float | None
    atom: str


def disagreement(
    hybrid: HybridSystem, topology: AmberTopology, report: StepReport
) -> Disagreement | None:
    """Return the disagreement of the members, or None for a potential without an ensemble."""
    if report.spread is None or hybrid.bridge is None:
        return None
    atoms = hybrid.region.model_atoms
    positions = report.snapshot.positions[list(atoms)] * ANGSTROM_PER_NM
    spread = force_spread(hybrid.bridge.potential, positions[None])
    energy = report.spread * KCAL_PER_KJ
    if spread is None:
        return Disagreement(energy, None, "")
    worst = int(np.argmax(spread[0]))
    label = f"atom {atoms[worst] + 1} ({atom_label(topology, atoms[worst])})"
    return Disagreement(energy, float(spread[0, worst]), label)


def check_members(ml: MlSettings, potential: Potential, positions: Array) -> None:
    """Refuse thresholds for a potential without an ensemble.

    Args:
        ml: Settings of the ML region.
        potential: The potential.
        positions: Positions of the ML region [Å], shape (N, 3).

    Raises:
        InputError: A threshold would have no effect.
    """
    check_ensemble(ml.max_spread_kcal, potential)
    name = potential.capabilities.name
    if ml.max_force_spread_kcal is not None and force_spread(potential, positions[None]) is None:
        raise InputError(
            f"max_force_spread={ml.max_force_spread_kcal:g} needs a potential that gives the "
            f"forces of its members, which {name} does not; take max_force_spread out, or choose "
            "such as ani2x or aimnet2."
        )


@dataclass
class SpreadMonitor:
    """Checks every block of a run, and records whether it is beyond a threshold.

    Attributes:
        ml: Thresholds and action.
        path: Trajectory of the frames beyond them, created with the first one.
        title: Title of that trajectory.
        files: Exit stack that closes it.
        looked: Number of checked blocks.
        beyond: Number of blocks beyond a threshold.
        outside: Whether the last block was beyond one.
    """

    ml: MlSettings
    path: Path
    title: str
    files: ExitStack
    looked: int = 0
    beyond: int = 0
    outside: bool = False
    writer: TrajectoryWriter | None = None

    def look(
        self,
        found: Disagreement | None,
        *,
        step: int,
        time: float,
        frame: Callable[[], Coordinates],
    ) -> str:
        """Check a block; return the message for mdout, or "".

        Args:
            found: Disagreement of the members.
            step: Step of this run.
            time: Time [ps].
            frame: Returns the coordinates to save.

        Raises:
            NumericsError: A threshold is exceeded and the settings say to stop.
        """
        if found is None:
            return ""
        self.looked += 1
        told, before = self._excess(found), self.outside
        self.outside = bool(told)
        if not told:
            return f"| The members agree again at step {step} ({time:.3f} ps).\n\n" * before
        message = f"the members of the potential disagree at step {step}: {told}"
        if self.ml.on_spread == "stop":
            raise NumericsError(f"{message}; the region has left what the model was trained for.")
        self.beyond += 1
        if self.ml.on_spread == "save":
            self._save(frame(), time)
            message += f"; frames go to {self.path}"
        return "" if before else f"| WARNING at {time:.3f} ps: {message}.\n\n"

    def _excess(self, found: Disagreement) -> str:
        """Describe the excess over the thresholds; "" if there is none."""
        said, ml = [], self.ml
        if ml.max_spread_kcal is not None and not found.energy <= ml.max_spread_kcal:
            said.append(
                f"E_ML has a spread of {found.energy:.2f} kcal/mol, more than the "
                f"{ml.max_spread_kcal:g} of max_spread"
            )
        limit = ml.max_force_spread_kcal
        if limit is not None and found.force is not None and not found.force <= limit:
            said.append(
                f"the force on {found.atom} has one of {found.force:.2f} kcal/mol/Å, more than the "
                f"{limit:g} of max_force_spread"
            )
        elif said and found.force is not None:
            said.append(f"the force on {found.atom} has the largest, {found.force:.2f} kcal/mol/Å")
        return " and ".join(said)

    def _save(self, frame: Coordinates, time: float) -> None:
        if self.writer is None:
            writer = TrajectoryWriter(self.path, frame, velocities=False, title=self.title)
            self.writer = self.files.enter_context(writer)
        self.writer.append(frame, time)

    def sync(self) -> None:
        """Flush all frames to disk."""
        if self.writer is not None:
            self.writer.sync()

    def summary(self) -> str:
        """Return the summary for the end of mdout; "" if no threshold was exceeded."""
        if not self.beyond:
            return ""
        kept = f"; {self.path} has these frames" if self.writer is not None else ""
        return f"\n| The members disagreed at {self.beyond} of {self.looked} printed steps{kept}.\n"
