# SPDX-License-Identifier: MIT
"""Coordinates far away, clashes, and regions of thousands of atoms: the right number, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hybrids import context_of

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import RestartMetadata, write_netcdf_restart
from merrow.ambertools.programs import run_program
from merrow.engine.record import LARGEST_U, take_record
from merrow.errors import InputError, NumericsError, UnsupportedPhysicsError
from merrow.samples import LambdaState
from merrow.single_point import SinglePoint, single_point
from merrow.system import build
from merrow.system.box import box_vectors
from merrow.system.configuration import read_configuration

LEAP = """source leaprc.protein.ff14SB
source leaprc.water.tip3p
m = sequence {{ ACE NME }}
{solvate}
saveamberparm m wet.prmtop wet.inpcrd
quit
"""
SHAPES = {"box": "solvateBox m TIP3PBOX 6.0", "octahedron": "solvateOct m TIP3PBOX 6.0"}
STATES = tuple(LambdaState(0.0, lj) for lj in (1.0, 0.5, 0.1, 0.01, 0.0))


@pytest.fixture(scope="module", params=SHAPES)
def wet(request, tmp_path_factory, tleap) -> Path:
    """A prmtop; its coordinates are beside it."""
    folder = tmp_path_factory.mktemp(request.param)
    tleap(folder, LEAP.format(solvate=SHAPES[request.param]))
    return folder / "wet.prmtop"


def energies(prmtop: Path, start: Path) -> dict[str, float]:
    """Return the terms of the ML/MM energy [kcal/mol]."""
    mesh = {"cutoff": 6.0, "ewald_coefficient": 0.6, "pme_grid": (64, 64, 64)}
    return single_point(SinglePoint(prmtop, start, ":1-2", "tiny-ani", **mesh)).terms


def moved(read: Coordinates, by: np.ndarray, path: Path) -> Path:
    """Write coordinates that were moved [Å]; the text format has no room for a million."""
    write_netcdf_restart(path, replace(read, positions=read.positions + by), RestartMetadata(0.0))
    return path


def test_a_box_a_million_angstrom_away_has_the_same_energy(wet, tmp_path):
    read = read_coordinates(wet.with_suffix(".inpcrd"))
    boxes = np.round(1e6 / np.diag(box_vectors(read)))
    far = moved(read, boxes @ box_vectors(read), tmp_path / "far.ncrst")
    assert np.abs(read_coordinates(far).positions).min() > 1e5
    # 1e6 Å have ten digits left behind the point
    assert energies(wet, far) == pytest.approx(energies(wet, wet.with_suffix(".inpcrd")), abs=2e-3)


def test_without_a_box_it_is_refused_and_the_remedy_helps(systems, tmp_path):
    prmtop = systems / "dipeptide.prmtop"
    read = read_coordinates(systems / "dipeptide.inpcrd")
    far = moved(read, np.array([1e6, 0.0, 0.0]), tmp_path / "far.ncrst")
    with pytest.raises(InputError, match=r"is 1e\+06 Å from the origin in far\.ncrst.*cpptraj"):
        read_configuration(far, read_topology(prmtop))
    text = f"parm {prmtop}\ntrajin far.ncrst\ncenter origin\ntrajout near.rst7\nrun\n"
    (tmp_path / "in").write_text(text)
    run_program("cpptraj", ["-i", "in"], folder=tmp_path, log="log")
    near = read_configuration(tmp_path / "near.rst7", read_topology(prmtop))
    assert np.abs(near.positions).max() < 10.0


@pytest.mark.parametrize("gap", [1e-4, 0.01, 0.05])  # nm
def test_a_clash_under_a_vanishing_solute_gives_numbers_at_every_state(acetone, gap):
    x = acetone.positions.copy()
    x[acetone.atoms[0]] = x[len(acetone.atoms)] + [gap, 0.0, 0.0]
    hybrid = acetone.hybrid()
    context = context_of(hybrid.system, x, acetone.vectors)
    record = take_record(context, hybrid, STATES, here=STATES[-1], temperature=300.0)
    assert np.isfinite(record.u).all()
    assert np.isfinite(record.dvdl).all()
    assert record.u[-1] == 0.0
    assert np.all(np.abs(record.u[2:]) < 10.0)  # λ = 0.1 and less: a soft core has no singularity
    assert record.u[0] == LARGEST_U  # clipped: such a frame has no weight there


def test_a_clash_in_the_state_that_was_sampled_is_no_sample(acetone):
    x = acetone.positions.copy()
    x[acetone.atoms[0]] = x[len(acetone.atoms)] + 1e-5
    hybrid = acetone.hybrid()
    context = context_of(hybrid.system, x, acetone.vectors)
    with pytest.raises(NumericsError, match=r"no finite energy in the state .* λ = \(0, 1\)"):
        take_record(context, hybrid, STATES, here=STATES[0], temperature=300.0)


def test_a_region_that_no_memory_holds_is_refused(systems, monkeypatch):
    monkeypatch.setattr(build, "physical_memory", lambda: 2**19)
    files = systems / "dipeptide.prmtop", systems / "dipeptide.inpcrd"
    with pytest.raises(UnsupportedPhysicsError, match="22 atoms, whose pairs need about"):
        single_point(SinglePoint(*files, ":1-3", "tiny-ani"))
