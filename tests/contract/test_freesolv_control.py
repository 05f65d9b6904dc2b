# SPDX-License-Identifier: MIT
"""Would the comparison with FreeSolv's values see a missing tail, or a leg with the wrong sign?

The figures of `benchmarks/results/freesolv_control.json` are changed by what such a fault would do
and judged again by the script's own function.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.ambertools.solvent import solvate
from merrow.system.alchemy import tail_coefficient
from merrow.units import KCAL_PER_KJ, NM_PER_ANGSTROM

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
CUTOFF = 0.8
NAMES = ("methane", "methanol", "acetone")


@pytest.fixture(scope="module")
def script():
    """The benchmark, imported from its folder."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import freesolv_control  # noqa: PLC0415
    finally:
        sys.path.remove(str(BENCHMARKS))
    return freesolv_control


@pytest.fixture(scope="module")
def published(freesolv, script):
    """FreeSolv's rows by our names."""
    with (freesolv / "freesolv.csv").open() as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    return {name: rows[script.MOLECULES[name]] for name in NAMES}


@pytest.fixture(scope="module")
def found():
    """What was measured."""
    return json.loads((BENCHMARKS / "results" / "freesolv_control.json").read_text())["molecules"]


def judged(script, found, row, *, charging=1.0, lj=0.0):
    """Return the comparison of one molecule whose charging leg is scaled and LJ leg shifted."""
    legs = {
        "charging": charging * found["charging"]["dg_kcal"],
        "lj": found["lj"]["dg_kcal"] + lj,
    }
    values = {
        name: SimpleNamespace(value_kcal=value, stderr_kcal=found[name]["stderr_kcal"])
        for name, value in (*legs.items(), ("total", sum(legs.values())))
    }
    numbers = SimpleNamespace(numbers={"ps_per_state": found["ps_per_state"]})
    told = script.compare(
        SimpleNamespace(
            headline=values["total"],
            legs=SimpleNamespace(charging=values["charging"], lj=values["lj"]),
            diagnostics=numbers,
        ),
        row,
    )
    return {name: told[name]["agrees"] for name in values}


@pytest.mark.parametrize("name", NAMES)
def test_all_legs_agree_with_errors_that_are_small_enough(script, found, published, name):
    assert all(judged(script, found[name], published[name]).values())
    assert found[name]["total"]["stderr_kcal"] <= 0.1


@pytest.mark.parametrize("name", ["methanol", "acetone"])
def test_a_charging_leg_of_the_wrong_sign_is_seen(script, found, published, name):
    told = judged(script, found[name], published[name], charging=-1.0)
    assert not told["charging"]
    assert not told["total"]


def test_a_missing_tail_is_seen(script, found, published, freesolv, tmp_path):
    seen = []
    for name in NAMES:
        gas = freesolv / "amber_gaff" / f"{script.MOLECULES[name]}.prmtop"
        prmtop, inpcrd = solvate(
            gas, gas.with_suffix(".inpcrd"), folder=tmp_path / name, n_waters=330
        )
        topology = read_topology(prmtop)
        atoms = tuple(i for i in range(len(topology)) if not topology.is_water[i])
        volume = float((read_coordinates(inpcrd).lengths * NM_PER_ANGSTROM).prod())
        tail = tail_coefficient(topology, atoms, CUTOFF) / volume * KCAL_PER_KJ
        assert tail < -0.2
        seen.append(not judged(script, found[name], published[name], lj=-tail)["lj"])
    assert seen[NAMES.index("acetone")]
    assert sum(seen) >= 2
