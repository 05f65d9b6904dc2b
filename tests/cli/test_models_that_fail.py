# SPDX-License-Identifier: MIT
"""A model that answers nonsense stops every command with a sentence; nothing of it is averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from merrow.amber.coordinates import read_coordinates
from merrow.amber.trajectory import read_restart_metadata

MDIN = """x
 &cntrl imin=0, nstlim=40, dt=0.0005, ntb=0, cut=999.0, ntpr=4, ntwr=4, ntc=1, ntf=1, ifmlp=1 /
 &mlp animask='*', potential='torchscript:{path}' /
"""


class Failing(torch.nn.Module):
    """Springs between all atoms; from some call on, energy or forces are no numbers."""

    def __init__(self, good: int, energy: float, force: float) -> None:
        super().__init__()
        self.calls, self.good, self.energy, self.force = 0, good, energy, force

    def forward(
        self, positions: torch.Tensor, numbers: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        gaps = positions[:, :, None] - positions[:, None]
        lengths = (gaps.pow(2).sum(-1) + 1e-6).sqrt()
        energies = 50.0 * (lengths - 1.5).pow(2).sum((1, 2))
        forces = -(200.0 * ((lengths - 1.5) / lengths)[..., None] * gaps).sum(2)
        self.calls += 1
        if self.calls > self.good:
            energies = energies + self.energy
            forces = forces + self.force
        return energies, forces


NAN, INF = float("nan"), float("inf")
WRONG = {"nan energy": (NAN, 0.0), "inf energy": (INF, 0.0), "nan force": (0.0, NAN),
         "inf force": (0.0, -INF)}  # fmt: skip


@pytest.fixture(params=WRONG)
def failing(request, tmp_path):
    """Return a function (good calls) → file of a model that fails after them."""

    def make(good: int) -> Path:
        path = tmp_path / "failing.pt"
        torch.jit.script(Failing(good, *WRONG[request.param])).save(str(path))
        return path

    return make


def test_an_energy_that_is_none_is_refused(merrow, methane, failing):
    prmtop, inpcrd = methane
    words = ("-p", prmtop, "-c", inpcrd, "--ml-mask", "*")
    answer = merrow("energy", *words, "--potential", f"torchscript:{failing(0)}")
    assert answer.code == 1
    assert "gets no finite energy or force" in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_dynamics_stops_with_the_last_good_restart(merrow, methane, failing):
    Path("mdin").write_text(MDIN.format(path=failing(20)))
    answer = merrow("md", "-O", "-i", "mdin", "-p", methane[0], "-c", methane[1])
    assert answer.code == 1
    assert "gets no finite energy or force" in answer.err
    assert "Traceback" not in answer.err
    restart = read_coordinates("restrt")
    assert np.isfinite(restart.positions).all()
    assert np.isfinite(restart.velocities).all()
    assert 4 <= read_restart_metadata(Path("restrt")).step < 24
    assert "nan" not in Path("mdout").read_text().lower()


def test_a_free_energy_is_not_made_of_it(merrow, methane, failing, tmp_path):
    words = ("--protocol", "demo", "--repeats", "1", "--processes", "1", "--set", "timestep_fs=2")
    answer = merrow(
        "hydration", *methane, "--solvate", "tip3p", "--out", "run", *words,
        "--potential", f"torchscript:{failing(30)}",
    )  # fmt: skip
    assert answer.code == 1
    assert "gets no finite energy or force" in answer.err
    assert "Traceback" not in answer.err
    assert not Path("run/result.json").exists()
