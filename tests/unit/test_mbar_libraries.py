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
