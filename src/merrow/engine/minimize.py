# SPDX-License-Identifier: MIT
"""Minimisation of the hybrid energy by OpenMM's L-BFGS, with reports.

Constraints are stiff springs during the minimisation, and exact in all reports, where energy and
configuration belong together. At the limit of steps OpenMM would return to the start, since
springs are not constraints; here the configuration that was reached is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm as mm

from merrow.engine.decompose import HybridDecomposition
from merrow.engine.dynamics import velocity_verlet
from merrow.engine.intact import require_whole
from merrow.engine.simulation import (
    Snapshot,
    choose_platform,
    forces_in,
    get_snapshot,
    heed_interrupt,
    set_snapshot,
)
from merrow.errors import InputError, NumericsError
from merrow.system.build import HybridSystem

Array = np.ndarray
CONSTRAINT_TOLERANCE = 1e-8


@dataclass(frozen=True)
class MinimizeReport:
    """State of the minimiser, in OpenMM's units.

    Attributes:
        step: Number of L-BFGS iterations, over all springs.
        potential: Potential energy with absolute E_ML [kJ/mol].
        terms: Potential energy by AMBER's terms [kJ/mol].
        rms_gradient: Root mean square of the 3 N components of the gradient, including the springs
            of constraints during the minimisation [kJ/mol/nm].
        largest_gradient: Largest component of the gradient [kJ/mol/nm].
        atom: Zero-based index of its atom.
        snapshot: The configuration, at rest.
    """

    step: int
    potential: float
    terms: dict[str, float]
    rms_gradient: float
    largest_gradient: float
    atom: int
    snapshot: Snapshot


def minimize(
    hybrid: HybridSystem,
    start: Snapshot,
    *,
    platform: str,
    tolerance: float,
    max_steps: int,
    report_interval: int = 0,
    report: Callable[[MinimizeReport], None] | None = None,
) -> MinimizeReport:
    """Minimise the energy and return the final report.

    Args:
        hybrid: The hybrid system.
        start: Initial configuration; the box is fixed.
        platform: OpenMM platform.
        tolerance: Root mean square gradient for convergence [kJ/mol/nm].
        max_steps: Maximum number of L-BFGS iterations; 0 for no limit.
        report_interval: Iterations between reports; 0 for none.
        report: Called at the start (step 0) and at every multiple of the interval.

    Raises:
        InputError: The tolerance is not positive.
        NumericsError: The energy is not finite, a bond of the region broke, or OpenMM failed.
    """
    if not tolerance > 0 or max_steps < 0:
        raise InputError(
            f"minimisation to a gradient of {tolerance} kJ/mol/nm in {max_steps} steps is not "
            "possible; give a positive tolerance (drms) and a number of steps (maxcyc)."
        )
    integrator = velocity_verlet(0.001, CONSTRAINT_TOLERANCE)
    context = mm.Context(hybrid.system, integrator, *choose_platform(platform))
    set_snapshot(context, Snapshot(start.positions, np.zeros_like(start.positions), start.box))
    run = _Run(hybrid, context, HybridDecomposition(hybrid, start.box, platform=platform))
    first = run.report(0)
    if report is not None:
        report(first)
    reporter = _Reporter(run, report_interval, report, max_steps)
    try:
        mm.LocalEnergyMinimizer.minimize(context, tolerance, max_steps, reporter)
    except mm.OpenMMException as error:
        heed_interrupt(error)
        raise NumericsError(
            f"minimisation stopped after {reporter.steps} steps: {str(error).rstrip('.')}; "
            "look at the starting structure."
        ) from error
    if reporter.positions is not None:  # OpenMM returns to the start if the springs do not hold
        run.place(reporter.positions)
    final = run.report(reporter.steps, reporter.gradient)
    after, when = final.snapshot.positions, "during the minimisation"
    require_whole(hybrid, start.positions, after, when=when, from_any_start=True)
    return final


@dataclass(frozen=True)
class _Run:
    """The system being minimised, with its energy decomposition."""

    hybrid: HybridSystem
    context: mm.Context
    decomposition: HybridDecomposition

    def report(self, step: int, gradient: Array | None = None) -> MinimizeReport:
        """Return a report on the current configuration.

        Args:
            step: Number of iterations.
            gradient: Last gradient of the minimiser [kJ/mol/nm], (N, 3); None to compute it.

        Raises:
            NumericsError: The energy or the gradient is not finite.
        """
        if gradient is None:
            gradient = -forces_in(self.context)
        energy = float(self.context.getState(getEnergy=True).getPotentialEnergy()._value)
        snapshot = get_snapshot(self.context)
        measured = self.decomposition.at(snapshot)
        largest = int(np.argmax(np.abs(gradient)))
        if not np.isfinite(energy) or not np.isfinite(gradient).all():
            raise NumericsError(
                f"the energy at step {step} of the minimisation is not finite, first at atom "
                f"{largest // 3 + 1}; look for atoms that lie on each other."
            )
        return MinimizeReport(
            step=step,
            potential=energy + measured.shift,
            terms=measured.terms,
            rms_gradient=float(np.sqrt(np.mean(gradient**2))),
            largest_gradient=float(np.abs(gradient).max()),
            atom=largest // 3,
            snapshot=snapshot,
        )

    def place(self, positions: Array) -> None:
        """Set the Context to positions [nm], shape (N, 3), with all constraints satisfied."""
        self.context.setPositions(positions)
        self.context.applyConstraints(CONSTRAINT_TOLERANCE)
        self.context.computeVirtualSites()


class _Reporter(mm.MinimizationReporter):  # type: ignore[misc]
    """Counts iterations over all spring constants, reports, and stops L-BFGS at the limit."""

    def __init__(
        self, run: _Run, interval: int, tell: Callable[[MinimizeReport], None] | None, limit: int
    ) -> None:
        super().__init__()
        self.steps = 0
        self.gradient: Array | None = None
        self.positions: Array | None = None
        self._run, self._interval, self._tell, self._limit = run, interval, tell, limit

    def report(self, _iteration: int, x: Any, grad: Any, _args: Any) -> bool:
        """Tell OpenMM after an iteration whether to stop."""
        if 0 < self._limit <= self.steps:  # OpenMM tries stiffer springs once more
            return True
        self.steps += 1
        self.gradient = np.array(grad).reshape(-1, 3)
        self.positions = np.array(x).reshape(-1, 3)
        if self._tell is not None and self._interval > 0 and self.steps % self._interval == 0:
            before = self._run.context.getState(getPositions=True).getPositions(asNumpy=True)
            self._run.place(self.positions)
            self._tell(self._run.report(self.steps, self.gradient))
            self._run.context.setPositions(before)  # where OpenMM checks the springs
        return self.steps == self._limit
