# SPDX-License-Identifier: MIT
"""Is a leg on our nonbonded kernel the same to the last bit, wherever it was stopped?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_leg

from merrow.engine.advance import advance_leg
from merrow.engine.storage import TaskFolder, load_arrays
from merrow.errors import NumericsError
from merrow.nonbonded.kernel import NonbondedKernel, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

SEGMENTS = 3
# long enough for lists to grow old: some twenty steps
PLAN = replace(tiny_leg.PLAN, steps_per_record=20, equilibration=30)


@pytest.mark.parametrize("engine", ["openmm", "native"])
def test_new_processes_go_on_as_one_would_have(methane_files, tmp_path, engine):
    hybrid, start = tiny_leg.build(*methane_files, native=True)
    plan = replace(PLAN, engine=engine)
    for _ in range(SEGMENTS + 1):  # the first piece is the equilibration
        advance_leg(TaskFolder(tmp_path / "one"), hybrid, plan, lambda: start)
    for _ in range(SEGMENTS + 1):
        other, _ = tiny_leg.build(*methane_files, native=True)
        advance_leg(TaskFolder(tmp_path / "many"), other, plan, lambda: start)
    assert hybrid.native.kernel.lists_built > SEGMENTS * 12
    names = sorted(path.name for path in (tmp_path / "one").glob("*.npz"))
    assert len(names) > SEGMENTS
    for name in names:
        one, many = (load_arrays(tmp_path / folder / name) for folder in ("one", "many"))
        for key, value in one.items():
            np.testing.assert_array_equal(value, many[key], err_msg=f"{name} {key}")


def test_a_leg_on_a_kernel_with_a_fault_ends_at_its_first_configuration(methane_files, tmp_path):
    hybrid, start = tiny_leg.build(*methane_files, native=True)
    task = TaskFolder(tmp_path)
    advance_leg(task, hybrid, PLAN, lambda: start)
    with pytest.MonkeyPatch.context() as patch:
        right = NonbondedKernel.evaluate
        patch.setattr(
            NonbondedKernel,
            "evaluate",
            lambda *a, **k: (right(*a, **k)[0] * 1.0001, right(*a, **k)[1]),
        )
        with pytest.raises(NumericsError, match="fault of merrow"):
            advance_leg(task, hybrid, PLAN, lambda: start)
    assert task.count_segments() == 0


@pytest.mark.parametrize("engine", ["openmm", "native"])
def test_the_kernel_is_asked_once_for_each_record(methane_files, tmp_path, engine):
    hybrid, start = tiny_leg.build(*methane_files, native=True)
    task, plan = TaskFolder(tmp_path), replace(PLAN, engine=engine)
    advance_leg(task, hybrid, plan, lambda: start)
    counted = []
    with pytest.MonkeyPatch.context() as patch:
        right = NonbondedKernel.couplings

        def count(*values, **named):
            counted.append(named["grid"])
            return right(*values, **named)

        patch.setattr(NonbondedKernel, "couplings", count)
        advance_leg(task, hybrid, plan, lambda: start)
    records = len(PLAN.states) * PLAN.records_per_sweep * PLAN.sweeps_per_segment
    assert len(counted) == records + 1  # and once at the first configuration
