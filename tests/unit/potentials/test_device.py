# SPDX-License-Identifier: MIT
"""Do networks compute where they are told to, and is a device that computes wrongly found out?"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import elsewhere
import numpy as np
import pytest
import torch

from merrow.errors import InputError, MerrowError, NumericsError
from merrow.potentials import load_potential
from merrow.potentials.ani.static_engine import StaticAni
from merrow.potentials.device import device_name, placed
from merrow.potentials.interface import Capabilities, Evaluation
from merrow.potentials.validation import CheckedPotential
from merrow.testing import METHANOL, METHANOL_GEOMETRY

TINY = Path(__file__).resolve().parents[2] / "data" / "tiny_mace.model"


@pytest.fixture
def there(monkeypatch):
    """Let networks run on the device of `elsewhere`."""
    elsewhere.register()
    monkeypatch.setenv("MERROW_DEVICE", elsewhere.NAME)


@pytest.fixture
def batch():
    """Three distorted conformers of methanol [Å]."""
    return METHANOL_GEOMETRY + 0.05 * np.random.default_rng(5).standard_normal((3, 6, 3))


class Plain(torch.nn.Module):
    """A file of the user."""

    def forward(self, positions: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        arm = positions[:, :, None] - positions[:, None]
        return (arm.square().sum(-1) * (numbers[:, None] * numbers)).sum((1, 2))


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """What differs between the device of `elsewhere` and the processor, by potential."""
    path = tmp_path_factory.mktemp("file") / "plain.pt"
    torch.jit.script(Plain()).save(str(path))
    names = {
        "ani": "ani1ccx",
        "aim": "aimnet2",
        "mace": f"mace:{TINY}",
        "file": f"torchscript:{path}",
    }
    script = Path(__file__).with_name("compute_elsewhere.py")
    done = subprocess.run(
        [sys.executable, str(script), *names.values()],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    return {short: told[name] for short, name in names.items()}


@pytest.mark.parametrize("name", ["ani", "aim", "mace", "file"])
def test_a_network_computes_elsewhere_and_says_the_same(compared, name):
    found = compared[name]
    if "missing" in found:
        pytest.skip(found["missing"])
    assert found["devices"] == [elsewhere.NAME, "cpu"]
    assert found["layers_ran_there"] == [True, False]
    assert found["energy"] < 1e-14
    assert found["force"] < 1e-9
    assert (found["members"] is None) == (name in {"mace", "file"})
    assert (found["members"] or 0.0) < 1e-9


def test_the_compiled_kernel_serves_the_processor_alone(there):
    try:
        potential = load_potential("ani1ccx", METHANOL)
    except MerrowError as error:
        pytest.skip(str(error))
    assert isinstance(potential.engine.networks, StaticAni)


@dataclass
class Wrong:
    """A device whose first energy, or force, is off."""

    energy: float
    force: float
    device: str

    def evaluate(self, positions):
        here = self.device != "cpu"
        forces = -positions
        forces[:, 0, 0] += here * self.force
        return Evaluation(-1e5 + positions.sum((1, 2)) + here * self.energy, forces)


def potential(energy, force, precision):
    engine, proof = placed(partial(Wrong, energy, force), precision)
    return CheckedPotential(Capabilities("x", None), "x", METHANOL.numbers, engine, proof)


@pytest.mark.parametrize(
    ("precision", "energy", "force"), [("float32", 0.01, 0.01), ("float64", 1e-10, 1e-10)]
)
def test_a_device_may_round_but_not_err(there, batch, precision, energy, force):
    potential(energy, force, precision).evaluate(batch)
    for wrong in ((1e4 * energy, force), (energy, 1e4 * force)):
        with pytest.raises(NumericsError, match=r"elsewhere and the processor differ .*=cpu"):
            potential(*wrong, precision).evaluate(batch)


def test_a_device_is_compared_once_in_each_process(there, batch):
    right = potential(0.0, 0.0, "float32")
    right.evaluate(batch)
    right.engine.energy = 1.0
    right.evaluate(batch)
    with pytest.raises(NumericsError):
        pickle.loads(pickle.dumps(right)).evaluate(batch)


@dataclass
class Graphs(Wrong):
    """A device that is right until a conformer, or a program, too many."""

    calls: int = 0
    wrong_call: int = 10**9
    wrong_rows: int = 0
    one_program: bool = False

    def instance(self, conformers):
        return None if self.one_program else conformers

    def evaluate(self, positions):
        self.calls += 1
        wrong = self.calls == self.wrong_call or len(positions) == self.wrong_rows
        self.force = 1.0 if wrong else 0.0
        return super().evaluate(positions)


def graphs(**faults):
    engine, proof = placed(lambda device: Graphs(0.0, 0.0, device, **faults), "float32")
    return CheckedPotential(Capabilities("x", None), "x", METHANOL.numbers, engine, proof)


@pytest.mark.parametrize("wrong_call", [1, 2, 4])
def test_forces_of_several_conformers_are_compared(there, batch, wrong_call):
    with pytest.raises(NumericsError, match="elsewhere and the processor differ"):
        graphs(wrong_call=wrong_call).evaluate(batch[:1])
    graphs(wrong_call=5).evaluate(batch[:1])


def test_every_program_is_compared_before_it_counts(there, batch):
    found = graphs(wrong_rows=3)
    for _ in range(3):
        found.evaluate(batch[:1])
        found.evaluate(batch[:2])
    calls = found.engine.calls
    assert calls == 6 + 3 + 1  # others, distorted, make four conformers of each
    with pytest.raises(NumericsError, match="elsewhere and the processor differ"):
        found.evaluate(batch)
    graphs(wrong_rows=3, one_program=True).evaluate(batch[:2])


def test_a_static_program_that_grows_is_another_one(parameters_of):
    numbers = (6, 1, 8, 7, 1, 6) * 4
    static = StaticAni(parameters_of("ani2x").pruned(numbers), numbers, "float32")
    chain = np.zeros((1, 24, 3))
    chain[0, :, 0] = 2.6 * np.arange(24)
    static.evaluate(chain)
    few = [static.instance(rows) for rows in (1, 3, 4, 5)]
    assert [rows for rows, _ in few] == [1, 4, 4, 8]
    static.evaluate(np.random.default_rng(2).uniform(-2.0, 2.0, (1, 24, 3)))
    assert static.instance(1) != few[0]


def test_nan_from_a_device_is_refused_first(there, batch):
    with pytest.raises(NumericsError, match="no finite"):
        potential(float("nan"), 0.0, "float32").evaluate(batch)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("gpu", "MERROW_DEVICE=gpu is no device of torch; use cpu, cuda or cuda:N"),
        ("mps", "no float64"),
        ("elsewhere:3", "finds no such device here"),
        pytest.param(
            "cuda",
            "finds no such device here",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here"),
        ),
    ],
)
def test_a_device_that_is_not_there_is_refused(monkeypatch, word, told):
    elsewhere.register()
    monkeypatch.setenv("MERROW_DEVICE", word)
    with pytest.raises(InputError, match=told):
        device_name()


def test_a_gpu_is_used_where_there_is_one(monkeypatch):
    monkeypatch.delenv("MERROW_DEVICE", raising=False)
    for found, name in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=found: found)
        assert device_name() == name
