# SPDX-License-Identifier: MIT
"""Are openmm-ml's potentials asked rightly, and are those refused whose forces are no slopes?"""

from __future__ import annotations

import os
import pickle
import shutil
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch

from merrow.errors import (
    InputError,
    MissingComponentError,
    NumericsError,
    UnsupportedPhysicsError,
)
from merrow.potentials import Molecule, load_potential
from merrow.potentials.registry import describe
from merrow.testing import DOUBLE, METHANOL, METHANOL_GEOMETRY, check_potential

openmmml = pytest.importorskip("openmmml", reason="pip install 'merrow[openmmml]'")

WATER = Molecule((8, 1, 1))
GEOMETRY = np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.77, -0.45]])
TRIANGLE = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, np.sqrt(0.75), 0.0]])
TINY = Path(__file__).resolve().parents[2] / "data" / "tiny_mace.model"


class Springs(openmmml.mlpotential.MLPotentialImpl):
    """Springs of 1 Å between all pairs; its forces are multiplied by a factor that should be 1."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def addForces(self, topology, system, atoms, force_group, **args):
        def compute(state):
            x = state.getPositions(asNumpy=True)._value
            arm = x[:, None] - x[None]
            r = np.sqrt((arm**2).sum(-1)) + 0.1 * np.eye(len(x))
            pull = (2e5 * (1 - 0.1 / r))[..., None] * arm
            return 5e4 * ((r - 0.1) ** 2).sum(), -self.factor * pull.sum(1)

        system.addForce(openmm.PythonForce(compute))


class Tblite(openmmml.models.asepotential.ASEPotentialImpl):
    """GFN2-xTB by openmm-ml's own way to calculators of ASE."""

    def addForces(self, *words, **args):
        make = import_module("tblite.ase").TBLite
        calculator = make(method="GFN2-xTB", accuracy=1e-4, verbosity=0)
        super().addForces(*words, calculator=calculator)


class Unpickler(Springs):
    """It reads its file as openmm-ml reads those of TorchMD-Net."""

    def __init__(self, modelPath: str) -> None:
        super().__init__(torch.load(modelPath, weights_only=False)["factor"])


class Factory(openmmml.mlpotential.MLPotentialImplFactory):
    def __init__(self, make) -> None:
        self.make = make

    def createImpl(self, name, **args):
        return self.make(**args)


@pytest.fixture
def register(monkeypatch):
    """Return a function that makes a plug-in of openmm-ml for one test."""

    def add(name, make):
        monkeypatch.setitem(openmmml.MLPotential._implFactories, name, Factory(make))
        return f"openmmml:{name}"

    return add


def test_a_plug_in_of_openmm_ml_keeps_the_contract(register):
    name = register("springs", lambda: Springs(1.0))
    assert "forces are −∂E/∂x [kcal/mol/Å]" in [
        finding.promise for finding in check_potential(name, tolerances=DOUBLE)
    ]


def test_gfn2_through_openmm_ml_is_ours(register):
    pytest.importorskip("tblite.ase", reason="pip install 'merrow[xtb]'")
    ours = load_potential("xtb:gfn2", WATER).evaluate(GEOMETRY[None])
    theirs = load_potential(register("gfn2", lambda: Tblite("ase")), WATER).evaluate(GEOMETRY[None])
    # ASE's Hartree and bohr differ from ours in the 9th digit; the total is 3e3 kcal/mol
    np.testing.assert_allclose(theirs.energies, ours.energies, rtol=0, atol=3e-5)
    np.testing.assert_allclose(theirs.forces, ours.forces, rtol=0, atol=3e-5)


@pytest.fixture
def mace(tmp_path, monkeypatch) -> str:
    """A MACE by the name under which openmm-ml looks for it in the cache of mace-torch."""
    pytest.importorskip("mace", reason="pip install 'merrow[mace]'")
    (tmp_path / "mace").mkdir()
    shutil.copy(TINY, tmp_path / "mace" / "MACE-OFF23_small.model")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return "openmmml:mace-off23-small"


@pytest.mark.slow  # mace-torch's calculators take long to import
def test_a_mace_through_openmm_ml_is_ours_and_leaves_the_safety_catch_on(mace):
    before = {key: value for key, value in os.environ.items() if "WEIGHTS_ONLY" in key}
    theirs = load_potential(mace, METHANOL, precision="float64").evaluate(METHANOL_GEOMETRY[None])
    assert {key: value for key, value in os.environ.items() if "WEIGHTS_ONLY" in key} == before
    ours = load_potential(f"mace:{TINY}", METHANOL, precision="float64")
    ours = ours.evaluate(METHANOL_GEOMETRY[None])
    # openmm-ml counts 96.4853 kJ/mol to an eV, 3.3e-7 less than there are
    np.testing.assert_allclose(theirs.energies, ours.energies, rtol=4e-7)
    np.testing.assert_allclose(theirs.forces, ours.forces, rtol=4e-7, atol=1e-7)


