# SPDX-License-Identifier: MIT
"""Are the numbers beside the headline judged too: of the other route, and the MM reference?"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from merrow.free_energy.estimate import ErrorParts, PathEstimate
from merrow.hydration.analysis.checks import _of_the_reference, _of_the_target
from merrow.hydration.analysis.estimate import BY_MM
from merrow.samples import COUPLED, DECOUPLED


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


@pytest.mark.parametrize(("scatter", "status"), [(0.1, "pass"), (5.0, "warn")])
def test_the_mm_value_beside_the_direct_route_is_checked(scatter, status):
    """It warns where the headline's own check would fail: the headline does not rest on it."""
    mm = PathEstimate(
        *(-3.0, 0.1, {0: -3.0, 1: -3.1}),
        method="MBAR",
        states=(COUPLED, DECOUPLED),
        errors=ErrorParts(0.1, None, scatter),
        legs={},
        profile_kcal=np.zeros(2),
        overlap=np.full((2, 2), 0.5),
        n_independent=100,
    )
    total = SimpleNamespace(estimates=SimpleNamespace(mm_reference=mm))
    found = SimpleNamespace(hydration=total, reference=object(), further={BY_MM: None})
    told = {one.name: one.status for one in _of_the_reference(found, None)}
    assert told == {"MM reference, overlap": "pass", "MM reference, repeats": status}
    endpoint = SimpleNamespace(hydration=total, reference=None, further={})
    assert not list(_of_the_reference(endpoint, None))
