# SPDX-License-Identifier: MIT
"""Does what a refusal of a region, a box or a plan recommends help?

Each row: what is refused, what the message recommends, and the same done.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from parmed.amber import AmberFormat

from helped import helped
from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import read_topology
from merrow.ambertools.solvent import solvate
from merrow.engine.dynamics import DynamicsPlan, check_plan
from merrow.engine.minimize import minimize
from merrow.engine.simulation import (
    Snapshot,
    check_platform,
    check_reference,
    choose_platform,
)
from merrow.md.ensemble_spread import check_members
from merrow.mdin.mlp import MlSettings
from merrow.potentials import Molecule, load_potential
from merrow.potentials.ensemble import check_ensemble
from merrow.system.box import box_vectors, check_width
from merrow.system.build import _refuse_size, hybrid_system
from merrow.system.configuration import read_configuration
from merrow.system.images import together
from merrow.system.lengths import check_lengths
from merrow.system.pme import Nonbonded, check_box
from merrow.system.potentials import open_potential
from merrow.system.region import region_of, select_region
from merrow.system.restraints import FlatBottom, flat_bottom_forces

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"
CUBE = np.diag([20.0, 20.0, 20.0])
SKEW = np.array([[2.0, 0.0, 0.0], [0.5, 2.0, 0.0], [0.5, 0.5, 2.0]])
DEFAULT = {"temperature": 300.0, "friction": 1.0, "timestep": 0.0005, "pressure": None}
DEFAULT |= {"thermostat": "langevin", "coupling_time": 1.0, "com_removal_interval": 0}
DEFAULT |= {"constraint_tolerance": 1e-6, "platform": "Reference", "seed": 1}


def topology(name="methane"):
    """Return the topology of a small system."""
    return read_topology(SYSTEMS / f"{name}.prmtop")


def region(mask, name="dipeptide", **asked):
    """Return a way to select an ML region."""
    return lambda: select_region(topology(name), mask, **asked)


def around(name="butane", *, whole):
    """Return the region at both sides of the second carbon of butane, or with it."""
    found = topology(name)
    carbons = [i for i, number in enumerate(found.numbers) if number == 6]
    near = {c: {j for b in found.bonds if c in b for j in b} - {c} for c in carbons}
    middle = next(c for c in carbons if len(near[c] & set(carbons)) == 2)
    left = {middle, *(i for i in near[middle] if found.numbers[i] == 1)}
    chosen = set(range(len(found))) - (set() if whole else left)
    return region_of(found, sorted(chosen), name="atoms", link_atoms=True)


def placed(change, name="methane", box=None):
    """Read coordinates after a change of the positions; with a box as a solvated system."""
    coordinates = read_coordinates(SYSTEMS / f"{name}.inpcrd")
    positions = coordinates.positions.copy()
    change(positions)
    if box is None:
        write_restart("x.rst7", Coordinates(positions))
        return read_configuration("x.rst7", topology(name))
    prmtop, inpcrd = solvate(
        SYSTEMS / f"{name}.prmtop", SYSTEMS / f"{name}.inpcrd", folder=Path("wet"), n_waters=200
    )
    wet = read_coordinates(inpcrd)
    write_restart("x.rst7", replace(wet, lengths=wet.lengths * box))
    return read_configuration("x.rst7", read_topology(prmtop))


def sites(move=0.0, *, three=False):
    """Read a box of water with extra points, the first of them moved; or of three sites."""
    prmtop, inpcrd = Path("w.prmtop"), Path("w.inpcrd")
    if three:
        prmtop, inpcrd = Path("t.prmtop"), Path("t.inpcrd")
    found = read_topology(prmtop)
    coordinates = read_coordinates(inpcrd)
    positions = coordinates.positions.copy()
    if not three:
        positions[found.numbers.index(0)] += move
    write_restart("x.rst7", replace(coordinates, positions=positions))
    return read_configuration("x.rst7", found)


def stray(*, kept):
    """Read water whose extra points nothing places, or the same without them."""
    if not kept:
        return sites(three=True)
    parm = AmberFormat()
    parm.rdparm_slow("w.prmtop")
    elements = parm.parm_data["ATOMIC_NUMBER"]
    elements[:] = [0 if z == 8 else z for z in elements]  # so that nobody takes it for water
    labels = parm.parm_data["RESIDUE_LABEL"]
    labels[:] = ["LIG" if name == "WAT" else name for name in labels]
    parm.write_parm("stray.prmtop")
    return read_configuration("w.inpcrd", read_topology("stray.prmtop"))


def octahedron(angle):
    """Read coordinates with a box of these angles, of a prmtop that announces an octahedron."""
    found = replace(topology("methane"), has_box=True, box_angle=109.4712190)
    x = read_coordinates(SYSTEMS / "methane.inpcrd").positions
    box = {"lengths": np.full(3, 30.0), "angles": np.full(3, angle)}
    write_restart("o.rst7", Coordinates(x, **box))
    return read_configuration("o.rst7", found)


def edges(*lengths):
    """Return the vectors of a box."""
    return box_vectors(
        Coordinates(np.zeros((1, 3)), lengths=np.array(lengths), angles=np.array([90.0] * 3))
    )


def beside(distance, box=CUBE):
    """Put host and guest of a region into one image of a box."""
    found = topology("complex")
    both = select_region(found, ":HST,GST", several=True)
    positions = read_coordinates(SYSTEMS / "complex.inpcrd").positions.copy()
    positions -= positions.mean(axis=0)
    guest = select_region(found, ":GST").atoms
    positions[list(guest)] += np.array([distance, 0.0, 0.0])
    return together(positions, box, both, source="x.rst7")


def measured(scale, away=0.0, *, cut=()):
    """Check bonds of methane, its places times a factor, one hydrogen away and maybe cut off."""
    positions = scale * read_coordinates(SYSTEMS / "methane.inpcrd").positions
    positions[1] += away
    region = select_region(known := topology(), "*")
    known = replace(known, bonds=tuple(pair for pair in known.bonds if pair not in cut))
    check_lengths(positions, known, region, source="x.rst7")


def potential(name="mm", **asked):
    """Open a potential of methane."""
    found = topology()
    return open_potential(name, found, select_region(found, ":1"), **asked)


def mapped(mask, name):
    """Open a potential of a region of a peptide with maps of two torsions, and methane."""
    found = read_topology("cmap.prmtop")
    return open_potential(name, found, select_region(found, mask))


def hybrid():
    """Return methane by its own terms, and where it is."""
    found = topology()
    chosen = select_region(found, ":1")
    terms = open_potential("mm", found, chosen)
    made = hybrid_system(found, chosen, terms, nonbonded=Nonbonded(None))
    x = read_coordinates(SYSTEMS / "methane.inpcrd").positions / 10
    return made, Snapshot(x, np.zeros_like(x), np.eye(3))


def plan(**changes):
    """Check a plan of dynamics for methane."""
    check_plan(DynamicsPlan(**(DEFAULT | changes)), hybrid()[0])


def minimum(**asked):
    """Minimise methane."""
    found, start = hybrid()
    default = {"tolerance": 5.0, "max_steps": 50}
    return minimize(found, start, platform="Reference", **(default | asked))


def spread(name, **asked):
    """Judge thresholds of the spread for methane."""
    asked_of = load_potential(name, Molecule((6, 1, 1, 1, 1)))
    x = read_coordinates(SYSTEMS / "methane.inpcrd").positions
    return check_members(MlSettings(mask=":1", **asked), asked_of, x)


def member_spread(largest, name):
    """Judge a threshold of the energy's spread."""
    return check_ensemble(largest, load_potential(name, Molecule((6, 1, 1, 1, 1))))


