# SPDX-License-Identifier: MIT
"""Do tight binding, ASE and PySCF give what their own programs give, and refuse what is wrong?"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from merrow.errors import (
    InputError,
    MerrowError,
    MissingComponentError,
    NumericsError,
    UnsupportedPhysicsError,
)
from merrow.potentials import Molecule, load_potential
from merrow.potentials.ani.models import ANI_MODELS, METHANE
from merrow.potentials.qm import is_cartesian
from merrow.potentials.registry import located
from merrow.units import BOHR_ANGSTROM, EV_KCAL, HARTREE_KCAL

WATER = Molecule((8, 1, 1))
GEOMETRY = np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.77, -0.45]])
HYDROXIDE = Molecule((8, 1), charge=-1)
PAIR = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.97]])


def test_tight_binding_is_that_of_tblites_own_calculator_for_ase():
    ase = pytest.importorskip("ase")
    tblite = pytest.importorskip("tblite.ase")
    ours = load_potential("xtb:gfn2", WATER).evaluate(GEOMETRY[None])
    atoms = ase.Atoms("OHH", GEOMETRY)
    atoms.calc = tblite.TBLite(method="GFN2-xTB", accuracy=1e-4, verbosity=0)
    # ASE's bohr and Hartree differ from ours in the 9th digit
    assert ours.energies[0] / EV_KCAL == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
    np.testing.assert_allclose(ours.forces[0] / EV_KCAL, atoms.get_forces(), rtol=0, atol=1e-6)


def test_tight_binding_takes_ions_and_radicals_and_gives_their_charges():
    pytest.importorskip("tblite")
    answer = load_potential("xtb:gfn2", HYDROXIDE).evaluate(PAIR[None])
    assert answer.charges.sum() == pytest.approx(-1.0, abs=1e-6)
    radical = load_potential("xtb:gfn2", Molecule((8, 1), multiplicity=2)).evaluate(PAIR[None])
    assert radical.energies[0] > answer.energies[0]  # hydroxide binds its electron


def test_atoms_that_lie_on_each_other_are_named_by_conformer():
    pytest.importorskip("tblite")
    with pytest.raises(NumericsError, match="conformer 2"):
        load_potential("xtb:gfn2", WATER).evaluate(np.stack([GEOMETRY, 0 * GEOMETRY]))


CALCULATOR = """
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

ELEMENTS = ("H", 8)
CHARGED = {charged}
LEVEL_OF_THEORY = "springs to the middle"

class Springs(Calculator):
    implemented_properties = ["energy", "forces"]

    def __init__(self, charge):
        super().__init__()
        self.stiffness = 1.0 + charge

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        arm = atoms.positions - atoms.positions.mean(axis=0)
        energy = 0.5 * self.stiffness * (arm**2).sum()
        self.results = {{"energy": energy, "forces": -self.stiffness * arm}}

def make_calculator(numbers, charge, multiplicity):
    return Springs(charge)
"""


@pytest.fixture
def springs(tmp_path: Path) -> str:
    """Name of a potential that is a file of the user with a calculator of ASE."""
    pytest.importorskip("ase")
    path = tmp_path / "springs.py"
    path.write_text(CALCULATOR.format(charged=True))
    return f"ase:{path}"


def test_a_file_of_the_user_makes_a_potential_that_knows_the_charge(springs):
    arm = GEOMETRY - GEOMETRY.mean(axis=0)
    expected = 0.5 * (arm**2).sum() * EV_KCAL
    neutral = load_potential(springs, WATER).evaluate(GEOMETRY[None])
    assert neutral.energies == pytest.approx([expected])
    np.testing.assert_allclose(neutral.forces[0], -arm * EV_KCAL, atol=1e-12)
    ion = load_potential(springs, Molecule((8, 1, 1), charge=2)).evaluate(GEOMETRY[None])
    assert ion.energies == pytest.approx([3 * expected])


def test_the_energy_is_that_whose_slope_the_forces_are(springs):
    # ASE: a calculator with smeared electrons gives "energy" without their entropy, and forces of
    # "free_energy" with it
    plain = load_potential(springs, WATER).evaluate(GEOMETRY[None])
    path = Path(springs.partition(":")[2])
    both = '{{"energy": energy - 1.0 - 9.0 * arm[0, 2], "free_energy": energy, '
    path.write_text(CALCULATOR.replace('{{"energy": energy, ', both).format(charged=True))
    smeared = load_potential(springs, WATER).evaluate(GEOMETRY[None])
    np.testing.assert_array_equal(smeared.energies, plain.energies)
    np.testing.assert_array_equal(smeared.forces, plain.forces)


@pytest.mark.parametrize("factor", ["-1.0", "0.0", "23.06"])
def test_forces_that_are_no_slope_of_the_energy_are_refused(springs, factor):
    path = Path(springs.partition(":")[2])
    wrong = CALCULATOR.replace("-self.stiffness * arm", f"-{factor} * self.stiffness * arm")
    path.write_text(wrong.format(charged=True))
    told = rf"forces of ase:springs.py are not the slope of its energy but {float(factor):.2g} "
    with pytest.raises(UnsupportedPhysicsError, match=told):
        load_potential(springs, WATER).evaluate(GEOMETRY[None])


DATACLASSES = """from __future__ import annotations
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

