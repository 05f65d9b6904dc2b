# SPDX-License-Identifier: MIT
"""One configuration has one energy: however it is wrapped, whatever its water, whatever its box.

The systems are made by tleap here; sander, and a plain sum over all pairs and images, are the
oracles.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm as mm
import pytest
from parmed.amber import AmberFormat

from mdout_reader import read_mdout
from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import AmberTopology, read_topology
from merrow.ambertools import sander
from merrow.ambertools.programs import run_program
from merrow.engine.simulation import exact_platform, misses_pairs
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md
from merrow.sander.run import SanderRun, run
from merrow.single_point import SinglePoint, single_point
from merrow.system.box import box_vectors
from merrow.system.configuration import check_sites, read_configuration
from merrow.system.rendering import rendered

CUTOFF = 8.0
LEAP = """source leaprc.protein.ff14SB
source leaprc.water.tip3p
{load}
m = sequence {{ ACE NME }}
{solvate}
saveamberparm m wet.prmtop wet.inpcrd
quit
"""
SYSTEMS = {
    "tip3p": ("", "solvateBox m TIP3PBOX 7.0"),
    "octahedron": ("", "solvateOct m TIP3PBOX 7.0"),
    "tip4pew": ("source leaprc.water.tip4pew", "solvateBox m TIP4PEWBOX 7.0"),
    "opc": ("source leaprc.water.opc", "solvateBox m OPCBOX 7.0"),
    "tip5p": ("loadamberparams frcmod.tip5p", "solvateBox m TIP5PBOX 7.0"),
}
SANDER = """one point; the box is too narrow for sander's own skin
 &cntrl imin=1, maxcyc=1, ntb=1, cut=8.0 /
 &ewald vdwmeth=0, dsum_tol=1e-6, skinnb=0.3, netfrc=0, nfft1=64, nfft2=64, nfft3=64 /
