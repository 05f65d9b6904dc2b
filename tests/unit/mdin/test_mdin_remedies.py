# SPDX-License-Identifier: MIT
"""Does what a refusal of an mdin recommends make an mdin that is taken?

Each row: what is changed in a sound input so that it is refused, what the message recommends, and
the same done. None takes a key out.
"""

from __future__ import annotations

import pytest

from merrow.errors import MerrowError
from merrow.md.from_mdin import md_settings
from merrow.mdin.disang import parse_disang
from merrow.mdin.namelist import parse_mdin
from merrow.sander.input import read_input

CNTRL = {"imin": 0, "irest": 1, "ntx": 5, "nstlim": 1000, "dt": 0.001, "ntb": 1, "cut": 9.0}
CNTRL |= {"ntt": 3, "gamma_ln": 2.0, "temp0": 300.0, "ifmlp": 1}
MLP = {"mlp.animask": "':1'", "mlp.potential": "'mm'"}
SOUND = {f"cntrl.{key}": value for key, value in CNTRL.items()} | MLP
NONE = dict.fromkeys(MLP)
"""No &mlp."""


def cntrl(**keys):
    """Return keys of &cntrl."""
    return {f"cntrl.{key}": value for key, value in keys.items()}


def mlp(**keys):
    """Return keys of &mlp."""
    return {f"mlp.{key}": value for key, value in keys.items()}


def ewald(**keys):
    """Return keys of &ewald."""
    return {f"ewald.{key}": value for key, value in keys.items()}


def qmmm(**keys):
    """Return an input with the ML region in &qmmm, and keys of it."""
    first = {"qmmask": "':1'", "qm_theory": "'EXTERN'", "qmmm_int": 5} | keys
    return NONE | cntrl(ifmlp=None, ifqnt=1) | {f"qmmm.{k}": v for k, v in first.items()}


def written(*changes):
    """Return an input with all changes made."""
    keys = dict(SOUND)
    for change in changes:
        keys |= change
    groups: dict[str, list[str]] = {}
    for name, value in keys.items():
        if value is not None:
            group, key = name.split(".")
            groups.setdefault(group, []).append(f"{key}={value}")
    lines = [f" &{name} {', '.join(words)} /" for name, words in groups.items()]
    return "\n".join(["title", *lines]) + "\n"


