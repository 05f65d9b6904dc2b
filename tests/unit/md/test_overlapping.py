# SPDX-License-Identifier: MIT
"""Does the potential get a thread of its own only where that saves time?"""

from __future__ import annotations

import pytest

from merrow.md import setup


@pytest.mark.parametrize(
    ("cores", "platform", "overlaps"),
    [(1, "CPU", False), (2, "CPU", True), (16, "CUDA", False), (16, "HIP", False)],
)
def test_ml_and_mm_overlap_on_cores_and_not_beside_a_gpu(cores, platform, overlaps, monkeypatch):
    monkeypatch.setattr(setup, "core_count", lambda: cores)
    assert setup._overlaps(platform) is overlaps
