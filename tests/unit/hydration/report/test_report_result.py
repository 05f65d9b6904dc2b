# SPDX-License-Identifier: MIT
"""Does result.json hold exactly what is documented, and never a number that is none?"""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from synthetic_report import result_of

from merrow.errors import InputError, MerrowError
from merrow.hydration.result import HydrationResult, read_result, write_csv, write_json

DOC = Path(__file__).parents[4] / "docs" / "reference" / "result.md"


def spoiled(keys, where, value):
    *path, last = where.split(".")
    place = keys
    for key in path:
        place = place[key]
    place[last] = value
    return keys


@pytest.mark.parametrize(
    "choice", [("direct",), ("endpoint", "quick"), ("direct", "paper"), ("direct", "quick", "mm")]
)
def test_what_is_written_is_read_back_equal(make_result, tmp_path, choice):
    result = make_result(*choice)
    write_json(result, tmp_path / "result.json")
    assert read_result(tmp_path / "result.json") == result
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_the_keys_of_the_file_are_those_of_version_one(make_result):
    found = json.loads(make_result().to_json())
    assert set(found) == {
        *("schema_version", "molecule", "potential", "charges", "protocol", "route"),
        *(
            "temperature_k",
            "headline",
            "estimates",
            "legs",
            "de_reorg",
            "de_reorg_mbar",
        ),
        *(
            "closure",
            "budget",
            "measured",
            "diagnostics",
            "settings",
            "versions",
            "seeds",
            "wall_s",
        ),
    }
    assert set(found["molecule"]) == {"smiles", "formula", "charge", "n_atoms"}
    assert set(found["headline"]) == {"value_kcal", "stderr_kcal", "method"}
    assert set(found["estimates"]) == {
        *("decoupling_mbar", "decoupling_ti", "endpoint_bar", "mm_reference", "as_published"),
    }
    assert set(found["legs"]) == {"charging", "lj"}
    assert set(found["de_reorg"]) == {"value_kcal", "stderr_kcal"}
    assert found["schema_version"] == 1
    assert found["estimates"]["endpoint_bar"] is None


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("flavour", 1, "flavour"),
        ("molecule.name", "acetone", "molecule.name"),
        ("estimates.best_guess", None, "estimates.best_guess"),
        ("headline.value_kcal", math.nan, "finite"),
        ("legs.lj.value_kcal", math.inf, "finite"),
        ("legs.lj.stderr_kcal", -0.1, "greater than or equal to 0"),
        ("temperature_k", "298.15", "valid number"),
        ("molecule.n_atoms", 10.5, "integer"),
        ("diagnostics.remark", "good", "valid number"),
        ("schema_version", 2, "schema_version"),
        ("route", "R3", "direct"),
    ],
)
def test_a_key_that_is_unknown_or_no_number_is_refused(keys, where, value, said):
    with pytest.raises(ValidationError, match=re.escape(said)):
        result_of(spoiled(keys, where, value))


def test_a_setting_that_is_no_number_is_refused(make_result):
    with pytest.raises(ValidationError, match="finite"):
        HydrationResult(**{**dict(make_result()), "settings": {"cutoff": math.nan}})


def test_a_missing_estimate_must_be_said_to_be_null(keys):
    del keys["estimates"]["mm_reference"]
    with pytest.raises(ValidationError, match=r"mm_reference\n  Field required"):
        result_of(keys)


def test_a_diagnostic_that_is_no_number_is_written_as_null(keys):
    keys["diagnostics"] |= {"min_overlap": math.nan, "trips": math.inf, "spread": 0.4}
    found = json.loads(result_of(keys).to_json())["diagnostics"]
    assert (found["min_overlap"], found["trips"], found["spread"]) == (None, None, 0.4)


def test_a_headline_that_is_not_the_estimate_it_names_is_refused(keys):
    keys["headline"]["value_kcal"] += 0.001
    with pytest.raises(ValidationError, match="not the estimate 'decoupling_mbar'"):
        result_of(keys)


def test_the_published_sum_is_a_headline_only_under_protocol_paper(keys):
    keys["headline"] = {**keys["estimates"]["as_published"], "method": "as_published"}
    with pytest.raises(ValidationError, match="only under protocol 'paper'"):
        result_of(keys)
    assert result_of(keys | {"protocol": "paper"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[]", "schema_version None"),
        ('{"schema_version": 2}', "schema_version 2, this merrow reads 1"),
        ('{"schema_version": 1}', "molecule: Field required"),
    ],
)
def test_a_file_that_is_no_result_is_refused_in_one_line(tmp_path, text, said):
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        read_result(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failed_write_leaves_the_older_file_and_no_rest(make_result, tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    path.write_text("older")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MerrowError, match="the disk is full"):
        write_json(make_result(), path)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_the_csv_has_one_row_and_the_same_columns_for_both_routes(make_result, tmp_path):
    rows = {}
    for route in ("direct", "endpoint"):
        write_csv(make_result(route), tmp_path / "result.csv")
        with (tmp_path / "result.csv").open(newline="") as stream:
            (rows[route],) = csv.DictReader(stream)
    assert list(rows["direct"]) == list(rows["endpoint"])
    assert rows["direct"]["decoupling_mbar_kcal"] == "-3.134"
    assert rows["endpoint"]["decoupling_mbar_kcal"] == ""
    assert (
        rows["endpoint"]["endpoint_bar_stderr_kcal"]
        == rows["endpoint"]["headline_stderr_kcal"]
        == "0.092"
    )
    assert rows["direct"]["smiles"] == "CC(C)=O"


def test_every_key_is_documented():
    text = DOC.read_text(encoding="utf-8")
    schema = HydrationResult.model_json_schema()
    parts = [schema, *schema["$defs"].values()]
    names = {name for part in parts for name in part.get("properties", ())} - {"by_repeat"}
    assert {"lower_kcal", "advice", "charging"} <= names
    assert not {name for name in names if f"`{name}`" not in text}


def test_the_example_of_the_documentation_is_a_result(tmp_path):
    block = re.search(r"```json\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "result.json"
    path.write_text(block[1])
    assert read_result(path).to_json() == json.dumps(json.loads(block[1]), indent=2) + "\n"
