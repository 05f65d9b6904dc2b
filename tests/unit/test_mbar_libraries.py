# SPDX-License-Identifier: MIT
"""Does pymbar compute with NumPy, whatever else is installed?"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAKE = """from pathlib import Path
Path(__file__).with_name("imported").touch()
class config:
    x64_enabled = False
def jit(function):
    raise RuntimeError("JAX was asked")
"""
ASK = """import sys
{before}
import merrow.mbar_libraries
from pymbar import mbar_solvers
assert not mbar_solvers.use_jit
assert mbar_solvers.exp.__module__ != "jax.numpy" and "numpy" in type(mbar_solvers.exp).__module__
assert ("jax" in sys.modules) == {there}
if {there}:
    assert sys.modules["jax"].jit
"""


@pytest.mark.parametrize("first", [False, True])
def test_an_installed_jax_is_not_used_and_left_as_it_was(first, tmp_path):
    package = tmp_path / "jax"
    package.mkdir()
    (package / "__init__.py").write_text(FAKE)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    program = ASK.format(before="import jax" if first else "", there=first)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (package / "imported").exists() == first


TWO_WELLS = """import numpy as np
import pymbar
u_kn = np.random.default_rng(1).normal(size=(2, 200))
def value():
    mbar = pymbar.MBAR(u_kn, np.array([100, 100]))
    return mbar.compute_free_energy_differences()["Delta_f"][0, 1]
"""
BEFORE = """import sys
import numpy, scipy.optimize, scipy.special
sys.modules |= {"jax.numpy": numpy, "jax.numpy.linalg": numpy.linalg}
sys.modules |= {"jax.scipy.optimize": scipy.optimize, "jax.scipy.special": scipy.special}
sys.modules["jax.scipy"] = scipy
import pymbar
assert pymbar.mbar_solvers.use_jit
"""
AFTER = """import merrow.mbar_libraries
from merrow.mbar_libraries import MBAR
assert MBAR is pymbar.MBAR and pymbar.mbar.mbar_solvers is pymbar.mbar_solvers
assert not pymbar.mbar_solvers.use_jit
assert abs(value()) < 0.5
assert sys.modules["jax"].jit
"""
FAKE_WITH_ARRAYS = """class Array:
    pass
class config:
    x64_enabled = True
    def update(*_):
        pass
def jit(function):
    def refuse(*_, **__):
        raise RuntimeError("JAX was asked")
    return refuse
"""


def test_a_pymbar_that_was_imported_before_with_jax_computes_without_it(tmp_path):
    package = tmp_path / "jax"
    package.mkdir()
    (package / "__init__.py").write_text(FAKE_WITH_ARRAYS)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + TWO_WELLS + AFTER],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
