# SPDX-License-Identifier: MIT
"""Are defaults those that sander's manual lists, and the limits what we mean?"""

from __future__ import annotations

import pytest

from merrow.mdin.keys import CNTRL, EWALD, MLP

DEFAULTS = {
    "cntrl": "imin=0 maxcyc=1 drms=0.0001 ncyc=10 ntmin=1 dx0=0.01 irest=0 ntx=1 ntrx=1 nstlim=1 "
    "dt=0.001 t=0.0 nscm=1000 temp0=300.0 tempi=0.0 ntt=0 gamma_ln=0.0 tautp=1.0 vrand=1000 "
    "ig=71277 ntp=0 barostat=2 mcbarint=100 pres0=1.0 taup=1.0 comp=44.6 ntc=1 ntf=1 tol=1e-05 "
    "jfastw=0 ntr=0 restraint_wt=0.0 nmropt=0 iwrap=0 ioutfm=1 ntxo=2 ntpr=50 ntwx=0 ntwv=0 ntwe=0 "
    "ntwf=0 ntwprt=0 ntave=0 nrespa=1 nsnb=25 vlimit=20.0 ifmlp=0 icfe=0 clambda=0.0 klambda=1 "
    "ifsc=0 scalpha=0.5 scbeta=12.0 igb=0 ipb=0 gbsa=0 irism=0 saltcon=0.0 scee=1.2 scnb=2.0 "
    "lj1264=0 dielc=1.0 ipol=0 ibelly=0 ifqnt=0 iextpot=0 idecomp=0 icnstph=0 iamd=0 igamd=0 "
    "infe=0 itgtmd=0 isgld=0 numexchg=0 ifmbar=0 csurften=0 efx=0.0 efy=0.0 efz=0.0",
    "ewald": "dsum_tol=1e-05 vdwmeth=1 order=4 netfrc=1 skinnb=2.0 nbflag=1 nbtell=0 verbose=0 "
    "eedtbdns=500.0 ew_type=0 eedmeth=1 use_pme=1",
    "mlp": "max_spread=0.0 max_force_spread=0.0 link_atoms=0 mts=1 mlp_shake=0 mlp_confine=0 "
    "confine1=0.0 confinek=0.0 anitype=0 ani_natom=0",
}
"""Barostat and mcbarint: the Monte Carlo barostat, the only one here."""
CHOICES = {
    "imin": (0, 1), "irest": (0, 1), "ntx": (1, 5), "ntt": (0, 2, 3, 11), "ntb": (0, 1, 2),
    "ntp": (0, 1, 2), "ntc": (1, 2), "ntf": (1, 2), "ntr": (0, 1), "nmropt": (0, 1),
    "iwrap": (0, 1), "ntxo": (1, 2), "ifmlp": (0, 1), "icfe": (0, 1), "ifsc": (0, 1),
    "vdwmeth": (0, 1), "mlp_model": (0, 1, 2, 3, 4), "link_atoms": (0, 1), "mlp_shake": (0, 1),
    "mlp_confine": (0, 1), "igb": (0, 6),
}  # fmt: skip
"""Keys with more than one value; every other key with a list takes its default alone."""
LIMITS = {
    "maxcyc": (1, None), "drms": (1e-8, None), "nstlim": (1, None), "dt": (1e-6, 0.004),
    "nscm": (0, None), "temp0": (0.0, None), "tempi": (0.0, None), "gamma_ln": (0.0, None),
    "pres0": (-1000.0, 1e5), "tautp": (1e-3, None), "vrand": (1, None), "mcbarint": (1, None),
    "cut": (4.0, None),
    "tol": (1e-12, 1e-3), "restraint_wt": (0.0, None), "ntpr": (1, None), "ntwx": (0, None),
    "ntwv": (-1, None), "ntwr": (1, None), "clambda": (0.0, 1.0), "ew_coeff": (0.01, None),
    "dsum_tol": (1e-12, 0.01), "nfft1": (6, None), "nfft2": (6, None), "nfft3": (6, None),
    "max_spread": (0.0, None), "max_force_spread": (0.0, None), "confine1": (0.0, None),
    "confine2": (0.0, None), "confinek": (0.0, None),
}  # fmt: skip
IDLE = {
    *("ncyc", "ntmin", "dx0", "ntrx", "taup", "comp", "nsnb", "vlimit", "scbeta"),
    *("order", "netfrc", "skinnb", "nbflag", "nbtell", "verbose", "eedtbdns"),
    *("anitype", "ani_natom", "watnam", "owtnm", "hwtnm1", "hwtnm2"),
}
NEEDS = {
    "maxcyc": ("imin", (1,)), "nstlim": ("imin", (0,)), "dt": ("imin", (0,)), "t": ("irest", (0,)),
    "nscm": ("ntt", (0, 11)), "temp0": ("ntt", (2, 3, 11)), "tempi": ("irest", (0,)),
    "ntt": ("imin", (0,)), "tautp": ("ntt", (11,)), "vrand": ("ntt", (2,)), "ig": ("imin", (0,)),
    "drms": ("imin", (1,)), "barostat": ("ntp", (1, 2)), "mcbarint": ("ntp", (1, 2)),
    "pres0": ("ntp", (1, 2)), "tol": ("ntc", (2,)), "restraint_wt": ("ntr", (1,)),
    "scmask": ("ifsc", (1,)), "scmask1": ("ifsc", (1,)),
    "ntwx": ("imin", (0,)), "ntwv": ("imin", (0,)), "ntwr": ("imin", (0,)),
}  # fmt: skip
KEYS = {**CNTRL, **EWALD, **MLP}


@pytest.mark.parametrize(
    ("table", "text"), zip((CNTRL, EWALD, MLP), DEFAULTS.values(), strict=True), ids=DEFAULTS
)
def test_numbers_that_a_file_leaves_out_are_those_of_sander(table, text):
    found = {k: key.default for k, key in table.items() if isinstance(key.default, int | float)}
    assert " ".join(f"{name}={value!r}" for name, value in found.items()) == text


def test_every_key_takes_what_it_is_meant_to_take():
    for name, key in KEYS.items():
        if key.allowed is not None and not isinstance(key.allowed[0], str):
            assert key.allowed == CHOICES.get(name, (key.default,)), name
    assert {
        n: (k.low, k.high) for n, k in KEYS.items() if (k.low, k.high) != (None, None)
    } == LIMITS


def test_what_does_nothing_is_told_to_do_nothing():
    assert {name for name, key in KEYS.items() if key.idle} == IDLE
    assert {name: key.needs for name, key in KEYS.items() if key.needs} == NEEDS
