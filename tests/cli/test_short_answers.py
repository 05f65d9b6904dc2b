# SPDX-License-Identifier: MIT
"""Does every command answer in at most fifteen lines of eighty columns? What is left out says so.

And does `--full` leave out nothing? Numbers are noise: the runs are as short as they can be.
`merrow init` prints files, no answers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from short_answers import assert_fuller, assert_short
from short_runs import short_run

from merrow.ambertools.programs import find_program
from merrow.doctor.machine import machine_checks
from merrow.doctor.platforms import platform_checks
from merrow.errors import MissingComponentError
from tiny_settings import TINY

TINY_WORDS = [
    word
    for key, value in TINY.items()
    for word in ("--set", f"{key}={'null' if value is None else value}")
]
GAS = """gas phase
 &cntrl imin=0, nstlim=4, tempi=300.0, ntb=0, cut=999.0, ntpr=2, nscm=0, ifmlp=1 /
 &mlp animask=':1', potential='mm' /
"""
LONG_NAME = "a_trajectory_whose_name_is_long.nc"


@pytest.fixture
def tools():
    """AmberTools."""
    try:
        find_program("MMPBSA")
    except MissingComponentError as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    """A terminal of 80 columns, also for what asks how wide it is."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def answers(monkeypatch):
    """Let a job answer again what it wrote into a file, without computing it again."""

    def install(job, path):
        found = json.loads(Path(path).read_text())
        monkeypatch.setattr(f"merrow.{job}", lambda *_, **__: found)
        return found

    return install


@pytest.mark.parametrize(
    "words",
    [
        "models describe ani1ccx",
        "models describe mm",
        "--version",
    ],
)
def test_what_looks_around(merrow, words):
    assert_short(merrow(*words.split()))


def test_the_list_of_potentials_and_the_examination_of_this_machine(merrow, monkeypatch):
    listed = merrow("models", "list")
    assert_short(listed)
    every = merrow("models", "list", "--full").out
    rows = [line for line in listed.out.splitlines()[1:] if "--full" not in line]
    names = [line.split()[0] for line in rows]
    assert not [name for name in names if f"{name.partition('|')[0]}: " not in every]
    assert "licence MIT" in every
    monkeypatch.setattr("merrow.doctor.platforms.platform_checks", _once(platform_checks))
    monkeypatch.setattr("merrow.doctor.machine.machine_checks", _once(machine_checks))
    examined = merrow("doctor")
    assert_short(examined)
    assert_fuller(examined, merrow("doctor", "--full"))


def _once(function):
    """Return a function that is called once: times are others each time."""
    found = [*function()]
    return lambda: found


def test_energy_and_bench(merrow, files, monkeypatch):
    gas = ("-p", files["gas"], "-c", files["gas_crd"])
    assert_short(merrow("energy", *gas, "--ml-mask", ":1", "--potential", "ani1ccx"), "total")
    wet = ("-p", files["wet"], "-c", files["wet_crd"], "--ml-mask", ":1", "--cutoff", "8")
    few = ("--potential", "mm", "--minutes", "0.2", "--processes", "1")
    words = ("bench", *wet, *few, "--out", "bench")
    short = merrow(*words)
    assert_short(short, "ns/day", "report bench/bench.html")
    found = json.loads(Path("bench/bench.json").read_text())
    again = SimpleNamespace(as_dict=lambda: found)
    monkeypatch.setattr("merrow.bench.speed.run_bench", lambda *_: again)
    assert_fuller(short, merrow(*words, "--full"))


def test_md_and_its_status(merrow, files):
    Path("mdin").write_text(GAS)
    given = ("-p", files["gas"], "-c", files["gas_crd"])
    assert_short(merrow("md", *given), "4 steps", "continue from restrt")
    assert_short(merrow("status", "."), "dynamics, finished")


def test_constant_energy(merrow, files, answers):
    given = ("-p", files["gas"], "-c", files["gas_crd"], "--ml-mask", ":1", "--out", "nve")
    failing = ("--potential", "mm", "--time", "0.3", "--dt", "1.0,2.0")
    assert_short(merrow("validate", "nve", *given, *failing), "not passed", "FAILED", code=1)
    words = ("--potential", "ani1ccx", "--time", "0.12", "--dt", "0.25,0.5")
    short = merrow("validate", "nve", *given, *words)
    assert_short(short, "passed: all", "report nve/nve.html")
    answers("md.nve.validate.validate_nve", "nve/nve.json")
    full = merrow("validate", "nve", *given, *words, "--full")
    words = ("slope_error", "drift_kt_per_ns_per_dof")
    assert_fuller(short, full, *words)


def test_simulate_its_dry_run_and_its_status(merrow, files):
    short = ("--minimisation", "5", "--equilibration", "0.04", "--length", "0.008", "-q")
    more = ("--chunk", "0.004", "--frame-interval", "0.004", "--timestep", "0.001")
    given = ("-p", files["wet"], "-c", files["wet_crd"], "--ml-mask", ":1", "--cutoff", "8")
    words = ("simulate", *given, "--potential", "mm", *short, *more, "--mm-reference", "-o", "out")
    assert_short(merrow(*words), "ml_mm: 0.008 ps", "next: look at out/ml_mm")
    assert_short(merrow("status", "out"), "simulation, mm, finished")


