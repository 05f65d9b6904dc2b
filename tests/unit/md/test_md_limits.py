# SPDX-License-Identifier: MIT
"""Have the settings of Python the limits of the keys of a sander input, and are they checked?"""

from __future__ import annotations

import pytest

import merrow
from merrow.errors import InputError
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import MdOutputs, run_md
from merrow.md.settings import MdSettings
from merrow.mdin.keys import CNTRL, EWALD, Key

KEYS = {
    "steps": CNTRL["nstlim"],
    "gradient_kcal_per_angstrom": CNTRL["drms"],
    "timestep_ps": CNTRL["dt"],
    "initial_temperature_k": CNTRL["tempi"],
    "com_removal_interval": CNTRL["nscm"],
    "temperature_k": CNTRL["temp0"],
    "friction_per_ps": CNTRL["gamma_ln"],
    "coupling_time_ps": CNTRL["tautp"],
    "collision_interval": CNTRL["vrand"],
    "pressure_bar": CNTRL["pres0"],
    "barostat_interval": CNTRL["mcbarint"],
    "cutoff_angstrom": CNTRL["cut"],
    "ewald_per_angstrom": EWALD["ew_coeff"],
    "direct_tolerance": EWALD["dsum_tol"],
    "constraint_tolerance": CNTRL["tol"],
    "restraint_kcal_per_angstrom2": CNTRL["restraint_wt"],
    "print_interval": CNTRL["ntpr"],
    "frame_interval": CNTRL["ntwx"],
    "restart_interval": CNTRL["ntwr"],
}
HEATED = {"thermostat": "langevin", "friction_per_ps": 2.0}
BESIDE = {
    "timestep_ps": {"constraints": True},
    "pressure_bar": HEATED,
    "restraint_kcal_per_angstrom2": {"restraint_mask": ":1"},
}
"""Other settings that a setting needs."""


def told(**values: object) -> MdSettings:
    return MdSettings.checked({"ml": {"mask": ":1"}, **values}, source="settings")


@pytest.mark.parametrize(("name", "key"), KEYS.items(), ids=KEYS)
def test_a_setting_has_the_limits_of_its_key(name: str, key: Key):
    beside = BESIDE.get(name, {})
    for limit, beyond in ((key.low, -1), (key.high, 1)):
        if limit is None:
            continue
        value = key.kind(limit)
        if value or name not in BESIDE:
            assert getattr(told(**{name: value}, **beside), name) == value
        with pytest.raises(InputError, match=name):
            told(**{name: value + beyond * (abs(value) * 0.1 or 1)}, **beside)


def test_a_setting_that_the_file_splits_has_its_limits_too():
    with pytest.raises(InputError, match="velocity_interval"):
        told(velocity_interval=-1)  # ntwv=-1 means another one
    coupling = {"charges_mask": ":1", "lj_mask": "", "clambda": 1.5}
    with pytest.raises(InputError, match=r"coupling\.clambda"):
        told(coupling=coupling)
    with pytest.raises(InputError, match=r"ml\.max_spread_kcal"):
        told(ml={"mask": ":1", "max_spread_kcal": -1.0})
    for sizes in ((0, 24, 24), (24, 24, -24), (24, 24)):
        with pytest.raises(InputError, match="pme_grid"):
            told(pme_grid=sizes)


def test_a_run_checks_settings_that_were_changed_on_the_way(systems, tmp_path):
    """pydantic's model_copy checks nothing: without friction the run would keep its energy."""
    plain = told(ml={"mask": ":1", "potential": "mm"}, **HEATED)
    changed = plain.model_copy(update={"friction_per_ps": 0.0})
    files = [systems / f"ethanol.{end}" for end in ("prmtop", "inpcrd")]
    outputs = merrow.MdOutputs(*(tmp_path / name for name in ("o", "r", "x", "inf", "v", "xs")))
    with pytest.raises(InputError, match=r"mdin: thermostat='langevin' needs friction_per_ps"):
        merrow.run_md(changed, *files, outputs=outputs)
    assert not list(tmp_path.iterdir())


def test_an_output_may_be_a_path_or_its_name(systems, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "t\n &cntrl imin=0, nstlim=2, dt=0.001, ntb=0, tempi=300.0, ifmlp=1 /\n"
    (tmp_path / "mdin").write_text(f"{text} &mlp animask=':1', potential='mm' /\n")
    files = [systems / f"methane.{end}" for end in ("prmtop", "inpcrd")]
    outputs = MdOutputs(mdout="a.out", restrt="a.rst7", mdcrd="a.nc", mdinfo="a.info")
    found = run_md(read_md_settings("mdin"), *files, outputs=outputs)
    assert found.outputs.mdout.exists()
    assert found.outputs.mdinfo.name == "a.info"
