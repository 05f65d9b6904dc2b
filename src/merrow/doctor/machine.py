# SPDX-License-Identifier: MIT
"""Programs, kernels, devices, folders and weights that merrow would use on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from merrow.ambertools.programs import find_program, version
from merrow.doctor.check import Check
from merrow.errors import MerrowError
from merrow.executor import core_count
from merrow.potentials.device import device_name, device_of
from merrow.potentials.families import families
from merrow.potentials.interface import Molecule
from merrow.potentials.registry import load_potential
from merrow.potentials.weights import cache_folder
from merrow.sander.scratch import COMPILED_CLIENT

LEAST_DISK_GB = 2.0
METHANOL = Molecule((6, 8, 1, 1, 1, 1))
POSITIONS = np.array(
    [
        *([0.0, 0.0, 0.0], [1.42, 0.0, 0.0], [1.74, 0.9, 0.0]),
        *([-0.36, -1.03, 0.0], [-0.36, 0.51, 0.89], [-0.36, 0.51, -0.89]),
    ]
)
"""Positions of methanol [Å]."""
CALLS = 20


def machine_checks() -> Iterator[Check]:
    """Yield a line for each component that merrow can use."""
    yield _cores()
    yield from _kernels()
    yield _client()
    yield from _gpu()
    yield _torch()
    yield from _weights()
    yield _cache()
    yield from _programs()


def _cores() -> Check:
    total = os.cpu_count() or 1
    mine = core_count()
    words = f"{mine} of {total} for this process; one thread in each process"
    return Check("cores", "ok", words)


def _kernels() -> Iterator[Check]:
    for name, family in families().items():
        if family.kernel is None:
            continue
        instructions, reason = family.kernel()
        title = f"kernel of {name}"
        if reason:
            yield Check(title, "warn", reason, "without it torch does the same more slowly")
        else:
            yield Check(title, "ok", f"compiled, {instructions}")


def _client() -> Check:
    if COMPILED_CLIENT.is_file():
        return Check("sander client", "ok", "compiled")
    words = "not compiled; the one in Python takes longer for each step"
    return Check("sander client", "warn", words, "install gcc and install merrow again")


def _gpu() -> Iterator[Check]:
    program = shutil.which("nvidia-smi")
    if program is None:
        yield Check("NVIDIA driver", "ok", "no GPU of NVIDIA found (no nvidia-smi)")
        return
    query = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        yield Check("NVIDIA driver", "warn", f"nvidia-smi failed: {error}", "look at the driver")
        return
    for line in done.stdout.strip().splitlines():
        yield Check("NVIDIA GPU", "ok", line.strip())
    there = shutil.which("nvidia-cuda-mps-control") is not None
    words = "can be started" if there else "nvidia-cuda-mps-control is not on PATH"
    advice = "" if there else "several processes on one GPU take turns without it"
    yield Check("NVIDIA MPS", "ok" if there else "warn", words, advice)


def _torch() -> Check:
    import torch  # noqa: PLC0415

    build = torch.version.cuda or torch.version.hip
    words = f"{torch.__version__}, built for {'CUDA ' + build if build else 'the processor'}"
    try:
        words += f"; networks run on {device_name()}"
    except MerrowError as error:
        return Check("torch", "fail", f"{words}; {error}")
    if build and not torch.cuda.is_available():
        return Check("torch", "warn", f"{words}, no device found", "look at the driver")
    return Check("torch", "ok", words)


def _weights() -> Iterator[Check]:
    """Yield the installed weights, and an evaluation of methanol with the first of them."""
    known = {name: w for family in families().values() for name, w in family.weights.items()}
    here = [name for name, weights in known.items() if weights.find() is not None]
    absent = [name for name in known if name not in here]
    words = f"here: {', '.join(here) or 'none'}; not here: {', '.join(absent) or 'none'}"
    advice = "" if here else "merrow models get ani1ccx"
    yield Check("weights", "ok" if here else "warn", words, advice)
    for name in here:
        try:
            potential = load_potential(name, METHANOL)
            potential.evaluate(POSITIONS[None])
            began = time.perf_counter()
            for _ in range(CALLS):
                potential.evaluate(POSITIONS[None])
        except MerrowError as error:
            yield Check(f"network {name}", "fail", str(error))
            continue
        took = 1000.0 * (time.perf_counter() - began) / CALLS
        found = f"{took:.2f} ms for methanol on {device_of(potential)}"
        yield Check(f"network {name}", "ok", found)


def _cache() -> Check:
    try:
        folder = cache_folder()
    except MerrowError as error:
        return Check("cache", "fail", str(error))
    there = next(p for p in (folder, *folder.parents) if p.is_dir())
    free = shutil.disk_usage(there).free / 1e9
    words = f"{folder}, {free:.0f} GB free"
    if not os.access(there, os.W_OK):
        return Check("cache", "warn", f"{words}, not writable", "set XDG_CACHE_HOME to your own")
    if free < LEAST_DISK_GB:
        return Check("cache", "warn", words, "make room: weights and parameters are kept there")
    return Check("cache", "ok", words)


def _programs() -> Iterator[Check]:
    missing = []
    for name in ("antechamber", "parmchk2", "tleap", "cpptraj", "sander"):
        try:
            find_program(name)
        except MerrowError:
            missing.append(name)
    if missing:
        yield Check(
            "AmberTools",
            "warn",
            f"not here: {', '.join(missing)}",
            "conda install -c conda-forge ambertools, or pip install 'merrow[amber]'",
        )
    else:
        yield Check("AmberTools", "ok", f"{version()}, {Path(find_program('tleap')).parent}")
