# SPDX-License-Identifier: MIT
"""Does a run from a sander input hold the ML/MM energy that it promises, for all its regions?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import parmed
import pytest
from parmed.tools import HMassRepartition

from mdout_reader import read_mdout
from merrow.amber.coordinates import read_coordinates
from merrow.errors import InputError, NumericsError
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md

START = """one step from rest
 &cntrl imin=0, nstlim={steps}, dt={dt}, ntb=0, cut=999.0, ntpr={ntpr}, nscm=0, {more} ifmlp=1 /
 &mlp animask='{mask}', {ml} /
"""
HEAT = "ntt=3, gamma_ln=2.0, temp0=300.0, tempi=300.0, ig=5, ntwr=4,"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch, ani_weights):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def butane(systems):
    """n-Butane alone."""
    base = systems / "butane"
    return base.with_suffix(".prmtop"), base.with_suffix(".inpcrd")


def run(files, mask=":1", ml="mlp_model=0", more="", steps=1, dt=0.0005, ntpr=1):
    """Run an input with these parts and return the result."""
    text = START.format(mask=mask, ml=ml, more=more, steps=steps, dt=dt, ntpr=ntpr)
    Path("mdin").write_text(text)
    return run_md(read_md_settings("mdin"), *files, overwrite=True)


def test_the_printed_spread_and_mean_are_those_of_the_steps(butane):
    result = run(butane, more=HEAT, steps=4)
    values = [one.values for one in result.energies]
    assert all(one["EMLSD"] > 0.0 for one in values)
    means = np.cumsum([one["EML"] for one in values]) / np.arange(1, len(values) + 1)
    assert [one["EMLMEAN"] for one in values] == pytest.approx(means, abs=1e-9)
    printed = [one.values["EML"] for one in read_mdout(Path("mdout"))]
    assert printed == pytest.approx([one["EML"] for one in values], abs=5e-5)


def test_a_restart_keeps_the_reference_and_the_bits(butane):
    whole = run(butane, more=HEAT, steps=8).energies[-1].values
    bits = Path("restrt").read_bytes()
    run(butane, more=HEAT, steps=4)
    Path("restrt").rename("half.rst")
    more = HEAT.replace("tempi=300.0", "irest=1, ntx=5")
    last = run((butane[0], "half.rst"), more=more, steps=4).energies[-1].values
    assert Path("restrt").read_bytes() == bits
    assert (last["EML"], last["EMLREL"]) == (whole["EML"], whole["EMLREL"])


def test_a_region_that_cuts_a_bond_is_capped_and_conserves_energy(butane):
    half = ":1@C1,C2,H1,H2,H3,H4,H5"
    with pytest.raises(InputError, match="cuts the covalent bond"):
        run(butane, mask=half)
    options = {"mask": half, "ml": "mlp_model=0, link_atoms=1", "more": "tempi=300.0, ig=5,"}
    coarse = run(butane, steps=40, dt=0.0005, ntpr=2, **options)
    fine = run(butane, steps=80, dt=0.00025, ntpr=4, **options)
    text = Path("mdout").read_text()
    assert "atoms    = 7 (C 2, H 5)" in text
    assert "link H   : on :1@C2-:1@C3" in text
    sd = [np.std([one.values["Etot"] for one in result.energies]) for result in (coarse, fine)]
    # Verlet is of second order only where forces are slopes of the energy, the cut bond included
    assert 3.2 < sd[0] / sd[1] < 4.8


@pytest.mark.slow
def test_steps_of_4_fs_hold_with_heavy_hydrogens_and_rigid_bonds_to_them(systems):
    base = systems / "toluene"  # toluene
    parm = parmed.load_file(str(base.with_suffix(".prmtop")))
    HMassRepartition(parm, 3.024).execute()
    parm.write_parm("heavy.prmtop")
    files = Path("heavy.prmtop"), base.with_suffix(".inpcrd")
    ml = "mlp_model=0, mlp_shake=1"
    coarse, fine = [], []  # Etot and TEMP of each record, for eight starts
    for seed in range(4, 12):
        more = f"ntc=2, ntf=2, tol=1e-8, tempi=100.0, ig={seed},"
        for dt, every, records in ((0.004, 1, coarse), (0.002, 2, fine)):
            result = run(files, ml=ml, more=more, steps=250 * every, dt=dt, ntpr=every)
            records.append([(one.values["Etot"], one.values["TEMP"]) for one in result.energies])
    energy, warm = np.moveaxis(np.array([coarse, fine]), -1, 0)  # each (step, start, record)
    sd = np.sqrt(energy.var(axis=-1).mean(axis=-1))
    # Second order is a factor of 4; at 4 fs the terms of fourth order add a quarter of it. One
    # start has between 3 and 9 by chance, the mean of eight 4.8 with a standard error of 0.3.
    assert 3.2 < sd[0] / sd[1] < 6.0
    drift = energy[0, :, 126:].mean() - energy[0, :, :125].mean()
    assert abs(drift) < sd[0]  # by chance 0.3 of it
    assert warm[0].mean() == pytest.approx(warm[1].mean(), rel=0.05)


def test_the_wall_keeps_its_centre_over_a_restart(butane):
    ml = "potential='mm', mlp_confine=1, confine1=0.5, confinek=20.0"
    whole = run(butane, ml=ml, more=HEAT, steps=8).energies[-1].values
    run(butane, ml=ml, more=HEAT, steps=4)
    Path("restrt").rename("half.rst")
    more = HEAT.replace("tempi=300.0", "irest=1, ntx=5")
    last = run((butane[0], "half.rst"), ml=ml, more=more, steps=4).energies[-1].values
    assert whole["CONFINE"] > 1.0
    assert last["CONFINE"] == whole["CONFINE"]


def test_members_that_disagree_stop_the_run(butane):
    with pytest.raises(NumericsError, match="the members of the potential disagree at step 0"):
        run(butane, ml="mlp_model=0, max_spread=0.0001", more=HEAT)


def test_the_text_restart_holds_positions_and_velocities(butane):
    run(butane, ml="potential='mm'", more=HEAT + "ntxo=1,")
    assert Path("restrt").read_text().startswith("written by merrow")
    assert read_coordinates("restrt").velocities is not None
