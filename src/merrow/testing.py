# SPDX-License-Identifier: MIT
"""How does somebody who adds a potential test it? The public contract, for use in their tests."""

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
