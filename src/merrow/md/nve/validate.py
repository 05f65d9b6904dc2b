# SPDX-License-Identifier: MIT
"""A test of whether a potential with these files conserves energy and momentum.

Short trajectories at constant energy from one start, one per time step, judged against fixed
bars; the potential itself is asked about net force and torque, slope against energy, and single
against double precision.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from merrow.analysis import nve
from merrow.errors import InputError
from merrow.files import atomic_write, save_json
from merrow.md.nve.page import render_nve
from merrow.md.nve.runs import SAMPLING, NveRequest, open_nve_setup, record
from merrow.md.nve.verdict import judge
from merrow.progress import Listener, say, silent
from merrow.units import KCAL_PER_KJ, PS_PER_FS


def validate_nve(
    request: NveRequest, listen: Listener = silent, *, out: Path | None = None
) -> dict[str, Any]:
    """Run the test and return its report, ready for JSON.

    Args:
        request: What is tested.
        listen: Told one line whenever a trajectory is done.
        out: Folder for the report, nve.json and nve.html; None for no files.

    Raises:
        InputError: The files or the request do not fit together.
        NumericsError: A trajectory blew up.
    """
    check_request(request)
    setup = open_nve_setup(request)
    traces = {}
    for timestep in sorted(request.timesteps_fs):
        traces[timestep] = record(setup, request, timestep)
        spread = float(np.std(traces[timestep].total, ddof=1)) * KCAL_PER_KJ
        sentence = (
            f"{timestep:g} fs: {request.time_ps:g} ps, SD of the energy {spread:.4f} kcal/mol"
        )
        say(listen, sentence)
    found = judge(setup, request, traces)
    if out is not None:
        save_json(out / "nve.json", found)
        atomic_write(out / "nve.html", render_nve(found, request, traces))
    return found


def check_request(request: NveRequest) -> None:
    """Refuse a request that cannot be judged, before anything is computed.

    Raises:
        InputError: It cannot.
    """
    steps = request.timesteps_fs
    if not steps or len(set(steps)) != len(steps) or min(steps) <= 0:
        raise InputError("--dt needs different positive time steps [fs], such as 0.25,0.5,1.0.")
    needed = max(2 * nve.BLOCKS * SAMPLING, 2 * nve.BLOCKS * max(steps)) * PS_PER_FS
    if not request.time_ps >= needed:
        raise InputError(
            f"--time {request.time_ps:g} ps is too short to judge a drift; give at least "
            f"{needed:g}."
        )
