# SPDX-License-Identifier: MIT
"""Is the platform that is chosen by itself the fastest one that is right?"""

from __future__ import annotations

from dataclasses import replace

import openmm as mm
import pytest

from merrow.engine import platforms
from merrow.engine.platforms import ask, fastest_platform, water_box


@pytest.fixture(scope="module")
def right():
    return ask("Reference", *water_box())


@pytest.fixture
def machine(right, monkeypatch):
    """Return a function that gives this machine platforms: name → step [ms], or what is wrong."""

    def with_platforms(**given):
        def answer(name, *_):
            if name == "Reference":
                return right
            found = given[name]
            if found == "no device":
                raise mm.OpenMMException("No compatible device found")
            if found == "wrong":
                return replace(right, forces=1.001 * right.forces, step_ms=0.01)
            return replace(right, step_ms=found)

        monkeypatch.setattr(platforms, "platform_names", lambda: ["Reference", *given])
        monkeypatch.setattr(platforms, "ask", answer)
        fastest_platform.cache_clear()

    yield with_platforms
    fastest_platform.cache_clear()


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ({"CPU": 2.0}, "CPU"),
        ({"CPU": 2.0, "CUDA": 0.1, "OpenCL": 0.2}, "CUDA"),
        ({"CPU": 2.0, "CUDA": 0.2, "OpenCL": 0.1}, "CUDA"),
        ({"CPU": 2.0, "CUDA": "wrong", "OpenCL": 0.1}, "OpenCL"),
        ({"CPU": 2.0, "CUDA": 3.0}, "CPU"),
        ({"CPU": 2.0, "CUDA": "no device", "OpenCL": 0.2}, "OpenCL"),
        ({"CPU": 2.0, "CUDA": "wrong", "HIP": "no device"}, "CPU"),
    ],
)
def test_the_fastest_platform_that_is_right_is_chosen(machine, given, chosen):
    machine(**given)
    assert fastest_platform() == chosen


def test_a_platform_that_is_wrong_is_told(machine, caplog):
    machine(CPU=2.0, CUDA="wrong")
    fastest_platform()
    assert "OpenMM CUDA computes other forces than Reference and is not used" in caplog.text


def test_without_a_platform_for_a_gpu_nothing_is_measured(monkeypatch):
    fastest_platform.cache_clear()
    monkeypatch.setattr(platforms, "platform_names", lambda: ["Reference", "CPU"])
    monkeypatch.setattr(platforms, "water_box", lambda: pytest.fail("a box was made"))
    assert fastest_platform() == "CPU"
    fastest_platform.cache_clear()
