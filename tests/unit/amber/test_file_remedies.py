# SPDX-License-Identifier: MIT
"""Does what a refusal of a file recommends help? Prmtop, coordinates, trajectories, water.

Each row: what is refused, what the message recommends, and the same done.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from parmed.amber import AmberFormat
from scipy.io import netcdf_file

from helped import helped
from merrow.amber.coordinates import read_coordinates, write_restart
from merrow.amber.mask import select_atoms
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import TrajectoryWriter, read_trajectory
from merrow.ambertools.programs import run_program
from merrow.ambertools.sander import single_point
from merrow.ambertools.solvent import _molecule_sizes, place_waters, solvate
from merrow.trajectories import read_frames

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"
GAS, GAS_CRD = SYSTEMS / "methane.prmtop", SYSTEMS / "methane.inpcrd"
PEPTIDE, PEPTIDE_CRD = SYSTEMS / "dipeptide.prmtop", SYSTEMS / "dipeptide.inpcrd"


def slipped(**sections):
    """Return a way to read alanine dipeptide with other sections: a value at a place, or all."""

    def read():
        parm = AmberFormat()
        parm.rdparm_slow(str(PEPTIDE))
        for flag, change in sections.items():
            if isinstance(change, list):
                parm.parm_data[flag] = change
            else:
                parm.parm_data[flag][change[0]] = change[1]
        parm.write_parm("slip.prmtop")
        return read_topology("slip.prmtop")

    return read


def unusual_table():
    """Read a prmtop with a table of type pairs in an order of its own."""
    parm = AmberFormat()
    parm.rdparm_slow(str(PEPTIDE))
    index = parm.parm_data["NONBONDED_PARM_INDEX"]
    swap = {1: 2, 2: 1}
    parm.parm_data["NONBONDED_PARM_INDEX"] = [swap.get(k, k) for k in index]
    parm.write_parm("table.prmtop")
    return read_topology("table.prmtop")


def with_section(flag, holds="%FORMAT(5E16.8)\n  1.00000000E+00"):
    """Read a prmtop with one section more."""
    text = PEPTIDE.read_text().rstrip("\n")
    Path("more.prmtop").write_text(f"{text}\n%FLAG {flag}\n{holds}\n")
    return read_topology("more.prmtop")


def torn():
    """Read a prmtop with a broken number."""
    text = PEPTIDE.read_text()
    at = text.index("%FLAG MASS")
    Path("torn.prmtop").write_text(text[:at] + text[at:].replace("E+01", "E*01", 1))
    return read_topology("torn.prmtop")


def without_numbers(name):
    """Read a prmtop without atomic numbers, whose first atom has a name."""
    parm = AmberFormat()
    parm.rdparm_slow(str(PEPTIDE))
    parm.parm_data["ATOM_NAME"][0] = name
    if name != "HH31":  # a newer tleap writes them
        parm.delete_flag("ATOMIC_NUMBER")
    parm.write_parm("old.prmtop")
    return read_topology("old.prmtop")


def frames(prmtop=PEPTIDE, n=10, *, timed=True, cut=False, interval=None):
    """Read a trajectory of the peptide with a prmtop."""
    start = read_coordinates(PEPTIDE_CRD)
    if cut:
        start.positions[: len(start.positions) // 2] += 20.0
    Path("t.nc").unlink(missing_ok=True)
    with TrajectoryWriter(Path("t.nc"), start, velocities=False) as writer:
        for k in range(n):
            writer.append(start, float(k) if timed else 0.0)
    return read_frames(Path("t.nc"), topology=read_topology(prmtop), interval=interval)


def in_unit(unit, scale):
    """Read frames whose positions are in some unit."""
    frames()
    with netcdf_file("t.nc", "a", mmap=False) as file:
        file.variables["coordinates"].units = unit
        file.variables["coordinates"][:] *= scale
    return read_trajectory(Path("t.nc"))


def timed_by_cpptraj():
    """Write times with the lines of cpptraj that the message tells, and read the frames."""
    lines = [f"parm {PEPTIDE}", "trajin t.nc", "time time0 0.0 dt 1.0", "trajout md.nc", "run"]
    Path("in").write_text("\n".join([*lines, ""]))
    run_program("cpptraj", ["-i", "in"], folder=Path.cwd(), log="log")
    return read_frames(Path("md.nc"), topology=read_topology(PEPTIDE))


def netcdf4():
    """Read what begins as NetCDF-4 does."""
    Path("four.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    return read_coordinates("four.nc")


def as_restart():
    """Write the same as an rst7 and read it."""
    write_restart("four.rst7", read_coordinates(GAS_CRD))
    return read_coordinates("four.rst7")


def atom_mask(mask):
    """Select atoms of the peptide."""
    return select_atoms(read_topology(PEPTIDE), mask)


def watered(prmtop=GAS, inpcrd=GAS_CRD, **asked):
    """Put a molecule into water."""
    return solvate(prmtop, inpcrd, folder=Path("wet"), **(asked or {"n_waters": 100}))


def twice_watered():
    """Put what is in water into water."""
    return watered(*watered())


def chamber():
    """Put a prmtop of CHAMBER into water."""
    text = GAS.read_text().replace("%FLAG TITLE", "%FLAG CTITLE")
    Path("c.prmtop").write_text(text)
    return watered(prmtop=Path("c.prmtop"))


def placed(n_waters, length=1.0):
    """Place waters about two atoms."""
    solute = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, length]])
    return place_waters(solute, np.array([True, True]), n_waters)


def whole(prmtop=PEPTIDE):
    """Return a way to read a sound prmtop."""
    return lambda: read_topology(prmtop)


PEPTIDE_ATOMS = 22
FILES = [
    (netcdf4, "write an AMBER restart (rst7) of it", as_restart),
    (
        lambda: read_coordinates(GAS_CRD, PEPTIDE_ATOMS),
        "give the coordinates that belong to the prmtop",
        lambda: read_coordinates(PEPTIDE_CRD, PEPTIDE_ATOMS),
    ),
    (slipped(BONDS_INC_HYDROGEN=(1, 10)), "point to an atom; make the prmtop again", whole()),
    (slipped(NUMBER_EXCLUDED_ATOMS=(0, 3)), "do not fit together; make the prmtop again", whole()),
    (slipped(BONDS_WITHOUT_HYDROGEN=(1, 51)), "within three bonds; make the prmtop again", whole()),
    (slipped(DIHEDRALS_INC_HYDROGEN=(3, 60)), "exclude there; make the prmtop again", whole()),
    (unusual_table, "give it different energies; make the prmtop again", whole()),
    (
        lambda: with_section("CHARMM_CMAP_COUNT"),
        "other programs do not; make the prmtop again",
        whole(),
    ),
    (
        lambda: with_section("FORCE_FIELD_TYPE", "%FORMAT(i2,a78)\n 1 CHARMM"),
        "without which programs differ; make the prmtop again",
        whole(),
    ),
    (torn, "make it again", whole()),
    (
        lambda: with_section("LENNARD_JONES_CCOEF"),
        "make the prmtop with a fixed-charge force field",
        whole(),
    ),
    (lambda: with_section("SOMETHING_NEW"), "make the prmtop without it", whole()),
    (
        lambda: without_numbers("QQ"),
        "make the prmtop with a newer tleap",
        lambda: without_numbers("HH31"),
    ),
    (
        lambda: frames(GAS),
        "give the trajectory that belongs to the prmtop",
        frames,
    ),
    (
        lambda: in_unit(b"nanometer", 0.1),
        "convert the numbers to it (cpptraj copies them as they are)",
        lambda: in_unit(b"angstrom", 1.0),
    ),
    (lambda: frames(n=9), "or write frames more often", frames),
    (lambda: frames(timed=False), "write it again with them", timed_by_cpptraj),
    (
        lambda: frames(timed=False),
        "tell the time between them with --frame-interval",
        lambda: frames(timed=False, interval=2.0),
    ),
    (lambda: frames(cut=True), "give the file as the dynamics wrote it", frames),
    (
        lambda: atom_mask(":1,ALA"),
        "takes the names alone; write (:1|:ALA)",
        lambda: atom_mask("(:1|:ALA)"),
    ),
    (
        lambda: atom_mask("@H*1"),
        "write a ? for each character instead",
        lambda: atom_mask("@H?1"),
    ),
    (
        lambda: single_point(PEPTIDE, PEPTIDE_CRD, cutoff=None, ewald_coefficient=0.3),
        "give both or none",
        lambda: single_point(PEPTIDE, PEPTIDE_CRD, cutoff=None),
    ),
]
WATERS = [
    (
        lambda: watered(n_waters=100, edge=20.0),
        "give either the number of waters or the edge of the box",
        lambda: watered(edge=15.0),
    ),
    (twice_watered, "leave out the solvation", lambda: read_topology(watered()[0])),
    (
        lambda: watered(inpcrd=PEPTIDE_CRD),
        "give the coordinates that belong to the prmtop",
        watered,
    ),
    (chamber, "to which AMBER's TIP3P cannot be added here: give a solvated prmtop", watered),
    (
        lambda: _molecule_sizes({"BONDS_INC_HYDROGEN": [0, 6, 1], "BONDS_WITHOUT_HYDROGEN": []}, 3),
        "reorder them with tleap",
        lambda: _molecule_sizes({"BONDS_INC_HYDROGEN": [0, 3, 1], "BONDS_WITHOUT_HYDROGEN": []}, 3),
    ),
    (lambda: placed(0), "ask for a larger one", lambda: placed(50)),
    (lambda: placed(30, 30.0), "ask for more water", lambda: placed(2000, 30.0)),
]


@pytest.mark.parametrize("row", FILES + WATERS, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    helped(*row)
