# SPDX-License-Identifier: MIT
"""Does every row of a table become the runs that `merrow hydration` would make of it?"""

from __future__ import annotations

import pytest

from merrow.campaign.config import CampaignConfig
from merrow.campaign.plan import plan_jobs, read_jobs, write_jobs
from merrow.campaign.rows import LONGEST_NAME, Reference, Row, read_rows
from merrow.errors import InputError
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.run_folder import RunFolder

MM = PROTOCOLS["quick"].model_copy(update={"route": "direct"})


def campaign(**changes):
    """Return a campaign with the MM terms, which need no weights."""
    return CampaignConfig(table="set.csv", potential="mm", protocol=MM, **changes)


def plan(rows, folder, base, **changes):
    return plan_jobs(campaign(**changes), rows, folder, base)


def test_every_kind_of_source_becomes_a_run(systems, tmp_path):
    files = {"prmtop": "methane.prmtop"}
    files["inpcrd"] = "methane.inpcrd"
    rows = [
        Row(2, "drawn", {"smiles": "C"}),
        Row(3, "sdf", {"path": "methane.sdf"}),
        Row(4, "mol2", {"path": "methane.mol2"}),
        Row(5, "amber", files),
    ]
    found = plan(rows, tmp_path, systems)
    assert [(job.name, run.source.kind, run.source.charges) for job, run in found] == [
        ("drawn-abcg2", "smiles", "abcg2"),
        ("sdf-abcg2", "structure", "abcg2"),
        ("mol2-file", "structure", "file"),
        ("amber-prmtop", "gas", "prmtop"),
    ]


def test_a_measured_value_of_the_table_is_that_of_the_run(tmp_path):
    rows = [
        Row(2, "ethanol", {"smiles": "CCO"}, experiment=Reference(-4.5, 0.3)),
        Row(3, "methanol", {"smiles": "CO"}),
    ]
    (_, given), (_, none) = plan(rows, tmp_path, tmp_path)
    assert (given.expt_kcal, given.expt_stderr_kcal) == (-4.5, 0.3)
    assert none.expt_kcal is None


def test_the_longest_name_has_a_folder(tmp_path):
    acid = "\u9178" * (LONGEST_NAME // 3)
    (tmp_path / "set.csv").write_text(f"name,smiles\n{acid},CO\n", encoding="utf-8")
    rows = read_rows(tmp_path / "set.csv", {})
    write_jobs(tmp_path, plan(rows, tmp_path, tmp_path, charges=("abcg2",)), tmp_path)
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_two_charge_models_are_two_runs(tmp_path):
    found = plan(
        [Row(2, "methanol", {"smiles": "CO"})], tmp_path, tmp_path, charges=("bcc", "abcg2")
    )
    assert [job.name for job, _ in found] == ["methanol-bcc", "methanol-abcg2"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"smiles": "C1CC"}, "line 3: 'C1CC' is not a valid SMILES"),
        ({"path": "lost.sdf"}, "line 3: there is no file"),
        ({"prmtop": "lost.prmtop", "inpcrd": "lost.inpcrd"}, "line 3: there is no file"),
        ({"path": "table.txt"}, "line 3: "),
        ({"path": "C" * 300 + ".sdf"}, "line 3: there is no file"),
        ({"prmtop": "C" * 300, "inpcrd": "lost.inpcrd"}, "line 3: there is no file"),
        ({"smiles": "CC(=O)[O-]"}, "line 3: the molecule has a net charge of -1"),
    ],
)
def test_a_row_that_cannot_be_computed_says_why_and_stops_no_other(tmp_path, source, told):
    (tmp_path / "table.txt").write_text("no molecule")
    rows = [Row(2, "good", {"smiles": "C"}), Row(3, "bad", source)]
    (good, run), (bad, none) = plan(rows, tmp_path / "set", tmp_path)
    assert (good.problem, none) == (None, None)
    assert run is not None
    assert bad.problem.startswith(told)
    assert not (tmp_path / "set").exists()


