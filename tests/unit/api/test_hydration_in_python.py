# SPDX-License-Identifier: MIT
"""Does a hydration free energy in Python do what the command does, and show what it holds?"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from alchemlyb.estimators import MBAR, TI

import merrow
from merrow.errors import IncompleteError, InputError
from merrow.hydration.protocol import Schedule
from merrow.hydration.run_folder import RunFolder
from merrow.units import KCAL_PER_KJ, thermal_energy
from tiny_settings import TINY


def methane(systems: Path, out: Path, **changes) -> merrow.Hydration:
    """A tiny run of which the numbers are noise."""
    options = {
        "solvate": "tip3p",
        "potential": "mm",
        "settings": TINY,
        "repeats": 2,
        "processes": 1,
        **changes,
    }
    return merrow.Hydration(
        systems / "methane.prmtop", systems / "methane.inpcrd", out=out, **options
    )


@pytest.fixture(scope="module")
def told() -> list[merrow.Progress]:
    return []


@pytest.fixture(scope="module")
def run(systems, ambertools, told, tmp_path_factory) -> merrow.Hydration:
    """A finished run."""
    found = methane(systems, tmp_path_factory.mktemp("python") / "methane")
    found.run(told.append)
    return found


def test_no_repeat_is_not_taken_for_the_usual_number(tmp_path):
    (tmp_path / "set.csv").write_text("name,smiles\na,C\n")
    for door, source in ((merrow.Hydration, "CO"), (merrow.Campaign, tmp_path / "set.csv")):
        with pytest.raises(InputError, match="repeats: input should be greater than or equal to 1"):
            door(source, out=tmp_path / "out", repeats=0)


def test_whoever_listens_is_told(run, told):
    assert all(isinstance(progress, merrow.Progress) for progress in told)
    assert told[0].text.startswith("preparing: ")
    assert told[-1].fraction == 1.0


def test_the_result_is_that_of_the_folder_and_stays(run):
    assert run.result == merrow.read_result(run.folder / "result.json")
    assert run.result == merrow.read_result(str(run.folder / "result.json"))
    with pytest.raises(InputError, match="cannot be read as JSON"):
        merrow.read_result("nowhere.json")
    assert run.run() == run.result  # nothing is computed again
    assert json.loads(run.result.to_json())["potential"] == "mm"
    table = run.result.to_frame()
    assert table.loc[0, "headline_kcal"] == run.result.headline.value_kcal
    assert "decoupling mbar" in run.result._repr_html_()
    assert "kcal/mol" in str(run.result)
    assert "finished" in repr(run)


def test_alchemlyb_gives_the_estimate_of_the_run(run):
    found, temperature = merrow.load_run(run.folder), run.config.protocol.temperature_k
    kt = thermal_energy(temperature) * KCAL_PER_KJ
    u_nk = found.u_nk()
    assert u_nk.attrs == {"temperature": temperature, "energy_unit": "kT"}
    assert len(found.u_nk(repeat=0)) + len(found.u_nk(repeat=1)) == len(u_nk) == len(found.dhdl())
    delta = MBAR().fit(u_nk).delta_f_.loc[[(0.0, 0.0)], [(1.0, 1.0)]].to_numpy()[0, 0]
    # the run leaves out what is not equilibrated, so its value is another one by a few kT at most
    assert delta * kt == pytest.approx(run.result.headline.value_kcal, abs=5 * kt)
    assert math.isfinite(TI().fit(found.dhdl()).delta_f_.to_numpy()[0, -1])
    for wrong in (2, -1, 0.5, "0", True):
        with pytest.raises(InputError, match=f"repeats 0 to 1, not {wrong!r}"):
            found.u_nk(repeat=wrong)


def test_a_run_that_goes_on_is_read_again(run, tmp_path):
    folder = RunFolder(tmp_path / "going")
    shutil.copytree(run.folder, folder.path)
    path = folder.path / "tasks" / "path-mm-0"
    last = sorted(path.glob("segment-*.npz"))[-1]
    last.rename(tmp_path / last.name)
    found = merrow.load_run(folder.path)
    before = len(found.u_nk())
    assert found.samples is found.samples
    (tmp_path / last.name).rename(last)
    schedule = {"lambda_electrostatics": [1.0, 0.0], "lambda_sterics": [0.4, 0.0]}
    folder.save(Schedule.model_validate(schedule))  # as the pilot of `standard` refines it
    after = found.u_nk()
    assert len(after) == len(run_table(run)) > before
    assert list(after.columns)[2] == (0.0, 0.4) == found.config.protocol.schedule.states[2]


def run_table(run: merrow.Hydration):
    """All samples of a finished run."""
    return merrow.load_run(run.folder).u_nk()


@pytest.mark.parametrize("name", ["overlap", "profile", "dhdl"])
def test_a_plot_is_shown_and_saved(run, name, tmp_path):
    picture = getattr(merrow.load_run(run.folder).plot, name)()
    assert "<svg" in picture._repr_html_()
    picture.save(tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").read_text().startswith("<svg")


def test_the_disk_is_what_was_estimated(run):
    tasks = [path for path in (run.folder / "tasks").rglob("*") if path.is_file()]
    taken = sum(path.stat().st_size for path in tasks) / 2**20
    assert 0.5 * taken < run.estimate_cost().disk_mib < 2.0 * taken


def test_a_prepared_run_says_what_it_will_take_and_has_sampled_nothing(
    systems, ambertools, tmp_path
):
    run = methane(systems, tmp_path / "new", processes=2)
    with pytest.raises(IncompleteError, match="no result yet"):
        run.result  # noqa: B018
    assert run.prepare()["n_waters"] >= 200
    cost = run.estimate_cost()
    assert 0.0 < cost.least_minutes <= cost.most_minutes < 60.0
    assert cost.processes == 2
    assert min(cost.milliseconds.values()) > 0.0
    assert set(cost.to_frame()) >= {"least_minutes", "disk_mib", "water_mm_ms", "gas_mm_ms"}
    assert RunFolder(run.folder).count_files() == 0
    with pytest.raises(IncompleteError, match="no samples yet"):
        merrow.load_run(run.folder).u_nk()


def test_both_potentials_of_the_endpoint_route_are_measured(systems, ambertools, tmp_path):
    run = methane(systems, tmp_path / "new", potential="tiny-ani", route="endpoint")
    cost = run.estimate_cost()
    assert list(cost.milliseconds) == ["gas_ml", "gas_mm", "water_ml", "water_mm"]
    assert cost.milliseconds["water_ml"] > 0.0
    assert json.loads(cost.to_json())["processes"] == 1
    assert "least_minutes" in cost._repr_html_()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"protocol": "swift"}, "swift"),
        ({"settings": {"cutoff": 9.0}}, "cutoff"),
        ({"max_time": "soon"}, "soon"),
        ({"solvate": "oil"}, "oil"),
        ({"charges": "bcc"}, "charges"),
        ({"platform": "GPU"}, "platform"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    systems, tmp_path, changes, told
):
    with pytest.raises(InputError, match=told):
        methane(systems, tmp_path / "never", **changes)
    assert not (tmp_path / "never").exists()


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a run folder"):
        merrow.load_run(tmp_path)
