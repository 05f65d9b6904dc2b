# SPDX-License-Identifier: MIT
"""Does `merrow simulate` go from prepared files to production, and on from where it was stopped?"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from test_bad_input import contents, one_sentence

from merrow.amber.topology import read_topology
from merrow.amber.trajectory import read_restart_metadata, read_trajectory
from merrow.md.simulate import RUN_FILE, plan_simulation
from merrow.md.simulate_config import SimulationConfig
from merrow.nonbonded.kernel import why_not
from merrow.trajectories import read_frames

SHORT = (
    *("--minimisation", "5", "--equilibration", "0.04", "--length", "0.016", "--chunk", "0.008"),
    *("--frame-interval", "0.004", "--timestep", "0.001", "--cutoff", "8", "-q"),
)
BEFORE = ["01-min-restrained", "02-min", "03-heat", "04-heat", "05-heat", "06-npt-restrained"]
STAGES = [*BEFORE, "07-npt", "prod-0001", "prod-0002"]


CALCULATOR = """
import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class Constant(Calculator):
    implemented_properties = ["energy", "forces"]

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": ENERGY, "forces": np.zeros((len(atoms), 3))}


def make_calculator(numbers, charge, multiplicity):
    return Constant()
"""


@pytest.fixture(scope="module")
def begun(request):
    """A folder with a whole short simulation of methane in water, made once."""
    return {}


@pytest.fixture
def simulate(merrow, files):
    """Run `merrow simulate` on methane in water."""

    def run(*words, out="out", potential="ani2x", top="wet"):
        given = ("-p", files[top], "-c", files[f"{top}_crd"], "--ml-mask", ":1", "-o", out)
        return merrow("simulate", *given, "--potential", potential, *SHORT, *words)

    return run


@pytest.fixture
def whole(simulate, begun, tmp_path_factory):
    """The same folder for every test that only reads it, with its first answer."""
    if not begun:
        answer = simulate("--mm-reference")
        begun["answer"] = answer
        begun["folder"] = tmp_path_factory.mktemp("whole") / "out"
        shutil.copytree("out", begun["folder"])
        shutil.rmtree("out")
    return begun


def test_every_stage_of_both_legs_is_there_and_can_be_run_again(whole, merrow, files):
    answer, folder = whole["answer"], whole["folder"]
    assert answer.code == 0, answer.err
    assert "ml_mm: 0.016 ps in 2 files" in answer.out
    assert "with cpptraj or MDAnalysis" in answer.out, "`analyze` refuses what has no protein"
    for leg in ("ml_mm", "mm"):
        assert sorted(p.stem for p in (folder / leg).glob("*.rst")) == STAGES
        assert not (folder / leg / "unfinished").exists()
        assert "potential='ani2x'" in (folder / "ml_mm" / "prod-0001.in").read_text()
    # the control is the same but for the potential
    for name in STAGES:
        ours, control = ((folder / leg / f"{name}.in").read_text() for leg in ("ml_mm", "mm"))
        assert ours.replace("ani2x", "mm").split("\n", 1)[1] == control.split("\n", 1)[1]
    # solute's heavy atoms are held while it is heated, and not later
    weights = []
    for name in STAGES:
        text = (folder / "mm" / f"{name}.in").read_text()
        found = re.search(r"ntr=1, restraint_wt=(\d), restraintmask=':1&!@H='", text)
        weights.append(0 if found is None else int(found[1]))
    assert weights == [5, 0, 5, 5, 5, 1, 0, 0, 0]
    words = ("-i", folder / "mm" / "prod-0002.in", "-c", folder / "mm" / "prod-0001.rst")
    assert merrow("md", *words, "-p", files["wet"], "-q").code == 0
    again, there = read_trajectory(Path("mdcrd")), read_trajectory(folder / "mm" / "prod-0002.nc")
    np.testing.assert_array_equal(again.positions, there.positions)


def test_the_pieces_are_one_trajectory(whole, files):
    folder = whole["folder"]
    topology = read_topology(files["wet"])
    times = [t for k in (1, 2) for t in read_trajectory(folder / "ml_mm" / f"prod-000{k}.nc").times]
    start = read_restart_metadata(folder / "ml_mm" / "07-npt.rst").time
    np.testing.assert_allclose(np.array(times) - start, [0.004, 0.008, 0.012, 0.016], atol=1e-6)
    for k in range(3, 6):  # frames enough to be read
        shutil.copy(folder / "ml_mm" / "prod-0002.nc", folder / "ml_mm" / f"prod-000{k}.nc")
    assert len(read_frames(folder / "ml_mm", topology).times) == 10
    for k in range(3, 6):
        (folder / "ml_mm" / f"prod-000{k}.nc").unlink()


def test_what_is_missing_is_computed_again_with_the_same_numbers(whole, simulate):
    shutil.copytree(whole["folder"], "out")
    old = {p: p.stat().st_mtime_ns for p in Path("out").rglob("*.rst")}
    for name in ("prod-0002.rst", "prod-0002.nc"):  # as a kill before the last move leaves it
        Path("out/ml_mm", name).unlink()
    assert simulate("--mm-reference").code == 0
    new = {p: p.stat().st_mtime_ns for p in old}
    assert [p for p in old if new[p] != old[p]] == [Path("out/ml_mm/prod-0002.rst")]
    for name in ("prod-0002.rst", "prod-0002.nc"):
        found, truth = Path("out/ml_mm", name), whole["folder"] / "ml_mm" / name
        assert found.read_bytes() == truth.read_bytes()


def test_a_production_may_grow(whole, simulate):
    shutil.copytree(whole["folder"], "out")
    old = {p: p.stat().st_mtime_ns for p in Path("out").rglob("*.nc")}
    answer = simulate("--mm-reference", "--length", "0.024")
    assert answer.code == 0, answer.err
    assert "mm: 0.024 ps in 3 files" in answer.out
    assert all(p.stat().st_mtime_ns == when for p, when in old.items())


def test_a_production_does_not_shrink(whole, simulate):
    shutil.copytree(whole["folder"], "out")
    before = contents(Path("out"))
    told = one_sentence(simulate("--mm-reference", "--length", "0.008"))
    assert "out holds 0.016 ps of production, but 0.008 ps are asked for" in told
    assert contents(Path("out")) == before


def test_it_does_not_go_on_with_another_model_or_another_prmtop(merrow, files):
    pytest.importorskip("ase")
    Path("model.py").write_text(CALCULATOR.replace("ENERGY", "1.0"))
    shutil.copy(files["wet"], "a.prmtop")
    words = ("-p", "a.prmtop", "-c", files["wet_crd"], "--ml-mask", ":1", "-o", "out", *SHORT)
    words = ("simulate", *words, "--potential", "ase:model.py", "--max-minutes", "0.0001")
    assert merrow(*words).code == 3
    before = contents(Path("out"))
    Path("model.py").write_text(CALCULATOR.replace("ENERGY", "2.0"))
    for more in ((), ("--dry-run",)):
        answer = merrow(*words, *more)
        assert answer.code == 2
        assert "but the potential found now is ase:model.py:" in answer.err.splitlines()[-1]
    Path("model.py").write_text(CALCULATOR.replace("ENERGY", "1.0"))
    Path("a.prmtop").write_text(Path(files["wet"]).read_text() + "\n")
    told = one_sentence(merrow(*words))
    assert "a.prmtop has changed: it is not the file that the simulation in out" in told
    assert contents(Path("out")) == before
    shutil.copy(files["wet"], "a.prmtop")
    assert merrow(*words).code == 3
    assert contents(Path("out")) != before


def test_a_simulation_keeps_the_forces_that_it_began_with(whole, simulate):
    if reason := why_not():
        pytest.skip(reason)
    assert "mm_kernel: native" in (whole["folder"] / "simulate.yaml").read_text()
    last = "prod-0002.out"
    assert "nonbonded forces of merrow" in (whole["folder"] / "ml_mm" / last).read_text()
    shutil.copytree(whole["folder"], "out")
    Path("out/ml_mm/prod-0002.rst").unlink()
    config = Path("out/simulate.yaml")
    config.write_text(config.read_text().replace("mm_kernel: native\n", ""))  # an older version's
    answer = simulate("--mm-reference", "--mm-kernel", "native")
    assert "mm_kernel is 'openmm' there and 'native' here" in one_sentence(answer)
    assert simulate("--mm-reference").code == 0
    assert "nonbonded forces of merrow" not in Path("out/ml_mm", last).read_text()
    assert "mm_kernel: openmm" in config.read_text()


def test_a_simulation_keeps_the_platform_that_it_began_on(tmp_path, files, monkeypatch):
    monkeypatch.setattr("merrow.engine.platforms.fastest_platform", lambda: "CUDA")
    given = {"prmtop": str(files["wet"]), "inpcrd": str(files["wet_crd"]), "ml_mask": ":1"}
    asked = SimulationConfig(**given)
    assert plan_simulation(asked, tmp_path)[0].platform == "CUDA"
    (tmp_path / RUN_FILE).write_text(SimulationConfig(**given, platform="CPU").to_yaml())
    assert plan_simulation(asked, tmp_path)[0].platform == "CPU"
    named = SimulationConfig(**given, platform="Reference")
    assert plan_simulation(named, tmp_path)[0].platform == "Reference"


def test_it_stops_before_its_time_is_up_and_goes_on(simulate):
    answer = simulate("--max-minutes", "0.0001", potential="mm")
    assert answer.code == 3
    assert "8 stages are left in out, with 0.016 ps of production" in answer.err
    assert simulate("--max-minutes", "0.0001", potential="mm").code == 3
    assert sorted(p.stem for p in Path("out/ml_mm").glob("*.rst")) == STAGES[:2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--temperature", "310"), "temperature_k is 300.0 there and 310.0 here"),
        ((), "mm_reference is True there and False here"),
    ],
)
def test_the_folder_of_another_simulation_is_refused(whole, simulate, words, told):
    shutil.copytree(whole["folder"], "out")
    answer = simulate(*words, *(["--mm-reference"] if words else []))
    assert told in one_sentence(answer)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--frame-interval", "0.1"), "chunk must hold at least one frame"),
        (("--chunk", "0.006"), "chunk must be a multiple of frame_interval"),
        (("--frame-interval", "0.0005"), "frame_interval_ps 0.0005 is not a whole number of time"),
        (("--equilibration", "0.01"), "equilibration_ps 0.01 is too short for its stages"),
        (("--platform", "GPU"), "platform"),
        (("--ml-mask", ":2"), "water"),
        (("--timestep", "0.01"), "timestep"),
        (("--timestep", "1e-7"), "timestep_ps: input should be greater than or equal to"),
        (("--pressure", "nan"), "pressure_bar: input should be a finite number, got nan"),
        (("--pressure", "-1e9"), "pressure_bar: input should be greater than or equal to -1000"),
        (("--temperature", "27"), "temperature_k: input should be greater than or equal to 100"),
        (("--temperature", "inf"), "temperature_k: input should be a finite number, got inf"),
        (("--friction", "inf"), "friction_per_ps: input should be a finite number, got inf"),
        (("--restraint", "inf"), "input should be a finite number, got inf"),
        (("--cutoff", "inf"), "cutoff_angstrom: input should be a finite number, got inf"),
        (("--length", "inf"), "length_ps: input should be a finite number, got inf"),
        (("--max-minutes", "nan"), "--max-minutes should be a number above 0, got nan"),
        (("--max-minutes", "-1"), "--max-minutes should be a number above 0, got -1"),
    ],
)
def test_bad_input_is_one_sentence(simulate, words, told):
    assert told in one_sentence(simulate(*words, potential="mm"))
    assert not Path("out").exists()


def test_a_system_without_box_is_refused(simulate):
    assert "has no box: give the solvated system" in one_sentence(simulate(top="gas"))
    assert not Path("out").exists()
