# SPDX-License-Identifier: MIT
"""Does `merrow md` do what sander's users expect, refuse what it cannot do, and survive a stop?"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import netcdf_file
from test_bad_input import contents, one_sentence

from mdout_reader import read_mdout
from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.trajectory import (
    read_restart_metadata,
    read_trajectory,
)

MIN = """minimise
 &cntrl imin=1, maxcyc=20, ntpr=10, cut=8.0, ifmlp=1 /
 &mlp animask=':1', potential='mm' /
"""
NPT = """a few steps at constant pressure
 &cntrl
  imin=0, irest=0, ntx=1, nstlim=8, dt=0.001, tempi=300.0, temp0=300.0, ntt=3, gamma_ln=2.0,
  ntb=2, ntp=1, mcbarint=2, cut=8.0, ntc=2, ntf=2, ig=7, ntpr=2, ntwx=4, ntwr=4, ifmlp=1,
 /
 &mlp animask=':1', potential='mm' /
"""
NVE = NPT.replace("ntt=3, gamma_ln=2.0,", "ntt=0,").replace("ntb=2, ntp=1, mcbarint=2,", "ntb=1,")
NVE = NVE.replace("temp0=300.0, ", "")
GAS = """gas phase
 &cntrl imin=0, nstlim=4, tempi=300.0, ntb=0, cut=999.0, ntpr=2, nscm=0, ifmlp=1 /
 &mlp animask=':1', potential='mm' /
