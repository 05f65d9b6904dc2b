# SPDX-License-Identifier: MIT
"""Does a run whose windows are dealt out to processes end, go on, and fail in one sentence?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.errors import MerrowError
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.run import run_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling import sharing
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task, leg_plan
from merrow.hydration.sampling.worker import try_steps
from merrow.meeting import Meeting
from tiny_settings import TINY

pytestmark = pytest.mark.slow


@pytest.fixture
def config(systems, monkeypatch):
    """A tiny run by MM, whose path is shared as on a GPU."""
    monkeypatch.setattr(sharing, "GPU_PLATFORMS", ("CPU",))
    gas = systems / "methane.prmtop"
    source = Source(kind="gas", prmtop=str(gas), inpcrd=str(gas.with_suffix(".inpcrd")))
    protocol = PROTOCOLS["quick"].model_validate(
        PROTOCOLS["quick"].model_dump() | TINY | {"route": "direct"}
    )
    return HydrationConfig(
        source=source, potential="mm", protocol=protocol, platform="CPU", processes=3, repeats=1
    )


def test_a_run_of_shared_segments_ends_with_a_result_and_goes_on(config, tmp_path, monkeypatch):
    handed_out = []
    submit = sharing.submit_shares
    monkeypatch.setattr(
        "merrow.hydration.sampling.dispatch.submit_shares",
        lambda run, executor, task, count: (
            handed_out.append((task.name, count)) or submit(run, executor, task, count)
        ),
    )
    result = run_hydration(config, tmp_path / "run", base=tmp_path)
    assert np.isfinite(result.headline.value_kcal)
    task = Task("path", MM_SOLUTE)
    folder, plan = RunFolder(tmp_path / "run").task(task), leg_plan(config, task)
    segments = folder.read_segments(plan.states, plan.ensemble.temperature)
    assert handed_out == [(task.name, 2)] * len(segments)
    for segment in segments:
        counts = np.bincount(segment.samples.state, minlength=4)
        assert counts.tolist() == [plan.records_per_sweep * plan.sweeps_per_segment] * 4
    place = tmp_path / "meeting"
    place.mkdir()
    assert min(try_steps(tmp_path / "run", Meeting(place, 1, 0), [1, 1])) > 0.0
    # a segment that a kill took is done again, by another number of processes
    last = len(segments) - 1
    (tmp_path / "run" / "result.json").unlink()
    folder.segment(last).unlink()
    alone = config.model_copy(update={"processes": 1})
    again = run_hydration(alone, tmp_path / "run", base=tmp_path)
    assert np.isfinite(again.headline.value_kcal)
    assert folder.count_segments() == len(segments)


def test_a_share_that_fails_ends_the_run_in_one_sentence(config, tmp_path):
    run = tmp_path / "run"
    run_hydration(config, run, base=tmp_path)
    folder = RunFolder(run)
    task = folder.task(Task("path", MM_SOLUTE))
    last = task.count_segments() - 1
    (run / "result.json").unlink()
    task.segment(last).unlink()
    task.snapshots(last).write_bytes(b"damaged")
    with pytest.raises(MerrowError, match="cannot be read"):
        run_hydration(config, run, base=tmp_path)
    assert task.count_segments() == last
