# SPDX-License-Identifier: MIT
"""Skips what needs AmberTools where it is absent, with the reason."""

from __future__ import annotations

import pytest

from merrow.ambertools.programs import find_program
from merrow.errors import MissingComponentError


@pytest.fixture(scope="session")
def ambertools() -> None:
    """Ask for this where antechamber, parmchk2, tleap or sander is run."""
    for name in ("antechamber", "parmchk2", "tleap", "sander"):
        try:
            find_program(name)
        except MissingComponentError as error:
            pytest.skip(str(error))
