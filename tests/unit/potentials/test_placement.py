# SPDX-License-Identifier: MIT
"""Is the device of the networks the one that measures faster, and can it be forced?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from merrow.errors import InputError, MerrowError, NumericsError
from merrow.meeting import LeftError
from merrow.potentials import Molecule, load_potential, placement
from merrow.potentials import device as devices
from merrow.potentials.device import VARIABLE, device_name, on_device
from merrow.potentials.placement import call_ms, candidates, fastest, on_fastest
from merrow.settings import Placement

GPU = "cuda"


@dataclass
class Clock:
    """Time that passes only while a potential is asked [s]."""

    now: float = 0.0

    def perf_counter(self):
        return self.now


@dataclass
class Network:
    """A substitute for a network on a device, which takes its time or fails there."""

    device: str
    clock: Clock
    seconds: dict
    fault: Exception | None = None

    def evaluate(self, positions):
        if self.fault is not None and self.device == GPU:
            raise self.fault
        self.clock.now += self.seconds[self.device] * len(positions)


@pytest.fixture
def clock(monkeypatch):
    """Let there be a GPU, and a clock that the substitutes wind."""
    clock = Clock()
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(placement, "time", clock)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(devices, "_is_here", lambda name: True)
    return clock


def loader(clock, cpu, gpu, fault=None):
    return lambda: Network(device_name(), clock, {"cpu": cpu, GPU: gpu}, fault)


def ask(network):
    network.evaluate(np.zeros((2, 3, 3)))


@pytest.mark.parametrize(("cpu", "gpu", "best"), [(0.001, 0.008, "cpu"), (0.1, 0.002, GPU)])
def test_the_device_that_measures_faster_wins(clock, caplog, cpu, gpu, best):
    load = loader(clock, cpu, gpu)
    caplog.set_level("INFO")
    found = on_fastest(load(), load, ask)
    assert found.potential.device == found.where.device == best
    assert found.where.call_ms == pytest.approx({"cpu": 2e3 * cpu, GPU: 2e3 * gpu})
    assert f"networks compute on {best} (a call: cpu {2e3 * cpu:.2f} ms" in caplog.text


def test_the_time_is_that_of_the_batch_of_the_job_after_all_are_ready(clock):
    came = []
    load = loader(clock, 0.003, 0.001)
    ms = call_ms(load, GPU, ask, ready=lambda: came.append(clock.now))
    assert ms == pytest.approx(2.0)
    assert came == pytest.approx([placement.WARM_UP * 0.002])


@pytest.mark.parametrize(
    "fault",
    [
        NumericsError("it differs from the processor"),
        RuntimeError("out of memory"),
        MerrowError("m.pt fails, called in the plain form (all tensors must be on one device)"),
    ],
)
def test_a_gpu_that_errs_is_told_and_not_used(clock, caplog, fault):
    load = loader(clock, 5.0, 0.001, fault)
    came = []
    assert call_ms(load, GPU, ask, ready=lambda: came.append(1)) == math.inf
    assert came == [1]  # nobody waits for it
    found = on_fastest(load(), load, ask)
    assert (found.potential.device, found.where.call_ms[GPU]) == ("cpu", None)
    assert found.where.sentence().endswith("cuda failed")
    assert str(fault) in caplog.text


def test_a_gpu_that_fails_beside_other_processes_is_not_used(clock, caplog):
    came = []

    def crowded(network):
        if came:
            raise RuntimeError("out of memory")

    ready = lambda: came.append(1)  # noqa: E731
    assert call_ms(loader(clock, 1.0, 1.0), GPU, crowded, ready=ready) == math.inf
    assert came == [1]
    assert "not computed on cuda: out of memory" in caplog.text


def test_that_another_process_has_left_is_no_fault_of_the_gpu(clock):
    def left():
        raise LeftError("another process has left")

    with pytest.raises(LeftError):
        call_ms(loader(clock, 1.0, 1.0), GPU, ask, ready=left)


@pytest.mark.parametrize("fault", [NumericsError("nothing works"), MerrowError("nothing works")])
def test_the_processor_has_no_substitute(clock, fault):
    def broken(network):
        raise fault

    with pytest.raises(type(fault), match="nothing works"):
        call_ms(loader(clock, 1.0, 1.0), "cpu", broken)


class Fixed(torch.nn.Module):
    """A file whose constant stays on the processor, as in many files written there."""

    def forward(self, positions: Tensor, numbers: Tensor) -> Tensor:
        here = torch.ones(1, device="cpu")
        return (torch.cat([positions.square().sum((1, 2)), here]) ** 2)[:-1]


def test_a_file_that_fails_on_the_gpu_computes_on_the_processor(tmp_path, monkeypatch, caplog):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(devices, "_is_here", lambda name: True)
    monkeypatch.setattr(devices, "device_name", lambda: devices._chosen.get() or "meta")
    path = tmp_path / "fixed.pt"
    torch.jit.script(Fixed()).save(str(path))
    x = np.random.default_rng(1).normal(size=(1, 3, 3))
    load = partial(load_potential, f"torchscript:{path}", Molecule((8, 1, 1)))
    assert load().device == "meta"
    found = on_fastest(load(), load, lambda potential: potential.evaluate(x))
    assert (found.potential.device, found.where.call_ms["meta"]) == ("cpu", None)
    assert "fixed.pt fails, called in the plain form" in caplog.text


@pytest.mark.parametrize("forced", ["cpu", GPU])
def test_a_forced_device_is_not_measured(clock, monkeypatch, forced):
    monkeypatch.setenv(VARIABLE, forced)
    load = loader(clock, 1.0, 1.0)
    assert candidates(load()) == (forced,)
    for kept in (None, Placement(device="cpu" if forced == GPU else GPU)):
        found = on_fastest(load(), load, ask, kept)
        assert found.potential.device == found.where.device == forced
    assert clock.now == 0.0
    with on_device("cpu" if forced == GPU else GPU):
        assert device_name() == forced


def test_without_a_gpu_nothing_is_measured(clock, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    load = loader(clock, 1.0, 1.0)
    assert candidates(load()) == ("cpu",)


def test_of_equal_ones_the_processor_is_taken():
    assert fastest({"cpu": 1.0, GPU: 1.0}).device == "cpu"


@pytest.mark.parametrize("kept", ["cpu", GPU])
def test_what_was_chosen_is_kept_and_not_measured_again(clock, kept):
    load, where = loader(clock, 1.0, 1.0), Placement(device=kept, call_ms={"cpu": 1.0, GPU: None})
    found = on_fastest(load(), load, ask, where)
    assert (found.potential.device, found.where) == (kept, where)
    assert clock.now == 0.0


def test_a_chosen_device_that_is_gone_is_told_with_the_way_out(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(devices, "_is_here", lambda name: name == "cpu")
    with on_device(GPU), pytest.raises(InputError, match=r"compute on cuda, .*MERROW_DEVICE=cpu"):
        device_name()
    monkeypatch.setenv(VARIABLE, "cpu")
    with on_device(GPU):
        assert device_name() == "cpu"
