# SPDX-License-Identifier: MIT
"""Does a GPU that dies end the segment and no more, and are samples made elsewhere labelled?"""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import openmm as mm
import pytest

from merrow.engine import leg
from merrow.engine.storage import save_arrays
from merrow.engine.walkers import ContextWalker
from merrow.errors import InputError, MerrowError, NumericsError
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task, leg_plan

CONFIG = HydrationConfig(source=Source(kind="smiles", smiles="CO"), platform="CUDA")
MOVED = CONFIG.model_copy(update={"continue_on": "CPU"})


class Broken:
    """A Context whose steps fail."""

    def __init__(self, told):
        self.told = told

    def getIntegrator(self):
        return self

    def step(self, steps):
        raise mm.OpenMMException(self.told)

    def getState(self, **_):
        raise mm.OpenMMException(self.told)


@pytest.mark.parametrize(
    "told",
    [
        "Error invoking kernel: CUDA_ERROR_LAUNCH_FAILED (719)",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "Error in clEnqueueNDRangeKernel: OpenCL",
    ],
)
def test_a_fault_of_the_device_is_told_as_such_with_both_ways_out(told):
    with pytest.raises(MerrowError, match=r"the GPU .*failed .*kept: .*--continue-on CPU") as info:
        ContextWalker.advance(SimpleNamespace(context=Broken(told)), 5)
    assert not isinstance(info.value, NumericsError)


def test_a_fault_that_is_seen_only_when_the_state_is_read_is_told_alike():
    """A GPU computes while the program goes on, so it tells of a failure later."""
    broken = SimpleNamespace(context=Broken("CUDA_ERROR_ILLEGAL_ADDRESS (700)"))
    with pytest.raises(MerrowError, match=r"the GPU .*failed .*--continue-on CPU"):
        ContextWalker.snapshot(broken)


def test_a_fault_of_the_simulation_is_not_the_devices():
    with pytest.raises(NumericsError, match="starting structure"):
        ContextWalker.advance(SimpleNamespace(context=Broken("Particle coordinate is NaN")), 5)


def test_a_run_goes_on_on_the_processor_only_where_that_is_asked(tmp_path):
    folder = RunFolder(tmp_path)
    folder.save_config(CONFIG)
    assert folder.holds(MOVED)
    task = Task("path", MM_SOLUTE)
    assert leg_plan(MOVED, task).platform == "CPU"
    assert leg_plan(CONFIG, task).platform == "CUDA"
    assert leg_plan(MOVED, task).seed == leg_plan(CONFIG, task).seed
    with pytest.raises(InputError, match="platform is 'CUDA' there and 'CPU' here"):
        folder.holds(CONFIG.model_copy(update={"platform": "CPU"}))


def test_segments_are_counted_by_where_they_were_made(tmp_path):
    folder = RunFolder(tmp_path)
    labels = ["CUDA, network on cpu"] * 3 + ["CPU, network on cpu"]
    for index, label in enumerate(labels):
        path = folder.task(Task("path", MM_SOLUTE)).segment(index)
        save_arrays(path, {"made_on": np.array(label)})
    save_arrays(folder.task(Task("gas", MM_SOLUTE)).segment(0), {"energies": np.zeros(3)})
    assert json.loads(json.dumps(folder.made_on())) == {
        "CUDA, network on cpu": 3,
        "CPU, network on cpu": 1,
    }


@pytest.mark.parametrize(("bridge", "told"), [(None, "CPU"), ("cuda", "CPU, network on cuda")])
def test_the_label_names_platform_and_device(bridge, told):
    potential = SimpleNamespace(potential=SimpleNamespace(device=bridge)) if bridge else None
    plan = leg_plan(MOVED, Task("path", MM_SOLUTE))
    assert leg._made_on(SimpleNamespace(bridge=potential), plan) == told