def test_a_table_without_one_good_row_is_refused(tmp_path):
    with pytest.raises(InputError, match="can be computed; the first: line 2"):
        plan([Row(2, "bad", {"smiles": "C1CC"})], tmp_path, tmp_path)


def test_runs_and_list_are_written_whole_and_read_back(systems, tmp_path):
    rows = [
        Row(2, "a", {"path": "methane.sdf"}, "alkane", Reference(2.0, 0.2)),
        Row(3, "b", {"smiles": "C1CC"}, references={"gaff": Reference(1.0)}),
    ]
    found = plan(rows, tmp_path, systems)
    for _ in range(2):  # again changes nothing
        write_jobs(tmp_path, found, systems)
        assert read_jobs(tmp_path) == [job for job, _ in found]
    run = tmp_path / "runs" / "a-abcg2"
    config = RunFolder(run).config()
    assert config.source.structure == "inputs/methane.sdf"
    assert (run / "inputs" / "methane.sdf").is_file()
    assert RunFolder(run).holds(config)
    assert not (tmp_path / "runs" / "b-abcg2").exists()


def test_the_runs_of_another_campaign_are_left_alone(tmp_path):
    rows = [Row(2, "a", {"smiles": "C"})]
    write_jobs(tmp_path, plan(rows, tmp_path, tmp_path), tmp_path)
    with pytest.raises(
        InputError, match="a-abcg2 contains another run: seed is 2025 there and 1 here"
    ):
        plan(rows, tmp_path, tmp_path, seed=1)


def test_route_r1_samples_the_control_unless_told_otherwise(tmp_path, ani_weights, monkeypatch):
    row = [Row(2, "a", {"smiles": "C"})]
    for control, route, wanted in (
        (True, "direct", True),
        (False, "direct", False),
        (True, "endpoint", False),
    ):
        protocol = PROTOCOLS["quick"].model_copy(update={"route": route})
        config = CampaignConfig(table="set.csv", protocol=protocol, mm_reference=control)
        ((_, run),) = plan_jobs(config, row, tmp_path, tmp_path)
        assert run.mm_reference is wanted


def test_both_routes_are_asked_of_every_run(tmp_path, ani_weights, monkeypatch):
    config = CampaignConfig(table="set.csv", protocol=MM, both_routes=True)
    ((_, run),) = plan_jobs(config, [Row(2, "a", {"smiles": "C"})], tmp_path, tmp_path)
    assert run.both_routes
    assert run.mm_reference
    with pytest.raises(
        ValueError, match="both_routes compares direct, the headline, with endpoint"
    ):
        CampaignConfig(table="set.csv", protocol=PROTOCOLS["quick"], both_routes=True)


@pytest.mark.parametrize(
    ("change", "option"), [({"charges": ("bcc",)}, "charges"), ({"gaff": 1}, "gaff")]
)
def test_charges_for_molecules_that_bring_their_own_are_refused(change, option, tmp_path, systems):
    files = {"prmtop": "methane.prmtop", "inpcrd": "methane.inpcrd"}
    own, drawn = Row(2, "a", files), Row(3, "b", {"smiles": "C"})
    with pytest.raises(InputError, match=f"--{option} has no meaning where every molecule"):
        plan([own], tmp_path, systems, **change)
    assert len(plan([own, drawn], tmp_path, systems, **change)) == 2


def test_a_platform_is_looked_for_only_where_the_runs_work_here(tmp_path):
    row = [Row(2, "methane", {"smiles": "C"})]
    config = campaign(platform="HIP")
    with pytest.raises(InputError, match="platform HIP cannot be used here"):
        plan_jobs(config, row, tmp_path, tmp_path)
    ((_, run),) = plan_jobs(config, row, tmp_path, tmp_path, here=False)
    assert run is not None
    assert run.platform == "HIP"
