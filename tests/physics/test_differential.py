# SPDX-License-Identifier: MIT
"""A bounded slice of `benchmarks/differential.py`: many kinds of systems, term by term by sander.

All are in `benchmarks/results/differential.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
from differential import compare  # noqa: E402
from differential_systems import SYSTEMS  # noqa: E402

SLICE = (
    *("tip5p, box", "opc, octahedron", "disulfide, ff19SB", "RNA, LJbb, vacuum"),
    *("sialic acid, GLYCAM, vacuum", "two ligands, vacuum", "in chloroform", "cap of water"),
)


@pytest.mark.parametrize("name", SLICE)
def test_the_energy_is_that_of_sander_and_the_embedding_is_exact(name, tleap, tmp_path):
    case = next(case for case in SYSTEMS if case.name == name)
    found = compare(case, tmp_path)
    assert found["right"], found


def test_all_systems_were_compared_and_are_right():
    found = json.loads((BENCHMARKS / "results" / "differential.json").read_text())
    assert set(found["rows"]) == {case.name for case in SYSTEMS}
    assert len(SYSTEMS) >= 60
    assert found["wrong"] == []
