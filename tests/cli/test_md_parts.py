# SPDX-License-Identifier: MIT
"""Are the parts of the energy, each with a Context of its own, opened once where that is slow?"""

from __future__ import annotations

from pathlib import Path

import pytest
from test_md_runs import NVE

from mdout_reader import read_mdout
from merrow.engine import dynamics
from merrow.engine.decompose import HybridDecomposition
from merrow.md import loop


def test_on_a_gpu_the_parts_of_the_energy_are_opened_once(merrow, files, monkeypatch):
    opened = []
    Path("mdin").write_text(NVE)
    words = ("md", "-O", "-p", files["wet"], "-c", files["wet_crd"])

    class Counted(HybridDecomposition):
        def __init__(self, *given, **words):
            opened.append(1)
            super().__init__(*given, **words)

    for module in (dynamics, loop):
        monkeypatch.setattr(module, "HybridDecomposition", Counted)
    assert merrow(*words).code == 0
    assert len(opened) == 2, "one for each segment of ntwr steps"
    energies = [one.values for one in read_mdout(Path("mdout"))]
    monkeypatch.setattr(loop, "GPU_PLATFORMS", ("CPU",))
    assert merrow(*words).code == 0
    assert len(opened) == 3
    for one, before in zip(read_mdout(Path("mdout")), energies, strict=True):
        assert one.values == pytest.approx(before, abs=1e-3)  # sums in another order
