# SPDX-License-Identifier: MIT
"""Is an error from few independent frames told to be a guess, also that of a binding energy?"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from merrow.analysis.mmpbsa import interaction_entropy
from merrow.binding.mmpbsa import _checks
from merrow.uncertainty import Mean


@pytest.mark.parametrize(("inefficiency", "status"), [(100.0, "pass"), (101.0, "warn")])
def test_twenty_independent_frames_are_enough(inefficiency, status):
    total = Mean(-8.0, 0.2, inefficiency, 2000)
    one = SimpleNamespace(ensemble="", name="md.nc", method="gb")
    first, *_ = _checks(one, total, interaction_entropy(np.arange(10.0) / 5, 0.6), None)
    assert first.name == "independent frames, md.nc, MM-GBSA"
    assert first.status == status
    assert "About 20 of 2000 frames are independent." in first.message
    assert ("an error is a guess" in first.advice) == (status == "warn")
