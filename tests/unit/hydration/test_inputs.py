# SPDX-License-Identifier: MIT
"""Do the small pieces of preparation do what they say?"""

from __future__ import annotations

import sys

import numpy as np
import pytest

from merrow.ambertools.solvent import n_waters_for
from merrow.errors import InputError, MissingComponentError
from merrow.hydration import run as hydration
from merrow.hydration.asked import hydration_config
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.prepare import hill_formula, waters_needed
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.result import MoleculeInfo
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.rounds import is_users_limit
from merrow.hydration.state import PreparedInfo


@pytest.mark.parametrize(
    ("numbers", "formula"),
    [
        ((6, 1, 1, 1, 8, 1), "CH4O"),
        ((8, 1, 1), "H2O"),
        ((17, 6, 6, 35, 1), "C2HBrCl"),
        ((16, 16), "S2"),
    ],
)
def test_formulas_are_in_hill_order(numbers, formula):
    assert hill_formula(numbers) == formula


def test_a_longer_solute_or_cutoff_gets_more_water_but_never_less_than_the_protocol():
    quick = PROTOCOLS["quick"]
    small = np.zeros((1, 3))
    long = np.array([[0.0, 0.0, 0.0], [12.0, 0.0, 0.0]])
    assert waters_needed(quick, small, (6,)) == quick.n_waters
    needed = waters_needed(quick, long, (6, 6))
    assert needed >= n_waters_for(32.0, 2)  # 12 Å + 20 Å wide
    wide = quick.model_copy(update={"cutoff_angstrom": 12.0})
    assert waters_needed(wide, small, (6,)) >= n_waters_for(27.5, 1)


@pytest.mark.parametrize("length", [260, 5000])
def test_a_smiles_that_is_too_long_for_a_file_name_is_a_smiles(length, tmp_path):
    config = hydration_config(length * "C", out=tmp_path, expt=-1.0)
    assert config.source.kind == "smiles"


def test_a_time_that_the_user_gives_is_a_limit_whatever_it_is(tmp_path):
    for protocol in ("demo", "quick", "standard"):
        given = hydration_config("CO", out=tmp_path, protocol=protocol, max_time="12m").protocol
        assert given.name == protocol
        assert is_users_limit(given)
    changed = hydration_config("CO", out=tmp_path, protocol="demo", settings=["cutoff_angstrom=9"])
    assert not is_users_limit(changed.protocol)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"settings": ["cutoff_angstrom=9", "cutoff_angstrom=8"]},
            "cutoff_angstrom is given twice",
        ),
        ({"route": "direct", "settings": ["route=endpoint"]}, "route is given twice; keep one"),
        ({"max_time": "1h", "settings": {"maximum_minutes": 5}}, "maximum_minutes is given twice"),
        (
            {"settings": ["route=direct", "endstate_water_ps=9"]},
            "endstate_water_ps has no meaning for the direct route",
        ),
        (
            {"protocol": "standard", "settings": ["endstate_water_ps=9"]},
            "endstate_water_ps has no meaning for the direct route",
        ),
        (
            {"settings": ["minimum_sampling_ps=99", "maximum_sampling_ps=9"]},
            "minimum_sampling_ps 99 is above maximum_sampling_ps 9; change one",
        ),
    ],
)
def test_settings_that_contradict_or_do_nothing_are_refused(options, told, tmp_path):
    with pytest.raises(InputError, match=told):
        hydration_config("CO", out=tmp_path, **options)


def test_an_error_needs_its_value():
    with pytest.raises(ValueError, match="is the error of expt_kcal, which is not given"):
        HydrationConfig(source=Source(kind="smiles", smiles="CO"), expt_stderr_kcal=0.2)


def test_both_routes_use_the_settings_of_both(tmp_path):
    asked = {"both_routes": True, "settings": ["endstate_water_ps=9"]}
    assert hydration_config("CO", out=tmp_path, **asked).protocol.endstate_water_ps == 9.0


def test_gaff_belongs_to_molecules_without_parameters(tmp_path):
    assert hydration_config("CO", out=tmp_path).source.gaff == 2
    assert hydration_config("CO", out=tmp_path, gaff=1).source.gaff == 1
    with pytest.raises(InputError, match="--gaff has no meaning for a prmtop"):
        hydration_config("a.prmtop", "a.inpcrd", out=tmp_path, gaff=2)


@pytest.mark.parametrize("kind", ["solvated", "gas"])
def test_a_prmtop_brings_its_own_charges_and_parameters(kind):
    files = {"prmtop": "a.prmtop", "inpcrd": "a.inpcrd"}
    assert Source(kind=kind, **files).charges == "prmtop"
    for charges in ("bcc", "abcg2", "file"):
        with pytest.raises(ValueError, match="since the prmtop brings its own; use prmtop"):
            Source(kind=kind, **files, charges=charges)
    with pytest.raises(ValueError, match="brings its parameters; leave it out"):
        Source(kind=kind, **files, gaff=1)
    with pytest.raises(ValueError, match="has no smiles"):
        Source(kind=kind, **files, smiles="CO")


def test_the_charges_of_a_mol2_file_are_its_own():
    assert Source(kind="structure", structure="a.mol2").charges == "file"
    assert Source(kind="structure", structure="a.sdf").charges == "abcg2"
    assert Source(kind="structure", structure="a.sdf", gaff=1).charges == "bcc"
    with pytest.raises(ValueError, match="ml_mask belongs to a prmtop"):
        Source(kind="structure", structure="a.sdf", ml_mask=":1")


def test_a_prepared_run_goes_on_without_ambertools(monkeypatch, tmp_path):
    class CheckedError(Exception):
        """The input was accepted."""

    def accepted(_):
        raise CheckedError

    direct = PROTOCOLS["quick"].model_copy(update={"route": "direct"})
    source = Source(kind="smiles", smiles="CO")
    config = HydrationConfig(source=source, potential="mm", protocol=direct)
    run = RunFolder(tmp_path / "run")
    run.save_config(config)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(hydration, "check_platform", accepted)
    with pytest.raises(MissingComponentError, match="antechamber"):
        hydration.run_hydration(config, run.path, base=tmp_path)
    info = MoleculeInfo(smiles="CO", formula="CH4O", charge=0, n_atoms=6)
    run.save(PreparedInfo(molecule=info, n_waters=330))
    with pytest.raises(CheckedError):
        hydration.run_hydration(config, run.path, base=tmp_path)
