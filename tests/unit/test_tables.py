# SPDX-License-Identifier: MIT
"""Tables as spreadsheets write them in several countries say the same, and no slip is a number."""

from __future__ import annotations

import pytest

from merrow.campaign.rows import Reference, read_rows
from merrow.errors import InputError
from merrow.hydration.measured import value_in_table
from merrow.tables import read_table

PLAIN = "name,smiles,expt_kcal,expt_stderr_kcal\nmethanol,CO,-5.1,0.6\nethanol,CCO,-5.0,0.6\n"
GERMAN = PLAIN.replace(",", ";").replace("-5.1", "-5,1").replace("0.6", "0,6")
ALIKE = {
    "plain": PLAIN.encode(),
    "mark": PLAIN.encode("utf-8-sig"),
    "Unicode text": PLAIN.replace(",", "\t").encode("utf-16"),
    "Windows": PLAIN.replace("ethanol,CCO", "éthanol,CCO").encode("cp1252"),
    "lines of an old Macintosh": PLAIN.replace("\n", "\r").encode(),
    "decimal comma": GERMAN.encode(),
    "separator told": b"sep=;\r\n" + GERMAN.replace("\n", "\r\n").encode(),
    "empty columns": PLAIN.replace("\n", ",,\n").encode() + b",,,,,\n",
    "capitals": PLAIN.replace("name", "Name").replace("smiles", "SMILES", 1).encode(),
    "sign of minus": PLAIN.replace("-5", "\u22125").encode(),
    "index": b"".join(
        f"{k},{line}\n".encode() for k, line in enumerate(PLAIN.splitlines())
    ).replace(b"0,name", b",name"),
}


@pytest.mark.parametrize("kind", list(ALIKE))
def test_what_spreadsheets_write_is_one_table(tmp_path, kind):
    (path := tmp_path / "set.csv").write_bytes(ALIKE[kind])
    methanol, ethanol = read_rows(path, {})
    assert (methanol.name, methanol.source) == ("methanol", {"smiles": "CO"})
    assert methanol.experiment == Reference(-5.1, 0.6)
    assert ethanol.experiment is not None
    assert ethanol.experiment.value_kcal == -5.0
    if kind != "capitals":  # here the columns have the names that the help tells
        found = value_in_table(path, "CO")
        assert (found.value_kcal, found.stderr_kcal) == (-5.1, 0.6)


def test_a_column_without_a_name_is_no_error_of_a_value(tmp_path):
    (path := tmp_path / "set.csv").write_text(",smiles,expt_kcal\n0,C,2.0\n1,CO,-5.1\n")
    assert value_in_table(path, "CO").stderr_kcal is None


@pytest.mark.parametrize("text", ["n/a", "#N/A", ""])
def test_a_value_that_is_not_there_is_none(tmp_path, text):
    (path := tmp_path / "set.csv").write_text(f"name,smiles,expt_kcal\na,CO,{text}\n")
    (row,) = read_rows(path, {})
    assert (row.experiment, row.problem) == (None, None)
    with pytest.raises(InputError, match="has no molecule CO"):
        value_in_table(path, "CO")


@pytest.mark.parametrize(
    "cells", ["-5,1,0.6", "inf,0.6", "nan,0.6", "-5.1,-0.6", "'=-5.1',0.6", "-5_1,0.6"]
)
def test_a_slip_is_no_number(tmp_path, cells):
    (path := tmp_path / "set.csv").write_text(
        f"smiles,name,expt_kcal,expt_stderr_kcal\nCO,m,{cells}\n"
    )
    with pytest.raises(InputError, match="molecule 1"):
        value_in_table(path, "CO")
    assert read_rows(path, {})[0].problem is not None


def test_a_comma_in_a_table_of_commas_is_no_decimal_sign(tmp_path):
    (path := tmp_path / "set.csv").write_text('smiles,expt_kcal\nCO,"-5,1"\n')
    with pytest.raises(ValueError, match="-5,1"):
        read_table(path).number("-5,1")
    with pytest.raises(InputError, match="'-5,1' is no number"):
        value_in_table(path, "CO")
