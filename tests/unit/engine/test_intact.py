# SPDX-License-Identifier: MIT
"""Is a molecule that came apart refused, and does a minimisation leave the solute of a network?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlmm.engine import leg
from mlmm.engine.intact import require_whole
from mlmm.errors import NumericsError


class Flat:
    """A potential that pulls every atom of the region along x and knows no walls."""