"""


@pytest.fixture(scope="module")
def systems(tmp_path_factory, tleap):
    """Return a function name → prmtop and coordinates, each made once."""
    made: dict[str, tuple[Path, Path]] = {}

    def make(name: str) -> tuple[Path, Path]:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            load, solvate = SYSTEMS[name]
            tleap(folder, LEAP.format(load=load, solvate=solvate))
            made[name] = folder / "wet.prmtop", rigid(folder)
        return made[name]

    return make


def rigid(folder: Path) -> Path:
    """Give every water its exact shape: tleap's boxes have it to 0.001 Å.

    sander hangs extra points on unit vectors, OpenMM on the bonds themselves: only in a water of
    the right shape are they at the same place.
    """
    topology = read_topology(folder / "wet.prmtop")
    read = read_coordinates(folder / "wet.inpcrd", len(topology))
    system = rendered(topology, rigid_water=True)
    context = mm.Context(system, mm.VerletIntegrator(0.001))
    context.setPositions(read.positions / 10)
    context.applyConstraints(1e-8)
    context.computeVirtualSites()
    x = context.getState(getPositions=True).getPositions(asNumpy=True)._value * 10
    write_restart(folder / "wet.rst7", Coordinates(x, None, read.lengths, read.angles))
    return folder / "wet.rst7"


def ours(prmtop: Path, inpcrd: Path, **changes) -> dict[str, float]:
    """Return the terms of the MM energy [kcal/mol], converged electrostatics."""
    boxed = {"cutoff": CUTOFF, "ewald_tolerance": 1e-6} if read_topology(prmtop).has_box else {}
    asked = {"potential": "mm", "amber_coulomb": True, **boxed, **changes}
    found = single_point(SinglePoint(prmtop, inpcrd, None, **asked))
    return {**found.terms, "total": found.total}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_water_and_box_has_the_energy_of_sander(systems, name, tmp_path):
    prmtop, inpcrd = systems(name)
    (tmp_path / "mdin").write_text(SANDER)
    words = ["-O", "-i", "mdin", "-p", str(prmtop), "-c", str(inpcrd)]
    run_program("sander", words, folder=tmp_path, log="sander.log")
    found, right = ours(prmtop, inpcrd), sander.parse_first_block(tmp_path / "mdout")
    assert found["vdw"] == pytest.approx(right["vdw"], abs=5e-3)
    # meshes of two programs, each to 1e-5 of 3,000 kcal/mol
    assert found["elec"] == pytest.approx(right["elec"], abs=0.05)
    assert found["elec14"] == pytest.approx(right["elec14"], abs=1e-3)


@pytest.mark.parametrize("name", ["tip4pew", "opc", "tip5p"])
def test_extra_points_are_placed_where_the_file_has_them(systems, name):
    topology = read_topology(systems(name)[0])
    positions = read_configuration(systems(name)[1], topology).positions
    system = rendered(topology)
    sites = [i for i in range(len(topology)) if system.isVirtualSite(i)]
    assert len(sites) == topology.numbers.count(0) > 100
    check_sites(system, topology, positions, source="the file")
    moved = positions.copy()
    moved[sites[-1]] += [0.0, 0.0, 0.06]  # Å
    with pytest.raises(UnsupportedPhysicsError, match=r"lies 0\.06 Å from where the water model"):
        check_sites(system, topology, moved, source="the file")


def test_lone_pairs_are_on_the_far_side_of_the_hydrogens(systems):
    topology = read_topology(systems("tip5p")[0])
    x = read_coordinates(systems("tip5p")[1]).positions
    oxygen, one, two, *pairs = next(m for m in topology.molecules if topology.is_water[m[0]])
    towards = x[one] + x[two] - 2 * x[oxygen]
    site = rendered(topology).getVirtualSite(pairs[0])
    assert site.getWeight12() < 0.0
    assert all((x[pair] - x[oxygen]) @ towards < 0.0 for pair in pairs)


def test_an_extra_point_that_nothing_places_is_refused(systems, tmp_path):
    prmtop, inpcrd = systems("tip4pew")
    # without its hydrogens' elements the water is no water, so that nothing places its extra point
    broken = tmp_path / "broken.prmtop"
    parm = AmberFormat()
    parm.rdparm_slow(str(prmtop))
    elements = parm.parm_data["ATOMIC_NUMBER"]
    elements[:] = [0 if z == 8 else z for z in elements]  # so that nobody takes it for water
    labels = parm.parm_data["RESIDUE_LABEL"]
    labels[:] = ["LIG" if name == "WAT" else name for name in labels]
    parm.write_parm(str(broken))
    with pytest.raises(UnsupportedPhysicsError, match="extra point") as caught:
        ours(broken, inpcrd)
    assert "nothing would place it" in str(caught.value)


def wrapped(coordinates: Coordinates, topology: AmberTopology, how: str) -> Coordinates:
    """Return the same configuration in other images."""
    box, x = box_vectors(coordinates), coordinates.positions.copy()
    rng = np.random.default_rng(3)
    if how == "by atom":
        x -= np.floor((x - 10.0) @ np.linalg.inv(box)) @ box  # the walls cut the solute
    elif how == "by molecule":
        for molecule in topology.molecules:
            atoms = list(molecule)
            x[atoms] += rng.integers(-1, 2, 3) @ box
    else:  # every atom anywhere
        x += rng.integers(-1, 2, x.shape) @ box
    return Coordinates(x, None, coordinates.lengths, coordinates.angles)


@pytest.mark.parametrize("how", ["by atom", "by molecule", "anywhere"])
@pytest.mark.parametrize("name", ["tip3p", "octahedron", "tip5p"])
def test_the_energy_does_not_depend_on_images(systems, name, how, tmp_path):
    prmtop, inpcrd = systems(name)
    topology = read_topology(prmtop)
    other = tmp_path / "other.rst7"
    moved = wrapped(read_coordinates(inpcrd), topology, how)
    write_restart(other, moved)
    assert np.abs(moved.positions - read_coordinates(inpcrd).positions).max() > 5.0
    found, right = (ours(prmtop, path, ewald_tolerance=1e-5) for path in (other, inpcrd))
    # the CPU platform, which has triclinic boxes here, is in single precision
    assert found == pytest.approx(right, abs=5e-3)


def test_ml_mm_does_not_depend_on_images(systems, gas, tmp_path):
    prmtop, inpcrd = systems("tip3p")
    topology = read_topology(prmtop)
    other = tmp_path / "other.rst7"
    write_restart(other, wrapped(read_coordinates(inpcrd), topology, "anywhere"))
    name = f"mm:{gas}"
    right, found = (
        single_point(SinglePoint(prmtop, path, ":1-2", potential=name,
                                 cutoff=CUTOFF))
        for path in (inpcrd, other)
    )  # fmt: skip
    assert found.terms == pytest.approx(right.terms, abs=1e-3)
    np.testing.assert_allclose(found.forces, right.forces, atol=1e-2)


@pytest.fixture
def gas(tleap, tmp_path) -> Path:
    """The prmtop of the solute alone, its coordinates beside it."""
    tleap(tmp_path, LEAP.format(load="", solvate="").replace("wet", "gas"))
    return tmp_path / "gas.prmtop"


def test_a_molecule_bonded_to_its_own_image_is_refused(systems, tmp_path):
    prmtop, inpcrd = systems("tip3p")
    whole = read_coordinates(inpcrd)
    small = Coordinates(whole.positions, None, np.full(3, 1.5), whole.angles)
    write_restart(tmp_path / "small.rst7", small)
    with pytest.raises(InputError, match="bonded to its own image, or the box is not"):
        read_configuration(tmp_path / "small.rst7", read_topology(prmtop))


def test_lennard_jones_in_a_narrow_octahedron_is_the_sum_over_all_images(systems):
    """OpenMM's Reference platform misses pairs there; a sum over 343 images misses none."""
    prmtop, inpcrd = systems("octahedron")
    topology = read_topology(prmtop)
    read = read_configuration(inpcrd, topology)
    box = box_vectors(read)
    assert misses_pairs(box / 10, CUTOFF / 10)
    assert exact_platform(box / 10, CUTOFF / 10) == "CPU"
    found = ours(prmtop, inpcrd, lj_tail=False)
    assert found["vdw"] == pytest.approx(brute_force(topology, read.positions, box), abs=2e-3)


