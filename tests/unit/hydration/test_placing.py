# SPDX-License-Identifier: MIT
"""Are the networks of a run where they measured the fastest, and stay there?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from merrow.executor import SerialExecutor
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling import placing
from merrow.hydration.sampling.placing import place_networks
from merrow.potentials.device import VARIABLE
from merrow.settings import Placement

CONFIG = HydrationConfig(source=Source(kind="smiles", smiles="CO"), processes=3)
ON_GPU = SimpleNamespace(device="cuda", identity="x")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run folder whose system and potential are substitutes."""
    monkeypatch.delenv(VARIABLE, raising=False)
    prepared = SimpleNamespace(solute=np.zeros((3, 3)))
    monkeypatch.setattr(placing, "prepare_system", lambda folder, config, listen=None: prepared)
    monkeypatch.setattr(
        placing, "_opened", lambda folder, config, device: SimpleNamespace(device=device)
    )
    found = RunFolder(tmp_path)
    found.save_config(CONFIG)
    return found


@pytest.fixture
def timed(monkeypatch):
    """Let calls take given times [ms]; return who was asked."""

    def install(**times):
        asked = []

        def call_ms(load, device, ask, *, ready):
            ready()  # waits until all processes are here
            asked.append(device)
            return times[device]

        monkeypatch.setattr(placing, "call_ms", call_ms)
        return asked

    return install


@pytest.mark.parametrize(("cpu", "gpu", "best"), [(0.5, 8.4, "cpu"), (3.4, 0.6, "cuda")])
def test_all_processes_measure_at_once_and_the_choice_is_kept(folder, timed, cpu, gpu, best):
    asked = timed(cpu=cpu, cuda=gpu)
    with ThreadPoolExecutor(3) as executor:
        found = place_networks(folder, CONFIG, ON_GPU, executor)
    assert found.device == best
    assert asked == ["cpu"] * 3 + ["cuda"] * 3
    kept = folder.read(Placement)
    assert (kept.device, kept.processes) == (best, 3)
    assert kept.call_ms == pytest.approx({"cpu": cpu, "cuda": gpu})
    asked = timed(cpu=gpu, cuda=cpu)  # a run that goes on does not measure again
    assert place_networks(folder, CONFIG, ON_GPU, SerialExecutor()).device == best
    assert asked == []


def test_a_run_that_is_only_prepared_starts_its_processes_for_the_measurement(
    folder, timed, monkeypatch
):
    started = []

    @contextmanager
    def start(config):
        started.append(config.processes)
        with ThreadPoolExecutor(config.processes) as executor:
            yield executor

    monkeypatch.setattr(placing, "start_workers", start)
    timed(cpu=0.5, cuda=8.0)
    for _ in range(2):
        assert place_networks(folder, CONFIG, ON_GPU).device == "cpu"
    assert started == [3]
    assert folder.read(Placement).processes == 3


def test_a_gpu_that_cannot_be_used_is_told_as_such(folder, timed):
    timed(cpu=5.0, cuda=float("inf"))
    assert place_networks(folder, CONFIG, ON_GPU, SerialExecutor()).device == "cpu"
    assert folder.read(Placement).call_ms == {"cpu": 5.0, "cuda": None}
    assert folder.read(Placement).processes == 1


def test_a_forced_device_and_a_machine_without_gpu_measure_nothing(folder, timed, monkeypatch):
    asked = timed(cpu=1.0, cuda=1.0)
    on_cpu = SimpleNamespace(device="cpu")
    assert place_networks(folder, CONFIG, on_cpu, SerialExecutor()) is on_cpu
    monkeypatch.setenv(VARIABLE, "cuda")
    assert place_networks(folder, CONFIG, ON_GPU, SerialExecutor()) is ON_GPU
    assert asked == []
    assert folder.read(Placement) is None


def test_a_run_whose_device_is_gone_does_not_go_on_elsewhere(folder, monkeypatch):
    folder.save(Placement(device="cuda", call_ms={"cpu": 5.0, "cuda": 1.0}))
    opened = []
    monkeypatch.setattr(placing, "_opened", lambda folder, config, device: opened.append(device))
    on_cpu = SimpleNamespace(device="cpu")  # the only one here
    place_networks(folder, CONFIG, on_cpu, SerialExecutor())
    assert opened == ["cuda"]  # which says what is missing
    monkeypatch.setenv(VARIABLE, "cpu")
    assert place_networks(folder, CONFIG, on_cpu, SerialExecutor()) is on_cpu
