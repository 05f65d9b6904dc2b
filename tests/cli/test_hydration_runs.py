# SPDX-License-Identifier: MIT
"""Does the command give what it promises, on tiny real runs? Their numbers are noise."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from alchemlyb.estimators import MBAR
from alchemlyb.parsing.parquet import extract_dHdl, extract_u_nk

from merrow import read_result
from merrow.hydration.run_folder import RunFolder
from merrow.settings import Placement
from merrow.units import KCAL_PER_KJ, thermal_energy

pytestmark = pytest.mark.slow

SCHEDULE = "schedule={lambda_electrostatics: [1.0, 0.0], lambda_sterics: [0.5, 0.0]}"
SETTINGS = (
    *("cutoff_angstrom=6", "n_waters=200"),
    *("equilibration_ps=0.02", "equilibration_per_state_ps=0.004"),
    *("record_interval_ps=0.004", "minimum_sampling_ps=0.192", "maximum_sampling_ps=0.192"),
    *("gas_ps=1", "target_stderr_kcal=null", "endstate_water_ps=1", SCHEDULE),
)


def tiny(*unused):
    """Return the options of a tiny run, without settings that a kind of run does not use."""
    asked = [setting for setting in SETTINGS if not setting.startswith(unused)]
    return [word for setting in asked for word in ("--set", setting)]


TINY, DIRECT = tiny(), tiny("endstate_water_ps")
WET = tiny("endstate_water_ps", "n_waters")


def files_of(folder):
    """Return what the user finds on the top of a run folder."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


PROMISED = {
    *("inputs", "report.html", "result.csv", "result.json", "run.yaml"),
    *("samples", "system", "tasks", "timing.json"),
}


def check_estimates(result, null):
    """Assert which estimates are there, and that all of them are numbers with an error."""
    for name, value in result["estimates"].items():
        assert (value is None) == (name in null), name
        if value is not None:
            assert math.isfinite(value["value_kcal"])
            assert value["stderr_kcal"] > 0.0
    for leg in ("charging", "lj"):
        assert math.isfinite(result["legs"][leg]["value_kcal"])
    assert result["headline"] == {
        **result["estimates"][result["headline"]["method"]],
        "method": result["headline"]["method"],
    }


def value_from_tables(folder, temperature):
    """Return ΔG [kcal/mol] by alchemlyb's MBAR from the stored table, and its number of rows."""
    u_nk = extract_u_nk(folder / "samples" / "u_nk.parquet", T=temperature)
    dhdl = extract_dHdl(folder / "samples" / "dHdl.parquet", T=temperature)
    assert len(u_nk) == len(dhdl)
    assert list(dhdl.columns) == ["coul", "vdw"]
    delta = MBAR().fit(u_nk).delta_f_.loc[[(0.0, 0.0)], [(1.0, 1.0)]]
    return float(delta.to_numpy()[0, 0]) * thermal_energy(temperature) * KCAL_PER_KJ, len(u_nk)


def test_r1_with_ani_gives_every_number_it_promises(merrow, methane, stand_ins):
    answer = merrow(
        *("hydration", *methane, "--solvate", "tip3p", "--potential", "ani1ccx"),
        *(
            "--route",
            "direct",
            "--mm-reference",
            "--processes",
            "1",
            "--out",
            "run",
            "--json",
            *DIRECT,
        ),
    )
    assert answer.code == 0, answer.err
    assert answer.err == ""
    run = Path("run")
    assert files_of(run) == PROMISED
    assert answer.out == (run / "result.json").read_text()
    found = json.loads(answer.out)
    assert found["route"] == "direct"
    assert found["headline"]["method"] == "decoupling_mbar"
    check_estimates(found, null={"endpoint_bar"})
    sums = found["estimates"]["decoupling_ti"]["value_kcal"] + found["de_reorg"]["value_kcal"]
    assert found["estimates"]["as_published"]["value_kcal"] == pytest.approx(sums, abs=1e-12)
    assert found["estimates"]["mm_reference"] != found["estimates"]["decoupling_mbar"]
    identity = f"ani1ccx:{stand_ins.models['ani1ccx'].digest}"
    assert found["settings"]["potential_identity"] == identity
    assert found["seeds"] == {"run": 2025}
    assert found["versions"].keys() >= {"merrow", "openmm", "torch", "pymbar", "alchemlyb"}
    told = found["diagnostics"]
    assert told["largest_ensemble_spread_kcal"] > told["ensemble_spread_kcal"] > 0.0
    assert (
        told["worst_atom_force_spread_kcal_per_angstrom"]
        > told["force_spread_kcal_per_angstrom"]
        > 0.0
    )
    assert told["worst_atom"] in range(1, 6)
    assert read_result(run / "result.json").headline.value_kcal == found["headline"]["value_kcal"]
    (row,) = csv.DictReader((run / "result.csv").open())
    assert float(row["headline_kcal"]) == found["headline"]["value_kcal"]


