# SPDX-License-Identifier: MIT
"""Do table and page show what stands beside the headline: both routes, reorganisation, budget?"""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from synthetic_report import result_of, synthetic_keys

from merrow.hydration.report.page import render_page
from merrow.hydration.report.table import render_table
from merrow.hydration.result import HydrationResult

EXTRA = {
    "de_reorg_mbar": {"value_kcal": 0.243, "stderr_kcal": 0.094},
    "closure": {"value_kcal": -0.061, "stderr_kcal": 0.114},
    "budget": [
        {"name": "sampling", "stderr_kcal": 0.071, "in_stderr": True, "note": "blocks"},
        {"name": "members", "stderr_kcal": 0.118, "in_stderr": False, "note": "a lower bound"},
    ],
}
WORDS = (
    ("the same from all states", "0.24", "0.09"),
    ("direct − endpoint, zero but for sampling", "-0.06", "0.11"),
)


@pytest.fixture
def result() -> HydrationResult:
    return result_of({**synthetic_keys("direct"), **EXTRA})


def printed(result: HydrationResult) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=80, color_system=None).print(render_table(result))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(("label", "value", "error"), WORDS)
def test_each_line_stands_in_the_table_with_its_error(result, label, value, error):
    (line,) = [line for line in printed(result) if label in line]
    assert line.split(label)[1].split() == [*value.split(), error]


def test_the_budget_says_what_is_within_the_error_and_what_is_not(result):
    lines = printed(result)
    (sampling,) = [line for line in lines if line.startswith("sampling ")]
    (members,) = [line for line in lines if line.startswith("members ")]
    assert "0.07 kcal/mol, blocks" in sampling
    assert "0.12 kcal/mol (not in the error above), a lower bound" in members


def test_the_page_has_the_same_lines_and_the_budget(result):
    page = render_page(result)
    for label, _, _ in WORDS:
        assert label in page
    assert "Contributions to the uncertainty" in page
    assert ">members<" in page


def test_an_older_result_without_these_keys_is_still_read_and_shown():
    lines = printed(result_of(synthetic_keys("endpoint", "quick")))
    assert not any("direct − endpoint" in line or "members" in line for line in lines)
