# SPDX-License-Identifier: MIT
"""Does a run say how far the members disagree, and warn, keep the frame or stop where it is far?

Butane at 900 K: its bonds are strained so much that the thresholds below are really exceeded, and
its members agree again in between.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mdout_reader import read_mdout
from merrow.amber.coordinates import Coordinates
from merrow.amber.topology import atom_label, read_topology
from merrow.amber.trajectory import read_trajectory
from merrow.errors import InputError, NumericsError, UnsupportedPhysicsError
from merrow.md.ensemble_spread import Disagreement, SpreadMonitor
from merrow.md.from_mdin import md_settings, read_md_settings
from merrow.md.run import run_md
from merrow.mdin.mlp import MlSettings
from merrow.mdin.namelist import parse_mdin
from merrow.potentials import Molecule, load_potential
from merrow.potentials.ensemble import force_spread
from merrow.sander.input import read_input

ENERGY, FORCE = 4.1, 16.73
HOT = """hot butane
 &cntrl
  imin=0, nstlim=100, dt=0.0005, ntb=0, cut=999.0, ntpr=10, ntwx=10, ntwr=80, nscm=0,
  ntt=3, gamma_ln=5.0, temp0=900.0, tempi=900.0, ig=5, ifmlp=1,
 /
 &mlp animask=':1', {ml} /
"""
LIMITS = f"mlp_model=0, max_spread={ENERGY}, max_force_spread={FORCE}, on_spread="


@pytest.fixture(scope="module")
def prmtop(systems):
    """n-Butane alone."""
    return systems / "butane.prmtop"


@pytest.fixture
def butane(prmtop, ani_weights, tmp_path, monkeypatch):
    """Run a sander input on n-butane in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return partial(run, prmtop)


def run(prmtop, ml, *changes, inpcrd=None):
    text = HOT.format(ml=ml)
    for old, new in changes:
        text = text.replace(old, new)
    Path("mdin").write_text(text)
    return run_md(
        read_md_settings("mdin"), prmtop, inpcrd or prmtop.with_suffix(".inpcrd"), overwrite=True
    )


@pytest.fixture(scope="module")
def saved(prmtop, stand_ins, tmp_path_factory):
    """A run that keeps frames: its folder and its energies."""
    folder = tmp_path_factory.mktemp("saved")
    with pytest.MonkeyPatch.context() as patch, stand_ins.active():
        patch.chdir(folder)
        return folder, run(prmtop, LIMITS + "'save'").energies


def beyond(energies):
    return [e.values["EMLSD"] > ENERGY or e.values["FMLSD"] > FORCE for e in energies]


def excursions(flags):
    return sum(now and not before for before, now in zip([False, *flags], flags, strict=False))


def test_frames_beyond_a_threshold_are_kept_and_each_excursion_is_told_once(saved):
    folder, energies = saved
    flags, text = beyond(energies), (folder / "mdout").read_text()
    assert 1 <= excursions(flags) < sum(flags) < len(flags)
    assert text.count("| WARNING at") == excursions(flags)
    assert f"disagreed at {sum(flags)} of {len(flags)} printed steps; mdspread has" in text
    assert f"beyond {ENERGY} kcal/mol of E_ML or {FORCE} kcal/mol/Å of a force: save" in text
    kept, every = (read_trajectory(folder / name) for name in ("mdspread", "mdcrd"))
    assert kept.times == pytest.approx([e.time for e in np.array(energies)[flags]])
    chosen = np.isin(every.times, kept.times)
    np.testing.assert_array_equal(kept.positions, every.positions[chosen])


def test_each_block_tells_the_largest_spread_of_a_force_and_its_atom(saved, prmtop, ani_weights):
    folder, energies = saved[0], saved[1][1:]
    topology, frames = read_topology(prmtop), read_trajectory(folder / "mdcrd").positions
    potential = load_potential("ani2x", Molecule(topology.numbers), precision="float32")
    spread = force_spread(potential, frames)
    # frames are stored in single precision, 1e-6 Å, times a stiffness of 1e3 kcal/mol/Å²
    assert [e.values["FMLSD"] for e in energies] == pytest.approx(spread.max(axis=1), abs=5e-3)
    for energy, row in zip(energies, spread, strict=True):
        worst = int(row.argmax())
        assert energy.atom == f"atom {worst + 1} ({atom_label(topology, worst)})"
    printed = read_mdout(folder / "mdout")[1:]
    for ours, theirs in zip(energies, printed, strict=True):
        assert theirs.values["FMLSD"] == pytest.approx(ours.values["FMLSD"], abs=5e-5)
    blocks = (folder / "mdout").read_text().partition("A V E R A G E S")
    assert blocks[0].count("the largest spread of a force, is on atom") == len(saved[1])
    assert "is on atom" not in blocks[2]


def test_a_warning_changes_nothing_else(butane):
    warned = butane(LIMITS + "'warn'").energies
    assert Path("mdout").read_text().count("| WARNING at") == excursions(beyond(warned)) > 0
    assert not Path("mdspread").exists()
    bits = Path("restrt").read_bytes()
    plain = butane("mlp_model=0").energies
    assert Path("restrt").read_bytes() == bits
    assert [e.values for e in plain] == [e.values for e in warned]


