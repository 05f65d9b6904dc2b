# SPDX-License-Identifier: MIT
"""Is a MACE whose edges are all pairs, as GPUs replay it, the MACE of pairs within the cutoff?"""

from __future__ import annotations

import copy
import logging
import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if find_spec("mace") is None:
    pytest.skip("mace-torch is not installed: pip install 'merrow[mace]'", allow_module_level=True)

from thirty_molecules import LARGEST, MOLECULES, geometries
from untrained_mace import untrained

from merrow.potentials.mace import network
from merrow.potentials.mace.files import read_mace
from merrow.potentials.mace.network import FIXED, LISTED, MaceEngine
from merrow.potentials.mace.static_engine import fastest_way
from merrow.testing import METHANOL_GEOMETRY

TINY = Path(__file__).resolve().parents[2] / "data" / "tiny_mace.model"
METHANOL = (6, 8, 1, 1, 1, 1)
FORCED = pytest.mark.parametrize("precision", ["float32", "float64"])


@pytest.fixture
def tiny(monkeypatch):
    """What the tiny model is made of; its layers are built once, and stay without TorchScript."""
    parameters = read_mace(TINY)
    built = network.build_network(parameters)
    monkeypatch.setattr(network, "build_network", lambda _: copy.deepcopy(built))
    monkeypatch.setattr(network, "as_script", lambda layers: layers)
    return parameters


def both(parameters, numbers, precision):
    """Return two engines, of which one computes in fixed shapes."""
    fixed, listed = (MaceEngine(parameters, numbers, precision) for _ in range(2))
    fixed._ways = dict.fromkeys((1, 2, 4, 8, 16), FIXED)
    return fixed, listed


def assert_alike(fixed, listed, positions, precision, told=""):
    """Fail unless energies are within 1e-4 kcal/mol, forces within 5e-4 or 2e-6 of the largest."""
    one, two = fixed.evaluate(positions), listed.evaluate(positions)
    energy, force, part = (1e-4, 5e-4, 2e-6) if precision == "float32" else (1e-8, 1e-9, 1e-12)
    assert np.abs(one.energies - two.energies).max() < energy, told
    wrong = np.abs(one.forces - two.forces).max(axis=(1, 2))
    largest = np.abs(two.forces).max(axis=(1, 2))
    assert np.all(wrong < np.maximum(force, part * largest)), told


def test_molecules_of_all_sizes_have_the_same_energies_and_forces(tiny):
    sizes, known = [], set(tiny.elements)
    for k, (smiles, numbers, positions) in enumerate(geometries((*MOLECULES, LARGEST))):
        if set(numbers) <= known:
            precision = ("float32", "float64")[k % 2]
            assert_alike(*both(tiny, numbers, precision), positions, precision, smiles)
            sizes.append(len(numbers))
    assert (len(sizes), min(sizes), max(sizes)) == (22, 3, 60)


@FORCED
@pytest.mark.parametrize(
    "changes",
    [
        {"interaction": "Residual", "kind": "MACE"},
        {"interaction": "DensityResidual", "pair_repulsion": True, "distance_transform": "Agnesi"},
        {"interaction": "Density", "radial_type": "chebyshev", "apply_cutoff": False},
        {"r_max": 1.2, "pair_repulsion": True},
    ],
    ids=lambda changes: " ".join(map(str, changes.values())),
)
def test_every_architecture_forgets_what_is_beyond_the_cutoff(tmp_path, changes, precision):
    """With 1.2 Å the pair repulsion of C and O, 1.42 Å, is cut off by the cutoff of the model."""
    parameters = read_mace(untrained(tmp_path / "some.model", **changes))
    noise = np.random.default_rng(3).normal(0.0, 0.1, (3, 6, 3))
    positions = METHANOL_GEOMETRY * np.array([1.0, 1.5, 0.8])[:, None, None] + noise
    assert_alike(*both(parameters, METHANOL, precision), positions, precision)


def test_a_pair_at_the_cutoff_counts_the_same(tiny):
    steps = np.array([-1e-3, -1e-9, 0.0, 1e-9, 1e-3])
    positions = np.zeros((len(steps), 3, 3))
    positions[:, 1, 0] = tiny.cutoff + steps
    positions[:, 2, 1] = 1.1
    fixed, listed = both(tiny, (6, 8, 1), "float64")
    assert_alike(fixed, listed, positions, "float64")


@pytest.mark.parametrize("rows", [1, 3, 4, 9])
def test_any_number_of_conformers_gives_what_each_gives_alone(tiny, monkeypatch, rows):
    monkeypatch.setattr(network, "PAIRS_PER_PASS", 30 * 4)  # four rows
    fixed, listed = both(tiny, METHANOL, "float64")
    noise = np.random.default_rng(rows).normal(0.0, 0.1, (rows, 6, 3))
    assert_alike(fixed, listed, METHANOL_GEOMETRY + noise, "float64")
    assert set(fixed._fixed._programs) <= {1, 4}
    assert (fixed.instance(rows), listed.instance(rows)) == (
        min(4, 1 << (rows - 1).bit_length()),
        None,
    )
    assert pickle.loads(pickle.dumps(fixed))._ways == {}


def test_an_atom_alone_has_no_edges_and_no_fault(tiny):
    fixed, listed = both(tiny, (6,), "float64")
    positions = np.ones((2, 1, 3))
    np.testing.assert_array_equal(
        fixed.evaluate(positions).energies, listed.evaluate(positions).energies
    )
    assert not fixed.evaluate(positions).forces.any()


def test_on_cuda_the_faster_way_is_kept(tiny, monkeypatch):
    """As an engine on CUDA does, here on the processor."""
    engine = MaceEngine(tiny, METHANOL, "float64")
    engine._may_choose = True
    asked = []
    monkeypatch.setattr(
        network, "fastest_way", lambda ways, x: asked.append(len(x)) or [*ways][len(x) - 1]
    )
    one, two = METHANOL_GEOMETRY[None], np.repeat(METHANOL_GEOMETRY[None], 2, axis=0)
    for positions in (one, two, one, two):
        energies = engine.evaluate(positions).energies
    assert asked == [1, 2]
    assert engine._ways == {1: FIXED, 2: LISTED}
    assert (engine.instance(1), engine.instance(2)) == (1, None)
    assert energies[0] == pytest.approx(engine.evaluate(one).energies[0], abs=1e-8)


def test_a_way_that_cannot_be_gone_is_left_out_and_told(caplog):
    def never(_):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    with caplog.at_level(logging.WARNING):
        assert fastest_way({FIXED: never, LISTED: len}, np.zeros((1, 2, 3))) == LISTED
    assert caplog.messages == [
        "a MACE is not computed by fixed shapes: operation not permitted when stream is capturing"
    ]
    with pytest.raises(RuntimeError):
        fastest_way({FIXED: len, LISTED: never}, np.zeros((1, 2, 3)))


def test_of_two_ways_the_faster_one_is_chosen(monkeypatch):
    times = iter([3.0] * 5 + [2.0] * 5 + [2.0] * 5 + [3.0] * 5)
    monkeypatch.setattr("merrow.potentials.mace.static_engine._seconds", lambda *_: next(times))
    found = [fastest_way({FIXED: len, LISTED: len}, np.zeros((1, 2, 3))) for _ in range(2)]
    assert found == [LISTED, FIXED]
