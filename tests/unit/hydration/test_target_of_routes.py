# SPDX-License-Identifier: MIT
"""Does the check of the target judge the route that the sampling goes on for?"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from merrow.hydration.analysis.checks import _of_the_target


@pytest.mark.parametrize(("both", "ok"), [(True, False), (False, True)])
def test_the_check_of_the_target_is_that_of_both_routes_where_both_are_sampled(both, ok):
    """The headline alone has reached it; the endpoint route, its check, has not."""
    total = SimpleNamespace(
        headline=SimpleNamespace(stderr_kcal=0.08),
        estimates=SimpleNamespace(endpoint_bar=SimpleNamespace(stderr_kcal=0.21)),
    )
    found = SimpleNamespace(hydration=total, closure=object() if both else None)
    verdict = _of_the_target(found, 0.1)
    assert verdict.ok == ok
    assert ("standard error of the endpoint route of 0.21" in verdict.message) == both