def test_the_command_after_a_simulation_of_a_protein_is_one_that_a_shell_understands(systems):
    from merrow.cli.simulate import _next  # noqa: PLC0415

    given = {"prmtop": systems / "helix_complex.prmtop", "inpcrd": "helix.inpcrd"}
    lines = _next(given | {"ml_mask": ":1", "mm_reference": True}, Path("out"))
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert "\n".join(lines).replace(" \\\n", "").split()[1:3] == ["merrow", "analyze"]


def test_analyze_with_a_reference_and_a_crystal(merrow, systems, answers):
    prmtop, inpcrd = systems / "helix_complex.prmtop", systems / "helix_complex.inpcrd"
    short_run(prmtop, inpcrd, Path(LONG_NAME), frames=12)
    words = ("analyze", "-p", prmtop, "-y", LONG_NAME, "--ligand-mask", ":1", "--out", "out")
    more = ("--mm-reference", shutil.copy(LONG_NAME, "mm.nc"), "--pdb", systems / "helix.pdb")
    short = merrow(*words, *more)
    assert_short(short, "RMSD protein backbone", "report out/analysis.html")
    answers("binding.analyze.analyze", "out/analysis.json")
    assert_fuller(short, merrow(*words, *more, "--full"))
    assert_short(merrow("status", "out"), "analysis of a complex")


def test_mmpbsa_by_both_methods_with_a_reference(merrow, tools, systems, answers):
    prmtop = systems / "complex.prmtop"
    short_run(prmtop, systems / "complex.inpcrd", Path(LONG_NAME), frames=10)
    words = ("mmpbsa", "-p", prmtop, "-y", LONG_NAME, "--ligand-mask", ":GST", "--out", "out")
    more = ("--method", "gb,pb", "--mm-reference", shutil.copy(LONG_NAME, "mm.nc"))
    short = merrow(*words, *more)
    assert_short(short, "ML/MM − MM by MM-GBSA", "report out/mmpbsa.html")
    answers("binding.mmpbsa.mmpbsa", "out/mmpbsa.json")
    assert_fuller(short, merrow(*words, *more, "--full"), "result needs nanoseconds")
    assert_short(merrow("status", "out"), "binding energy of :GST")
    compared = merrow("report", "out", "out")
    assert_short(compared, "gb")
    assert_fuller(compared, merrow("report", "out", "out", "--full"), "pb (MM) TOTAL")


@pytest.mark.slow
def test_prepare_complex(merrow, tools, systems, answers):
    pytest.importorskip("pdb2pqr")
    files = ("--protein", systems / "helix.pdb", "--ligand", systems / "helix_ligand.sdf")
    words = ("prepare", "complex", *files, "--remove", "CL", "--out", "helix", "--implicit")
    short = merrow(*words)
    assert_short(short, "sander and OpenMM agree", "files in helix")
    answers("binding.prepare.complex.prepare_complex", "helix/preparation.json")
    assert_fuller(short, merrow(*words, "--full"))
    assert_short(merrow("status", "helix"), "prepared complex")


@pytest.mark.slow
def test_hydration_and_a_campaign(merrow, systems):
    gas = (systems / "methane.prmtop", systems / "methane.inpcrd")
    words = ("hydration", *gas, "--solvate", "tip3p", "--potential", "mm", *TINY_WORDS)
    short = merrow(*words, "--repeats", "2", "--out", "run")
    assert_short(short, "ΔG(hydration) =")
    assert_fuller(short, merrow(*words, "--repeats", "2", "--out", "run", "--full"), "leg of the")
    assert_fuller(short, merrow("run", "run", "--full"), "versions")
    assert_short(merrow("status", "run"), "ΔG(hydration) =")
    short = merrow("report", "run")
    assert_short(short, "ΔG(hydration) =")
    assert_fuller(short, merrow("report", "run", "--full"), "PASS")
    short = merrow("report", "run", "run")
    assert_short(short, "ΔG(hydration)")
    assert_fuller(short, merrow("report", "run", "run", "--full"))
    names = [f"a_molecule_with_a_long_name_{k}" for k in range(7)]  # one more than are shown
    for name in names:
        for end in ("prmtop", "inpcrd"):
            shutil.copy(systems / f"methane.{end}", f"{name}.{end}")
    rows = "".join(f"{name},{name}.prmtop,{name}.inpcrd,-1.0\n" for name in names)
    Path("set.csv").write_text(f"name,prmtop,inpcrd,expt_kcal\n{rows}")
    run = ("campaign", "run", "set.csv", "--potential", "mm", "--executor", "serial")
    words = (*run, *TINY_WORDS, "--repeats", "2", "--out", "set")
    short = merrow(*words)
    assert_short(short, "report.html")
    assert_fuller(short, merrow(*words, "--full"), *names)
    short = merrow("campaign", "report", "set")
    assert_short(short, "report.html")
    assert_fuller(short, merrow("campaign", "report", "set", "--full"), *names)
    assert_fuller(short, merrow("report", "set", "--full"), *names)
    short = merrow("status", "set")
    assert_short(short, "7 done")
    assert_fuller(short, merrow("status", "set", "--full"), *names)
    short = merrow("report", "set", "set")
    assert_short(short, "7 numbers")
    assert_fuller(short, merrow("report", "set", "set", "--full"))


def test_python_m_merrow_is_the_command(merrow):
    words = [sys.executable, "-m", "merrow", "--version"]
    told = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (told.stdout, told.stderr) == (merrow("--version").out, "")
