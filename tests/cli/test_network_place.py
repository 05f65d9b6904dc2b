# SPDX-License-Identifier: MIT
"""Is where the network computes measured when a job begins, told, and kept where it goes on?

There is a GPU in name alone: whoever chooses it is refused, since torch finds none.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_bad_input import one_sentence

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import read_restart_metadata, write_netcdf_restart
from merrow.bench.speed import _opened, open_system
from merrow.binding.free_states import FreeRequest, _placed
from merrow.potentials import device, placement
from merrow.potentials.device import VARIABLE
from merrow.sander.models import Job, Models
from merrow.sander.server import Request

SHORT = (
    *("--minimisation", "5", "--equilibration", "0.04", "--length", "0.008", "--chunk", "0.008"),
    *("--frame-interval", "0.004", "--timestep", "0.001", "--cutoff", "8", "-q"),
)
TIMES = "(a call: cpu 1.00 ms, cuda 8.00 ms)"
GAS = """gas phase
 &cntrl imin=0, {begin} nstlim=4, ntb=0, cut=999.0, ntpr=2, nscm=0, ifmlp=1 /
 &mlp animask=':1', potential='{potential}' /
"""
NEW, ON = "tempi=300.0,", "irest=1, ntx=5,"


@pytest.fixture(autouse=True)
def timed(monkeypatch):
    """Let there be a GPU, too; return what sets times [ms] and tells who was asked."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(
        placement, "candidates", lambda one: ("cpu", "cuda") if hasattr(one, "device") else ("cpu",)
    )

    def install(**times):
        asked = []

        def call_ms(load, where, ask):
            ask(load())  # the batch is one that the potential takes
            asked.append(where)
            return times[where]

        monkeypatch.setattr(placement, "call_ms", call_ms)
        return asked

    return install


@pytest.fixture
def simulate(merrow, files):
    """Run `merrow simulate` on methane in water."""
    given = ("-p", files["wet"], "-c", files["wet_crd"], "--ml-mask", ":1", "-o", "out")
    return lambda *words: merrow("simulate", *given, "--potential", "ani2x", *SHORT, *words)


@pytest.fixture
def md(merrow, files):
    """Run `merrow md` on methane."""

    def run(begin, start, potential="ani2x"):
        Path("mdin").write_text(GAS.format(begin=begin, potential=potential))
        return merrow("md", "-O", "-p", files["gas"], "-c", start, "-o", "out", "-r", "next.rst")

    return run


def test_a_simulation_keeps_where_its_network_computes(simulate, timed):
    asked = timed(cpu=1.0, cuda=8.0)
    assert simulate("--max-minutes", "0.0001").code == 3
    assert asked == ["cpu", "cuda"]  # once for the whole simulation
    asked = timed(cpu=8.0, cuda=1.0)  # who measured again would go to the GPU
    assert simulate("--dry-run").code == 0
    answer = simulate("--json")
    assert (answer.code, asked) == (0, []), answer.err
    found = json.loads(answer.out)
    assert found["ml_device"] == "cpu"
    assert found["ml_device_ms"] == {"cpu": 1.0, "cuda": 8.0}
    for stage in ("01-min-restrained", "02-min", "prod-0001"):
        assert TIMES in Path("out/ml_mm", f"{stage}.out").read_text()
    again = json.loads(simulate("--json").out)  # from what is in the folder alone
    assert (again["ml_device"], again["ml_device_ms"]) == ("cpu", {"cpu": 1.0, "cuda": 8.0})


def test_a_simulation_whose_device_is_gone_is_refused_with_the_way_out(
    simulate, timed, monkeypatch
):
    timed(cpu=1.0, cuda=8.0)
    assert simulate("--max-minutes", "0.0001").code == 3
    kept = Path("out/placement.yaml")
    kept.write_text(kept.read_text().replace("device: cpu", "device: cuda"))
    assert (
        f"compute on cuda, which torch does not find here; go on where it is, or set {VARIABLE}"
        in (one_sentence(simulate()))
    )
    monkeypatch.setenv(VARIABLE, "cpu")
    monkeypatch.setattr(placement, "candidates", lambda one: ("cpu",))
    assert simulate("--max-minutes", "0.0001").code == 3
    assert "device: cuda" in kept.read_text()  # without the variable it is there again