MD = [
    (cntrl(ntx=1), "use ntx=5", cntrl(ntx=5)),
    (cntrl(imin=1), "take irest=1 out", cntrl(irest=None)),
    (
        cntrl(ntr=1),
        "needs restraintmask='...' and restraint_wt above 0",
        cntrl(restraintmask="':1'", restraint_wt=5.0),
    ),
    (cntrl(restraintmask="':1'", restraint_wt=5.0), "add ntr=1", cntrl(ntr=1)),
    (cntrl(gamma_ln=0.0), "give gamma_ln=2.0", cntrl(gamma_ln=2.0)),
    (cntrl(ntt=0), "gamma_ln needs ntt=3; set it", cntrl(ntt=3)),
    (cntrl(ntt=0), "or take gamma_ln out", cntrl(gamma_ln=None)),
    (cntrl(temp0=0.0), "use imin=1", cntrl(imin=1, irest=None)),
    (cntrl(ntp=1), "needs ntb=2", cntrl(ntb=2)),
    (cntrl(ntb=2), "needs ntp=1 as well", cntrl(ntp=1)),
    (
        cntrl(ntb=2, ntp=1, ntt=0, gamma_ln=None),
        "add ntt=3 and gamma_ln=2.0",
        cntrl(ntt=3, gamma_ln=2.0),
    ),
    (
        cntrl(ntb=2, ntp=1, ntwr=150),
        "should be a multiple of mcbarint=100",
        cntrl(ntwr=200),
    ),
    (
        cntrl(imin=1, irest=None, ntb=2, ntp=1),
        "minimises at constant volume; take ntp=1 out",
        cntrl(ntp=None, ntb=1),
    ),
    (cntrl(igb=6), "without a box; use ntb=0", cntrl(ntb=0, cut=None)),
    (cntrl(igb=6), "or take igb out", cntrl(igb=None)),
    (cntrl(ntf=2), "use ntc=2", cntrl(ntc=2)),
    (cntrl(dt=0.002), "use dt=0.001", cntrl(dt=0.001)),
    (cntrl(dt=0.002), "or ntc=2", cntrl(ntc=2)),
    (cntrl(ntwv=-1), "give ntwx too", cntrl(ntwx=100)),
    (NONE, "ifmlp=1 needs a namelist &mlp with animask='...'", mlp(animask="':1'")),
    (cntrl(ifmlp=0), "set ifmlp=1 in &cntrl", cntrl(ifmlp=1)),
    (cntrl(ifmlp=0) | NONE, "give ifmlp=1 and potential='mm' in &mlp", cntrl(ifmlp=1) | MLP),
    (
        cntrl(iwrap=1) | mlp(mlp_confine=1, confine1=5.0, confinek=10.0),
        "use iwrap=0",
        cntrl(iwrap=0),
    ),
    (
        cntrl(iwrap=1) | mlp(mlp_confine=1, confine1=5.0, confinek=10.0),
        "or confine_center='follow'",
        mlp(confine_center="'follow'"),
    ),
    (
        cntrl(ntxo=1) | mlp(mlp_confine=1, confine1=5.0, confinek=10.0),
        "use ntxo=2",
        cntrl(ntxo=2),
    ),
    (
        cntrl(ntxo=1) | mlp(mlp_confine=1, confine1=5.0, confinek=10.0),
        "or confine_center='follow'",
        mlp(confine_center="'follow'"),
    ),
    (cntrl(clambda=0.5), "clambda needs icfe=1; set it", cntrl(icfe=1)),
    (cntrl(clambda=0.5), "or take clambda out", cntrl(clambda=None)),
    (
        cntrl(imin=1, irest=None, icfe=1, crgmask="':1'"),
        "needs dynamics; use imin=0",
        cntrl(imin=0),
    ),
    (
        cntrl(icfe=1, ifsc=1, crgmask="':1'"),
        "ifsc=1 needs scmask='...'",
        cntrl(scmask="':1'"),
    ),
    (cntrl(icfe=1, ifsc=1, scmask="':1'"), "needs crgmask too", cntrl(crgmask="':1'")),
    (cntrl(ntt=1), "use ntt=11 for stochastic velocity rescaling", cntrl(ntt=11, gamma_ln=None)),
    (cntrl(ntt=1), "or ntt=3", cntrl(ntt=3)),
    (cntrl(ntb=2, ntp=3), "use ntp=1 or 2", cntrl(ntp=2)),
    (cntrl(ntb=2, ntp=1, barostat=1), "use barostat=2", cntrl(barostat=2)),
    (cntrl(ntc=3), "use ntc=2", cntrl(ntc=2)),
    (cntrl(ntf=3), "use ntf=1", cntrl(ntf=1)),
    (cntrl(ntf=3), "or ntf=2 with ntc=2", cntrl(ntf=2, ntc=2)),
    (cntrl(ntx=7), "use 1 or 5", cntrl(ntx=5)),
    (cntrl(jfastw=4), "leave it out", cntrl(jfastw=None)),
    (cntrl(dielc=2.0), "leave it out", cntrl(dielc=None)),
    (cntrl(ntwprt=2), "strip it with cpptraj", cntrl(ntwprt=None)),
    (
        {"qmmm.qmmask": "':1'"},
        "is not understood: use ifmlp=1 and &mlp",
        {"qmmm.qmmask": None},
    ),
    (cntrl(ioutfm=0), "leave it out", cntrl(ioutfm=None)),
    (
        cntrl(noshakemask="':1'"),
        "use mlp_shake=0 for the ML region",
        cntrl(noshakemask=None) | mlp(mlp_shake=0),
    ),
    (
        cntrl(ibelly=1),
        "use ntr=1 with a stiff restraint_wt",
        cntrl(ibelly=None, ntr=1, restraintmask="':1'", restraint_wt=500.0),
    ),
    (
        cntrl(bellymask="':1'"),
        "use ntr=1 with restraintmask",
        cntrl(bellymask=None, ntr=1, restraintmask="'!:1'", restraint_wt=500.0),
    ),
    (cntrl(ifqnt=1, ifmlp=None) | NONE, "use ifmlp=1 and &mlp", cntrl(ifqnt=None, ifmlp=1) | MLP),
    (
        cntrl(iextpot=1, ifmlp=None) | NONE,
        "use ifmlp=1 and &mlp with a potential",
        cntrl(iextpot=None, ifmlp=1) | MLP,
    ),
    (ewald(nfft1=32), "give all three", ewald(nfft2=32, nfft3=32)),
    (ewald(use_pme=0), "without a box use ntb=0", ewald(use_pme=None) | cntrl(ntb=0, cut=None)),
    (mlp(animask=None), "&mlp needs animask='...'", mlp(animask="':1'")),
    (mlp(mlp_model=0), "both name a model; keep one", mlp(mlp_model=None)),
    (mlp(mlp_model=0), "both name a model; keep one", mlp(potential=None)),
    (
        mlp(mlp_model=7, potential=None),
        "or name the model with potential='...'",
        mlp(mlp_model=None) | MLP,
    ),
    (mlp(mlp_shake=1), "needs ntc=2; set it", cntrl(ntc=2)),
    (mlp(mlp_shake=1), "or take mlp_shake out", mlp(mlp_shake=None)),
    (mlp(on_spread="'warn'"), "needs max_spread", mlp(max_spread=5.0)),
    (mlp(on_spread="'warn'"), "or max_force_spread above 0", mlp(max_force_spread=5.0)),
    (mlp(confinek=10.0), "needs mlp_confine=1; set it", mlp(mlp_confine=1)),
    (mlp(confinek=10.0), "or take it out", mlp(confinek=None)),
    (mlp(mlp_confine=1), "needs confinek above 0", mlp(confinek=10.0)),
    (
        mlp(mlp_confine=1, confinek=1.0, confine1=5.0, confine2=4.0),
        "should be larger than confine1=5",
        mlp(confine2=6.0),
    ),
    (cntrl(ntb="1, 1"), "has 2 values; give one", cntrl(ntb=1)),
    (mlp(potential="mm"), "put text between quotes", mlp(potential="'mm'")),
    (cntrl(cutt=8.0, cut=None), "did you mean cut?", cntrl(cutt=None, cut=8.0)),
]
BAROSTAT = cntrl(ntb=2, ntp=1)
SANDER = [
    (cntrl(ifmlp=0), "set ifmlp=1 with &mlp animask='...'", cntrl(ifmlp=1)),
    (
        cntrl(ifmlp=0) | NONE,
        "or ifqnt=1 with &qmmm qm_theory='EXTERN'",
        qmmm(),
    ),
    (
        cntrl(icfe=1),
        "an ML region in sander: its two copies need sander.MPI, and the ML energy would be scaled "
        "with λ; use icfe=0",
        cntrl(icfe=0),
    ),
    (cntrl(igb=5), "for vacuum use igb=0 with ntb=0", cntrl(igb=0, ntb=0, cut=999.0)),
    (cntrl(ntc=3), "use ntc=1 or ntc=2", cntrl(ntc=2)),
    (BAROSTAT, "use barostat=2, which needs energies only", cntrl(barostat=2)),
    (cntrl(nstlim=0), "use imin=1, maxcyc=1", cntrl(imin=1, maxcyc=1, irest=0, nstlim=None)),
    (NONE, "ifmlp=1 needs a namelist &mlp with animask='...'", mlp(animask="':1'")),
    (
        qmmm() | cntrl(ifqnt=None, ifmlp=1) | MLP,
        "keep one",
        dict.fromkeys(("qmmm.qmmask", "qmmm.qm_theory", "qmmm.qmmm_int")),
    ),
    (mlp(link_atoms=1), "select whole molecules", mlp(link_atoms=None)),
    (
        mlp(mlp_confine=1, confine1=5.0, confinek=10.0),
        "confine it with ntr=1",
        mlp(mlp_confine=None, confine1=None, confinek=None)
        | cntrl(ntr=1, restraintmask="':1'", restraint_wt=1.0),
    ),
    (mlp(max_force_spread=5.0), "take them out", mlp(max_force_spread=None)),
    (
        mlp(max_spread=5.0, on_spread="'warn'"),
        "take them out",
        mlp(on_spread=None),
    ),
    (cntrl(ifmlp=None, ifqnt=1) | NONE, "ifqnt=1 needs a namelist &qmmm", qmmm()),
    (qmmm(qm_theory="'PM6'"), "write qm_theory='EXTERN'", qmmm()),
    (qmmm(qmmm_int=None), "write qmmm_int=5", qmmm()),
    (qmmm(qm_ewald=1), "write qm_ewald=0", qmmm(qm_ewald=0)),
    (
        qmmm(spin=3),
        "with an ML region: the potentials are made for closed shells; write spin=1",
        qmmm(spin=1),
    ),
    (qmmm(qmshake=1), "qmshake=1 needs ntc=2; set it", cntrl(ntc=2)),
    (qmmm(qmshake=1), "or take qmshake out", {"qmmm.qmshake": None}),
    (qmmm(iqmatoms="1,2"), "needs either qmmask='...' or iqmatoms=...", qmmm(iqmatoms=None)),
    (qmmm(iqmatoms="1,2"), "needs either qmmask='...' or iqmatoms=...", {"qmmm.qmmask": None}),
    (qmmm() | {"orc.use_template": 1}, "take it out", {"orc.use_template": None}),
    (qmmm() | {"gau.method": "'BLYP'"}, "take it out", {"gau.method": None}),
]


