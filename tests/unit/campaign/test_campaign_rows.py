# SPDX-License-Identifier: MIT
"""Is a table of molecules read as it stands, and every slip named with its line?"""

from __future__ import annotations

import re

import pytest

from merrow.campaign.classes import compound_class
from merrow.campaign.rows import Reference, folder_name, read_rows
from merrow.errors import InputError


def rows(tmp_path, text, **columns):
    path = tmp_path / "set.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_rows(path, columns)


def test_a_plain_table_is_read(tmp_path):
    methanol, acetone = rows(
        tmp_path,
        "name,smiles,expt_kcal,expt_stderr_kcal,class\nmethanol,CO,-5.11,0.2,alcohol\n"
        "acetone,CC(C)=O,,,\n",
    )
    assert (methanol.name, methanol.source, methanol.line) == ("methanol", {"smiles": "CO"}, 2)
    assert methanol.experiment == Reference(-5.11, 0.2)
    assert methanol.kind == "alcohol"
    assert (acetone.experiment, acetone.kind, acetone.problem) == (None, None, None)


def test_columns_of_other_names_are_mapped(tmp_path):
    (row,) = rows(
        tmp_path,
        "\ufeffid, smiles ,expt,unc,calc,cunc\nm1,C,2.0,0.2,2.4,0.01\n",
        name="id",
        expt_kcal="expt",
        expt_stderr_kcal="unc",
        ref_gaff_kcal="calc",
        ref_gaff_stderr_kcal="cunc",
    )
    assert row.problem is None
    assert row.source == {"smiles": "C"}
    assert row.experiment == Reference(2.0, 0.2)
    assert row.references == {"gaff": Reference(2.4, 0.01)}


def test_the_shared_set_is_read_whole(freesolv):
    found = read_rows(
        freesolv / "hydration30.csv",
        {"name": "id", "expt_kcal": "expt", "expt_stderr_kcal": "expt_unc", "class": "cls"},
    )
    assert len(found) == 30
    assert {row.problem for row in found} == {None}
    assert [row.name for row in found if row.kind != compound_class(row.source["smiles"])] == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (",CO,1", "line 3 has no name."),
        (
            "\u9178" * 81 + ",CO,1",
            "line 3 has a name of 243 bytes as a folder, of at most 240: shorten it.",
        ),
        ("b,,1", "line 3 needs one of smiles, path, or prmtop and inpcrd, but gives nothing."),
        ("b,CO,one", "line 3 has 'one' as expt_kcal, which is no such number [kcal/mol]."),
        ("b,CO,nan", "line 3 has 'nan' as expt_kcal, which is no such number [kcal/mol]."),
        ("b,CO,1,2", "line 3 has more cells than the header has columns."),
    ],
)
def test_a_bad_row_is_named_and_the_others_stay(tmp_path, line, told):
    good, bad = rows(tmp_path, f"name,smiles,expt_kcal\na,C,2\n{line}\n")
    assert good.problem is None
    assert bad.problem == told


def test_a_mask_without_a_prmtop_is_bad(tmp_path):
    (row,) = rows(tmp_path, "name,smiles,ml_mask\na,C,:1\n")
    assert row.problem == (
        "line 2 has an ml_mask, which belongs to a prmtop: leave the cell empty."
    )


def test_a_row_with_two_molecules_is_bad(tmp_path):
    (row,) = rows(tmp_path, "name,smiles,path\na,C,a.sdf\n")
    assert row.problem == (
        "line 2 needs one of smiles, path, or prmtop and inpcrd, but gives smiles and path."
    )


@pytest.mark.parametrize(
    ("text", "columns", "told"),
    [
        ("name,smiles\na,C\na,CC\n", {}, "the name 'a' on line 3 is that of line 2"),
        ("name,smiles\na/b,C\na b,CC\n", {}, "line 2 ('a/b') as a folder"),
        ("name,expt_kcal\na,1\n", {}, "needs a column name and one of smiles, path, or prmtop"),
        ("id,smiles\na,C\n", {}, "say which is which with --columns"),
        ("name,smiles\na,C\n", {"name": "id"}, "has no column 'id' (--columns name=id)"),
        ("name,smiles\na,C\n", {"expt": "smiles"}, "there is no key 'expt'; known are name"),
        ("name,smiles,smiles\na,C,C\n", {}, "has the column 'smiles' twice"),
        ("name,smiles\n", {}, "has no molecule below its header"),
        ("", {}, "needs a column name"),
        ('name,smiles\n"a,C\n', {}, "not CSV"),
        (b"\xff\xfe", {}, "cannot be read as text in UTF-8"),
    ],
)
def test_a_slip_in_the_table_itself_is_refused(tmp_path, text, columns, told):
    with pytest.raises(InputError) as caught:
        rows(tmp_path, text, **columns)
    assert told in str(caught.value)


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no table"):
        read_rows(tmp_path / "lost.csv", {})


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("acetone", "acetone"),
        ("N,N-dimethyl (x)", "N,N-dimethyl_(x)"),
        ("../up", "_up"),
        ("..", "_"),
        ("a/b\\c", "a_b_c"),
    ],
)
def test_a_name_becomes_a_safe_folder(name, folder):
    assert folder_name(name) == folder


