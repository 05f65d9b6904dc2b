# SPDX-License-Identifier: MIT
"""Do the example scripts run?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def run(name: str, *words: str) -> str:
    command = [sys.executable, str(EXAMPLES / name), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("potential", ["mm", "tiny-ani"])
def test_a_network_comes_into_an_openmm_script(systems, potential):
    files = (systems / f"acetone{end}" for end in (".prmtop", ".inpcrd"))
    words = (*map(str, files), ":1", "--potential", potential, "--steps", "20")
    assert len(run("openmm_system.py", *words).splitlines()) == 11  # a header and ten reports


def test_the_solvable_model_prints_its_table():
    assert "harmonic, g = 4" in run("solvable_model.py")
