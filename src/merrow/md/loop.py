# SPDX-License-Identifier: MIT
"""The main loop of a run, with its output.

The run is divided into segments of ntwr steps. Each ends with a restart file, from which the next
one starts, with seeds from (ig, step): a run that is killed and continued from its restart is
identical to an uninterrupted one, bit for bit on the CPU.
"""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TextIO

from merrow.amber import mdout as layout
from merrow.amber.coordinates import Coordinates, write_restart
from merrow.amber.mdinfo import Pace, timings
from merrow.amber.mdout import Energies
from merrow.amber.trajectory import TrajectoryWriter, write_netcdf_restart
from merrow.engine.decompose import HybridDecomposition
from merrow.engine.dynamics import StepReport, run_dynamics
from merrow.engine.minimize import MinimizeReport, minimize
from merrow.engine.record import require_edges
from merrow.engine.simulation import GPU_PLATFORMS, Snapshot
from merrow.engine.slope import Slope
from merrow.errors import IncompleteError, NumericsError
from merrow.files import atomic_write
from merrow.md.box import NO_BOX, cell_of
from merrow.md.ensemble_spread import SpreadMonitor, disagreement
from merrow.md.report import (
    coordinates_of,
    energies_of,
    preamble,
    terms_kcal,
    wrapped,
)
from merrow.md.setup import MdOutputs, MdSetup
from merrow.progress import Listener, Progress
from merrow.units import KCAL_PER_KJ, KJ_PER_KCAL, NM_PER_ANGSTROM


