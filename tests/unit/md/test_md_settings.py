# SPDX-License-Identifier: MIT
"""Is every key of a sander input honoured, noted or refused, and never silently ignored?"""

from __future__ import annotations

import re
from math import inf
from pathlib import Path

import pytest

from merrow.errors import InputError
from merrow.md.from_mdin import md_settings
from merrow.md.settings import MdSettings
from merrow.mdin.keys import TABLES
from merrow.mdin.mlp import MlSettings
from merrow.mdin.namelist import parse_mdin

NVT = """NVT of an ML ligand in water
 &cntrl
  imin=0, irest=1, ntx=5, nstlim=1000000, dt=0.001,
  ntb=1, ntp=0, cut=9.0, ntc=1, ntf=1,
  ntt=3, gamma_ln=2.0, temp0=300.0, ig=-1,
  ntpr=500, ntwx=1000, ntwr=50000, ioutfm=1, ntxo=2, iwrap=0,
  ifmlp=1,
 /
 &mlp
  animask=':LIG', mlp_model=0, mlp_shake=0, mlp_confine=0,
 /
"""
NPT = NVT.replace("ntb=1, ntp=0", "ntb=2, ntp=1, barostat=2, pres0=1.0")
NVE = NVT.replace("ntt=3, gamma_ln=2.0, temp0=300.0", "ntt=0, nscm=0").replace(
    "dt=0.001", "dt=0.0005"
)
TWO_FS = (
    NVT.replace("dt=0.001", "dt=0.002")
    .replace("ntc=1, ntf=1", "ntc=2, ntf=2")
    .replace("mlp_shake=0", "mlp_shake=1")
)
GAS = """gas phase
 &cntrl
  imin=0, irest=0, ntx=1, nstlim=1000000, dt=0.001, tempi=300.0,
  ntb=0, igb=0, cut=999.0, ntc=1, ntf=1,
  ntt=3, gamma_ln=5.0, temp0=300.0, ig=-1, nscm=500, ntpr=100, ntwx=1000,
  ifmlp=1,
 /
 &mlp animask=':LIG', mlp_model=0, mlp_shake=0, mlp_confine=0, /
"""
TI_V0 = """discharge, V0
 &cntrl
  imin=0, irest=1, ntx=5, nstlim=500000, dt=0.001, ntb=1, ntp=0, cut=9.0,
  ntc=1, ntf=1, ntt=3, gamma_ln=2.0, temp0=300.0, ig=1234, ntpr=500, ntwx=5000,
  icfe=1, ifsc=0, klambda=1, clambda=0.1,
  ifmlp=1,
 /
 &mlp animask=':LIG', mlp_model=0, mlp_shake=0, mlp_confine=0, /
"""
TI_V1 = TI_V0.replace("clambda=0.1,", "clambda=0.1, crgmask=':LIG',")
TI_LJ = TI_V1.replace("ifsc=0", "ifsc=1, scmask=':LIG'")
ORIGINAL = {
    "nvt": NVT,
    "npt": NPT,
    "nve": NVE,
    "2 fs": TWO_FS,
    "gas": GAS,
    "ti v0": TI_V0,
    "ti v1": TI_V1,
    "ti lj": TI_LJ,
}


def config(text):
    """Return what an input asks for."""
    return md_settings(parse_mdin(text, source="mdin"))


def changed(text, **keys):
    """Return an input with more keys in &cntrl."""
    more = ", ".join(f"{key}={value}" for key, value in keys.items())
    return text.replace("&cntrl", f"&cntrl {more},", 1)


@pytest.mark.parametrize("name", ORIGINAL)
def test_inputs_of_the_original_program_are_accepted_unchanged(name):
    found = config(ORIGINAL[name])
    assert found.ml.mask == ":LIG"
    assert found.ml.potential == "ani2x"
    assert found.steps == (500000 if name.startswith("ti") else 1000000)


