# SPDX-License-Identifier: MIT
"""Do `merrow md` and `merrow sander` run the original program's file where MODEL_PATH is set?"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from test_bad_input import one_sentence
from torch import Tensor

from mdout_reader import read_mdout
from merrow.amber.coordinates import read_coordinates
from merrow.ambertools.programs import find_program
from merrow.errors import MissingComponentError
from merrow.units import HARTREE_KCAL

MDIN = """methane by a file
 &cntrl imin=0, nstlim=2, dt=0.0005, ntpr=1, cut=999.0, ntb=0, ifmlp=1 /
 &mlp animask=':1', mlp_model=0, mlp_shake=0, mlp_confine=0, /
"""


class Springs(torch.nn.Module):
    """A file of the original program's ANI form: springs of length zero between all pairs."""

    def forward(self, species: Tensor, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        arm = coordinates[:, :, None] - coordinates[:, None]
        return 0.001 * (arm**2).sum((1, 2, 3)), species


@pytest.fixture
def model_path(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    torch.jit.script(Springs()).save(str(folder / "ani2x_model.pt"))
    monkeypatch.setenv("MODEL_PATH", str(folder))
    return folder


def first_energy(files) -> float:
    """Return the energy of the springs [kcal/mol] where the run begins."""
    x = read_coordinates(files["gas_crd"]).positions
    return 0.001 * float(((x[:, None] - x[None]) ** 2).sum()) * HARTREE_KCAL


def test_md_runs_the_file_and_says_so(merrow, files, model_path):
    Path("mdin").write_text(MDIN)
    answer = merrow("md", "-p", files["gas"], "-c", files["gas_crd"])
    assert answer.code == 0, answer.err
    text = Path("mdout").read_text()
    assert re.search(r"potential= torchscript:ani2x_model\.pt \(.*[0-9a-f]{64}\)", text)
    told = f"mlp_model=0 is {model_path / 'ani2x_model.pt'}, since MODEL_PATH is set"
    assert told in text
    # float32 holds 45 kcal/mol to 4e-6, and mdout prints four digits
    assert read_mdout(Path("mdout"))[0].values["EML"] == pytest.approx(
        first_energy(files), abs=2e-4
    )


def test_without_model_path_it_is_our_own_ani2x(merrow, files, monkeypatch):
    monkeypatch.delenv("MODEL_PATH", raising=False)
    Path("mdin").write_text(MDIN)
    assert merrow("md", "-p", files["gas"], "-c", files["gas_crd"]).code == 0
    text = Path("mdout").read_text()
    assert re.search(r"potential= ani2x \(ani2x:[0-9a-f]{64}\)", text)
    assert "MODEL_PATH" not in text


def test_sander_runs_the_file_and_says_so(merrow, files, model_path):
    try:
        find_program("sander")
    except MissingComponentError as error:
        pytest.skip(str(error))
    Path("mdin").write_text(MDIN)
    answer = merrow("sander", "-O", "-p", files["gas"], "-c", files["gas_crd"])
    assert (answer.code, answer.err) == (0, "")
    text = Path("mdout").read_text()
    told = f"| Note: mlp_model=0 is {model_path / 'ani2x_model.pt'}, since MODEL_PATH is set"
    assert told in text
    assert re.search(r": torchscript:ani2x_model\.pt:[0-9a-f]{64}, 5 atoms", text)
    printed = re.search(rf"ML energy \(torchscript:{model_path}/ani2x_model\.pt\) = +(\S+)", text)
    assert printed
    assert np.isclose(float(printed[1]), first_energy(files), rtol=0, atol=2e-4)


def test_a_folder_without_the_file_is_refused_in_one_sentence(merrow, files, model_path):
    Path("mdin").write_text(MDIN.replace("mlp_model=0", "mlp_model=4"))
    for verb in ("md", "sander"):
        told = one_sentence(merrow(verb, "-p", files["gas"], "-c", files["gas_crd"]))
        assert "mlp_model=4 names MACE-OFF23_large.pt in the folder of MODEL_PATH" in told