@dataclass
class Run:
    """One run: its state and its output files."""

    setup: MdSetup
    outputs: MdOutputs
    log: TextIO
    files: ExitStack
    listen: Listener
    seen: list[Energies] = field(default_factory=list)
    saved: int | None = None
    step: int = 0
    slope: Slope | None = None

    def __post_init__(self) -> None:
        settings, self.cell = self.setup.settings, self.setup.cell
        path = self.outputs.mdspread
        self.spread = SpreadMonitor(settings.ml, path, settings.title, self.files)

    def open(self) -> None:
        """Write the sections of mdout above the results."""
        self.began = self.last = time.monotonic()
        self.last_step = 0
        self.tell(preamble(self.setup, self.outputs))

    def tell(self, text: str) -> None:
        """Append to mdout and flush."""
        self.log.write(text)
        self.log.flush()

    def minimise(self) -> None:
        """Minimise, and write the final coordinates."""
        settings = self.setup.settings
        target = settings.gradient_kcal_per_angstrom
        final = minimize(
            self.setup.hybrid,
            self.setup.snapshot,
            platform=self.setup.plan.platform,
            tolerance=target * KJ_PER_KCAL / NM_PER_ANGSTROM,
            max_steps=settings.steps,
            report_interval=settings.print_interval,
            report=self._minimum,
        )
        converged = final.rms_gradient * KCAL_PER_KJ * NM_PER_ANGSTROM <= target
        self.tell(
            "\n  RMS gradient below drms.\n"
            if converged
            else "\n  Maximum number of minimization cycles reached.\n"
        )
        self.tell("\n\n                    FINAL RESULTS\n\n")
        self._minimum(final)
        self.save(final.snapshot, final.step, velocities=False)

    def propagate(self) -> None:
        """Run all segments."""
        setup, settings = self.setup, self.setup.settings
        first, snapshot = setup.restart.step, setup.snapshot
        frames, every, parts = self._frames(), settings.restart_interval, None
        if setup.plan.platform in GPU_PLATFORMS:  # where its ten Contexts take seconds to open
            parts = HybridDecomposition(setup.hybrid, snapshot.box, platform=setup.plan.platform)
        step, last = first, first + settings.steps
        while step < last:
            end = min(last, step - step % every + every)
            for report in run_dynamics(
                setup.hybrid,
                setup.plan,
                snapshot,
                first_step=step,
                steps=end - step,
                report_interval=settings.print_interval,
                frame_interval=math.gcd(*(every for every, _ in frames)),
                frame=lambda at, there: self._write(at, there, frames),
                decomposition=parts,
            ):
                if report.step > step or (step == first and not settings.goes_on):
                    self._step(report, frames, last=report.step == last)
                snapshot = report.snapshot
            require_edges(setup.hybrid, snapshot.box)
            for _, writer in frames:
                writer.sync()
            self.spread.sync()
            snapshot = self.save(snapshot, end - first)
            step = end

    def _frames(self) -> list[tuple[int, TrajectoryWriter]]:
        """Open the requested trajectories, each with its interval [steps]."""
        settings, like = self.setup.settings, coordinates_of(self.setup.snapshot, self.cell)
        asked = [
            (settings.frame_interval, self.outputs.mdcrd, True, settings.frame_velocities),
            (settings.velocity_interval, self.outputs.mdvel, False, True),
        ]
        return [
            (
                every,
                self.files.enter_context(
                    TrajectoryWriter(
                        path, like, positions=places, velocities=speeds, title=settings.title
                    )
                ),
            )
            for every, path, places, speeds in asked
            if every
        ]

    def _step(
        self, report: StepReport, frames: list[tuple[int, TrajectoryWriter]], *, last: bool
    ) -> None:
        setup = self.setup
        self.step = report.step - setup.restart.step
        when = self.time(self.step)
        if report.step % setup.settings.print_interval == 0 or last:
            members = disagreement(setup.hybrid, setup.inputs.topology, report)
            energies = energies_of(
                report,
                step=self.step,
                time=when,
                reference=setup.restart.reference or 0.0,
                seen=self.seen,
                slope=self._slope(report.snapshot),
                members=members,
            )
            self._publish(energies, layout.block(energies), self.pace())
            self.last, self.last_step = time.monotonic(), self.step
            self.tell(
                self.spread.look(
                    members, step=self.step, time=when, frame=lambda: self._frame(report.snapshot)
                )
            )
        self._write(report.step, report.snapshot, frames)

    def _write(
        self, step: int, snapshot: Snapshot, frames: list[tuple[int, TrajectoryWriter]]
    ) -> None:
        """Write a snapshot into the trajectories that are due at a step of the whole run."""
        done = step - self.setup.restart.step
        for every, writer in frames:
            if done and step % every == 0:
                writer.append(self._frame(snapshot), self.time(done))

    def _frame(self, snapshot: Snapshot) -> Coordinates:
        """Return a snapshot as written to a trajectory."""
        return coordinates_of(self._placed(snapshot), self.cell)

    def _placed(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot as written: wrapped into the box, if requested."""
        if not self.setup.settings.wrap:
            return snapshot
        return wrapped(snapshot, self.setup.inputs.topology, self.setup.hybrid.region)

    def _slope(self, snapshot: Snapshot) -> float | None:
        """Return dV/dλ [kJ/mol] along the leg by AMBER's λ, which runs against ours."""
        setup, coupling = self.setup, self.setup.settings.coupling
        if coupling is None:
            return None
        if self.slope is None:
            self.slope = Slope(setup.hybrid, setup.state, platform=setup.plan.platform)
        elec, lj = self.slope.at(snapshot)
        return -lj if coupling.lj_mask else -elec

    def _minimum(self, report: MinimizeReport) -> None:
        values: dict[str, float] = terms_kcal(report.terms)
        values["EPtot"] = report.potential * KCAL_PER_KJ
        values["EMLREL"] = values["EML"] - (self.setup.restart.reference or 0.0)
        energies = Energies(report.step, 0.0, values)
        to_amber = KCAL_PER_KJ * NM_PER_ANGSTROM
        text = layout.minimum_block(
            energies,
            rms=report.rms_gradient * to_amber,
            largest=report.largest_gradient * to_amber,
            name=self.setup.inputs.topology.names[report.atom],
            atom=report.atom + 1,
        )
        self.step = report.step
        self._publish(energies, text, None)

    def _publish(self, energies: Energies, text: str, pace: Pace | None) -> None:
        """Report a printed step to mdout, mdinfo and the listener; a minimisation has no pace."""
        self.seen.append(energies)
        self.tell(text if pace is None else text + "\n")
        atomic_write(self.outputs.mdinfo, text if pace is None else text + timings(pace))
        steps, values, left = self.setup.settings.steps, energies.values, None
        details = [f"EPtot {values['EPtot']:.2f}"]
        if "TEMP" in values:
            details.append(f"{values['TEMP']:.0f} K")
        if pace is not None and self.step > 0:
            details.append(f"{pace.ns_per_day:.3g} ns/day")
            left = pace.remaining
        fraction = self.step / max(steps, 1)
        self.listen(Progress(f"step {self.step} of {steps}", fraction, tuple(details), left))

    def save(self, snapshot: Snapshot, step: int, *, velocities: bool = True) -> Snapshot:
        """Write the restart and return the snapshot that reading it gives."""
        settings, restart = self.setup.settings, self.setup.restart
        snapshot = self._placed(snapshot)
        stored = coordinates_of(snapshot, self.cell, velocities=velocities)
        when = self.time(step) if velocities else restart.time
        if settings.text_restart:
            write_restart(self.outputs.restrt, stored, time=when)
        else:
            at = replace(restart, time=when, step=restart.step + step if velocities else 0)
            write_netcdf_restart(self.outputs.restrt, stored, at, title=settings.title)
        self.saved = step
        if not velocities or stored.velocities is None:
            return snapshot
        self.cell = cell_of(stored)
        box = NO_BOX if self.cell is None else self.cell.vectors
        return Snapshot(
            stored.positions * NM_PER_ANGSTROM, stored.velocities * NM_PER_ANGSTROM, box
        )

    def time(self, step: int) -> float:
        """Return the time [ps] at a step of this run."""
        return round(self.setup.restart.time + step * self.setup.settings.timestep_ps, 9)

    def pace(self) -> Pace:
        """Return the speed of the run."""
        now = time.monotonic()
        return Pace(
            self.step,
            self.setup.settings.steps,
            self.setup.settings.timestep_ps,
            now - self.began,
            self.step - self.last_step,
            now - self.last,
        )

    def close(self) -> None:
        """Write averages and timings."""
        if not self.setup.settings.minimise:
            self.tell(layout.averages(self.seen))
            self.tell(self.spread.summary())
        self.tell("\n" + layout.section(5, "TIMINGS") + "\n")
        final = timings(self.pace(), final=True)
        self.tell(final)
        if not self.setup.settings.minimise:
            atomic_write(self.outputs.mdinfo, layout.block(self.seen[-1]) + final)

    def kept(self) -> str:
        """Return a message on the last restart and how to continue."""
        if self.saved is None:
            return f"no restart was written yet, start again from {self.setup.inputs.inpcrd}"
        left = self.setup.settings.steps - self.saved
        return (
            f"{self.outputs.restrt} holds step {self.saved} ({self.time(self.saved):.3f} ps); to "
            f"continue, run with -c {self.outputs.restrt}, irest=1, ntx=5, nstlim={left}"
        )

    def failed(self, error: NumericsError) -> NumericsError:
        """Return the error with the message on the last restart, which mdout also gets."""
        message = f"{str(error).rstrip('.')}; {self.kept()}."
        self.tell(f"\n ERROR: {message}\n")
        failure = NumericsError(message)
        failure.add_note(self.kept())
        return failure

    def stopped(self) -> IncompleteError:
        """Return the error of an interrupted run."""
        message = f"stopped after step {self.step} of {self.setup.settings.steps}: {self.kept()}."
        self.tell(f"\n STOPPED: {message}\n")
        return IncompleteError(message)