def test_the_ensembles_mean_what_they_say():
    nvt, npt, nve, gas = (config(text) for text in (NVT, NPT, NVE, GAS))
    assert (nvt.thermostat, nvt.friction_per_ps, nvt.pressure_bar, nvt.periodic) == (
        "langevin",
        2,
        None,
        True,
    )
    assert (npt.pressure_bar, npt.barostat_interval, npt.periodic) == (1.0, 100, True)
    assert (nve.thermostat, nve.timestep_ps, nve.com_removal_interval) == ("none", 0.0005, 0)
    assert (gas.periodic, gas.cutoff_angstrom, gas.initial_temperature_k, gas.goes_on) == (
        False,
        999,
        300,
        False,
    )
    assert config(TWO_FS).constraints
    assert config(TWO_FS).ml.constraints


def test_the_coupling_state_is_the_one_of_the_masks():
    assert config(NVT).coupling is None
    assert config(TI_V0).coupling.charges_mask == ""
    assert config(TI_V1).coupling.charges_mask == ":LIG"
    lj = config(TI_LJ).coupling
    assert (lj.lj_mask, lj.clambda) == (":LIG", 0.1)


def test_defaults_are_those_of_sander_where_it_has_one_that_is_sound():
    text = "t\n&cntrl imin=0, ifmlp=1 /\n&mlp animask=':1' /"
    plain = config(text)
    assert plain == MdSettings(title="t", text=text, ml=MlSettings(mask=":1"))
    assert (plain.steps, plain.timestep_ps, plain.print_interval, plain.frame_interval) == (
        (1, 0.001, 50, 0)
    )
    assert (plain.thermostat, plain.periodic, plain.cutoff_angstrom, plain.seed) == (
        ("none", None, None, 71277)
    )
    assert (plain.direct_tolerance, plain.lj_tail, plain.constraint_tolerance) == (1e-5, True, 1e-5)


def test_the_confining_wall_has_the_parameters_of_the_original():
    text = NVT.replace("mlp_confine=0", "mlp_confine=1, confine1=3.0, confinek=5.0")
    wall = config(text).ml.confinement
    assert (wall.inner_angstrom, wall.outer_angstrom, wall.stiffness, wall.follow) == (
        3.0,
        4.0,
        5.0,
        False,
    )


def test_a_long_step_with_free_hydrogens_in_the_region_is_noted():
    assert not config(TWO_FS).notes
    (note,) = config(TWO_FS.replace("mlp_shake=1", "mlp_shake=0")).notes
    assert note.startswith("dt=0.002 with mlp_shake=0: bonds to hydrogen")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"ncyc": 5}, "ncyc does nothing here: the minimiser is L-BFGS"),
        ({"taup": 2.0}, "taup does nothing here: the Monte Carlo barostat has no relaxation time"),
        ({"maxcyc": 100}, "maxcyc does nothing here: it needs imin=1"),
        ({"mcbarint": 50}, "mcbarint does nothing here: it needs ntp=1 or ntp=2"),
        ({"nscm": 10}, "nscm does nothing here: it needs ntt=0 or ntt=11"),
        ({"tempi": 10.0}, "tempi does nothing here: it needs irest=0"),
    ],
)
def test_what_does_nothing_is_noted(keys, told):
    (note,) = [one for one in config(changed(NVT, **keys)).notes if next(iter(keys)) in one]
    assert note.startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (NVT + "&wt type='END' /\nLISTOUT=POUT\n", "LISTOUT does nothing here: mdout has"),
        (GAS.replace("ntx=1", "ntx=5"), "ntx=5 reads velocities, but irest=0 begins with"),
        (GAS, "nscm does nothing here: it needs ntt=0 or ntt=11"),
    ],
)
def test_what_does_nothing_beside_other_keys_is_noted(text, told):
    assert any(note.startswith(told) for note in config(text).notes)


