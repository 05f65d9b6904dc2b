# SPDX-License-Identifier: MIT
"""Is a region of two molecules one Hamiltonian, wherever in the lattice its molecules are written?

Methane beside ethanol in 170 waters, all of the pair within the cutoff; Reference platform.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import parmed
import pytest
from hybrids import Box, Python, context_of, energy, forces, read_box, slope

from mdout_reader import read_mdout
from merrow.amber.coordinates import Coordinates, write_restart
from merrow.amber.topology import AmberTopology
from merrow.amber.trajectory import RestartMetadata, read_trajectory, write_netcdf_restart
from merrow.ambertools.sander import single_point as sander_energy
from merrow.ambertools.solvent import solvate
from merrow.errors import InputError, NumericsError
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md
from merrow.single_point import SinglePoint, single_point
from merrow.system.build import base_system
from merrow.system.images import reach_of, together
from merrow.system.region import select_region
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ

METHANE, ETHANOL, BOTH = "methane", "ethanol", ":1-2"
WATERS, CUTOFF = 170, 0.8
"""8 Å; the pair is 7 Å long, so every pair within it is inside the cutoff of plain MM too."""

MD = """two molecules
 &cntrl
  imin=0, nstlim={steps}, dt=0.001, ntb={ntb}, cut=8.0, ntc=2, ntf=2, ntpr=2, ntwx=4, ntwr=4, ig=3,
  {more} ifmlp=1
 /
 &mlp animask=':1-2', potential='mm' /
