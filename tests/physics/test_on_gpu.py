# SPDX-License-Identifier: MIT
"""On a real GPU: does it compute what Reference and the processor compute, shared and in graphs?

Skipped by name where there is none (`tests/expected_skips.txt`); `pytest -m gpu tests/physics` runs
all of them, and `benchmarks/gpu/kit.py` measures.
"""

from __future__ import annotations

import os
import pickle
import time
from pathlib import Path

import numpy as np
import openmm as mm
import pytest
import torch
from hybrids import Python, context_of, energy, forces

from merrow.engine.platforms import platform_names
from merrow.engine.record import set_state, take_record
from merrow.engine.relax import relax
from merrow.engine.simulation import choose_platform
from merrow.executor import process_pool
from merrow.mps import PIPES, shared_gpu
from merrow.potentials.ani.static_engine import StaticAni
from merrow.potentials.ani.torch_engine import TorchAni
from merrow.potentials.mace.files import read_mace
from merrow.potentials.mace.network import FIXED, MaceEngine
from merrow.samples import LambdaState
from merrow.testing import METHANOL, METHANOL_GEOMETRY
from merrow.units import HARTREE_KCAL
from stand_ins import random_ani

if not torch.cuda.is_available() or "CUDA" not in platform_names():
    pytest.skip("there is no GPU with CUDA for torch and OpenMM", allow_module_level=True)

pytestmark = pytest.mark.gpu

STATES = (LambdaState(1.0, 1.0), LambdaState(0.5, 1.0), LambdaState(0.0, 0.5), LambdaState(0, 0))


@pytest.mark.parametrize("state", STATES)
def test_the_path_on_cuda_is_that_of_reference(acetone, state):
    edges = tuple(np.diag(acetone.vectors).tolist())
    options = {"nonbonded": acetone.nonbonded(lj_tail=True), "rigid": True}  # as in a run: bonds
    # of flexible waters alone give 3e-5, of float32 positions (H200, mixed precision)
    found, truth = acetone.hybrid(gpu_edges=edges, **options), acetone.hybrid(**options)
    exact = context_of(truth.system, acetone.positions, acetone.vectors)
    integrator = mm.VerletIntegrator(0.001)
    cuda = mm.Context(found.system, integrator, *choose_platform("CUDA"))
    cuda.setPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in acetone.vectors))
    cuda.setPositions(acetone.positions)
    assert cuda.getPlatform().getPropertyValue(cuda, "Precision") == "mixed"
    for context in (cuda, exact):
        set_state(context, state)
    assert energy(cuda) == pytest.approx(energy(exact), abs=0.05)
    wrong = np.linalg.norm(forces(cuda) - forces(exact)) / np.linalg.norm(forces(exact))
    assert wrong < 2e-5
    records = [
        take_record(context, hybrid, STATES, here=state, temperature=298.15)
        for context, hybrid in ((cuda, found), (exact, truth))
    ]
    np.testing.assert_allclose(records[0].u, records[1].u, atol=0.02)
    np.testing.assert_allclose(records[0].dvdl, records[1].dvdl, atol=0.1)


def test_a_relaxation_holds_the_region_of_a_network(acetone):
    hybrid = acetone.hybrid(Python(acetone.classical), rigid=True)
    cuda = mm.Context(hybrid.system, mm.VerletIntegrator(0.001), *choose_platform("CUDA"))
    cuda.setPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in acetone.vectors))
    cuda.setPositions(acetone.positions)
    relax(cuda, hybrid)
    found = cuda.getState(getPositions=True).getPositions(asNumpy=True)._value
    moved, own = np.abs(found - acetone.positions).max(axis=1), list(acetone.region.atoms)
    assert moved[own].max() < 1e-6
    assert np.median(np.delete(moved, own)) > 1e-4


@pytest.mark.parametrize("rows", [1, 4, 64])
def test_ani_as_one_graph_is_ani(rows):
    numbers = (6, 6, 8, 1, 1, 1, 1, 1, 1)
    parameters = random_ani("ani1ccx").pruned(numbers)
    random = np.random.default_rng(rows)
    for engine in [StaticAni(parameters, numbers, "float32", "cuda") for _ in range(2)]:
        for _ in range(3):  # captured, replayed, and replayed for other conformers
            positions = random.uniform(-1.8, 1.8, (rows, 9, 3))
            found = engine.evaluate(positions)
            truth = TorchAni(parameters, numbers, "float64").evaluate(positions)
            assert HARTREE_KCAL * np.abs(found[0] - truth[0]).max() < 1e-2
            largest = HARTREE_KCAL * np.abs(truth[1]).max()
            assert HARTREE_KCAL * np.abs(found[1] - truth[1]).max() < max(1e-2, 1e-5 * largest)
        assert engine._programs[rows]._graph is not None
    pickle.loads(pickle.dumps(engine)).evaluate(positions)


@pytest.mark.parametrize("rows", [1, 4])
def test_a_mace_as_one_graph_is_that_mace(rows):
    pytest.importorskip("mace", reason="mace-torch is not installed")
    parameters = read_mace(Path(__file__).parents[1] / "data" / "tiny_mace.model")
    there, here = (MaceEngine(parameters, METHANOL.numbers, "float32", d) for d in ("cuda", "cpu"))
    there._ways = {rows: FIXED}
    random = np.random.default_rng(rows)
    for _ in range(3):
        positions = METHANOL_GEOMETRY + random.normal(0.0, 0.08, (rows, 6, 3))
        found, truth = there.evaluate(positions), here.evaluate(positions)
        assert np.abs(found.energies - truth.energies).max() < 1e-2
        assert np.abs(found.forces - truth.forces).max() < 1e-2
    assert there._fixed._programs[rows]._graph is not None


def test_the_second_gpu_has_graphs_of_its_own():
    if torch.cuda.device_count() < 2:
        pytest.skip("there is one GPU")
    numbers = (8, 1, 1)
    parameters = random_ani("ani1ccx").pruned(numbers)
    positions = np.random.default_rng(1).uniform(-1.0, 1.0, (2, 3, 3))
    found = StaticAni(parameters, numbers, "float32", "cuda:1").evaluate(positions)
    truth = TorchAni(parameters, numbers, "float64").evaluate(positions)
    assert HARTREE_KCAL * np.abs(found[0] - truth[0]).max() < 1e-2


def shared(_: int) -> tuple[bool, float]:
    """Return whether this process has a daemon, and what CUDA computes in it."""
    return PIPES in os.environ, float(torch.ones(1000, device="cuda").sum())


def test_processes_share_a_gpu_through_a_daemon_that_ends_with_the_run():
    with (
        shared_gpu("CUDA", 2) as environments,
        process_pool(2, ("torch",), environments) as pool,
    ):
        if PIPES not in environments[0]:
            pytest.skip("MPS does not start here")
        folder = Path(environments[0][PIPES])
        assert list(pool.map(shared, range(4))) == [(True, 1000.0)] * 4
    end = time.monotonic() + 60.0
    while folder.exists() and time.monotonic() < end:  # the daemon ends in the background
        time.sleep(0.1)
    assert not folder.exists()
