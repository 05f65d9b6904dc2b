# SPDX-License-Identifier: MIT
"""Import of libraries for optional potentials."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from merrow.errors import MissingComponentError


def require(module: str, *, extra: str, why: str) -> Any:
    """Return an optional module.

    Args:
        module: Its dotted name, such as "tblite.interface".
        extra: The extra of merrow that installs it.
        why: Name of the potential that needs it, for the message.

    Raises:
        MissingComponentError: The module is not installed, or does not load.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingComponentError(
            f"{why} needs the package {package}, which does not load here ({error}): "
            f"pip install 'merrow[{extra}]'."
        ) from error
