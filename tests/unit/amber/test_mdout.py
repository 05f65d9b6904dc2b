# SPDX-License-Identifier: MIT
"""Are blocks of mdout in sander's columns, and do they say what they mean?"""

from __future__ import annotations

import re

import numpy as np
import pytest

from mdout_reader import read_mdout
from merrow.amber.mdinfo import Pace, timings
from merrow.amber.mdout import Energies, averages, block, minimum_block

SANDER = """\
 NSTEP =       10   TIME(PS) =       0.060  TEMP(K) =   274.88  PRESS = -1317.2
 Etot   =     -2241.9733  EKtot   =       494.6199  EPtot      =     -2736.5932
 BOND   =         0.0000  ANGLE   =         2.1247  DIHED      =         0.0000
 1-4 NB =         0.0000  1-4 EEL =         0.0000  VDWAALS    =       376.7847
 EELEC  =     -3115.6314  EHBOND  =         0.0000  RESTRAINT  =         0.1288
 EAMBER (non-restraint)  =     -2736.7220
"""
"""A block as sander 26 writes it, up to its virial."""
BOX = """\
                                                    VOLUME     =     10195.5209
                                                    Density    =         0.8829
"""
VALUES = {
    "TEMP": 274.88,
    "PRESS": -1317.2,
    "Etot": -2241.9733,
    "EKtot": 494.6199,
    "EPtot": -2736.5932,
    "ANGLE": 2.1247,
    "VDWAALS": 376.7847,
    "EELEC": -3115.6314,
    "RESTRAINT": 0.1288,
    "EAMBER": -2736.7220,
    "VOLUME": 10195.5209,
    "Density": 0.8829,
}


def test_a_block_is_written_as_sander_writes_it():
    assert block(Energies(10, 0.06, VALUES)).startswith(SANDER + BOX + " -----")


def test_a_block_is_read_as_it_was_written(tmp_path):
    more = VALUES | {"EML": -826346.5559, "EMLREL": -1.25, "EMLSD": 0.5}
    path = tmp_path / "mdout"
    path.write_text("a title\n" + block(Energies(10, 0.06, more)) + block(Energies(20, 1, VALUES)))
    first, second = read_mdout(path)
    assert (first.step, first.time, second.step) == (10, 0.06, 20)
    for name in ("TEMP", "PRESS", "Etot", "VDWAALS", "EML", "EMLREL", "EMLSD", "VOLUME"):
        assert first.values[name] == more[name], name
    assert "EML" not in second.values


def test_every_term_that_only_some_force_fields_have_is_printed():
    told = {"EML": -1.0, "EMLREL": -2.0, "CONFINE": 3.0, "CMAP": 4.0, "IMP": 5.0, "UB": 6.0}
    energies = Energies(10, 0.06, VALUES | told)
    blocks = (block(energies), minimum_block(energies, rms=1.0, largest=1.0, name="C", atom=1))
    for name, value in told.items():
        for text in blocks:
            assert len(re.findall(rf"{name} *= +{value:.4f}\b", text)) == 1, (name, text)


def test_charmms_terms_have_the_row_that_they_have_in_sander():
    """The rows are those of AmberTools' sander for a CHARMM prmtop."""
    dynamics, minimum = (
        " UB     =         0.1695  IMP     =        20.8808  CMAP       =         0.0000\n 1-4 NB",
        " UB      =        0.1695  IMP     =       20.8808  CMAP       =        0.0000\n VDWAALS",
    )
    energies = Energies(1, 0.0, VALUES | {"UB": 0.1695, "IMP": 20.8808})
    assert dynamics in block(energies)
    assert minimum in minimum_block(energies, rms=1.0, largest=1.0, name="C", atom=1)


def test_averages_leave_out_the_start_and_are_not_read_as_steps(tmp_path):
    steps = [Energies(k, 0.1 * k, VALUES | {"EPtot": float(k)}) for k in (0, 10, 20)]
    text = averages(steps)
    assert "A V E R A G E S   O V E R       2 S T E P S" in text
    assert "EPtot      =        15.0000" in text
    assert "EPtot      =         5.0000" in text.partition("R M S  F L U C")[2]
    path = tmp_path / "mdout"
    path.write_text("".join(block(one) for one in steps) + text)
    assert [one.step for one in read_mdout(path)] == [0, 10, 20]


def test_a_step_of_minimisation_is_written_as_sander_writes_it():
    values = {"EPtot": -2072.2, "ANGLE": 0.0906, "VDWAALS": 401.4891, "EELEC": -2473.7404}
    text = minimum_block(Energies(1, 0.0, values), rms=12.848, largest=63.325, name="O", atom=834)
    assert (
        "   NSTEP       ENERGY          RMS            GMAX         NAME    NUMBER\n"
        "      1      -2.0722E+03     1.2848E+01     6.3325E+01     O         834\n"
        "\n"
        " BOND    =        0.0000  ANGLE   =        0.0906  DIHED      =        0.0000\n"
        " VDWAALS =      401.4891  EEL     =    -2473.7404  HBOND      =        0.0000\n"
        " 1-4 VDW =        0.0000  1-4 EEL =        0.0000  RESTRAINT  =        0.0000\n"
    ) in text


def test_speed_and_time_left_follow_from_what_was_done():
    pace = Pace(done=1000, total=5000, timestep=0.002, elapsed=100.0, last_steps=0, last_elapsed=0)
    # 2 ps in 100 s; a day has 86400 s
    assert pace.ns_per_day == pytest.approx(2e-3 * 864)
    assert pace.remaining == pytest.approx(400.0)
    assert "Estimated time remaining:       6.7 minutes." in timings(pace)
    assert np.isfinite(Pace(0, 10, 0.001, 0.0, 0, 0.0).ns_per_day)
