# SPDX-License-Identifier: MIT
"""Where is the nearest minimum of the hybrid energy? OpenMM's L-BFGS, with reports on the way.

Constraints are stiff springs while it runs and exact at its end. Where it ends at its limit, OpenMM
would go back to the start, because springs are not constraints; what was reached is kept here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm as mm

from merrow.engine.decompose import EnergyDecomposition
from merrow.engine.dynamics import velocity_verlet
from merrow.engine.intact import require_whole
from merrow.engine.simulation import Snapshot, choose_platform, get_snapshot, set_snapshot
from merrow.errors import InputError, NumericsError
from merrow.system.build import HybridSystem

Array = np.ndarray
CONSTRAINT_TOLERANCE = 1e-8


@dataclass(frozen=True)
class MinimizeReport:
    """Where the minimiser stands, in OpenMM's units.

    Attributes:
        step: Number of L-BFGS iterations, over all springs.
        potential: Potential energy with absolute E_ML [kJ/mol].
        terms: Potential energy by AMBER's terms [kJ/mol].
        rms_gradient: Root mean square of the 3 N components of the gradient, that of the
            constraints' springs included while it runs [kJ/mol/nm].
        largest_gradient: The largest component [kJ/mol/nm].
        atom: Zero-based index of the atom that it belongs to.
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
    """Minimise the energy and return the report of the end.

    Args:
        hybrid: What is minimised.
        start: Where it begins; the box stays as it is.
        platform: OpenMM platform.
        tolerance: Root mean square of the gradient at which it is done [kJ/mol/nm].
        max_steps: Largest number of L-BFGS iterations; 0 for no limit.
        report_interval: Iterations between two reports; 0 for none.
        report: Called at the start (step 0) and at every multiple of the interval.

    Raises:
        InputError: The tolerance is not positive.
        NumericsError: The energy is not finite, the region came apart, or OpenMM stopped.
    """
    if not tolerance > 0 or max_steps < 0:
        raise InputError(
            f"minimisation to a gradient of {tolerance} kJ/mol/nm in {max_steps} steps is not "
            "possible; give a positive tolerance (drms) and a number of steps (maxcyc)."
        )
    integrator = velocity_verlet(0.001, CONSTRAINT_TOLERANCE)
    context = mm.Context(hybrid.system, integrator, *choose_platform(platform))
    set_snapshot(context, Snapshot(start.positions, np.zeros_like(start.positions), start.box))
    meter = EnergyDecomposition(
        hybrid.system, start.box if hybrid.periodic else None, platform=platform
    )
    first = _at(context, hybrid, meter, 0, _gradient(context))
    _refuse_infinite(first)
    if report is not None:
        report(first)
    reporter = _Reporter(context, hybrid, meter, report_interval, report, max_steps)
    try:
        mm.LocalEnergyMinimizer.minimize(context, tolerance, max_steps, reporter)
    except mm.OpenMMException as error:
        raise NumericsError(
            f"minimisation stopped after {reporter.steps} steps: {str(error).rstrip('.')}; "
            "look at the starting structure."
        ) from error
    if reporter.positions is not None:  # OpenMM goes back to the start where springs do not hold
        context.setPositions(reporter.positions)
        context.applyConstraints(CONSTRAINT_TOLERANCE)
        context.computeVirtualSites()
    gradient = _gradient(context) if reporter.gradient is None else reporter.gradient
    final = _at(context, hybrid, meter, reporter.steps, gradient)
    _refuse_infinite(final)
    after, when = get_snapshot(context).positions, "during the minimisation"
    require_whole(hybrid, start.positions, after, when=when, from_any_start=True)
    return final


class _Reporter(mm.MinimizationReporter):  # type: ignore[misc]
    """Counts iterations over all springs, hands reports on, and stops L-BFGS at the limit."""

    def __init__(
        self,
        context: mm.Context,
        hybrid: HybridSystem,
        meter: EnergyDecomposition,
        interval: int,
        tell: Callable[[MinimizeReport], None] | None,
        limit: int,
    ) -> None:
        super().__init__()
        self.steps = 0
        self.gradient: Array | None = None
        self.positions: Array | None = None
        self._limit = limit
        self._context, self._hybrid, self._meter = context, hybrid, meter
        self._interval, self._tell = interval, tell

    def report(self, _iteration: int, x: Any, grad: Any, args: Any) -> bool:
        """Answer OpenMM after an iteration whether to stop."""
        if 0 < self._limit <= self.steps:  # it tries stiffer springs once more
            return True
        self.steps += 1
        self.gradient = np.array(grad).reshape(-1, 3)
        self.positions = positions = np.array(x).reshape(-1, 3)
        if self._tell is not None and self._interval > 0 and self.steps % self._interval == 0:
            snapshot = Snapshot(
                positions, np.zeros_like(positions), get_snapshot(self._context).box
            )
            energy = float(args["system energy"])
            self._tell(
                _report(self._hybrid, self._meter, snapshot, energy, self.steps, self.gradient)
            )
        return self.steps == self._limit


def _gradient(context: mm.Context) -> Array:
    return -np.array(context.getState(getForces=True).getForces(asNumpy=True)._value)


def _at(
    context: mm.Context,
    hybrid: HybridSystem,
    meter: EnergyDecomposition,
    step: int,
    gradient: Array,
) -> MinimizeReport:
    energy = float(context.getState(getEnergy=True).getPotentialEnergy()._value)
    return _report(hybrid, meter, get_snapshot(context), energy, step, gradient)


def _report(
    hybrid: HybridSystem,
    meter: EnergyDecomposition,
    snapshot: Snapshot,
    energy: float,
    step: int,
    gradient: Array,
) -> MinimizeReport:
    terms = meter.terms(snapshot.positions, snapshot.box if hybrid.periodic else None)
    if hybrid.bridge is not None:
        energy += hybrid.bridge.reference
        terms["ml"] += hybrid.bridge.evaluate(snapshot.positions[list(hybrid.region.model_atoms)])[
            0
        ]
    largest = int(np.argmax(np.abs(gradient)))
    return MinimizeReport(
        step=step,
        potential=energy,
        terms=terms,
        rms_gradient=float(np.sqrt(np.mean(gradient**2))),
        largest_gradient=float(np.abs(gradient).max()),
        atom=largest // 3,
        snapshot=snapshot,
    )


def _refuse_infinite(report: MinimizeReport) -> None:
    if not np.isfinite(report.potential) or not np.isfinite(report.rms_gradient):
        raise NumericsError(
            f"the energy at step {report.step} of the minimisation is not finite, first at atom "
            f"{report.atom + 1}; look for atoms that lie on each other."
        )
