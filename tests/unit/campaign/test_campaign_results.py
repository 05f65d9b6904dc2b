# SPDX-License-Identifier: MIT
"""Does the table of a campaign say what its runs found, and do its statistics follow from it?"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from merrow.campaign.config import CampaignConfig
from merrow.campaign.report.data import CampaignData, CampaignRow
from merrow.campaign.report.figures import label_places
from merrow.campaign.report.files import campaign_json, write_table
from merrow.campaign.report.page import render_campaign
from merrow.campaign.report.terminal import render_campaign_table
from merrow.campaign.rows import Reference
from merrow.campaign.statistics import statistics
from merrow.campaign.table import _with_spread
from merrow.free_energy.stored import Estimate, Estimates, Headline
from merrow.hydration.protocol import PROTOCOLS
from merrow.report.text import flatten
from page_reader import check_page

NAMES = ("methane", "methanol", "acetone", "benzene")
EXPT = (2.0, -5.1, -3.8, -0.9)


def row(name, expt, charges="bcc", *, shift=0.5, error=0.2, published=None, **more):
    """Return a finished run that is off by `shift`; its MM reference by one kcal/mol more."""
    exact = Estimate(expt + shift, error)
    estimates = Estimates(
        decoupling_mbar=exact,
        decoupling_ti=None,
        endpoint_bar=None,
        mm_reference=Estimate(expt + shift + 1.0, 0.15),
        as_published=published or Estimate(expt - shift, 0.3),
    )
    return CampaignRow(
        name=name,
        status="done",
        charges=charges,
        folder=f"runs/{name}-{charges}",
        kind="alkane" if name == "methane" else "other",
        smiles="C",
        **{
            "headline": Headline(exact.value_kcal, error, method="decoupling_mbar"),
            "estimates": estimates,
            "experiment": Reference(expt, 0.2),
        }
        | more,
    )


def rows(*charges, **more):
    return tuple(row(n, e, c, **more) for c in charges for n, e in zip(NAMES, EXPT, strict=True))


def by_label(found):
    return {one.label: one.statistics for one in found.comparisons}


def test_every_column_is_compared_with_experiment():
    found = by_label(statistics(rows("bcc"), "ani2x"))
    assert {label: one.me.value for label, one in found.items()} == pytest.approx(
        {"ani2x, bcc": 0.5, "MM, bcc": 1.5, "ani2x, bcc, published sum": -0.5}
    )
    assert all(one.n == 4 for one in found.values())


def test_runs_that_are_not_done_or_lack_an_experiment_do_not_count():
    more = (
        CampaignRow("late", "running", "bcc", "runs/late", experiment=Reference(1.0)),
        replace(row("free", 1.0), experiment=None),
    )
    found = by_label(statistics(rows("bcc") + more, "ani2x"))
    assert found["ani2x, bcc"].n == 4


def test_charge_models_controls_and_published_values_are_paired():
    table = tuple(
        row(n, e, c, shift=shift, references={"gaff": Reference(e + 2.0, 0.02)})
        for c, shift in (("bcc", 0.5), ("abcg2", -0.2))
        for n, e in zip(NAMES, EXPT, strict=True)
    )
    found = statistics(table, "ani2x")
    pairs = {(pair.first, pair.second): pair.difference for pair in found.pairs}
    assert pairs["ani2x, bcc", "MM, bcc"].mae.value == pytest.approx(-1.0)
    assert pairs["ani2x, bcc", "ani2x, abcg2"].mae.value == pytest.approx(0.3)
    assert pairs["ani2x, abcg2", "gaff (published)"].shift.value == pytest.approx(-2.2)
    assert ("ani2x, bcc", "MM, abcg2") not in pairs  # two things at a time say nothing


@pytest.mark.parametrize(
    ("errors", "told"),
    [((None, None, None, None), None), ((0.3, None, None, 0.4), 0.125**0.5), ((0.0,) * 4, 0.0)],
)
def test_an_unknown_error_of_a_published_value_is_not_zero(errors, told, tmp_path):
    table = tuple(
        row(n, e, references={"gaff": Reference(e + 2.0, error)})
        for n, e, error in zip(NAMES, EXPT, errors, strict=True)
    )
    found = statistics(table, "ani2x")
    data = CampaignData("set", "ani2x", "quick", table, comparisons=found.comparisons)
    stored = json.loads(campaign_json(data))["comparisons"]
    (gaff,) = [one for one in stored if one["label"] == "gaff (published)"]
    expected = None if told is None else pytest.approx(told)
    assert gaff["statistics"]["mean_stderr"] == expected
    assert gaff["stderr"] == dict(zip(NAMES, errors, strict=True))
    cells = re.search(r"gaff \(published\)</th>(.*?)</tr>", render_campaign(data), re.DOTALL)[1]
    last = re.findall(r"<td[^>]*>(.*?)</td>", cells)[-1]
    assert last == ("" if told is None else f"{told:.2f}")
    write_table(data, tmp_path / "results.csv")
    with (tmp_path / "results.csv").open() as stream:
        column = [line["ref_gaff_stderr_kcal"] for line in csv.DictReader(stream)]
    assert column == ["" if error is None else str(error) for error in errors]


def test_charge_models_are_paired_without_experiment_too():
    table = tuple(
        replace(one, experiment=None)
        for charges, shift in (("bcc", 0.5), ("abcg2", -0.2))
        for one in rows(charges, shift=shift)
    )
    found = statistics(table, "ani2x")
    assert not found.comparisons
    pairs = {(pair.first, pair.second): pair.difference for pair in found.pairs}
    both = pairs["ani2x, bcc", "ani2x, abcg2"]
    assert both.shift.value == pytest.approx(0.7)
    assert (both.n, both.mae, both.rmse) == (4, None, None)
    page = render_campaign(CampaignData("set", "ani2x", "quick", table, pairs=found.pairs))
    assert "ani2x, bcc − ani2x, abcg2" in page


def test_each_molecule_tells_how_far_its_charge_models_are_apart():
    found = _with_spread([*rows("bcc", shift=0.5), *rows("abcg2", shift=-0.2)])
    assert [one.charges_spread.value_kcal for one in found] == pytest.approx([0.7] * 8)
    assert found[0].charges_spread.stderr_kcal == pytest.approx(0.2 * 2**0.5)
    assert all(one.charges_spread is None for one in _with_spread([*rows("bcc")]))


def test_a_shift_between_columns_of_one_run_is_seen_though_both_are_uncertain():
    table = tuple(
        row(n, e, error=0.3, published=Estimate(e + 0.6, 0.3))
        for n, e in zip(NAMES, EXPT, strict=True)
    )
    (shift,) = (
        pair.difference.shift
        for pair in statistics(table, "ani2x").pairs
        if (pair.first, pair.second) == ("ani2x, bcc", "ani2x, bcc, published sum")
    )
    assert (shift.value, shift.low, shift.high) == pytest.approx((-0.1, -0.1, -0.1))


@pytest.mark.parametrize("exact", ["decoupling_mbar", "endpoint_bar"])
def test_a_published_headline_is_never_called_the_free_energy(exact):
    none = Estimates(None, None, None, None, None)
    table = tuple(
        row(
            n,
            e,
            headline=Headline(e - 0.5, 0.3, method="as_published"),
            estimates=replace(
                none, as_published=Estimate(e - 0.5, 0.3), **{exact: Estimate(e + 0.5, 0.2)}
            ),
        )
        for n, e in zip(NAMES, EXPT, strict=True)
    )
    found = by_label(statistics(table, "ani2x"))
    assert found["ani2x, bcc"].me.value == pytest.approx(0.5)
    assert found["ani2x, bcc, published sum"].me.value == pytest.approx(-0.5)


def test_equal_measured_values_have_no_correlation():
    table = tuple(row(n, 0.0, shift=0.1 * k) for k, n in enumerate(NAMES))
    found = statistics(table, "mm")
    (one,) = found.comparisons
    assert (one.statistics.r2, one.statistics.tau) == (None, None)
    data = CampaignData("set", "mm", "demo", table, comparisons=found.comparisons)
    assert json.loads(campaign_json(data))["comparisons"][0]["statistics"]["tau"] is None
    assert render_campaign(data)


def test_a_class_of_compounds_has_its_own_errors():
    found = statistics(rows("bcc"), "ani2x").classes
    own = {one.kind: (one.n, one.mae) for one in found if one.label == "MM, bcc"}
    assert own == {"alkane": (1, pytest.approx(1.5)), "other": (3, pytest.approx(1.5))}


def test_the_mm_terms_alone_are_one_column():
    found = statistics(rows("bcc"), "mm")
    assert list(by_label(found)) == ["MM, bcc"]


def test_the_files_hold_the_promised_columns(tmp_path, campaign_data):
    write_table(campaign_data, tmp_path / "results.csv")
    with (tmp_path / "results.csv").open() as stream:
        first, *_, failed = csv.DictReader(stream)
    promised = "name,status,charges,dg_kcal,stderr_kcal,as_published_kcal,mm_kcal,expt_kcal"
    assert set(promised.split(",")) <= set(first)
    assert (first["name"], first["status"], float(first["dg_kcal"])) == ("methane", "done", 2.5)
    assert failed["status"] == "failed: line 9: <b>no</b> such file."
    found = json.loads(campaign_json(campaign_data))
    assert found["counts"] == {"done": 4, "running": 0, "stopped": 0, "pending": 0, "failed": 1}
    assert found["comparisons"][0]["statistics"]["mae"]["value"] == pytest.approx(0.5)


def test_a_run_by_both_routes_tells_the_second_and_the_closure(tmp_path):
    one = row("methanol", -5.1)
    estimates = replace(one.estimates, endpoint_bar=Estimate(-3.0, 0.1))
    both = replace(one, estimates=estimates, closure=Estimate(-0.1, 0.2))
    headline_only = replace(one, estimates=estimates)
    write_table(CampaignData("set", "ani2x", "quick", (both, headline_only)), tmp_path / "t.csv")
    with (tmp_path / "t.csv").open() as stream:
        first, second = csv.DictReader(stream)
    told = [first[f"{name}_kcal"] for name in ("endpoint", "endpoint_stderr", "closure")]
    assert told == ["-3.0", "0.1", "-0.1"]
    assert (second["endpoint_kcal"], second["closure_kcal"]) == ("", "")


def test_the_page_shows_tables_and_figures_and_leads_to_every_run(campaign_data):
    html = render_campaign(campaign_data)
    page = check_page(html)
    # a correlation for each of the three columns, the errors; a molecule for each finished run
    assert len(page.tags("svg")) == 3 + 1 + 4
    for text in ("ani2x, bcc", "MM, bcc", "1.50 [", "alkane", "4 done, 1 failed"):
        assert text in page.text, text
    assert "<b>no</b>" not in html
    assert "line 9: <b>no</b> such file." in page.text
    links = {a["href"] for a in page.tags("a")}
    assert {f"runs/{name}-bcc/report.html" for name in NAMES} <= links
    assert "runs/lost-bcc/report.html" not in links
    assert len(page.scripts) == 1  # it sorts; its hash is in the policy


def test_warnings_are_a_count_with_their_sentences_beneath():
    warned = replace(row("methanol", -5.1), warnings=("overlap: little", "halves: differ"))
    words = check_page(render_campaign(CampaignData("set", "ani2x", "quick", (warned,)))).text
    assert "2 warnings" in words
    assert "overlap, halves overlap: little halves: differ" in words.replace("  ", " ")


@pytest.mark.parametrize(("count", "interval"), [(1, False), (4, True)])
def test_the_page_names_an_interval_only_where_there_is_one(count, interval):
    """Of one molecule the mean absolute error itself stood there as its 95 % interval."""
    found = rows("bcc")[:count]
    data = CampaignData("set", "ani2x", "quick", found, **vars(statistics(found, "ani2x")))
    words = check_page(render_campaign(data)).text
    assert ("95 % interval [" in words) == interval
    assert f"ani2x, bcc, {count} molecule{'s' * interval} " in words
    assert "mean error 0.50" in words


@pytest.mark.parametrize(("temperature", "told"), [(298.15, False), (350.0, True)])
def test_measured_values_at_another_temperature_are_told_to_be_taken_as_such(
    campaign_data, temperature, told
):
    protocol = PROTOCOLS["quick"].model_copy(update={"temperature_k": temperature})
    config = CampaignConfig(table="set.csv", protocol=protocol)
    settings = dict(flatten(config.model_dump(mode="json")))
    words = check_page(render_campaign(replace(campaign_data, settings=settings))).text
    assert ("They are taken to be at 350 K, the temperature of the runs" in words) == told


def test_failed_checks_are_told_wherever_the_number_is():
    """A number that its own report calls not to be trusted looked as good as any other."""
    found = {"warnings": ("starting conformers, gas: NOT CONVERGED", "box: the tail is large")}
    doubtful = replace(row("methanol", -5.1), failed_checks=1, **found)
    others = [row(f"far {k}", -5.1, shift=3.0) for k in range(8)]
    data = CampaignData("set", "ani2x", "quick", (*others, doubtful))
    words = check_page(render_campaign(data)).text
    assert "1 with failed checks" in words
    assert "1 FAILED check, 1 warning" in words
    assert "Checks FAILED in 1: do not trust these yet." in words
    console = Console(file=io.StringIO(), width=80)
    console.print(render_campaign_table(data))
    (line,) = [one for one in console.file.getvalue().splitlines() if "methanol" in one]
    assert line.rstrip().endswith(" 1 FAILED check")  # the room is for no more
    assert [one["failed_checks"] for one in json.loads(campaign_json(data))["rows"]][-1] == 1


def test_nothing_is_cut_where_all_is_asked_for():
    names = ("a_molecule_with_a_long_name_0", "p-" + "hydroxy" * 9)
    found = {"warnings": ("overlap: little", "halves: differ"), "failed_checks": 2}
    data = CampaignData("set", "ani2x", "quick", tuple(row(n, -5.1, **found) for n in names))
    console = Console(file=io.StringIO(), width=80)
    console.print(render_campaign_table(data, full=True))
    text = console.file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert names[0] in text
    assert text.count("hydroxy") >= 8  # over two lines
    assert " ".join(text.split()).count("FAILED") == 2 + 1  # below the table, too


def test_names_of_points_hide_neither_points_nor_each_other():
    points = {"a": (50.0, 50.0), "b": (55.0, 52.0), "far": (150.0, 150.0), "edge": (198.0, 5.0)}
    found = label_places(points, tuple(points), 200.0)
    assert found["far"] == (7.0, 0.0)
    assert found["edge"][0] < 0.0  # there is no room on its right
    assert found["a"] != found["b"]


def test_a_page_without_a_finished_run_says_so():
    page = render_campaign(CampaignData("set", "ani2x", "quick", ()))
    assert "No finished run has a measured value" in page


@pytest.fixture
def campaign_data():
    """A campaign of four finished runs and a failed one."""
    return synthetic_campaign()


def synthetic_campaign():
    table = (
        *rows("bcc"),
        CampaignRow("lost", "failed", "bcc", "runs/lost-bcc", why="line 9: <b>no</b> such file."),
    )
    found = statistics(table, "ani2x")
    return CampaignData(
        "set",
        "ani2x",
        "quick",
        table,
        comparisons=found.comparisons,
        pairs=found.pairs,
        classes=found.classes,
        expt_stderr_kcal=found.expt_stderr_kcal,
        settings={"seed": "1"},
        versions={"merrow": "0"},
    )


def test_published_gaff_on_the_shared_set_has_the_errors_that_its_readme_tells(freesolv):
    """MAE 0.72, mean error +0.58 and RMSE 0.86 kcal/mol, rounded to two decimals there."""
    with (freesolv / "hydration30.csv").open(newline="") as stream:
        table = [
            row(
                entry["id"],
                float(entry["expt"]),
                references={
                    "gaff": Reference(float(entry["mobley_calc"]), float(entry["calc_unc"]))
                },
            )
            for entry in csv.DictReader(stream)
        ]
    found = by_label(statistics(table, "ani2x"))["gaff (published)"]
    told = (found.n, found.mae.value, found.me.value, found.rmse.value)
    assert told == pytest.approx((30, 0.72, 0.58, 0.86), abs=0.005)


def test_the_answer_of_a_large_campaign_is_short_and_names_what_wants_a_look():
    many = [row(f"molecule-{i}", -1.0, shift=0.01 * i) for i in range(40)]
    lost = CampaignRow("lost", "failed", "bcc", "runs/lost-bcc", why="line 9: no such file. " * 9)
    both = [*many, *(replace(one, charges="abcg2") for one in many), lost]
    found = statistics(tuple(both), "ani2x")
    data = replace(CampaignData("set", "ani2x", "quick", tuple(both)), **vars(found))

    def shown(**words):
        console = Console(file=io.StringIO(), width=80, color_system=None)
        console.print(render_campaign_table(data, **words))
        return console.file.getvalue().splitlines()

    short = shown()
    assert len(short) < 15, "the line of the files is the last"
    assert max(map(len, short)) <= 80
    assert short[2].startswith("lost")
    assert short[3].startswith("molecule-39")
    assert "… 75 more: --full, or the report" in short
    assert len(shown(full=True)) > 81