@dataclass
class Options:
    count: ClassVar[int] = 1
    _: KW_ONLY
    stiffness: float = 1.0
"""


def modules_of(path):
    """Return what runs of a user's file are among the imported modules."""
    return [m for m in sys.modules.values() if getattr(m, "__file__", None) == str(path)]


def test_a_file_may_use_dataclasses_whose_annotations_are_text(springs):
    path = Path(springs.partition(":")[2])
    before = load_potential(springs, WATER).evaluate(GEOMETRY[None])
    path.write_text(DATACLASSES + CALCULATOR.format(charged=True))
    after = load_potential(springs, WATER).evaluate(GEOMETRY[None])
    np.testing.assert_array_equal(after.energies, before.energies)


def test_files_of_one_name_are_two_modules_and_the_objects_of_both_can_be_pickled(springs):
    path = Path(springs.partition(":")[2])
    other = path.parent / "other" / path.name
    other.parent.mkdir()
    for one, stiffness in ((path, 1.0), (other, 2.0)):
        text = DATACLASSES.replace("stiffness: float = 1.0", f"stiffness: float = {stiffness}")
        one.write_text(text + CALCULATOR.format(charged=True))
        load_potential(f"ase:{one}", WATER)
    first, second = (modules_of(one)[0].Options() for one in (path, other))
    assert (first.stiffness, second.stiffness) == (1.0, 2.0)
    assert pickle.loads(pickle.dumps([first, second])) == [first, second]


@pytest.mark.parametrize("content", ["1 / 0", "make = 1"])
def test_a_file_that_is_refused_leaves_no_module(tmp_path, content):
    pytest.importorskip("ase")
    path = tmp_path / "broken.py"
    path.write_text(content)
    with pytest.raises(InputError):
        load_potential(f"ase:{path}", WATER)
    assert modules_of(path) == []


def test_the_identity_is_the_content_of_the_file(springs):
    path = Path(springs.partition(":")[2])
    first = load_potential(springs, WATER).identity
    path.write_text(path.read_text() + "# another\n")
    assert load_potential(springs, WATER).identity != first


def test_what_a_file_says_is_believed(springs):
    with pytest.raises(UnsupportedPhysicsError, match="atom 1 is C"):
        load_potential(springs, Molecule((6, 1, 1, 1, 1)))
    path = Path(springs.partition(":")[2])
    path.write_text(CALCULATOR.format(charged=False))
    with pytest.raises(UnsupportedPhysicsError, match=r"net charge of -1.*made for neutral"):
        load_potential(springs, HYDROXIDE)


def test_a_path_in_a_name_is_made_absolute_and_other_names_are_left_alone(springs):
    path = Path(springs.partition(":")[2])
    assert located("ase:springs.py", path.parent) == springs
    assert located("ase:ase.calculators.emt.EMT", path.parent) == "ase:ase.calculators.emt.EMT"
    assert located("ani2x", path.parent) == "ani2x"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("def make_calculator(", "cannot be run (SyntaxError"),
        ("import nothing_of_this_name", "cannot be run (ModuleNotFoundError"),
        ("make = 1", "has no function make_calculator"),
        ("ELEMENTS = ['Xx']\ndef make_calculator(*_): pass", "ELEMENTS holds 'Xx'"),
        ("def make_calculator(numbers): pass", "makes no calculator (TypeError"),
    ],
)
def test_a_file_that_is_no_calculator_is_refused_in_one_sentence(tmp_path, content, told):
    pytest.importorskip("ase")
    path = tmp_path / "mine.py"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        load_potential(f"ase:{path}", WATER)
    assert told in str(caught.value)
    assert "mine.py" in str(caught.value)


