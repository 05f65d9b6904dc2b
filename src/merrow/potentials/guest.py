# SPDX-License-Identifier: MIT
"""Third-party code in our process: announced once, with its global settings isolated.

mace-torch disables the safe loading of `torch.load` at its first import, and its ASE calculator
sets torch's default dtype. Both would affect every other potential in the process.
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
"""Environment variables that make torch refuse, or run, code in files."""


class Guest:
    """Isolates the torch settings of a library: its own while it runs, ours afterwards."""

    def __init__(self) -> None:
        self._dtype: Any = None
        self._variables: dict[str, str | None] = {}

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Apply the library's settings in this block, and restore ours afterwards."""
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
    """Warn that a file is a program, once per file and in the user's process."""
    if multiprocessing.parent_process() is None:
        logger.warning(
            "%s is a program and runs with your rights: use it only if you trust where it is from.",
            path,
        )
