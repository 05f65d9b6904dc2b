# SPDX-License-Identifier: MIT
"""Does `merrow status` tell what is in a folder, and `merrow report` compare two results?"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from merrow.campaign.config import CampaignConfig
from merrow.campaign.plan import JOB_LIST, JOBS, Job
from merrow.campaign.rows import Row
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.result import HydrationResult, write_json
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.state import Failure, Underway
from merrow.locks import locked

CONFIG = HydrationConfig(source=Source(kind="smiles", smiles="CO"))


def finished(folder, value, stderr, *, smiles="CO", checks=(), published=None, **settings):
    """Write a run with a result."""
    run, dg = RunFolder(Path(folder)), {"value_kcal": value, "stderr_kcal": stderr}
    config = CONFIG.model_copy(update={"source": Source(kind="smiles", smiles=smiles)})
    run.save_config(config)
    none = dict.fromkeys(("decoupling_mbar", "decoupling_ti", "mm_reference", "as_published"))
    own = {"protocol": config.protocol.model_dump(mode="json"), "repeats": config.repeats}
    content = {
        "molecule": {"smiles": smiles, "formula": "CH4O", "charge": 0, "n_atoms": 6},
        **{"potential": "ani2x", "charges": "bcc", "protocol": "quick", "route": "endpoint"},
        "temperature_k": 298.15,
        "headline": {**dg, "method": "endpoint_bar"},
        "estimates": {**none, "endpoint_bar": dg},
        "legs": {"charging": None, "lj": dg},
        "de_reorg": None,
        "diagnostics": {
            "min_overlap": None,
            "verdicts": [{"name": "repeats", "status": one, "message": "."} for one in checks],
        },
        **{"settings": own | settings, "versions": {}, "seeds": {}, "wall_s": 61.0},
    }
    if published is not None:  # the direct route of the paper
        estimates = {**none, "endpoint_bar": None, "decoupling_mbar": dg, "as_published": published}
        content |= {"protocol": "paper", "route": "direct", "estimates": estimates}
        content["headline"] = {**published, "method": "as_published"}
    write_json(HydrationResult.model_validate_json(json.dumps(content)), run.result)
    return run


def campaign(folder, values):
    """Write a campaign of finished runs, of one that failed, and of one that is not begun."""
    folder = Path(folder)
    folder.mkdir()
    (folder / "campaign.yaml").write_text(CampaignConfig(table="set.csv").to_yaml())
    names = (*values, "bad", "later")
    jobs = [Job(Row(k + 2, name, {"smiles": "CO"}), "bcc") for k, name in enumerate(names)]
    (folder / JOBS).write_bytes(JOB_LIST.dump_json(jobs))
    for job in jobs:
        if job.row.name in values:
            finished(job.run(folder).path, *values[job.row.name])
    jobs[-2].run(folder).save(Failure(why="the disk was full."))


def test_a_finished_run_a_running_one_and_a_stopped_one(merrow):
    finished("done", -4.9, 0.2)
    run = RunFolder(Path("other"))
    run.save_config(CONFIG)
    (run.tasks / "path-mm-0").mkdir(parents=True)
    (run.tasks / "path-mm-0" / "segment-0000.npz").touch()
    with locked(run.path):
        run.save(Underway(text="sampling path + gas", fraction=0.42, remaining_s=130.0))
        answer = merrow("status", "done", "other")
    assert answer.code == 0, answer.err
    told = answer.out.splitlines()
    assert told[0] == "done: hydration free energy, ani2x, quick, finished"
    assert told[1] == "  ΔG(hydration) = −4.90 ± 0.20 kcal/mol, 1 min 01 s"
    assert told[3] == "other: hydration free energy, ani2x, quick, running"
    assert told[4] == "  sampling path + gas: 42 %, about 2 min 10 s left"
    assert told[5].endswith("ps of every state sampled (at least 24, at most 500)")
    found = json.loads(merrow("status", "other", "--json").out)
    assert (found[0]["state"], found[0]["next"]) == ("stopped", "merrow run other (resumes)")


def test_a_campaign_is_told_in_few_lines_with_what_failed(merrow):
    campaign("set", {f"m{k}": (-k, 0.1) for k in range(1, 20)})
    answer = merrow("status", "set")
    assert answer.code == 0, answer.err
    assert len(answer.out.splitlines()) <= 15
    for words in ("1 failed, 19 done, 1 pending", "bad-bcc: failed: the disk was full.", "--full"):
        assert words in answer.out
    assert "m19-bcc: −19.00 ± 0.10 kcal/mol" in merrow("status", "set", "--full").out
    finished("set/runs/later-bcc", -1.0, 0.1)
    (found,) = json.loads(merrow("status", "set", "--json").out)
    assert (
        found["next"] == "merrow campaign run set.csv ... --out set (tries the failed runs again)"
    )
    finished("set/runs/bad-bcc", -1.0, 0.1)
    (found,) = json.loads(merrow("status", "set", "--json").out)
    assert found["next"] == "merrow campaign report set"


def test_failed_checks_are_told_beside_the_number(merrow):
    campaign("set", {"m1": (-1.0, 0.1)})
    run = finished("set/runs/m1-bcc", -1.0, 0.1, checks=("pass", "fail", "warn", "fail"))
    told = "−1.00 ± 0.10 kcal/mol, 2 FAILED checks"
    assert f"ΔG(hydration) = {told}, 1 min 01 s" in merrow("status", run.path).out
    assert f"m1-bcc: {told}" in merrow("status", "set").out
    answer = merrow("campaign", "report", "set")
    assert "Checks FAILED in 1: do not trust these yet." in answer.out
    table = Path("set/results.csv").read_text().splitlines()
    assert table[0].endswith("warnings,failed_checks,folder")
    assert table[1].endswith("3,2,runs/m1-bcc")


def test_dynamics_are_known_by_their_mdinfo(merrow):
    Path("md").mkdir()
    Path("md/mdinfo").write_text("| Total steps :  100 | Completed :  40 | Remaining :  60\n")
    assert "step 40 of 100" in merrow("status", "md").out


@pytest.mark.parametrize("verb", ["status", "report"])
def test_what_is_no_run_is_refused_in_one_sentence(merrow, verb):
    Path("empty").mkdir()
    for folder in ("empty", "lost"):
        answer = merrow(verb, folder)
        assert answer.code == 2
        assert len(answer.err.splitlines()) == 1


def test_two_results_stand_side_by_side_with_the_error_of_their_difference(merrow):
    finished("a", -4.9, 0.3)
    finished("b", -6.5, 0.4, platform="CUDA")
    answer = merrow("report", "a", "b")
    assert answer.code == 0, answer.err
    head = next(line for line in answer.out.splitlines() if line.startswith("ΔG"))
    assert head.split() == [
        "ΔG(hydration)",
        *["−4.90", "±", "0.30", "−6.50", "±", "0.40", "−1.60", "±", "0.50", "3.2", "σ"],
    ]
    assert max(map(len, answer.out.splitlines())) <= 80
    first = json.loads(merrow("report", "a", "b", "--json").out)["numbers"][0]
    assert first["difference"] == pytest.approx(-1.6)
    assert first["stderr"] == pytest.approx(0.5)


def test_the_published_sum_is_not_compared_with_a_free_energy(merrow):
    """Nor is the leg of an ML/MM path with that of an MM path."""
    finished("quick", -4.9, 0.3, checks=("fail",))
    for name, dg in (("paper", -5.0), ("again", -5.2)):
        finished(name, dg, 0.3, published={"value_kcal": -3.0, "stderr_kcal": 0.4})
    answer = merrow("report", "quick", "paper")
    (one,) = json.loads(merrow("report", "quick", "paper", "--json").out)["numbers"]
    assert (one["name"], one["difference"]) == ("ΔG(hydration)", pytest.approx(-0.1))
    assert "quick: 1 FAILED check, do not trust it yet" in answer.out.splitlines()
    found = json.loads(merrow("report", "paper", "again", "--json").out)["numbers"]
    assert {one["name"]: round(one["difference"], 6) for one in found} == {
        "ΔG(hydration)": -0.2,
        "as published": 0.0,
        "ML/MM leg lj": -0.2,
    }


def test_a_view_is_refused_where_no_report_of_a_run_is_made(merrow):
    finished("a", -4.9, 0.3)
    finished("b", -6.5, 0.4)
    campaign("set", {"m1": (-1.0, 0.1)})
    for words in (("a", "b"), ("set",)):
        before = sorted(Path.cwd().rglob("*"))
        answer = merrow("report", *words, "--interactive")
        assert answer.code == 2
        assert "--interactive belongs to the report of one run" in answer.err
        assert sorted(Path.cwd().rglob("*")) == before


def test_binding_energies_are_compared_by_method_and_by_ensemble(merrow):
    """One folder has both methods alone, the other their MM reference too."""
    for name, values in (("a", (-20.0, -10.0)), ("b", (-20.0, -10.0, -15.0, -5.0))):
        Path(name).mkdir()
        runs = [
            {
                "method": method,
                "headline_kcal": {"value": value, "stderr": 0.1},
                "delta_kcal": {},
            }
            for value, method in zip(values, ("gb", "pb", "gb", "pb"), strict=False)
        ]
        answer = {"runs": runs, "settings": {}}
        Path(name, "mmpbsa.json").write_text(json.dumps(answer))
    found = json.loads(merrow("report", "a", "b", "--json").out)["numbers"]
    assert {one["name"]: one["difference"] for one in found} == {"gb": 0.0, "pb": 0.0}


def test_two_campaigns_are_compared_molecule_by_molecule_the_largest_difference_first(merrow):
    values = {f"m{k}": (-float(k), 0.1) for k in range(1, 15)}
    campaign("a", values)
    campaign("b", {name: (dg + 0.1 * (name == "m7") + 0.01, e) for name, (dg, e) in values.items()})
    answer = merrow("report", "a", "b")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert len(lines) <= 15
    assert lines[1].startswith("m7 bcc")
    rms = math.sqrt((13 * 0.01**2 + 0.11**2) / 14)
    assert f"14 numbers: mean difference 0.02, RMS {rms:.2f}" in answer.out
    assert merrow("report", "a", "a/runs/m1-bcc").code == 2
