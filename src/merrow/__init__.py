# SPDX-License-Identifier: MIT
"""Hybrid machine-learning / molecular-mechanics dynamics and free energies for AMBER files.

The public names, each loaded when it is first used, so that `import merrow` costs nothing:

- what is asked: `HydrationConfig`, `Source`, `Protocol`, `PROTOCOLS`, `SinglePoint`, `MdSettings`,
  `MdOutputs`
- what is done: `run_hydration`, `run_md`, `single_point`, `load_potential`, `read_topology`,
  `read_md_settings`
- what comes out: `HydrationResult`, `MdResult`, `read_result`, `WindowSamples`
- what goes wrong: `MerrowError`, `InputError` (the others derive from these, in `merrow.errors`)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from merrow.amber.topology import read_topology
    from merrow.api.systems import MLPotential, alchemical_system
    from merrow.errors import InputError, MerrowError
    from merrow.hydration.config import HydrationConfig, Source
    from merrow.hydration.protocol import PROTOCOLS, Protocol
    from merrow.hydration.result import HydrationResult, read_result
    from merrow.hydration.run import run_hydration
    from merrow.md.from_mdin import read_md_settings
    from merrow.md.run import MdOutputs, MdResult, run_md
    from merrow.md.settings import MdSettings
    from merrow.potentials.registry import load_potential
    from merrow.samples import WindowSamples
    from merrow.single_point import SinglePoint, single_point

__version__ = "0.1.0"

__all__ = [
    "PROTOCOLS",
    "HydrationConfig",
    "HydrationResult",
    "InputError",
    "MLPotential",
    "MdOutputs",
    "MdResult",
    "MdSettings",
    "MerrowError",
    "Protocol",
    "SinglePoint",
    "Source",
    "WindowSamples",
    "alchemical_system",
    "load_potential",
    "read_md_settings",
    "read_result",
    "read_topology",
    "run_hydration",
    "run_md",
    "single_point",
]

_ROOMS = {
    "HydrationConfig": "hydration.config",
    "HydrationResult": "hydration.result",
    "InputError": "errors",
    "MLPotential": "api.systems",
    "MdOutputs": "md.run",
    "MdResult": "md.run",
    "MdSettings": "md.settings",
    "MerrowError": "errors",
    "PROTOCOLS": "hydration.protocol",
    "Protocol": "hydration.protocol",
    "SinglePoint": "single_point",
    "Source": "hydration.config",
    "WindowSamples": "samples",
    "alchemical_system": "api.systems",
    "load_potential": "potentials.registry",
    "read_md_settings": "md.from_mdin",
    "read_result": "hydration.result",
    "read_topology": "amber.topology",
    "run_hydration": "hydration.run",
    "run_md": "md.run",
    "single_point": "single_point",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module 'merrow' has no attribute {name!r}")
    return getattr(import_module(f"merrow.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