def test_r2_with_ani_gives_every_number_it_promises(merrow, systems):
    mol2 = systems / "methane.mol2"
    answer = merrow(
        *("hydration", mol2, "--potential", "ani1ccx", "--processes", "1", "--gaff", "1"),
        *("--out", "run", *TINY),
    )
    assert answer.code == 0, answer.err
    found = json.loads(Path("run/result.json").read_text())
    assert (found["route"], found["charges"]) == ("endpoint", "file")
    assert found["headline"]["method"] == "endpoint_bar"
    check_estimates(found, null={"decoupling_mbar", "decoupling_ti"})
    estimates = found["estimates"]
    sums = estimates["endpoint_bar"]["value_kcal"] + found["de_reorg"]["value_kcal"]
    assert estimates["as_published"]["value_kcal"] == pytest.approx(sums, abs=1e-12)
    ends = found["diagnostics"]["gibbs_bogoliubov"]
    correction = ends["water"]["df_kcal"] - ends["gas"]["df_kcal"]
    exact = estimates["mm_reference"]["value_kcal"] + correction
    assert estimates["endpoint_bar"]["value_kcal"] == pytest.approx(exact, abs=1e-9)
    for phase in ("water", "gas"):
        slack = 4 * ends[phase]["stderr_kcal"]
        assert ends[phase]["lower_kcal"] - slack <= ends[phase]["df_kcal"]
        assert ends[phase]["df_kcal"] <= ends[phase]["upper_kcal"] + slack
    assert "ΔG(hydration) = " in answer.out
    assert "as published (+ ΔE_reorg): " in answer.out
    full = merrow("run", "run", "--full").out
    assert "ΔG of the ML/MM Hamiltonian (MM path + end-state BAR)" in full
    assert "PyMBAR" not in answer.err
    assert "WARNING" not in answer.err
    charges = (Path("run") / "system" / "ligand.mol2").read_text()
    assert "-0.108" in charges  # the file's own charge of the carbon, but for its rounding
    # a run of a machine with a GPU is shown on one without
    RunFolder(Path("run")).save(Placement(device="cuda", call_ms={"cpu": 8.0, "cuda": 1.0}))
    assert merrow("report", "run").code == 0
    again = json.loads(Path("run/result.json").read_text())
    assert again["headline"] == found["headline"]
    assert again["settings"]["ml_device"] == "cuda"
    assert again["settings"]["ml_device_ms"] == {"cpu": 8.0, "cuda": 1.0}


@pytest.fixture
def solvated_run(merrow, files):
    """A finished run of the user's own solvated system, by MM."""
    answer = merrow(
        *("hydration", files["wet"], files["wet_crd"], "--ml-mask", ":1", "--potential", "mm"),
        *("--processes", "1", "--out", "run", *WET),
    )
    assert answer.code == 0, answer.err
    return answer


def test_a_solvated_system_runs_and_its_tables_are_read_by_alchemlyb(solvated_run):
    found = json.loads(Path("run/result.json").read_text())
    check_estimates(found, null={"endpoint_bar"})
    assert found["settings"]["n_waters"] == 300
    assert found["charges"] == "prmtop"
    assert Path("run/system/solvated.prmtop").read_bytes() == next(
        path.read_bytes() for path in Path("run/inputs").glob("*.prmtop")
    )
    dg, rows = value_from_tables(Path("run"), found["temperature_k"])
    assert rows == found["diagnostics"]["n_samples"]
    assert dg == pytest.approx(
        found["headline"]["value_kcal"], abs=found["headline"]["stderr_kcal"]
    )
    plain = pd.read_parquet("run/samples/u_nk.parquet")
    assert len(plain) == rows
    g = pd.read_csv("run/samples/inefficiency.csv")
    assert len(g) == found["settings"]["repeats"] * len(plain.columns)
    assert g["rows_per_independent_row"].max() == pytest.approx(
        found["diagnostics"]["largest_inefficiency"], abs=1e-3
    )