@pytest.mark.slow
def test_a_mace_through_openmm_ml_keeps_the_contract(mace):
    assert "there is no torque [kcal/mol]" in [f.promise for f in check_potential(mace)]  # float64


@pytest.mark.skipif(version("openmmml") != "1.8", reason="later versions may have set it right")
def test_the_ani_of_openmm_ml_1_8_is_refused_for_forces_that_are_a_tenth(
    random_weights, monkeypatch
):
    monkeypatch.setenv("TORCHANI_DATA_DIR", str(random_weights.parent))
    potential = load_potential("openmmml:ani2x", METHANOL)
    with pytest.raises(
        UnsupportedPhysicsError, match=r"not the slope of its energy but 0\.1 times"
    ):
        potential.evaluate(METHANOL_GEOMETRY[None])


@pytest.mark.parametrize("factor", [0.1, 10.0, -1.0, 0.0, 0.8])
@pytest.mark.parametrize("geometry", [GEOMETRY, TRIANGLE], ids=["on a slope", "at the minimum"])
def test_forces_that_are_not_slopes_are_refused_wherever_one_begins(register, factor, geometry):
    potential = load_potential(register("springs", lambda: Springs(factor)), WATER)
    with pytest.raises(UnsupportedPhysicsError, match="another version of openmm-ml"):
        potential.evaluate(geometry[None])


def test_forces_that_are_no_numbers_are_refused_as_such(register):
    potential = load_potential(register("springs", lambda: Springs(float("nan"))), WATER)
    with pytest.raises(NumericsError, match="gets no finite energy or force"):
        potential.evaluate(GEOMETRY[None])


def test_right_forces_pass_at_the_minimum_and_after_a_pickle(register):
    potential = load_potential(register("springs", lambda: Springs(1.0)), WATER)
    assert potential.evaluate(TRIANGLE[None]).energies == pytest.approx([0.0], abs=1e-9)
    copy = pickle.loads(pickle.dumps(potential))
    assert np.array_equal(
        copy.evaluate(GEOMETRY[None]).forces, potential.evaluate(GEOMETRY[None]).forces
    )


def test_it_may_be_asked_from_within_another_context(register):
    potential = load_potential(register("springs", lambda: Springs(1.0)), WATER)

    def compute(state):
        answer = potential.evaluate(state.getPositions(asNumpy=True)._value[None] * 10.0)
        return answer.energies[0], answer.forces[0]

    system = openmm.System()
    for _ in range(3):
        system.addParticle(1.0)
    system.addForce(openmm.PythonForce(compute))
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(GEOMETRY / 10.0)
    asked = context.getState(getEnergy=True).getPotentialEnergy()._value
    # the CPU platform's positions are float32
    assert asked == pytest.approx(potential.evaluate(GEOMETRY[None]).energies[0], rel=1e-5)


class Evil:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_a_file_is_read_but_no_program_in_it_runs(register, tmp_path):
    trace, good, evil = (tmp_path / name for name in ("executed", "good.pt", "evil.pt"))
    torch.save({"factor": 1.0}, good)
    torch.save({"factor": 1.0, "more": Evil(trace)}, evil)
    name = register("unpickler", Unpickler)
    assert load_potential(name, WATER, weights=good).evaluate(GEOMETRY[None])
    with pytest.raises(InputError, match=r"does not make unpickler .*Weights only load failed"):
        load_potential(name, WATER, weights=evil)
    assert not trace.exists()
    with pytest.raises(InputError, match="write mace:FILE"):
        load_potential("openmmml:mace", METHANOL, weights=TINY)
    with pytest.raises(InputError, match=r"ani2x has weights of its own; leave out --weights"):
        load_potential("openmmml:ani2x", WATER, weights=good)
    with pytest.raises(InputError, match=r"there is no weights file .*lost\.pt"):
        load_potential(name, WATER, weights=tmp_path / "lost.pt")


def test_what_openmm_ml_does_not_know_or_cannot_load_is_said(register):
    with pytest.raises(InputError, match=r"has no potential 'ani9'; it has .*ani2x, ase"):
        load_potential("openmmml:ani9", WATER)
    with pytest.raises(InputError, match=r"does not make ase .*a Calculator must be provided"):
        load_potential("openmmml:ase", WATER)
    with pytest.raises(UnsupportedPhysicsError, match="made for neutral molecules"):
        load_potential(register("springs", lambda: Springs(1.0)), Molecule((8, 1), charge=-1))
    assert describe("openmmml:aimnet2").capabilities.charged


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "orb_models", None)
    with pytest.raises(MissingComponentError, match=r"orb-v3-conservative-omol needs a package"):
        load_potential("openmmml:orb-v3-conservative-omol", WATER)
    monkeypatch.setitem(sys.modules, "openmmml", None)
    with pytest.raises(MissingComponentError, match=r"pip install 'merrow\[openmmml\]'"):
        load_potential("openmmml:ani2x", WATER)
