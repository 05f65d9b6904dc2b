# SPDX-License-Identifier: MIT
"""Fixtures around the synthetic results."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from synthetic_report import result_of, synthetic_data, synthetic_keys

from merrow.hydration.result import HydrationResult


@pytest.fixture
def keys() -> dict[str, Any]:
    """The plain keys of a made-up the direct route result, free to be spoiled."""
    return synthetic_keys()


@pytest.fixture
def make_result() -> Callable[..., HydrationResult]:
    """A maker of made-up results: route, protocol and potential can be chosen."""
    return lambda *choice: result_of(synthetic_keys(*choice))


@pytest.fixture
def data() -> SimpleNamespace:
    """Everything that the figures show."""
    return synthetic_data()