WRONG = [
    (NVT.replace("ntx=5", "ntx=1"), "irest=1 continues with velocities, but ntx=1"),
    (NVT.replace("gamma_ln=2.0", "gamma_ln=0.0"), "ntt=3 with gamma_ln=0 couples to nothing"),
    (NVT.replace("ntt=3", "ntt=11"), "gamma_ln needs ntt=3"),
    (NVT.replace("ntb=1, ntp=0", "ntb=2"), "ntb=2 is constant pressure, which needs ntp=1"),
    (NPT.replace("ntb=2", "ntb=1"), "ntp=1 needs ntb=2, but ntb=1"),
    (NPT.replace("barostat=2", "barostat=1"), "barostat=1 is refused"),
    (NPT.replace("pres0=1.0", "pres0=1e9"), "pres0 should be at least -1000 and at most 100000"),
    (NVE.replace("ntp=0", "ntp=1").replace("ntb=1", "ntb=2"), "ntp=1 needs a thermostat"),
    (NVT.replace("ntt=3", "ntt=1"), "ntt=1 is refused, only 0 or 2 or 3 or 11"),
    (NVT.replace("ntc=1, ntf=1", "ntc=1, ntf=2"), "ntf=2 leaves out bonds to hydrogen, but ntc=1"),
    (NVT.replace("ntc=1", "ntc=3"), "ntc=3 is refused"),
    (NVT.replace("dt=0.001", "dt=0.002"), "dt=0.002 with ntc=1 is too long"),
    (NVT.replace("dt=0.001", "dt=0.1"), "dt should be at least 1e-06 and at most 0.004"),
    (NVT.replace("mlp_shake=0", "mlp_shake=1"), "mlp_shake=1 needs ntc=2"),
    (NVT.replace("ifmlp=1", "ifmlp=0"), "&mlp is there but ifmlp=0"),
    (NVT.partition(" &mlp")[0], "ifmlp=1 needs a namelist &mlp"),
    (NVT.replace("animask=':LIG', ", ""), "&mlp needs animask"),
    (NVT.replace("mlp_model=0", "mlp_model=7"), "mlp_model=7 is refused, only 0 or 1 or 2"),
    (NVT.replace("mlp_model=0", "mlp_model=0, potential='ani1x'"), "both name a model"),
    (NVT.replace("mlp_confine=0", "mlp_confine=1"), "mlp_confine=1 needs confinek"),
    (NVT.replace("mlp_confine=0", "confinek=2.0"), "confinek needs mlp_confine=1"),
    (GAS.replace("igb=0", "igb=5"), "igb=5 is refused"),
    (NPT.replace("ntwr=50000", "ntwr=150"), "ntwr=150 should be a multiple of mcbarint=100"),
    (NVT + "&ewald nfft1=32 /", "nfft1, nfft2 and nfft3 belong together"),
    (NVT.replace("imin=0", "imin=1"), "imin=1 cannot continue from velocities"),
    (NVT.replace("imin=0", "imin=5"), "imin=5 is refused, only 0 or 1"),
    (NVT.replace("nstlim", "nstlm"), "line 3: &cntrl has no key nstlm: did you mean nstlim?"),
    (NVT.replace("animask", "ml_mask"), "&mlp has no key ml_mask"),
    (NVT.replace("&mlp", "&mpl"), "&mpl is not understood: did you mean &mlp"),
    (NVT.replace("&mlp", "&qmmm"), "&qmmm is not understood: use ifmlp=1 and &mlp"),
    (NVT.replace("dt=0.001", "dt='fast'"), "dt should be a number, got 'fast'"),
    (NVT.replace("ntpr=500", "ntpr=0.5"), "ntpr should be a whole number, got 0.5"),
    (NVT.replace("ntpr=500", "ntpr=1,2"), "ntpr has 2 values; give one"),
    (NVT + "&wt type='TEMP0', istep1=0 /", "type='TEMP0' is refused"),
    (changed(NVT, ntr=1), "ntr=1 needs restraintmask"),
    (changed(NVT, restraintmask="':1'"), "restraintmask has no effect with ntr=0"),
    (changed(NVT, nmropt=1), "nmropt=1 and a line DISANG=file"),
    (changed(NVT, ntwv=-1).replace("ntwx=1000", "ntwx=0"), "ntwv=-1 puts velocities into frames"),
    (changed(NVT, clambda=0.5), "clambda needs icfe=1"),
    (TI_LJ.replace(", scmask=':LIG'", ""), "ifsc=1 needs scmask"),
    (TI_LJ.replace(" crgmask=':LIG',", ""), "ifsc=1 needs crgmask too"),
    (changed(TI_LJ, timask1="':WAT'"), "should be the same"),
    (changed(TI_V1, timask1="':WAT'"), "timask1 and crgmask should be the same"),
    (TI_V1.replace("clambda=0.1", "clambda=1.5"), "clambda should be at least 0 and at most 1"),
    (TI_V1.replace("klambda=1", "klambda=4"), "klambda=4 is refused"),
    ("t\n&ewald order=4 /", "has no &cntrl"),
]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=[told for _, told in WRONG])
def test_a_wrong_input_is_refused_by_the_name_of_its_key(text, told):
    with pytest.raises(InputError) as stop:
        config(text)
    assert told in str(stop.value)
    assert str(stop.value).startswith("mdin")
    assert "\n" not in str(stop.value)


