# SPDX-License-Identifier: MIT
"""Is a potential whose forces are no slopes refused in one sentence, before anything is sampled?"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from test_bad_input import one_sentence

TOLD = "the forces of openmmml:ani2x (openmm-ml 1.8) are not the slope of its energy but 0.1 times"
MDIN = """methane
 &cntrl imin=0, nstlim=2, dt=0.0005, ntpr=1, cut=999.0, ntb=0, ifmlp=1 /
 &mlp animask=':1', potential='openmmml:ani2x' /
"""


@pytest.fixture(autouse=True)
def ani(random_weights, tmp_path, monkeypatch):
    """openmm-ml's own ani2x, whose torchani finds its weights without a download."""
    try:
        if version("openmmml") != "1.8":
            pytest.skip("later versions may have set it right")
    except PackageNotFoundError:
        pytest.skip("openmm-ml is not here: pip install 'merrow[openmmml]'")
    monkeypatch.setenv("TORCHANI_DATA_DIR", str(random_weights.parent))


def test_energy_refuses_it(merrow, files):
    words = ("--ml-mask", ":1", "--potential", "openmmml:ani2x", "--json")
    assert TOLD in one_sentence(
        merrow("energy", "-p", files["gas"], "-c", files["gas_crd"], *words)
    )


def test_md_refuses_it(merrow, files):
    Path("mdin").write_text(MDIN)
    assert TOLD in one_sentence(merrow("md", "-p", files["gas"], "-c", files["gas_crd"]))


def test_hydration_refuses_it_before_it_samples(merrow):
    answer = merrow("hydration", "C", "--potential", "openmmml:ani2x", "--out", "run")
    assert answer.code == 2
    assert TOLD in answer.err
    assert not list(Path("run").rglob("tasks/*"))
