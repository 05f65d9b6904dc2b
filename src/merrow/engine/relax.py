# SPDX-License-Identifier: MIT
"""Relaxation of clashes before dynamics, in which an ML region keeps its shape.

The first line searches of L-BFGS take long steps. The repulsion of a force field rejects them; a
network may lead to a dissociated molecule (`engine/intact.py`). The minimiser moves no particle
without mass, so the region has none meanwhile. GPUs copy masses when a Context is opened, and since
OpenMM 8.5 they minimise with that copy: a Context of its own is opened for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import openmm as mm

from merrow.system.build import HybridSystem

TOLERANCE, STEPS = 10.0, 200
"""Root mean square gradient [kJ/mol/nm] and number of iterations at which it ends."""
PROPERTIES = ("Precision", "DeviceIndex", "Threads", "DeterministicForces")


def relax(context: mm.Context, hybrid: HybridSystem) -> None:
    """Relax clashes in a Context; atoms of an ML region are held.

    Args:
        context: Context of the hybrid system, with positions; they are replaced.
        hybrid: The hybrid system.
    """
    if hybrid.bridge is None:
        mm.LocalEnergyMinimizer.minimize(context, TOLERANCE, STEPS)
        return
    platform = context.getPlatform()
    known = [name for name in PROPERTIES if name in platform.getPropertyNames()]
    properties = {name: platform.getPropertyValue(context, name) for name in known}
    integrator = mm.VerletIntegrator(0.001)
    integrator.setConstraintTolerance(context.getIntegrator().getConstraintTolerance())
    with _massless(hybrid.system, hybrid.region.atoms):
        own = mm.Context(hybrid.system, integrator, platform, properties)
        own.setState(context.getState(getPositions=True, getParameters=True))
        mm.LocalEnergyMinimizer.minimize(own, TOLERANCE, STEPS)
    context.setPositions(own.getState(getPositions=True).getPositions(asNumpy=True))


@contextmanager
def _massless(system: mm.System, atoms: Sequence[int]) -> Iterator[None]:
    """Take masses and constraints from some atoms inside the block."""
    masses, inside = [system.getParticleMass(i) for i in atoms], set(atoms)
    constraints = [system.getConstraintParameters(k) for k in range(system.getNumConstraints())]
    try:
        for k, (first, second, _) in reversed(list(enumerate(constraints))):
            if inside & {first, second}:  # which a particle without mass may not have
                system.removeConstraint(k)
        for i in atoms:
            system.setParticleMass(i, 0.0)
        yield
    finally:
        for i, mass in zip(atoms, masses, strict=True):
            system.setParticleMass(i, mass)
        if system.getNumConstraints() < len(constraints):
            for k in reversed(range(system.getNumConstraints())):
                system.removeConstraint(k)
            for one in constraints:
                system.addConstraint(*one)
