# SPDX-License-Identifier: MIT
"""Words of which an option takes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from merrow.errors import InputError

Word = TypeVar("Word", bound=str)


def one_of(option: str, word: str, known: Sequence[Word]) -> Word:
    """Return a word as one of those that an option takes.

    Raises:
        InputError: It is none of them.
    """
    for one in known:
        if word == one:
            return one
    *most, last = known
    raise InputError(f"{option} {word!r} is not known; use {', '.join(most)} or {last}.")
