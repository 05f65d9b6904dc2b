# SPDX-License-Identifier: MIT
"""A test of the conservation of energy and momentum by a potential with given files.

Short NVE trajectories from a common start, one per time step, are compared with fixed thresholds;
the potential itself is tested for net force and torque, forces against energy differences, and
single against double precision.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from merrow.analysis import nve
from merrow.errors import InputError
from merrow.files import atomic_write, save_json
from merrow.folders import check_place
from merrow.md.nve.page import render_nve
from merrow.md.nve.runs import SAMPLING, NveRequest, open_nve_setup, record
from merrow.md.nve.verdict import judge
from merrow.progress import Listener, Progress, say, silent
from merrow.system.box import LEAST_CUTOFF
from merrow.units import KCAL_PER_KJ, PS_PER_FS


def validate_nve(
    request: NveRequest, listen: Listener = silent, *, out: Path | None = None
) -> dict[str, Any]:
    """Run the test and return its report, ready for JSON.

    Args:
        request: Settings of the test.
        listen: Called with the progress, and with a sentence after each trajectory.
        out: Folder for the report, nve.json and nve.html; None writes no files.

    Raises:
        InputError: The files or the settings are inconsistent, or `out` cannot be a folder.
        NumericsError: A trajectory blew up.
    """
    check_request(request)
    if out is not None:
        check_place(out)
    setup = open_nve_setup(request)
    traces, before, began = {}, 0, time.monotonic()
    total = sum(round(request.time_ps / (step * PS_PER_FS)) for step in request.timesteps_fs)
    for timestep in sorted(request.timesteps_fs):

        def tell(step: int, *, at: float = timestep, before: int = before) -> None:
            done, passed = before + step, time.monotonic() - began
            left = passed * (total - done) / done if done else None
            listen(Progress(f"time step {at:g} fs", done / total, remaining_s=left))

        traces[timestep] = record(setup, request, timestep, tell)
        before += round(request.time_ps / (timestep * PS_PER_FS))
        spread = float(np.std(traces[timestep].total, ddof=1)) * KCAL_PER_KJ
        sentence = (
            f"{timestep:g} fs: {request.time_ps:g} ps, SD of the energy {spread:.4f} kcal/mol"
        )
        say(listen, sentence)
    listen(Progress("judging", 1.0, known=False))
    found = judge(setup, request, traces)
    if out is not None:
        save_json(out / "nve.json", found)
        atomic_write(out / "nve.html", render_nve(found, request, traces))
    return found


def check_request(request: NveRequest) -> None:
    """Check the settings before anything is computed.

    Raises:
        InputError: The test would not be conclusive.
    """
    steps = request.timesteps_fs
    for option, value, least in (
        ("--temperature", request.temperature_k, 0.0),
        ("--cutoff", request.cutoff_angstrom, LEAST_CUTOFF),
        ("--time", request.time_ps, 0.0),
    ):
        if value is not None and not least <= value < math.inf:
            raise InputError(f"{option} should be a number of at least {least:g}, got {value:g}.")
    positive = all(0.0 < step < math.inf for step in steps)
    if not steps or len(set(steps)) != len(steps) or not positive:
        raise InputError("--dt needs different positive time steps [fs], such as 0.25,0.5,1.0.")
    needed = max(2 * nve.BLOCKS * SAMPLING, 2 * nve.BLOCKS * max(steps)) * PS_PER_FS
    if not request.time_ps >= needed:
        raise InputError(
            f"--time {request.time_ps:g} ps is too short to determine a drift; give at least "
            f"{needed:g}."
        )
