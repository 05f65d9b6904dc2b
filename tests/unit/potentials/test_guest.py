# SPDX-License-Identifier: MIT
"""Does what the code of others switches in torch stay with them, and is the user told of it?"""

from __future__ import annotations

import logging
import os

import numpy as np
import pytest
import torch

from merrow.potentials import Molecule, load_potential
from merrow.potentials.guest import GUARD, UNGUARDED, Guest, tell_of_code

WATER = Molecule((8, 1, 1))
GEOMETRY = np.array([[[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.77, -0.45]]])
CALCULATOR = """
import os
import torch
from ase.calculators.calculator import Calculator

os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # as mace-torch does where it is imported

class Zero(Calculator):
    implemented_properties = ["energy", "forces"]

    def calculate(self, atoms=None, *_):
        if "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in os.environ:
            raise RuntimeError("its own switch is lost")
        if torch.zeros(1).dtype != torch.float64:
            raise RuntimeError("its own default is lost")
        self.results = {"energy": 0.0, "forces": 0.0 * atoms.positions}

def make_calculator(numbers, charge, multiplicity):
    torch.set_default_dtype(torch.float64)  # as the calculator of mace-torch does
    return Zero()
"""


@pytest.fixture
def switches(monkeypatch):
    """Neither variable is set; return them with the default type of torch, as they are then."""
    monkeypatch.delenv(GUARD, raising=False)
    monkeypatch.delenv(UNGUARDED, raising=False)
    before = torch.get_default_dtype()
    yield lambda: (os.environ.get(GUARD), os.environ.get(UNGUARDED), torch.get_default_dtype())
    torch.set_default_dtype(before)


def test_a_calculator_keeps_its_switches_to_itself(tmp_path, switches):
    pytest.importorskip("ase")
    path = tmp_path / "mine.py"
    path.write_text(CALCULATOR)
    before = switches()
    potential = load_potential(f"ase:{path}", WATER)
    assert switches() == before
    for _ in range(2):
        assert potential.evaluate(GEOMETRY).energies[0] == 0.0
        assert switches() == before


def test_switches_are_put_back_where_a_guest_fails(switches):
    before, guest = switches(), Guest()

    def set_them():
        with guest.at_work():
            os.environ[UNGUARDED] = "1"
            torch.set_default_dtype(torch.float64)
            raise ValueError("it fails")

    with pytest.raises(ValueError, match="it fails"):
        set_them()
    assert switches() == before
    with guest.at_work():
        assert switches() == (None, "1", torch.float64)
    assert switches() == before


def test_a_file_of_the_user_that_is_a_program_is_told_once(tmp_path, caplog):
    pytest.importorskip("ase")
    path = tmp_path / "told.py"
    path.write_text(CALCULATOR)
    with caplog.at_level(logging.WARNING):
        load_potential(f"ase:{path}", WATER)
        load_potential(f"ase:{path}", WATER)
    (told,) = [one.getMessage() for one in caplog.records if str(path) in one.getMessage()]
    assert told == (
        f"{path} is a program and runs with your rights: use it only if you trust where it is from."
    )


def test_a_torchscript_file_is_told_of_too(tmp_path, caplog):
    class Zero(torch.nn.Module):
        def forward(self, positions: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
            return 0.0 * positions.sum((1, 2))

    path = tmp_path / "zero.pt"
    torch.jit.script(Zero()).save(str(path))
    with caplog.at_level(logging.WARNING):
        load_potential(f"torchscript:{path}", WATER)
    assert [one.getMessage().partition(" is a program")[0] for one in caplog.records] == [str(path)]
    tell_of_code(path)
    assert len(caplog.records) == 1