def restraint(*atoms):
    """Make a restraint on atoms."""
    bounds = (0.1, 0.2, 0.3, 0.4)
    return flat_bottom_forces([FlatBottom(atoms, bounds, 1.0, 1.0)], periodic=False)


def same(positions):
    """Leave the positions as they are."""


def on_each_other(positions):
    """Put two atoms at one place."""
    positions[2] = positions[1]


REGIONS = [
    (
        region(":2@C,O", link_atoms=True),
        "move the cut there",
        region(":2@CB,HB1,HB2,HB3", link_atoms=True),
    ),
    (
        lambda: around(whole=False),
        "take that atom into the region",
        lambda: around(whole=True),
    ),
    (region(":2@CB,HB1,HB2,HB3"), "select whole molecules or", region("@1-22")),
    (
        region(":2@CB,HB1,HB2,HB3"),
        "ask for link atoms",
        region(":2@CB,HB1,HB2,HB3", link_atoms=True),
    ),
    (lambda: _refuse_size(10**6), "select fewer atoms", lambda: _refuse_size(10)),
    (lambda: potential(weights="w.pt"), "take weights out", potential),
    (
        lambda: potential(weights="w.pt"),
        "or name the potential",
        lambda: potential("ani1x", weights="w.pt"),
    ),
    (lambda: mapped(":1-3", "mm"), "choose a region without it", lambda: mapped(":4", "mm")),
    (lambda: mapped(":1-3", "mm"), "or an ML potential", lambda: mapped(":1-3", "ani2x")),
]
PLACES = [
    (lambda: edges(0.0, 20.0, 20.0), "look at the last line", lambda: edges(20.0, 20.0, 20.0)),
    (
        lambda: check_width(CUBE, 11.0, "the cutoff", source="x"),
        "shorten the cutoff",
        lambda: check_width(CUBE, 9.0, "the cutoff", source="x"),
    ),
    (
        lambda: check_width(CUBE, 11.0, "the cutoff", source="x"),
        "take a larger box",
        lambda: check_width(2 * CUBE, 11.0, "the cutoff", source="x"),
    ),
    (
        lambda: check_box(CUBE / 10, 0.9, 0.2, source="x"),
        "solvate in a larger box",
        lambda: check_box(CUBE / 5, 0.9, 0.2, source="x"),
    ),
    (
        lambda: check_box(CUBE / 9, 1.0, 0.1, source="x"),
        "or shorten the cutoff",
        lambda: check_box(CUBE / 9, 0.8, 0.1, source="x"),
    ),
    (
        lambda: placed(on_each_other),
        "give coordinates in which all atoms are apart",
        lambda: placed(same),
    ),
    (
        lambda: placed(same, box=0.12),
        "give the box that they were made with",
        lambda: placed(same, box=1.0),
    ),
    (
        lambda: octahedron(90.0),
        "give coordinates with the box of the prmtop",
        lambda: octahedron(109.471219),
    ),
    (
        lambda: sites(0.5),
        "give coordinates whose extra points are placed",
        sites,
    ),
    (lambda: sites(0.5), "or use a water of three sites", lambda: sites(three=True)),
    (
        lambda: stray(kept=True),
        "make the prmtop without extra points",
        lambda: stray(kept=False),
    ),
    (lambda: beside(9.9), "put them together", lambda: beside(0.0)),
    (lambda: measured(0.1), "give coordinates of this prmtop", lambda: measured(1.0)),
    (
        lambda: measured(1.0, 3.0),
        "or a prmtop with the bonds of these",
        lambda: measured(1.0, 3.0, cut=[(0, 1)]),
    ),
    (lambda: beside(9.9), "or take a larger box", lambda: beside(9.9, 3 * CUBE)),
]
PLANS = [
    (lambda: plan(temperature=0.0), "give one above 0", plan),
    (
        lambda: minimum(tolerance=0.0),
        "give a positive tolerance (drms) and a number of steps",
        minimum,
    ),
    (lambda: minimum(max_steps=-1), "and a number of steps (maxcyc)", minimum),
    (
        lambda: choose_platform("GPU"),
        "choose one of Reference",
        lambda: choose_platform("Reference"),
    ),
    (lambda: check_platform("OpenGL"), "use --platform CPU", lambda: check_platform("CPU")),
    (
        lambda: check_reference("Reference", SKEW, 0.9),
        "use --platform CPU, or a larger box",
        lambda: check_reference("CPU", SKEW, 0.9),
    ),
    (
        lambda: check_reference("Reference", SKEW, 0.9),
        "or a larger box",
        lambda: check_reference("Reference", 2 * SKEW, 0.9),
    ),
    (
        lambda: spread("torchscript:one.pt", max_force_spread_kcal=1.0),
        "take max_force_spread out",
        lambda: spread("torchscript:one.pt"),
    ),
    (
        lambda: spread("torchscript:one.pt", max_force_spread_kcal=1.0),
        "or choose such as ani2x or aimnet2",
        lambda: spread("ani2x", max_force_spread_kcal=1.0),
    ),
    (
        lambda: member_spread(1.0, "torchscript:one.pt"),
        "take max_spread out",
        lambda: member_spread(None, "torchscript:one.pt"),
    ),
    (
        lambda: member_spread(1.0, "torchscript:one.pt"),
        "choose such as ani2x or aimnet2",
        lambda: member_spread(1.0, "ani2x"),
    ),
    (
        lambda: restraint(0),
        "name two atoms for a distance, three for an angle",
        lambda: restraint(0, 1) + restraint(0, 1, 2),
    ),
    (
        lambda: restraint(0, 1, 1, 2),
        "four for a torsion",
        lambda: restraint(0, 1, 2, 3),
    ),
]
LEAP = """source leaprc.gaff
source leaprc.water.{water}
m = loadmol2 {mol2}
solvatebox m {box} 8.0
saveamberparm m {name}.prmtop {name}.inpcrd
quit
"""


