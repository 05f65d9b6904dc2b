# SPDX-License-Identifier: MIT
"""Is a measured value found for the molecule, however it is written, and refused otherwise?"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from merrow.errors import InputError
from merrow.hydration.config import HydrationConfig, usual_charges
from merrow.hydration.measured import known_value, read_expt, value_in_table
from merrow.hydration.report.build import _measured


@pytest.mark.parametrize("smiles", ["CC(C)=O", "O=C(C)C", "[CH3]C(=O)[CH3]"])
def test_a_known_molecule_is_found_however_its_smiles_is_written(smiles):
    found = known_value(smiles)
    assert found is not None
    assert (found.name, found.value_kcal, found.stderr_kcal) == ("acetone", -3.8, 0.6)


@pytest.mark.parametrize("smiles", ["CCCCCCCC", None, "", "CC(C)[O-]"])
def test_another_molecule_has_no_value(smiles):
    assert known_value(smiles) is None


FREESOLV = """# Entries: compound id; SMILES; name; value; uncertainty; calculated; ...
# (and a line of credits)
mobley_1; CCCCO; butan-1-ol; -4.72; 0.60; -3.23; 0.03; ...
mobley_2; c1ccccc1; benzene; -0.90; 0.20; -0.81; 0.02; ...
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FREESOLV, ("butan-1-ol", -4.72, 0.6)),
        ("smiles,expt_kcal\nOCCCC,-4.7\n", ("", -4.7, None)),
        ("name,smiles,expt_kcal,expt_stderr_kcal\nx,C,2,\ny,CCCCO,-4.7,0.3\n", ("y", -4.7, 0.3)),
    ],
)
def test_a_table_of_the_user_is_read(tmp_path, text, expected):
    (path := tmp_path / "values.txt").write_text(text)
    found = value_in_table(path, "OCCCC")
    assert (found.name, found.value_kcal, found.stderr_kcal) == expected
    assert found.source == "values.txt"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no table of measured values"),
        ("name,expt_kcal\nx,1\n", "needs the columns smiles and expt_kcal"),
        ("smiles,expt_kcal\nC,2\n", "has no molecule OCCCC"),
        ("smiles,expt_kcal\nCCCCO,two\n", "molecule 1: 'two' is no number"),
        ("smiles,expt_kcal\nCCCCO,1\nOCCCC,2\n", "OCCCC twice, with other values; keep one"),
        ("smiles,expt_kcal,expt_kJ\nC,1,1\n", "columns expt_kcal and expt_kJ; keep one"),
        ("smiles,expt,expt_unc,expt_stderr_kJ\nC,1,1,1\n", "columns expt_unc and expt_stderr_kJ"),
    ],
)
def test_another_table_is_refused_in_words(tmp_path, text, words):
    (path := tmp_path / "values.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        value_in_table(path, "OCCCC")


@pytest.mark.parametrize(
    ("text", "value", "stderr"),
    [
        ("smiles,expt_kJ,expt_stderr_kJ\nCCCCO,-20.92,4.184\n", -5.0, 1.0),
        ("smiles,expt_kcal,expt_stderr_kJ\nCCCCO,-5,4.184\n", -5.0, 1.0),
        ("smiles,expt_kcal,expt_stderr_kJ\nCCCCO,-5,\n", -5.0, None),
        ("smiles,expt_kcal\nCCCCO,-5\nC,2\nOCCCC,-5.0\n", -5.0, None),
    ],
)
def test_kj_are_read_in_kcal_and_the_same_value_twice_is_one(tmp_path, text, value, stderr):
    (path := tmp_path / "values.csv").write_text(text)
    found = value_in_table(path, "OCCCC")
    assert (found.value_kcal, found.stderr_kcal) == (pytest.approx(value), pytest.approx(stderr))


def test_a_value_may_come_with_its_error():
    assert read_expt("-5.1") == (-5.1, None)
    assert read_expt("-5.1,0.6") == (-5.1, 0.6)
    assert read_expt("−5.1,1") == (-5.1, 1.0)
    for text in ("-5,1", "−5,1", "2,45"):
        with pytest.raises(InputError, match="decimal comma or a value with its error"):
            read_expt(text)
    for text in ("", "none.csv", "nan", "-5,-1", "1,inf", "1,x", "-5_1", "-5,0_6"):
        with pytest.raises(InputError, match="neither a value"):
            read_expt(text)


@pytest.mark.parametrize(
    ("source", "protocol", "charges"),
    [
        ({"kind": "smiles", "smiles": "CO"}, "quick", "abcg2"),
        ({"kind": "structure", "structure": "a.sdf"}, "demo", "abcg2"),
        ({"kind": "structure", "structure": "a.MOL2"}, "paper", "file"),
        ({"kind": "smiles", "smiles": "CO"}, "paper", "bcc"),
        ({"kind": "smiles", "smiles": "CO", "gaff": 1}, "quick", "bcc"),
        ({"kind": "gas", "prmtop": "a", "inpcrd": "b"}, "quick", "prmtop"),
    ],
)
def test_charges_that_nobody_names_are_those_made_for_the_force_field(source, protocol, charges):
    assert usual_charges(source, protocol) == charges
    data = {"source": source, "potential": "mm", "protocol": {"name": protocol, "route": "direct"}}
    assert HydrationConfig.model_validate(data).source.charges == charges
    data["source"] = source | {"charges": charges}
    assert HydrationConfig.model_validate(data).source.charges == charges


def test_known_values_stand_beside_runs_at_their_temperature_alone():
    def found(temperature, expt=None):
        protocol = SimpleNamespace(temperature_k=temperature)
        config = SimpleNamespace(expt_kcal=expt, expt_stderr_kcal=None, protocol=protocol)
        molecule = SimpleNamespace(smiles="CCO")
        prepared = SimpleNamespace(info=SimpleNamespace(molecule=molecule))
        return _measured(SimpleNamespace(config=config, prepared=prepared))

    assert found(298.15).value_kcal == found(298.0).value_kcal == -5.0
    assert found(350.0) is None
    assert found(350.0, expt=-3.0).value_kcal == -3.0