"""
NPT = MD.format(
    steps="{steps}", ntb=2, more="ntp=1, mcbarint=2, ntt=3, gamma_ln=2.0, iwrap=1, {start}"
)


@pytest.fixture(scope="module")
def pair(systems, tmp_path_factory) -> Box:
    """Methane and ethanol 4.2 Å apart in water, with the prmtop of both in vacuum."""
    folder = tmp_path_factory.mktemp("pair")
    parts, positions = [], []
    for name, shift in ((METHANE, 0.0), (ETHANOL, 4.2)):
        base = systems / name
        parts.append(parmed.load_file(f"{base}.prmtop", f"{base}.inpcrd"))
        x = parts[-1].coordinates
        positions.append(x - x.mean(axis=0) + [shift, 0.0, 0.0])
    gas = folder / "pair.prmtop"
    (parts[0] + parts[1]).write_parm(str(gas))
    write_restart(gas.with_suffix(".inpcrd"), Coordinates(np.concatenate(positions)))
    wet = solvate(gas, gas.with_suffix(".inpcrd"), folder=folder / "wet", n_waters=WATERS)
    box = read_box(gas, *wet)
    region = select_region(box.topology, BOTH, several=True)
    return Box(gas, *wet, box.topology, region, box.positions, box.vectors)


def hybrid_of(pair: Box, potential=None, *, tail: bool = False):
    return pair.hybrid(potential, nonbonded=pair.nonbonded(cutoff=CUTOFF, lj_tail=tail))


def moved(pair: Box, way: tuple[int, int, int]) -> np.ndarray:
    """Positions [nm] with ethanol written some box vectors away."""
    positions = pair.positions.copy()
    positions[5:14] += np.array(way, dtype=float) @ pair.vectors
    return positions


def written(pair: Box, positions: np.ndarray, path: Path) -> Path:
    edges = np.diag(pair.vectors) * ANGSTROM_PER_NM
    write_restart(path, Coordinates(positions * ANGSTROM_PER_NM, None, edges, np.full(3, 90.0)))
    return path


def test_with_its_mm_terms_the_pair_gives_plain_mm_back(pair):
    nonbonded = pair.nonbonded(cutoff=CUTOFF)
    plain = context_of(
        base_system(pair.topology, nonbonded, rigid_water=False), pair.positions, pair.vectors
    )
    ours = context_of(hybrid_of(pair).system, pair.positions, pair.vectors)
    # Each pair of methane and ethanol is taken out of PME and put back as one vacuum pair; A and B
    # have nine digits (see the identities of one molecule).
    assert energy(ours) == pytest.approx(energy(plain), abs=1e-5)
    np.testing.assert_allclose(forces(ours), forces(plain), atol=1e-3, rtol=1e-7)


def test_ml_replaces_the_mm_energy_of_the_pair_as_other_programs_have_it(pair, ani, tmp_path):
    x = pair.positions[pair.atoms] * ANGSTROM_PER_NM
    potential = ani("ani2x", pair.region.molecule)
    ours = energy(context_of(hybrid_of(pair, potential).system, pair.positions, pair.vectors))
    nonbonded = pair.nonbonded(cutoff=CUTOFF)
    plain = base_system(pair.topology, nonbonded, rigid_water=False)
    whole = energy(context_of(plain, pair.positions, pair.vectors))
    write_restart(tmp_path / "pair.rst7", Coordinates(x))
    inner = sander_energy(pair.gas, tmp_path / "pair.rst7")["total"]
    expected = whole * KCAL_PER_KJ - inner + float(potential.evaluate(x[None]).energies[0])
    # sander prints four decimals and has its own Coulomb constant, 3.5e-5 larger: 1e-3 of 20
    assert ours * KCAL_PER_KJ == pytest.approx(expected, abs=3e-3)


@pytest.mark.parametrize("native", [True, False])
def test_forces_are_slopes_of_the_energy_on_both_molecules(pair, ani, native):
    potential = None if native else ani("ani2x", pair.region.molecule)
    context = context_of(hybrid_of(pair, potential, tail=True).system, pair.positions, pair.vectors)
    force, random = forces(context), np.random.default_rng(4)
    for atom in (0, 2, 5, 7, 13, 14, 40):
        way = random.normal(size=3)
        way /= np.linalg.norm(way)
        expected = -slope(context, pair.positions, atom, way)
        # E_ML is -5e5 kJ/mol here, whose last bit is 6e-11: 3e-5 of the slope, and 0.02 with the
        # sums of the networks in it
        assert force[atom] @ way == pytest.approx(expected, rel=1e-5, abs=0.01 if native else 0.05)


@pytest.mark.parametrize("way", [(1, 0, 0), (0, -1, 2), (-3, 1, 1)])
def test_energy_and_forces_do_not_mind_a_box_vector_between_the_molecules(pair, tmp_path, way):
    def ask(positions, name):
        crd = written(pair, positions, tmp_path / name)
        return single_point(SinglePoint(pair.prmtop, crd, BOTH, f"mm:{pair.gas}", cutoff=8.0))

    here = ask(pair.positions, "here.rst7")
    there = ask(moved(pair, way), "there.rst7")
    # files keep 1e-7 Å, forces are below 1e3 kcal/mol/Å and few
    assert there.total == pytest.approx(here.total, abs=1e-4)
    np.testing.assert_allclose(there.forces, here.forces, atol=2e-3)


def test_without_the_right_image_the_energy_would_be_another(pair):
    hybrid = hybrid_of(pair, Python(pair.classical))
    here = energy(context_of(hybrid.system, pair.positions, pair.vectors))
    there = energy(context_of(hybrid.system, moved(pair, (1, 0, 0)), pair.vectors))
    assert abs(there - here) > 1.0  # kJ/mol


def test_the_images_are_found_in_a_box_that_leans(pair):
    box = np.array([[20.0, 0.0, 0.0], [6.0, 18.0, 0.0], [-5.0, 7.0, 17.0]])
    close = pair.positions * ANGSTROM_PER_NM
    for way in ((1, 0, 0), (0, -1, 2), (-3, 1, 1)):
        far = close.copy()
        far[5:14] += np.array(way, dtype=float) @ box
        near = together(far, box, pair.region, source="a test")
        np.testing.assert_allclose(near, close, atol=1e-12)
    assert together(close, box, pair.region, source="a test") is not close
    assert np.array_equal(together(close, box, pair.region, source="a test"), close)
    assert reach_of(close, box, pair.region).limit == 8.5


def test_molecules_further_apart_than_half_the_box_are_refused(pair, tmp_path):
    positions = pair.positions.copy()
    positions[5:14] += [0.3, 0.0, 0.0]
    crd = written(pair, positions, tmp_path / "far.rst7")
    with pytest.raises(
        InputError, match=r"too far apart in .*far.rst7: :1@\S+ and :2@\S+ are"
    ) as e:
        single_point(SinglePoint(pair.prmtop, crd, BOTH, f"mm:{pair.gas}", cutoff=8.0))
    assert "half the box is 9.2 Å; put them together, or take a larger box" in str(e.value)


@pytest.fixture
def md(pair, tmp_path, monkeypatch):
    """Run an input from coordinates; return the values of mdout's last block."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, crd: Path) -> dict[str, float]:
        Path("mdin").write_text(text)
        run_md(read_md_settings("mdin"), pair.prmtop, crd, overwrite=True)
        return read_mdout(Path("mdout"))[-1].values

    return run