def settings(text):
    """Return what `merrow md` understands."""
    return md_settings(parse_mdin(text, source="mdin"))


def asked(text):
    """Return what `merrow sander` understands."""
    return read_input(text, source="mdin")


@pytest.mark.parametrize(
    ("take", "wrong", "remedy", "right"),
    [(settings, *row) for row in MD] + [(asked, *row) for row in SANDER],
    ids=[f"md: {row[1]}" for row in MD] + [f"sander: {row[1]}" for row in SANDER],
)
def test_what_is_recommended_is_taken(take, wrong, remedy, right):
    take(written())
    with pytest.raises(MerrowError) as refused:
        take(written(wrong))
    assert remedy in str(refused.value)
    take(written(wrong, right))


BARE, END, FILE = written(cntrl(nmropt=1)), " &wt type='END' /\n", "DISANG=dist.rst\n"
TEXTS = [
    (settings, written() + "ntb=1,\n", "take it out", written()),
    (settings, written() + "ntb=1,\n", "close the namelist before it with a /", written()),
    (settings, written() + " &cntrl imin=0 /\n", "keep one", written()),
    (
        settings,
        written() + "Hold it\n500.0\nRES 1 20\nEND\nEND\n",
        "name its atoms by restraintmask='...', with restraint_wt",
        written(cntrl(ntr=1, restraintmask="':1-20'", restraint_wt=500.0)),
    ),
    (settings, written() + " &cntrll imin=0 /\n", "did you mean &cntrl", written()),
    (
        settings,
        written().replace("'mm' /", "'mm'"),
        "close it with a / after its last key",
        written(),
    ),
    (settings, BARE + FILE, "write &wt type='END' / on the line above it", BARE + END + FILE),
    (settings, BARE + FILE + END, "move it there", BARE + END + FILE),
    (settings, BARE + END + FILE.lower(), "in small letters; write DISANG=dist", BARE + END + FILE),
    (asked, written() + " &cntrl imin=0 /\n", "keep one", written()),
    (asked, written().replace("'mm' /", "'mm'"), "close it with a / after its keys", written()),
]
OURS = [
    (mlp(mlp_confine=1, confine1=5.0, confinek=10.0), "DISANG, or use `merrow md`"),
    (mlp(max_spread=5.0, on_spread="'warn'"), "take them out, or use `merrow md`"),
]