def test_a_simulation_of_an_older_version_chooses_when_it_goes_on(simulate, timed):
    timed(cpu=1.0, cuda=8.0)
    assert simulate("--max-minutes", "0.0001").code == 3
    Path("out/placement.yaml").unlink()
    asked = timed(cpu=2.0, cuda=9.0)
    assert simulate("--max-minutes", "0.0001").code == 3
    assert asked == ["cpu", "cuda"]
    assert "cuda: 9.0" in Path("out/placement.yaml").read_text()


def test_a_run_that_goes_on_keeps_the_place_of_its_network(md, files, timed):
    asked = timed(cpu=1.0, cuda=8.0)
    assert md(NEW, files["gas_crd"]).code == 0
    assert asked == ["cpu", "cuda"]
    assert TIMES in Path("out").read_text()
    assert read_restart_metadata(Path("next.rst")).ml_device == "cpu"
    Path("next.rst").rename("one.rst")
    asked = timed(cpu=8.0, cuda=1.0)
    answer = md(ON, "one.rst")
    assert (answer.code, asked) == (0, []), answer.err
    assert read_restart_metadata(Path("next.rst")).ml_device == "cpu"  # and so does the next one
    asked = timed(cpu=1.0, cuda=8.0)
    assert md(ON, "one.rst", "ani1x").code == 0
    assert asked == ["cpu", "cuda"], "the choice was another potential's"


def test_a_restart_of_another_machine_is_measured_here(md, files, timed, monkeypatch):
    timed(cpu=1.0, cuda=8.0)
    assert md(NEW, files["gas_crd"]).code == 0
    told = replace(read_restart_metadata(Path("next.rst")), ml_device="cuda")
    write_netcdf_restart(Path("far.rst"), read_coordinates(Path("next.rst")), told)
    asked = timed(cpu=1.0, cuda=8.0)
    assert md(ON, "far.rst").code == 0
    assert asked == ["cpu", "cuda"]
    monkeypatch.setattr(device, "_is_here", lambda name: True)
    asked = timed(cpu=1.0, cuda=8.0)
    md(ON, "far.rst")  # torch itself then finds no GPU
    assert asked == []


def test_without_a_choice_a_restart_names_no_device(md, files, monkeypatch):
    monkeypatch.setattr(placement, "candidates", lambda one: ("cpu",))
    assert md(NEW, files["gas_crd"]).code == 0
    assert read_restart_metadata(Path("next.rst")).ml_device is None
    assert "a call:" not in Path("out").read_text()


@pytest.mark.usefixtures("ani_weights")
def test_a_server_of_sander_measures_at_the_first_geometry(files, timed):
    models = Models()
    job = Job(prmtop=files["gas"], atoms=tuple(range(5)), potential="ani2x").model_dump_json()
    asked = timed(cpu=1.0, cuda=8.0)
    assert models.answer(Request(job, "", "")).line == ""
    assert asked == []
    places = read_coordinates(Path(files["gas_crd"])).positions
    rows = [
        f"{symbol:<2} " + "".join(f"{x:21.16f}" for x in row)
        for symbol, row in zip("CHHHH", places, strict=True)
    ]
    geometry = "\n".join(["    5", "", *rows])
    energies = {
        models.answer(Request(job, "! ENGRAD\n*xyzfile 0 1 x.xyz\n", geometry)).line
        for _ in range(2)
    }
    assert len(energies) == 1
    assert asked == ["cpu", "cuda"]
    assert models.answer(Request(job, "", "")).line == f", on cpu {TIMES}"


@pytest.mark.usefixtures("ani_weights")
def test_frames_of_a_free_ligand_and_a_bench_are_computed_where_it_is_fastest(files, timed):
    topology = read_topology(files["gas"])
    asked = timed(cpu=1.0, cuda=8.0)
    batch = read_coordinates(Path(files["gas_crd"])).positions + np.zeros((3, 1, 1))
    request = FreeRequest(Path("x"), Path("x"), potential="ani2x")
    found = _placed(request, topology, range(5), batch)
    assert found.where.call_ms == {"cpu": 1.0, "cuda": 8.0}
    assert _placed(replace(request, potential="mm"), topology, range(5), batch) is None
    system = open_system("x", Path(files["wet"]), Path(files["wet_crd"]), ":1", 8.0)
    assert _opened(system, "ani2x").where.device == "cpu"
    assert asked == ["cpu", "cuda"] * 2