def test_a_run_from_another_image_is_the_same_run_and_frames_keep_the_pair(pair, md, tmp_path):
    text = NPT.format(steps=4, start="tempi=300.0,")
    here = md(text, written(pair, pair.positions, tmp_path / "here.rst7"))
    assert "molecules= 2, in one image" in Path("mdout").read_text()
    there = md(text, written(pair, moved(pair, (1, -1, 0)), tmp_path / "there.rst7"))
    # the text of the coordinates keeps 1e-7 Å, single precision 1e-3 of some thousand kcal/mol
    assert there["EML"] == pytest.approx(here["EML"], abs=1e-3)
    assert there["VOLUME"] == pytest.approx(here["VOLUME"], abs=1e-2)
    frames = read_trajectory(Path("mdcrd"))
    x = frames.positions[-1][pair.atoms]
    assert np.linalg.norm(x[:5].mean(axis=0) - x[5:].mean(axis=0)) < 6.0
    assert np.all((x.mean(axis=0) > 0) & (x.mean(axis=0) < frames.lengths[-1]))


def test_a_run_of_two_molecules_goes_on_bit_for_bit(pair, md, tmp_path):
    start = written(pair, moved(pair, (0, 0, 1)), tmp_path / "start.rst7")
    md(NPT.format(steps=8, start="tempi=300.0,"), start)
    whole = Path("restrt").read_bytes()
    md(NPT.format(steps=4, start="tempi=300.0,"), start)
    Path("restrt").rename("half.rst")
    md(NPT.format(steps=4, start="irest=1, ntx=5,"), Path("half.rst"))
    assert Path("restrt").read_bytes() == whole


def test_molecules_that_come_apart_stop_the_run(pair, md, tmp_path):
    x = pair.positions * ANGSTROM_PER_NM
    v = np.zeros_like(x)
    v[5:14, 0] = 400.0  # Å/ps, through everything: 0.4 Å in a step of 1 fs
    edges = np.diag(pair.vectors) * ANGSTROM_PER_NM
    path = tmp_path / "apart.rst"
    write_netcdf_restart(path, Coordinates(x, v, edges, np.full(3, 90.0)), RestartMetadata(0.0))
    text = MD.format(steps=20, ntb=1, more="ntt=0, irest=1, ntx=5,")
    with pytest.raises(NumericsError, match=r"of the ML region came apart before step \d+: :1@"):
        md(text, path)
    assert "ERROR: the molecules of the ML region came apart" in Path("mdout").read_text()


def test_a_mask_may_ask_for_distances_but_not_where_a_run_goes_on(pair, md, tmp_path):
    text = NPT.replace("':1-2'", "':1<:6.0 & !:WAT'")
    md(text.format(steps=2, start="tempi=300.0,"), pair.inpcrd)
    assert "atoms    = 14 (C 3, H 10, O 1)" in Path("mdout").read_text()
    Path("restrt").rename("half.rst")
    with pytest.raises(InputError, match="selects by distance, which has changed since the run"):
        md(text.format(steps=2, start="irest=1, ntx=5,"), Path("half.rst"))


def test_a_molecule_too_many_is_still_refused_where_a_free_energy_needs_one(pair):
    with pytest.raises(InputError, match="selects 2 molecules; the ML region must be one"):
        select_region(pair.topology, BOTH)
    topology: AmberTopology = pair.topology
    assert select_region(topology, ":1").parts == ()
    assert pair.region.parts == (topology.molecules[0], topology.molecules[1])