@pytest.mark.parametrize(("asks", "remedy"), OURS)
def test_what_sander_cannot_do_merrow_md_takes(asks, remedy):
    with pytest.raises(MerrowError) as refused:
        asked(written(asks))
    assert remedy in str(refused.value)
    settings(written(asks))


RST = " &rst iat=1,2, r1=0.0, r2={r2}, r3=3.0, r4=8.0, rk2=10.0{rk3} /\n"


@pytest.mark.parametrize(("take", "wrong", "remedy", "right"), TEXTS)
def test_a_line_that_is_mended_as_the_message_says_is_taken(take, wrong, remedy, right):
    with pytest.raises(MerrowError) as refused:
        take(wrong)
    assert remedy in str(refused.value)
    take(right)


@pytest.mark.parametrize(
    ("wrong", "remedy", "right"),
    [
        ({"r2": 4.0, "rk3": ", rk3=1.0"}, "needs r1 <= r2 <= r3 <= r4", {"r2": 2.0}),
        ({"r2": 2.0, "rk3": ""}, "give iat in each one, r1 to r4", {"rk3": ", rk3=1.0"}),
        ({"r2": 2.0, "rk3": ", rk=1.0"}, "did you mean rk3?", {"rk3": ", rk3=1.0"}),
    ],
)
def test_a_restraint_that_is_mended_as_the_message_says_is_taken(wrong, remedy, right):
    with pytest.raises(MerrowError) as refused:
        parse_disang(RST.format(**wrong), source="RST")
    assert remedy in str(refused.value)
    assert len(parse_disang(RST.format(**(wrong | right)), source="RST")) == 1


def test_a_disang_without_restraints_is_mended_by_taking_nmropt_out():
    with pytest.raises(MerrowError, match="take nmropt=1 out"):
        parse_disang(" &rst /\n", source="RST")
    settings(written())


@pytest.mark.parametrize("behind", ["&rst iat=1,3, r1=0,r2=1,r3=2,r4=3, rk2=1,rk3=1 /", "&rst /"])
def test_a_namelist_behind_another_is_taken_on_a_line_of_its_own(behind):
    first = " &rst iat=1,2, r1=0.0, r2=1.0, r3=2.0, r4=3.0, rk2=1.0, rk3=1.0 /"
    with pytest.raises(MerrowError, match="begin it on a line of its own"):
        parse_disang(f"{first} {behind}\n", source="RST")
    second = "" if behind == "&rst /" else behind
    assert len(parse_disang(f"{first}\n {second}\n", source="RST")) == 1 + bool(second)
