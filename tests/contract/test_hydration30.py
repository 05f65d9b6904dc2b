# SPDX-License-Identifier: MIT
"""Do statistics, figure and page of the thirty molecules follow from the rows of results.csv?"""

from __future__ import annotations

import csv
import hashlib
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "hydration30"


def load(name):
    """A script, imported from its folder."""
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    try:
        return importlib.import_module(name)
    finally:
        sys.path[:] = [p for p in sys.path if p not in (str(FOLDER), str(FOLDER.parent))]


@pytest.fixture(scope="module")
def scripts():
    """The scripts that run and report."""
    return load("run"), load("report")


@pytest.fixture
def table(scripts, tmp_path):
    """Rows of all molecules with both charge models: experiment + a known error."""
    run, _ = scripts
    rng = np.random.default_rng(3)
    rows = []
    for charges, shift in (("abcg2", 0.2), ("bcc", 1.0)):
        for row in run.read(run.MOLECULES):
            dg = float(row["expt_kcal"]) + shift + rng.normal(0.0, 0.3)
            rows.append(
                {"name": row["name"], "charges": charges, "potential": "ani2x"}
                | {"dg_kcal": dg, "stderr_kcal": 0.15, "mm_kcal": dg - 0.1}
                | {"mm_stderr_kcal": 0.12, "as_published_kcal": dg + 0.25}
                | {"as_published_stderr_kcal": 0.2, "expt_kcal": row["expt_kcal"]}
                | {"expt_stderr_kcal": row["expt_stderr_kcal"], "wall_s": 300, "core_h": 0.17}
                | {"where": "a machine"}
            )
    run.write(tmp_path / "results.csv", rows)
    return tmp_path / "results.csv", rows


def test_the_statistics_are_those_of_the_rows(scripts, table):
    _, report = scripts
    path, rows = table
    data = report.found(path)
    by_label = {one.label: one.statistics for one in data.comparisons}
    for charges in ("abcg2", "bcc"):
        error = [
            float(r["dg_kcal"]) - float(r["expt_kcal"]) for r in rows if r["charges"] == charges
        ]
        found = by_label[f"ani2x, {charges}"]
        assert (found.n, found.mae.value) == (30, pytest.approx(np.abs(error).mean()))
        assert found.rmse.value == pytest.approx(np.sqrt(np.mean(np.square(error))))
        assert found.mae.low < found.mae.value < found.mae.high
    assert by_label["gaff (published)"].mae.value == pytest.approx(0.72, abs=0.005)
    assert data.shift["ani2x, bcc"]["mean_kcal"] == pytest.approx(0.25)
    pair = next(p for p in data.pairs if (p.first, p.second) == ("ani2x, abcg2", "ani2x, bcc"))
    assert pair.difference.mae.high < 0.0, "the better charges are seen to be better"


def test_the_page_and_the_figure_show_them(scripts, table):
    run, report = scripts
    path, _ = table
    data = report.found(path)
    text = report.page(data, run.read(path))
    assert "**So far ani2x, abcg2: 30; ani2x, bcc: 30 of 30 molecules.**" in text
    assert "published sum − exact value +0.25 on average" in text
    assert "On a machine: 60 runs, 5 minutes each" in text
    assert text.count(" ± ") == 5 * 30, "measured and four columns of every molecule"
    svg = report.error_figure(data.comparisons)
    assert all(label in svg for label in ("ani2x, abcg2", "MM, bcc", "gaff (published)"))
    sums = report.published_figure(run.read(path))
    assert all(name in sums for name in ("methane", "chlorobenzene", "abcg2", "bcc"))


def test_rows_whose_repeats_keep_their_conformers_are_marked(scripts, table):
    run, report = scripts
    path, rows = table
    text = report.page(report.found(path), run.read(path))
    assert "†" not in text
    assert text.count("± 0.15‡ |") == 2 * len(report._flexible())
    for row in rows:
        row["failed"] = "starting conformers, water; overlap" if row is rows[3] else "none"
        row["frames"] = run.COUNTED
    run.write(path, rows)
    text = report.page(report.found(path), run.read(path))
    assert f"{rows[3]['dg_kcal']:.2f} ± 0.15† |".replace("-", "−") in text
    assert (text.count("†"), text.count("‡")) == (2, 0)


def test_what_is_far_from_experiment_is_listed_with_its_reason(scripts, table):
    run, report = scripts
    path, rows = table
    far = [r for r in rows if abs(float(r["dg_kcal"]) - float(r["expt_kcal"])) > 1.0]
    assert [(r["name"], r["charges"]) for r in report.outliers(run.read(path))] == [
        (r["name"], r["charges"]) for r in far
    ]
    text = report.page(report.found(path), run.read(path))
    assert all(f"- {r['name']}, {r['charges']}: " in text for r in far)


