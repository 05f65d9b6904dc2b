# SPDX-License-Identifier: MIT
"""Comparison of each OpenMM platform of this machine with Reference, with its speed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import openmm as mm
from numpy.typing import NDArray

from merrow.doctor.check import Check, Status
from merrow.engine.platforms import (
    Answer,
    ask,
    disagreement,
    is_right,
    water_box,
)
from merrow.engine.simulation import GPU_PLATFORMS, lost_plugins, platform_names
from merrow.errors import first_line


def platform_checks() -> Iterator[Check]:
    """Yield a line for each platform, and for each plug-in that could not be loaded."""
    system, positions = water_box()
    truth = ask("Reference", system, positions)
    for name in platform_names():
        if name != "Reference":
            yield _judged(name, system, positions, truth)
    if not any(name in GPU_PLATFORMS for name in platform_names()):
        advice = 'with a GPU: pip install "merrow[cuda12]" (or cuda13, hip6, hip7)'
        yield Check("OpenMM on a GPU", "ok", "no platform for a GPU here", advice)
    if advice := lost_plugins():
        yield Check("OpenMM CPU", "fail", "not there", advice)
    yield from plugin_checks(mm.Platform.getPluginLoadFailures())


def plugin_checks(failures: Sequence[str]) -> Iterator[Check]:
    """Yield a line for each platform whose plug-in is installed but cannot be loaded.

    Args:
        failures: OpenMM's messages about them.
    """
    for failure in failures:
        found = re.search(r"libOpenMM(CUDA|OpenCL|HIP)\.\w+: *(.*)", failure)
        if found is not None:
            name, why = found.groups()
            words = f"installed, but cannot be loaded: {why}"
            # OpenCL comes with every OpenMM, its library with a GPU driver
            status: Status = "ok" if name == "OpenCL" else "warn"
            yield Check(f"OpenMM {name}", status, words, "needs the driver of the GPU")


def _judged(name: str, system: mm.System, positions: NDArray[np.float64], truth: Answer) -> Check:
    title = f"OpenMM {name}"
    try:
        found = ask(name, system, positions)
    except mm.OpenMMException as failure:
        return Check(title, "warn", f"cannot be used: {first_line(failure)}", "use --platform CPU")
    error = disagreement(found, truth)
    words = (
        f"{found.step_ms:.2f} ms a step of {len(positions)} atoms, forces within {error:.0e} of "
        f"Reference{f' ({found.device})' if found.device else ''}"
    )
    if is_right(found, truth):
        return Check(title, "ok", words)
    return Check(title, "fail", words, f"do not use --platform {name} on this machine")
