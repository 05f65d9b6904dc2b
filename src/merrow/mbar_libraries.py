# SPDX-License-Identifier: MIT
"""pymbar and alchemlyb, imported without the banners that pymbar logs at that moment.

scikit-learn, which alchemlyb imports, sets an environment variable; it is removed again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "ALCHEMLYB_MBAR",
    "BAR",
    "MBAR",
    "TI",
    "TI_GQ",
    "BoundsError",
    "ConvergenceError",
    "ParameterError",
    "bar",
    "timeseries",
]


@contextmanager
def _errors_only(name: str) -> Iterator[None]:
    """Let a library's loggers report only errors inside the block."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _same_environment() -> Iterator[None]:
    """Remove the environment variables that are set inside the block."""
    before = set(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - before:
            del os.environ[name]


with _errors_only("pymbar"), _same_environment():
    from alchemlyb.estimators import BAR, TI, TI_GQ
    from alchemlyb.estimators import MBAR as ALCHEMLYB_MBAR
    from pymbar import MBAR, timeseries
    from pymbar.other_estimators import bar
    from pymbar.utils import BoundsError, ConvergenceError, ParameterError
