# SPDX-License-Identifier: MIT
"""Does the doctor see a wrong platform, a lost program and a bad driver, and say what to do?"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import openmm as mm
import pytest
from rich.console import Console

from merrow.doctor import machine, platforms
from merrow.doctor.check import Check
from merrow.doctor.platforms import platform_checks, plugin_checks
from merrow.doctor.table import check_table
from merrow.engine.platforms import ask, water_box
from merrow.errors import MissingComponentError


@pytest.fixture(scope="module")
def box():
    return water_box()


def test_the_processor_computes_what_reference_computes(box):
    system, positions = box
    assert 700 < len(positions) == system.getNumParticles() < 1500
    found = {check.name: check for check in platform_checks()}
    assert found["OpenMM CPU"].status == "ok"
    assert "ms a step of" in found["OpenMM CPU"].found


def test_a_platform_that_computes_wrongly_fails(box, monkeypatch):
    system, positions = box
    right = ask("Reference", system, positions)
    for wrong in (
        replace(right, forces=right.forces * 1.001),
        replace(right, energy=right.energy * 1.001),
        replace(right, forces=right.forces * float("nan")),
    ):
        monkeypatch.setattr(
            platforms, "ask", lambda name, *_, w=wrong: right if name == "Reference" else w
        )
        found = {check.name: check for check in platform_checks()}
        assert found["OpenMM CPU"].status == "fail"
        assert "do not use --platform CPU" in found["OpenMM CPU"].advice


def test_a_platform_without_a_device_is_told_and_is_no_failure(box, monkeypatch):
    system, positions = box
    right = ask("Reference", system, positions)

    def answer(name, *_):
        if name == "Reference":
            return right
        raise mm.OpenMMException("No compatible device found\nmore")

    monkeypatch.setattr(platforms, "ask", answer)
    found = {check.name: check for check in platform_checks()}["OpenMM CPU"]
    assert (found.status, found.found) == ("warn", "cannot be used: No compatible device found")


def test_an_openmm_that_lost_its_plug_ins_is_told_with_what_helps(tmp_path):
    """Such as where a module of a cluster names those of another OpenMM."""

    def merrow(*words, **more):
        command, env = [sys.executable, "-m", "merrow", *words], os.environ | more
        return subprocess.run(
            command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    lost = {"OPENMM_PLUGIN_DIR": str(tmp_path)}
    words = ("hydration", "C", "--potential", "mm", "--dry-run", "--out", "run")
    told = merrow(*words, **lost)
    assert told.returncode == 2
    assert f"finds no plugins of its own in {tmp_path}: unset OPENMM_PLUGIN_DIR" in told.stderr
    assert merrow(*words).returncode == 0
    told = merrow("doctor", "--full", **lost)
    assert "OpenMM CPU" in told.stdout
    assert "unset OPENMM_PLUGIN_DIR" in " ".join(told.stdout.split())


def test_plug_ins_that_cannot_be_loaded_are_told_once_for_each_platform():
    failures = (
        "Error loading library /x/plugins/libOpenMMOpenCL.so: libOpenCL.so.1: not found",
        "Error loading library /x/plugins/libOpenMMDrudeOpenCL.so: libOpenCL.so.1: not found",
        "Error loading library /x/plugins/libOpenMMCUDA.so: libcuda.so.1: not found",
    )
    found = [(check.name, check.status) for check in plugin_checks(failures)]
    assert found == [("OpenMM OpenCL", "ok"), ("OpenMM CUDA", "warn")]


def test_programs_that_are_not_here_are_named_with_the_way_to_get_them(monkeypatch):
    def find(name):
        if name == "tleap":
            raise MissingComponentError("it is not here.")
        return machine.Path("amber/bin") / name

    monkeypatch.setattr(machine, "find_program", find)
    (found,) = machine._programs()
    assert (found.status, found.found) == ("warn", "not here: tleap")
    assert "ambertools" in found.advice


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        ("echo 'NVIDIA H100, 550.1, 81559 MiB'", "ok", "NVIDIA H100, 550.1, 81559 MiB"),
        ("echo 'no driver' >&2; exit 9", "warn", "nvidia-smi failed"),
    ],
)
def test_a_gpu_or_its_bad_driver_is_seen(tmp_path, monkeypatch, script, status, words):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = list(machine._gpu())
    assert found[0].status == status
    assert words in found[0].found
    if status == "ok":
        assert found[1].name == "NVIDIA MPS"


def test_a_network_that_cannot_be_used_fails(ani_weights, monkeypatch):
    names = {check.name: check for check in machine._weights()}
    assert names["network ani2x"].status == "ok"
    assert "ms for methanol on cpu" in names["network ani2x"].found

    def refuse(name, molecule):
        raise MissingComponentError("it is damaged.")

    monkeypatch.setattr(machine, "load_potential", refuse)
    names = {check.name: check for check in machine._weights()}
    assert (names["network ani2x"].status, names["network ani2x"].found) == (
        "fail",
        "it is damaged.",
    )


def test_the_table_is_short_where_all_is_in_order_and_whole_with_full():
    networks = [Check(f"network ani{k}", "ok", f"{k}.00 ms for methanol on cpu") for k in range(5)]
    checks = [Check("weights", "ok", "here: " + ", ".join("abcdefgh" * 20)), *networks]
    checks.append(Check("cache", "warn", "a disk that is nearly full " * 5, "make room"))

    def shown(full):
        console = Console(width=80, color_system=None)
        with console.capture() as text:
            console.print(check_table(checks, full=full))
        return text.get()

    short = shown(full=False)
    words = " ".join(short.split())
    assert "networks" in short
    assert "ani4 4.00 ms" in words
    assert "make room" in words
    assert len(short.splitlines()) < len(shown(full=True).splitlines())
    assert "network ani4" in shown(full=True)


def test_without_a_home_folder_the_cache_fails_and_the_rest_is_told(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(machine.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("none")))
    found = machine._cache()
    assert found.status == "fail"
    assert "there is no home folder" in found.found