@pytest.mark.parametrize(
    ("smiles", "kind"),
    [
        ("CC(=O)O", "carboxylic acid"),
        ("CC[N+](=O)[O-]", "nitro"),
        ("C[NH3+]", "ion"),
        ("CSC", "sulfur"),
        ("C=CC", "alkene"),
        ("C#C", "alkyne"),
        ("C1CCCCC1", "alkane"),
        ("O", "other"),
        ("not one", "not known"),
        (None, "not known"),
    ],
)
def test_a_molecule_has_one_class(smiles, kind):
    assert compound_class(smiles) == kind


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_may_be_separated_as_spreadsheets_do(tmp_path, separator):
    table = tmp_path / "set.csv"
    lines = [["name", "smiles", "expt_kcal"], ["methanol", "CO", "-5.11"], ["ethane", "CC", "1.83"]]
    table.write_text("\n".join(separator.join(line) for line in lines) + "\n")
    found = read_rows(table, {})
    assert [row.name for row in found] == ["methanol", "ethane"]
    assert [row.source for row in found] == [{"smiles": "CO"}, {"smiles": "CC"}]
    assert found[0].experiment.value_kcal == pytest.approx(-5.11)


def test_values_in_kj_are_read_in_kcal(tmp_path):
    (row,) = rows(
        tmp_path, "name,smiles,expt_kJ,expt_stderr_kJ,ref_x_kJ\na,C,8.368,0.8368,-4.184\n"
    )
    assert (row.experiment.value_kcal, row.experiment.stderr_kcal) == pytest.approx((2.0, 0.2))
    assert row.references["x"].value_kcal == pytest.approx(-1.0)
    (row,) = rows(tmp_path, "name,smiles,expt_kJ,expt_kcal\na,C,1,1\n")
    assert row.problem == "line 2 gives expt in kcal and in kJ."


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("expt", "--columns expt_kcal=expt or expt_kJ=expt"),
        ("experimental dG", "the column 'experimental dG' is not understood"),
        ("exp_dg", "--columns expt_kcal=exp_dg"),
        ("Measured", "--columns expt_kcal=Measured"),
        ("charge", "--columns charges=charge"),
        ("charge_model", "--columns charges=charge_model"),
    ],
)
def test_a_column_that_was_meant_to_be_used_is_not_passed_over(tmp_path, column, told):
    with pytest.raises(InputError, match=re.escape(told)):
        rows(tmp_path, f"name,smiles,{column}\na,C,1\n")


def test_columns_that_are_not_used_are_named(tmp_path, caplog):
    found = rows(tmp_path, "name,smiles,iupac,expt_kcal,expt_reference\na,C,methane,2,10.1\n")
    assert found[0].experiment.value_kcal == 2.0
    assert "columns that are not used: iupac, expt_reference." in caplog.text


def test_a_row_may_name_its_charges(tmp_path):
    text = "name,smiles,charges\na,C,bcc\nb,CC,\nc,CO,bcc+abcg2\nd,CN,resp\ne,CCC,bcc bcc\n"
    found = rows(tmp_path, text)
    assert [row.charges for row in found] == [("bcc",), (), ("bcc", "abcg2"), (), ()]
    assert found[3].problem is not None
    assert "line 5 has 'resp' as charges; known are abcg2, bcc, file" in found[3].problem
    assert found[4].problem is not None
    text = "name,prmtop,inpcrd,charges\na,x,y,bcc\nb,x,y,prmtop\nc,x,y,\n"
    problems = [row.problem for row in rows(tmp_path, text)]
    assert problems[1:] == [None, None]
    assert "its prmtop brings its own" in problems[0]
