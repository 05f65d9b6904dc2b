# SPDX-License-Identifier: MIT
"""Who is told of progress in Python, and what does a notebook show?"""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

import merrow
from merrow.api.showing import JobResult, listener
from merrow.report.notebook import MOST_ROWS

HALF = merrow.Progress("sampling", 0.5, remaining_s=60.0)


def test_a_function_is_told_everything():
    told = []
    with listener(told.append) as listen:
        listen(HALF)
    assert told == [HALF]


@pytest.mark.parametrize("progress", [False, True])
def test_true_shows_lines_on_stderr_alone_and_false_nothing(capsys, progress):
    with listener(progress) as listen:
        listen(HALF)
        listen(merrow.Progress("done", 1.0))
    out, err = capsys.readouterr()
    assert out == ""
    assert ("done: 100 %" in err) == progress


def test_in_a_notebook_one_line_changes_in_place(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    with listener(True) as listen:
        listen(HALF)
        listen(merrow.Progress("sampling", 0.6))
    err = capsys.readouterr().err
    assert err.count("\r") == 2
    assert err.count("\n") == 1
    assert "\x1b" not in err  # a notebook does not clear a line by this
    first, second = err.split("\r")[1:]
    assert len(second.rstrip("\n")) >= len(first.rstrip())  # nothing of the first is left


def test_a_result_of_a_job_is_shown_by_its_ends_and_escaped():
    rows = tuple({"name": f"<{k}>", "value": k / 3} for k in range(3 * MOST_ROWS))
    result = JobResult("<b>", {"passed": True}, rows)
    shown = result._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "&lt;0&gt;" in shown
    assert "<0>" not in shown
    assert shown.count("<tr>") < 2 * MOST_ROWS
    assert result["passed"] is True
    assert len(result.to_frame()) == 3 * MOST_ROWS