def brute_force(topology: AmberTopology, x: np.ndarray, box: np.ndarray) -> float:
    """Return the Lennard-Jones energy [kcal/mol] of all pairs within the cutoff, 1-4 left out."""
    heavy = np.flatnonzero(np.diag(topology.lj_b)[topology.lj_type] > 0.0)
    near: dict[int, set[int]] = {i: {i} for i in range(len(topology))}
    for _ in range(3):  # bonds, angles, torsions: what a prmtop excludes
        grown = {i: set(around) for i, around in near.items()}
        for i, j in topology.bonds:
            grown[i] |= near[j]
            grown[j] |= near[i]
        near = grown
    total = 0.0
    shifts = np.array(list(itertools.product(range(-3, 4), repeat=3))) @ box
    for k, i in enumerate(heavy):
        others = heavy[k + 1 :]
        others = others[[j not in near[i] for j in others]]
        apart = np.full(len(others), np.inf)
        difference = x[others] - x[i]
        for shift in shifts:
            apart = np.minimum(apart, ((difference + shift) ** 2).sum(axis=1))
        inside = apart < CUTOFF**2
        a = topology.lj_a[topology.lj_type[i], topology.lj_type[others[inside]]]
        b = topology.lj_b[topology.lj_type[i], topology.lj_type[others[inside]]]
        total += float(np.sum(a / apart[inside] ** 6 - b / apart[inside] ** 3))
    return total


@pytest.mark.parametrize(
    ("edges", "skew", "missed"), [(2.0, 0.0, False), (2.0, 0.5, True), (2.6, 0.5, False)]
)
def test_only_skewed_boxes_below_three_cutoffs_leave_the_reference_platform(edges, skew, missed):
    box = np.diag([edges] * 3)
    box[2, 0] = skew
    assert misses_pairs(box, 0.8) == missed


