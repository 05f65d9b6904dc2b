# SPDX-License-Identifier: MIT
"""Be refused with a recommendation, do what it says, and be taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from merrow.errors import MerrowError


def helped(wrong: Callable[[], object], remedy: str, right: Callable[[], object]) -> None:
    """Check that `wrong` is refused with the words of `remedy`, and that `right` is taken."""
    with pytest.raises(MerrowError) as refused:
        wrong()
    message = str(refused.value)
    assert remedy in message, message
    right()
