# SPDX-License-Identifier: MIT
"""Does each OpenMM platform of this machine compute what Reference computes, and how fast?"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import openmm as mm
from numpy.typing import NDArray
from openmm import app, unit

from merrow.doctor.check import Check, Status
from merrow.engine.simulation import choose_platform
from merrow.errors import first_line

EDGE = 2.2
"""Edge of the box of water [nm]: about a thousand atoms, as around a small solute."""
STEPS = 20
LARGEST_ERROR = 1e-4
"""Root mean square error of a force as a part of the forces' own: single precision has 2e-6."""
MIXED = {"CUDA": "Precision", "OpenCL": "Precision", "HIP": "Precision"}
GPU_PLATFORMS = tuple(MIXED)


@dataclass(frozen=True)
class Answer:
    """What a platform says of one configuration.

    Attributes:
        energy: Potential energy [kJ/mol].
        forces: Forces [kJ/mol/nm], shape (n, 3).
        step_ms: Time of a step of 2 fs [ms].
        device: Name of the device, "" for the processor.
    """

    energy: float
    forces: NDArray[np.float64]
    step_ms: float
    device: str = ""


def water_box() -> tuple[mm.System, NDArray[np.float64]]:
    """Return TIP3P water with PME and its positions [nm], shape (n, 3); the same every time."""
    field = app.ForceField("tip3p.xml")
    modeller = app.Modeller(app.Topology(), [] * unit.nanometer)
    modeller.addSolvent(field, model="tip3p", boxSize=mm.Vec3(EDGE, EDGE, EDGE) * unit.nanometer)
    system = field.createSystem(
        modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer
    )
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer), dtype=np.float64)
    return system, positions


def ask(name: str, system: mm.System, positions: NDArray[np.float64]) -> Answer:
    """Return the answer of a platform.

    Raises:
        InputError: The platform is not available.
        openmm.OpenMMException: It finds no device, or cannot compute.
    """
    platform, properties = choose_platform(name)
    if name in MIXED:
        properties = {MIXED[name]: "mixed"}
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


def platform_names() -> list[str]:
    """Return the platforms that OpenMM has here, in its order."""
    return [mm.Platform.getPlatform(i).getName() for i in range(mm.Platform.getNumPlatforms())]


def platform_checks() -> Iterator[Check]:
    """Yield a line for each platform, and one for each plug-in that could not be loaded."""
    system, positions = water_box()
    truth = ask("Reference", system, positions)
    for name in platform_names():
        if name != "Reference":
            yield _judged(name, system, positions, truth)
    if not any(name in GPU_PLATFORMS for name in platform_names()):
        advice = 'with a GPU: pip install "merrow[cuda12]" (or cuda13, hip6, hip7)'
        yield Check("OpenMM on a GPU", "ok", "no platform for a GPU here", advice)
    yield from plugin_checks(mm.Platform.getPluginLoadFailures())


def plugin_checks(failures: Sequence[str]) -> Iterator[Check]:
    """Yield a line for each platform whose plug-in is installed and cannot be loaded.

    Args:
        failures: What OpenMM says of them.
    """
    for failure in failures:
        found = re.search(r"libOpenMM(CUDA|OpenCL|HIP)\.\w+: *(.*)", failure)
        if found is not None:
            name, why = found.groups()
            words = f"installed, but cannot be loaded: {why}"
            # OpenCL comes with every OpenMM, its library with the driver of a GPU
            status: Status = "ok" if name == "OpenCL" else "warn"
            yield Check(f"OpenMM {name}", status, words, "needs the driver of the GPU")


def _judged(name: str, system: mm.System, positions: NDArray[np.float64], truth: Answer) -> Check:
    title = f"OpenMM {name}"
    try:
        found = ask(name, system, positions)
    except mm.OpenMMException as error:
        return Check(title, "warn", f"cannot be used: {first_line(error)}", "use --platform CPU")
    wrong = found.forces - truth.forces
    part = float(np.linalg.norm(wrong) / np.linalg.norm(truth.forces))
    shift = abs(found.energy - truth.energy) / abs(truth.energy)
    words = (
        f"{found.step_ms:.2f} ms a step of {len(positions)} atoms, forces within {part:.0e} of "
        f"Reference{f' ({found.device})' if found.device else ''}"
    )
    if part <= LARGEST_ERROR and shift <= LARGEST_ERROR:
        return Check(title, "ok", words)
    return Check(title, "fail", words, f"do not use --platform {name} on this machine")