KEYS = [(group, name) for group, table in TABLES.items() for name in table]


@pytest.mark.parametrize(("group", "name"), KEYS)
def test_the_table_of_keys_contradicts_itself_nowhere(group, name):
    key = TABLES[group][name]
    assert key.kind in (int, float, str)
    if key.allowed is not None and key.default is not None:
        assert key.default in key.allowed
    if key.default is not None and key.kind is not str:
        low, high = key.low, key.high
        assert (-inf if low is None else low) <= key.default <= (inf if high is None else high)
    if key.needs is not None:
        other, wanted = key.needs
        assert set(wanted) <= set(TABLES[group][other].allowed)


NPT_FREE = changed(NPT.replace(" barostat=2, pres0=1.0,", ""), irest=0, ntx=1).replace(
    "irest=1, ntx=5, ", ""
)
MIN = """minimise
 &cntrl imin=1, ifmlp=1, /
 &mlp animask=':LIG', /
"""
BUSSI = changed(NVE.replace("ntt=0, nscm=0", "ntt=11"), irest=0, ntx=1).replace(
    "irest=1, ntx=5, ", ""
)
SHAKE = TWO_FS.replace("dt=0.002", "dt=0.001")
RESTRAINED = changed(NVT, ntr=1, restraint_wt=1.0, restraintmask="'@CA'")
WALL = NVT.replace("mlp_confine=0", "mlp_confine=1, confine1=1.0, confinek=1.0")
BOX = NVT + " &ewald vdwmeth=1, /\n"
GRID = NVT + " &ewald nfft1=32, nfft2=32, nfft3=32, /\n"
WITH = {
    # &cntrl: (an input in which the key matters, another value)
    "imin": (MIN, 0),
    "maxcyc": (MIN, 77),
    "drms": (MIN, 0.5),
    "irest": (changed(NPT_FREE), 1),
    "ntx": (GAS, 5),
    "nstlim": (NVT, 77),
    "dt": (NVT, 0.0007),
    "t": (GAS, 5.0),
    "nscm": (BUSSI, 77),
    "temp0": (NVT, 310.0),
    "tempi": (GAS, 77.0),
    "ntt": (NVE, 11),
    "gamma_ln": (NVT, 7.0),
    "tautp": (BUSSI, 7.0),
    "vrand": (NVE.replace("ntt=0, nscm=0", "ntt=2"), 77),
    "ig": (NVT, 77),
    "ntb": (GAS, 1),
    "ntp": (NPT, 2),
    "mcbarint": (NPT, 77),
    "pres0": (NPT, 7.0),
    "cut": (NVT, 7.0),
    "ntc": (NVT, 2),
    "ntf": (changed(SHAKE), 1),
    "tol": (SHAKE, 1e-7),
    "ntr": (RESTRAINED, 0),
    "restraint_wt": (RESTRAINED, 7.0),
    "restraintmask": (RESTRAINED, "'@CB'"),
    "nmropt": (NVT, 1),
    "iwrap": (NVT, 1),
    "ntxo": (NVT, 1),
    "ntpr": (NVT, 77),
    "ntwx": (NVT, 77),
    "ntwv": (NVT, 77),
    "ntwr": (NVT, 77),
    "ifmlp": (NVT, 0),
    "icfe": (TI_V1, 0),
    "clambda": (TI_V1, 0.7),
    "ifsc": (TI_LJ, 0),
    "scmask": (TI_LJ, "':OTHER'"),
    "scmask1": (TI_LJ, "':OTHER'"),
    "timask1": (TI_LJ, "':OTHER'"),
    "crgmask": (TI_V1, "':OTHER'"),
    # &mlp
    "animask": (NVT, "':OTHER'"),
    "mlp_model": (NVT, 3),
    "potential": (NVT.replace(" mlp_model=0,", ""), "'ani1x'"),
    "weights": (NVT, "'w.pt'"),
    "precision": (NVT, "'float64'"),
    "max_spread": (NVT, 7.0),
    "max_force_spread": (NVT, 7.0),
    "on_spread": (NVT.replace("mlp_model=0", "mlp_model=0, max_spread=2.0"), "'warn'"),
    "igb": (NVT, 6),
    "link_atoms": (NVT, 1),
    "mlp_shake": (SHAKE, 0),
    "mlp_confine": (WALL, 0),
    "confine1": (WALL, 0.5),
    "confine2": (WALL, 7.0),
    "confinek": (WALL, 7.0),
    "confine_center": (WALL, "'follow'"),
    # &ewald
    "ew_coeff": (BOX, 0.4),
    "dsum_tol": (BOX, 1e-7),
    "nfft1": (GRID, 48),
    "nfft2": (GRID, 48),
    "nfft3": (GRID, 48),
    "vdwmeth": (BOX, 0),
    # &wt
    "type": (NVT + " &wt type='END', /\n", "'TEMP0'"),
}
"""For every key that is honoured, an input in which it matters, and another value than there."""