def test_a_calculator_that_fails_is_named(tmp_path):
    pytest.importorskip("ase")
    path = tmp_path / "mine.py"
    path.write_text("def make_calculator(*_): return object()")
    with pytest.raises(MerrowError, match=r"mine.py fails on conformer 1 \(AttributeError"):
        load_potential(f"ase:{path}", WATER).evaluate(GEOMETRY[None])


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("ase:lost.py", InputError, "there is no file lost.py"),
        ("ase:EMT", InputError, "neither ase:package.module.Class nor ase:FILE.py"),
        ("ase:ase.calculators.emt.ETM", InputError, "has no ETM"),
        ("ase:no_such_package.Calculator", MissingComponentError, "install its package"),
        ("qm:wb97x", InputError, "not of the form qm:METHOD/BASIS"),
        ("qm:wb97x/6-31g*/fast", InputError, "not of the form qm:METHOD/BASIS"),
        ("qm:wb98x/6-31g*", InputError, "knows no functional 'wb98x'"),
        ("qm:wb97x-v/6-31g*", UnsupportedPhysicsError, "non-local correlation"),
        ("qm:b97-d/6-31g*", UnsupportedPhysicsError, "without its dispersion"),
        ("qm:wb97x-d3/6-31g*", UnsupportedPhysicsError, "cannot compute wb97x-d3"),
        ("qm:lda/sto-3g", InputError, "reads 'lda' as 1 LDA_X, which is no whole functional"),
        ("qm:pbe0-2/sto-3g", InputError, "1 HYB_GGA_XC_PBEH + -1 LDA_C_WIGNER"),
        ("qm:b3lyp-1/sto-3g", InputError, "1 HYB_GGA_XC_B3LYP + -1 LDA_X"),
        ("qm:b97_3c/sto-3g", UnsupportedPhysicsError, "cannot compute b97_3c"),
        ("qm:hf/6-32g", UnsupportedPhysicsError, "no basis set '6-32g' for H"),
        ("qm:hf/6-31g(2df,p)", UnsupportedPhysicsError, "pure f functions for O, which PySCF"),
    ],
)
def test_a_name_that_means_nothing_is_refused_in_one_sentence(name, error, told):
    for package in ("ase", "pyscf"):
        pytest.importorskip(package)
    with pytest.raises(error) as caught:
        load_potential(name, WATER)
    assert told in str(caught.value)


@pytest.mark.parametrize("name", ["xtb:gfn2", "qm:hf/sto-3g", "ase:ase.calculators.emt.EMT"])
def test_weights_are_refused_where_there_are_none(name, tmp_path):
    with pytest.raises(InputError, match="weights"):
        load_potential(name, WATER, weights=tmp_path)


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [("xtb:gfn2", "tblite.interface", "xtb"), ("qm:hf/sto-3g", "pyscf.dft.libxc", "qm")],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    name, module, extra, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingComponentError, match=rf"pip install 'merrow\[{extra}\]'"):
        load_potential(name, WATER)


def test_hartree_fock_is_that_of_pyscf_itself():
    gto = pytest.importorskip("pyscf.gto")
    scf = pytest.importorskip("pyscf.scf")
    mol = gto.M(atom=list(zip("OHH", GEOMETRY, strict=True)), basis="sto-3g", verbose=0)
    field = scf.RHF(mol).run(conv_tol=1e-11)
    ours = load_potential("qm:hf/sto-3g", WATER).evaluate(GEOMETRY[None])
    assert ours.energies[0] / HARTREE_KCAL == pytest.approx(field.e_tot, abs=1e-9)
    slope = field.nuc_grad_method().kernel()
    forces = ours.forces[0] * BOHR_ANGSTROM / HARTREE_KCAL
    np.testing.assert_allclose(forces, -slope, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("basis", "functions"), [("6-31g*", "cartesian"), ("def2-svp", "pure")])
