# SPDX-License-Identifier: MIT
"""Hybrid machine-learning / molecular-mechanics dynamics and free energies for AMBER files.

The public names; each is loaded on first use, so `import merrow` is fast:

- free energies: `Hydration`, `load_run`, `Campaign`
- energies and OpenMM: `energy`, `MLPotential`, `alchemical_system`, `load_potential`
- dynamics: `simulate`, `run_md`, `validate_nve`
- complexes: `prepare_complex`, `analyze`, `mmpbsa`
- input and results: `read_topology`, `read_md_settings`, `read_result`
- data types: `PROTOCOLS`, `Protocol`, `MdSettings`, `MdOutputs`, `MdResult`, `HydrationResult`,
  `Progress`
- errors: `MerrowError`, `InputError` (the others derive from these, in `merrow.errors`)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from merrow.amber.topology import read_topology
    from merrow.api.campaigns import Campaign
    from merrow.api.complexes import analyze, mmpbsa, prepare_complex
    from merrow.api.dynamics import simulate, validate_nve
    from merrow.api.energies import energy
    from merrow.api.runs import Hydration, load_run
    from merrow.api.systems import MLPotential, alchemical_system
    from merrow.errors import InputError, MerrowError
    from merrow.hydration.protocol import PROTOCOLS, Protocol
    from merrow.hydration.result import HydrationResult, read_result
    from merrow.md.from_mdin import read_md_settings
    from merrow.md.run import MdOutputs, MdResult, run_md
    from merrow.md.settings import MdSettings
    from merrow.potentials.registry import load_potential
    from merrow.progress import Progress

__version__ = "0.1.0"

__all__ = [
    "PROTOCOLS",
    "Campaign",
    "Hydration",
    "HydrationResult",
    "InputError",
    "MLPotential",
    "MdOutputs",
    "MdResult",
    "MdSettings",
    "MerrowError",
    "Progress",
    "Protocol",
    "alchemical_system",
    "analyze",
    "energy",
    "load_potential",
    "load_run",
    "mmpbsa",
    "prepare_complex",
    "read_md_settings",
    "read_result",
    "read_topology",
    "run_md",
    "simulate",
    "validate_nve",
]

_ROOMS = {
    "Campaign": "api.campaigns",
    "Hydration": "api.runs",
    "HydrationResult": "hydration.result",
    "InputError": "errors",
    "MLPotential": "api.systems",
    "MdOutputs": "md.run",
    "MdResult": "md.run",
    "MdSettings": "md.settings",
    "MerrowError": "errors",
    "PROTOCOLS": "hydration.protocol",
    "Progress": "progress",
    "Protocol": "hydration.protocol",
    "alchemical_system": "api.systems",
    "analyze": "api.complexes",
    "energy": "api.energies",
    "load_potential": "potentials.registry",
    "load_run": "api.runs",
    "mmpbsa": "api.complexes",
    "prepare_complex": "api.complexes",
    "read_md_settings": "md.from_mdin",
    "read_result": "hydration.result",
    "read_topology": "amber.topology",
    "run_md": "md.run",
    "simulate": "api.dynamics",
    "validate_nve": "api.dynamics",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module 'merrow' has no attribute {name!r}")
    return getattr(import_module(f"merrow.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