def replaced(text, group, name, value):
    """Return an input in which a key has this value."""
    pattern = re.compile(rf"\b{name}=('[^']*'|[^,/\s]+),?", re.IGNORECASE)
    if pattern.search(text):
        return pattern.sub(f"{name}={value},", text, count=1)
    return re.sub(rf"&{group}\b", f"&{group} {name}={value},", text, count=1)


@pytest.mark.parametrize(("group", "name"), KEYS)
def test_every_key_changes_the_run_is_noted_or_is_refused_by_its_name(group, name):
    key = TABLES[group][name]
    if key.idle:
        text = replaced({"ewald": BOX, "wt": NVT}.get(group, NVT), group, name, repr(key.default))
        assert any(note.startswith(f"{name} does nothing here") for note in config(text).notes)
        return
    if key.allowed is not None and len(key.allowed) == 1:
        assert name not in WITH
        other = "'other'" if key.kind is str else key.default + 1
        text = {"ewald": BOX, "wt": NVT + " &wt type='END', /\n"}.get(group, NVT)
        with pytest.raises(InputError, match=rf"line \d+: {name}=.* is refused, only .* is under"):
            config(replaced(text, group, name, other))
        return
    text, value = WITH[name]
    before, after = outcome(text), outcome(replaced(text, group, name, value))
    assert isinstance(before, MdSettings)
    if isinstance(after, MdSettings):
        other = after.model_dump(exclude={"notes", "text"}) != before.model_dump(
            exclude={"notes", "text"}
        )
        assert other or any(note.startswith(name) for note in set(after.notes) - set(before.notes))
    else:
        assert name in after


def outcome(text):
    """Return what an input asks for, or why it is refused."""
    try:
        return config(text)
    except InputError as error:
        return str(error)


def test_restraints_are_read_from_the_working_folder_as_by_sander():
    text = changed(NVT, nmropt=1) + "&wt type='END' /\nDISANG=dist.RST\n"
    found = md_settings(parse_mdin(text, source="mdin"), Path("../common/mdin"))
    assert found.restraint_file == "dist.RST"
