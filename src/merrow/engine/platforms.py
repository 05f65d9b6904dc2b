# SPDX-License-Identifier: MIT
"""Test of the OpenMM platforms of this machine on a water box; the fastest correct one.

A platform must agree with Reference, which uses double precision, before it can be chosen.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import openmm as mm
from numpy.typing import NDArray
from openmm import app, unit

from merrow.engine.simulation import GPU_PLATFORMS, choose_platform, platform_names
from merrow.errors import first_line

logger = logging.getLogger(__name__)

AUTO = "auto"
"""Setting for the fastest correct platform."""
EDGE = 2.2
"""Edge of the water box [nm]: about a thousand atoms, as around a small solute."""
STEPS = 20
LARGEST_ERROR = 1e-4
"""Tolerance of the relative RMS force error; single precision has 2e-6."""


@dataclass(frozen=True)
class Answer:
    """Results of a platform for one configuration.

    Attributes:
        energy: Potential energy [kJ/mol].
        forces: Forces [kJ/mol/nm], shape (n, 3).
        step_ms: Time of a step of 2 fs [ms].
        device: Name of the device, "" for the CPU.
    """

    energy: float
    forces: NDArray[np.float64]
    step_ms: float
    device: str = ""


def water_box() -> tuple[mm.System, NDArray[np.float64]]:
    """Return a TIP3P box with PME and its positions [nm], shape (n, 3); always the same."""
    field = app.ForceField("tip3p.xml")
    modeller = app.Modeller(app.Topology(), [] * unit.nanometer)
    modeller.addSolvent(field, model="tip3p", boxSize=mm.Vec3(EDGE, EDGE, EDGE) * unit.nanometer)
    system = field.createSystem(
        modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer
    )
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer), dtype=np.float64)
    return system, positions


def ask(name: str, system: mm.System, positions: NDArray[np.float64]) -> Answer:
    """Evaluate a configuration on a platform.

    Raises:
        InputError: The platform is not available.
        openmm.OpenMMException: The platform finds no device, or fails.
    """
    platform, properties = choose_platform(name)
    integrator = mm.LangevinMiddleIntegrator(298.15, 1.0, 0.002)
    context = mm.Context(system, integrator, platform, properties)
    context.setPositions(positions)
    state = context.getState(getEnergy=True, getForces=True)
    forces = np.array(state.getForces(asNumpy=True)._value)
    context.setVelocitiesToTemperature(298.15, 1)
    steps = 1 if name == "Reference" else STEPS
    integrator.step(1)
    context.getState(getEnergy=True)  # waits for the device
    began = time.perf_counter()
    integrator.step(steps)
    context.getState(getEnergy=True)
    took = 1000.0 * (time.perf_counter() - began) / steps
    names = platform.getPropertyNames()
    device = platform.getPropertyValue(context, "DeviceName") if "DeviceName" in names else ""
    return Answer(float(state.getPotentialEnergy()._value), forces, took, device)


def disagreement(found: Answer, truth: Answer) -> float:
    """Return the larger of the relative errors of forces (root mean square) and energy."""
    wrong = np.linalg.norm(found.forces - truth.forces) / np.linalg.norm(truth.forces)
    shift = abs(found.energy - truth.energy) / abs(truth.energy)
    return float(np.max([wrong, shift]))  # NaN where either is


def is_right(found: Answer, truth: Answer) -> bool:
    """Tell whether a platform agrees with Reference."""
    error = disagreement(found, truth)
    return error <= LARGEST_ERROR


def chosen_platform(name: str) -> str:
    """Return the platform of a setting; `auto` is `fastest_platform`."""
    return fastest_platform() if name == AUTO else name


@cache
def fastest_platform() -> str:
    """Return the fastest platform of this machine that agrees with Reference.

    Without a GPU platform this is CPU, without a measurement.
    """
    candidates = [name for name in platform_names() if name in GPU_PLATFORMS]
    if not candidates:
        return "CPU"
    system, positions = water_box()
    truth = ask("Reference", system, positions)
    found = {"CPU": ask("CPU", system, positions)}
    for name in candidates:
        try:
            answer = ask(name, system, positions)
        except mm.OpenMMException as error:
            logger.info("OpenMM %s cannot be used: %s", name, first_line(error))
            continue
        if is_right(answer, truth):
            found[name] = answer
        else:
            logger.warning(
                "OpenMM %s computes other forces than Reference and is not used: merrow doctor",
                name,
            )
    if found.keys() & {"CUDA", "HIP"}:  # a short timing may not choose between doors to one GPU
        found.pop("OpenCL", None)
    best = min(found, key=lambda name: found[name].step_ms)
    times = ", ".join(f"{name} {one.step_ms:.2f} ms" for name, one in found.items())
    logger.info("platform %s (a step of water: %s)", best, times)
    return best
