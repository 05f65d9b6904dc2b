# SPDX-License-Identifier: MIT
"""Conformance tests for potentials, for use in the tests of those who add one."""

from merrow.potentials.testing import (
    DOUBLE,
    METHANOL,
    METHANOL_GEOMETRY,
    SINGLE,
    ContractError,
    Finding,
    Tolerances,
    check_potential,
)

__all__ = [
    "DOUBLE",
    "METHANOL",
    "METHANOL_GEOMETRY",
    "SINGLE",
    "ContractError",
    "Finding",
    "Tolerances",
    "check_potential",
]