MAPS = """source leaprc.protein.ff19SB
source leaprc.gaff
a = sequence {{ ACE ALA NME }}
b = loadmol2 {mol2}
m = combine {{ a b }}
saveamberparm m cmap.prmtop cmap.inpcrd
quit
"""


@pytest.fixture(scope="module")
def place(tleap, tmp_path_factory):
    """A folder with water of three sites and of four, and a TorchScript file."""
    folder = tmp_path_factory.mktemp("files")
    for name, water, box in (("w", "opc", "OPCBOX"), ("t", "tip3p", "TIP3PBOX")):
        mol2 = SYSTEMS / "methane.mol2"
        tleap(folder, LEAP.format(name=name, water=water, box=box, mol2=mol2))
    tleap(folder, MAPS.format(mol2=SYSTEMS / "methane.mol2"))
    import torch  # noqa: PLC0415

    class Springs(torch.nn.Module):
        def forward(self, positions: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
            return (positions**2).sum()

    torch.jit.script(Springs()).save(str(folder / "one.pt"))
    return folder


@pytest.mark.parametrize("row", REGIONS + PLACES + PLANS, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, place, ani_weights, monkeypatch):
    monkeypatch.chdir(place)
    shutil.copy(ani_weights / "ani1x_state_dict.pt", "w.pt")
    helped(*row)