def test_what_is_committed_follows_from_the_committed_rows(scripts):
    run, report = scripts
    if not run.RESULTS.is_file():
        assert not report.PAGE.is_file(), "a page without rows"
        return
    data = report.found()
    text = report.page(data, run.read(run.RESULTS))
    assert report.PAGE.read_text(encoding="utf-8") == text
    assert "no reason known" not in text, "an outlier needs a sentence in outliers.csv"
    labels = {one.label for one in data.comparisons}
    assert all(label in report.FIGURE.read_text(encoding="utf-8") for label in labels)


def test_names_with_commas_come_back(scripts, tmp_path):
    run, _ = scripts
    rows = run.read(run.MOLECULES)
    run.write(tmp_path / "again.csv", rows)
    assert run.read(tmp_path / "again.csv") == rows
    with run.MOLECULES.open(newline="") as stream:
        assert len(list(csv.reader(stream))) == 31


def test_the_second_set_is_told_once_it_has_rows(scripts, table, tmp_path):
    run, report = scripts
    path, _ = table
    args = report.found(path), run.read(path)
    assert "second set" not in report.page(*args, tmp_path / "none.csv")
    hundred = load("hundred")
    chosen = hundred.stiffest_first(run.read(hundred.CHOSEN))
    bonds = [int(row["rotatable_bonds"]) for row in chosen]
    assert bonds == sorted(bonds)
    assert (bonds.count(0), bonds.count(1)) == (34, 23)
    names = [row["name"] for row in chosen[28:40]]
    rows = [row | {"name": name} for row, name in zip(run.read(path), names, strict=False)]
    run.write(tmp_path / "second.csv", rows)
    text = report.page(*args, tmp_path / "second.csv")
    part = text[text.index("## A second set") : text.index("## What others found")]
    assert "**So far ani2x, abcg2: 12 of 100 molecules.**" in part
    assert "By their rotatable bonds: 6 of 34 with none, 6 of 23 with 1.\n" in part
    error = [abs(float(row["dg_kcal"]) - float(row["expt_kcal"])) for row in rows]
    assert f"| ani2x, abcg2 | 12 | {np.mean(error):.2f} (" in part
    assert "| ani2x, abcg2 − MM, abcg2 | 12 | " in part
    assert "gaff" not in part


def test_the_hundred_are_chosen_by_their_rule(scripts, tmp_path):
    run, _ = scripts
    hundred = load("hundred")
    names = [row["name"] for row in run.read(hundred.CHOSEN)]
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    assert len(set(names)) == 100
    assert digests == sorted(digests)
    table = tmp_path / "database.txt"
    rows = [
        ("mobley_1", "CCCO", "propan-1-ol", "-4.85", "0.6", "-3.2"),
        ("mobley_2", "CO", "methanol, one of the thirty", "-5.1", "0.6", "-3.5"),
        ("mobley_3", "CCBr", "bromoethane", "-0.74", "0.6", "-0.6"),
        ("mobley_4", "CCCCCCCCCCCCC", "13 heavy atoms", "3.5", "0.6", "3.9"),
        ("mobley_5", "CCS", "ethanethiol", "-1.14", "1.9", "-0.2"),
        ("mobley_6", "CCCl", "chloroethane", "-0.63", "0.6", "0.2"),
    ]
    table.write_text("# a comment\n" + "".join("; ".join(row) + "; 0.02\n" for row in rows))
    found = [row["name"] for row in hundred.chosen(hundred.database(table))]
    assert sorted(found) == ["mobley_1", "mobley_6"]


def test_the_hundred_go_on_as_the_thirty_do_on_any_platform(scripts, tmp_path, monkeypatch):
    run, _ = scripts
    hundred, seen = load("hundred"), []
    names = [row["name"] for row in run.read(hundred.CHOSEN)]
    rows = [dict.fromkeys(hundred.NAMES, "1.0") | {"name": name} for name in names]
    monkeypatch.setattr(hundred, "database", lambda _: rows)
    monkeypatch.setattr(hundred, "RESULTS", tmp_path / "none.csv")
    monkeypatch.setattr(run, "run_campaign", lambda *given, **words: seen.append((given, words)))
    words = ["hundred.py", "--table", "x", "--runs", str(tmp_path), "--minutes", "3"]
    monkeypatch.setattr(sys, "argv", [*words, "--platform", "CUDA", "--workers", "4"])
    hundred.main()
    ((config, folder), options), *more = seen
    assert not more
    assert (config.platform, config.charges, folder.name) == ("CUDA", ("abcg2",), "ani2x-abcg2")
    assert (options["backend"].workers, options["backend"].minutes) == (4, 3.0)
    assert config.protocol.target_stderr_kcal < hundred.PROMISED == 0.3
    begun = [row["name"] for row in run.read(folder.with_suffix(".csv"))]
    assert begun == [row["name"] for row in hundred.stiffest_first(run.read(hundred.CHOSEN))]