def test_dynamics_on_reference_is_refused_where_it_would_miss_pairs(merrow_md, systems):
    prmtop, inpcrd = systems("octahedron")
    told = merrow_md(prmtop, inpcrd, "--platform", "Reference")
    assert "misses pairs of atoms in a box that is not rectangular" in told


@pytest.fixture
def merrow_md(tmp_path, monkeypatch):
    """Return a function that runs `merrow md` and returns what it says on stderr."""
    monkeypatch.chdir(tmp_path)
    Path("mdin").write_text("x\n &cntrl imin=0, nstlim=1, ntb=1, cut=8.0, ifmlp=1 /\n"
                            " &mlp animask=':1', potential='mm' /\n")  # fmt: skip

    def run(prmtop: Path, inpcrd: Path, *words: str) -> str:
        program = Path(sys.executable).with_name("merrow")
        done = subprocess.run(
            [program, "md", "-O", "-i", "mdin", "-p", prmtop, "-c", inpcrd, *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        return done.stderr

    return run


def test_two_atoms_at_one_place_are_refused(systems, tmp_path):
    prmtop, inpcrd = systems("tip3p")
    read = read_coordinates(inpcrd)
    x = read.positions.copy()
    x[30] = x[0]
    write_restart(tmp_path / "both.rst7", Coordinates(x, None, read.lengths, read.angles))
    with pytest.raises(InputError, match=r"are at one place in both\.rst7"):
        ours(prmtop, tmp_path / "both.rst7")


def changed(prmtop: Path, target: Path, change) -> Path:
    """Write a prmtop whose sections were changed."""
    parm = AmberFormat()
    parm.rdparm_slow(str(prmtop))
    change(parm.parm_data)
    parm.write_parm(str(target))
    return target


def test_a_torsion_of_periodicity_zero_is_a_constant(gas, tmp_path):
    prmtop, inpcrd = gas, gas.with_suffix(".inpcrd")

    def constant(sections):
        sections["DIHEDRAL_PERIODICITY"][0] = 0.0
        sections["DIHEDRAL_PHASE"][0] = 0.0
        sections["DIHEDRAL_FORCE_CONSTANT"][0] = 1.5

    def none(sections):
        constant(sections)
        sections["DIHEDRAL_FORCE_CONSTANT"][0] = 0.0

    with_it = ours(changed(prmtop, tmp_path / "with.prmtop", constant), inpcrd)
    without = ours(changed(prmtop, tmp_path / "without.prmtop", none), inpcrd)
    torsions = AmberFormat()
    torsions.rdparm_slow(str(prmtop))
    flat = [
        *torsions.parm_data["DIHEDRALS_INC_HYDROGEN"],
        *torsions.parm_data["DIHEDRALS_WITHOUT_HYDROGEN"],
    ]
    n = sum(kind == 1 for kind in flat[4::5])
    assert n > 0
    # k (1 + cos 0) of each
    assert with_it["dihedral"] - without["dihedral"] == pytest.approx(2 * 1.5 * n, abs=1e-6)
    right = sander.single_point(tmp_path / "with.prmtop", inpcrd)
    assert with_it["dihedral"] == pytest.approx(right["dihedral"], abs=1e-3)


def test_sander_gets_whole_molecules(systems, tmp_path, monkeypatch):
    prmtop, inpcrd = systems("tip3p")
    monkeypatch.chdir(tmp_path)
    cut = wrapped(read_coordinates(inpcrd), read_topology(prmtop), "by atom")
    write_restart("cut.rst7", cut)
    Path("mdin").write_text(
        "x\n &cntrl imin=1, maxcyc=1, ntb=1, cut=8.0, ifmlp=1 /\n"
        " &mlp animask=':1-2', potential='mm' /\n"
    )
    energies = []
    for start in (inpcrd, Path("cut.rst7")):
        run(SanderRun(["-O", "-p", str(prmtop), "-c", str(start)], tmp_path))
        energies.append(re.search(r"EXTERNESCF =\s*(\S+)", Path("mdout").read_text())[1])
    assert float(energies[1]) == pytest.approx(float(energies[0]), abs=1e-3)


RESTRAINED = """x
 &cntrl imin=1, maxcyc=1, ntb=1, cut=8.0, ntr=1, restraint_wt=5.0, restraintmask=':1-2', ifmlp=1 /
 &mlp animask=':1-2', potential='mm' /
"""


@pytest.mark.parametrize("words", [[], ["-ref", "refc"]], ids=["default", "named"])
@pytest.mark.parametrize("how", ["by atom", "by molecule", "anywhere"])
def test_sander_restrains_to_the_image_beside_it(systems, how, words, tmp_path, monkeypatch):
    prmtop, inpcrd = systems("tip3p")
    monkeypatch.chdir(tmp_path)
    topology, read = read_topology(prmtop), read_coordinates(inpcrd)
    beside = replace(read, positions=read.positions + np.array([0.1, 0.0, 0.0]))
    write_restart("start.rst7", wrapped(read, topology, "by atom"))
    write_restart("refc", wrapped(beside, topology, how))
    Path("mdin").write_text(RESTRAINED)
    run(SanderRun(["-O", "-p", str(prmtop), "-c", "start.rst7", *words], tmp_path))
    energy = re.search(r"RESTRAINT\s*=\s*(\S+)", Path("mdout").read_text())[1]
    assert float(energy) == pytest.approx(5.0 * 12 * 0.1**2, abs=1e-3)  # 12 atoms


def test_restraints_in_sander_need_a_reference(systems, tmp_path, monkeypatch):
    prmtop, inpcrd = systems("tip3p")
    monkeypatch.chdir(tmp_path)
    Path("mdin").write_text(RESTRAINED)
    with pytest.raises(InputError, match=r"no file .*refc \(sander's flag -ref\), which ntr=1"):
        run(SanderRun(["-O", "-p", str(prmtop), "-c", str(inpcrd)], tmp_path))


EWALD = "ew_coeff=0.4, nfft1=64, nfft2=64, nfft3=64"


def test_energy_and_step_0_of_md_and_sander_agree(systems, tmp_path, monkeypatch):
    prmtop, inpcrd = systems("tip3p")
    monkeypatch.chdir(tmp_path)
    cntrl = "imin=0, nstlim=1, dt=0.0005, ntb=1, cut=8.0, ntpr=1, ntc=1, ntf=1, nscm=0"
    mlp = "&mlp animask='!:WAT', potential='mm' /"
    Path("mdin").write_text(f"x\n &cntrl {cntrl}, ifmlp=1 /\n &ewald {EWALD} /\n {mlp}\n")
    md = run_md(read_md_settings("mdin"), prmtop, inpcrd).energies[0].values["EPtot"]
    single = ours(prmtop, inpcrd, ewald_tolerance=None, ewald_coefficient=0.4, pme_grid=(64,) * 3)
    assert md == pytest.approx(single["total"], abs=0.05)
    Path("s.in").write_text(f"x\n &cntrl {cntrl} /\n &ewald {EWALD}, netfrc=0 /\n")
    run_program("sander", ["-O", "-i", "s.in", "-p", str(prmtop), "-c", str(inpcrd)],
                folder=tmp_path, log="sander.log")  # fmt: skip
    right = read_mdout(tmp_path / "mdout")[0].values["EPtot"]
    assert single["total"] == pytest.approx(right, abs=0.05)


@pytest.mark.parametrize("name", ["tip3p", "octahedron"])
def test_the_default_of_energy_is_the_converged_sum(systems, name):
    default, converged = (ours(*systems(name), ewald_tolerance=tol) for tol in (None, 1e-7))
    assert default["total"] == pytest.approx(converged["total"], abs=0.02)