"""


@pytest.fixture
def md(merrow, files):
    """Run `merrow md` with an input of this text on methane in water."""

    def run(text, *words, crd="wet_crd", top="wet"):
        Path("mdin").write_text(text)
        where = files.get(crd, crd)
        return merrow("md", "-p", files[top], "-c", where, *words)

    return run


def test_minimisation_writes_what_sander_would(md):
    answer = md(MIN)
    assert answer.code == 0, answer.err
    assert sorted(p.name for p in Path.cwd().iterdir()) == ["mdin", "mdinfo", "mdout", "restrt"]
    text = Path("mdout").read_text()
    for words in ("Here is the input file", "minimise", "FINAL RESULTS", "5.  TIMINGS"):
        assert words in text
    assert "atoms    = 5 (C 1, H 4)" in text
    assert "charge   = +0 e" in text
    energies = [float(line.split()[1]) for line in text.splitlines() if line.startswith("     20 ")]
    assert energies
    assert read_coordinates("restrt").velocities is None


def test_mdout_says_where_step_0_has_other_lengths_than_the_file(md, files):
    held = "lengths that are held"
    assert md(NVE, "-r", "first").code == 0
    assert md(NVE, "-O", crd="first").code == 0  # step 8 satisfies them
    assert held not in Path("mdout").read_text()
    given = read_coordinates("first")
    moved = given.positions.copy()
    moved[-1] += (moved[-1] - moved[-3]) * 0.002  # H2 of the last water, along its bond to O
    write_restart(Path("off.rst7"), replace(given, positions=moved, velocities=None))
    assert md(NVE, "-O", crd="off.rst7").code == 0
    (note,) = [line for line in Path("mdout").read_text().splitlines() if held in line]
    assert float(re.search(r"([\d.]+) Å", note)[1]) == pytest.approx(0.9572 * 0.002, abs=2e-4)
    write_restart(Path("off.rst7"), replace(given, positions=moved))  # text, without a step
    assert md(NVE.replace("irest=0, ntx=1", "irest=1, ntx=5"), "-O", crd="off.rst7").code == 0
    assert held in Path("mdout").read_text()


def test_mdout_names_the_restrained_atoms_and_where_uneven_steps_fall(md, files):
    held = NVE.replace("ig=7", "ig=7, ntr=1, restraint_wt=1.0, restraintmask=':1'")
    held = held.replace("nstlim=8", "nstlim=3")
    assert md(held, "-ref", files["wet_crd"], "-r", "first").code == 0
    text = Path("mdout").read_text()
    assert re.search(r"Positional restraints, :1 in REFC:\n.*ntr .*= +1.*atoms +=  +5", text)
    onward = NVE.replace("irest=0, ntx=1", "irest=1, ntx=5")
    assert md(onward, "-O", crd="first").code == 0
    text = Path("mdout").read_text()
    assert "ntwx=4 counts from the beginning of the first run, 3 steps ago: NSTEP = 1, 5" in text
    assert "ntpr=2 counts from" in text
    pressed = NPT.replace("ig=7", "ig=7, ntr=1, restraint_wt=1.0, restraintmask=':1'")
    assert md(pressed, "-O", "-ref", files["wet_crd"]).code == 0
    assert "sander scales them with the box" in Path("mdout").read_text()


def test_dynamics_writes_mdout_trajectory_restart_and_mdinfo(md):
    answer = md(NPT)
    assert answer.code == 0, answer.err
    steps = read_mdout(Path("mdout"))
    assert [one.step for one in steps] == [0, 2, 4, 6, 8]
    assert list(read_trajectory(Path("mdcrd")).times) == pytest.approx([0.004, 0.008])
    restart = read_coordinates("restrt")
    assert restart.velocities is not None
    assert read_restart_metadata(Path("restrt")).step == 8
    for name in ("A V E R A G E S", "R M S", "Final Performance Info"):
        assert name in Path("mdout").read_text()
    assert "ns/day" in Path("mdinfo").read_text()
    assert "NSTEP =        8" in Path("mdinfo").read_text()


def test_the_terms_of_every_block_add_up(md):
    assert md(NPT).code == 0
    names = ("BOND", "ANGLE", "DIHED", "1-4 NB", "1-4 EEL", "VDWAALS", "EELEC", "RESTRAINT", "EML")
    for one in read_mdout(Path("mdout")):
        total = sum(one.values[name] for name in names)
        # single precision in the direct sums of some thousand kcal/mol
        assert one.values["EPtot"] == pytest.approx(total, abs=0.02)
        kinetic = one.values["Etot"] - one.values["EPtot"]
        assert kinetic == pytest.approx(one.values["EKtot"], abs=2e-4)


def test_a_run_that_goes_on_is_the_run_that_was_left_alone_bit_for_bit(md):
    assert md(NPT).code == 0
    whole = Path("restrt").read_bytes()
    last = read_mdout(Path("mdout"))[-1]
    half = NPT.replace("nstlim=8", "nstlim=4")
    assert md(half, "-O").code == 0
    assert Path("restrt").read_bytes() != whole
    Path("restrt").rename("first.rst")
    more = half.replace("irest=0, ntx=1", "irest=1, ntx=5").replace("tempi=300.0,", "")
    assert md(more, "-O", crd="first.rst").code == 0
    assert Path("restrt").read_bytes() == whole
    again = read_mdout(Path("mdout"))[-1]
    assert (again.step, again.time) == (4, last.time)
    assert again.values["Etot"] == last.values["Etot"]


def test_the_system_that_a_gpu_gets_tells_the_same_terms(md, monkeypatch):
    """There the Lennard-Jones tail is another force; here on the processor it is tried by both."""
    found = []
    for edges in (lambda _, box: tuple(np.diag(box).tolist()), lambda *_: None):
        monkeypatch.setattr("merrow.md.setup.gpu_edges", edges)
        answer = md(NPT, "-O", "--mm-kernel", "openmm", "--platform", "Reference")
        assert answer.code == 0, answer.err
        found.append(read_mdout(Path("mdout")))
    for one, two in zip(*found, strict=True):
        assert one.values == pytest.approx(two.values, rel=1e-6, abs=2e-4), one.step
    assert found[0][-1].values["VOLUME"] != found[0][0].values["VOLUME"]


def test_a_box_that_leaves_the_edges_of_that_system_is_refused(md, monkeypatch):
    monkeypatch.setattr(
        "merrow.md.setup.gpu_edges", lambda _, box: tuple((2.0 * np.diag(box)).tolist())
    )
    answer = md(NPT, "--mm-kernel", "openmm")
    assert answer.code == 1
    assert "an edge of the box has changed by more than a quarter" in answer.err


def test_nothing_is_overwritten_without_being_asked(md):
    Path("restrt").write_text("mine")
    assert "-r restrt exists already; add -O" in one_sentence(md(NPT))
    assert Path("restrt").read_text() == "mine"
    assert sorted(p.name for p in Path.cwd().iterdir()) == ["mdin", "restrt"]


def test_a_gas_phase_run_has_no_box(md):
    assert md(GAS, top="gas", crd="gas_crd").code == 0
    assert read_coordinates("restrt").lengths is None
    last = read_mdout(Path("mdout"))[-1].values
    assert "VOLUME" not in last
    assert last["EPtot"] == pytest.approx(last["EML"], abs=1e-4)


@pytest.mark.parametrize(("keys", "file"), [("ntwv=2", "vel.nc"), ("ntwx=2, ntwv=-1", "mdcrd")])
def test_velocities_go_to_a_file_of_their_own_or_into_the_trajectory(md, keys, file):
    text = GAS.replace("nscm=0", f"nscm=0, {keys}")
    assert md(text, "-v", "vel.nc", top="gas", crd="gas_crd").code == 0
    assert Path("vel.nc").exists() == (file == "vel.nc")
    assert Path("mdcrd").exists() == (file == "mdcrd")
    with netcdf_file(file, mmap=False) as found:
        assert ("coordinates" in found.variables) == (file == "mdcrd")
        stored = found.variables["velocities"]
        velocities = stored[:] * float(stored.scale_factor)
        assert found.variables["time"][:] == pytest.approx([0.002, 0.004])
    restart = read_coordinates("restrt").velocities
    assert velocities[-1] == pytest.approx(restart, rel=1e-6, abs=1e-6)  # single precision


def test_a_blow_up_keeps_the_last_good_restart_and_says_where(md):
    # free C-H bonds swing once in 11 fs; Verlet with steps of 4 fs lets them grow, as 4 > 11/π
    text = GAS.replace("nstlim=4", "nstlim=100, dt=0.004, ntc=2, ntf=2, ntwr=2")
    answer = md(text.replace("tempi=300.0", "tempi=10.0"), top="gas", crd="gas_crd")
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert "E_ML jumped by" in answer.err
    assert "the largest force acted on atom 1 (:1@C1) by the internal energy" in answer.err
    step = read_restart_metadata(Path("restrt")).step
    assert step >= 2
    assert f"between step {step} and step {step + 2}" in answer.err
    assert f"restrt holds step {step} ({0.004 * step:.3f} ps); to continue, run with" in answer.err
    assert answer.err.removeprefix("merrow: ").strip() in Path("mdout").read_text()


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        (NPT.replace("nstlim", "nstlmi"), "", "line 3: &cntrl has no key nstlmi: did you mean"),
        (NPT.replace("irest=0, ntx=1", "irest=1, ntx=1"), "", "irest=1 continues with velocities"),
        (NPT.replace("irest=0, ntx=1", "irest=1, ntx=5"), "", "has none; use irest=0, ntx=1"),
        (NPT.replace("gamma_ln=2.0", "gamma_ln=0.0"), "", "ntt=3 with gamma_ln=0"),
        (NPT.replace("cut=8.0", "cut=12.0"), "", "less than twice cut=12"),
        (NPT.replace("':1'", "':LIGAND'"), "", "selects 0 of"),
        (NPT.replace("':1'", "':1-2'"), "", "of water into the ML region"),
        (NPT.replace("'mm'", "'ani9'"), "", "there is no potential 'ani9'"),
        (NPT.replace("ifmlp=1", "ifmlp=0").partition(" &mlp")[0], "", "ifmlp=0 is molecular"),
        (NPT.replace("ig=7", "ig=7, ntr=1, restraint_wt=1.0, restraintmask=':1'"), "", "-ref"),
        (NPT.replace("ig=7", "ig=7, icfe=1, clambda=0.5"), "", "icfe=1 needs crgmask"),
        (
            NPT.replace("ig=7", "ig=7, icfe=1, clambda=0.5, crgmask=':2'"),
            "",
            "mask ':2' selects other atoms",
        ),
        (NPT, "-i lost.in", "there is no input file lost.in"),
        (NPT, "-r nowhere/restrt", "-r nowhere/restrt cannot be written"),
        (NPT, "-o mdin", "-i and -o are both mdin"),
        (NPT, "-x mdout", "-o and -x are both mdout"),
        (NPT, "--platform HIP", "the OpenMM platform HIP cannot be used here"),
        (NPT + "&wt type='END' /\nDISANG=d.rst\n", "", "nmropt=1 and a line DISANG"),
        (
            NPT.replace("ig=7", "ig=7, nmropt=1") + "&wt type='END' /\nDISANG=d.rst\n",
            "",
            "there is no file d.rst, which DISANG names",
        ),
    ],
)
def test_a_wrong_run_is_refused_before_anything_is_written(md, text, words, told):
    assert told in one_sentence(md(text, *words.split()))
    assert [p.name for p in contents(Path.cwd())] == ["mdin"]


@pytest.mark.parametrize(
    ("top", "crd", "text", "told"),
    [
        ("gas", "gas_crd", NPT, "ntb=2 in mdin needs a box, but"),
        ("gas", "gas_crd", GAS.replace("cut=999.0", "cut=9.0"), "there is no cutoff here"),
        ("gas", "gas_crd", GAS.replace("ntb=0, cut=999.0", "cut=9.0"), "there is no cutoff here"),
        ("gas", "gas_crd", GAS + " &ewald dsum_tol=1e-6 /\n", "&ewald in mdin needs a box"),
        ("gas", "gas_crd", GAS.replace("'mm'", "'mm', weights='x.pt'"), "mm has no weights"),
        ("gas", "acetone_crd", GAS, "give the coordinates that belong to the prmtop"),
        ("gas", "nan_crd", GAS, "nan.inpcrd has positions that are not finite"),
        ("torn", "wet_crd", NPT, "torn.prmtop"),
    ],
)
def test_files_that_do_not_fit_are_refused(md, top, crd, text, told):
    assert told in one_sentence(md(text, top=top, crd=crd))


def test_atoms_on_each_other_are_named(md, files):
    found = read_coordinates(files["wet_crd"])
    positions = found.positions.copy()
    positions[3] = positions[2] + 0.01
    write_restart("crash.rst7", Coordinates(positions, None, found.lengths, found.angles))
    told = one_sentence(md(NPT, crd="crash.rst7"))
    assert "atoms 3 and 4 in crash.rst7 lie on each other (0.017 Å)" in told


def test_a_truncated_restart_is_named(md):
    assert md(NPT.replace("nstlim=8", "nstlim=2")).code == 0
    whole = Path("restrt").read_bytes()
    Path("cut.rst").write_bytes(whole[: len(whole) // 2])
    text = NPT.replace("irest=0, ntx=1", "irest=1, ntx=5").replace("tempi=300.0,", "")
    assert "cut.rst is a damaged NetCDF file" in one_sentence(md(text, "-O", crd="cut.rst"))


def test_frames_and_restart_can_be_wrapped(md, files):
    far = read_coordinates(files["wet_crd"])
    moved = far.positions + 3 * far.lengths
    write_restart("far.rst7", Coordinates(moved, None, far.lengths, far.angles))
    text = NPT.replace("ig=7", "ig=7, iwrap=1").replace("nstlim=8", "nstlim=4")
    assert md(text, crd="far.rst7").code == 0
    restart = read_coordinates("restrt")
    assert np.all(restart.positions > -5.0)
    assert np.all(restart.positions < restart.lengths + 5.0)
    # molecules stay whole: no bond of water is longer than 1 Å
    oxygen, hydrogen = restart.positions[5::3], restart.positions[6::3]
    assert np.linalg.norm(oxygen - hydrogen, axis=1).max() < 1.0


def test_each_edge_of_the_box_may_change_by_itself(md, files):
    text = NPT.replace("ntp=1, mcbarint=2", "ntp=2, mcbarint=1").replace("nstlim=8", "nstlim=16")
    assert md(text).code == 0
    assert re.search(r"ntp\s*=\s*2", Path("mdout").read_text())
    before, after = read_coordinates(files["wet_crd"]).lengths, read_coordinates("restrt").lengths
    change = np.round(after / before, 9)
    # five attempts for each edge, of which about half are taken
    assert len(set(change)) == 3
    assert np.all(np.abs(change - 1.0) < 0.05)
    last = read_mdout(Path("mdout"))[-1].values
    assert last["VOLUME"] == pytest.approx(float(np.prod(after)), abs=1e-3)
    assert read_trajectory(Path("mdcrd")).lengths[-1] == pytest.approx(after, rel=1e-12)


def test_edges_of_a_box_that_leans_do_not_change_by_themselves(md, files):
    found = read_coordinates(files["wet_crd"])
    angles = np.array([90.0, 90.0, 80.0])
    write_restart("lean.rst7", Coordinates(found.positions, None, found.lengths * 1.1, angles))
    told = one_sentence(md(NPT.replace("ntp=1", "ntp=2"), crd="lean.rst7"))
    assert "ntp=2 in mdin scales each edge of a rectangular box independently, but lean" in told


def test_a_box_keeps_its_angles_when_it_breathes(md, files):
    found = read_coordinates(files["wet_crd"])
    # the same cube as a lattice of another name: b leans by a, and the reduced vectors are a cube
    edge = found.lengths[0]
    lengths, angles = np.array([edge, edge * np.sqrt(2.0), edge]), np.array([90.0, 90.0, 45.0])
    write_restart("lean.rst7", Coordinates(found.positions, None, lengths, angles))
    assert md(NPT.replace("nstlim=8", "nstlim=4"), crd="lean.rst7").code == 0
    restart, frames = read_coordinates("restrt"), read_trajectory(Path("mdcrd"))
    for cell in (restart.lengths, frames.lengths[-1]):
        # the text of the input keeps 1e-7 Å
        assert cell / cell[0] == pytest.approx([1.0, np.sqrt(2.0), 1.0], abs=2e-8)
    assert np.array_equal(restart.angles, angles)
    assert restart.lengths[0] != pytest.approx(edge, rel=1e-9)


def test_iwrap_without_a_box_is_noted(md):
    text = GAS.replace("ntb=0, cut=999.0", "iwrap=1")
    assert md(text, top="gas", crd="gas_crd").code == 0
    assert "iwrap does nothing here: it needs a box" in Path("mdout").read_text()


def test_overwriting_leaves_what_the_run_does_not_write(md):
    for name in ("mdcrd", "mdvel", "mdspread"):
        Path(name).write_text("of another run")
    assert md(MIN).code == 0  # it writes none of them
    assert md(MIN, "-O").code == 0
    assert {Path(name).read_text() for name in ("mdcrd", "mdvel", "mdspread")} == {"of another run"}
    assert "-x mdcrd exists already" in one_sentence(md(NPT, "-o", "out", "-r", "rst"))


def test_a_run_that_goes_on_with_another_potential_begins_with_its_own_zero(md):
    assert md(GAS.replace("nscm=0", "nscm=0, ntxo=2"), top="gas", crd="gas_crd").code == 0
    assert read_restart_metadata(Path("restrt")).reference == 0.0
    on = GAS.replace("tempi=300.0", "irest=1, ntx=5").replace("'mm'", "'ani1ccx'")
    words = ("-o", "out", "-r", "rst", "-inf", "inf")
    assert md(on, *words, top="gas", crd="restrt").code == 0
    first = read_mdout(Path("out"))[0]
    assert first.values["EML"] < -20000.0
    assert abs(first.values["EMLREL"]) < 20.0
    zero = read_restart_metadata(Path("rst")).reference
    assert zero < -20000.0
    words = ("-o", "out2", "-r", "rst2", "-inf", "inf2")
    assert md(on, *words, top="gas", crd="rst").code == 0
    assert read_restart_metadata(Path("rst2")).reference == zero


def test_runs_that_go_on_from_text_do_not_repeat_their_noise(md):
    text = GAS.replace("nstlim=4", "nstlim=1").replace("ntb=0", "ntt=3, gamma_ln=1000.0, ntb=0")
    text = text.replace("ntpr=2", "ntpr=1, ntxo=1, temp0=300.0, ig=4")
    assert md(text, top="gas", crd="gas_crd").code == 0
    on = text.replace("tempi=300.0", "irest=1, ntx=5")
    kicks, before = [], "restrt"
    for k in range(3):
        assert md(on, "-O", "-r", f"rst{k}", top="gas", crd=before).code == 0
        one, two = (read_coordinates(name).velocities for name in (before, f"rst{k}"))
        kicks.append((two - one).ravel())
        before = f"rst{k}"
    assert np.abs(np.corrcoef(kicks)[np.triu_indices(3, 1)]).max() < 0.9


def test_terms_that_are_zero_at_a_printed_step_are_in_the_averages(md):
    wall = "'mm', mlp_confine=1, confine1=50.0, confinek=2.0"
    assert md(GAS.replace("'mm'", wall), top="gas", crd="gas_crd").code == 0
    text = Path("mdout").read_text()
    assert text.count("CONFINE") == len(read_mdout(Path("mdout"))) + 2


def test_frames_between_printed_steps_are_those_of_a_run_that_prints_them_all(md):
    dense = NPT.replace("ntwx=4", "ntwx=2")
    assert md(dense, "-x", "dense.nc").code == 0
    sparse = dense.replace("ntpr=2", "ntpr=8")
    assert md(sparse, "-O", "-x", "sparse.nc").code == 0
    assert [one.step for one in read_mdout(Path("mdout"))] == [0, 8]
    one, two = (read_trajectory(Path(name)) for name in ("dense.nc", "sparse.nc"))
    assert list(two.times) == pytest.approx([0.002, 0.004, 0.006, 0.008])
    np.testing.assert_array_equal(one.positions, two.positions)
