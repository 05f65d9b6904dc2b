# SPDX-License-Identifier: MIT
"""Compute potentials on the device of `elsewhere` and on the processor; print the differences.

A process of its own: torch makes its queues for devices at the first gradient, so the device has to
be registered before. Arguments are names of potentials; one JSON object is printed.
"""

from __future__ import annotations

import json
import os
import sys

import elsewhere
import numpy as np

from merrow.errors import MerrowError
from merrow.potentials import load_potential
from merrow.potentials.device import VARIABLE, device_of
from merrow.testing import METHANOL, METHANOL_GEOMETRY

LAYERS = {"aten::baddbmm", "aten::mm", "aten::bmm", "aten::addmm", "aten::mul.Tensor"}


def compare(name):
    """Return what differs between there and here for three distorted conformers of methanol."""
    batch = METHANOL_GEOMETRY + 0.05 * np.random.default_rng(5).standard_normal((3, 6, 3))
    answers, devices, members, layers = [], [], [], []
    for device in (elsewhere.NAME, "cpu"):
        os.environ[VARIABLE] = device
        elsewhere.seen.clear()
        try:
            potential = load_potential(name, METHANOL, precision="float64")
        except MerrowError as error:  # weights or a package that are not here
            return {"missing": str(error)}
        answers.append(potential.evaluate(batch))
        layers.append(bool(elsewhere.seen & LAYERS))
        devices.append(device_of(potential))
        members.append(potential.member_forces(batch))
    found, truth = answers
    return {
        "devices": devices,
        "layers_ran_there": layers,
        "energy": float(np.abs(found.energies / truth.energies - 1.0).max()),
        "force": float(np.abs(found.forces - truth.forces).max()),
        "members": None if members[0] is None else float(np.abs(members[0] - members[1]).max()),
    }


if __name__ == "__main__":
    elsewhere.register()
    print(json.dumps({name: compare(name) for name in sys.argv[1:]}))
