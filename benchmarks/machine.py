# SPDX-License-Identifier: MIT
"""On what was a figure measured? The header of every file in `results/`."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from merrow.versions import versions

RESULTS = Path(__file__).parent / "results"


def header() -> dict[str, Any]:
    """Return machine, load and versions."""
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.platform(),
        "versions": versions(),
    }


def save(name: str, content: dict[str, Any]) -> Path:
    """Write `results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"environment": header(), **content}, indent=2) + "\n")
    return path


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
