# SPDX-License-Identifier: MIT
"""Does the mdout of `merrow md` say what sander's says of the same input, and does sander go on?

With potential='mm' the ML region has the prmtop's own terms, so the whole is molecular mechanics
and sander is the judge. Toluene, not erlotinib: sander takes angles beyond 177.4° for 177.4°, which
costs erlotinib's alkyne 0.13 kcal/mol. And alanine dipeptide of ff14SB, three residues, all ML.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from peptides import alanine_dipeptide

from mdout_reader import read_mdout
from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.ambertools.programs import run_program
from merrow.ambertools.sander import single_point
from merrow.ambertools.solvent import solvate
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md
from merrow.single_point import SinglePoint
from merrow.single_point import single_point as single_point_of

# as exact as sander can be, so that what differs are the programs and not their approximations
BOX = """same input for both
 &cntrl
  imin=0, irest=0, ntx=1, nstlim=1, dt=0.0005, ntb=1, cut=8.0, ntc=1, ntf=1, ntpr=1, nscm=0,
  {more}
 /
 &ewald ew_coeff=0.4, nfft1=64, nfft2=64, nfft3=64, order=6, eedtbdns=5000.0, netfrc=0 /
"""
GAS = """same input for both
 &cntrl
  imin=0, irest=0, ntx=1, nstlim=1, dt=0.0005, ntb=0, cut=999.0, ntpr=1, nscm=0, {more}
 /
"""
ML = " &mlp animask='!:WAT', potential='mm' /\n"
GO_ON = """sander goes on from our restart
 &cntrl imin=0, irest=1, ntx=5, nstlim=2, dt=0.0005, ntb={ntb}, cut={cut}, ntpr=1 /
"""


def sander_terms(folder, text, prmtop, coordinates):
    """Return the values of sander's first block for an input."""
    (folder / "sander.in").write_text(text)
    words = ["-O", "-i", "sander.in", "-o", "sander.out", "-p", str(prmtop), "-c", str(coordinates)]
    run_program("sander", words, folder=folder, log="sander.log")
    return read_mdout(folder / "sander.out")[0].values


@pytest.fixture(scope="module", params=["toluene", "alanine dipeptide"])
def solute(request, systems, tmp_path_factory):
    """prmtop and coordinates of a molecule alone, and in 300 waters, 21.9 Å wide."""
    folder = tmp_path_factory.mktemp("solute")
    if request.param == "toluene":
        base = systems / "toluene"
        gas = base.with_suffix(".prmtop"), base.with_suffix(".inpcrd")
        return gas, solvate(*gas, folder=folder, n_waters=300)
    files = alanine_dipeptide(folder, force_field="ff14SB", n_waters=300)
    return files[:2], files[2:]


only_toluene = pytest.mark.parametrize("solute", ["toluene"], indirect=True)


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_term_in_a_box_is_sanders(solute, tmp_path):
    gas, wet = solute
    Path("mdin").write_text(BOX.format(more="ifmlp=1,") + ML)
    ours = run_md(read_md_settings("mdin"), *wet, platform="Reference").energies[0].values
    theirs = sander_terms(tmp_path, BOX.format(more=""), *wet)
    inner = single_point(gas[0], inner_coordinates(wet, gas, tmp_path))
    # what is inside the region stands in EML here and in the terms of sander
    for name, term in (("BOND", "bond"), ("ANGLE", "angle"), ("DIHED", "dihedral")):
        assert ours[name] + inner[term] == pytest.approx(theirs[name], abs=1e-3)
    vdw = inner["vdw"] + inner["vdw14"]
    assert ours["VDWAALS"] + vdw == pytest.approx(
        theirs["VDWAALS"] + theirs["1-4 NB"],
        abs=0.02,  # both interpolate tables of the direct sum
    )
    elec = inner["elec"] + inner["elec14"]
    assert ours["EELEC"] + elec == pytest.approx(
        theirs["EELEC"] + theirs["1-4 EEL"],
        abs=0.05,  # splines of order 5 here and 6 there
    )
    assert ours["EML"] == pytest.approx(inner["total"], abs=2e-3)
    assert ours["EPtot"] == pytest.approx(theirs["EPtot"], abs=0.06)


def inner_coordinates(wet, gas, folder):
    """Write the solute's coordinates in the box as a file of the solute alone."""
    n = len(read_coordinates(gas[1]).positions)
    path = folder / "inner.rst7"
    write_restart(path, Coordinates(read_coordinates(wet[1]).positions[:n]))
    return path


def test_every_term_without_a_box_is_sanders(solute, tmp_path):
    gas, _ = solute
    Path("mdin").write_text(GAS.format(more="ifmlp=1,") + ML)
    ours = run_md(read_md_settings("mdin"), *gas, platform="Reference").energies[0].values
    theirs = sander_terms(tmp_path, GAS.format(more=""), *gas)
    assert ours["EML"] == pytest.approx(theirs["EPtot"], abs=1e-3)
    assert ours["EPtot"] == pytest.approx(ours["EML"], abs=1e-9)
    plain = single_point_of(SinglePoint(*gas, None, "mm", amber_coulomb=True)).terms
    printed = ("BOND", "ANGLE", "DIHED", "1-4 NB", "1-4 EEL", "VDWAALS", "EELEC")
    names = ("bond", "angle", "dihedral", "vdw14", "elec14", "vdw", "elec")
    for theirs_name, name in zip(printed, names, strict=True):
        assert plain[name] == pytest.approx(theirs[theirs_name], abs=1e-3), name


@only_toluene
@pytest.mark.parametrize("box", [True, False])
def test_sander_goes_on_from_our_restart(solute, tmp_path, box):
    prmtop, start = solute[int(box)]
    text = BOX if box else GAS
    Path("mdin").write_text(text.format(more="tempi=50.0, ifmlp=1,") + ML)
    ours = run_md(read_md_settings("mdin"), prmtop, start).energies[-1]
    go_on = GO_ON.format(ntb=int(box), cut=8.0 if box else 999.0)
    (tmp_path / "go.in").write_text(go_on)
    words = ["-O", "-i", "go.in", "-o", "go.out", "-p", str(prmtop), "-c", "restrt"]
    run_program("sander", words, folder=tmp_path, log="log")
    first = read_mdout(tmp_path / "go.out")[0]
    assert first.time == pytest.approx(ours.time + 0.0005)
    # one step of 0.5 fs later; strained water warms by some K in it
    assert first.values["TEMP"] == pytest.approx(ours.values["TEMP"], rel=0.2)


@only_toluene
@pytest.mark.slow
def test_dvdl_is_the_slope_of_the_energy_along_ambers_lambda(solute):
    text = BOX.format(more="ifmlp=1, icfe=1, crgmask='!:WAT', {leg} clambda={x},") + ML

    def run(leg, x):
        Path("mdin").write_text(text.format(leg=leg, x=x))
        return run_md(read_md_settings("mdin"), *solute[1], overwrite=True).energies[0].values

    # quadratic in the charges: the difference is exact, single precision leaves 1e-3 of it
    low, middle, high = (run("", x)["EPtot"] for x in (0.2, 0.5, 0.8))
    slope = run("", 0.5)["DV/DL"]
    assert slope == pytest.approx((high - low) / 0.6, abs=0.02)
    assert middle != pytest.approx(low, abs=0.1)
    lj = "ifsc=1, scmask='!:WAT',"
    low, high = (run(lj, x)["EPtot"] for x in (0.29, 0.31))
    assert run(lj, 0.3)["DV/DL"] == pytest.approx((high - low) / 0.02, abs=0.5)