def test_a_run_that_goes_on_keeps_the_frames_that_the_whole_run_keeps(saved, butane):
    whole = read_trajectory(saved[0] / "mdspread")
    butane(LIMITS + "'save'", ("nstlim=100", "nstlim=80"))
    first = read_trajectory(Path("mdspread"))
    Path("restrt").rename("half.rst")
    changes = [("nstlim=100", "nstlim=20"), (", tempi=900.0", ", irest=1, ntx=5")]
    butane(LIMITS + "'save'", *changes, inpcrd="half.rst")
    second = read_trajectory(Path("mdspread"))
    assert len(first.times) > 0
    assert len(second.times) > 0
    parts = np.concatenate([first.positions, second.positions])
    np.testing.assert_array_equal(parts, whole.positions)


@pytest.mark.parametrize(
    ("ml", "told"),
    [
        (f"mlp_model=0, max_spread={ENERGY}", "E_ML has a spread of"),
        (f"mlp_model=0, max_force_spread={FORCE}, on_spread='stop'", "the force on atom"),
    ],
)
def test_a_run_stops_after_the_first_block_beyond_and_says_how_to_go_on(butane, ml, told):
    with pytest.raises(NumericsError, match=f"disagree at step .*{told}.*start again from|restrt"):
        butane(ml)
    flags = beyond(read_mdout(Path("mdout")))
    assert flags[-1]
    assert told in Path("mdout").read_text()
    assert not Path("mdspread").exists()


def test_old_frames_of_another_run_are_not_taken_for_new_ones(butane):
    Path("mdspread").write_bytes(b"old")
    butane("mlp_model=0, max_spread=50.0, on_spread='save'", ("nstlim=100", "nstlim=10"))
    assert not Path("mdspread").exists()
    assert "disagree" not in Path("mdout").read_text()


@pytest.mark.parametrize(
    ("ml", "told"),
    [
        ("potential='mm', max_spread=1.0", "max_spread=1 needs a potential with several members"),
        ("potential='mm', max_force_spread=1.0", "max_force_spread=1 needs a potential that gives"),
        ("mlp_model=0, on_spread='save'", "on_spread='save' needs max_spread or max_force_spread"),
        ("mlp_model=0, max_spread=1.0, on_spread='kill'", "on_spread='kill' is refused, only"),
        ("mlp_model=0, max_force_spread=-1.0", "max_force_spread should be at least 0, got -1"),
    ],
)
def test_a_threshold_without_use_is_refused_before_anything_is_written(butane, ml, told):
    with pytest.raises(InputError, match=re.escape(told)):
        butane(ml)
    assert [p.name for p in Path.cwd().iterdir()] == ["mdin"]


def test_a_minimisation_notes_that_it_judges_no_spread():
    text = "x\n &cntrl imin=1, ifmlp=1 /\n &mlp animask=':1', max_force_spread=1.0 /\n"
    notes = md_settings(parse_mdin(text, source="mdin")).notes
    assert "max_force_spread does nothing here: it needs imin=0." in notes


@pytest.mark.parametrize("key", ["max_force_spread=1.0", "max_spread=1.0, on_spread='warn'"])
def test_what_sander_cannot_do_is_refused_there(key):
    text = f"x\n &cntrl ifmlp=1 /\n &mlp animask=':1', {key} /\n"
    with pytest.raises(UnsupportedPhysicsError, match=r"not available through sander.*merrow md"):
        read_input(text, source="mdin")


SETTINGS = {
    "mask": ":1",
    "potential": "ani2x",
    "weights": None,
    "precision": "float32",
    "link_atoms": False,
    "constraints": False,
    "confinement": None,
    "max_force_spread_kcal": None,
}


@pytest.mark.parametrize("spread", [2.0, float("nan")])
def test_an_excursion_begins_where_a_number_is_too_large_or_none(spread, tmp_path):
    ml = MlSettings(**SETTINGS, max_spread_kcal=1.0, on_spread="save")
    frame = Coordinates(np.zeros((2, 3)))
    with ExitStack() as files:
        watch = SpreadMonitor(ml, tmp_path / "mdspread", "", files)
        said = [
            watch.look(Disagreement(e, None, ""), step=k, time=0.001 * k, frame=lambda: frame)
            for k, e in enumerate([0.5, spread, spread, 1.0, spread])
        ]
        watch.sync()
        # readable while the run goes on, and so after a kill
        assert read_trajectory(tmp_path / "mdspread").times == pytest.approx([0.001, 0.002, 0.004])
    assert ["WARNING" in text for text in said] == [False, True, False, False, True]
    assert said[3] == "| The members agree again at step 3 (0.003 ps).\n\n"
    assert "at 3 of 5 printed steps" in watch.summary()


def test_kept_frames_are_read_by_mdanalysis(saved, prmtop):
    universe = pytest.importorskip("MDAnalysis").Universe
    path = saved[0] / "mdspread"
    kept = read_trajectory(path)
    theirs = universe(str(prmtop), str(path), format="NCDF", topology_format="PRMTOP")
    found = np.array([step.positions.copy() for step in theirs.trajectory])
    np.testing.assert_array_equal(found, kept.positions.astype(np.float32))
