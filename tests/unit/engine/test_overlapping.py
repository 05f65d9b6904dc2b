# SPDX-License-Identifier: MIT
"""Does the potential get a thread of its own only where that saves time?"""

from __future__ import annotations

import pytest

from merrow.engine.simulation import overlaps


@pytest.mark.parametrize(
    ("cores", "platform", "expected"),
    [(1, "CPU", False), (2, "CPU", True), (16, "CUDA", False), (16, "HIP", False)],
)
def test_ml_and_mm_overlap_on_cores_and_not_beside_a_gpu(cores, platform, expected):
    assert overlaps(platform, cores) is expected
