# SPDX-License-Identifier: MIT
"""Do the functions of `import merrow` give what the commands print, and leave the process alone?"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from short_runs import short_run
from test_analyze import write_trajectory

import merrow as package
from merrow.amber.coordinates import read_coordinates
from merrow.campaign.cost import campaign_cost
from merrow.campaign.driver import ComputeBackend
from merrow.errors import InputError
from tiny_settings import TINY


def untouched(door, *arguments, **options):
    """Call a door, which must leave the environment of the process as it was."""
    before = dict(os.environ)
    found = door(*arguments, **options)
    assert dict(os.environ) == before
    return found


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def dimer(systems, tmp_path_factory):
    """An ester with an ether beside it, and frames of a short run in implicit water."""
    prmtop, inpcrd = systems / "complex.prmtop", systems / "complex.inpcrd"
    path = tmp_path_factory.mktemp("dimer") / "run.nc"
    return prmtop, short_run(prmtop, inpcrd, path, frames=10)


@pytest.mark.parametrize("kind", [str, Path])
def test_an_energy_is_that_of_the_command(merrow, files, here, kind):
    found = untouched(
        package.energy,
        kind(files["gas"]),
        kind(files["gas_crd"]),
        ml_mask=":1",
        potential="ani1ccx",
    )
    words = ("-p", files["gas"], "-c", files["gas_crd"], "--ml-mask", ":1")
    printed = merrow("energy", *words, "--potential", "ani1ccx", "--json", "--forces", "f.npy")
    assert found.to_json() == printed.out
    np.testing.assert_array_equal(found.forces, np.load("f.npy"))
    table = found.to_frame()["energy_kcal"]
    assert table["total"] == found.total == pytest.approx(sum(found.terms.values()))
    assert "<table" in found._repr_html_()


def test_energies_that_cannot_be_are_refused(files):
    with pytest.raises(InputError, match="ewald_coeff and pme_grid"):
        package.energy(files["gas"], files["gas_crd"], potential="mm", ewald_coeff=0.3)
    with pytest.raises(InputError, match="double or single"):
        package.energy(files["gas"], files["gas_crd"], potential="mm", precision="float64")


def test_constant_energy_is_judged_as_by_the_command(merrow, files, here):
    told = []
    found = untouched(
        package.validate_nve,
        files["gas"],
        files["gas_crd"],
        ml_mask=":1",
        potential="mm",
        time=0.3,
        dt=(2.0,),
        progress=told.append,
    )
    words = ("-p", files["gas"], "-c", files["gas_crd"], "--ml-mask", ":1", "--potential", "mm")
    printed = merrow("validate", "nve", *words, "--time", "0.3", "--dt", "2.0", "--json")
    assert json.loads(found.to_json()) == json.loads(printed.out)
    assert not found["passed"]
    assert list(found.to_frame()["passed"]) == [check["passed"] for check in found["checks"]]
    assert [progress.lasting for progress in told].count(True) == 1
    assert [step.fraction for step in told if step.known and not step.lasting][-1] == 1.0


def test_a_simulation_runs_and_goes_on(files, here, ani_weights):
    options = {
        "minimisation": 5,
        "equilibration_ps": 0.04,
        "chunk_ps": 0.008,
        "frame_interval_ps": 0.004,
        "timestep_ps": 0.001,
        "cutoff_angstrom": 8.0,
        "potential": "ani1ccx",
        "ml_mask": ":1",
        "out": Path("md"),
    }
    told = []
    first = untouched(
        package.simulate,
        files["wet"],
        files["wet_crd"],
        length_ps=0.008,
        progress=told.append,
        **options,
    )
    assert first.length == 0.008
    assert told[-1].fraction == 1.0
    longer = untouched(package.simulate, files["wet"], files["wet_crd"], length_ps=0.016, **options)
    assert [Path(name).name for name in longer.to_frame()["file"]] == [
        "prod-0001.nc",
        "prod-0002.nc",
    ]
    assert json.loads(longer.to_json())["length_ps"] == 0.016
    with pytest.raises(InputError, match="timestep_ps"):
        package.simulate(files["wet"], files["wet_crd"], ml_mask=":1", out="other", timestep_ps=1.0)


def test_a_trajectory_is_analysed_as_by_the_command(merrow, systems, here, tmp_path):
    prmtop, trajectory = systems / "helix_complex.prmtop", tmp_path / "run.nc"
    start = read_coordinates(systems / "helix_complex.inpcrd").positions
    noise = np.random.default_rng(1).normal(0.0, 0.2, (20, *start.shape))
    write_trajectory(trajectory, start + noise, 1.0)
    found = untouched(package.analyze, prmtop, str(trajectory), out="here", ligand_mask=":1")
    words = ("-p", prmtop, "-y", trajectory, "--ligand-mask", ":1", "-o", "there", "--json")
    assert json.loads(found.to_json()) == json.loads(merrow("analyze", *words).out)
    assert found.folder == Path("here")
    assert set(found.to_frame()["trajectory"]) == {"run.nc"}


def test_a_binding_energy_is_that_of_the_command(merrow, dimer, here):
    if shutil.which("MMPBSA", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") is None:
        pytest.skip("no AmberTools")
    prmtop, trajectory = dimer
    found = untouched(package.mmpbsa, prmtop, trajectory, ligand_mask=":GST", out=Path("here"))
    words = ("-p", prmtop, "-y", trajectory, "--ligand-mask", ":GST", "-o", "there", "--json")
    assert json.loads(found.to_json()) == json.loads(merrow("mmpbsa", *words).out)
    table = found.to_frame().set_index("quantity")
    total = found["runs"][0]["delta_kcal"]["TOTAL"]
    assert table.loc["delta_kcal.TOTAL", "value"] == total["value"]
    with pytest.raises(InputError, match="'gbsa'"):
        package.mmpbsa(prmtop, trajectory, ligand_mask=":GST", out="never", method="gbsa")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"protein": "lost.pdb"}, "there is no structure file lost.pdb"),
        ({"waters": "some"}, "keep or none"),
        ({"ph": 15}, "between 0 and 14"),
    ],
)
def test_a_complex_that_cannot_be_prepared_is_refused(systems, here, changes, told):
    options = {"protein": systems / "helix.pdb", "ligand": systems / "helix_ligand.sdf", **changes}
    with pytest.raises(InputError, match=told):
        package.prepare_complex(**options, out="complex", remove=["CL"])
    assert not Path("complex").exists()


def test_a_campaign_is_that_of_the_command(merrow, methane, here):
    prmtop, inpcrd = methane
    Path("set.csv").write_text(f"name,prmtop,inpcrd,expt_kcal\nmethane,{prmtop},{inpcrd},2.0\n")
    campaign = package.Campaign("set.csv", out=Path("set"), potential="mm", settings=TINY)
    told = []
    found = untouched(campaign.run, "serial", progress=told.append)
    assert found.complete
    row = found.to_frame().iloc[0]
    assert row["status"] == "done"
    assert (
        row["dg_kcal"] == package.load_run(Path("set") / row["folder"]).result.headline.value_kcal
    )
    assert any("methane" in progress.text for progress in told)
    printed = merrow("campaign", "report", "set", "--json")
    assert printed.out == found.to_json() == campaign.result.to_json()
    assert "methane" in found._repr_html_()
    longer = campaign.config.protocol.model_copy(update={"maximum_sampling_ps": 0.2})
    for protocol, runs in ((campaign.config.protocol, 0), (longer, 1)):
        config = campaign.config.model_copy(update={"protocol": protocol})
        cost = campaign_cost(config, Path("set"), base=Path(), backend=ComputeBackend("serial"))
        assert cost.runs == runs, "a finished run that is to go on is to do"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"charges": "am1"}, "charges.0"),
        ({"protocol": "slow"}, "there is no protocol 'slow'"),
        ({"columns": {"kind": "name"}}, "kind"),
    ],
)
def test_a_campaign_that_cannot_be_right_is_refused(here, changes, told):
    Path("set.csv").write_text("name,smiles\nmethane,C\n")
    with pytest.raises(InputError, match=told):
        package.Campaign("set.csv", out="set", **changes).run("serial")
    assert not Path("set").exists()


def test_an_executor_that_is_none_is_refused(here):
    Path("set.csv").write_text("name,smiles\nmethane,C\n")
    with pytest.raises(InputError, match="'ray'"):
        package.Campaign("set.csv", out="set").run("ray")
