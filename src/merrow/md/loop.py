# SPDX-License-Identifier: MIT
"""What happens between the first and the last step of a run, and what is written on the way?

The run goes in segments of ntwr steps. Each ends in a restart file, and the next one begins from
what that file says, with seeds from (ig, step): a run that was killed and goes on from its restart
does the same thing as one that was left alone, bit for bit on the CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from merrow import __version__
from merrow.amber import mdout as layout
from merrow.amber.coordinates import Coordinates, write_restart
from merrow.amber.mdinfo import Pace, timings
from merrow.amber.mdout import Energies
from merrow.amber.trajectory import TrajectoryWriter, write_netcdf_restart
from merrow.engine.dynamics import StepReport, run_dynamics
from merrow.engine.minimize import MinimizeReport, minimize
from merrow.engine.simulation import Snapshot
from merrow.engine.slope import Slope
from merrow.errors import IncompleteError, NumericsError
from merrow.files import atomic_write
from merrow.md.box import NO_BOX, cell_of
from merrow.md.ensemble_spread import SpreadMonitor, disagreement
from merrow.md.report import (
    coordinates_of,
    describe,
    describe_region,
    energies_of,
    terms_kcal,
    wrapped,
)
from merrow.md.setup import MdInputs, MdSetup
from merrow.system.box import box_vectors
from merrow.units import KCAL_PER_KJ, KJ_PER_KCAL, NM_PER_ANGSTROM


@dataclass(frozen=True)
class MdOutputs:
    """The files of a run that are written.

    mdcrd is only where ntwx asks for it, mdvel where ntwv does, and mdspread where on_spread='save'
    found frames at which the members of the potential disagree.
    """

    mdout: Path = Path("mdout")
    restrt: Path = Path("restrt")
    mdcrd: Path = Path("mdcrd")
    mdinfo: Path = Path("mdinfo")
    mdvel: Path = Path("mdvel")
    mdspread: Path = Path("mdspread")


@dataclass(frozen=True)
class MdProgress:
    """How far a run is: steps, newest energies, speed; pace is None while it minimises."""

    done: int
    total: int
    energies: Energies
    pace: Pace | None


Listener = Callable[[MdProgress], None]


@dataclass
class Run:
    """One run: what it knows, and what it has told."""

    start: MdSetup
    outputs: MdOutputs
    inputs: MdInputs
    log: TextIO
    listen: Listener | None
    seen: list[Energies] = field(default_factory=list)
    saved: int | None = None
    step: int = 0
    meter: Slope | None = None
    watch: SpreadMonitor | None = None

    def __post_init__(self) -> None:
        self.cell = self.start.cell

    def open(self) -> None:
        """Write everything above the results."""
        self.began = self.last = time.monotonic()
        self.last_step = 0
        files = {
            "MDIN": self.inputs.mdin,
            "MDOUT": self.outputs.mdout,
            "INPCRD": self.inputs.inpcrd,
            "PARM": self.inputs.prmtop,
            "RESTRT": self.outputs.restrt,
            "REFC": self.inputs.refc or "",
            "MDCRD": self.outputs.mdcrd,
            "MDVEL": self.outputs.mdvel,
            "MDSPREAD": self.outputs.mdspread,
            "MDINFO": self.outputs.mdinfo,
        }
        self.tell(
            layout.header(
                {name: str(path) for name, path in files.items()},
                self.start.mdin,
                version=__version__,
                began=time.strftime("%Y-%m-%d at %H:%M:%S"),
            )
        )
        topology = self.start.topology
        self.tell(layout.section(1, "RESOURCE   USE:") + "\n")
        self.tell(
            f" NATOM  = {len(topology):8d} NRES   = {len(topology.residue_names):8d} "
            f"IFBOX  = {int(topology.has_box):8d}\n"
            f"| OpenMM platform {self.start.plan.platform}; Coulomb constant of AMBER, "
            "332.0522 kcal A/mol/e^2\n\n"
        )
        self.tell(layout.section(2, "CONTROL  DATA  FOR  THE  RUN") + "\n")
        self.tell(f"{self.start.config.title}\n\n{describe(self.start, self.total)}\n")
        self.tell(describe_region(self.start) + "\n")
        self.tell(layout.section(3, "ATOMIC COORDINATES AND VELOCITIES") + "\n")
        self.tell(f" begin time read from input coords ={self.start.moment.time:10.3f} ps\n\n")
        self.tell(layout.section(4, "RESULTS") + "\n")

    @property
    def total(self) -> int:
        """Steps that were asked for."""
        return self.start.config.steps

    def tell(self, text: str) -> None:
        """Add to mdout at once."""
        self.log.write(text)
        self.log.flush()

    def minimise(self) -> None:
        """Minimise, and write the last coordinates."""
        config = self.start.config
        final = minimize(
            self.start.hybrid,
            self.start.snapshot,
            platform=self.start.plan.platform,
            tolerance=config.gradient * KJ_PER_KCAL / NM_PER_ANGSTROM,
            max_steps=config.steps,
            report_interval=config.print_interval,
            report=self._minimum,
        )
        converged = final.rms_gradient * KCAL_PER_KJ * NM_PER_ANGSTROM <= config.gradient
        self.tell(
            "\n  RMS gradient below drms.\n"
            if converged
            else "\n  Maximum number of minimization cycles reached.\n"
        )
        self.tell("\n\n                    FINAL RESULTS\n\n")
        self._minimum(final)
        self.save(final.snapshot, final.step, velocities=False)

    def propagate(self, files: ExitStack) -> None:
        """Run all segments."""
        start, config = self.start, self.start.config
        first, snapshot = start.moment.step, start.snapshot
        frames = self._frames(files)
        if config.ml is not None:
            self.watch = SpreadMonitor(config.ml, self.outputs.mdspread, config.title, files)
        step, last = first, first + config.steps
        while step < last:
            end = min(last, step - step % config.restart_interval + config.restart_interval)
            for report in run_dynamics(
                start.hybrid,
                start.plan,
                snapshot,
                first_step=step,
                steps=end - step,
                report_interval=config.print_interval,
                frame_interval=math.gcd(*(every for every, _ in frames)),
                frame=lambda at, there: self._write(at, there, frames),
            ):
                if report.step > step or (step == first and not config.goes_on):
                    self._step(report, frames, last=report.step == last)
                snapshot = report.snapshot
            for _, writer in frames:
                writer.sync()
            if self.watch is not None:
                self.watch.sync()
            snapshot = self.save(snapshot, end - first)
            step = end

    def _frames(self, files: ExitStack) -> list[tuple[int, TrajectoryWriter]]:
        """Open the trajectories that were asked for, each with its interval [steps]."""
        config, like = self.start.config, coordinates_of(self.start.snapshot, self.cell)
        asked = [
            (config.frame_interval, self.outputs.mdcrd, True, config.frame_velocities),
            (config.velocity_interval, self.outputs.mdvel, False, True),
        ]
        return [
            (
                every,
                files.enter_context(
                    TrajectoryWriter(
                        path, like, positions=where, velocities=speed, title=config.title
                    )
                ),
            )
            for every, path, where, speed in asked
            if every
        ]

    def _step(
        self, report: StepReport, frames: list[tuple[int, TrajectoryWriter]], *, last: bool
    ) -> None:
        start, config = self.start, self.start.config
        self.step = report.step - start.moment.step
        when = self.time(self.step)
        if report.step % config.print_interval == 0 or last:
            reference = start.moment.reference or 0.0
            members = disagreement(start.hybrid, start.topology, report)
            energies = energies_of(
                report,
                step=self.step,
                time=when,
                reference=reference,
                seen=self.seen,
                slope=self._slope(report.snapshot),
                members=members,
            )
            self.seen.append(energies)
            self._print(energies)
            if self.watch is not None:
                self.tell(
                    self.watch.look(
                        members,
                        step=self.step,
                        time=when,
                        frame=lambda: self._frame(report.snapshot),
                    )
                )
        self._write(report.step, report.snapshot, frames)

    def _write(
        self, step: int, snapshot: Snapshot, frames: list[tuple[int, TrajectoryWriter]]
    ) -> None:
        """Write a snapshot into the trajectories that are due at a step of the whole run."""
        done = step - self.start.moment.step
        for every, writer in frames:
            if done and step % every == 0:
                writer.append(self._frame(snapshot), self.time(done))

    def _frame(self, snapshot: Snapshot) -> Coordinates:
        """Return a snapshot as a trajectory holds it."""
        if self.start.config.wrap and self.start.hybrid.periodic:
            snapshot = wrapped(snapshot, self.start.topology, self.start.hybrid.region)
        return self._stored(snapshot)

    def _slope(self, snapshot: Snapshot) -> float | None:
        """Return dV/dλ [kJ/mol] along the leg by AMBER's λ, which runs against ours."""
        coupling = self.start.config.coupling
        if coupling is None:
            return None
        if self.meter is None:
            start = self.start
            self.meter = Slope(start.hybrid, start.state, platform=start.plan.platform)
        elec, lj = self.meter.at(snapshot)
        return -lj if coupling.lj_mask else -elec

    def _print(self, energies: Energies) -> None:
        text, pace = layout.block(energies), self.pace()
        self.tell(text + "\n")
        atomic_write(self.outputs.mdinfo, text + timings(pace))
        if self.listen is not None:
            self.listen(MdProgress(self.step, self.total, energies, pace))
        self.last, self.last_step = time.monotonic(), self.step

    def _minimum(self, report: MinimizeReport) -> None:
        values: dict[str, float] = terms_kcal(report.terms)
        values["EPtot"] = report.potential * KCAL_PER_KJ
        values["EMLREL"] = values["EML"] - (self.start.moment.reference or 0.0)
        energies = Energies(report.step, 0.0, values)
        to_amber = KCAL_PER_KJ * NM_PER_ANGSTROM
        text = layout.minimum_block(
            energies,
            rms=report.rms_gradient * to_amber,
            largest=report.largest_gradient * to_amber,
            name=self.start.topology.names[report.atom],
            atom=report.atom + 1,
        )
        self.seen.append(energies)
        self.tell(text)
        atomic_write(self.outputs.mdinfo, text)
        self.step = report.step
        if self.listen is not None:
            self.listen(MdProgress(report.step, self.total, energies, None))

    def save(self, snapshot: Snapshot, step: int, *, velocities: bool = True) -> Snapshot:
        """Write the restart and return the snapshot that a reader of it would begin from."""
        config, moment = self.start.config, self.start.moment
        if config.wrap and self.start.hybrid.periodic:
            snapshot = wrapped(snapshot, self.start.topology, self.start.hybrid.region)
        stored = self._stored(snapshot, velocities=velocities)
        when = self.time(step) if velocities else moment.time
        if config.text_restart:
            write_restart(self.outputs.restrt, stored, time=when)
        else:
            at = replace(moment, time=when, step=moment.step + step if velocities else 0)
            write_netcdf_restart(self.outputs.restrt, stored, at, title=config.title)
        self.saved = step
        if not velocities or stored.velocities is None:
            return snapshot
        self.cell = cell_of(stored)
        box = box_vectors(stored) * NM_PER_ANGSTROM if stored.lengths is not None else NO_BOX
        return Snapshot(
            stored.positions * NM_PER_ANGSTROM, stored.velocities * NM_PER_ANGSTROM, box
        )

    def _stored(self, snapshot: Snapshot, *, velocities: bool = True) -> Coordinates:
        return coordinates_of(snapshot, self.cell, velocities=velocities)

    def time(self, step: int) -> float:
        """Return the time [ps] at a step of this run."""
        return round(self.start.moment.time + step * self.start.config.timestep, 9)

    def pace(self) -> Pace:
        """Return how fast the run goes."""
        now = time.monotonic()
        return Pace(
            self.step,
            self.total,
            self.start.config.timestep,
            now - self.began,
            self.step - self.last_step,
            now - self.last,
        )

    def close(self) -> None:
        """Write averages and timings."""
        if not self.start.config.minimise:
            self.tell(layout.averages(self.seen))
            self.tell(self.watch.summary() if self.watch is not None else "")
        self.tell("\n" + layout.section(5, "TIMINGS") + "\n")
        final = timings(self.pace(), final=True)
        self.tell(final)
        if not self.start.config.minimise:
            atomic_write(self.outputs.mdinfo, layout.block(self.seen[-1]) + final)

    def _kept(self) -> str:
        if self.saved is None:
            return f"no restart was written yet, begin again from {self.inputs.inpcrd}"
        left = self.total - self.saved
        return (
            f"{self.outputs.restrt} holds step {self.saved} ({self.time(self.saved):.3f} ps); to "
            f"go on, run with -c {self.outputs.restrt}, irest=1, ntx=5, nstlim={left}"
        )

    def failed(self, error: NumericsError) -> NumericsError:
        """Return the error with what is left of the run; mdout tells it too."""
        message = f"{str(error).rstrip('.')}; {self._kept()}."
        self.tell(f"\n ERROR: {message}\n")
        return NumericsError(message)

    def stopped(self) -> IncompleteError:
        """Return the error of an interrupted run."""
        message = f"stopped after step {self.step} of {self.total}: {self._kept()}."
        self.tell(f"\n STOPPED: {message}\n")
        return IncompleteError(message)