def test_d_functions_are_those_of_which_the_basis_set_was_made(basis, functions):
    # Gaussian's list of sets with six d functions has 3-21G and 6-31G, not 6-311G and def2
    gto = pytest.importorskip("pyscf.gto")
    scf = pytest.importorskip("pyscf.scf")
    atoms = list(zip("OHH", GEOMETRY, strict=True))
    mol = gto.M(atom=atoms, basis=basis, cart=functions == "cartesian", verbose=0)
    ours = load_potential(f"qm:hf/{basis}", WATER).evaluate(GEOMETRY[None])
    energy = scf.RHF(mol).run(conv_tol=1e-11).e_tot
    assert ours.energies[0] / HARTREE_KCAL == pytest.approx(energy, abs=1e-9)


@pytest.mark.parametrize("method", ["lda,vwn", "svwn", "blyp", "hf,lyp", "m06-2x", "b97-2"])
def test_a_whole_functional_is_taken(method):
    pytest.importorskip("pyscf")
    assert load_potential(f"qm:{method}/sto-3g", WATER).capabilities.name == f"qm:{method}/sto-3g"


def test_sets_with_cartesian_d_functions_are_recognised():
    cartesian = ("6-31g*", "6-31+G(d)", "631g**", "3-21g", "6-31++gss")
    pure = ("6-311g*", "6-311++g**", "def2-svp", "cc-pvdz", "sto-3g")
    assert all(map(is_cartesian, cartesian))
    assert not any(map(is_cartesian, pure))


def test_the_reference_of_ani_is_what_ani_was_trained_on():
    # ANI-1x reproduces its training data of methane within 0.2 kcal/mol; five d functions miss
    # them by 0.45
    pytest.importorskip("pyscf")
    numbers = tuple(number for number, _ in METHANE)
    positions = np.array([[position for _, position in METHANE]])
    energy = load_potential("qm:wb97x/6-31g*/df", Molecule(numbers)).evaluate(positions).energies[0]
    trained = ANI_MODELS["ani1x"].methane_hartree * HARTREE_KCAL
    assert energy == pytest.approx(trained, abs=0.2)


def test_core_electrons_that_the_basis_leaves_out_are_a_potential():
    # HI is 1.609 Å long (NIST): the force changes sign there, and iodine keeps 25 electrons
    pytest.importorskip("pyscf")
    iodide = load_potential("qm:hf/def2-svp", Molecule((1, 53)))
    lengths = np.array([1.55, 1.67])
    answer = iodide.evaluate(lengths[:, None, None] * np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert answer.forces[0, 1, 2] > 0 > answer.forces[1, 1, 2]
    assert answer.energies[0] / HARTREE_KCAL == pytest.approx(-297.23, abs=0.01)


def test_a_correction_whose_program_is_not_here_is_named():
    dispersion = pytest.importorskip("pyscf.scf.dispersion")
    if dispersion.dispersion is not None:
        pytest.skip("pyscf-dispersion is installed")
    with pytest.raises(MissingComponentError, match="pip install pyscf-dispersion"):
        load_potential("qm:b3lyp-d3bj/sto-3g", WATER)


def test_a_failure_of_pyscf_is_told_with_the_conformer(monkeypatch):
    pytest.importorskip("pyscf")
    hydrogen = load_potential("qm:hf/sto-3g", Molecule((1, 1)))
    with pytest.raises(NumericsError, match="conformer 1"):
        hydrogen.evaluate(np.zeros((1, 2, 3)))


def test_an_open_shell_is_unrestricted():
    pytest.importorskip("pyscf")
    oxygen = np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 1.2]]])
    triplet = load_potential("qm:hf/sto-3g", Molecule((8, 8), multiplicity=3)).evaluate(oxygen)
    singlet = load_potential("qm:hf/sto-3g", Molecule((8, 8))).evaluate(oxygen)
    assert triplet.energies[0] < singlet.energies[0]


def test_density_fitting_changes_the_energy_a_little():
    pytest.importorskip("pyscf")
    exact = load_potential("qm:hf/sto-3g", WATER).evaluate(GEOMETRY[None])
    fitted = load_potential("qm:hf/sto-3g/df", WATER).evaluate(GEOMETRY[None])
    difference = abs(fitted.energies[0] - exact.energies[0])
    assert 1e-6 < difference < 1.0  # kcal/mol: an auxiliary basis errs by some 1e-4 Hartree
