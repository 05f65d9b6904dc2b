# SPDX-License-Identifier: MIT
"""Is a worker believed that says what the disk does not?"""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from merrow.errors import MerrowError
from merrow.hydration.sampling import dispatch
from merrow.hydration.sampling.dispatch import Workers, run_pieces
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task
from merrow.hydration.sampling.work import Meter


def answers(value):
    """Return what hands out pieces that end at once, with an answer or an exception."""

    def submit(task):
        future = Future()
        if isinstance(value, BaseException):
            future.set_exception(value)
        else:
            future.set_result(value)
        return future

    return submit


@pytest.fixture
def one_task(monkeypatch):
    """A task of which no segment is complete, whatever a worker says."""
    monkeypatch.setattr(dispatch, "count_finished", lambda run, task: 0)
    monkeypatch.setattr(dispatch, "is_ready", lambda run, task: True)
    monkeypatch.setattr(dispatch, "steps_done", lambda run, task: 0)
    return Task("gas", MM_SOLUTE)


@pytest.mark.parametrize("value", ["nonsense", None, 10**9, float("nan"), {}, SystemExit(3)])
def test_a_worker_that_answers_nonsense_is_one_sentence(one_task, value):
    workers = Workers(run=None, processes=1, submit=answers(value))
    meter = Meter(None, 1)
    with pytest.raises(MerrowError, match=r"a worker process answered .* where 0 segments of"):
        run_pieces(workers, {one_task: 1}, meter=meter)