def test_a_run_file_runs_again_in_its_folder_and_in_another(merrow, solvated_run):
    first = Path("run/result.json").read_bytes()
    again = merrow("run", "run/run.yaml")
    assert again.code == 0
    assert again.out == solvated_run.out
    assert "sampling" not in again.err
    assert Path("run/result.json").read_bytes() == first

    # the whole folder, moved; and only the run file with its inputs, into an empty one
    shutil.move("run", "moved")
    assert merrow("run", "moved/run.yaml").code == 0
    Path("fresh").mkdir()
    shutil.copy("moved/run.yaml", "fresh")
    shutil.copytree("moved/inputs", "fresh/inputs")
    assert merrow("run", "fresh/run.yaml", "--json").code == 0
    assert merrow("run", "moved/run.yaml", "--out", "third", "--json").code == 0
    numbers = [json.loads(Path(name, "result.json").read_text()) for name in ("fresh", "third")]
    for found in numbers:
        found.pop("wall_s")
    expected = json.loads(first)
    expected.pop("wall_s")
    assert numbers == [expected, expected]


def test_repeats_that_are_added_later_give_the_run_that_had_them_from_the_start(merrow, methane):
    source = [str(path) for path in methane]
    asked = (*source, "--solvate", "tip3p", "--potential", "mm", "--route", "direct")

    def run(folder, repeats, sampling):
        words = [f"{what}_sampling_ps={sampling}" for what in ("minimum", "maximum")]
        more = [word for each in words for word in ("--set", each)]
        more += tiny("endstate_water_ps", "minimum", "maximum")
        answer = merrow(
            "hydration", *asked, *more, "--repeats", str(repeats), "-o", folder, "--json"
        )
        assert answer.code == 0, answer.err
        found = json.loads(Path(folder, "result.json").read_text())
        found.pop("wall_s")
        return found

    alone = run("grown", 1, 0.096)
    grown = run("grown", 2, 0.192)
    assert grown == run("whole", 2, 0.192)
    assert grown["diagnostics"]["n_samples"] == 2 * alone["diagnostics"]["n_samples"]
    fewer = merrow("hydration", *asked, *DIRECT, "--repeats", "1", "-o", "grown")
    assert fewer.code == 2
    assert "holds a run of 2 repeats, but 1 are asked for" in fewer.err


def test_what_init_prints_is_a_run_that_can_be_run(merrow):
    text = merrow("init", "hydration").out
    small = {
        "potential: ani2x": "potential: mm",
        "smiles: CO": "smiles: C",
        "route: endpoint": "route: direct",
        "name: quick": "name: custom",
        "cutoff_angstrom: 8.0": "cutoff_angstrom: 6.0",
        "n_waters: 330": "n_waters: 200",
        "  equilibration_ps: 12.0": "  equilibration_ps: 0.02",
        "equilibration_per_state_ps: 4.0": "equilibration_per_state_ps: 0.004",
        "record_interval_ps: null": "record_interval_ps: 0.004",
        "minimum_sampling_ps: 8.0": "minimum_sampling_ps: 0.096",
        "maximum_sampling_ps: 500.0": "maximum_sampling_ps: 0.096",
        "  gas_ps: 20.0": "  gas_ps: 1.0",
        "processes: null": "processes: 1",
    }
    for old, new in small.items():
        assert text.count(f"{old}\n") == 1, old
        text = text.replace(f"{old}\n", f"{new}\n")
    Path("run.yaml").write_text(text)
    answer = merrow("run", "run.yaml", "--out", "made")
    assert answer.code == 0, answer.err
    assert Path("made/result.json").exists()


def test_a_gas_prmtop_with_fortrans_exponents_is_solvated(merrow, systems):
    numbers = re.compile(r"(\d\.\d+)E(?=[+-]\d)")
    Path("gas.prmtop").write_text(numbers.sub(r"\1D", (systems / "methanol.prmtop").read_text()))
    start = str(systems / "methanol.inpcrd")
    words = ("--solvate", "tip3p", "--potential", "mm", "--dry-run", "--out", "run")
    answer = merrow("hydration", "gas.prmtop", start, *words)
    assert answer.code == 0, answer
