# SPDX-License-Identifier: MIT
"""pymbar and alchemlyb, imported without the banners that pymbar logs at that moment.

pymbar computes with NumPy, also where JAX is installed: through JAX it compiles anew for every
number of samples, which cost a run half a minute or more for each estimate, and where there is a
GPU each process reserves most of its memory (H200: four runs came to a tenth of their speed, and
one ended with an error of cuSolver). A pymbar that was imported before with JAX is loaded again
without it. scikit-learn, which alchemlyb imports, sets an environment variable; it is removed
again.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
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


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Let imports of a package fail inside the block, as if it were not installed."""
    missing = object()
    before = sys.modules.get(package, missing)
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if before is missing:
            del sys.modules[package]
        else:
            sys.modules[package] = before  # type: ignore[assignment]


with _errors_only("pymbar"), _same_environment(), _hidden("jax"):
    from pymbar import mbar_solvers

    if mbar_solvers.use_jit:
        importlib.reload(mbar_solvers)
    from alchemlyb.estimators import BAR, TI, TI_GQ
    from alchemlyb.estimators import MBAR as ALCHEMLYB_MBAR
    from pymbar import MBAR, timeseries
    from pymbar.other_estimators import bar
    from pymbar.utils import BoundsError, ConvergenceError, ParameterError
