# SPDX-License-Identifier: MIT
"""Code of others in our process: it is announced once, and what it switches holds only for itself.

mace-torch turns off the safety catch of `torch.load` where it is first imported, and its calculator
for ASE sets torch's default dtype. Both would hold for every other potential of the process.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

GUARD: Final = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
UNGUARDED: Final = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
"""Variables by which torch is told to refuse, or to run, programs in files that it reads."""


class Guest:
    """A library that sets switches of torch: they are its own while it works, and ours after."""

    def __init__(self) -> None:
        self._dtype: Any = None
        self._variables: dict[str, str | None] = {}

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Let it find its own switches, and put ours back."""
        ours = {key: os.environ.get(key) for key in (GUARD, UNGUARDED)}
        torch = sys.modules.get("torch")
        dtype = None if torch is None else torch.get_default_dtype()
        _set_variables(self._variables)
        if torch is not None and self._dtype is not None:
            torch.set_default_dtype(self._dtype)
        try:
            yield
        finally:
            self._variables = {key: os.environ.get(key) for key in (GUARD, UNGUARDED)}
            _set_variables(ours)
            torch = sys.modules.get("torch")  # the guest may have been the first to import it
            if torch is not None:
                self._dtype = torch.get_default_dtype()
                torch.set_default_dtype(dtype or torch.float32)


def _set_variables(values: dict[str, str | None]) -> None:
    for key, value in values.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value


@lru_cache(maxsize=64)
def tell_of_code(path: Path) -> None:
    """Warn, once for each file and in the process that the user sees, that a file is a program."""
    if multiprocessing.parent_process() is None:
        logger.warning(
            "%s is a program and runs with your rights: use it only if you trust where it is from.",
            path,
        )
